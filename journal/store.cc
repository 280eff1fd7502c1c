// The one file that knows LMDB. Rules of its release 0.9.24 are obeyed here and nowhere else: one
// environment per process, no flags but MDB_NOTLS, handles opened once and committed, the map
// moved only while no transaction is open, no MDB_DUPSORT and no deleting by cursor.
#include "journal/store.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/check.h"
#include "journal/leaf.h"
#include "journal/lock_file.h"

namespace daybook::store {
namespace {

constexpr unsigned kMode = 0600;
constexpr int kLockLooksMax = 20;
constexpr std::size_t kCacheLineBytes = 64;
constexpr const char* kTableNames[kTableCount] = {"events", "refs",      "dedupe",
                                                  "seals",  "snapshots", "meta"};

bool has_number_keys(Table table) { return table == Table::kEvents || table == Table::kSeals; }

MDB_val to_val(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }

std::string_view to_view(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

std::string_view to_view(const std::uint64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

// LMDB calls this on an inconsistency it cannot return from.
void damaged_beyond_return(MDB_env*, const char* message) {
  constexpr int kExitDamaged = static_cast<int>(ExitCode::kDamaged);
  const char* const pieces[] = {"the journal is damaged (LMDB: ", message,
                                "); restore it from a backup\n"};
  for (const char* piece : pieces) {
    if (::write(STDERR_FILENO, piece, std::strlen(piece)) < 0) break;
  }
  ::_exit(kExitDamaged);
}

// Slots of readers that were killed are free once somebody looks.
int begin_transaction(MDB_env* environment, unsigned flags, MDB_txn** transaction) {
  const int code = mdb_txn_begin(environment, nullptr, flags, transaction);
  int dead = 0;
  if (code != MDB_READERS_FULL || mdb_reader_check(environment, &dead) != 0) return code;
  return mdb_txn_begin(environment, nullptr, flags, transaction);
}

}  // namespace

Status Status::none() { return Status(MDB_NOTFOUND); }
bool Status::not_found() const { return code_ == MDB_NOTFOUND; }
bool Status::exists() const { return code_ == MDB_KEYEXIST; }
bool Status::map_full() const { return code_ == MDB_MAP_FULL; }
bool Status::map_resized() const { return code_ == MDB_MAP_RESIZED; }
bool Status::no_space() const { return code_ == ENOSPC || code_ == EDQUOT; }
bool Status::input_output() const { return code_ == EIO; }
bool Status::denied() const { return code_ == EACCES; }
bool Status::no_memory() const { return code_ == ENOMEM; }
bool Status::segment_lost() const { return code_ == kSegmentLost; }
std::string Status::text() const {
  if (code_ == MDB_READERS_FULL) return "too many programs read it at once; end some and try again";
  if (no_memory()) {
    return "its map takes more of the address space than this process may have: raise the limit, "
           "`ulimit -v unlimited` or LimitAS=infinity of its unit";
  }
  if (code_ != kSegmentLost) return mdb_strerror(code_);
  return "a file of archived chunks cannot be read";
}

bool Status::damaged() const {
  switch (code_) {
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_BAD_TXN:
    case MDB_BAD_DBI:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
    case MDB_NOTFOUND:
      return true;
    default:
      return false;
  }
}

Error Status::error(std::string_view what, std::string_view place) const {
  std::string message(what);
  message.append(" ").append(place).append(": ").append(text());
  if (!damaged()) return {message, ExitCode::kInputOutput};
  return {message + "; the journal is damaged, restore it from a backup", ExitCode::kDamaged};
}

Result<std::unique_ptr<Environment>> Environment::open(Options options) {
  auto environment = std::make_unique<Environment>(std::move(options));
  const Result<void> started = environment->start();
  if (!started) return started.error();
  return environment;
}

Environment::~Environment() { stop(); }

Result<void> Environment::start() {
  for (int times = 0; times < kLockLooksMax; ++times) {
    Result<void> opened = open_environment();
    if (!opened || options_.create || lock_fits()) return opened;
    stop();
    if (options_.read_only) continue;
    const std::string lock = options_.directory + "/" + kLock;
    if (::unlink(lock.c_str()) != 0 && errno != ENOENT) {
      return Status(errno).error("cannot remove", lock);
    }
  }
  return Error{"the journal in " + options_.directory +
                   " is being archived or restored: try again when that is done",
               ExitCode::kUnavailable};
}

// lock.mdb says which commit is the newest, whatever data.mdb says: one that was made for another
// data.mdb (by who opened the old one just before another took its place) would let commits be
// lost. Who reads then waits for a writer; a writer, who is alone, makes it anew.
bool Environment::lock_fits() const {
  for (int looks = 0; looks < kLockLooksMax; ++looks) {
    const std::uint64_t before = transaction();
    MDB_txn* look = nullptr;
    if (mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &look) != 0) return true;  // told later
    const std::uint64_t seen = mdb_txn_id(look);
    mdb_txn_abort(look);
    // One behind it is while a commit ends, and after a writer that died there.
    const bool fits = seen == before || seen + 1 == before;
    if (fits && before == transaction()) return true;
  }
  return false;
}

Result<void> Environment::open_environment() {
  const std::string& place = options_.directory;
  Status status(mdb_env_create(&environment_));
  if (!status.ok()) return status.error("cannot open the journal in", place);
  if (options_.map_bytes > 0)
    status = Status(mdb_env_set_mapsize(environment_, options_.map_bytes));
  if (status.ok()) status = Status(mdb_env_set_maxdbs(environment_, kTableCount));
  if (status.ok()) status = Status(mdb_env_set_assert(environment_, damaged_beyond_return));
  if (status.ok()) status = Status(reserve_lock_file(place + "/" + kLock));
  const unsigned flags = MDB_NOTLS | (options_.read_only ? MDB_RDONLY : 0U);
  if (status.ok()) status = Status(mdb_env_open(environment_, place.c_str(), flags, kMode));
  if (status.denied()) return opening_denied(place);
  if (!status.ok()) {
    Error error = status.error("cannot open the journal in", place);
    constexpr auto kNeeds = "; a reader writes lock.mdb: it needs room there, and the right to";
    if (options_.read_only && !status.damaged() && !status.no_memory()) error.message += kNeeds;
    return error;
  }

  // LMDB opens it without O_CLOEXEC; a child program must not hold the journal.
  if (::fcntl(descriptor(), F_SETFD, FD_CLOEXEC) != 0) {
    return Status(errno).error("cannot open the journal in", place);
  }
  unsigned set = 0;
  status = Status(mdb_env_get_flags(environment_, &set));
  constexpr unsigned kUnsafe = MDB_NOSYNC | MDB_NOMETASYNC | MDB_WRITEMAP | MDB_MAPASYNC |
                               MDB_NOLOCK | MDB_NOMEMINIT | MDB_FIXEDMAP;
  CHECK(status.ok() && (set & kUnsafe) == 0, "LMDB runs with MDB_NOTLS and nothing else");
#ifdef DAYBOOK_SABOTAGE_SKIP_FSYNC
  status = Status(mdb_env_set_flags(environment_, MDB_NOSYNC, 1));
#endif
  if (!options_.create) {
    Result<void> whole = refuse_cut_file();
    if (!whole) return whole;
  }
  status = open_tables();
  if (!status.ok()) return status.error("cannot read the journal in", place);
  MDB_stat stat{};
  CHECK(mdb_env_stat(environment_, &stat) == 0, "an open environment can be asked");
  page_bytes_ = stat.ms_psize;
  return {};
}

// Touching a page beyond the end of a cut file would kill the process.
Result<void> Environment::refuse_cut_file() const {
  struct stat file {};
  if (::fstat(descriptor(), &file) != 0) {
    return Status(errno).error("cannot read the journal in", options_.directory);
  }
  if (static_cast<std::uint64_t>(file.st_size) >= used_bytes()) return {};
  return Error{options_.directory +
                   "/data.mdb is shorter than its contents: it was cut; restore it" +
                   " from a backup",
               ExitCode::kDamaged};
}

Status Environment::open_tables() {
  MDB_txn* transaction = nullptr;
  const unsigned mode = options_.create ? 0U : MDB_RDONLY;
  Status status(begin_transaction(environment_, mode, &transaction));
  if (!status.ok()) return status;
  for (unsigned i = 0; i < kTableCount && status.ok(); ++i) {
    const unsigned flags = (options_.create ? MDB_CREATE : 0U) |
                           (has_number_keys(static_cast<Table>(i)) ? MDB_INTEGERKEY : 0U);
    status = Status(mdb_dbi_open(transaction, kTableNames[i], flags, &tables_[i]));
  }
  if (status.ok()) return Status(mdb_txn_commit(transaction));  // handles live on only if committed
  mdb_txn_abort(transaction);
  return status;
}

void Environment::stop() {
  for (MDB_txn* spare : spares_) mdb_txn_abort(spare);
  spares_.clear();
  if (environment_ != nullptr) mdb_env_close(environment_);
  environment_ = nullptr;
}

std::size_t Environment::map_bytes() const {
  MDB_envinfo info{};
  CHECK(mdb_env_info(environment_, &info) == 0, "an open environment can be asked");
  return info.me_mapsize;
}

std::uint64_t Environment::transaction() const {
  MDB_envinfo info{};
  CHECK(mdb_env_info(environment_, &info) == 0, "an open environment can be asked");
  return info.me_last_txnid;
}

std::uint64_t Environment::used_bytes() const {
  MDB_envinfo info{};
  MDB_stat stat{};
  CHECK(mdb_env_info(environment_, &info) == 0, "an open environment can be asked");
  CHECK(mdb_env_stat(environment_, &stat) == 0, "an open environment can be asked");
  return (static_cast<std::uint64_t>(info.me_last_pgno) + 1) * stat.ms_psize;
}

int Environment::descriptor() const {
  int descriptor = -1;
  CHECK(mdb_env_get_fd(environment_, &descriptor) == 0, "an open environment can be asked");
  return descriptor;
}

Status Environment::copy_to(int descriptor) {
  enter();
  const Status status(mdb_env_copyfd2(environment_, descriptor, MDB_CP_COMPACT));
  leave();
  return status;
}

Status Environment::sync() {
  const Status status(mdb_env_sync(environment_, 1));
  if (!status.ok()) return status;
  return Status(::fsync(descriptor()) == 0 ? 0 : errno);
}

Status Environment::grow(std::size_t map_bytes) {
  shut_gate();
  const Status status(mdb_env_set_mapsize(environment_, map_bytes));
  if (status.ok()) options_.map_bytes = map_bytes;
  open_gate();
  return status;
}

Result<void> Environment::reopen() {
  shut_gate();
  stop();
  options_.create = false;
  Result<void> started = start();
  if (!started) stop();
  open_gate();
  return started;
}

// Another process has grown the map; the visit that found out has entered. Tools that open
// read-only never visit inside a visit.
int Environment::follow_map() {
  leave();
  shut_gate();
  const int code = mdb_env_set_mapsize(environment_, 0);
  open_gate();
  enter();
  return code;
}

Status Environment::check_readers() {
  int dead = 0;
  return Status(mdb_reader_check(environment_, &dead));
}

std::vector<Environment::Reader> Environment::readers() {
  std::vector<Reader> found;
  // A line of each, "pid thread transaction"; a dash where it reads nothing just now.
  const auto keep = [](const char* line, void* into) {
    unsigned long long transaction = 0;
    int process = 0;
    if (std::sscanf(line, "%d %*x %llu", &process, &transaction) == 2) {
      static_cast<std::vector<Reader>*>(into)->push_back({process, transaction});
    }
    return 0;
  };
  mdb_reader_list(environment_, keep, &found);
  return found;
}

void Environment::enter() {
  std::unique_lock lock(mutex_);
  gate_.wait(lock, [this] { return !shut_; });
  ++visits_;
}

void Environment::leave() {
  const std::lock_guard lock(mutex_);
  --visits_;
  if (visits_ == 0) gate_.notify_all();
}

// Readers go first: one that visits inside a visit must not wait for a gate that waits for it.
void Environment::shut_gate() {
  std::unique_lock lock(mutex_);
  gate_.wait(lock, [this] { return visits_ == 0 && !shut_; });
  shut_ = true;
}

void Environment::open_gate() {
  const std::lock_guard lock(mutex_);
  shut_ = false;
  gate_.notify_all();
}

MDB_txn* Environment::take_spare() {
  const std::lock_guard lock(mutex_);
  if (spares_.empty()) return nullptr;
  MDB_txn* spare = spares_.back();
  spares_.pop_back();
  return spare;
}

void Environment::keep_spare(MDB_txn* transaction) {
  mdb_txn_reset(transaction);
  const std::lock_guard lock(mutex_);
  spares_.push_back(transaction);
}

Visit::Visit(Environment& environment) : environment_(environment) { environment_.enter(); }

Visit::~Visit() {
  if (transaction_ != nullptr) environment_.keep_spare(transaction_);
  environment_.leave();
}

Status Visit::begin() {
  CHECK(transaction_ == nullptr, "a visit begins once");
  MDB_env* env = environment_.environment_;
  if (env == nullptr) return Status(EIO);  // a reopen failed
  MDB_txn* transaction = environment_.take_spare();
  const auto attempt = [&] {
    if (transaction != nullptr) return mdb_txn_renew(transaction);
    return begin_transaction(env, MDB_RDONLY, &transaction);
  };
  int code = attempt();
  if (code == MDB_MAP_RESIZED && environment_.options_.read_only) {
    code = environment_.follow_map();
    if (code == 0) code = attempt();
  }
  if (code == 0) {
    transaction_ = transaction;
  } else if (transaction != nullptr) {
    mdb_txn_abort(transaction);
  }
  return Status(code);
}

std::uint64_t Visit::transaction() const { return mdb_txn_id(transaction_); }

Status Visit::get(Table table, std::string_view key, std::string_view& value) {
  MDB_val key_val = to_val(key);
  MDB_val found{};
  const unsigned handle = environment_.tables_[static_cast<unsigned>(table)];
  const Status status(mdb_get(transaction_, handle, &key_val, &found));
  if (status.ok()) value = to_view(found);
  return status;
}

Status Visit::get(Table table, std::uint64_t key, std::string_view& value) {
  const Status status = get(table, to_view(key), value);
  const bool elsewhere = status.not_found() && table == Table::kEvents;
  if (!elsewhere || environment_.segments() == nullptr) return status;
  return get_archived(key, value);
}

Status Visit::get_archived(std::uint64_t key, std::string_view& value) {
  const Segments& segments = *environment_.segments();
  const std::size_t place = segments.place_of(key);
  const bool may_be_there =
      place < segments.places().size() && segments.places()[place].first <= key;
  if (!may_be_there) return Status(MDB_NOTFOUND);
  walks_.push_back(std::make_unique<SegmentWalk>(segments));
  SegmentWalk& walk = *walks_.back();
  if (!walk.seek(key)) return Status(kSegmentLost);
  if (!walk.there() || walk.key() != key) return Status(MDB_NOTFOUND);
  if (!walk.load()) return Status(kSegmentLost);
  value = walk.value();
  return Status();
}

Cursor::Cursor(Visit& visit, Table table, Archived archived) {
  const unsigned handle = visit.environment_.tables_[static_cast<unsigned>(table)];
  opened_ = mdb_cursor_open(visit.transaction_, handle, &cursor_);
  if (has_number_keys(table)) page_bytes_ = visit.environment_.page_bytes_;
  const Segments* segments = visit.environment_.segments();
  const bool merges = table == Table::kEvents && archived == Archived::kRead;
  if (merges && segments != nullptr) merge_ = std::make_unique<Merge>(*segments);
}

Cursor::~Cursor() {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
}

Status Cursor::move(int operation, std::string_view wanted) {
  if (opened_ != 0) return Status(opened_);
  MDB_val key = to_val(wanted);
  MDB_val found{};
  const Status status(mdb_cursor_get(cursor_, &key, &found, static_cast<MDB_cursor_op>(operation)));
  key_ = status.ok() ? to_view(key) : std::string_view();
  value_ = status.ok() ? to_view(found) : std::string_view();
  leaf_ = nullptr;
  return status;
}

// The next entry. LMDB takes some 25 ns for it; nearly all lie one node further in the same leaf,
// and are taken from there.
Status Cursor::step() {
  if (page_bytes_ == 0 || key_.empty()) return move(MDB_NEXT);
  if (leaf_ == nullptr) find_leaf();
  const Leaf leaf(leaf_, page_bytes_);
  if (!leaf.has_plain(node_ + 1)) {
    // LMDB follows: it is in this leaf, so it need not search the tree.
    const Status followed = node_ == shown_ ? Status() : move(MDB_SET_RANGE, key_);
    return followed.ok() ? move(MDB_NEXT) : followed;
  }
  ++node_;
  key_ = leaf.key(node_);
  value_ = leaf.value(node_);
  return Status();
}

// Of the entry that LMDB has shown: its key lies in there.
void Cursor::find_leaf() {
  const auto place = reinterpret_cast<std::uintptr_t>(key_.data()) % page_bytes_;
  leaf_ = key_.data() - place;
  // Most leaves lie in the file as they follow one another. Nothing is read: a guess beyond the map
  // does no harm.
  const char* const guess = leaf_ + page_bytes_;
  for (std::size_t at = 0; at < page_bytes_; at += kCacheLineBytes)
    __builtin_prefetch(guess + at, 0, 2);
  const Leaf leaf(leaf_, page_bytes_);
  node_ = 0;
  while (leaf.key(node_).data() != key_.data() && leaf.has(node_ + 1)) ++node_;
  shown_ = node_;
}

// Both from `wanted` on.
Status Cursor::merge(int operation, std::uint64_t wanted) {
  merge_->own = move(operation, to_view(wanted));
  merge_->key = key_;
  merge_->value = value_;
  if (!merge_->walk.seek(wanted)) return Status(kSegmentLost);
  return show();
}

Status Cursor::merge_next() {
  SegmentWalk& walk = merge_->walk;
  key_ = merge_->key;
  const bool own = merge_->own.ok() && number() == merge_->number;
  const bool archived = walk.there() && walk.key() == merge_->number;
  if (archived && !(walk.load() && walk.next())) return Status(kSegmentLost);
  if (own) {
    merge_->own = step();
    merge_->key = key_;
    merge_->value = value_;
  }
  return show();
}

// The lower of both.
Status Cursor::show() {
  if (!merge_->own.ok() && !merge_->own.not_found()) return merge_->own;
  SegmentWalk& walk = merge_->walk;
  key_ = merge_->key;
  value_ = merge_->value;
  if (walk.there() && (!merge_->own.ok() || walk.key() < number())) {
    if (!walk.load()) return Status(kSegmentLost);
    merge_->number = walk.key();
    key_ = to_view(merge_->number);
    value_ = walk.value();
    return Status();
  }
  merge_->number = number();
  return merge_->own;
}

Status Cursor::first() { return merge_ ? merge(MDB_FIRST, 0) : move(MDB_FIRST); }
Status Cursor::next() { return merge_ ? merge_next() : step(); }

// The newest event is never a chunk that was archived, and nobody walks events backwards.
Status Cursor::last() {
  CHECK(merge_ == nullptr || merge_->number == 0, "the last event is asked for alone");
  return move(MDB_LAST);
}

Status Cursor::previous() {
  CHECK(merge_ == nullptr, "events are walked forwards");
  return move(MDB_PREV);
}

Status Cursor::seek(std::uint64_t key) {
  return merge_ ? merge(MDB_SET_RANGE, key) : move(MDB_SET_RANGE, to_view(key));
}

Status Cursor::seek_key(std::string_view key) { return move(MDB_SET_RANGE, key); }

std::uint64_t Cursor::number() const {
  std::uint64_t number = 0;
  if (key_.size() == sizeof number) std::memcpy(&number, key_.data(), sizeof number);
  return number;
}

WriteTransaction::WriteTransaction(Environment& environment) : environment_(environment) {}

WriteTransaction::~WriteTransaction() {
  if (transaction_ != nullptr) mdb_txn_abort(transaction_);
}

Status WriteTransaction::begin() {
  CHECK(transaction_ == nullptr, "a second write transaction in one thread would wait for ever");
  if (environment_.environment_ == nullptr) return Status(EIO);
  return Status(mdb_txn_begin(environment_.environment_, nullptr, 0, &transaction_));
}

Status WriteTransaction::write(Table table, std::string_view key, std::string_view value,
                               unsigned flags) {
  MDB_val key_val = to_val(key);
  MDB_val value_val = to_val(value);
  const unsigned handle = environment_.tables_[static_cast<unsigned>(table)];
  const Status status(mdb_put(transaction_, handle, &key_val, &value_val, flags));
#ifdef DAYBOOK_SABOTAGE_IGNORE_PUT
  return Status();
#endif
  return status;
}

Status WriteTransaction::put(Table table, std::string_view key, std::string_view value) {
  return write(table, key, value, 0);
}

Status WriteTransaction::insert(Table table, std::string_view key, std::string_view value) {
  return write(table, key, value, MDB_NOOVERWRITE);
}

Status WriteTransaction::append(Table table, std::uint64_t key, std::string_view value) {
  return write(table, to_view(key), value, MDB_APPEND);
}

Status WriteTransaction::remove(Table table, std::string_view key) {
  MDB_val wanted{key.size(), const_cast<char*>(key.data())};
  const unsigned opened = environment_.tables_[static_cast<unsigned>(table)];
  return Status(mdb_del(transaction_, opened, &wanted, nullptr));
}

Status WriteTransaction::commit() {
  MDB_txn* transaction = transaction_;
  transaction_ = nullptr;  // freed by mdb_txn_commit whatever it answers
  return Status(mdb_txn_commit(transaction));
}

}  // namespace daybook::store
