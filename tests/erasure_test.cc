// Erasure as the core sees it: which events go, what folds and prompts make of it, that it is due
// until its keys are gone, and that a replay passes over what nobody can decide again.
#include "core/erasure.h"

#include <catch2/catch.hpp>

#include "core/command.h"
#include "core/fork.h"
#include "core/spending.h"
#include "core/tokens.h"
#include "tests/story.h"
#include "tools/replay.h"

namespace daybook::erasure_test {

constexpr const char* kPlace = "telegram:101";
constexpr std::int64_t kUser = 101;

struct Nothing final : Transport {
  void start(Call) override {}
  void cancel(CallId) override {}
  std::vector<std::pair<CallId, Reply>> take_replies() override { return {}; }
};

// A private chat with echo, in a journal that can erase.
struct Chat : testing::Story {
  explicit Chat(bool erasable = true) {
    Event started;
    started.mutable_gateway_started()->set_rules(kRulesVersion);
    started.mutable_gateway_started()->set_entropy("0123456789abcdef");
    started.mutable_gateway_started()->set_erasable(erasable);
    gateway->record(std::move(started), now);
    Fact allowed = settings();
    allowed.mutable_settings_loaded()->add_telegram_allow(kUser);
    allowed.mutable_settings_loaded()->add_telegram_allow(kUser + 1);
    gateway->record(std::move(allowed), now);
    commit();
  }

  Seq write(const std::string& text, std::int64_t id, std::int64_t reply_to = 0,
            std::int64_t user = kUser, bool group = false) {
    Fact fact;
    MessageReceived* body = fact.mutable_message_received();
    body->set_place(kPlace);
    body->set_source("telegram:1");
    body->set_user(user);
    body->set_group(group);
    body->set_message_id(id);
    body->set_reply_to(reply_to);
    if (text.starts_with("/")) body->set_command(text.substr(1));
    std::string raw = R"({"message":{"message_id":)" + std::to_string(id);
    if (reply_to != 0) {
      raw += R"(,"reply_to_message":{"message_id": )" + std::to_string(reply_to) + "}";
    }
    fact.mutable_content()->set_raw(raw + "}}");
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }

  Seq edit(const std::string& text, std::int64_t id) {
    Fact fact;
    fact.mutable_message_edited()->set_place(kPlace);
    fact.mutable_message_edited()->set_user(kUser);
    fact.mutable_message_edited()->set_message_id(id);
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }

  // The open turn says it in two pieces and stands on the screen under this id.
  Seq answer(const std::string& text, std::int64_t id = 0) {
    const OpenTurn open = turn(kPlace);
    chunk(open, text.substr(0, text.size() / 2));
    chunk(open, text.substr(text.size() / 2));
    complete(open, text);
    if (id != 0) {
      Fact posted;
      posted.mutable_reply_posted()->set_source(open.seq());
      posted.mutable_reply_posted()->set_message_id(id);
      gateway->record(std::move(posted), now);
    }
    commit();
    return open.seq();
  }

  const SessionRow& row() { return *gateway->directory().at(kPlace); }

  SessionErased plan(Seq subject) {
    const Result<SessionErased> found = plan_erasure(row(), {.subject = subject}, *gateway);
    REQUIRE(found);
    return *found;
  }

  // Until nothing is due any more.
  void destroy_keys() {
    Nothing nothing;
    Eraser eraser(gateway->work(), *gateway);
    gateway->connect({&eraser}, nothing);
    while (!eraser.idle()) {
      gateway->turn(now);
      log.commit_all();
    }
    gateway->connect({}, nothing);
  }

  void carry_out() {
    destroy_keys();
    open();
  }

