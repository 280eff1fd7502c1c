// One event as bytes. FORMAT.md describes them; tests/record_test.cc holds golden bytes.
//
// An event is one value or, when it is long, several in a row (parts): a value of more than 4,080
// bytes would cost LMDB a second page. Every part has the whole header and a checksum over its key
// and its bytes, so each can be judged alone. The last value of a commit ends with the commit's
// seal, which neither checksum nor hash cover. Rejected: protobuf for the header; a fold skips
// what it does not want by looking at one byte.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "core/sha256.h"
#include "journal/crypto.h"

namespace daybook::record {

inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::size_t kHeaderBytes = 32;
inline constexpr std::size_t kValueBytesMax = 4'080;
inline constexpr std::size_t kSealBytes = sizeof(Digest);
// Of a part that is written, so that a seal fits behind any; older ones may have so much more.
inline constexpr std::size_t kPartBytesMax = kValueBytesMax - kHeaderBytes - kSealBytes;
inline constexpr std::size_t kPartsMax = 256;
// Clear bytes, their length and content together.
inline constexpr std::size_t kBodyBytesMax = kPartBytesMax * kPartsMax;
inline constexpr Seq kSeqMax = (Seq{1} << 40) - 1;

// Key in the events table: the seq above, the number of the part in the low 8 bits.
constexpr std::uint64_t key_of(Seq seq, std::uint64_t part = 0) { return seq << 8 | part; }
constexpr Seq seq_of(std::uint64_t key) { return key >> 8; }
constexpr std::uint64_t part_of(std::uint64_t key) { return key & 255; }

// Events ready to be put: all values in one string, in order.
struct Encoded {
  struct Part {
    std::uint64_t key = 0;
    std::size_t offset = 0;
    std::size_t size = 0;
  };

  std::string bytes;
  std::vector<Part> parts;
  std::vector<Digest> hashes;  // one an event, by hash_events()

  [[nodiscard]] std::string_view value(const Part& part) const {
    return std::string_view(bytes).substr(part.offset, part.size);
  }
};

// Appends the event, its content locked with `key`. A record too large, or with a field out of
// range, is our bug (CHECK): what comes in from outside is limited long before.
void encode(const Record& event, Encoded& into, const KeyUse& key = {});

// Of all events that were encoded.
void hash_events(Encoded& encoded);

// What encode() would append, in bytes.
std::size_t stored_bytes(const Record& event);

// The last value of `events`, changed to end a commit, and its event's hash as it is then. The seal
// is to be appended to the value.
struct CommitEnd {
  std::string value;
  Digest hash{};
};
CommitEnd end_commit(const Encoded& events);

inline constexpr std::size_t kFlagsAt = 6;  // u8
inline constexpr std::uint8_t kSealed = 4;
// The value ends a commit, with its seal.
inline bool ends_with_seal(std::string_view value) {
  return value.size() >= kHeaderBytes + kSealBytes && (value[kFlagsAt] & kSealed) != 0;
}
// The seal of the commit that this value ends; empty: it ends none, or is cut.
inline std::string_view seal_in(std::string_view value) {
  return ends_with_seal(value) ? value.substr(value.size() - kSealBytes) : std::string_view();
}
// What checksum and hash cover.
inline std::string_view without_seal(std::string_view value) {
  return ends_with_seal(value) ? value.substr(0, value.size() - kSealBytes) : value;
}

// An event's hash is SHA-256 over key (8 bytes, little-endian) and value, without_seal(), of each
// of its parts.
void hash_part(Sha256& hash, std::uint64_t key, std::string_view value);

// The same for events that lie in one value each, three of a length side by side.
class SingleHashes {
 public:
  // The hash of what is added with `slot` is put there before finish() returns; values stay until
  // then. `keyed`: the key's bytes lie right before the value, as in a page of LMDB's.
  void add(std::size_t slot, std::uint64_t key, std::string_view value, bool keyed,
           std::vector<Digest>& into);
  void finish(std::vector<Digest>& into);

 private:
  struct Single {
    std::size_t slot = 0;
    std::uint64_t key = 0;
    std::string_view value;
    bool keyed = false;
  };
  // For another of as many blocks.
  struct Waiting {
    std::size_t count = 0;
    std::array<Single, 3> singles;
  };
  // Blocks that SHA-256 takes in for the largest value and its key.
  static constexpr std::size_t kBlocksMax = 65;

  std::array<Waiting, kBlocksMax> waiting_;
  std::array<std::string, 3> joined_;  // of those whose keys lie elsewhere
};

// The kind, without checking anything but the length; 0 when too short.
std::uint8_t kind_of(std::string_view value);
// The same of the session and of what locks the content.
SessionId session_of(std::string_view value);
KeyId key_id_of(std::string_view value);
// What the event `seq` says is before it, as it stands there; 0: nothing.
Seq prev_of(Seq seq, std::string_view value);

// Puts parts back together. Feed the values of one event in order.
class Decoder {
 public:
  enum class Answer { kDone, kMore, kDamaged };

  // kDone: event() is it, its content as it lies there: key_id() says what locks it. kDamaged:
  // problem() says why; the decoder is ready for a new event.
  Answer feed(std::uint64_t key, std::string_view value);
  // The same, and kDone copies it out.
  Answer feed(std::uint64_t key, std::string_view value, Record& into);

  // Valid until the next feed(), and no longer than the value that was fed last.
  [[nodiscard]] const RecordView& event() const { return event_; }
  [[nodiscard]] KeyId key_id() const { return key_id_; }
  [[nodiscard]] std::string_view problem() const { return problem_; }
  // True in the middle of an event.
  [[nodiscard]] bool open() const { return next_part_ != 0; }

 private:
  Answer damaged(std::string_view problem);
  Answer finish(std::string_view body);

  RecordView event_;
  std::string body_;
  std::uint64_t next_part_ = 0;
  KeyId key_id_ = 0;
  std::string_view problem_;
};

// CRC-32C (RFC 3720), hardware where there is any. `crc` continues an earlier result.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

// Little-endian numbers at the front of `bytes`, which must be long enough.
std::uint64_t load_u64(std::string_view bytes);
void append_u64(std::string& bytes, std::uint64_t value);
std::uint32_t load_u32(std::string_view bytes);
void append_u32(std::string& bytes, std::uint32_t value);

}  // namespace daybook::record
