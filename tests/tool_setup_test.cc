// `daybook setup` as a person meets it: at a terminal, against a Bot API and a model server that
// answer like the real ones.
#include "tools/setup.h"

#include <sys/stat.h>
#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/places.h"
#include "tests/world/daemon_world.h"
#include "tools/terminal.h"

namespace daybook::tool_setup_test {

namespace fs = std::filesystem;
using world::answer_for;
using world::BotApi;
using world::ChatServer;
using world::Environment;
using world::Finished;
using world::Hosted;
using world::OnTerminal;
using world::Process;
using world::run_program;
using world::TemporaryDirectory;

constexpr const char* kToken = world::DaemonWorld::kToken;
constexpr const char* kKey = "sk-or-CANARY-model-key-5cT8wY1nB6sD3fG0";
constexpr const char* kWrongToken = "123456:CANARY-wrong-token-AAAAAAAAAAAAAAAA";
constexpr const char* kWrongKey = "sk-or-CANARY-wrong-key";
constexpr std::int64_t kPerson = 101;

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string text_of(const std::string& file) {
  std::ifstream input(file);
  std::ostringstream text;
  text << input.rdbuf();
  return text.str();
}

// Somebody at a terminal with a home of their own, a bot, and a key.
struct Person {
  TemporaryDirectory home;
  Hosted<BotApi> bot{kToken};
  Hosted<ChatServer> chat{kKey};
  std::unique_ptr<Process> setup;

  [[nodiscard]] std::string config() const { return home.path() + "/.config/daybook/config.toml"; }
  [[nodiscard]] std::string journal() const { return home.path() + "/.local/state/daybook"; }
  [[nodiscard]] Environment alone() const {
    return {{"HOME", home.path()}, {"PATH", home.path() + "/bin:/usr/bin:/bin"}, {"NO_COLOR", "1"}};
  }
  // Where the services are, as nobody but a test or somebody with servers of their own says it.
  [[nodiscard]] Environment surroundings() const {
    Environment all = alone();
    all.emplace_back("DAYBOOK_TELEGRAM_API_ROOT", bot_url());
    all.emplace_back("DAYBOOK_PROVIDERS_OPENROUTER_BASE_URL", chat_url());
    return all;
  }
  [[nodiscard]] std::string bot_url() const { return bot.url(); }
  [[nodiscard]] std::string chat_url() const { return chat.url() + "/v1"; }

  // A systemctl that writes down what it was asked for.
  void has_systemd() const {
    home.write("bin/systemctl", "#!/bin/sh\necho \"$@\" >> \"$HOME/systemctl.log\"\n");
    REQUIRE(::chmod((home.path() + "/bin/systemctl").c_str(), 0700) == 0);
  }

