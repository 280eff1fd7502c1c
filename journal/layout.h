// Keys and values of the tables beside events. FORMAT.md describes them.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "core/sha256.h"
#include "journal/segments.h"

namespace daybook::layout {

// Chosen when a journal is made, for good; both are read and written.
inline constexpr std::uint32_t kFormatClear = 1;
inline constexpr std::uint32_t kFormatLocked = 2;  // words are encrypted, keys lie beside
// Added to either when events were archived: a program that knows nothing of segments must not take
// them for lost.
inline constexpr std::uint32_t kFormatArchived = 4;
// Added to either by the first commit whose seal lies in its last record: from then on all do, and
// older ones stay in the table of seals.
inline constexpr std::uint32_t kFormatSealsInside = 8;

constexpr bool is_locked(std::uint32_t format) { return (format & kFormatLocked) != 0; }
inline constexpr std::uint32_t kFormatNewest = kFormatLocked | kFormatArchived | kFormatSealsInside;
// Nothing is wrong with it: another program reads and writes it.
constexpr bool is_newer(std::uint32_t format) {
  return (format & ~(kFormatNewest | kFormatClear)) != 0;
}
// This program reads and writes it.
constexpr bool is_known(std::uint32_t format) {
  const std::uint32_t words = format & ~(kFormatArchived | kFormatSealsInside);
  return words == kFormatClear || words == kFormatLocked;
}
// What may lie in segments: chunks (core/events.proto, ChunkReceived).
inline constexpr std::uint8_t kArchivedKind = 57;

// Names in the meta table, and what their values are.
inline constexpr std::string_view kMetaFormat = "format";    // u32
inline constexpr std::string_view kMetaId = "journal_id";    // 16 random bytes
inline constexpr std::string_view kMetaCreated = "created";  // u64, ms since the epoch
inline constexpr std::string_view kMetaEpoch = "epoch";      // u64, raised by a restore
// 32 bytes, see created_seal(); journals that were made before it was do not have it.
inline constexpr std::string_view kMetaCreatedSeal = "created_seal";
inline constexpr std::string_view kMetaRefsUpto = "refs_upto";  // u64, seq
inline constexpr std::string_view kMetaSegments = "segments";   // see segments_value()
inline constexpr std::size_t kJournalIdBytes = 16;
inline constexpr std::size_t kDedupeKeyBytes = 16;

// The first 16 bytes of SHA-256 over source, a zero byte and id: no user's text in clear.
std::string dedupe_key(std::string_view source, std::string_view id);

std::string snapshot_key(std::string_view projection, SessionId session);
std::string snapshot_value(const Snapshot& snapshot);
// nullopt when damaged. Names are not in the value: the caller knows them.
std::optional<Snapshot> parse_snapshot(std::string_view key, std::string_view value);

// Of each, in order: first and last key (u64 each), bytes of the path (u32), the path.
std::string segments_value(const std::vector<store::SegmentPlace>& places);
// nullopt when damaged.
std::optional<std::vector<store::SegmentPlace>> parse_segments(std::string_view value);

std::string ref_value(const Ref& ref);
std::optional<Ref> parse_ref(std::string_view name, std::string_view value);

// The chain over everything: the first seal depends on the journal's id, every other one on the
// one before it and on the hashes of the events of its commit, first..last.
Digest first_seal(std::string_view key, std::string_view journal_id);
// What vouches for when the journal was made, in milliseconds since the epoch.
Digest created_seal(std::string_view key, std::string_view journal_id, std::uint64_t created);
Digest next_seal(std::string_view key, const Digest& previous, Seq first,
                 const std::vector<const Digest*>& hashes);

// One commit's place in the chain.
struct Link {
  Digest previous{};
  Seq first = 0;
  std::span<const Digest> hashes;
};
// next_seal() of both, side by side. `code` is HMAC under the seal key.
std::array<Digest, 2> next_seals(const HmacSha256& code, TwinSha256& twin, const Link& one,
                                 const Link& other);

}  // namespace daybook::layout
