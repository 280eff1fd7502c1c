// Writing and reading one event's bytes. Offsets are those of FORMAT.md.
#include "journal/record.h"

#include <isa-l/crc.h>

#include <bit>
#include <cstring>

#include "core/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace daybook::record {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the format is little-endian and LMDB's integer keys are the host's");

constexpr std::size_t kCrcAt = 0;      // u32
constexpr std::size_t kVersionAt = 4;  // u8
constexpr std::size_t kKindAt = 5;     // u8
constexpr std::size_t kSessionAt = 7;  // u40
constexpr std::size_t kTimeAt = 12;    // u48
constexpr std::size_t kPrevAt = 18;    // u40, distance
constexpr std::size_t kCauseAt = 23;   // u40, distance
constexpr std::size_t kKeyIdAt = 28;   // u32
static_assert(kKeyIdAt + 4 == kHeaderBytes);

constexpr std::uint8_t kContinued = 1;
constexpr std::uint8_t kContinuation = 2;

constexpr std::uint64_t kMaskU40 = (std::uint64_t{1} << 40) - 1;
constexpr std::uint64_t kMaskU48 = (std::uint64_t{1} << 48) - 1;

using HeaderBytes = std::array<char, kHeaderBytes>;

template <std::size_t kBytes>
void store_number(HeaderBytes& header, std::size_t at, std::uint64_t value) {
  std::memcpy(header.data() + at, &value, kBytes);
}

// The caller has looked at the length.
template <typename Number>
Number load(std::string_view value, std::size_t at) {
  Number number = 0;
  std::memcpy(&number, value.data() + at, sizeof number);
  return number;
}

// Reads 8 bytes and masks: every field wider than a byte ends at least 8 bytes after its start or
// is the last one.
std::uint64_t load_masked(std::string_view value, std::size_t at, std::uint64_t mask) {
  return load<std::uint64_t>(value, at) & mask;
}

// Of a value without its seal. The key is folded in afterwards: a second call for its 8 bytes would
// cost as much as the first.
std::uint32_t crc_of(std::uint64_t key, std::string_view value) {
  const auto fold = static_cast<std::uint32_t>(key ^ key >> 32);
  value.remove_prefix(kVersionAt);
  return crc32c(value) ^ fold;
}

std::uint64_t distance(Seq seq, Seq earlier) {
  CHECK(earlier < seq, "a record may only point to an earlier one");
  return earlier == 0 ? 0 : seq - earlier;
}

HeaderBytes header_of(const Record& event, KeyId key) {
  CHECK(event.seq > 0 && event.seq <= kSeqMax, "a seq fits in 40 bits");
  CHECK(event.session <= kSeqMax, "a session id fits in 40 bits");
  const std::int64_t time = to_milliseconds(event.time);
  CHECK(time >= 0 && time <= static_cast<std::int64_t>(kMaskU48), "a time fits in 48 bits");
  HeaderBytes header{};
  store_number<1>(header, kVersionAt, kVersion);
  store_number<1>(header, kKindAt, event.kind);
  store_number<5>(header, kSessionAt, event.session);
  store_number<6>(header, kTimeAt, static_cast<std::uint64_t>(time));
  store_number<5>(header, kPrevAt, distance(event.seq, event.prev));
  store_number<5>(header, kCauseAt, distance(event.seq, event.cause));
  store_number<4>(header, kKeyIdAt, key);
  return header;
}

std::size_t write_varint(std::array<char, 10>& into, std::uint64_t value) {
  std::size_t size = 0;
  for (; value >= 128; value >>= 7) into[size++] = static_cast<char>(value | 128);
  into[size++] = static_cast<char>(value);
  return size;
}

// Bytes taken; 0 when it does not end within ten bytes.
std::size_t read_varint(std::string_view bytes, std::uint64_t& value) {
  value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    value |= static_cast<std::uint64_t>(byte & 127) << (7 * i);
    if (byte < 128) return i + 1;
  }
  return 0;
}

void append_body(std::string& bytes, const Record& event, const KeyUse& key) {
  bytes.append(event.clear).append(event.content);
  if (key.cipher == nullptr) return;
  const std::size_t size = event.content.size();
  key.cipher->apply(event.seq, bytes.data() + bytes.size() - size, size);
}

