// LMDB, wrapped once: the only file that includes lmdb.h is store.cc.
//
// Law: every return code reaches the caller. A failed put does not poison an LMDB transaction, so
// a Status that is dropped is a lost event; the compiler refuses to drop one. Flags are MDB_NOTLS
// and nothing else. Rejected: lmdb++; it throws and hides which call failed.
//
// What lies in data.mdb and what was moved into segments is one table of events to who reads.
//
// Threads: one writer; readers on any thread. The map may only move while nobody reads, so a Visit
// holds it in place and grow() and reopen() wait for the visits to end.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "journal/segments.h"

struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

namespace daybook::store {

enum class Table : unsigned { kEvents, kRefs, kDedupe, kSeals, kSnapshots, kMeta };
inline constexpr std::size_t kTableCount = 6;

// What LMDB answered: 0, one of its own codes, or an errno.
class [[nodiscard]] Status {
 public:
  explicit Status(int code = 0) : code_(code) {}
  // There is no such entry.
  static Status none();

  [[nodiscard]] bool ok() const { return code_ == 0; }
  [[nodiscard]] bool not_found() const;
  [[nodiscard]] bool exists() const;
  [[nodiscard]] bool map_full() const;
  [[nodiscard]] bool map_resized() const;
  [[nodiscard]] bool damaged() const;       // never continue
  [[nodiscard]] bool no_space() const;      // ENOSPC, EDQUOT
  [[nodiscard]] bool input_output() const;  // EIO, which a full disk may also give
  [[nodiscard]] bool denied() const;        // EACCES
  [[nodiscard]] bool no_memory() const;     // ENOMEM
  [[nodiscard]] bool segment_lost() const;  // Segments::trouble() may know more
  [[nodiscard]] std::string text() const;

  // "<what> <place>: <text>", with the exit code that goes with it.
  [[nodiscard]] Error error(std::string_view what, std::string_view place) const;

 private:
  int code_;
};

// Archived events are wanted and their segment cannot be read.
inline constexpr int kSegmentLost = -1;

class Environment {
 public:
  struct Options {
    std::string directory;
    std::size_t map_bytes = 0;  // 0: what the file says
    bool read_only = false;
    bool create = false;  // makes data.mdb and its tables
  };

  // One per process and directory, for the life of the process: opening a second one and closing
  // it would drop the first one's locks.
  static Result<std::unique_ptr<Environment>> open(Options options);
  // Not yet open: use open().
  explicit Environment(Options options) : options_(std::move(options)) {}
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  [[nodiscard]] const std::string& directory() const { return options_.directory; }
  [[nodiscard]] std::size_t map_bytes() const;
  // Of data.mdb: bytes up to the last used page, and LMDB's own descriptor.
  [[nodiscard]] std::uint64_t used_bytes() const;
  [[nodiscard]] int descriptor() const;
  // fsync of data.mdb.
  Status sync();
  // Of the newest commit; LMDB counts them.
  [[nodiscard]] std::uint64_t transaction() const;

  // Writer thread, no write transaction open. Waits for visits to end.
  Status grow(std::size_t map_bytes);
  Result<void> reopen();
  // Writes all that is used, as of now, to an empty file; compacted. Beside the writer, too: pages
  // that it still reads are not reused until it is done.
  Status copy_to(int descriptor);
  // Frees the slots of readers that died.
  Status check_readers();
  // Who reads just now, in any process, and the newest transaction that each sees.
  struct Reader {
    int process = 0;
    std::uint64_t transaction = 0;
  };
  std::vector<Reader> readers();

  // Reads through these from now on. Before anybody else reads.
  void attach(std::unique_ptr<Segments> segments) { segments_ = std::move(segments); }
  // Null: nothing was archived.
  [[nodiscard]] const Segments* segments() const { return segments_.get(); }

 private:
  friend class Visit;
  friend class Cursor;
  friend class WriteTransaction;

