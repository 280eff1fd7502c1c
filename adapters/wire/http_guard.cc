// The head is checked a line at a time as lines complete, the chunks a byte at a time except for
// their data, which is stepped over.
#include "adapters/wire/http_guard.h"

#include <algorithm>

namespace daybook::http {
namespace {

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

// "HTTP/1.1 200", then the end or a space and whatever the server likes to say.
std::string_view status_line_error(std::string_view line) {
  const bool version = line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ");
  if (!version) return "the answer does not begin with an HTTP/1.1 status line";
  const bool number = line.size() >= 12 && line[9] >= '1' && line[9] <= '9' && is_digit(line[10]) &&
                      is_digit(line[11]);
  const bool ends = line.size() == 12 || (line.size() > 12 && line[12] == ' ');
  if (!number || !ends) return "the answer's status is not a number from 100 to 999";
  return {};
}

bool is_name_byte(char byte) {
  if (is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(byte) != std::string_view::npos;
}

// A word, then the colon with nothing between.
bool has_field_name(std::string_view line) {
  const auto end =
      std::find_if(line.begin(), line.end(), [](char byte) { return !is_name_byte(byte); });
  return end != line.begin() && end != line.end() && *end == ':';
}

int hex_value(char byte) {
  if (is_digit(byte)) return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

}  // namespace

std::size_t HeadGuard::take(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !done_ && error_.empty()) {
    const char byte = bytes[taken];
    const bool after_cr = !text_.empty() && text_.back() == '\r';
    if (after_cr != (byte == '\n')) {
      error_ = after_cr ? "a CR inside the answer's head does not end a line"
                        : "a line of the answer's head ends without CR";
      break;
    }
    if (byte == '\0') {
      error_ = "the answer's head holds a NUL";
      break;
    }
    if (text_.size() == kHeaderBlockBytesMax) {
      error_ = "the answer's head is longer than 64 KiB";
      break;
    }
    text_ += byte;
    ++taken;
    if (byte != '\n') continue;
    line(std::string_view(text_).substr(line_start_, text_.size() - 2 - line_start_));
    line_start_ = text_.size();
  }
  return taken;
}

void HeadGuard::line(std::string_view line) {
  const std::size_t number = lines_++;
  if (number == 0) {
    error_ = status_line_error(line);
    return;
  }
  if (line.empty()) {
    done_ = true;
    return;
  }
  if (number > kFieldsMax) {
    error_ = "the answer has more than 100 header fields";
  } else if (line.front() == ' ' || line.front() == '\t') {
    error_ = "a header of the answer is folded over two lines";
  } else if (!has_field_name(line)) {
    error_ = "a header of the answer has no proper name";
  }
}

void HeadGuard::restart() { *this = HeadGuard{}; }

std::size_t ChunkGuard::accept(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && state_ != State::kDone && error_.empty()) {
    if (state_ == State::kData) {
      const std::uint64_t here = std::min<std::uint64_t>(left_, bytes.size() - taken);
      taken += static_cast<std::size_t>(here);
      left_ -= here;
      if (left_ == 0) state_ = State::kDataCr;
      continue;
    }
    if (!step(bytes[taken])) break;
    ++taken;
  }
  return taken;
}

bool ChunkGuard::fail(std::string_view why) {
  error_ = why;
  return false;
}

bool ChunkGuard::step(char byte) {
  switch (state_) {
    case State::kSize:
      return size_byte(byte);
    case State::kExtension:
      if (byte == '\r') {
        state_ = State::kSizeEnd;
        return true;
      }
      if (byte == '\n' || byte == '\0') return fail("a chunk's size line does not end in CRLF");
      if (++extension_bytes_ > kChunkExtensionBytesMax) {
        return fail("a chunk's extension is longer than 256 bytes");
      }
      return true;
    case State::kSizeEnd:
      if (byte != '\n') return fail("a chunk's size line does not end in CRLF");
      state_ = left_ == 0 ? State::kTrailer : State::kData;
      return true;
    case State::kDataCr:
      if (byte != '\r') return fail("a chunk is longer than it said");
      state_ = State::kDataLf;
      return true;
    case State::kDataLf:
      if (byte != '\n') return fail("a chunk is longer than it said");
      state_ = State::kSize;
      digits_ = 0;
      extension_bytes_ = 0;
      return true;
    case State::kTrailer:
      return trailer_byte(byte);
    case State::kData:
    case State::kDone:
      break;
  }
  return fail("a chunk is out of place");
}

bool ChunkGuard::size_byte(char byte) {
  const int value = hex_value(byte);
  if (value >= 0) {
    left_ = left_ * 16 + static_cast<std::uint64_t>(value);
    if (++digits_ > 16 || left_ > kChunkBytesMax) return fail("a chunk's size is absurd");
    return true;
  }
  if (digits_ == 0) return fail("a chunk's size is not a number");
  if (byte == '\r') {
    state_ = State::kSizeEnd;
    return true;
  }
  if (byte != ';') return fail("a chunk's size is not a number");
  state_ = State::kExtension;
  ++extension_bytes_;
  return true;
}

bool ChunkGuard::trailer_byte(char byte) {
  if (++trailer_bytes_ > kHeaderBlockBytesMax) return fail("the trailer is longer than 64 KiB");
  if (trailer_cr_) {
    if (byte != '\n') return fail("a CR inside the trailer does not end a line");
    trailer_cr_ = false;
    if (trailer_line_ == 0) {
      state_ = State::kDone;
      return true;
    }
    trailer_line_ = 0;
    if (++trailer_fields_ > kFieldsMax) return fail("the trailer has more than 100 fields");
    return true;
  }
  if (byte == '\r') {
    trailer_cr_ = true;
    return true;
  }
  if (byte == '\n' || byte == '\0') return fail("a line of the trailer ends without CR");
  if (trailer_line_ == 0 && (byte == ' ' || byte == '\t')) {
    return fail("a field of the trailer is folded over two lines");
  }
  ++trailer_line_;
  return true;
}

}  // namespace daybook::http
