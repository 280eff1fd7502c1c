// The same fakes over loopback sockets: kept connections, cuts, resets.
#include "tests/world/socket_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

#include "tests/world/bot_api.h"
#include "tests/world/chat_server.h"

namespace daybook::world_socket_server_test {

using world::BotApi;
using world::BotFault;
using world::Hosted;
using world::Trap;

// A blocking client with nothing of its own.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void write(std::string_view bytes) {
    REQUIRE(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }

  // Until `end` is there or the peer is gone.
  std::string read_until(std::string_view end) {
    std::string bytes;
    std::array<char, 4096> buffer{};
    while (bytes.find(end) == std::string::npos) {
      const ssize_t count = ::recv(socket_, buffer.data(), buffer.size(), 0);
      if (count <= 0) return bytes + (count < 0 ? "<reset>" : "<closed>");
      bytes.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return bytes;
  }

 private:
  int socket_;
};

std::string call(const std::string& method, const std::string& body) {
  return "POST /bot1:a/" + method +
         " HTTP/1.1\r\nHost: t\r\nUser-Agent: t\r\nContent-Type: application/json\r\n"
         "Content-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST_CASE("a model answers over a socket and keeps the connection", "[world]") {
  Hosted<BotApi> bot("1:a");
  Client client(bot.server().port());
  client.write(call("getMe", "{}"));
  CHECK(client.read_until("}}").find("daybook_test_bot") != std::string::npos);
  client.write(call("getUpdates", R"({"timeout":30})"));
  CHECK(bot.wait([](const BotApi& api) { return api.polled(); }));
  bot.with([](BotApi& api) { return api.say(7, "hi", world::real_now()); });
  CHECK(client.read_until("]}").find(R"("text":"hi")") != std::string::npos);
  CHECK(bot.server().wire_violations().empty());
}

TEST_CASE("a lost answer is a reset, a cut one a close", "[world]") {
  Hosted<BotApi> bot("1:a");
  bot.with([](BotApi& api) {
    api.fail("getMe", 1, BotFault::lost(true));
    api.fail("getMe", 2, BotFault::cut(8));
  });
  Client first(bot.server().port());
  first.write(call("getMe", "{}"));
  CHECK(first.read_until("}}") == "<reset>");
  Client second(bot.server().port());
  second.write(call("getMe", "{}"));
  CHECK(second.read_until("}}") == "HTTP/1.1<closed>");
}

TEST_CASE("a client that goes away is noticed by the model", "[world]") {
  Hosted<BotApi> bot("1:a");
  {
    Client client(bot.server().port());
    client.write(call("getUpdates", R"({"timeout":30})"));
    REQUIRE(bot.wait([](const BotApi& api) { return api.polled(); }));
  }
  CHECK(bot.wait([](const BotApi& api) { return !api.polled(); }));
}

TEST_CASE("a trap stops the world at its byte", "[world]") {
  Hosted<BotApi> bot("1:a");
  const auto trap = [&](Trap::Where where, std::size_t bytes) {
    Client client(bot.server().port());
    bot.server().set_trap({"sendMessage", 1, where, bytes, [] {}});
    const int before = bot.with([](BotApi& api) { return api.calls("sendMessage"); });
    client.write(call("sendMessage", R"({"chat_id":7,"text":"x"})"));
    std::string seen;
    if (where == Trap::Where::kSending) seen = client.read_until("HTTP/1.1 400");
    REQUIRE(bot.server().wait_for_trap());
    const int after = bot.with([](BotApi& api) { return api.calls("sendMessage"); });
    return std::pair(after - before, seen);
  };
  CHECK(trap(Trap::Where::kReceiving, 100) == std::pair(0, std::string()));
  CHECK(trap(Trap::Where::kReceived, 0) == std::pair(0, std::string()));
  CHECK(trap(Trap::Where::kExecuted, 0) == std::pair(1, std::string()));
  CHECK(trap(Trap::Where::kSending, 12) == std::pair(1, std::string("HTTP/1.1 400")));
}

TEST_CASE("a malformed request is named and its connection reset", "[world]") {
  Hosted<BotApi> bot("1:a");
  Client client(bot.server().port());
  client.write("GET / HTTP/1.1\r\n\r\n");
  CHECK(client.read_until("}}") == "<reset>");
  CHECK(bot.server().wire_violations() == std::vector<std::string>{"no User-Agent header"});
}

}  // namespace daybook::world_socket_server_test
