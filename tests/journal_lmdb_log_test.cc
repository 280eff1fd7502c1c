// The journal on disk: the contract, one writer, safe creation, growth, and what a crash leaves.
#include "journal/lmdb_log.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "journal/store.h"
#include "tests/journal_place.h"
#include "tests/log_clear.h"
#include "tests/log_contract.h"
#include "tests/log_erasure.h"
#include "tests/log_projections.h"

namespace daybook::journal_lmdb_log_test {

using journal_place::DiskLog;
using journal_place::mode_of;
using journal_place::Place;
using log_contract::batch_of;
using log_contract::event_of;
using log_contract::read_all;

namespace fs = std::filesystem;

class LmdbSubject {
 public:
  LmdbSubject() { reopen(); }
  Log& log() { return disk_->log(); }
  std::vector<Batch> settle() { return disk_->settle(); }
  void reopen() {
    disk_.reset();
    disk_ = std::make_unique<DiskLog>(place_.options());
  }

 private:
  Place place_;
  std::unique_ptr<DiskLog> disk_;
};

TEST_CASE("the LMDB log keeps the contract of the port", "[journal]") {
  log_contract::run<LmdbSubject>();
}

TEST_CASE("LmdbLog keeps the newest snapshot and ref of each name", "[journal]") {
  log_contract::projections_are_replaced_by_name<LmdbSubject>();
}

TEST_CASE("LmdbLog gives facts without words, by seq and back along a chain", "[journal]") {
  log_contract::facts_are_read_without_words<LmdbSubject>();
}

TEST_CASE("words erased from the LMDB log are gone, and no others", "[journal]") {
  log_contract::erased_words_are_gone_for_good<LmdbSubject>();
}

TEST_CASE("batches that wait are joined into one commit", "[journal]") {
  Place place;
  std::mutex mutex;
  std::condition_variable changed;
  bool held = false;
  bool released = false;
  std::vector<std::pair<Seq, Seq>> commits;
  LmdbLog::Options options = place.options();
  options.at_commit = [&](Seq first, Seq last, bool after) {
    std::unique_lock lock(mutex);
    if (after) return;
    commits.emplace_back(first, last);
    held = true;
    changed.notify_all();
    changed.wait(lock, [&] { return released; });
  };
  DiskLog disk(options);
  disk.log().append(batch_of(1, 1));
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return held; });
  }
  for (Seq seq = 2; seq <= 20; ++seq) disk.log().append(batch_of(seq, 1));
  CHECK(disk.log().backlog_bytes() > 0);
  CHECK(disk.log().take_durable().durable.empty());
  CHECK(read_all(disk.log()).empty());
  {
    const std::lock_guard lock(mutex);
    released = true;
  }
  changed.notify_all();
  CHECK(disk.settle().size() == 20);
  CHECK(commits == std::vector<std::pair<Seq, Seq>>{{1, 1}, {2, 20}});
}

TEST_CASE("a second writer is refused and told who holds the journal", "[journal]") {
  Place place;
  const DiskLog disk(place.options());
  const auto second = LmdbLog::open(place.options());
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ExitCode::kBusy);
  CHECK(second.error().message.find("(pid " + std::to_string(::getpid()) + ")") !=
        std::string::npos);
  CHECK(second.error().message.find(place.directory()) != std::string::npos);
}

TEST_CASE("a new journal is for its owner's eyes only", "[journal]") {
  const mode_t before = ::umask(0);
  Place place;
  {
    DiskLog disk(place.options());
    disk.log().append(batch_of(1, 1));
    disk.settle();
  }
  ::umask(before);
  CHECK(mode_of(place.directory()) == 0700);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(place.directory())) {
    names.push_back(entry.path().filename().string());
    CHECK(mode_of(entry.path().string()) == 0600);
  }
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"daemon.lock", "data.mdb", "head", "keys", "lock.mdb",
                                          "seal.key"});
}

TEST_CASE("words are in no file of a journal, unless it was made to be in clear", "[journal]") {
  const std::string word = "canary-in-a-coal-mine";
  for (const bool encrypt : {true, false}) {
    Place place;
    LmdbLog::Options options = place.options();
    options.encrypt = encrypt;
    {
      DiskLog disk(options);
      Batch batch = batch_of(1, 3);
      batch.records[1].content = word;
      disk.log().append(batch);
      disk.settle();
    }
    options.encrypt = !encrypt;  // only a new journal heeds it
    {
      DiskLog disk(options);
      Batch batch = batch_of(4, 1);
      batch.records[0].content = word;
      disk.log().append(batch);
      disk.settle();
      CHECK(disk.log().get(2).value()->content == word);
      CHECK(disk.log().get(4).value()->content == word);
    }
    int found = 0;
    for (const auto& entry : fs::directory_iterator(place.directory())) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      for (auto at = bytes.find(word); at != std::string::npos; at = bytes.find(word, at + 1)) {
        ++found;
      }
    }
    CHECK((found > 0) == !encrypt);
  }
}

