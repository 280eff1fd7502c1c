// Keys and values of the small tables, and the arithmetic of the seals.
#include "journal/layout.h"

#include <cstring>

#include "journal/record.h"

namespace daybook::layout {
namespace {

constexpr std::size_t kSnapshotHeaderBytes = 16;  // crc u32, version u32, seq u64
constexpr std::size_t kRefBytes = 16;             // session u64, head u64
constexpr std::size_t kSegmentHeadBytes = 20;     // first u64, last u64, bytes of the path u32
constexpr std::string_view kFirstSealLabel = "daybook seal 1";
constexpr std::string_view kCreatedLabel = "daybook created 1";

std::uint32_t snapshot_crc(std::string_view key, std::string_view value) {
  return record::crc32c(value.substr(sizeof(std::uint32_t)), record::crc32c(key));
}

std::string range_bytes(Seq first, std::size_t count) {
  std::string bytes;
  record::append_u64(bytes, first);
  record::append_u64(bytes, first + count - 1);
  return bytes;
}

std::string_view joined(std::span<const Digest> hashes) {
  return {reinterpret_cast<const char*>(hashes.data()), hashes.size_bytes()};
}

}  // namespace

std::string dedupe_key(std::string_view source, std::string_view id) {
  Sha256 hash;
  hash.update(source);
  hash.update(std::string_view("\0", 1));
  hash.update(id);
  const Digest digest = hash.finish();
  return std::string(view(digest).substr(0, kDedupeKeyBytes));
}

std::string snapshot_key(std::string_view projection, SessionId session) {
  std::string key(projection);
  key += '\0';
  record::append_u64(key, session);
  return key;
}

std::string snapshot_value(const Snapshot& snapshot) {
  std::string value(sizeof(std::uint32_t), '\0');
  record::append_u32(value, snapshot.version);
  record::append_u64(value, snapshot.seq);
  value += snapshot.state;
  const std::string key = snapshot_key(snapshot.projection, snapshot.session);
  const std::uint32_t crc = snapshot_crc(key, value);
  std::memcpy(value.data(), &crc, sizeof crc);
  return value;
}

std::optional<Snapshot> parse_snapshot(std::string_view key, std::string_view value) {
  constexpr std::size_t kTailBytes = 1 + sizeof(std::uint64_t);
  if (key.size() < kTailBytes || value.size() < kSnapshotHeaderBytes) return std::nullopt;
  if (record::load_u32(value) != snapshot_crc(key, value)) return std::nullopt;
  Snapshot snapshot;
  snapshot.projection = key.substr(0, key.size() - kTailBytes);
  snapshot.session = record::load_u64(key.substr(key.size() - sizeof(std::uint64_t)));
  snapshot.version = record::load_u32(value.substr(4));
  snapshot.seq = record::load_u64(value.substr(8));
  snapshot.state = value.substr(kSnapshotHeaderBytes);
  return snapshot;
}

std::string segments_value(const std::vector<store::SegmentPlace>& places) {
  std::string value;
  for (const store::SegmentPlace& place : places) {
    record::append_u64(value, place.first);
    record::append_u64(value, place.last);
    record::append_u32(value, static_cast<std::uint32_t>(place.path.size()));
    value += place.path;
  }
  return value;
}

std::optional<std::vector<store::SegmentPlace>> parse_segments(std::string_view value) {
  std::vector<store::SegmentPlace> places;
  while (!value.empty()) {
    if (value.size() < kSegmentHeadBytes) return std::nullopt;
    const std::uint64_t first = record::load_u64(value);
    const std::uint64_t last = record::load_u64(value.substr(8));
    const std::size_t path_bytes = record::load_u32(value.substr(16));
    value.remove_prefix(kSegmentHeadBytes);
    const bool ascends = first <= last && (places.empty() || places.back().last < first);
    if (path_bytes > value.size() || !ascends) return std::nullopt;
    places.push_back({first, last, std::string(value.substr(0, path_bytes))});
    value.remove_prefix(path_bytes);
  }
  return places;
}

std::string ref_value(const Ref& ref) {
  std::string value;
  record::append_u64(value, ref.session);
  record::append_u64(value, ref.head);
  return value;
}

std::optional<Ref> parse_ref(std::string_view name, std::string_view value) {
  if (value.size() != kRefBytes) return std::nullopt;
  return Ref{std::string(name), record::load_u64(value), record::load_u64(value.substr(8))};
}

Digest first_seal(std::string_view key, std::string_view journal_id) {
  HmacSha256 code(key);
  code.update(kFirstSealLabel);
  code.update(journal_id);
  return code.finish();
}

Digest created_seal(std::string_view key, std::string_view journal_id, std::uint64_t created) {
  HmacSha256 code(key);
  code.update(kCreatedLabel);
  code.update(journal_id);
  std::string bytes;
  record::append_u64(bytes, created);
  code.update(bytes);
  return code.finish();
}

Digest next_seal(std::string_view key, const Digest& previous, Seq first,
                 const std::vector<const Digest*>& hashes) {
  HmacSha256 code(key);
  code.update(view(previous));
  code.update(range_bytes(first, hashes.size()));
  for (const Digest* hash : hashes) code.update(view(*hash));
  return code.finish();
}

std::array<Digest, 2> next_seals(const HmacSha256& code, TwinSha256& twin, const Link& one,
                                 const Link& other) {
  const std::string one_range = range_bytes(one.first, one.hashes.size());
  const std::string other_range = range_bytes(other.first, other.hashes.size());
  return code.finish_both(twin, {view(one.previous), one_range, joined(one.hashes)},
                          {view(other.previous), other_range, joined(other.hashes)});
}

}  // namespace daybook::layout