  void runs_setup(const Environment& environment) {
    setup =
        std::make_unique<Process>(std::vector<std::string>{build_directory() + "/daybook", "setup"},
                                  environment, OnTerminal{});
  }
  void reads(std::string_view text) const {
    const bool found = setup->expect(text);
    INFO("waiting for: " << text << "\n" << setup->output());
    REQUIRE(found);
  }
  void answers(std::string_view question, const std::string& answer) const {
    reads(question);
    setup->write_input(answer + "\n");
  }
  void writes_to_bot(std::int64_t user, const std::string& text) {
    bot.with([&](BotApi& api) { return api.say(user, text, world::real_now()); });
  }
  [[nodiscard]] Finished tool(std::vector<std::string> words) const {
    words.insert(words.begin(), build_directory() + "/daybook");
    return run_program(words, alone());
  }
  // Token and key, each once; the model and everything after it are left to the test.
  void gives_token_and_key() const {
    answers("Bot token", kToken);
    reads("https://t.me/daybook_test_bot");
    answers("Provider key", kKey);
    reads("openrouter: the key works");
    answers("Another provider key", "");
  }
};

// What an interruption may leave behind: whole files or none, and a terminal that shows what is
// typed.
void check_nothing_is_half_done(const Person& person) {
  CHECK(person.setup->echoes());
  CHECK(person.tool({"config"}).status == 0);
  if (!fs::exists(fs::path(person.config()).parent_path())) return;
  for (const auto& entry : fs::directory_iterator(fs::path(person.config()).parent_path())) {
    CHECK(entry.path().filename() == "config.toml");
  }
}

TEST_CASE("setup leads from nothing to a bot that answers", "[setup]") {
  Person person;
  person.has_systemd();
  person.runs_setup(person.surroundings());
  person.reads("@BotFather");
  person.gives_token_and_key();
  person.answers("Model", "some/model");
  person.reads("Write anything to https://t.me/daybook_test_bot");
  person.writes_to_bot(kPerson, "hello, it is me");
  person.answers("Ann, user 101, wrote \"hello, it is me\". Is that you", "y");
  person.reads("User 101 is the owner.");
  person.answers("Start daybookd now and at every login", "y");
  person.reads("Setup is done.");
  CHECK(person.setup->wait() == 0);
  CHECK(
      holds(text_of(person.home.path() + "/systemctl.log"), "--user enable --now daybook.service"));

  struct stat file {};
  REQUIRE(::stat(person.config().c_str(), &file) == 0);
  CHECK((file.st_mode & 0777) == 0600);
  // What stood in the environment is in the file, so the daemon needs the file alone.
  Process daemon({build_directory() + "/daybookd"}, person.alone());
  CHECK(person.bot.wait(
      [](const BotApi& api) { return api.shows(kPerson, answer_for("hello, it is me")) > 0; }));
  CHECK(holds(person.tool({"pair"}).output, "owner    101"));
  daemon.signal(SIGTERM);
  CHECK(daemon.wait() == 0);
  CHECK(person.bot.with([](BotApi& api) { return api.violations(); }).empty());
}

TEST_CASE("setup shows no secret while it is typed", "[setup]") {
  Person person;
  person.runs_setup(person.surroundings());
  person.gives_token_and_key();
  person.reads("Model");
  CHECK_FALSE(holds(person.setup->output(), "CANARY"));
}

TEST_CASE("setup that is skipped from end to end changes nothing", "[setup]") {
  Person person;
  person.has_systemd();
  person.runs_setup(person.alone());
  person.answers("Bot token", "");
  person.answers("Provider key", "");
  person.answers("[echo]:", "");
  person.answers("Start daybookd now", "");
  person.reads("Setup is done.");
  CHECK(person.setup->wait() == 0);
  CHECK_FALSE(fs::exists(person.config()));
  CHECK_FALSE(fs::exists(person.journal()));
  CHECK_FALSE(holds(text_of(person.home.path() + "/systemctl.log"), "enable"));
}

TEST_CASE("setup takes no token that Telegram does not know", "[setup]") {
  Person person;
  person.runs_setup(person.surroundings());
  person.answers("Bot token", "nonsense");
  person.reads("must look like 123456789:AbC...");
  person.answers("Bot token", kWrongToken);
  person.reads("Telegram does not know this bot token");
  person.reads("Bot token");
  CHECK_FALSE(fs::exists(person.config()));
  person.setup->write_input(std::string(kToken) + "\n");
  person.reads("wrote telegram.token");
  CHECK(holds(text_of(person.config()), kToken));
  CHECK_FALSE(holds(text_of(person.config()), kWrongToken));
}

TEST_CASE("setup takes no key that its provider refuses", "[setup]") {
  Person person;
  person.runs_setup(person.surroundings());
  person.answers("Bot token", "");
  person.answers("Provider key", kWrongKey);
  person.reads("openrouter refuses the key");
  person.reads("Provider key");
  CHECK_FALSE(fs::exists(person.config()));
  person.setup->write_input("CANARY-whose-key-is-this\n");
  person.answers("Whose key is it: openrouter, openai, gemini?", "acme");
  person.reads("no provider acme");
  person.answers("Provider key", kKey);
  person.reads("wrote providers.openrouter.api_key\n");
  CHECK_FALSE(holds(text_of(person.config()), "wrong-key"));
}

TEST_CASE("setup removes a leftover webhook when told to", "[setup]") {
  const bool removed = GENERATE(true, false);
  Person person;
  person.bot.with([](BotApi& api) { api.set_webhook("https://old.example/hook"); });
  person.runs_setup(person.surroundings());
  person.answers("Bot token", kToken);
  person.reads("https://old.example/hook");
  person.answers("Remove it?", removed ? "y" : "n");
  person.answers("Provider key", "");
  person.answers("Model", "");
  person.reads(removed ? "Write anything to" : "the webhook has the messages");
  CHECK(person.bot.with([](BotApi& api) { return api.calls("deleteWebhook"); }) ==
        (removed ? 1 : 0));
}

TEST_CASE("setup over settings that exist keeps their comments and closes the file", "[setup]") {
  Person person;
  const std::string file = person.home.write(
      ".config/daybook/config.toml", "# mine\n[telegram]\napi_root = \"" + person.bot_url() +
                                         "\" # a test\n\n[providers.openrouter]\nbase_url = \"" +
                                         person.chat_url() + "\"\n");
  REQUIRE(::chmod(file.c_str(), 0644) == 0);
  person.runs_setup(person.alone());
  person.gives_token_and_key();
  person.answers("Model", "echo");
  person.answers("Write anything to", "");
  person.reads("Setup is done.");
  CHECK(person.setup->wait() == 0);
  const std::string text = text_of(file);
  CHECK(holds(text, "# mine\n[telegram]\napi_root = \"" + person.bot_url() + "\" # a test\n"));
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);

