// HTTP through the Transport, end to end over loopback, against a server made of plain sockets.
#include "adapters/net/network.h"

#include <catch2/catch.hpp>

#include "adapters/net/connection.h"
#include "adapters/net/connector.h"
#include "adapters/net/http_client.h"
#include "adapters/net/http_exchange.h"
#include "adapters/net/replies.h"
#include "adapters/net/uv_handle.h"
#include "tests/network_server.h"
#include "tests/network_world.h"

namespace daybook::network_test {

using network_server::answer;
using network_server::Peer;
using network_server::Server;
using network_world::call_to;
using network_world::Story;
using network_world::World;
using Reason = ReplyFailed::Reason;

TEST_CASE("a call is answered", "[network]") {
  std::string seen;
  Server server([&](Peer& peer) {
    seen = peer.read_request();
    peer.send(answer("hello", "X-Thing: yes\r\n"));
    peer.wait_for_end();
  });
  World world;
  const Story& story = world.run(call_to(server.port(), "{\"a\":1}"));
  REQUIRE(story.ended);
  CHECK(story.status() == 200);
  CHECK(story.bodies == std::vector<std::string>{"hello"});
  CHECK(story.heads.front().headers[1] == std::pair<std::string, std::string>("x-thing", "yes"));
  CHECK(seen == "POST /path HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                    "\r\nUser-Agent: daybook/" DAYBOOK_VERSION
                    "\r\nContent-Length: 7\r\nConnection: keep-alive\r\n\r\n{\"a\":1}");
}

TEST_CASE("a streamed body comes as it is sent, a plain one once and whole", "[network]") {
  std::mutex gate;
  gate.lock();
  Server server([&](Peer& peer) {
    while (!peer.read_request().empty()) {
      peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
      const std::lock_guard lock(gate);
      peer.send("3\r\ntwo\r\n0\r\n\r\n");
    }
  });
  World world;
  HttpCall streamed = call_to(server.port());
  streamed.stream = true;
  const CallId id = world.start(streamed);
  world.until([&] { return world.story(id).bodies.size() == 1; });
  CHECK(world.story(id).body() == "one");
  gate.unlock();
  const Story& story = world.finish(id);
  CHECK(story.bodies == std::vector<std::string>{"one", "two"});
  CHECK(world.run(call_to(server.port())).bodies == std::vector<std::string>{"onetwo"});
}

TEST_CASE("calls of one pool share a connection, calls of two do not", "[network]") {
  Server server([&](Peer& peer) {
    while (!peer.read_request().empty()) peer.send(answer(std::to_string(peer.number())));
  });
  World world;
  CHECK(world.run(call_to(server.port())).body() == "0");
  CHECK(world.run(call_to(server.port())).body() == "0");
  HttpCall poll = call_to(server.port());
  poll.pool = "poll";
  CHECK(world.run(poll).body() == "1");
  CHECK(world.run(call_to(server.port())).body() == "0");
  CHECK(world.network().idle_connections() == 2);
}

TEST_CASE("an answer that closes, or is followed by bytes, ends its connection", "[network]") {
  Server server([&](Peer& peer) {
    peer.read_request();
    const bool closes = peer.number() == 0;
    peer.send(closes ? answer("0", "Connection: close\r\n") : answer("1") + "HTTP/1.1 200 OK\r\n");
    peer.wait_for_end();
  });
  World world;
  CHECK(world.run(call_to(server.port())).body() == "0");
  CHECK(world.network().idle_connections() == 0);
  CHECK(world.run(call_to(server.port())).body() == "1");
  CHECK(world.run(call_to(server.port())).body() == "1");
  CHECK(server.accepted() == 3);
}

}  // namespace daybook::network_test
