// The gateway is fed facts as its adapters would feed it; decisions, refs and snapshots are its
// own.
#include "bench/typical.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "core/codec.h"
#include "core/delivery.h"
#include "core/gateway.h"
#include "journal/memory_log.h"

namespace daybook::bench {
namespace {

constexpr int kChunksShownAt = 5;
constexpr int kChunksEditedAt = 40;
constexpr Seq kEventsPerFlush = 512;

struct RunningTurn {
  std::int64_t chat = 0;
  Seq seq = 0;
  SessionId session = 0;
  std::string text;
};

class Author {
 public:
  Author(Log& log, const Extent& extent, const std::function<void()>& settle)
      : log_(log), extent_(extent), settle_(settle) {
    auto gateway = Gateway::open(log);
    require(gateway.has_value(), "Gateway::open");
    gateway_ = *std::move(gateway);
    gateway_->connect({}, transport_);
    const auto wall = std::chrono::system_clock::now() - std::chrono::hours(8);
    now_ = std::chrono::time_point_cast<Duration>(wall);
    begin();
  }

  Filled write() {
    // A chat is asked once a round.
    const int asked = std::min(kRoundTurns, extent_.sessions);
    const Seq last_round = static_cast<Seq>(asked) * static_cast<Seq>(extent_.chunks_per_turn) / 2;
    for (int round = 0;; ++round) {
      const bool last = log_.last() + last_round >= extent_.events;
      std::vector<RunningTurn> turns;
      for (int i = 0; i < asked; ++i) turns.push_back(ask(round * asked + i));
      const int whole = extent_.chunks_per_turn;
      answer(turns, last && extent_.turns_open ? whole / 2 : whole);
      if (!last || !extent_.turns_open) {
        for (RunningTurn& turn : turns) finish(turn);
      }
      if (!last) continue;
      gateway_->flush();
      settle();
      for (const RunningTurn& turn : turns) filled_.open_chats.push_back(turn.chat);
      return filled_;
    }
  }

 private:
  void begin() {
    Event started;
    started.mutable_gateway_started()->set_recovery(true);
    started.mutable_gateway_started()->set_entropy("0123456789abcdef");
    started.mutable_gateway_started()->set_rules(kRulesVersion);
    record(std::move(started));
    Event settings;
    SettingsLoaded* body = settings.mutable_settings_loaded();
    body->set_model("echo");
    body->set_model_chosen(true);
    body->set_max_history_messages(50);
    body->set_context_window_percent(80);
    body->set_attempts_max(3);
    for (int i = 0; i < extent_.sessions; ++i) body->add_telegram_allow(kFirstChat + i);
    ProviderRow* echo = body->add_providers();
    echo->set_name("echo");
    echo->set_kind("echo");
    echo->set_usable(true);
    settings.mutable_content()->set_text("Be brief.");
    record(std::move(settings));
  }

  RunningTurn ask(int number) {
    RunningTurn turn;
    turn.chat = kFirstChat + number % extent_.sessions;
    const std::string place = "telegram:" + std::to_string(turn.chat);
    Event fact;
    MessageReceived* body = fact.mutable_message_received();
    body->set_place(place);
    body->set_source("telegram:" + std::to_string(kBot));
    body->set_update_id(1'000 + number);
    body->set_external_id(std::to_string(number) + ":0123456789abcdef");
    body->set_user(turn.chat);
    body->set_message_id(2 * number + 1);
    body->set_date(to_milliseconds(now_) / 1'000);
    const std::string text = "What does the daybook say of day " + std::to_string(number) + "?";
    fact.mutable_content()->set_text(text);
    fact.mutable_content()->set_name("Ada");
    fact.mutable_content()->set_raw(
        R"({"update_id":1000,"message":{"message_id":1,"from":{"id":1,"is_bot":false,)"
        R"("first_name":"Ada","language_code":"en"},"chat":{"id":1,"first_name":"Ada",)"
        R"("type":"private"},"date":1795219200,"text":")" +
        text + R"("}})");
    filled_.last_update_id = body->update_id();
    record(std::move(fact));
    const SessionRow* row = gateway_->directory().at(place);
    require(row != nullptr && row->open_turn() != 0, "a turn begins");
    turn.seq = row->open_turn();
    turn.session = row->id();
    return turn;
  }

