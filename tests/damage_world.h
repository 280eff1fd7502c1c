// A journal as use leaves it, to be damaged: sessions, a fork, chunks, failed attempts, commands,
// erased words, snapshots, refs, encrypted, begun with seals in a table; and at earlier moments.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/erasure.h"
#include "core/fork.h"
#include "tests/journal_forge.h"
#include "tests/story.h"

namespace daybook::testing {

// The files of a journal, by name.
using JournalFiles = std::map<std::string, std::string>;

inline JournalFiles files_of(const std::string& directory) {
  JournalFiles found;
  for (const char* name : {files::kData, files::kHead, files::kKeys, files::kSealKey}) {
    found[name] = journal_forge::slurp(directory + "/" + name);
  }
  return found;
}

// A gateway on a journal on the disk that nobody is connected to; it can erase.
class DiskGateway {
 public:
  explicit DiskGateway(LmdbLog::Options options) {
    options.waker = [this] {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      changed_.notify_all();
    };
    auto log = LmdbLog::open(std::move(options));
    REQUIRE(log);
    log_ = *std::move(log);
    auto gateway = Gateway::open(*log_);
    REQUIRE(gateway);
    gateway_ = *std::move(gateway);
    eraser_.emplace(gateway_->work(), *gateway_);
    gateway_->connect({&*eraser_}, nowhere_);
  }
  [[nodiscard]] Gateway& gateway() { return *gateway_; }
  Seq record(Fact fact, Time now) {
    const Seq seq = gateway_->record(std::move(fact), now);
    REQUIRE(seq != 0);
    return seq;
  }
  void settle(Time now) {
    gateway_->flush();
    while (log_->backlog_bytes() > 0) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return std::exchange(woken_, false); });
    }
    gateway_->turn(now);
  }
  void carry_out_erasures(Time now) {
    do {
      settle(now);
    } while (!eraser_->idle());
  }

 private:
  struct Nowhere final : Transport {
    void start(Call) override {}
    void cancel(CallId) override {}
    std::vector<std::pair<CallId, Reply>> take_replies() override { return {}; }
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  Nowhere nowhere_;
  std::unique_ptr<LmdbLog> log_;
  std::unique_ptr<Gateway> gateway_;
  std::optional<Eraser> eraser_;
};

// The journal lies in `place`.
class DamageWorld {
 public:
  journal_place::Place place;
  JournalFiles sound;
  std::vector<JournalFiles> older;  // at earlier moments, oldest first