void finish_part(Encoded& into, std::uint64_t key, std::size_t offset) {
  const std::size_t size = into.bytes.size() - offset;
  const std::uint32_t crc = crc_of(key, std::string_view(into.bytes).substr(offset));
  std::memcpy(into.bytes.data() + offset + kCrcAt, &crc, sizeof crc);
  into.parts.push_back({key, offset, size});
}

std::string_view bytes_of(const std::uint64_t& key) {
  return {reinterpret_cast<const char*>(&key), sizeof key};
}

// Where it lies right before the value.
std::string_view with_key(std::string_view value) {
  return {value.data() - sizeof(std::uint64_t), sizeof(std::uint64_t) + value.size()};
}

#if defined(__x86_64__)
// ISA-L is made for long buffers: up to here the instruction alone is faster (60 bytes: 9 ns, not
// 20).
constexpr std::size_t kShortBytes = 512;

bool has_crc_instruction() {
  static const bool kAnswer = __builtin_cpu_supports("sse4.2") != 0;
  return kAnswer;
}

__attribute__((target("sse4.2"))) std::uint32_t crc_of_short(std::string_view bytes,
                                                             std::uint32_t crc) {
  std::size_t at = bytes.size() % 8;
  if (bytes.size() < 8) {
    for (const char byte : bytes) crc = _mm_crc32_u8(crc, static_cast<std::uint8_t>(byte));
    return crc;
  }
  // What is left over of whole words comes first, behind zeros, which change nothing in a sum of
  // zero. The sum so far goes into the first four bytes, which may reach into the next word.
  const std::uint64_t front = load<std::uint64_t>(bytes, 0) ^ crc;
  std::uint64_t sum = _mm_crc32_u64(0, front << 8 * (7 - at) << 8);
  sum ^= std::uint64_t{crc} >> 8 * at;
  for (; at < bytes.size(); at += 8) sum = _mm_crc32_u64(sum, load<std::uint64_t>(bytes, at));
  return static_cast<std::uint32_t>(sum);
}

// ISA-L leaves values in the upper halves of vector registers. Until somebody clears them, every
// SSE instruction carries them along: SHA-256 takes twice as long.
__attribute__((target("avx"))) void clear_upper_halves() { _mm256_zeroupper(); }

bool has_upper_halves() {
  static const bool kAnswer = __builtin_cpu_supports("avx") != 0;
  return kAnswer;
}
#else
constexpr std::size_t kShortBytes = 0;

bool has_crc_instruction() { return false; }
std::uint32_t crc_of_short(std::string_view, std::uint32_t crc) { return crc; }
void clear_upper_halves() {}
bool has_upper_halves() { return false; }
#endif

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
  if (bytes.size() <= kShortBytes && has_crc_instruction()) return ~crc_of_short(bytes, ~crc);
  auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  const std::uint32_t sum = ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~crc);
  if (has_upper_halves()) clear_upper_halves();
  return sum;
}

