// The daemon as a process against fake peers over loopback sockets: what a person sees.
#include <signal.h>

#include <catch2/catch.hpp>

#include "tests/places.h"
#include "tests/world/daemon_world.h"

namespace daybook::end_to_end_test {

using world::answer_for;
using world::BotApi;
using world::BotFault;
using world::ChatMessage;
using world::ChatRequest;
using world::ChatScript;
using world::ChatServer;
using world::DaemonWorld;
using world::Finished;

constexpr std::int64_t kChat = DaemonWorld::kUser;

struct World : DaemonWorld {
  World() : DaemonWorld(build_directory()) {}

  void script(ChatServer::Director director) {
    chat().with([&](ChatServer& server) { server.direct(std::move(director)); });
  }
  // Every answer streams, a word each `each`.
  void slow(Duration each) {
    script([each](const ChatRequest&, int) { return ChatScript{.each = each, .comments = true}; });
  }
  bool wait_streaming(std::size_t answers) {
    return chat().wait([&](const ChatServer& server) { return server.streaming() == answers; });
  }
  std::vector<ChatRequest> requests() {
    return chat().with([](ChatServer& server) { return server.requests(); });
  }
  std::vector<ChatMessage> messages(std::int64_t chat) {
    return bot().with([&](BotApi& api) { return api.screen(chat); });
  }
};

TEST_CASE("an answer grows on the screen by edits and ends whole in one message", "[e2e]") {
  World world;
  world.slow(Duration(60));
  world.start();
  const std::string question = "grow words:40";
  world.say(kChat, question);
  REQUIRE(world.wait_answered(kChat, question));
  const std::vector<ChatMessage> shown = world.messages(kChat);
  REQUIRE(shown.size() == 1);
  CHECK(shown[0].shown.size() >= 3);
  for (const world::ShownText& version : shown[0].shown) {
    CHECK(answer_for(question).starts_with(version.text));
  }
  CHECK(world.violations().empty());
}

TEST_CASE("a second message waits while one is answered and is answered then", "[e2e]") {
  World world;
  world.slow(Duration(30));
  world.start();
  world.say(kChat, "first words:30");
  REQUIRE(world.wait_streaming(1));
  world.say(kChat, "second");
  REQUIRE(world.wait_answered(kChat, "second"));
  CHECK(world.screen(kChat) ==
        std::vector<std::string>{answer_for("first words:30"), answer_for("second")});
  const std::vector<ChatRequest> requests = world.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].finished);
  CHECK(requests[1].system == "Be brief.");
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"user", "first words:30"}, {"assistant", answer_for("first words:30")}, {"user", "second"}};
  CHECK(requests[1].messages == expected);
  CHECK(world.violations().empty());
}

TEST_CASE("/stop ends a turn, closes its call and keeps what came", "[e2e]") {
  World world;
  world.slow(Duration(50));
  world.start();
  world.say(kChat, "long words:3000");
  REQUIRE(world.bot().wait([](const BotApi& api) {
    return !api.screen(kChat).empty() &&
           api.screen(kChat)[0].text.find("word1") != std::string::npos;
  }));
  world.say(kChat, "/stop");
  REQUIRE(world.bot().wait(
      [](const BotApi& api) { return api.screen(kChat)[0].text.ends_with("(stopped)"); }));
  CHECK(world.screen(kChat)[0].starts_with("Re long words:3000: word1"));
  CHECK(world.chat().wait([](const ChatServer& server) { return server.requests()[0].dropped; }));
  world.say(kChat, "next words:2");
  CHECK(world.wait_answered(kChat, "next words:2"));
  CHECK(world.violations().empty());
}

TEST_CASE("/export comes as a file, or with one sentence why not", "[e2e]") {
  World world;
  world.start();
  world.say(kChat, "boats words:300");
  REQUIRE(world.wait_answered(kChat, "boats words:300"));
  world.say(kChat, "/export");
  REQUIRE(world.bot().wait([](const BotApi& api) { return api.screen(kChat).size() == 2; }));
  const ChatMessage file = world.messages(kChat).back();
  CHECK(file.file_name == "conversation.md");
  CHECK(file.text.starts_with("# Conversation\n\n## You, "));
  CHECK(file.text.ends_with("\n\n" + answer_for("boats words:300")));
  world.bot().with([](BotApi& api) { api.forbid_files(kChat); });
  world.say(kChat, "/export");
  CHECK(world.wait_shown(kChat,
                         "⚠ The file could not be sent: Bad Request: not enough rights to send "
                         "documents to the chat. `daybook export` has the conversation."));
  CHECK(world.violations().empty());
}