  explicit DamageWorld(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      if (round > 0) older.push_back(files_of(place.directory()));
      run(round, rounds);
      if (round < rounds / 2) journal_forge::seals_to_table(place);
    }
    sound = files_of(place.directory());
  }

  // Goes on talking and erasing as long as `more` says so.
  void go_on(const std::function<bool()>& more) {
    DiskGateway disk(place.options());
    disk_ = &disk;
    begin();
    for (int step = 0; more(); ++step) {
      talk(step % kChats, step);
      if (step % kChats == 1) erase(1);
    }
    disk_ = nullptr;
  }

 private:
  static constexpr int kChats = 6;
  static constexpr std::int64_t kFirstUser = 101;

  static std::string place_of(int chat) { return "telegram:" + std::to_string(kFirstUser + chat); }

  void run(int round, int rounds) {
    DiskGateway disk(place.options());
    disk_ = &disk;
    begin();
    for (int chat = 0; chat < kChats; ++chat) talk(chat, round);
    if (round == rounds / 3) fork();
    if (round % 3 == 1) erase(round % kChats);
    if (round + 1 == rounds) ask(1, "What is open at the end?");
    disk.gateway().stop("the round is over", now_);
    disk.settle(now_);
    disk.settle(now_);  // what a stop writes last
    disk_ = nullptr;
  }

  const SessionRow& row_of(int chat) {
    const SessionRow* row = disk_->gateway().directory().at(place_of(chat));
    REQUIRE(row != nullptr);
    return *row;
  }
  OpenTurn turn_of(SessionId session) {
    const Session* found = disk_->gateway().session(session);
    REQUIRE(found != nullptr);
    REQUIRE(found->busy());
    return found->state().open();
  }

  void begin() {
    Fact started;
    GatewayStarted* body = started.mutable_gateway_started();
    body->set_recovery(true);
    body->set_rules(kRulesVersion);
    body->set_entropy("0123456789abcdef");
    body->set_erasable(true);
    disk_->record(std::move(started), now_);
    Fact allowed = Story::settings();
    for (int chat = 0; chat < kChats; ++chat) {
      allowed.mutable_settings_loaded()->add_telegram_allow(kFirstUser + chat);
    }
    disk_->record(std::move(allowed), now_);
    disk_->settle(now_);
  }
  Seq ask(int chat, const std::string& text) {
    ++update_;
    now_ += Duration(700);
    Fact fact;
    MessageReceived* body = fact.mutable_message_received();
    body->set_place(place_of(chat));
    body->set_source("telegram:1");
    body->set_external_id(std::to_string(update_));
    body->set_update_id(update_);
    body->set_user(kFirstUser + chat);
    body->set_message_id(update_);
    if (text.starts_with("/")) body->set_command(text.substr(1));
    fact.mutable_content()->set_raw("{\"update_id\":" + std::to_string(update_) + "}");
    fact.mutable_content()->set_text(text);
    return disk_->record(std::move(fact), now_);
  }

  void chunk(const OpenTurn& turn, const std::string& text) {
    Fact fact;
    fact.mutable_chunk_received()->set_turn(turn.seq());
    fact.mutable_chunk_received()->set_attempt(turn.attempt());
    fact.set_cause(turn.attempt_seq());
    fact.mutable_content()->set_text(text);
    disk_->record(std::move(fact), now_);
  }
  void fail(const OpenTurn& turn) {
    chunk(turn, "Half");
    Fact fact;
    fact.mutable_attempt_failed()->set_turn(turn.seq());
    fact.mutable_attempt_failed()->set_attempt(turn.attempt());
    fact.mutable_attempt_failed()->set_error(OVERLOAD);
    disk_->record(std::move(fact), now_);
  }
  void answer(const OpenTurn& turn, const std::string& text) {
    Fact fact;
    fact.mutable_turn_completed()->set_turn(turn.seq());
    fact.mutable_turn_completed()->set_attempt(turn.attempt());
    fact.mutable_turn_completed()->set_finish(STOP);
    fact.mutable_content()->set_text(text);
    disk_->record(std::move(fact), now_);
    Fact posted;
    posted.mutable_reply_posted()->set_source(turn.seq());
    posted.mutable_reply_posted()->set_message_id(update_ * 10);
    disk_->record(std::move(posted), now_);
  }

  void talk(int chat, int round) {
    const std::string said = "round " + std::to_string(round) + " of " + std::to_string(chat);
    last_asked_[chat] = ask(chat, "What is said in " + said + "?");
    const SessionId session = row_of(chat).id();
    if (chat == 2) fail(turn_of(session));
    const OpenTurn turn = turn_of(session);
    std::string text;
    for (int i = 0; i < 3 + (chat + round) % 4; ++i) {
      chunk(turn, said + " goes on, ");
      text += said + " goes on, ";
      if (i % 2 == 0) disk_->settle(now_);
    }
    if (chat == 3) text += std::string(9'000, 'l');
    answer(turn, text);
    if (chat == 4) ask(chat, round % 2 == 0 ? "/reset" : "/whoami");
    disk_->settle(now_);
  }

  void fork() {
    Gateway& gateway = disk_->gateway();
    auto fact = session_forked(gateway.directory(), gateway, row_of(0).id(), row_of(0).head(),
                               "terminal:idea");
    REQUIRE(fact);
    disk_->record(*std::move(fact), now_);
    disk_->settle(now_);
  }

  // The newest message of this chat, with its answer.
  void erase(int chat) {
    Gateway& gateway = disk_->gateway();
    const auto facts =
        erasure_facts(gateway.directory(), row_of(chat), {.subject = last_asked_[chat]}, gateway);
    REQUIRE(facts);
    REQUIRE_FALSE(facts->empty());
    for (const Fact& fact : *facts) disk_->record(fact, now_);
    disk_->carry_out_erasures(now_);
  }

  DiskGateway* disk_ = nullptr;  // of the round
  Time now_ = from_milliseconds(1'000'000);
  std::int64_t update_ = 1'000;
  std::map<int, Seq> last_asked_;
};

}  // namespace daybook::testing