  // Again, keeping everything.
  person.runs_setup(person.alone());
  person.reads("The bot is @daybook_test_bot");
  person.answers("Another bot's token", "");
  person.reads("openrouter: the key works");
  person.answers("Another provider key", "");
  person.answers("[echo]:", "");
  person.answers("Write anything to", "");
  person.reads("Setup is done.");
  CHECK(person.setup->wait() == 0);
  CHECK(text_of(file) == text);
}

TEST_CASE("setup asks again when somebody else wrote to the bot", "[setup]") {
  Person person;
  person.writes_to_bot(7, "buy now");
  person.runs_setup(person.surroundings());
  person.gives_token_and_key();
  person.answers("Model", "");
  person.answers("user 7, wrote \"buy now\"", "n");
  person.reads("Write anything to");
  person.writes_to_bot(kPerson, "me");
  person.answers("user 101, wrote \"me\"", "y");
  person.reads("User 101 is the owner.");
  CHECK(person.setup->wait() == 0);
  CHECK_FALSE(holds(person.tool({"pair"}).output, "owner    7"));
}

TEST_CASE("setup beside a running daemon finds the owner through it", "[setup]") {
  Person person;
  Process daemon({build_directory() + "/daybookd"}, person.surroundings());
  REQUIRE(daemon.wait_for_errors("channels: "));
  while (!holds(person.tool({"status"}).output, "runs, pid")) REQUIRE(daemon.running());
  person.runs_setup(person.surroundings());
  person.gives_token_and_key();
  person.answers("Model", "some/model");
  person.reads("The running daybookd has the new settings.");
  person.reads("Write anything to");
  person.writes_to_bot(kPerson, "hello");
  person.answers("Ann, user 101, wrote to the bot. Is that you", "y");
  person.reads("User 101 is the owner.");
  person.reads("daybookd runs.");
  CHECK(person.setup->wait() == 0);
  person.writes_to_bot(kPerson, "now answer");
  CHECK(person.bot.wait(
      [](const BotApi& api) { return api.shows(kPerson, answer_for("now answer")) > 0; }));
  daemon.signal(SIGTERM);
  CHECK(daemon.wait() == 0);
}

// Every wait of setup, in order.
const std::vector<std::string>& waits() {
  static const std::vector<std::string> kWaits = {
      "Bot token", "Remove it?",        "Provider key", "Another provider key",
      "Model",     "Write anything to", "Is that you",  "Start daybookd now"};
  return kWaits;
}

// Answers everything before `last`, and waits for that.
void goes_on_until(Person& person, const std::string& last) {
  for (const std::string& wait : waits()) {
    person.reads(wait);
    if (wait == last) return;
    if (wait == "Write anything to") {
      person.writes_to_bot(kPerson, "hello");
      continue;
    }
    const std::string answer = wait == "Bot token"                            ? kToken
                               : wait == "Provider key"                       ? kKey
                               : wait.ends_with("?") || wait == "Is that you" ? "y"
                                                                              : "";
    person.setup->write_input(answer + "\n");
  }
}

TEST_CASE("Ctrl-C ends setup anywhere and leaves nothing half done", "[setup]") {
  const std::string wait = GENERATE(from_range(waits()));
  INFO(wait);
  Person person;
  person.has_systemd();
  person.bot.with([](BotApi& api) { api.set_webhook("https://old.example/hook"); });
  person.runs_setup(person.surroundings());
  goes_on_until(person, wait);
  person.setup->write_input("\x03");
  CHECK(person.setup->wait() == 128 + SIGINT);
  CHECK(person.setup->expect("What was written stays"));
  check_nothing_is_half_done(person);
}

TEST_CASE("the end of input ends setup anywhere and leaves nothing half done", "[setup]") {
  const std::string wait = GENERATE(from_range(waits()));
  INFO(wait);
  Person person;
  person.has_systemd();
  person.bot.with([](BotApi& api) { api.set_webhook("https://old.example/hook"); });
  person.runs_setup(person.surroundings());
  goes_on_until(person, wait);
  person.setup->write_input("\x04");
  CHECK(person.setup->wait() == 0);
  CHECK(person.setup->expect("What was written stays"));
  check_nothing_is_half_done(person);
}

TEST_CASE("Ctrl-C ends setup while a server keeps it waiting", "[setup]") {
  Person person;
  person.bot.with([](BotApi& api) { api.fail("getMe", 1, world::BotFault::stall(true)); });
  person.runs_setup(person.surroundings());
  person.answers("Bot token", kToken);
  REQUIRE(person.bot.wait([](const BotApi& api) { return api.calls("getMe") > 0; }));
  person.setup->write_input("\x03");
  CHECK(person.setup->wait() == 128 + SIGINT);
  CHECK_FALSE(fs::exists(person.config()));
}