  // Kinds of what has words and is not erased.
  std::string kinds_left() {
    std::string kinds;
    for (Seq seq = 1; seq <= log.durable_last(); ++seq) {
      const Event one = event(seq);
      if (!one.has_content() || one.content().erased() || one.session() == 0) continue;
      kinds += kind_name(one) + " ";
    }
    return kinds;
  }
};

TEST_CASE("a message goes with its edits and its answer, and nothing else does", "[erasure]") {
  Chat chat;
  const Seq before = chat.write("before it", 1);
  const Seq first_turn = chat.answer("first answer");
  const Seq secret = chat.write("the secret", 2);
  const Seq turn = chat.answer("a secret it is");
  const Seq edited = chat.edit("the secret, corrected", 2);
  const Seq after = chat.write("after it", 3);
  chat.answer("last answer");
  const SessionErased erased = chat.plan(secret);
  CHECK(erased.of() == secret);
  for (const Seq gone : {secret, turn, turn + 1, turn + 2, turn + 3, edited}) {
    INFO(gone);
    CHECK(covers(erased, gone));
  }
  for (const Seq kept : {before, first_turn, first_turn + 1, after}) {
    INFO(kept);
    CHECK_FALSE(covers(erased, kept));
  }
  CHECK(chat.plan(turn + 1).ranges_size() == 1);
  CHECK_FALSE(covers(chat.plan(turn + 1), secret));
}

TEST_CASE("what quotes it in its raw update goes, whether it quotes a message or an answer",
          "[erasure]") {
  Chat chat;
  const Seq secret = chat.write("the secret", 1);
  const Seq turn = chat.answer("a secret it is", 2);
  const Seq quoting_message = chat.write("about that", 3, 1);
  chat.answer("yes?");
  const Seq quoting_answer = chat.write("and about that", 4, 2);
  chat.answer("yes.");
  CHECK(covers(chat.plan(secret), quoting_message));
  CHECK(covers(chat.plan(secret), quoting_answer));
  CHECK_FALSE(covers(chat.plan(turn), quoting_message));
  CHECK(covers(chat.plan(turn), quoting_answer));
}

TEST_CASE("what a /search found goes with what it quotes, and is found no more", "[erasure]") {
  Chat chat;
  const Seq secret = chat.write("the secret", 1);
  chat.answer("yes");
  Fact search;
  search.mutable_message_received()->set_place(kPlace);
  search.mutable_message_received()->set_user(kUser);
  search.mutable_message_received()->set_command("search");
  search.mutable_content()->set_arguments("secret");
  const Seq first = chat.gateway->record(search, chat.now);
  REQUIRE(chat.event(first + 1).content().text().find("the secret") != std::string::npos);
  CHECK(covers(chat.plan(secret), first + 1));
  chat.write("/erase", 5, 1);
  chat.commit();
  chat.carry_out();
  CHECK(chat.event(first + 1).content().erased());
  search.mutable_content()->set_arguments("erased");
  const Seq second = chat.gateway->record(search, chat.now);
  CHECK(chat.event(second + 1).notice_issued().quotes_size() == 0);
}

TEST_CASE("a fork forgets what it shares, and its own summary of it", "[erasure]") {
  Chat chat;
  const Seq secret = chat.write("the secret", 1);
  chat.answer("yes");
  for (std::int64_t id = 2; id < 5; ++id) {
    chat.write("words", id);
    chat.answer("answer" + std::string(200, 'x'));
  }
  Result<Event> fork =
      session_forked(chat.gateway->directory(), *chat.gateway, chat.row().id(), 0, "terminal:fork");
  REQUIRE(fork);
  const SessionId forked = chat.gateway->record(*std::move(fork), chat.now);
  chat.say("/compact", "terminal:fork");
  const OpenTurn summary = chat.turn("terminal:fork");
  chat.complete(summary, "a summary of the secret");
  chat.commit();
  const auto facts =
      erasure_facts(chat.gateway->directory(), chat.row(), {.subject = secret}, *chat.gateway);
  REQUIRE(facts);
  REQUIRE(facts->size() == 2);
  CHECK(facts->at(1).session() == forked);
  CHECK(covers(facts->at(1).session_erased(), summary.seq()));
  CHECK_FALSE(covers(facts->at(0).session_erased(), summary.seq()));
  for (const Event& fact : *facts) chat.gateway->record(fact, chat.now);
  const SessionState& state = chat.gateway->session(forked)->state();
  CHECK(state.summary_text() == 0);
  CHECK(std::none_of(state.entries().begin(), state.entries().end(),
                     [&](const Entry& entry) { return entry.seq() == secret; }));
  chat.commit();
  chat.carry_out();
  CHECK(chat.event(secret).content().erased());
  CHECK(chat.event(summary.seq() + 1).content().erased());
}

TEST_CASE("a summary made of it goes, and so does one that builds on that", "[erasure]") {
  Chat chat;
  std::int64_t id = 0;
  const auto talk = [&] {
    ++id;
    const Seq said = chat.write("words number " + std::to_string(id), id);
    chat.answer("answer");
    return said;
  };
  const Seq first = talk();
  talk();
  talk();
  talk();
  chat.write("/compact", ++id);
  const Seq one = chat.answer("summary one");
  for (int i = 0; i < 4; ++i) talk();
  chat.write("/compact", ++id);
  const Seq two = chat.answer("summary two");
  const Seq last = talk();
  const SessionErased erased = chat.plan(first);
  CHECK(covers(erased, one));
  CHECK(covers(erased, two));
  CHECK_FALSE(covers(chat.plan(last), two));
  const Session* session = chat.gateway->session(chat.row().id());
  REQUIRE(session->state().summary_text() != 0);
  Event fact;
  fact.set_session(chat.row().id());
  *fact.mutable_session_erased() = erased;
  chat.gateway->record(std::move(fact), chat.now);
  session = chat.gateway->session(chat.row().id());
  CHECK(session->state().summary_text() == 0);
  CHECK(session->state().entries(0).seq() > first);
}

TEST_CASE("the summary of a part goes with what it was made of", "[erasure]") {
  Chat chat;
  Fact fact = testing::Story::settings();
  SettingsLoaded* body = fact.mutable_settings_loaded();
  body->add_telegram_allow(kUser);
  body->set_auto_compact(true);
  body->set_policy("incremental");
  body->set_incremental_budget(1'500);
  body->set_keep_last(8);
  chat.gateway->record(std::move(fact), chat.now);
  std::string words;
  for (int i = 0; i < 60; ++i) words += "word ";
  Seq early = 0;
  std::int64_t id = 0;
  const auto state = [&]() -> const SessionState& {
    return chat.gateway->session(chat.row().id())->state();
  };
  do {
    const Seq said = chat.write("message " + words, ++id);
    if (id == 3) early = said;
    chat.answer("answer " + words);
  } while (state().open().kind() != SUMMARY && id < 60);
  const Seq summary = chat.answer("They counted.");
  REQUIRE(state().summaries_size() == 1);
  const SessionErased erased = chat.plan(early);
  CHECK(covers(erased, summary));
}

TEST_CASE("/erase in reply forgets for good, and the conversation goes on without it",
          "[erasure]") {
  Chat chat;
  chat.write("before it", 1);
  chat.answer("first answer", 2);
  const Seq secret = chat.write("the secret", 3);
  chat.answer("a secret it is", 4);
  const Seq asked = chat.write("/erase", 5, 3);
  CHECK(chat.kinds_after(asked) == "SessionErased NoticeIssued");
  CHECK(chat.event(asked + 1).session_erased().answers() == asked);
  chat.commit();
  CHECK(chat.gateway->work().erasures == std::vector<Seq>{asked + 1});
  CHECK(chat.event(secret).content().text() == "the secret");
  chat.carry_out();
  CHECK(chat.gateway->work().erasures.empty());
  CHECK(chat.event(secret).content().text() == kErasedText);
  CHECK(chat.event(secret).content().raw().empty());
  CHECK(chat.event(asked).content().erased());
  CHECK(chat.kinds_left() ==
        "MessageReceived ChunkReceived ChunkReceived TurnCompleted NoticeIssued ");
  chat.write("after it", 6);
  const Result<Prompt> prompt = chat.gateway->prompt(chat.turn(kPlace).seq());
  REQUIRE(prompt);
  std::string told;
  for (const PromptMessage& message : prompt->messages) told += message.text + "|";
  CHECK(told == "before it|first answer|after it|");
}

TEST_CASE("whoever quotes what is erased goes with it, the quoted words too", "[erasure]") {
  Chat chat;
  const Seq secret = chat.write("the secret", 1);
  chat.answer("a secret it is", 2);
  Fact fact;
  MessageReceived* body = fact.mutable_message_received();
  body->set_place(kPlace);
  body->set_source("telegram:1");
  body->set_user(kUser);
  body->set_message_id(3);
  fact.mutable_content()->set_raw(R"({"message_id":3,"reply_to_message":{"message_id":1}})");
  fact.mutable_content()->set_quoted("the secret");
  fact.mutable_content()->set_text("what was that?");
  const Seq quoting = chat.gateway->record(std::move(fact), chat.now);
  chat.answer("it was one", 4);
  CHECK(covers(chat.plan(secret), quoting));
}

TEST_CASE("no digest is kept of words that are erased", "[erasure]") {
  Chat chat;
  const Seq secret = chat.write("the secret", 1);
  chat.answer("a secret it is", 2);
  chat.write("more", 3);
  chat.answer("more of it", 4);
  CHECK(chat.gateway->told_sha256(secret) == sha256("the secret"));
  chat.write("/erase", 5, 1);
  chat.commit();
  chat.destroy_keys();
  CHECK(chat.gateway->told_sha256(secret) == sha256(kErasedText));
}

TEST_CASE("/erase says why it cannot: no reply, nothing there, another's words, words in clear",
          "[erasure]") {
  Chat chat;
  chat.write("mine, and to be kept", 1, 0, kUser, true);
  chat.answer("an answer", 2);
  const auto answer_to = [&](Chat& in, std::int64_t reply_to, std::int64_t user) {
    const Seq asked = in.write("/erase", 50, reply_to, user, true);
    CHECK(in.kinds_after(asked) == "NoticeIssued");
    return in.event(asked + 1).content().text();
  };
  CHECK(answer_to(chat, 0, kUser).find("Answer the message") == 0);
  CHECK(answer_to(chat, 40, kUser).find("That message is not") == 0);
  CHECK(answer_to(chat, 1, kUser + 1).find("In a group only") == 0);
  CHECK(answer_to(chat, 2, kUser + 1).find("In a group only") == 0);
  Chat clear(false);
  clear.write("in clear", 1);
  clear.answer("in clear too", 2);
  CHECK(answer_to(clear, 1, kUser).find("This journal keeps words in clear") == 0);
}

TEST_CASE("what is being answered stops, and none of its words are kept", "[erasure]") {
  Chat chat;
  const Seq secret = chat.write("the secret", 1);
  const OpenTurn open = chat.turn(kPlace);
  chat.chunk(open, "half of ");
  const Seq waits = chat.write("waits", 2);
  chat.write("/erase", 3, 1);
  const Event cancelled = chat.last("TurnCancelled");
  CHECK(cancelled.turn_cancelled().turn() == open.seq());
  CHECK_FALSE(cancelled.has_content());
  CHECK(chat.last("TurnStarted").turn_started().answers(0) == waits);
  CHECK(chat.chunk(open, "an answer") == 0);
  chat.commit();
  CHECK(chat.gateway->work().deliveries.open().count(open.seq()) == 0);
  chat.carry_out();
  CHECK(chat.event(secret).content().erased());
  CHECK(chat.event(open.seq() + 1).content().erased());
}

TEST_CASE("an erasure whose process dies is due at the next start", "[erasure]") {
  Chat chat;
  const Seq secret = chat.write("the secret", 1);
  chat.answer("a secret it is", 2);
  chat.write("/erase", 3, 1);
  chat.commit();
  chat.crash();
  CHECK_FALSE(chat.event(secret).content().erased());
  CHECK(chat.gateway->work().erasures.size() == 1);
  chat.carry_out();
  CHECK(chat.event(secret).content().erased());
}

TEST_CASE("a restored journal owes nothing: what was open or waited is given up", "[erasure]") {
  Chat chat;
  const Seq asked = chat.write("open", 1);
  const OpenTurn open = chat.turn(kPlace);
  const Seq waits = chat.write("waits", 2);
  chat.commit();
  REQUIRE(chat.gateway->work().deliveries.open().size() == 1);
  Event restored;
  restored.mutable_journal_restored()->set_epoch(2);
  restored.mutable_journal_restored()->set_upto(waits);
  const Seq seq = chat.gateway->record(std::move(restored), chat.now);
  CHECK(chat.kinds_after(seq) == "TurnAbandoned");
  CHECK(chat.event(seq + 1).turn_abandoned().turn() == open.seq());
  CHECK(chat.event(seq + 1).turn_abandoned().waited(0) == waits);
  chat.commit();
  CHECK(chat.gateway->work().deliveries.open().empty());
  CHECK(chat.gateway->work().calls.open().empty());
  chat.write("anew", 3);
  CHECK(chat.last("TurnStarted").turn_started().answers(0) > asked);
  CHECK(chat.gateway->session(chat.row().id())->state().waiting_size() == 0);
}

TEST_CASE("all up to an event goes, a turn that was open then whole", "[erasure]") {
  Chat chat;
  chat.write("one", 1);
  chat.answer("answer one");
  chat.write("two", 2);
  const OpenTurn open = chat.turn(kPlace);
  const Seq boundary = chat.chunk(open, "answer ");
  const Seq between = chat.chunk(open, "two");
  const Seq completed = chat.complete(open, "answer two");
  const Seq quoting = chat.write("about two", 4, 2);
  chat.answer("answer three");
  const Result<SessionErased> erased =
      plan_erasure(chat.row(), {.from = chat.row().id(), .upto = boundary}, *chat.gateway);
  REQUIRE(erased);
  CHECK(erased->ranges(0).first() == chat.row().id());
  CHECK(erased->ranges(0).last() == boundary);
  CHECK(covers(*erased, between));
  CHECK(covers(*erased, completed));
  CHECK(covers(*erased, quoting));
  CHECK_FALSE(covers(*erased, quoting + 1));
}

TEST_CASE("an answer that is forgotten while it runs costs what it had said", "[erasure]") {
  Chat chat;
  chat.write("tell me", 1);
  const OpenTurn open = chat.turn(kPlace);
  chat.chunk(open, "a long and winding answer");
  chat.commit();
  chat.write("/erase", 2, 1);
  const Event cancelled = chat.last("TurnCancelled");
  CHECK(cancelled.turn_cancelled().tokens() == 0);
  CHECK(cancelled.turn_cancelled().said_tokens() == estimate_tokens("a long and winding answer"));
  CHECK(chat.gateway->directory().spending().today(kEverybody, chat.now).output_tokens() ==
        cancelled.turn_cancelled().said_tokens());
}

TEST_CASE("a replay passes over decisions whose words are erased, and finds the rest the same",
          "[erasure]") {
  Chat chat;
  chat.write("before it", 1);
  chat.answer("first answer", 2);
  chat.write("the secret", 3);
  chat.answer("a secret it is", 4);
  for (int i = 0; i < 3; ++i) {
    chat.write("and on", 10 + 2 * i);
    chat.answer("on it goes", 11 + 2 * i);
  }
  chat.write("/statsu", 5);
  chat.commit();
  CHECK(replay_check(chat.log, 0)->erased == 0);
  chat.write("/erase", 6, 3);
  chat.commit();
  chat.carry_out();
  chat.write("after it", 7);
  chat.answer("last answer");
  const auto report = replay_check(chat.log, 0);
  REQUIRE(report);
  CHECK(report->divergence == "");
  CHECK(report->erased > 0);
  CHECK(report->decisions > report->erased);
}

TEST_CASE("a replay passes over all that follows in one go from words that are erased",
          "[erasure]") {
  Chat chat;
  Fact goes_on = testing::Story::settings();
  goes_on.mutable_settings_loaded()->add_telegram_allow(kUser);
  goes_on.mutable_settings_loaded()->set_recovery("continue");
  chat.gateway->record(std::move(goes_on), chat.now);
  chat.write("tell me", 1);
  const OpenTurn cut = chat.turn(kPlace);
  chat.chunk(cut, "Once upon ");
  Fact posted;
  posted.mutable_reply_posted()->set_source(cut.seq());
  posted.mutable_reply_posted()->set_message_id(2);
  chat.gateway->record(std::move(posted), chat.now);
  chat.commit();
  chat.open();
  Event started;
  started.mutable_gateway_started()->set_rules(kRulesVersion);
  started.mutable_gateway_started()->set_recovery(true);
  started.mutable_gateway_started()->set_erasable(true);
  const Seq again = chat.gateway->record(std::move(started), chat.now);
  // The part is kept, and its turn reads it: all of it at once.
  REQUIRE(chat.kinds_after(again) == "TurnAbandoned LeafMoved TurnStarted");
  chat.answer("a time", 4);
  chat.write("and then?", 5);
  chat.answer("they lived", 7);
  chat.write("/erase", 6, 2);
  chat.commit();
  chat.carry_out();
  const auto report = replay_check(chat.log, 0);
  REQUIRE(report);
  CHECK(report->divergence == "");
  CHECK(report->erased > 0);
}

TEST_CASE("a replay goes on from no digest of words that are erased", "[erasure]") {
  Chat chat;
  Fact interrupts = testing::Story::settings();
  interrupts.mutable_settings_loaded()->add_telegram_allow(kUser);
  interrupts.mutable_settings_loaded()->set_queue_mode("interrupt");
  chat.gateway->record(std::move(interrupts), chat.now);
  chat.write("one", 1);
  chat.write("the secret", 2);
  chat.write("three", 3);
  chat.answer("all of it", 4);
  chat.write("/erase", 5, 2);
  chat.commit();
  chat.carry_out();
  const auto report = replay_check(chat.log, 0);
  REQUIRE(report);
  CHECK(report->divergence == "");
  CHECK(report->erased > 0);
}

TEST_CASE("a command that is none of ours leaves its name in no clear field", "[erasure]") {
  const auto command = parse_command("/canary_word now", "");
  REQUIRE(command);
  CHECK(recorded_name(*command) == kUnknownCommand);
  Chat chat;
  Fact fact;
  fact.mutable_message_received()->set_place(kPlace);
  fact.mutable_message_received()->set_user(kUser);
  fact.mutable_message_received()->set_command(std::string(kUnknownCommand));
  fact.mutable_content()->set_text("/statsu now");
  const Seq said = chat.gateway->record(std::move(fact), chat.now);
  CHECK(chat.event(said + 1).content().text() ==
        "There is no command /statsu. Did you mean /status?");
}

}  // namespace daybook::erasure_test
