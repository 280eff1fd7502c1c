// Log: the port behind which the journal lives. journal/ implements it over LMDB and in memory;
// both pass tests/log_contract.h.
//
// It knows records (seq, time, session, kind, bytes), not what they mean. append() never blocks and
// never fails: what became of it is learnt from take_durable(). Nothing a caller does may depend on
// a record before that.
#pragma once

#include <bitset>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/result.h"
#include "core/types.h"

namespace daybook {

// One event as the journal sees it. `clear` is the body without its words, `content` the words
// (core/codec.h).
struct Record {
  Seq seq = 0;
  Time time{};
  std::uint8_t kind = 0;
  SessionId session = 0;
  Seq cause = 0;
  Seq prev = 0;
  std::string clear;
  std::string content;
  // The turn whose words these are, 0: none. Tells a log that locks words which of them share a
  // key; it is not stored, so it makes no difference between two records.
  Seq turn = 0;
  // Its words were destroyed, `content` is empty. Not stored either.
  bool erased = false;

  friend bool operator==(const Record& one, const Record& other) {
    const auto stored = [](const Record& record) {
      return std::tie(record.seq, record.time, record.kind, record.session, record.cause,
                      record.prev, record.clear, record.content);
    };
    return stored(one) == stored(other);
  }
};

// The same without owning its bytes: good for as long as whoever gave it says.
struct RecordView {
  Seq seq = 0;
  Time time{};
  std::uint8_t kind = 0;
  SessionId session = 0;
  Seq cause = 0;
  Seq prev = 0;
  std::string_view clear;
  std::string_view content;
};

// Good while the record lives.
RecordView view_of(const Record& record);

// (source, id) names an inbound update for ever; the log refuses to lose it and finds it again.
struct ExternalId {
  std::string source;
  std::string id;
  Seq seq = 0;

  friend bool operator==(const ExternalId&, const ExternalId&) = default;
};

// A projection's state as of `seq`. A cache: deleting it changes nothing but the time to start. A
// newer one replaces the older one of its name.
struct Snapshot {
  std::string projection;
  SessionId session = 0;
  std::uint32_t version = 0;
  Seq seq = 0;
  std::string state;

  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

// A place's or branch's newest event. A projection too: correct up to Batch::refs_upto, readers
// fold the rest.
struct Ref {
  std::string name;
  SessionId session = 0;
  Seq head = 0;

  friend bool operator==(const Ref&, const Ref&) = default;
};

// Words to be made unreadable for ever: those of this session's events first..last, all of them
// durable before the batch is appended.
struct Erased {
  SessionId session = 0;
  Seq first = 0;
  Seq last = 0;

  friend bool operator==(const Erased&, const Erased&) = default;
};

// What becomes durable together or not at all.
struct Batch {
  std::vector<Record> records;        // consecutive seqs, the first one last() + 1
  std::vector<ExternalId> externals;  // of these records
  std::vector<Snapshot> snapshots;
  std::vector<Ref> refs;
  Seq refs_upto = 0;  // with refs: what they are correct up to
  // Done, and durable, before the records are: who dies between must ask for it again. It may be
  // asked for any number of times. Of no avail in a log that keeps words in clear.
  std::vector<Erased> erased;

  [[nodiscard]] bool empty() const { return records.empty() && snapshots.empty() && refs.empty(); }
};

using KindSet = std::bitset<256>;

class Log {
 public:
  struct Progress {
    std::vector<Batch> durable;  // in order, since the last call
    // the log is of no more use: outcome of everything not yet reported is unknown. Stop the
    // process.
    std::optional<Error> stopped;
    // the disk is full: queued batches are kept and go in when there is space again
    bool waiting_for_space = false;
  };

  virtual ~Log() = default;

  // The newest seq appended, durable or not; 0 for an empty journal.
  [[nodiscard]] virtual Seq last() const = 0;

  // Queues a batch. Seqs that do not follow last() are our bug (CHECK).
  virtual void append(Batch batch) = 0;

  // Bytes queued and not yet durable; callers stop taking work in when it passes a limit of theirs.
  [[nodiscard]] virtual std::size_t backlog_bytes() const = 0;

  // Call when woken (the waker given at construction) and at will. Never blocks.
  virtual Progress take_durable() = 0;

  // The record that carries this external id, durable or queued.
  virtual std::optional<Seq> find(std::string_view source, std::string_view id) = 0;

  // One durable record; nullopt when seq is beyond the end. A damaged one is an Error with
  // ExitCode::kDamaged.
  virtual Result<std::optional<Record>> get(Seq seq) = 0;
  // The same without its words: `content` may be empty, `erased` may be false. Needs no key, and
  // where words are locked it takes a fraction of the time.
  virtual Result<std::optional<Record>> get_clear(Seq seq) = 0;

  // Durable records without their words from `head` back along prev, down to but without `until`.
  // `visit` returns false to stop; what it is given is good until it returns. An Error when one of
  // them is missing.
  virtual Result<void> walk(Seq head, Seq until,
                            const std::function<bool(const RecordView&)>& visit);

  // Durable records first..last in order (last may lie beyond the end), those of `kinds` only.
  // `visit` returns false to stop. The record it is given is reused for the next one. No
  // transaction outlives 1,000 records or one second; between them the log may grow.
  virtual Result<void> scan(Seq first, Seq last, const KindSet& kinds,
                            const std::function<bool(const Record&)>& visit) = 0;

  virtual Result<std::optional<Snapshot>> snapshot(std::string_view projection,
                                                   SessionId session) = 0;

  // All refs, by name, and what they are correct up to.
  struct Refs {
    std::vector<Ref> refs;
    Seq upto = 0;
  };
  virtual Result<Refs> refs() = 0;
};

}  // namespace daybook