TEST_CASE("setup asks nobody when there is no terminal", "[setup]") {
  const Person person;
  const Finished piped = person.tool({"setup"});
  CHECK(piped.status == 64);
  CHECK(holds(piped.errors, "--non-interactive"));
  CHECK_FALSE(fs::exists(person.config()));
}

TEST_CASE("setup without questions writes what the environment gives and checks it", "[setup]") {
  const Person person;
  Environment given = person.surroundings();
  given.emplace_back("TELEGRAM_BOT_TOKEN", kToken);
  given.emplace_back("OPENROUTER_API_KEY", kKey);
  given.emplace_back("DAYBOOK_AGENT_MODEL", "some/model");
  given.emplace_back("DAYBOOK_TELEGRAM_ALLOW", "101,102");
  given.emplace_back("DAYBOOK_JOURNAL_DIR", person.home.path() + "/elsewhere");
  const std::vector<std::string> words = {build_directory() + "/daybook", "setup",
                                          "--non-interactive"};
  const Finished setup = run_program(words, given);
  INFO(setup.output + setup.errors);
  CHECK(setup.status == 0);
  CHECK_FALSE(holds(setup.output + setup.errors, "CANARY"));
  const Finished settings = person.tool({"config"});
  for (const std::string& row :
       {"telegram.api_root = \"" + person.bot_url(), std::string("telegram.allow = [101, 102]"),
        std::string("agent.model = \"some/model\""),
        "journal.dir = \"" + person.home.path() + "/elsewhere\"",
        "providers.openrouter.base_url = \"" + person.chat_url()}) {
    INFO(row << "\n" << settings.output);
    CHECK(holds(settings.output, row));
  }

  const Finished doctor = person.tool({"doctor"});
  CHECK(doctor.status == 0);
  CHECK(holds(doctor.output, "Telegram knows the bot: https://t.me/daybook_test_bot"));
  CHECK(holds(doctor.output, "provider openrouter takes our key"));

  given.emplace_back("TELEGRAM_BOT_TOKEN", kWrongToken);
  std::erase(given, std::pair<std::string, std::string>("TELEGRAM_BOT_TOKEN", kToken));
  const Finished refused = run_program(words, given);
  CHECK(refused.status == 69);
  CHECK(holds(refused.errors, "Telegram does not know this bot token"));
  CHECK_FALSE(holds(text_of(person.config()), kWrongToken));
}

TEST_CASE("setup tells what it did as one object, and asks nothing then", "[setup]") {
  const Person person;
  Environment given = person.surroundings();
  given.emplace_back("TELEGRAM_BOT_TOKEN", kToken);
  given.emplace_back("OPENROUTER_API_KEY", kWrongKey);
  const Finished setup = run_program({build_directory() + "/daybook", "setup", "--json"}, given);
  INFO(setup.output + setup.errors);
  CHECK(setup.status == 69);
  CHECK(holds(setup.errors, "openrouter refuses the key"));
  const auto object = nlohmann::json::parse(setup.output);
  CHECK(object["file"] == person.config());
  CHECK(object["bot"] == "daybook_test_bot");
  CHECK_FALSE(object["wrote"].empty());
  CHECK(object["said"].size() > object["wrote"].size());
  CHECK_FALSE(holds(setup.output, "CANARY"));
  CHECK(run_program({build_directory() + "/daybook", "config", "set", "agent.model", "-", "--json"},
                    person.alone(), "echo\n")
            .output ==
        "{\"key\":\"agent.model\",\"file\":\"" + person.config() + "\",\"changed\":true}\n");
}

TEST_CASE("a value that is asked for unseen is not shown, and Ctrl-C gives the terminal back",
          "[setup]") {
  const Person person;
  const std::vector<std::string> words = {build_directory() + "/daybook", "config", "set",
                                          "telegram.token", "-"};
  Process typed(words, person.alone(), OnTerminal{});
  REQUIRE(typed.expect("not shown"));
  CHECK_FALSE(typed.echoes());
  typed.write_input(std::string(kToken) + "\n");
  CHECK(typed.wait() == 0);
  CHECK_FALSE(holds(typed.output(), "CANARY"));
  CHECK(holds(text_of(person.config()), kToken));

  Process interrupted(words, person.alone(), OnTerminal{});
  REQUIRE(interrupted.expect("not shown"));
  interrupted.write_input("\x03");
  CHECK(interrupted.wait() == 128 + SIGINT);
  CHECK(interrupted.echoes());
}

}  // namespace daybook::tool_setup_test