  Result<void> start();
  Result<void> open_environment();
  Status open_tables();
  [[nodiscard]] bool lock_fits() const;
  Result<void> refuse_cut_file() const;
  void stop();

  void enter();
  void leave();
  void shut_gate();
  void open_gate();
  int follow_map();
  MDB_txn* take_spare();
  void keep_spare(MDB_txn* transaction);

  Options options_;
  MDB_env* environment_ = nullptr;
  unsigned tables_[kTableCount] = {};
  std::size_t page_bytes_ = 0;

  std::mutex mutex_;
  std::condition_variable gate_;
  int visits_ = 0;
  bool shut_ = false;
  std::vector<MDB_txn*> spares_;  // reset read transactions, to be renewed
  std::unique_ptr<Segments> segments_;
};

// A read transaction. Views it returns die with it, or with renew().
class Visit {
 public:
  explicit Visit(Environment& environment);
  ~Visit();
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

  Status begin();
  // Of which transaction it sees the outcome.
  [[nodiscard]] std::uint64_t transaction() const;
  Status get(Table table, std::string_view key, std::string_view& value);
  Status get(Table table, std::uint64_t key, std::string_view& value);

 private:
  friend class Cursor;

  Status get_archived(std::uint64_t key, std::string_view& value);

  Environment& environment_;
  MDB_txn* transaction_ = nullptr;
  std::vector<std::unique_ptr<SegmentWalk>> walks_;  // hold what get() returned
};

class Cursor {
 public:
  enum class Archived { kRead, kLeftOut };

  // `visit` has begun and outlives the cursor. Of events, what was archived can be left out.
  Cursor(Visit& visit, Table table, Archived archived = Archived::kRead);
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  Status first();
  Status last();
  Status next();
  Status previous();
  // The first entry whose number is not below `key`.
  Status seek(std::uint64_t key);
  Status seek_key(std::string_view key);

  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] std::uint64_t number() const;
  [[nodiscard]] std::string_view value() const { return value_; }

 private:
  // What data.mdb has to say while segments are read beside it.
  struct Merge {
    explicit Merge(const Segments& segments) : walk(segments) {}

    SegmentWalk walk;
    Status own;
    std::string_view key;
    std::string_view value;
    std::uint64_t number = 0;  // of the entry that the cursor shows
  };

  Status move(int operation, std::string_view wanted = {});
  Status step();
  void find_leaf();
  Status merge(int operation, std::uint64_t wanted);
  Status merge_next();
  Status show();

  MDB_cursor* cursor_ = nullptr;
  int opened_ = 0;
  // Where the keys are numbers: the leaf of the entry it shows, and which of its nodes that is.
  // LMDB's own cursor stays behind, at another one of that leaf.
  const char* leaf_ = nullptr;  // null: not known
  std::size_t node_ = 0;
  std::size_t shown_ = 0;       // LMDB's
  std::size_t page_bytes_ = 0;  // 0: the keys are no numbers
  std::string_view key_;
  std::string_view value_;
  std::unique_ptr<Merge> merge_;  // null: nothing was archived
};

// Aborts unless committed. Writer thread only; one at a time.
class WriteTransaction {
 public:
  explicit WriteTransaction(Environment& environment);
  ~WriteTransaction();
  WriteTransaction(const WriteTransaction&) = delete;
  WriteTransaction& operator=(const WriteTransaction&) = delete;

  Status begin();
  // Replaces.
  Status put(Table table, std::string_view key, std::string_view value);
  // exists() when the key is there already.
  Status insert(Table table, std::string_view key, std::string_view value);
  // exists() unless the key is above all others.
  Status append(Table table, std::uint64_t key, std::string_view value);
  // not_found() when there is none.
  Status remove(Table table, std::string_view key);
  // After any failure the outcome is unknown.
  Status commit();

 private:
  Status write(Table table, std::string_view key, std::string_view value, unsigned flags);

  Environment& environment_;
  MDB_txn* transaction_ = nullptr;
};

}  // namespace daybook::store