TEST_CASE("no descriptor of the journal survives exec", "[journal]") {
  Place place;
  const DiskLog disk(place.options());
  int seen = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string target = fs::read_symlink(entry.path(), gone).string();
    if (!target.starts_with(place.directory())) continue;
    ++seen;
    const int number = std::stoi(entry.path().filename().string());
    CHECK((::fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(seen >= 4);  // data.mdb, lock.mdb, daemon.lock, keys
}

TEST_CASE("what a torn creation left behind is removed", "[journal]") {
  Place place;
  const std::string draft = place.directory() + "/creating.tmp";
  fs::create_directories(draft);
  std::ofstream(draft + "/data.mdb") << "torn";
  std::ofstream(draft + "/seal.key.tmp") << "torn";
  std::ofstream(place.directory() + "/seal.key") << "moved before the data was";
  DiskLog disk(place.options());
  CHECK_FALSE(fs::exists(draft));
  disk.log().append(batch_of(1, 3));
  CHECK(disk.settle().size() == 1);
}

TEST_CASE("a journal is made only when asked for", "[journal]") {
  Place place;
  LmdbLog::Options options = place.options();
  options.create_if_missing = false;
  const auto refused = LmdbLog::open(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ExitCode::kInputOutput);
  CHECK(refused.error().message.find("there is no journal in") != std::string::npos);
  CHECK_FALSE(LmdbReader::open(place.directory()));
}

TEST_CASE("a directory that is a link, a file or another user's is refused", "[journal]") {
  Place place;
  fs::create_directories(place.directory() + "/real");
  const std::string link = place.directory() + "/link";
  fs::create_symlink(place.directory() + "/real", link);
  LmdbLog::Options options = place.options();
  options.directory = link;
  CHECK(LmdbLog::open(options).error().message.find("symbolic link") != std::string::npos);
  options.directory = place.directory() + "/file";
  std::ofstream(options.directory) << "x";
  CHECK(LmdbLog::open(options).error().message.find("not a directory") != std::string::npos);
  if (::geteuid() != 0) {
    WARN("only root can give a directory to another user: that refusal was not tested");
    return;
  }
  REQUIRE(::chown((place.directory() + "/real").c_str(), 65'534, 65'534) == 0);
  options.directory = place.directory() + "/real";
  CHECK(LmdbLog::open(options).error().message.find("another user") != std::string::npos);
}

TEST_CASE("a full map grows and the batch goes in", "[journal]") {
  Place place;
  LmdbLog::Options options = place.options();
  options.map_bytes = 256u << 10;
  Seq next = 1;
  {
    DiskLog disk(options);
    for (int i = 0; i < 40; ++i, next += 50) {
      Batch batch = batch_of(next, 50);
      for (Record& event : batch.records) event.content = std::string(1'000, 'w');
      disk.log().append(batch);
      REQUIRE(disk.settle().size() == 1);
    }
    CHECK(disk.log().find("telegram", "1") == std::nullopt);
    CHECK(read_all(disk.log()).size() == next - 1);
  }
  DiskLog disk(options);
  CHECK(disk.log().last() == next - 1);
  CHECK(read_all(disk.log()).size() == next - 1);
}

// A child process that appends for ever and tells on a pipe which events were acknowledged.
[[noreturn]] void append_until_killed(const LmdbLog::Options& options, int told) {
  DiskLog disk(options);
  for (Seq next = disk.log().last() + 1;; next += 3) {
    disk.log().append(batch_of(next, 3));
    for (const Batch& batch : disk.settle()) {
      const Seq last = batch.records.back().seq;
      if (::write(told, &last, sizeof last) != sizeof last) ::_exit(1);
    }
  }
}

TEST_CASE("kill -9 at any moment loses no acknowledged event and leaves no half batch",
          "[journal]") {
  Place place;
  Seq acknowledged = 0;
  for (int round = 0; round < 25; ++round) {
    int pipe_ends[2];
    REQUIRE(::pipe2(pipe_ends, O_CLOEXEC) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) append_until_killed(place.options(), pipe_ends[1]);
    ::close(pipe_ends[1]);
    Seq last = 0;
    for (int i = 0; i <= round; ++i) {
      REQUIRE(::read(pipe_ends[0], &last, sizeof last) == sizeof last);
    }
    REQUIRE(::kill(child, SIGKILL) == 0);
    while (::read(pipe_ends[0], &last, sizeof last) == sizeof last) acknowledged = last;
    acknowledged = std::max(acknowledged, last);
    ::close(pipe_ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));

    DiskLog disk(place.options());
    REQUIRE(disk.log().last() >= acknowledged);
    REQUIRE(disk.log().last() % 3 == 0);
    REQUIRE(read_all(disk.log()) == batch_of(1, disk.log().last()).records);
  }
}

TEST_CASE("killed just before a commit it is absent, just after it is there", "[journal]") {
  for (const bool kill_after : {false, true}) {
    Place place;
    LmdbLog::Options options = place.options();
    options.at_commit = [kill_after](Seq first, Seq, bool after) {
      if (first == 4 && after == kill_after) ::raise(SIGKILL);
    };
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) append_until_killed(options, ::open("/dev/null", O_WRONLY | O_CLOEXEC));
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    DiskLog disk(place.options());
    CHECK(disk.log().last() == (kill_after ? 6 : 3));
  }
}

TEST_CASE("a reader in another process sees what is durable while the daemon runs", "[journal]") {
  Place place;
  int go[2];
  REQUIRE(::pipe2(go, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    char byte = 0;
    if (::read(go[0], &byte, 1) != 1) ::_exit(1);
    auto reader = LmdbReader::open(place.directory());
    if (!reader || (*reader)->last() != 2'500) ::_exit(2);
    Seq seen = 0;
    const auto count = [&seen](const Record& event) { return event.seq == ++seen; };
    if (!(*reader)->scan(1, ~Seq{0}, KindSet().set(), count) || seen != 2'500) ::_exit(3);
    if ((*reader)->find("telegram", "1") != Seq{5}) ::_exit(4);
    ::_exit(0);
  }
  DiskLog disk(place.options());
  Batch batch = batch_of(1, 2'500);
  batch.externals = {{"telegram", "1", 5}};
  disk.log().append(batch);
  disk.settle();
  REQUIRE(::write(go[1], "g", 1) == 1);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  ::close(go[0]);
  ::close(go[1]);
}

// A child process that acts whenever it is told to, once for each answer.
class Helper {
 public:
  explicit Helper(const std::function<bool(int round)>& act) {
    REQUIRE(::pipe2(go_, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(answer_, O_CLOEXEC) == 0);
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ != 0) return;
    char byte = 0;
    for (int round = 0; ::read(go_[0], &byte, 1) == 1; ++round) {
      const char answer = act(round) ? 'y' : 'n';
      if (::write(answer_[1], &answer, 1) != 1) break;
    }
    ::_exit(0);
  }
  ~Helper() {
    kill();
    for (const int end : {go_[0], go_[1], answer_[0], answer_[1]}) ::close(end);
  }
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  bool act() {
    char answer = 0;
    REQUIRE(::write(go_[1], "g", 1) == 1);
    REQUIRE(::read(answer_[0], &answer, 1) == 1);
    return answer == 'y';
  }
  void kill() {
    if (child_ == 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(std::exchange(child_, 0), nullptr, 0);
  }

 private:
  int go_[2] = {};
  int answer_[2] = {};
  pid_t child_ = 0;
};

TEST_CASE("slots of readers that were killed are free for whoever needs one", "[journal]") {
  Place place;
  std::unique_ptr<store::Environment> environment;
  std::vector<std::unique_ptr<store::Visit>> visits;
  Helper greedy([&](int) {
    environment = *store::Environment::open({place.directory(), 0, true, false});
    do {
      visits.push_back(std::make_unique<store::Visit>(*environment));
    } while (visits.back()->begin().ok());
    return visits.size() > 100;
  });
  Helper late([&](int) { return LmdbReader::open(place.directory()).has_value(); });
  LmdbLog::Options options = place.options();
  options.head_interval = std::chrono::milliseconds(0);
  DiskLog disk(options);
  disk.log().append(batch_of(1, 1));
  disk.settle();
  REQUIRE(greedy.act());
  CHECK_FALSE(late.act());
  greedy.kill();
  CHECK(late.act());  // who finds none free looks
}

TEST_CASE("a reader that falls behind is known until it dies", "[journal]") {
  Place place;
  std::unique_ptr<store::Environment> environment;
  std::unique_ptr<store::Visit> visit;
  Helper slow([&](int) {
    environment = *store::Environment::open({place.directory(), 0, true, false});
    visit = std::make_unique<store::Visit>(*environment);
    return visit->begin().ok();
  });
  Helper onlooker([&](int round) {
    const auto reader = LmdbReader::open(place.directory());
    if (!reader) return false;
    const auto last = (*reader)->latecomer();
    return round == 0 ? last && last->commits >= 2 : !last;
  });
  LmdbLog::Options options = place.options();
  options.head_interval = std::chrono::milliseconds(0);
  DiskLog disk(options);
  const auto commit = [&](Seq seq) {
    disk.log().append(batch_of(seq, 1));
    disk.settle();
  };
  commit(1);
  REQUIRE(slow.act());
  for (Seq seq = 2; seq <= 4; ++seq) commit(seq);
  CHECK(onlooker.act());
  const std::vector<Latecomer> late = disk.log().late_readers();
  REQUIRE(late.size() == 1);
  CHECK(late[0].commits >= 2);
  slow.kill();
  // The slots are looked after behind a commit, so they are free when the one after it is reported.
  for (Seq seq = 5; seq <= 6; ++seq) commit(seq);
  CHECK(onlooker.act());
  CHECK(disk.log().late_readers().empty());
}

TEST_CASE("a reader follows when the writer grows the map", "[journal]") {
  Place place;
  int go[2];
  int answer[2];
  REQUIRE(::pipe2(go, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(answer, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    char byte = 0;
    if (::read(go[0], &byte, 1) != 1) ::_exit(1);
    auto reader = LmdbReader::open(place.directory());
    if (!reader || (*reader)->last() != 1 || ::write(answer[1], "a", 1) != 1) ::_exit(2);
    if (::read(go[0], &byte, 1) != 1) ::_exit(3);
    ::_exit((*reader)->last() == 501 && (*reader)->get(501).value() ? 0 : 4);
  }
  LmdbLog::Options options = place.options();
  options.map_bytes = 256u << 10;
  DiskLog disk(options);
  disk.log().append(batch_of(1, 1));
  disk.settle();
  REQUIRE(::write(go[1], "g", 1) == 1);
  char byte = 0;
  REQUIRE(::read(answer[0], &byte, 1) == 1);
  Batch large = batch_of(2, 500);
  for (Record& event : large.records) event.content = std::string(4'000, 'w');
  disk.log().append(large);
  disk.settle();
  REQUIRE(::write(go[1], "g", 1) == 1);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  for (const int end : {go[0], go[1], answer[0], answer[1]}) ::close(end);
}

TEST_CASE("a full disk keeps the queued batches and writes them when there is space", "[journal]") {
  Place place;
  fs::create_directories(place.directory());
  if (::mount("tmpfs", place.directory().c_str(), "tmpfs", 0, "size=1m,mode=0700") != 0) {
    WARN("no tmpfs could be mounted here (" << std::strerror(errno) << "): not tested");
    return;
  }
  {
    LmdbLog::Options options = place.options();
    options.space_poll = std::chrono::milliseconds(1);
    DiskLog disk(options);
    Seq next = 1;
    Log::Progress progress;
    while (!progress.waiting_for_space) {
      REQUIRE(next < 5'000);
      Batch batch = batch_of(next, 10);
      for (Record& event : batch.records) event.content = std::string(3'000, 'w');
      batch.externals = {{"telegram", std::to_string(next), next}};
      disk.log().append(batch);
      next += 10;
      progress = disk.settle_or_wait();
      REQUIRE_FALSE(progress.stopped);
    }
    disk.log().append(batch_of(next, 10));  // more may queue meanwhile
    next += 10;
    CHECK(disk.log().backlog_bytes() > 0);
    CHECK(read_all(disk.log()).size() < next - 1);  // reading goes on
    REQUIRE(::mount("tmpfs", place.directory().c_str(), "tmpfs", MS_REMOUNT,
                    "size=16m,mode=0700") == 0);
    disk.settle();
    CHECK_FALSE(disk.log().take_durable().waiting_for_space);
    CHECK(disk.log().last() == next - 1);
    CHECK(read_all(disk.log()).size() == next - 1);
    CHECK(disk.log().find("telegram", "1") == Seq{1});
  }
  { CHECK(LmdbLog::open(place.options())); }
  CHECK(::umount(place.directory().c_str()) == 0);
}

}  // namespace daybook::journal_lmdb_log_test