  void answer(std::vector<RunningTurn>& turns, int chunks) {
    for (int i = 0; i < chunks; ++i) {
      for (RunningTurn& turn : turns) {
        std::string words;
        for (int word = 0; word < extent_.words_per_chunk; ++word) {
          words += " word" + std::to_string((turn.seq + static_cast<Seq>(i + word)) % 977);
        }
        turn.text += words;
        Event fact = of_turn(turn);
        fact.mutable_chunk_received()->set_turn(turn.seq);
        fact.mutable_chunk_received()->set_attempt(1);
        fact.mutable_content()->set_text(words);
        record(std::move(fact));
        if (i == kChunksShownAt) post(turn);
        if (i == kChunksEditedAt) edit(turn);
      }
    }
  }

  void finish(RunningTurn& turn) {
    Event fact = of_turn(turn);
    TurnCompleted* body = fact.mutable_turn_completed();
    body->set_turn(turn.seq);
    body->set_attempt(1);
    body->set_finish(STOP);
    body->mutable_usage()->set_prompt_tokens(900);
    body->mutable_usage()->set_output_tokens(90);
    body->mutable_usage()->set_reported(true);
    body->set_model("echo");
    fact.mutable_content()->set_text(turn.text);
    record(std::move(fact));
    edit(turn);
  }

  void post(const RunningTurn& turn) {
    Event attempted = of_turn(turn);
    attempted.mutable_post_attempted()->set_source(turn.seq);
    attempted.mutable_post_attempted()->set_attempt(1);
    record(std::move(attempted));
    Event posted = of_turn(turn);
    ReplyPosted* body = posted.mutable_reply_posted();
    body->set_source(turn.seq);
    body->set_message_id(static_cast<std::int64_t>(turn.seq % 1'000'000));
    body->set_digest(text_digest(turn.text));
    body->set_characters(static_cast<std::uint32_t>(turn.text.size()));
    record(std::move(posted));
  }

  void edit(const RunningTurn& turn) {
    Event edited = of_turn(turn);
    ReplyEdited* body = edited.mutable_reply_edited();
    body->set_source(turn.seq);
    body->set_digest(text_digest(turn.text));
    body->set_characters(static_cast<std::uint32_t>(turn.text.size()));
    record(std::move(edited));
  }

  static Event of_turn(const RunningTurn& turn) {
    Event fact;
    fact.set_session(turn.session);
    fact.set_cause(turn.seq);
    return fact;
  }

  void record(Event fact) {
    now_ += Duration(10);
    require(gateway_->record(std::move(fact), now_) != 0, "a fact is recorded");
    if (log_.last() + kEventsPerFlush > unflushed()) return;
    gateway_->flush();
    settle();
  }

  // The log counts what was handed to it; the gateway's own count runs ahead.
  Seq unflushed() { return gateway_->directory().seq(); }

  void settle() {
    settle_();
    gateway_->turn(now_);
    require(!gateway_->stopped(), "the journal goes on");
  }

  Log& log_;
  Extent extent_;
  const std::function<void()>& settle_;
  NoTransport transport_;
  std::unique_ptr<Gateway> gateway_;
  Time now_{};
  Filled filled_;
};

}  // namespace

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "bench: %s failed\n", what);
  std::abort();
}

Filled fill(Log& log, const Extent& extent, const std::function<void()>& settle) {
  return Author(log, extent, settle).write();
}

WaitingLog::WaitingLog(const std::string& directory) {
  LmdbLog::Options options;
  options.directory = directory;
  options.commit_interval = std::chrono::microseconds(0);
  options.waker = [this] {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  };
  auto log = LmdbLog::open(std::move(options));
  require(log.has_value(), "LmdbLog::open");
  log_ = *std::move(log);
}

void WaitingLog::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return log_->backlog_bytes() == 0; });
}

Filled write_journal(const std::string& directory, const Extent& extent) {
  WaitingLog waiting(directory);
  return fill(waiting.log(), extent, [&] { waiting.wait(); });
}

std::vector<Event> typical_events(const Extent& extent) {
  MemoryLog log;
  fill(log, extent, [&] { log.commit_all(); });
  std::vector<Event> events;
  const auto keep = [&](const Record& record) {
    Result<Event> event = from_record(record);
    require(event.has_value(), "from_record");
    events.push_back(*std::move(event));
    return true;
  };
  require(log.scan(1, log.last(), all_kinds(), keep).has_value(), "scan");
  return events;
}

}  // namespace daybook::bench
