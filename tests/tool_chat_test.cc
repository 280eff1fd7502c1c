// `daybook chat` and `ask` as somebody at a terminal meets them, beside others in the same chat.
#include <catch2/catch.hpp>

#include <csignal>

#include "tests/places.h"
#include "tests/world/daemon_world.h"
#include "tools/onlooker.h"

namespace daybook::tool_chat_test {

using world::answer_for;
using world::DaemonWorld;
using world::Environment;
using world::OnTerminal;
using world::Process;
using world::run_program;

constexpr std::int64_t kUser = DaemonWorld::kUser;

// A world in which somebody has written in Telegram, and a terminal beside it.
struct Chat {
  DaemonWorld world{build_directory()};

  Chat() {
    world.start();
    world.say(kUser, "from the phone");
    REQUIRE(world.wait_answered(kUser, "from the phone"));
  }
  ~Chat() { world.daemon().signal(SIGTERM); }
  Chat(const Chat&) = delete;
  Chat& operator=(const Chat&) = delete;

  [[nodiscard]] std::vector<std::string> words(std::vector<std::string> more) const {
    more.insert(more.begin(), {build_directory() + "/daybook", "--data", world.data()});
    return more;
  }
  [[nodiscard]] Environment environment(const std::string& no_colour) const {
    Environment all = {{"HOME", world.directory()}};
    if (!no_colour.empty()) all.emplace_back("NO_COLOR", no_colour);
    return all;
  }
};

TEST_CASE("both sides of a Telegram chat see what either says", "[chat]") {
  Chat chat;
  const std::string place = "telegram:" + std::to_string(kUser);
  Process terminal(chat.words({"chat", place}), chat.environment("1"), OnTerminal{});
  REQUIRE(terminal.expect("Talking at " + place));
  REQUIRE(terminal.expect("> "));
  terminal.write_input("from the desk\n");
  REQUIRE(terminal.expect(answer_for("from the desk")));
  CHECK(chat.world.wait_shown(kUser, "From the terminal: from the desk"));
  CHECK(chat.world.wait_answered(kUser, "from the desk"));

  REQUIRE(terminal.expect("> "));
  chat.world.say(kUser, "phone again");
  REQUIRE(terminal.expect("Ann: phone again\n"));
  REQUIRE(terminal.expect(answer_for("phone again")));
  chat.world.say(kUser, "/whoami");
  REQUIRE(terminal.expect(std::to_string(kUser)));
  terminal.write_input("\x04");
  CHECK(terminal.wait() == 0);
  // What the terminal said itself is not shown to it twice.
  const std::string answer = answer_for("from the desk");
  const std::string seen = terminal.output();
  CHECK(seen.find(answer) == seen.rfind(answer));
  CHECK(seen.find('\x1b') == std::string::npos);
}

TEST_CASE("colours are for terminals that want them", "[chat]") {
  Chat chat;
  // While it records, no two that look see the same.
  chat.world.daemon().signal(SIGTERM);
  REQUIRE(chat.world.daemon().wait() == 0);
  const std::vector<std::string> words = chat.words({"show", "telegram:"});
  const auto shown = [&](const std::string& no_colour) {
    Process process(words, chat.environment(no_colour), OnTerminal{});
    CHECK(process.wait() == 0);
    return process.output();
  };
  CHECK(shown("").find("\x1b[1m") != std::string::npos);
  CHECK(shown("1").find('\x1b') == std::string::npos);
  const auto piped = run_program(words, chat.environment(""));
  CHECK(piped.output == shown("1"));
}

TEST_CASE("without a daemon, talking is one sentence that says how to start it", "[chat]") {
  const world::TemporaryDirectory directory;
  for (const std::string verb : {"ask", "chat"}) {
    std::vector<std::string> words = {build_directory() + "/daybook", "--data",
                                      directory.path() + "/data", verb};
    if (verb == "ask") words.emplace_back("hello");
    const auto refused = run_program(words, {{"HOME", directory.path()}});
    CHECK(refused.status == 69);
    const std::string data = directory.path() + "/data";
    CHECK(refused.errors == "daybook: daybookd does not run on " + data +
                                "; start it with `daybookd --data " + data +
                                "`, or talk without it: daybookd --console --data " + data + "\n");
  }
}

TEST_CASE("a chat whose daemon goes away ends with one sentence", "[chat]") {
  Chat chat;
  Process terminal(chat.words({"chat"}), chat.environment("1"), OnTerminal{});
  REQUIRE(terminal.expect("> "));
  chat.world.daemon().signal(SIGTERM);
  REQUIRE(chat.world.daemon().wait() == 0);
  terminal.write_input("anybody?\n");
  CHECK(terminal.wait() == 69);
  CHECK(terminal.expect("daybook: daybookd closed the connection"));
}

}  // namespace daybook::tool_chat_test
