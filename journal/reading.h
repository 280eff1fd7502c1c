// What can be read from the durable part: events by seq or in order, projections, meta.
//
// Law: bytes are copied out of the map before anyone sees them, and no transaction is open while a
// caller's code runs, so a reader that stalls (a pager, a slow socket) never makes the file grow.
// Rejected: one transaction for a whole scan; LMDB reuses no page that an open reader might see.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "journal/clear_block.h"
#include "journal/key_ring.h"
#include "journal/record.h"
#include "journal/store.h"

namespace daybook {

class Reading {
 public:
  // Events copied out in one transaction at most.
  static constexpr std::size_t kVisitEventsMax = 1'000;

  // Both must outlive it. Any one thread. Without keys only what is in clear has words.
  explicit Reading(store::Environment& environment, KeyRing* keys = nullptr)
      : environment_(environment), keys_(keys) {}

  // Why it cannot be read, and what helps.
  [[nodiscard]] Error failed(store::Status status) const;

  // 0: the journal is empty.
  Result<Seq> last();
  Result<std::optional<Record>> get(Seq seq);
  // Without its words.
  Result<std::optional<Record>> get_clear(Seq seq);
  // As Log::walk().
  Result<void> walk(Seq head, Seq until, const std::function<bool(const RecordView&)>& visit);
  // The same as get() with its words as they lie there, for who has no keys.
  struct Locked {
    Record event;
    KeyId key = 0;
  };
  Result<std::optional<Locked>> get_locked(Seq seq);
  Result<void> scan(Seq first, Seq last, const KindSet& kinds,
                    const std::function<bool(const Record&)>& visit);

  // The ids of the keys that lock these words, ascending. Reads headers alone, about a second for
  // ten million of them.
  Result<std::vector<KeyId>> keys_of(std::vector<Erased> erased);

  Result<std::optional<Seq>> find(std::string_view dedupe_key);
  // A damaged one is no snapshot: deleting it changes nothing but the time to start.
  Result<std::optional<Snapshot>> snapshot(std::string_view projection, SessionId session);
  Result<Log::Refs> refs();

  Result<std::optional<std::string>> meta(std::string_view name);
  // A seal and the last event of its commit. It lies in that event's record, or in the table of
  // seals where an older version wrote it: every row there is older than every seal in a record.
  struct Seal {
    Seq last = 0;
    Digest digest{};
  };
  // The newest; nullopt when there is none.
  Result<std::optional<Seal>> last_seal();
  // The seal whose commit ends at or after `seq`.
  Result<std::optional<Seal>> seal_at(Seq seq);
  // The same, of those in the table.
  Result<std::optional<Seal>> seal_row_at(Seq seq);
  // The newest seal whose commit ends before `seq`.
  Result<std::optional<Seal>> seal_before(Seq seq);

 private:
  // Values copied out of one visit.
  struct Copied {
    struct Item {
      std::uint64_t key = 0;
      std::size_t offset = 0;
      std::size_t size = 0;
    };
    std::string bytes;
    std::vector<Item> items;
    Seq next = 0;      // to go on with
    bool end = false;  // nothing lies beyond
  };

  Result<std::optional<Locked>> copy_event(Seq seq, bool words);
  Result<bool> find_event(store::Visit& visit, Seq seq, record::Decoder& decoder);
  Result<void> feed_whole(store::Visit& visit, Seq seq, std::string_view value,
                          record::Decoder& decoder);
  Result<Seq> copy_links(Seq head, Seq until, std::size_t events_max, ClearBlock& into);
  Result<void> add_keys(Seq first, Seq last, const std::vector<Erased>& erased,
                        std::vector<KeyId>* ids);
  Result<void> copy_out(Copied& copied, Seq last, const KindSet& kinds, std::size_t events_max);
  Result<bool> hand_over(const Copied& copied, const std::function<bool(const Record&)>& visit);
  Result<void> unlock(Record& event, KeyId key);
  Result<std::optional<Seal>> seal_in_row(const store::Cursor& row) const;
  Result<std::optional<Seal>> seal_in_record(store::Visit& visit, Seq above, Seq below) const;
  [[nodiscard]] Error damaged(Seq seq, std::string_view problem) const;
  Result<std::optional<std::string>> value_of(store::Table table, std::string_view key);

  store::Environment& environment_;
  KeyRing* keys_;
};

}  // namespace daybook
