// What a response must satisfy before llhttp sees it: the limits llhttp lacks, and the forms it
// accepts that we do not (RFC 9112 calls them obsolete, invalid or ambiguous).
//
// Law: the guard reads the same bytes as the parser behind it and only ever says no. It knows the
// shape of lines and chunks, not what headers mean.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace daybook::http {

inline constexpr std::size_t kHeaderBlockBytesMax = 64u << 10;
inline constexpr std::size_t kFieldsMax = 100;
inline constexpr std::size_t kInterimMax = 4;
inline constexpr std::size_t kChunkExtensionBytesMax = 256;
inline constexpr std::uint64_t kChunkBytesMax = std::uint64_t{1} << 40;
inline constexpr std::uint64_t kContentLengthMax = std::uint64_t{1} << 40;

// Gathers a head (status line, fields, empty line) and checks its shape line by line.
class HeadGuard {
 public:
  // Takes bytes up to the end of the head; returns how many. Fewer than given, or done(): the
  // rest is the body's.
  std::size_t take(std::string_view bytes);
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] std::string_view error() const { return error_; }
  // Everything taken, as it came.
  [[nodiscard]] std::string_view text() const { return text_; }
  // For the head after an interim response.
  void restart();

 private:
  void line(std::string_view line);

  std::string text_;
  std::size_t line_start_ = 0;
  std::size_t lines_ = 0;
  bool done_ = false;
  std::string_view error_;
};

// Follows chunked coding (RFC 9112 section 7.1) without touching the data.
class ChunkGuard {
 public:
  // How many of `bytes` are in order and belong to the body: all, unless it ended or is wrong.
  std::size_t accept(std::string_view bytes);
  [[nodiscard]] bool done() const { return state_ == State::kDone; }
  [[nodiscard]] std::string_view error() const { return error_; }

 private:
  enum class State { kSize, kExtension, kSizeEnd, kData, kDataCr, kDataLf, kTrailer, kDone };

  bool step(char byte);
  bool size_byte(char byte);
  bool trailer_byte(char byte);
  bool fail(std::string_view why);

  State state_ = State::kSize;
  std::uint64_t left_ = 0;
  std::size_t digits_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::size_t trailer_line_ = 0;
  std::size_t trailer_fields_ = 0;
  bool trailer_cr_ = false;
  std::string_view error_;
};

}  // namespace daybook::http