std::uint64_t load_u64(std::string_view bytes) {
  std::uint64_t value = 0;
  CHECK(bytes.size() >= sizeof value, "the caller has looked at the length");
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::uint32_t load_u32(std::string_view bytes) {
  std::uint32_t value = 0;
  CHECK(bytes.size() >= sizeof value, "the caller has looked at the length");
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

void append_u64(std::string& bytes, std::uint64_t value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_u32(std::string& bytes, std::uint32_t value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::size_t stored_bytes(const Record& event) {
  std::array<char, 10> length{};
  const std::size_t body =
      write_varint(length, event.clear.size()) + event.clear.size() + event.content.size();
  const std::size_t parts = body <= kPartBytesMax ? 1 : (body + kPartBytesMax - 1) / kPartBytesMax;
  return parts * kHeaderBytes + body;
}

void hash_part(Sha256& hash, std::uint64_t key, std::string_view value) {
  char key_bytes[sizeof key];
  std::memcpy(key_bytes, &key, sizeof key);
  hash.update({key_bytes, sizeof key});
  hash.update(value);
}

std::uint8_t kind_of(std::string_view value) {
  return value.size() < kHeaderBytes ? 0 : static_cast<std::uint8_t>(value[kKindAt]);
}

SessionId session_of(std::string_view value) {
  return value.size() < kHeaderBytes ? 0 : load_masked(value, kSessionAt, kMaskU40);
}

Seq prev_of(Seq seq, std::string_view value) {
  if (value.size() < kHeaderBytes) return 0;
  const std::uint64_t distance = load_masked(value, kPrevAt, kMaskU40);
  return distance == 0 || distance >= seq ? 0 : seq - distance;
}

KeyId key_id_of(std::string_view value) {
  return value.size() < kHeaderBytes ? 0 : load<KeyId>(value, kKeyIdAt);
}

void encode(const Record& event, Encoded& into, const KeyUse& key) {
  HeaderBytes header = header_of(event, key.id);
  std::array<char, 10> length;
  const std::size_t length_bytes = write_varint(length, event.clear.size());
  const std::size_t body_bytes = length_bytes + event.clear.size() + event.content.size();
  CHECK(body_bytes <= kBodyBytesMax, "an event's body fits: inputs are limited to less");

  const std::size_t offset = into.bytes.size();
  if (body_bytes <= kPartBytesMax) {
    into.bytes.append(header.data(), header.size());
    into.bytes.append(length.data(), length_bytes);
    append_body(into.bytes, event, key);
    finish_part(into, key_of(event.seq), offset);
    return;
  }

  std::string body(length.data(), length_bytes);
  append_body(body, event, key);
  for (std::size_t at = 0, part = 0; at < body.size(); at += kPartBytesMax, ++part) {
    const bool more = body.size() - at > kPartBytesMax;
    const int flags = (more ? kContinued : 0) | (part > 0 ? kContinuation : 0);
    store_number<1>(header, kFlagsAt, static_cast<std::uint64_t>(flags));
    const std::size_t part_offset = into.bytes.size();
    into.bytes.append(header.data(), header.size());
    into.bytes.append(std::string_view(body).substr(at, kPartBytesMax));
    finish_part(into, key_of(event.seq, part), part_offset);
  }
}

void hash_events(Encoded& encoded) {
  SingleHashes singles;
  encoded.hashes.clear();
  for (std::size_t at = 0; at < encoded.parts.size();) {
    const Encoded::Part& first = encoded.parts[at];
    std::size_t end = at + 1;
    while (end < encoded.parts.size() && part_of(encoded.parts[end].key) != 0) ++end;
    encoded.hashes.emplace_back();
    if (end == at + 1) {
      singles.add(encoded.hashes.size() - 1, first.key, encoded.value(first), false,
                  encoded.hashes);
    } else {
      Sha256 hash;
      for (std::size_t part = at; part < end; ++part) {
        hash_part(hash, encoded.parts[part].key, encoded.value(encoded.parts[part]));
      }
      encoded.hashes.back() = hash.finish();
    }
    at = end;
  }
  singles.finish(encoded.hashes);
}

CommitEnd end_commit(const Encoded& events) {
  CHECK(!events.parts.empty(), "a commit that is sealed has events");
  const Encoded::Part& last = events.parts.back();
  CommitEnd end;
  end.value.reserve(last.size + kSealBytes);
  end.value.append(events.value(last));
  end.value[kFlagsAt] = static_cast<char>(end.value[kFlagsAt] | kSealed);
  const std::uint32_t crc = crc_of(last.key, end.value);
  std::memcpy(end.value.data() + kCrcAt, &crc, sizeof crc);
  Sha256 hash;
  for (auto part = events.parts.end() - 1 - static_cast<std::ptrdiff_t>(part_of(last.key));
       part->key != last.key; ++part) {
    hash_part(hash, part->key, events.value(*part));
  }
  hash_part(hash, last.key, end.value);
  end.hash = hash.finish();
  return end;
}

void SingleHashes::add(std::size_t slot, std::uint64_t key, std::string_view value, bool keyed,
                       std::vector<Digest>& into) {
  // The key comes first; the last block holds nine bytes of SHA-256's own.
  const std::size_t blocks = sha256_blocks(sizeof key + value.size());
  Waiting& others = waiting_[std::min(blocks, kBlocksMax) - 1];
  // Field by field, where it stays: copied in halves it would have to wait for its own bytes.
  Single& last = others.singles[others.count];
  last.slot = slot;
  last.key = key;
  last.value = value;
  last.keyed = keyed;
  if (++others.count < others.singles.size()) return;
  others.count = 0;
  std::array<std::string_view, 3> messages;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Single& single = others.singles[i];
    messages[i] = single.keyed ? with_key(single.value)
                               : joined_[i].assign(bytes_of(single.key)).append(single.value);
  }
  const std::array<Digest, 3> digests = sha256_of_three(messages);
  for (std::size_t i = 0; i < digests.size(); ++i) into[others.singles[i].slot] = digests[i];
}

void SingleHashes::finish(std::vector<Digest>& into) {
  for (Waiting& waiting : waiting_) {
    for (; waiting.count > 0; --waiting.count) {
      const Single& single = waiting.singles[waiting.count - 1];
      Sha256 hash;
      hash_part(hash, single.key, single.value);
      into[single.slot] = hash.finish();
    }
  }
}

Decoder::Answer Decoder::damaged(std::string_view problem) {
  problem_ = problem;
  next_part_ = 0;
  body_.clear();
  return Answer::kDamaged;
}

Decoder::Answer Decoder::finish(std::string_view body) {
  std::uint64_t clear_bytes = 0;
  const std::size_t length_bytes = read_varint(body, clear_bytes);
  if (length_bytes == 0) return damaged("its length cannot be read");
  body.remove_prefix(length_bytes);
  if (clear_bytes > body.size()) return damaged("it is shorter than it says");
  event_.clear = {body.data(), clear_bytes};
  event_.content = {body.data() + clear_bytes, body.size() - clear_bytes};
  next_part_ = 0;
  return Answer::kDone;
}

Decoder::Answer Decoder::feed(std::uint64_t key, std::string_view value) {
  if (value.size() < kHeaderBytes) return damaged("it is too short");
  if (value.size() > kValueBytesMax) return damaged("it is too long");
  const auto flags = static_cast<std::uint8_t>(value[kFlagsAt]);
  const bool sealed = (flags & kSealed) != 0;
  if (sealed && !ends_with_seal(value)) return damaged("its seal is cut");
  if (sealed) value.remove_suffix(kSealBytes);
  if (load<std::uint32_t>(value, kCrcAt) != crc_of(key, value))
    return damaged("its checksum does not match");
  const bool newer =
      value[kVersionAt] != kVersion || (flags & ~(kContinued | kContinuation | kSealed)) != 0;
  if (newer) return damaged("it was written by a newer version");
  if (sealed && (flags & kContinued) != 0) return damaged("a seal lies within it");
  const bool in_order = part_of(key) == next_part_ && ((flags & kContinuation) != 0) == open();
  if (!in_order) return damaged("one of its parts is missing");

  const Seq seq = seq_of(key);
  const auto key_id = load<KeyId>(value, kKeyIdAt);
  if (!open()) {
    const std::uint64_t prev = load_masked(value, kPrevAt, kMaskU40);
    const std::uint64_t cause = load_masked(value, kCauseAt, kMaskU40);
    if (prev > 0 && prev >= seq) return damaged("it points before the beginning");
    if (cause > 0 && cause >= seq) return damaged("its cause lies before the beginning");
    const auto time = static_cast<std::int64_t>(load_masked(value, kTimeAt, kMaskU48));
    event_.seq = seq;
    event_.time = from_milliseconds(time);
    event_.kind = static_cast<std::uint8_t>(value[kKindAt]);
    event_.session = load_masked(value, kSessionAt, kMaskU40);
    event_.prev = prev == 0 ? 0 : seq - prev;
    event_.cause = cause == 0 ? 0 : seq - cause;
    key_id_ = key_id;
  } else if (event_.seq != seq || key_id_ != key_id) {
    return damaged("one of its parts is missing");
  }

  value.remove_prefix(kHeaderBytes);
  const bool more = (flags & kContinued) != 0;
  if (!open() && !more) return finish(value);
  if (next_part_ == 0) body_.clear();
  body_.append(value);
  if (!more) return finish(body_);
  if (++next_part_ == kPartsMax) return damaged("it has too many parts");
  return Answer::kMore;
}

Decoder::Answer Decoder::feed(std::uint64_t key, std::string_view value, Record& into) {
  const Answer answer = feed(key, value);
  if (answer != Answer::kDone) return answer;
  into.seq = event_.seq;
  into.time = event_.time;
  into.kind = event_.kind;
  into.session = event_.session;
  into.cause = event_.cause;
  into.prev = event_.prev;
  into.clear.assign(event_.clear);
  into.content.assign(event_.content);
  return answer;
}

}  // namespace daybook::record