TEST_CASE("/model switches the next turn, not the one that runs", "[e2e]") {
  World world;
  world.slow(Duration(50));
  world.chat().with(
      [](ChatServer& server) { server.list_models(R"({"data":[{"id":"m"},{"id":"other"}]})"); });
  world.start();
  world.say(kChat, "one words:30");
  REQUIRE(world.wait_streaming(1));
  world.say(kChat, "/model fake:other");
  REQUIRE(world.wait_shown(kChat, "Model: fake:other. The running answer keeps its own."));
  world.say(kChat, "two");
  REQUIRE(world.wait_answered(kChat, "one words:30"));
  REQUIRE(world.wait_answered(kChat, "two"));
  const std::vector<ChatRequest> requests = world.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].model == "m");
  CHECK(requests[1].model == "other");
}

void answer_fifty_chats(int words, Duration each, std::chrono::seconds patience) {
  World world;
  world.slow(each);
  world.set(
      "telegram", "token = " + World::toml_string(World::kToken) +
                      "\napi_root = " + World::toml_string(world.bot().url()) + "\nallow = [101" +
                      [] {
                        std::string more;
                        for (int user = 102; user < 151; ++user) {
                          more += ", " + std::to_string(user);
                        }
                        return more;
                      }() +
                      "]");
  world.start();
  const std::string question = "crowd words:" + std::to_string(words);
  const Time begin = world::real_now();
  for (std::int64_t chat = kChat; chat < kChat + 50; ++chat) world.say(chat, question);
  REQUIRE(world.bot().wait(
      [&](const BotApi& api) {
        for (std::int64_t chat = kChat; chat < kChat + 50; ++chat) {
          if (api.shows(chat, answer_for(question)) != 1) return false;
        }
        return true;
      },
      patience));
  WARN("50 chats answered in " << (world::real_now() - begin).count() << " ms");
  for (std::int64_t chat = kChat; chat < kChat + 50; ++chat) CHECK(world.screen(chat).size() == 1);
  CHECK(world.requests().size() == 50);
  CHECK(world.violations().empty());
}

TEST_CASE("fifty chats are answered at once", "[e2e]") {
  answer_fifty_chats(40, Duration(50), world::kPatience);
}

TEST_CASE("fifty streams of 20 s are done in 25 s", "[.long]") {
  answer_fifty_chats(200, Duration(99), std::chrono::seconds(25));
}

TEST_CASE("another poller is survived", "[e2e]") {
  World world;
  world.start();
  REQUIRE(world.bot().wait([](const BotApi& api) { return api.polled(); }));
  world.bot().with([](BotApi& api) { api.poll_from_elsewhere(world::real_now()); });
  world.say(kChat, "after");
  CHECK(world.wait_answered(kChat, "after"));
}

TEST_CASE("429 is waited out, on posts and on edits", "[e2e]") {
  World world;
  world.slow(Duration(50));
  world.bot().with([](BotApi& api) {
    api.fail("sendMessage", 1, BotFault::too_many_requests(1));
    api.fail("editMessageText", 1, BotFault::too_many_requests(2));
  });
  world.start();
  world.say(kChat, "patience words:40");
  REQUIRE(world.wait_answered(kChat, "patience words:40"));
  CHECK(world.screen(kChat).size() == 1);
  CHECK(world.violations().empty());
}

TEST_CASE("an edit whose answer was lost is done once it is not modified", "[e2e]") {
  World world;
  world.slow(Duration(50));
  world.bot().with([](BotApi& api) {
    for (int nth = 1; nth <= 3; ++nth) api.fail("editMessageText", nth, BotFault::lost(true));
  });
  world.start();
  world.say(kChat, "modified words:30");
  REQUIRE(world.wait_answered(kChat, "modified words:30"));
  world.say(kChat, "and on");
  REQUIRE(world.wait_answered(kChat, "and on"));
  CHECK(world.screen(kChat).size() == 2);
}

TEST_CASE("an answer whose message was deleted while it grew is posted anew", "[e2e]") {
  World world;
  world.slow(Duration(50));
  world.start();
  world.say(kChat, "deleted words:40");
  REQUIRE(world.bot().wait([](const BotApi& api) { return !api.screen(kChat).empty(); }));
  world.bot().with([](BotApi& api) { api.remove(kChat, api.screen(kChat)[0].message_id); });
  REQUIRE(world.wait_answered(kChat, "deleted words:40"));
  CHECK(world.screen(kChat).size() == 1);
}

TEST_CASE("the command menu is set once", "[e2e]") {
  World world;
  world.start();
  REQUIRE(world.bot().wait([](const BotApi& api) { return api.commands() != "[]"; }));
  CHECK(world.bot().with([](BotApi& api) { return api.commands(); }).find("compact") !=
        std::string::npos);
  world.daemon().signal(SIGTERM);
  REQUIRE(world.daemon().wait() == 0);
  world.start();
  world.say(kChat, "again");
  REQUIRE(world.wait_answered(kChat, "again"));
  REQUIRE(world.bot().wait([](const BotApi& api) { return api.calls("getMyCommands") == 2; }));
  CHECK(world.bot().with([](BotApi& api) { return api.calls("setMyCommands"); }) == 1);
}

