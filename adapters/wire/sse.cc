// One pass over the bytes: the next CR and the next LF are looked up once each and remembered, so
// that a stream of either sort of line end costs one scan.
#include "adapters/wire/sse.h"

#include <cstring>

#include "adapters/wire/utf8.h"
#include "core/check.h"

namespace daybook::sse {
namespace {

constexpr std::string_view kBom = "\xEF\xBB\xBF";
constexpr std::size_t kBomDone = 4;

std::size_t find_from(std::string_view bytes, char wanted, std::size_t from) {
  if (from >= bytes.size()) return bytes.size();
  const void* found = std::memchr(bytes.data() + from, wanted, bytes.size() - from);
  if (found == nullptr) return bytes.size();
  return static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
}

// Braces balance outside strings and the last one closes the first: enough to know that nothing
// was cut off. Whether it is good JSON is for its reader to say.
bool looks_like_whole_object(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  if (text.empty() || text.front() != '{') return false;
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char byte = text[i];
    if (in_string) {
      if (byte == '\\') ++i;
      if (byte == '"') in_string = false;
      continue;
    }
    if (byte == '"') in_string = true;
    if (byte == '{' || byte == '[') ++depth;
    if (byte == '}' || byte == ']') {
      if (--depth == 0) return i + 1 == text.size();
    }
  }
  return false;
}

}  // namespace

void Decoder::feed(std::string_view bytes) {
  CHECK(at_ == input_.size() || wrong(), "sse: fed before the earlier bytes were used up");
  input_ = bytes;
  at_ = 0;
  skip_start();
  next_cr_ = find_from(input_, '\r', at_);
  next_lf_ = find_from(input_, '\n', at_);
}

// The BOM, at the stream's start only; it may be cut like anything else. Bytes that turn out not
// to be one are the beginning of the first line.
void Decoder::skip_start() {
  while (bom_seen_ < kBom.size() && at_ < input_.size()) {
    if (input_[at_] != kBom[bom_seen_]) {
      const std::size_t earlier = bom_seen_ - at_;  // matched in reads before this one
      if (earlier > 0) {
        line_.assign(kBom.substr(0, earlier));
        carried_ = true;
      }
      at_ = 0;
      bom_seen_ = kBomDone;
      return;
    }
    ++at_;
    ++bom_seen_;
  }
  if (bom_seen_ == kBom.size()) bom_seen_ = kBomDone;
}

std::size_t Decoder::line_end() {
  if (next_cr_ < at_) next_cr_ = find_from(input_, '\r', at_);
  if (next_lf_ < at_) next_lf_ = find_from(input_, '\n', at_);
  return next_cr_ < next_lf_ ? next_cr_ : next_lf_;
}

std::string_view Decoder::take_line(std::size_t end) {
  const std::string_view here = input_.substr(at_, end - at_);
  after_cr_ = input_[end] == '\r';
  at_ = end + 1;
  ++lines_;
  if (!carried_) return here;
  carried_ = false;
  line_ += here;
  return line_;
}

std::optional<Event> Decoder::next() {
  while (!wrong() && at_ < input_.size()) {
    if (after_cr_) {
      after_cr_ = false;
      if (input_[at_] == '\n') {
        ++at_;
        continue;
      }
    }
    const std::size_t end = line_end();
    const std::size_t length = end - at_ + (carried_ ? line_.size() : 0);
    if (length > kLineBytesMax) {
      error_ = "a line of the event stream is longer than 1 MiB";
      return std::nullopt;
    }
    if (end == input_.size()) break;
    const std::string_view line = take_line(end);
    if (!line.empty()) {
      field(line);
      continue;
    }
    if (const auto event = dispatch()) return event;
  }
  if (!wrong()) keep_rest();
  return std::nullopt;
}

// The lent bytes are about to go: what is still needed of them is copied.
void Decoder::keep_rest() {
  own_data();
  if (at_ < input_.size()) {
    if (!carried_) line_.clear();
    line_ += input_.substr(at_);
    carried_ = true;
  }
  input_ = {};
  at_ = 0;
  next_cr_ = next_lf_ = 0;
}

void Decoder::field(std::string_view line) {
  const std::size_t colon = find_from(line, ':', 0);
  if (colon == 0) return;
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon < line.size() ? line.substr(colon + 1) : std::string_view{};
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (name == "data") {
    add_data(value);
  } else if (name == "event") {
    type_ = utf8::repair(value);
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    id_ = utf8::repair(value);
  }
}

void Decoder::add_data(std::string_view value) {
  if (!has_data_) {
    has_data_ = true;
    owned_ = false;
    data_view_ = value;
    return;
  }
  own_data();
  if (data_.size() + 1 + value.size() > kEventBytesMax) {
    error_ = "an event of the stream is longer than 4 MiB";
    return;
  }
  data_ += '\n';
  data_ += value;
}

void Decoder::own_data() {
  if (!has_data_ || owned_) return;
  data_.assign(data_view_);
  owned_ = true;
}

std::optional<Event> Decoder::dispatch() {
  if (!has_data_) {
    type_.clear();
    return std::nullopt;
  }
  has_data_ = false;
  Event event{"message", owned_ ? std::string_view(data_) : data_view_, id_};
  if (!utf8::is_valid(event.data)) {
    repaired_ = utf8::repair(event.data);
    event.data = repaired_;
  }
  if (!type_.empty()) {
    // The name must outlive the reset of type_; a rare path, for the providers that name events.
    type_given_.swap(type_);
    type_.clear();
    event.type = type_given_;
  }
  return event;
}

std::optional<Event> Decoder::finish() {
  if (wrong()) return std::nullopt;
  CHECK(at_ == input_.size(), "sse: finished before the earlier bytes were used up");
  truncated_ = (bom_seen_ > 0 && bom_seen_ < kBom.size()) || has_data_ || !type_.empty() ||
               (carried_ && line_.front() != ':');
  if (carried_) {
    carried_ = false;
    field(line_);
  }
  if (!has_data_) return std::nullopt;
  const std::string_view data = owned_ ? std::string_view(data_) : data_view_;
  if (data != "[DONE]" && !looks_like_whole_object(data)) return std::nullopt;
  truncated_ = false;
  return dispatch();
}

}  // namespace daybook::sse
