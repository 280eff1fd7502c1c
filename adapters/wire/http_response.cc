// The order of a read: the guard takes the head; llhttp parses it; the rules that need both status
// and fields are applied; then body bytes go through the guard to llhttp. Only bytes that passed
// reach llhttp, so both agree on where the message ends (and if they do not, that is an error).
#include "adapters/wire/http_response.h"

#include <llhttp.h>

#include <algorithm>
#include <optional>

#include "adapters/wire/http_guard.h"

namespace daybook::http {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

void append_lower(std::string* name, std::string_view bytes) {
  for (const char byte : bytes) {
    name->push_back(byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + ('a' - 'A')) : byte);
  }
}

bool is_chunked(std::string_view value) {
  std::string lower;
  append_lower(&lower, value);
  return lower == "chunked";
}

// Digits only, and not absurd; nullopt otherwise.
std::optional<std::uint64_t> content_length(std::string_view text) {
  if (text.empty() || text.size() > 15) return std::nullopt;
  std::uint64_t value = 0;
  for (const char byte : text) {
    if (byte < '0' || byte > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(byte - '0');
  }
  if (value > kContentLengthMax) return std::nullopt;
  return value;
}

}  // namespace

class ResponseReader::Parser {
 public:
  Parser(Asked asked, Unmarked unmarked) : asked_(asked), unmarked_(unmarked) {
    llhttp_settings_init(&settings_);
    settings_.on_header_field = on_field;
    settings_.on_header_value = on_value;
    settings_.on_headers_complete = on_head;
    settings_.on_body = on_body;
    settings_.on_message_complete = on_end;
    begin();
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  bool feed(std::string_view bytes, std::vector<Piece>* pieces);
  void end_of_bytes(std::vector<Piece>* pieces);

  bool started = false;
  bool complete = false;
  bool keep_alive = false;
  std::string error;

 private:
  enum class Framing { kNone, kLength, kChunked, kUntilClose };

  void begin();
  bool fail(std::string_view why);
  bool execute(std::string_view bytes);
  std::string_view feed_head(std::string_view bytes);
  bool apply_head();
  bool decide_framing();
  bool frame_bodiless(std::optional<std::uint64_t> length);
  std::string_view feed_body(std::string_view bytes);

  static Parser* self(llhttp_t* raw) { return static_cast<Parser*>(raw->data); }
  static int on_field(llhttp_t* raw, const char* at, std::size_t length);
  static int on_value(llhttp_t* raw, const char* at, std::size_t length);
  static int on_head(llhttp_t* raw);
  static int on_body(llhttp_t* raw, const char* at, std::size_t length);
  static int on_end(llhttp_t* raw);

  const Asked asked_;
  const Unmarked unmarked_;
  llhttp_settings_t settings_{};
  llhttp_t raw_{};
  HeadGuard head_guard_;
  ChunkGuard chunk_guard_;
  Head head_;
  bool in_value_ = false;
  bool head_parsed_ = false;
  bool message_ended_ = false;  // as llhttp sees it
  bool in_body_ = false;
  Framing framing_ = Framing::kNone;
  std::uint64_t left_ = 0;
  std::size_t interims_ = 0;
  std::vector<Piece>* pieces_ = nullptr;
};

void ResponseReader::Parser::begin() {
  llhttp_init(&raw_, HTTP_RESPONSE, &settings_);
  raw_.data = this;
  head_guard_.restart();
  head_ = {};
  in_value_ = head_parsed_ = message_ended_ = false;
}

bool ResponseReader::Parser::fail(std::string_view why) {
  if (error.empty()) error = why;
  keep_alive = false;
  return false;
}

bool ResponseReader::Parser::execute(std::string_view bytes) {
  const llhttp_errno_t code = llhttp_execute(&raw_, bytes.data(), bytes.size());
  if (code == HPE_OK || !error.empty()) return error.empty();
  const char* reason = llhttp_get_error_reason(&raw_);
  return fail(std::string("the answer is not HTTP/1.1: ") +
              (reason != nullptr && *reason != '\0' ? reason : llhttp_errno_name(code)));
}

bool ResponseReader::Parser::feed(std::string_view bytes, std::vector<Piece>* pieces) {
  pieces_ = pieces;
  started = started || !bytes.empty();
  while (!bytes.empty() && error.empty()) {
    if (complete) return fail("bytes follow the end of the answer");
    bytes = in_body_ ? feed_body(bytes) : feed_head(bytes);
  }
  return error.empty();
}

std::string_view ResponseReader::Parser::feed_head(std::string_view bytes) {
  const std::size_t taken = head_guard_.take(bytes);
  if (!head_guard_.error().empty()) {
    fail(head_guard_.error());
  } else if (head_guard_.done()) {
    apply_head();
  }
  return bytes.substr(taken);
}

bool ResponseReader::Parser::apply_head() {
  if (!execute(head_guard_.text())) return false;
  if (!head_parsed_) return fail("the answer's head is not HTTP/1.1");
  if (head_.status >= 200) {
    in_body_ = true;
    return true;
  }
  if (++interims_ > kInterimMax) return fail("more than 4 interim answers came before the answer");
  begin();
  return true;
}

// Called by on_head, before llhttp acts on the fields.
bool ResponseReader::Parser::decide_framing() {
  std::optional<std::uint64_t> length;
  std::size_t lengths = 0;
  std::size_t codings = 0;
  for (const auto& [name, value] : head_.headers) {
    if (name == "content-length") {
      ++lengths;
      length = content_length(value);
      if (!length) return fail("the answer's Content-Length is not a sensible number");
    } else if (name == "transfer-encoding") {
      ++codings;
      if (!is_chunked(value)) return fail("the answer's Transfer-Encoding is not just chunked");
    } else if (name == "content-encoding" && value != "identity") {
      return fail("the answer is compressed, which was not asked for");
    }
  }
  if (lengths > 1) return fail("the answer has two Content-Lengths");
  if (codings > 1) return fail("the answer's Transfer-Encoding is not just chunked");
  if (lengths + codings > 1) return fail("the answer has both Content-Length and chunks");
  if (codings > 0 && raw_.http_minor == 0) return fail("an HTTP/1.0 answer comes in chunks");
  const bool bodiless = head_.status == 204 || head_.status == 304 || asked_ == Asked::kHead ||
                        (asked_ == Asked::kConnect && head_.status < 300);
  if (bodiless) {
    if (codings > 0 && head_.status == 204) return fail("an answer 204 has a body");
    return frame_bodiless(length);
  }
  if (lengths + codings == 0 && unmarked_ == Unmarked::kAccepted) {
    framing_ = Framing::kUntilClose;
    return true;
  }
  if (lengths + codings == 0) {
    return fail("the answer does not say how long it is (no Content-Length, no chunks)");
  }
  framing_ = codings > 0 ? Framing::kChunked : Framing::kLength;
  left_ = length.value_or(0);
  return true;
}

bool ResponseReader::Parser::frame_bodiless(std::optional<std::uint64_t> length) {
  if (head_.status == 204 && length.value_or(0) > 0) return fail("an answer 204 has a body");
  framing_ = Framing::kNone;
  return true;
}

std::string_view ResponseReader::Parser::feed_body(std::string_view bytes) {
  std::size_t taken = 0;
  if (framing_ == Framing::kLength) {
    taken = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    left_ -= taken;
  } else if (framing_ == Framing::kChunked) {
    taken = chunk_guard_.accept(bytes);
  } else if (framing_ == Framing::kUntilClose) {
    taken = bytes.size();
  }
  if (taken > 0 && !execute(bytes.substr(0, taken))) return {};
  bool ended = left_ == 0;
  if (framing_ == Framing::kChunked) ended = chunk_guard_.done();
  if (framing_ == Framing::kUntilClose) ended = false;
  if (ended != message_ended_) fail("the answer's end is not where its framing says");
  if (!chunk_guard_.error().empty()) fail(chunk_guard_.error());
  return bytes.substr(taken);
}

void ResponseReader::Parser::end_of_bytes(std::vector<Piece>* pieces) {
  if (complete || !in_body_ || !error.empty() || framing_ != Framing::kUntilClose) return;
  pieces_ = pieces;
  if (llhttp_finish(&raw_) != HPE_OK) fail("the answer's end is not where its framing says");
}

int ResponseReader::Parser::on_field(llhttp_t* raw, const char* at, std::size_t length) {
  Parser* parser = self(raw);
  if (parser->head_parsed_) return 0;  // a trailer's
  auto& headers = parser->head_.headers;
  if (headers.empty() || parser->in_value_) headers.emplace_back();
  parser->in_value_ = false;
  append_lower(&headers.back().first, {at, length});
  return 0;
}

int ResponseReader::Parser::on_value(llhttp_t* raw, const char* at, std::size_t length) {
  Parser* parser = self(raw);
  if (parser->head_parsed_) return 0;
  parser->in_value_ = true;
  parser->head_.headers.back().second.append(at, length);
  return 0;
}

int ResponseReader::Parser::on_head(llhttp_t* raw) {
  Parser* parser = self(raw);
  parser->head_parsed_ = true;
  parser->head_.status = raw->status_code;
  for (auto& [name, value] : parser->head_.headers) value = std::string(trimmed(value));
  if (parser->head_.status == 101) {
    parser->fail("the answer changes the protocol, which was not asked for");
    return -1;
  }
  if (parser->head_.status < 200) return 1;
  if (!parser->decide_framing()) return -1;
  parser->pieces_->emplace_back(parser->head_);
  return parser->framing_ == Framing::kNone ? 1 : 0;
}

int ResponseReader::Parser::on_body(llhttp_t* raw, const char* at, std::size_t length) {
  if (length > 0) self(raw)->pieces_->emplace_back(Body{std::string_view(at, length)});
  return 0;
}

int ResponseReader::Parser::on_end(llhttp_t* raw) {
  Parser* parser = self(raw);
  parser->message_ended_ = true;
  if (parser->head_.status < 200) return 0;
  parser->complete = true;
  const bool goes_on = parser->framing_ != Framing::kUntilClose;
  parser->keep_alive = goes_on && llhttp_should_keep_alive(raw) != 0;
  parser->pieces_->emplace_back(End{});
  return 0;
}

ResponseReader::ResponseReader(Asked asked, Unmarked unmarked)
    : parser_(std::make_unique<Parser>(asked, unmarked)) {}
ResponseReader::~ResponseReader() = default;

bool ResponseReader::feed(std::string_view bytes, std::vector<Piece>* pieces) {
  return parser_->feed(bytes, pieces);
}
void ResponseReader::end_of_bytes(std::vector<Piece>* pieces) { parser_->end_of_bytes(pieces); }
bool ResponseReader::started() const { return parser_->started; }
bool ResponseReader::complete() const { return parser_->complete; }
bool ResponseReader::should_keep_alive() const { return parser_->complete && parser_->keep_alive; }
std::string_view ResponseReader::error() const { return parser_->error; }

}  // namespace daybook::http