TEST_CASE("an HTML error page instead of an answer is not the end", "[e2e]") {
  World world;
  world.bot().with([](BotApi& api) {
    api.fail("getUpdates", 2, BotFault::bad_gateway(false));
    api.fail("editMessageText", 1, BotFault::bad_gateway(true));
  });
  world.start();
  world.say(kChat, "html");
  CHECK(world.wait_answered(kChat, "html"));
}

TEST_CASE("a stranger gets a pairing code, no model, and talks once approved", "[e2e]") {
  World world;
  world.start();
  constexpr std::int64_t kStranger = 999;
  world.say(kStranger, "let me in");
  REQUIRE(world.bot().wait([](const BotApi& api) { return !api.screen(kStranger).empty(); }));
  const std::string notice = world.screen(kStranger)[0];
  const std::size_t at = notice.find("daybook pair approve ");
  REQUIRE(at != std::string::npos);
  CHECK(world.requests().empty());
  const Finished approved = world.tool({"pair", "approve", notice.substr(at + 21)});
  CHECK(approved.status == 0);
  REQUIRE(world.bot().wait([](const BotApi& api) { return api.screen(kStranger).size() == 2; }));
  world.say(kStranger, "now");
  CHECK(world.wait_answered(kStranger, "now"));
  CHECK(world.requests().size() == 1);
}

TEST_CASE("an error inside the stream is tried again and ends in one whole answer", "[e2e]") {
  World world;
  world.script([](const ChatRequest&, int nth) {
    ChatScript script{.each = Duration(20)};
    if (nth == 1) script.error_after = 5;
    if (nth == 2) script.ending = {world::Ending::Kind::kReset, 900};
    return script;
  });
  world.start();
  world.say(kChat, "again words:20");
  REQUIRE(world.wait_answered(kChat, "again words:20"));
  CHECK(world.screen(kChat) == std::vector<std::string>{answer_for("again words:20")});
  CHECK(world.requests().size() == 3);
}

TEST_CASE("a refusal by the provider is one plain sentence in the chat", "[e2e]") {
  World world;
  world.script([](const ChatRequest&, int) {
    return ChatScript::refusal(402, R"({"error":{"code":402,"message":"no credits"}})");
  });
  world.start();
  world.say(kChat, "poor");
  REQUIRE(world.bot().wait([](const BotApi& api) { return !api.screen(kChat).empty(); }));
  const std::string text = world.screen(kChat)[0];
  CHECK(text.find("no funds left (HTTP 402)") != std::string::npos);
  CHECK(text.find("Your message is kept") != std::string::npos);
}

TEST_CASE("a turn that waits to be tried again holds up no stop and goes on afterwards", "[e2e]") {
  World world;
  world.set("shutdown", "grace = \"10m\"");
  world.script([](const ChatRequest&, int nth) {
    return nth > 1 ? ChatScript{}
                   : ChatScript::refusal(429, R"({"error":{"message":"slow","code":429}})",
                                         {{"Retry-After", "5"}});
  });
  world.start();
  world.say(kChat, "later");
  REQUIRE(world.chat().wait([](const ChatServer& server) { return !server.requests().empty(); }));
  world.daemon().signal(SIGTERM);
  REQUIRE(world.daemon().wait() == 0);
  CHECK(world.requests().size() == 1);
  world.start();
  CHECK(world.wait_answered(kChat, "later"));
}

TEST_CASE("a message that Telegram makes wait holds up no stop", "[e2e]") {
  World world;
  world.set("shutdown", "grace = \"10m\"");
  world.bot().with(
      [](BotApi& api) { api.fail("sendMessage", 1, BotFault::too_many_requests(900)); });
  world.start();
  world.say(kChat, "/whoami");
  REQUIRE(world.bot().wait([](const BotApi& api) { return api.calls("sendMessage") == 1; }));
  world.daemon().signal(SIGTERM);
  CHECK(world.daemon().wait() == 0);
}

TEST_CASE("SIGTERM in the middle of an answer leaves one whole answer after a restart", "[e2e]") {
  World world;
  world.set("shutdown", "grace = \"100ms\"");
  world.slow(Duration(50));
  world.start();
  world.say(kChat, "interrupted words:40");
  REQUIRE(world.bot().wait([](const BotApi& api) { return !api.screen(kChat).empty(); }));
  world.daemon().signal(SIGTERM);
  REQUIRE(world.daemon().wait() == 0);
  world.start();
  REQUIRE(world.wait_answered(kChat, "interrupted words:40"));
  CHECK(world.screen(kChat).size() == 1);
  CHECK(world.violations().empty());
}

}  // namespace daybook::end_to_end_test
