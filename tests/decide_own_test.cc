// /thinking, /temperature, /system, /set, /provider and a /model that fails: given a conversation,
// when this is asked, then its next request is made so.
#include <catch2/catch.hpp>
#include <string>

#include "core/context.h"
#include "core/decide_conversation.h"
#include "core/erasure.h"
#include "core/model.h"
#include "tests/chat_story.h"

namespace daybook::decide_own_test {
namespace {

struct Talk : testing::Chat {
  Talk() {
    Fact fact = settings();
    for (const char* name : {"openai", "openrouter", "gemini", "acme"}) {
      ProviderRow* row = fact.mutable_settings_loaded()->add_providers();
      row->set_name(name);
      row->set_kind(name == std::string("gemini") ? "gemini" : "openai");
      row->set_base_url("https://api.example/v1");
      row->set_usable(name != std::string("gemini"));
    }
    gateway->record(std::move(fact), now);
    Event catalogue;
    *catalogue.mutable_catalogue_loaded() = built_in_catalogue();
    gateway->record(std::move(catalogue), now);
  }

  // The next request, as the provider gets it.
  Prompt asked(const std::string& text) {
    say(text);
    const Seq open = turn().seq();
    const Result<Prompt> prompt = gateway->prompt(open);
    REQUIRE(prompt);
    complete(turn(), "re: " + text);
    commit();
    const Result<Prompt> again = prompt_of(event(open), *gateway);
    REQUIRE(again);
    CHECK(*again == *prompt);
    return *prompt;
  }
};

TEST_CASE("/thinking and /temperature are in the next request, and the turn records them",
          "[own]") {
  Talk talk;
  CHECK(talk.asked("one").thinking.empty());
  const Seq changed = talk.say("/thinking high");
  CHECK(talk.kinds_after(changed) == "SettingChanged NoticeIssued");
  talk.say("/temperature 0.70");
  const Prompt prompt = talk.asked("two");
  CHECK(prompt.thinking == "high");
  CHECK(prompt.temperature == "0.7");
  CHECK(talk.last("TurnStarted").turn_started().thinking() == "high");
  talk.say("/thinking default");
  talk.say("/temperature default");
  CHECK(talk.asked("three").thinking.empty());
  CHECK(talk.state().own().empty());
  talk.check_refolds();
}

TEST_CASE("a running answer keeps the settings it was asked with", "[own]") {
  Talk talk;
  talk.say("one");
  const Seq running = talk.turn().seq();
  talk.say("/thinking low");
  CHECK(talk.told().find("running answer keeps its own") != std::string::npos);
  CHECK(talk.gateway->prompt(running)->thinking.empty());
}

TEST_CASE("what is no level and no temperature changes nothing and says what is", "[own]") {
  Talk talk;
  for (const char* bad :
       {"/thinking hard", "/temperature 2.1", "/temperature -1", "/temperature nan",
        "/temperature 0,7", "/temperature 1x", "/set queue later", "/set thinking 3"}) {
    INFO(bad);
    const Seq asked = talk.say(bad);
    CHECK(talk.kinds_after(asked) == "NoticeIssued");
    CHECK(talk.told().find("Nothing was changed") != std::string::npos);
  }
  for (const auto& [written, kept] : {std::pair{"0", "0"},
                                      {"2", "2"},
                                      {"0.05", "0.05"},
                                      {"1.50", "1.5"},
                                      {".5", "0.5"},
                                      {"0.999", "1"}}) {
    talk.say("/temperature " + std::string(written));
    CHECK(talk.asked("hello").temperature == kept);
  }
}

TEST_CASE("/system is what the model is told, in place of the settings' words", "[own]") {
  Talk talk;
  CHECK(talk.asked("one").system == "Be brief.");
  talk.say("/system Speak like\na pirate.");
  CHECK(talk.last("SettingChanged").content().text() == "Speak like\na pirate.");
  CHECK(talk.last("SettingChanged").setting_changed().value().empty());
  CHECK(talk.told().find("pirate") == std::string::npos);
  CHECK(talk.asked("two").system == "Speak like\na pirate.");
  // The prompt does not begin like the one before any more.
  CHECK(talk.last("TurnStarted").turn_started().reused_tokens() == 0);
  talk.asked("three");
  CHECK(talk.last("TurnStarted").turn_started().reused_tokens() > 0);
  talk.say("/system");
  CHECK(talk.told().find("pirate") != std::string::npos);
  CHECK(talk.last("NoticeIssued").notice_issued().quotes(0) == talk.last("SettingChanged").seq());
  talk.say("/system " + std::string(32'769, 'x'));
  CHECK(talk.told().find("32769") != std::string::npos);
  CHECK(talk.asked("four").system == "Speak like\na pirate.");
  talk.say("/system default");
  CHECK(talk.asked("five").system == "Be brief.");
  talk.check_refolds();
}

TEST_CASE("a system prompt that is erased is the settings' again, and gone from the events",
          "[own]") {
  Talk talk;
  talk.asked("one");
  const Seq message = talk.say("/system My name is Grete.");
  const Seq changed = talk.last("SettingChanged").seq();
  talk.commit();
  const SessionRow* row = talk.gateway->directory().at("console:local");
  const auto erased = plan_erasure(*row, {.subject = message}, *talk.gateway);
  REQUIRE(erased);
  CHECK(covers(*erased, changed));
  Fact fact;
  fact.set_session(row->id());
  *fact.mutable_session_erased() = *erased;
  talk.gateway->record(std::move(fact), talk.now);
  CHECK(talk.state().own().empty());
  CHECK(talk.asked("two").system == "Be brief.");
  talk.check_refolds();
}

TEST_CASE("/set lists what can be set with its values, sets it, and names the nearest", "[own]") {
  Talk talk;
  talk.say("/set thinking medium");
  talk.say("/set queue.mode collect");
  talk.say("/set policy full");
  talk.say("/set model acme:x");
  talk.say("/set");
  for (const char* line :
       {"thinking = medium, set here", "queue = collect, set here", "policy = full, set here",
        "model = acme:x, set here", "temperature = default (", "system = default ("}) {
    INFO(talk.told());
    CHECK(talk.told().find(line) != std::string::npos);
  }
  talk.say("/set thinking");
  CHECK(talk.told().starts_with("thinking = medium"));
  talk.say("/set thinkin high");
  CHECK(talk.told().find("did you mean thinking?") != std::string::npos);
  for (const char* key : {"thinking", "queue", "policy", "model"}) {
    talk.say("/set " + std::string(key) + " default");
  }
  CHECK(talk.state().own().empty());
  CHECK(talk.state().policy().empty());
  CHECK(talk.state().model().empty());
  CHECK(talk.asked("hello").model == "echo");
  talk.check_refolds();
}

TEST_CASE("a switch of the model that fails changes nothing and names the nearest", "[own]") {
  Talk talk;
  const Seq asked = talk.say("/model gemini/gemini-2.5-flsh");
  CHECK(talk.kinds_after(asked) == "NoticeIssued");
  CHECK(talk.told().find("The model stays echo.") != std::string::npos);
  CHECK(talk.told().find("gemini-2.5-flash") != std::string::npos);
  talk.say("/model nowhere:x");
  CHECK(talk.told().find("/models lists what there is.") != std::string::npos);
  CHECK(talk.state().model().empty());
}

TEST_CASE("words that a command knows are known in any case, others stay as written", "[own]") {
  Talk talk;
  for (const auto& [written, line] : {std::pair{"/thinking HIGH", "thinking = high, set here"},
                                      {"/set Thinking Low", "thinking = low, set here"},
                                      {"/set Queue.Mode Collect", "queue = collect, set here"},
                                      {"/policy Full", "policy = full, set here"},
                                      {"/set policy Default", "policy = window ("},
                                      {"/thinking Default", "thinking = default ("},
                                      {"/model acme:Some-Model", "model = acme:Some-Model, set"},
                                      {"/model Default", "model = echo ("},
                                      {"/temperature 1", "temperature = 1, set here"},
                                      {"/temperature DEFAULT", "temperature = default ("},
                                      {"/system Be LOUD.", "system = a text"},
                                      {"/system Default", "system = default ("}}) {
    talk.say(written);
    talk.say("/set");
    INFO(written << ": " << talk.told());
    CHECK(talk.told().find(line) != std::string::npos);
  }
  talk.say("/queue CLEAR");
  CHECK(talk.told() == "Nothing waits.");
  talk.exchange("one");
  talk.exchange("two");
  const Seq undone = talk.say("/compact Undo");
  CHECK(talk.kinds_after(undone) == "NoticeIssued");
  CHECK(talk.told() == "There is no summary here to undo.");
}

TEST_CASE("a model that its provider does not list is set, and the nearest are named", "[own]") {
  Talk talk;
  Event lists;
  CatalogueLoaded* catalogue = lists.mutable_catalogue_loaded();
  *catalogue = built_in_catalogue();
  for (const char* id : {"boat-large", "boat-small:8b", "ship"}) {
    ModelRow* row = catalogue->add_rows();
    row->set_id(id);
    row->set_source("acme");
    row->set_context_tokens(8'000);
  }
  talk.gateway->record(std::move(lists), talk.now);
  talk.say("/model acme:boat-larg");
  CHECK(talk.state().model() == "acme:boat-larg");
  CHECK(talk.told() ==
        "Model: acme:boat-larg. The list of acme does not have it, which may be old. Near it: "
        "acme:boat-large.");
  talk.say("/model acme:boat-small:70b");
  CHECK(talk.told().find("does not have it") != std::string::npos);
  // What it lists, and what lists nothing.
  for (const char* name : {"acme:boat-large", "acme:Boat-Small", "openai:unheard-of", "echo"}) {
    talk.say("/model " + std::string(name));
    CHECK(talk.told() == "Model: " + std::string(name) + ".");
  }
}

TEST_CASE("a list of ids alone is as good for names as any", "[own]") {
  Talk talk;
  std::vector<ModelRow> rows;
  for (int i = 0; i < 30; ++i) rows.emplace_back().set_id("ship-" + std::to_string(10 + i));
  rows.emplace_back().set_id("mistral");
  Event lists;
  *lists.mutable_catalogue_loaded() = with_list(built_in_catalogue(), "acme", rows, talk.now);
  talk.gateway->record(std::move(lists), talk.now);
  talk.say("/models");
  CHECK(talk.told().find("\n  acme:ship-10\n") != std::string::npos);
  CHECK(talk.told().find("acme:ship-30") == std::string::npos);  // there are too many
  talk.say("/provider acme");
  CHECK(talk.state().model() == "acme:ship-10");
  talk.say("/model acme:mistrl");
  CHECK(talk.told() ==
        "Model: acme:mistrl. The list of acme does not have it, which may be old. Near it: "
        "acme:mistral.");
  talk.say("/model acme:mistral");
  CHECK(talk.told() == "Model: acme:mistral.");
  // How large it is, nobody says.
  talk.say("hello");
  CHECK(talk.turn().model() == "mistral");
  CHECK(talk.last("TurnStarted").turn_started().window_tokens() == 128'000);
}

TEST_CASE("a model that is asked once is told of as one that is set", "[own]") {
  Talk talk;
  Event lists;
  std::vector<ModelRow> rows(1);
  rows[0].set_id("mistral");
  *lists.mutable_catalogue_loaded() = with_list(built_in_catalogue(), "acme", rows, talk.now);
  talk.gateway->record(std::move(lists), talk.now);
  talk.exchange("one");
  const std::string lacking =
      "acme:mistrl is asked. The list of acme does not have it, which may be old. Near it: "
      "acme:mistral.";
  for (const char* name : {"nowhere:x", "gemini/gemini-2.5-flsh", "acm:mistral"}) {
    talk.say("/model " + std::string(name));
    const std::string set = talk.told();
    const Seq asked = talk.say("/retry " + std::string(name));
    CHECK(talk.kinds_after(asked) == "NoticeIssued");
    const std::string of = " The model stays echo.";
    std::string expected = set;
    CHECK(talk.told() == expected.replace(set.find(of), of.size(), " Nothing was changed."));
  }
  Seq asked = talk.say("/retry acme:mistrl");
  CHECK(talk.kinds_after(asked) == "LeafMoved NoticeIssued TurnStarted");
  CHECK(talk.told() == lacking);
  CHECK(talk.turn().model() == "mistrl");
  talk.check_refolds();
  // The same of an answer that is gone on with.
  talk.chunk(talk.turn(), "half");
  talk.say("/stop");
  talk.say("/continue acm:mistral");
  CHECK(talk.holds(" Nothing was changed. Near it: acme:mistral."));
  asked = talk.say("/continue acme:mistrl");
  CHECK(talk.told() == lacking);
  CHECK(talk.turn().model() == "mistrl");
  talk.complete(talk.turn(), "and the rest");
  // What it lists goes without a word.
  asked = talk.say("/retry acme:mistral");
  CHECK(talk.kinds_after(asked) == "LeafMoved TurnStarted");
  talk.check_refolds();
}

TEST_CASE("/provider goes to the same model there, or to its default", "[own]") {
  Talk talk;
  talk.say("/model openai:gpt-4o");
  talk.say("/provider openrouter");
  CHECK(talk.state().model() == "openai/gpt-4o");
  talk.say("/provider OpenAI");
  CHECK(talk.state().model() == "openai:gpt-4o");
  talk.say("/model anthropic/claude-opus-5.5");
  talk.say("/provider openai");
  CHECK(talk.state().model() == "openai:gpt-4o-mini");
  talk.say("/provider gemini");
  CHECK(talk.told().find("Gemini has no key") != std::string::npos);
  talk.say("/provider opnai");
  CHECK(talk.told().find("did you mean openai?") != std::string::npos);
  talk.say("/provider acme");
  CHECK(talk.told().find("set providers.acme.models") != std::string::npos);
  CHECK(talk.state().model() == "openai:gpt-4o-mini");
  talk.say("/provider");
  CHECK(talk.told().find("• openai") != std::string::npos);
  CHECK(talk.told().find("gemini") == std::string::npos);
  talk.say("/provider echo");
  CHECK(talk.state().model() == "echo");
}

TEST_CASE("/reset drops what the conversation had set, and no restart brings it back", "[own]") {
  Talk talk;
  talk.say("/model acme:x");
  talk.say("/thinking high");
  talk.say("/system Be loud.");
  talk.say("/reset");
  CHECK(talk.told().find("holds no more: model, system, thinking.") != std::string::npos);
  talk.commit();
  talk.crash();
  const Prompt prompt = talk.asked("hello");
  CHECK(prompt.model == "echo");
  CHECK(prompt.system == "Be brief.");
  CHECK(prompt.thinking.empty());
  talk.check_refolds();
}

constexpr std::int64_t kOwner = 7;
constexpr std::int64_t kGuest = 8;

// A gateway that somebody owns, and somebody else may talk to.
struct Company : testing::Story {
  explicit Company(std::uint32_t rules_in_force = kRulesVersion) : Story({}, rules_in_force) {
    Fact fact = settings();
    fact.mutable_settings_loaded()->set_telegram_owner(kOwner);
    fact.mutable_settings_loaded()->add_telegram_allow(kGuest);
    gateway->record(std::move(fact), now);
  }

  Seq ask(const std::string& text, std::int64_t user, bool group) {
    Fact fact;
    MessageReceived* body = fact.mutable_message_received();
    body->set_place(group ? "telegram:-100" : "telegram:" + std::to_string(user));
    body->set_source("telegram:1");
    body->set_user(user);
    body->set_group(group);
    if (text.starts_with("/")) {
      const std::size_t space = text.find(' ');
      body->set_command(text.substr(1, space - 1));
      if (space != text.npos) fact.mutable_content()->set_arguments(text.substr(space + 1));
    }
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }
  std::string told() { return last("NoticeIssued").content().text(); }
  bool refused() { return last("NoticeIssued").notice_issued().topic() == "rights"; }
};

TEST_CASE("in a group only the owner changes or shows what belongs to all of them", "[own]") {
  for (const char* command : {"/forget", "/system", "/system Be loud.", "/system default",
                              "/set thinking high", "/thinking high", "/temperature 1",
                              "/policy full", "/queue clear", "/pin", "/pin 5", "/unpin 5"}) {
    INFO(command);
    Company company;
    company.ask("hello", kGuest, true);
    company.complete(company.turn("telegram:-100"), "hi");
    const Seq guest = company.ask(command, kGuest, true);
    CHECK(company.kinds_after(guest) == "NoticeIssued");
    CHECK(company.refused());
    CHECK(company.told() ==
          "In a group only whoever owns this gateway can do that: it concerns all who talk here.");
    company.ask(command, kOwner, true);
    CHECK_FALSE(company.refused());
    company.ask(command, kGuest, false);
    CHECK_FALSE(company.refused());
  }
}

TEST_CASE("in a group everybody may ask what is set, and what lies with each of them", "[own]") {
  Company company;
  company.ask("hello", kOwner, true);
  company.complete(company.turn("telegram:-100"), "hi");
  for (const char* command : {"/set", "/thinking", "/temperature", "/policy", "/queue", "/session",
                              "/sessions", "/status", "/model", "/model echo:slow", "/reset"}) {
    INFO(command);
    company.ask(command, kGuest, true);
    CHECK_FALSE(company.refused());
  }
}

TEST_CASE("the system prompt of the settings is read by the owner alone, and in private", "[own]") {
  Company company;
  const auto shows = [&](std::int64_t user, bool group) {
    company.ask("/system", user, group);
    return company.told().find("Be brief.") != std::string::npos;
  };
  CHECK(shows(kOwner, false));
  CHECK_FALSE(shows(kOwner, true));
  CHECK_FALSE(shows(kGuest, false));
  CHECK(company.told().find("what the settings say") != std::string::npos);
  company.say("/system");
  CHECK(company.told().find("Be brief.") != std::string::npos);
  // One's own is one's own.
  company.ask("/system Be kind.", kGuest, false);
  company.ask("/system", kGuest, false);
  CHECK(company.told().find("Be kind.") != std::string::npos);
}

TEST_CASE("under rules from before, a reset keeps the model", "[own]") {
  testing::Story story({}, 2);
  story.say("/model echo:slow");
  story.say("/reset");
  CHECK_FALSE(story.last("SessionReset").session_reset().settings_too());
  story.say("hello");
  CHECK(story.turn().model() == "slow");
}

}  // namespace
}  // namespace daybook::decide_own_test
