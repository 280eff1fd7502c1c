// /sessions, /session, /title, /forget, /export, made titles and idle closing: given a chat with
// conversations, when this is asked, then one is there, and nothing of another chat shows.
#include <catch2/catch.hpp>
#include <string>

#include "core/context.h"
#include "core/conversations.h"
#include "core/decide_conversation.h"
#include "core/erasure.h"
#include "core/idle.h"
#include "core/model.h"
#include "tests/chat_story.h"

namespace daybook::decide_sessions_test {
namespace {

using testing::Chat;

TEST_CASE("a title is the first words, cut between characters, at once", "[sessions]") {
  CHECK(first_words("  hello\n\n there  ") == "hello there");
  CHECK(first_words("") == "");
  CHECK(first_words(std::string(47, 'x')) == std::string(47, 'x'));
  CHECK(first_words(std::string(48, 'x')) == std::string(47, 'x') + "…");
  std::string umlauts;
  for (int i = 0; i < 60; ++i) umlauts += "ä";
  CHECK(first_words(umlauts) == umlauts.substr(0, 94) + "…");
  Chat chat;
  chat.say("What does a boat cost?");
  chat.say("/title");
  CHECK(chat.told().starts_with("Title: What does a boat cost?"));
}

TEST_CASE("/sessions lists the conversations of the chat, the newest first", "[sessions]") {
  Chat chat;
  chat.say("/sessions");
  CHECK(chat.told() == "Nothing was said here yet.");
  chat.exchange("boats");
  chat.exchange("ships");
  chat.say("/reset");
  chat.exchange("secrets", "console:other");
  chat.pass(60'000);
  chat.exchange("cars");
  chat.say("/sessions");
  CHECK(chat.told() ==
        "Conversations, the newest first; /sessions N goes to one:\n"
        "2. cars, 2 messages, 1970-01-01 00:17 ← here\n"
        "1. boats, 4 messages, 1970-01-01 00:16");
  CHECK(chat.last("NoticeIssued").notice_issued().quotes_size() == 2);
  chat.say("/reset");
  chat.say("/sessions");
  CHECK(chat.holds("Here a new one begins."));
  chat.say("/sessions secrets");
  CHECK(chat.holds("no such conversation"));
  chat.check_refolds();
}

TEST_CASE("/sessions has pages", "[sessions]") {
  Chat chat;
  for (int i = 1; i <= 23; ++i) {
    chat.exchange("talk " + std::to_string(i));
    if (i < 23) chat.say("/reset");
  }
  chat.say("/sessions");
  CHECK(chat.holds("\n23. talk 23"));
  CHECK(chat.holds("\n14. talk 14"));
  CHECK_FALSE(chat.holds("\n13. "));
  CHECK(chat.holds("Page 1 of 3; /sessions page 2 has more."));
  chat.say("/sessions page 3");
  CHECK(chat.holds("\n3. talk 3"));
  CHECK(chat.holds("\n1. talk 1"));
  CHECK_FALSE(chat.holds("Page"));
  chat.say("/sessions page 4");
  CHECK(chat.told() == "There is no page 4: here are 3.");
}

TEST_CASE("/sessions goes to one by number, id and title, and back to where one was in it",
          "[sessions]") {
  Chat chat;
  chat.exchange("boats");
  chat.exchange("ships");
  chat.say("/undo");
  chat.say("/reset");
  chat.exchange("cars");
  const std::string cars = std::to_string(chat.last("SessionReset").seq());
  const Seq asked = chat.say("/sessions 1");
  CHECK(chat.kinds_after(asked) == "LeafMoved NoticeIssued");
  CHECK(chat.way() == "boats | re: boats");
  chat.say("/sessions 1");
  CHECK(chat.told() == "You are in that conversation.");
  chat.say("/sessions " + cars);
  CHECK(chat.way() == "cars | re: cars");
  chat.say("/sessions BOA");
  CHECK(chat.way() == "boats | re: boats");
  chat.exchange("more boats");
  chat.say("/sessions cars");
  chat.say("/reset");
  chat.exchange("boats again");
  chat.say("/sessions boats");
  CHECK(chat.way() == "boats | re: boats | more boats | re: more boats");
  chat.say("/title boats again");
  chat.say("/sessions boats again");
  CHECK(chat.told() == "Several are called so: 1, 3. /sessions N goes to one.");
  chat.say("/sessions 99999");
  CHECK(chat.holds("no such conversation"));
  chat.check_refolds();
}

TEST_CASE("a number that no conversation and no id has is looked for among the titles",
          "[sessions]") {
  Chat chat;
  chat.exchange("boats");
  chat.say("/title 2025");
  chat.say("/reset");
  chat.exchange("cars");
  chat.say("/sessions 2025");
  CHECK(chat.way() == "boats | re: boats");
  chat.say("/title 2");
  chat.say("/sessions 2");
  CHECK(chat.way() == "cars | re: cars");  // the number goes first
  chat.say("/sessions PAGE 1");
  CHECK(chat.holds("1. 2, 2 messages"));
}

TEST_CASE("an edit and an undo of everything stay in their conversation", "[sessions]") {
  Chat chat;
  chat.exchange("boats");
  chat.say("/reset");
  chat.exchange("cars");
  chat.say("/undo");
  chat.exchange("bikes");
  chat.say("/sessions");
  CHECK(chat.holds("2. cars, 4 messages"));
  CHECK(chat.state().conversations_size() == 2);
  chat.check_refolds();
}

TEST_CASE("/title gives a title that nothing but a person changes", "[sessions]") {
  Chat chat(true);
  chat.say("/title too early");
  CHECK(chat.holds("Nothing was said here yet"));
  chat.say("boats");
  chat.say("/title On boats");
  CHECK(chat.told() == "Titled: On boats");
  const Seq ended = chat.complete(chat.turn(), "re");
  CHECK(chat.kinds_after(ended).empty());
  chat.say("/title " + std::string(101, 'x'));
  CHECK(chat.holds("at most 100 bytes"));
  chat.say("/sessions");
  CHECK(chat.holds("1. On boats, 2 messages"));
  chat.check_refolds();
}

TEST_CASE("a model makes a title after the first answer, and it is asked for nothing else",
          "[sessions]") {
  Chat chat(true);
  chat.say("What does a boat cost?");
  const Seq answered = chat.complete(chat.turn(), "Much.");
  CHECK(chat.kinds_after(answered) == "TurnStarted");
  const OpenTurn title = chat.turn();
  REQUIRE(title.kind() == TITLE);
  const Result<Prompt> prompt = chat.gateway->prompt(title.seq());
  REQUIRE(prompt);
  CHECK(prompt->system.find("title of at most six words") != std::string::npos);
  REQUIRE(prompt->messages.size() == 1);
  CHECK(prompt->messages[0].text ==
        "Name this conversation.\n\nUser: What does a boat cost?\nAssistant: Much.");
  const Seq named = chat.complete(title, "**Title: \"The price of boats\"**\n\nHere you are.");
  CHECK(chat.kinds_after(named) == "SessionNamed");
  CHECK(chat.last("SessionNamed").content().name() == "The price of boats");
  chat.commit();
  const Result<Prompt> again = prompt_of(chat.event(title.seq()), *chat.gateway);
  REQUIRE(again);
  CHECK(*again == *prompt);
  CHECK(chat.way() == "What does a boat cost? | Much.");
  chat.exchange("And a ship?");
  CHECK_FALSE(chat.state().has_open());
  chat.check_refolds();
}

TEST_CASE("a title that is being made never keeps a message waiting", "[sessions]") {
  Chat chat(true);
  chat.exchange("boats");
  REQUIRE(chat.turn().kind() == TITLE);
  chat.chunk(chat.turn(), "On b");
  chat.say("/status");
  CHECK(chat.holds("Idle."));
  chat.say("/stop");
  CHECK(chat.told() == "Nothing is running.");
  const Seq ships = chat.say("ships");
  CHECK(chat.kinds_after(ships) == "TurnCancelled TurnStarted");
  CHECK(chat.turn().kind() == ANSWER);
  CHECK(chat.turn().answers(0) == ships);
  CHECK(chat.way() == "boats | re: boats | ships");
  chat.complete(chat.turn(), "re: ships");
  CHECK(chat.turn().kind() == TITLE);
  chat.fail(chat.turn(), REFUSED);
  CHECK_FALSE(chat.state().has_open());
  chat.exchange("cars");
  REQUIRE(chat.turn().kind() == TITLE);
  chat.complete(chat.turn(), "");
  CHECK_FALSE(chat.state().has_open());
  chat.exchange("bikes");
  CHECK_FALSE(chat.state().has_open());  // three tries are enough
  chat.check_refolds();
}

TEST_CASE("titles go with the words they were made of", "[sessions]") {
  Chat chat(true);
  chat.exchange("boats");
  const OpenTurn title = chat.turn();
  chat.complete(title, "On boats");
  const Seq named = chat.last("SessionNamed").seq();
  const Seq said = chat.state().entries(0).seq();
  chat.exchange("ships");
  chat.commit();
  const SessionRow* row = chat.gateway->directory().at("console:local");
  const auto erased = plan_erasure(*row, {.subject = said}, *chat.gateway);
  REQUIRE(erased);
  CHECK(covers(*erased, named));
  CHECK(covers(*erased, title.seq()));
  Fact fact;
  fact.set_session(row->id());
  *fact.mutable_session_erased() = *erased;
  chat.gateway->record(std::move(fact), chat.now);
  chat.say("/sessions");
  CHECK(chat.holds("1. ships, 2 messages"));
  chat.check_refolds();
}

TEST_CASE("/session tells what the present conversation is and cost", "[sessions]") {
  Chat chat;
  chat.exchange("boats");
  chat.say("/reset");
  chat.say("cars");
  Fact fact;
  fact.mutable_turn_completed()->set_turn(chat.turn().seq());
  fact.mutable_turn_completed()->set_attempt(1);
  fact.mutable_turn_completed()->set_finish(STOP);
  Usage* usage = fact.mutable_turn_completed()->mutable_usage();
  usage->set_reported(true);
  usage->set_prompt_tokens(120);
  usage->set_output_tokens(7);
  usage->set_cost_nanodollars(12'345'678);
  fact.mutable_content()->set_text("re: cars");
  chat.gateway->record(std::move(fact), chat.now);
  chat.say("/thinking low");
  chat.say("/session");
  for (const char* part :
       {"Conversation 2 of 2: cars", "Since: 1970-01-01 00:16", "Messages: 2",
        "Tokens: 120 in, 7 out", "Money: $0.012346 for whole answers, as reported\n", "Model: echo",
        "Policy: window", "Set here: thinking"}) {
    INFO(chat.told());
    CHECK(chat.holds(part));
  }
  chat.say("/sessions 1");
  chat.say("/session");
  CHECK(chat.holds("Tokens: 0 in, 0 out"));
  CHECK(chat.holds("Money: no tokens were reported"));
}

TEST_CASE("money is reckoned by whoever answered, not by who would answer next", "[sessions]") {
  Chat chat;
  Fact fact = testing::Story::settings();
  for (const char* name : {"openai", "acme"}) {
    ProviderRow* row = fact.mutable_settings_loaded()->add_providers();
    row->set_name(name);
    row->set_kind("openai");
    row->set_base_url("https://api.example/v1");
    row->set_usable(true);
  }
  chat.gateway->record(std::move(fact), chat.now);
  Event catalogue;
  *catalogue.mutable_catalogue_loaded() = built_in_catalogue();
  chat.gateway->record(std::move(catalogue), chat.now);
  const auto answered = [&](std::uint64_t prompt, std::uint64_t output, std::uint64_t cost) {
    chat.say("boats?");
    Fact ended;
    ended.mutable_turn_completed()->set_turn(chat.turn().seq());
    ended.mutable_turn_completed()->set_attempt(1);
    ended.mutable_turn_completed()->set_finish(STOP);
    Usage* usage = ended.mutable_turn_completed()->mutable_usage();
    usage->set_reported(true);
    usage->set_prompt_tokens(prompt);
    usage->set_output_tokens(output);
    usage->set_cost_nanodollars(cost);
    ended.mutable_content()->set_text("boats!");
    chat.gateway->record(std::move(ended), chat.now);
  };
  chat.say("/model openai:gpt-4o");
  answered(1'000, 100, 0);  // 2,500 and 10,000 nanodollars a token
  chat.say("/model openai:gpt-4o-mini");
  answered(1'000, 100, 0);  // 150 and 600
  answered(1'000, 100, 5'000'000);
  chat.say("/model echo");
  chat.say("/session");
  INFO(chat.told());
  const std::string money = "Money: $0.008710 for whole answers, as reported, by the price table";
  CHECK(chat.holds(money + "\n"));
  chat.say("/model acme:x");
  answered(1'000, 100, 0);
  chat.say("/session");
  INFO(chat.told());
  CHECK(chat.holds(money + ", and what has no price that is known\n"));
  chat.check_refolds();
}

TEST_CASE("the notice of a title goes with the title", "[sessions]") {
  Chat chat;
  chat.exchange("boats");
  const Seq asked = chat.say("/title On boats");
  CHECK(chat.kinds_after(asked) == "SessionNamed NoticeIssued");
  const Seq notice = chat.last("NoticeIssued").seq();
  CHECK(chat.last("NoticeIssued").notice_issued().answers() == asked);
  const Seq said = chat.state().entries(0).seq();
  chat.commit();
  const SessionRow* row = chat.gateway->directory().at("console:local");
  const auto erased = plan_erasure(*row, {.subject = said}, *chat.gateway);
  REQUIRE(erased);
  CHECK(covers(*erased, chat.last("SessionNamed").seq()));
  CHECK(covers(*erased, notice));
}

TEST_CASE("a title is made on the account of whoever was answered, and not beyond a budget",
          "[sessions]") {
  const bool spent = GENERATE(false, true);
  Chat chat(true);
  Fact fact = testing::Story::settings();
  SettingsLoaded* body = fact.mutable_settings_loaded();
  body->set_model_titles(true);
  body->set_model("openai:gpt-4o");
  body->set_user_budget_nanodollars(spent ? 1'000 : 0);
  body->add_telegram_allow(77);
  ProviderRow* row = body->add_providers();
  row->set_name("openai");
  row->set_kind("openai");
  row->set_base_url("https://api.example/v1");
  row->set_usable(true);
  chat.gateway->record(std::move(fact), chat.now);
  chat.say("boats", "telegram:77", 77);
  Fact ended;
  ended.mutable_turn_completed()->set_turn(chat.turn("telegram:77").seq());
  ended.mutable_turn_completed()->set_attempt(1);
  ended.mutable_turn_completed()->set_finish(STOP);
  ended.mutable_turn_completed()->mutable_usage()->set_reported(true);
  ended.mutable_turn_completed()->mutable_usage()->set_prompt_tokens(10);
  ended.mutable_turn_completed()->mutable_usage()->set_cost_nanodollars(5'000);
  ended.mutable_content()->set_text("Boats are dear.");
  const Seq answered = chat.gateway->record(std::move(ended), chat.now);
  const bool made = chat.kinds_after(answered).ends_with("TurnStarted");
  CHECK(made == !spent);
  if (!made) return;
  CHECK(chat.turn("telegram:77").kind() == TITLE);
  CHECK(chat.last("TurnStarted").turn_started().user() == 77);
}

TEST_CASE("/forget closes the conversation, and it can be gone back to", "[sessions]") {
  Chat chat;
  chat.say("/forget");
  CHECK(chat.told() == "There is no conversation to close.");
  chat.exchange("boats");
  chat.say("/thinking high");
  chat.say("and ships?");
  const Seq asked = chat.say("/forget");
  CHECK(chat.kinds_after(asked) ==
        "TurnCancelled SessionReset ProviderSessionCleared NoticeIssued");
  CHECK(chat.way().empty());
  CHECK(chat.state().own().empty());
  CHECK_FALSE(chat.state().has_open());
  chat.say("/sessions");
  CHECK(chat.holds(", closed"));
  chat.say("/sessions 1");
  chat.say("/sessions");
  CHECK_FALSE(chat.holds(", closed"));
  chat.check_refolds();
}

TEST_CASE("/export gives the conversation as a Markdown file, and no more than an event holds",
          "[sessions]") {
  Chat chat;
  chat.say("/export");
  CHECK(chat.told() == "Nothing was said here yet.");
  CHECK(chat.last("NoticeIssued").notice_issued().file_name().empty());
  chat.exchange("boats");
  chat.say("/export");
  CHECK(chat.told() ==
        "# Conversation\n\n## You, 1970-01-01 00:16\n\nboats\n\n## Answer, 1970-01-01 00:16\n\n"
        "re: boats");
  CHECK(chat.last("NoticeIssued").notice_issued().file_name() == "conversation.md");
  CHECK(chat.last("NoticeIssued").notice_issued().quotes_size() == 2);
  for (int i = 0; i < 40; ++i) chat.exchange(std::string(9'000, 'x'));
  chat.say("/export");
  CHECK(chat.holds("messages before these are left out"));
  CHECK(chat.told().size() < 530'000);
}

TEST_CASE("who asked for a file hears why none came", "[sessions]") {
  Chat chat;
  chat.exchange("boats");
  chat.say("/export");
  const Event exported = chat.last("NoticeIssued");
  const auto fail = [&](Seq source, bool ambiguous) {
    Fact fact;
    fact.mutable_delivery_failed()->set_source(source);
    fact.mutable_delivery_failed()->set_ambiguous(ambiguous);
    fact.mutable_content()->set_detail("not enough rights to send documents to the chat");
    chat.gateway->record(std::move(fact), chat.now);
  };
  SECTION("a plain no") {
    fail(exported.seq(), false);
    CHECK(chat.told() ==
          "⚠ The file could not be sent: not enough rights to send documents to the chat. "
          "`daybook export` has the conversation.");
    const Seq sentence = chat.last("NoticeIssued").seq();
    fail(sentence, false);
    CHECK(chat.last("NoticeIssued").seq() == sentence);
  }
  SECTION("it may be there") {
    fail(exported.seq(), true);
    CHECK(chat.last("NoticeIssued").seq() == exported.seq());
  }
}

struct Nothing : Transport {
  void start(Call) override {}
  void cancel(CallId) override {}
  std::vector<std::pair<CallId, Reply>> take_replies() override { return {}; }
};

// The gateway's loop with the watch alone in it.
void turn_loop(Chat& chat, IdleWatch& watch) {
  Nothing nothing;
  chat.gateway->connect({&watch}, nothing);
  for (int i = 0; i < 4; ++i) {
    chat.gateway->turn(chat.now);
    chat.log.commit_all();
  }
  chat.gateway->turn(chat.now);
}

TEST_CASE("a conversation that is silent for long is closed, and the next words hear of it once",
          "[sessions]") {
  Chat chat(false, 7'200'000);
  chat.exchange("boats");
  chat.say("/thinking high");
  chat.commit();
  IdleWatch watch(chat.gateway->directory());
  turn_loop(chat, watch);
  CHECK(chat.state().entries_size() == 2);
  CHECK(watch.wake_at(chat.now) == chat.now + Duration(7'200'000));
  chat.pass(7'200'000);
  turn_loop(chat, watch);
  CHECK(chat.state().entries_size() == 0);
  CHECK(chat.last("DeadlinePassed").deadline_passed().what() == "idle");
  CHECK(chat.last("SessionReset").session_reset().why() == SessionReset::IDLE);
  CHECK(watch.wake_at(chat.now) == kNever);
  chat.say("/status");
  const Seq hello = chat.say("hello");
  CHECK(chat.kinds_after(hello) == "NoticeIssued TurnStarted");
  CHECK(chat.told() ==
        "A new conversation begins, as the settings say: nothing was said for 2 hours. /sessions "
        "goes back to the old one.");
  CHECK(chat.last("TurnStarted").turn_started().thinking().empty());
  chat.complete(chat.turn(), "re");
  const Seq again = chat.say("again");
  CHECK(chat.kinds_after(again) == "TurnStarted");
  chat.check_refolds();
}

TEST_CASE("after a start what was written meanwhile is heard before anything is closed",
          "[sessions]") {
  Chat chat(false, 60'000);
  chat.exchange("boats");
  chat.commit();
  chat.pass(3'600'000);
  IdleWatch watch(chat.gateway->directory(), kIdlePatience);
  turn_loop(chat, watch);
  CHECK(chat.state().entries_size() == 2);
  CHECK(watch.wake_at(chat.now) == chat.now + kIdlePatience);
  chat.pass(kIdlePatience.count());
  turn_loop(chat, watch);
  CHECK(chat.state().entries_size() == 0);
}

// Written by its own date so long after the story began.
Seq write_at(Chat& chat, const std::string& text, std::int64_t date) {
  Fact fact;
  fact.mutable_message_received()->set_place("console:local");
  fact.mutable_message_received()->set_date(date);
  fact.mutable_content()->set_text(text);
  return chat.gateway->record(std::move(fact), chat.now);
}

TEST_CASE("a message that was sent after a long silence begins anew, whoever noticed the silence",
          "[sessions]") {
  Chat chat(false, 3'600'000);
  const std::int64_t began = to_milliseconds(chat.now) / 1'000;
  chat.exchange("boats");
  chat.pass(22 * 3'600'000);
  SECTION("it has no date: it was sent when it came") {
    const Seq hello = chat.say("hello");
    CHECK(chat.kinds_after(hello) == "SessionReset NoticeIssued TurnStarted");
    CHECK(chat.last("SessionReset").session_reset().why() == SessionReset::IDLE);
    CHECK(chat.last("SessionReset").session_reset().silent() == 22 * 3'600'000);
    CHECK(chat.holds("nothing was said for 22 hours"));
    CHECK(chat.way() == "hello");
  }
  SECTION("by its date") {
    write_at(chat, "hello", began + 2 * 3'600);
    CHECK(chat.holds("nothing was said for 2 hours"));
    CHECK(chat.way() == "hello");
  }
  SECTION("what was sent in time goes on, and so does what came behind it") {
    const Seq hello = write_at(chat, "hello", began + 3'599);
    CHECK(chat.kinds_after(hello) == "TurnStarted");
    write_at(chat, "and", began + 22 * 3'600);
    chat.complete(chat.turn(), "re");
    CHECK(chat.way() == "boats | re: boats | hello | re | and");
  }
  SECTION("a command finds it closed, the first words hear of it") {
    const Seq asked = chat.say("/undo");
    CHECK(chat.kinds_after(asked) == "SessionReset NoticeIssued");
    CHECK(chat.told() == "There is nothing to take back.");
    const Seq hello = chat.say("hello");
    CHECK(chat.kinds_after(hello) == "NoticeIssued TurnStarted");
  }
  chat.check_refolds();
}

TEST_CASE("all that have fallen silent are closed, each once, and who has not is not",
          "[sessions]") {
  Chat chat(false, 60'000);
  const std::vector<std::string> places = {"terminal:a", "terminal:b", "terminal:c"};
  for (const std::string& place : places) chat.exchange("boats", place);
  chat.pass(60'000);
  chat.exchange("boats");
  chat.commit();
  IdleWatch watch(chat.gateway->directory());
  turn_loop(chat, watch);
  turn_loop(chat, watch);
  for (const std::string& place : places) CHECK(chat.state(place).entries_size() == 0);
  CHECK(chat.state().entries_size() == 2);
  int resets = 0;
  for (Seq seq = 1; seq <= chat.log.last(); ++seq) resets += chat.event(seq).has_session_reset();
  CHECK(resets == 3);
}

TEST_CASE("neither a running answer nor a restart closes a conversation before its time",
          "[sessions]") {
  Chat chat(false, 60'000);
  chat.say("boats");
  chat.commit();
  chat.pass(120'000);
  {
    IdleWatch watch(chat.gateway->directory());
    turn_loop(chat, watch);
    CHECK(chat.state().entries_size() == 1);
    chat.complete(chat.turn(), "re");
    chat.commit();
    turn_loop(chat, watch);
    CHECK(chat.state().entries_size() == 2);
  }
  chat.pass(30'000);
  chat.crash();
  IdleWatch watch(chat.gateway->directory());
  turn_loop(chat, watch);
  CHECK(chat.state().entries_size() == 2);
  chat.pass(30'000);
  turn_loop(chat, watch);
  CHECK(chat.state().entries_size() == 0);
}

TEST_CASE("a deadline that another one has overtaken closes nothing", "[sessions]") {
  Chat chat(false, 60'000);
  chat.exchange("boats");
  CHECK(chat.kinds_after(chat.fall_silent()).empty());
  chat.pass(60'000);
  CHECK(chat.kinds_after(chat.fall_silent()) == "SessionReset");
  CHECK(chat.kinds_after(chat.fall_silent()).empty());
}

}  // namespace
}  // namespace daybook::decide_sessions_test
