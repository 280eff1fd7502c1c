// The daemon over https: certificates that are not accepted are told in one sentence and cost
// nothing, and few handshakes are full ones.
#include <signal.h>

#include <catch2/catch.hpp>

#include "tests/places.h"
#include "tests/tls_certificates.h"
#include "tests/tls_front.h"
#include "tests/world/daemon_world.h"

namespace daybook::end_to_end_tls_test {

using tls_certificates::Workshop;
using tls_front::TlsFront;
using tls_server::Identity;
using world::BotApi;
using world::ChatServer;
using world::DaemonWorld;
using world::Finished;

constexpr std::int64_t kChat = DaemonWorld::kUser;

// Certificates; only `authority.pem` is trusted by the daemon.
struct Papers {
  Papers() {
    workshop.leaf("good", {});
    workshop.leaf("expired", {.not_after = "20210101000000Z"});
    workshop.leaf("elsewhere", {.extensions = "subjectAltName=DNS:elsewhere.example"});
    workshop.authority("stranger", "/CN=Stranger");
    workshop.leaf("unknown", {.issuer = "stranger"});
  }
  [[nodiscard]] std::unique_ptr<Identity> identity(const std::string& name) const {
    return std::make_unique<Identity>(workshop.path(name + ".pem"), workshop.path(name + ".key"));
  }

  Workshop workshop;
};

const Papers& papers() {
  static const Papers papers;
  return papers;
}

// A certificate that must not be accepted, and what is said of it.
struct Bad {
  std::string name;
  std::string words;
};
Bad a_bad_one() {
  return GENERATE(values<Bad>({{"expired", "its certificate has expired"},
                               {"elsewhere", "its certificate was made out to another name"},
                               {"unknown", "an issuer that is not in the bundle"}}));
}

struct World : DaemonWorld {
  World() : DaemonWorld(build_directory()) {
    set("tls", "ca_file = " + toml_string(papers().workshop.path("authority.pem")));
  }
  void provider_at(const std::string& url) {
    set("providers.fake", "kind = \"openai\"\nbase_url = " + toml_string(url + "/v1") +
                              "\napi_key = " + toml_string(kKey));
  }
  void telegram_at(const std::string& url) {
    set("telegram", "token = " + toml_string(kToken) + "\napi_root = " + toml_string(url) +
                        "\nallow = [" + std::to_string(kChat) + "]");
  }
  // Everything written is in order.
  void check_journal() {
    CHECK(tool({"verify"}).status == 0);
    CHECK(tool({"replay", "--check"}).status == 0);
  }
};

TEST_CASE("a provider's bad certificate is one sentence in the chat, and nothing is lost",
          "[e2e]") {
  const Bad bad = a_bad_one();
  INFO(bad.name);
  World world;
  const auto wrong = papers().identity(bad.name);
  const auto right = papers().identity("good");
  TlsFront front(world.chat().server().port(), *wrong);
  world.provider_at(front.url());
  world.start();
  world.say(kChat, "first");
  REQUIRE(world.bot().wait([](const BotApi& api) { return !api.screen(kChat).empty(); }));
  const std::string told = world.screen(kChat)[0];
  INFO(told);
  CHECK(told.find("fake could not be reached safely: ") != std::string::npos);
  CHECK(told.find(bad.words) != std::string::npos);
  CHECK(told.find("Your message is kept") != std::string::npos);
  CHECK(front.handshakes() == 0);
  CHECK(world.chat().with([](ChatServer& server) { return server.requests().empty(); }));

  front.show(*right);
  world.say(kChat, "second");
  // Both are answered in one: the model sees them as one message.
  REQUIRE(world.wait_answered(kChat, "first\n\nsecond"));
  const auto asked = world.chat().with([](ChatServer& server) { return server.requests(); });
  REQUIRE(asked.size() == 1);
  const std::vector<std::pair<std::string, std::string>> both = {{"user", "first\n\nsecond"}};
  CHECK(asked[0].messages == both);
  world.daemon().signal(SIGTERM);
  CHECK(world.daemon().wait() == 0);
  world.check_journal();
}

TEST_CASE("Telegram's bad certificate is one sentence in the log, and nothing is lost", "[e2e]") {
  const Bad bad = a_bad_one();
  INFO(bad.name);
  World world;
  const auto wrong = papers().identity(bad.name);
  const auto right = papers().identity("good");
  TlsFront front(world.bot().server().port(), *wrong);
  world.telegram_at(front.url());
  world.say(kChat, "early");
  world.start();
  REQUIRE(world.daemon().wait_for_errors(bad.words));
  const std::string log = world.daemon().errors();
  INFO(log);
  CHECK(log.find("Telegram cannot be ") != std::string::npos);
  CHECK(log.find("CANARY") == std::string::npos);
  CHECK(world.daemon().running());
  CHECK(front.handshakes() == 0);

  front.show(*right);
  CHECK(world.wait_answered(kChat, "early"));
  CHECK(world.violations().empty());
  world.daemon().signal(SIGTERM);
  CHECK(world.daemon().wait() == 0);
  world.check_journal();
}

TEST_CASE("a daemon that reaches nobody for a bad certificate still stops when asked", "[e2e]") {
  World world;
  const auto wrong = papers().identity("expired");
  TlsFront front(world.bot().server().port(), *wrong);
  world.telegram_at(front.url());
  world.start();
  REQUIRE(world.daemon().wait_for_errors("its certificate has expired"));
  world.daemon().signal(SIGTERM);
  CHECK(world.daemon().wait() == 0);
}

TEST_CASE("over https everything works, and all handshakes but the first few are resumed",
          "[e2e]") {
  World world;
  const auto bot = papers().identity("good");
  const auto models = papers().identity("good");
  TlsFront bot_front(world.bot().server().port(), *bot);
  TlsFront chat_front(world.chat().server().port(), *models);
  world.telegram_at(bot_front.url());
  world.provider_at(chat_front.url());
  world.start();
  world.say(kChat, "warm");
  REQUIRE(world.wait_answered(kChat, "warm"));
  const int full_at_first = bot_front.handshakes() - bot->resumed();
  for (int i = 0; i < 20; ++i) {
    bot_front.hang_up();
    chat_front.hang_up();
    const std::string text = "anew " + std::to_string(i);
    world.say(kChat, text);
    REQUIRE(world.wait_answered(kChat, text));
  }
  // Two calls begin together at the start, before there is a session to resume.
  CHECK(full_at_first <= 2);
  CHECK(bot->resumed() >= 20);
  CHECK(bot_front.handshakes() - bot->resumed() == full_at_first);
  CHECK(models->resumed() >= 20);
  CHECK(chat_front.handshakes() - models->resumed() == 1);
}

}  // namespace daybook::end_to_end_tls_test
