// HTTP through the Transport, end to end over loopback, against a server made of plain sockets.
#include "adapters/net/network.h"

#include <catch2/catch.hpp>
#include <functional>
#include <mutex>

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

// Answers with "one" and then, once the gate is open, "two".
std::function<void(Peer&)> one_and_two(std::mutex& gate) {
  return [&gate](Peer& peer) {
    while (!peer.read_request().empty()) {
      peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
      const std::lock_guard lock(gate);
      peer.send("3\r\ntwo\r\n0\r\n\r\n");
    }
  };
}

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
  Server server(one_and_two(gate));
  std::unique_lock closed(gate);
  World world;
  HttpCall streamed = call_to(server.port());
  streamed.stream = true;
  const CallId id = world.start(streamed);
  CHECK(world.until(id, [](const Story& told) { return !told.bodies.empty(); }).body() == "one");
  closed.unlock();
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

TEST_CASE("a redirect is an answer, not followed", "[network]") {
  Server target([](Peer& peer) { peer.wait_for_end(); });
  Server server([&](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:" + std::to_string(target.port()) +
              "/\r\nContent-Length: 0\r\n\r\n");
    peer.wait_for_end();
  });
  World world;
  const Story& story = world.run(call_to(server.port()));
  CHECK(story.ended);
  CHECK(story.status() == 301);
  CHECK(target.accepted() == 0);
}

TEST_CASE("plain http to another machine is refused unless it is allowed", "[network]") {
  HttpCall call = call_to(1);
  call.origin.host = "models.invalid";
  {
    World world;
    const Story& story = world.run(call);
    REQUIRE(story.failed);
    CHECK(story.failure.reason == Reason::kRefused);
    CHECK(story.failure.detail.find("https") != std::string::npos);
    HttpCall lookalike = call;
    lookalike.origin.host = "127.models.invalid";
    CHECK(world.run(lookalike).failure.reason == Reason::kRefused);
  }
  HttpOptions options;
  options.insecure_hosts = {"127.0.0.1", "models.invalid"};
  World world(options);
  CHECK(world.run(call).failure.reason == Reason::kResolve);
}

TEST_CASE("a request that cannot be written is refused before a connection is made", "[network]") {
  Server server([](Peer& peer) { peer.wait_for_end(); });
  World world;
  HttpCall call = call_to(server.port());
  call.headers.push_back({"Authorization", Secret("key\r\nX: y")});
  const Story& story = world.run(call);
  REQUIRE(story.failed);
  CHECK(story.failure.reason == Reason::kRefused);
  CHECK(story.failure.detail.find("key") == std::string::npos);
  CHECK(server.accepted() == 0);
}

TEST_CASE("a name with a dead address is reached at its next one", "[network]") {
  Server server([](Peer& peer) {
    peer.read_request();
    peer.send(answer("found"));
    peer.wait_for_end();
  });
  World world;
  HttpCall call = call_to(server.port());
  call.origin.host = "localhost";  // ::1 and 127.0.0.1; the server listens on the latter
  CHECK(world.run(call).body() == "found");
}

TEST_CASE("names of this machine are reached without asking a resolver", "[network]") {
  Server server([](Peer& peer) {
    peer.read_request();
    peer.send(answer("here"));
    peer.wait_for_end();
  });
  World world;
  HttpCall call = call_to(server.port());
  call.origin.host = "no-resolver-knows-this.localhost";
  const Story& story = world.run(call);
  INFO(story.failure.detail);
  CHECK(story.body() == "here");
}

TEST_CASE("nobody listening is a failure to connect, with nothing handed over", "[network]") {
  std::uint16_t port = 0;
  {
    const Server gone([](Peer&) {});
    port = gone.port();
  }
  World world;
  const Story& story = world.run(call_to(port));
  REQUIRE(story.failed);
  CHECK(story.failure.reason == Reason::kConnect);
  CHECK_FALSE(story.failure.handed_over);
  CHECK(story.failure.detail.find("127.0.0.1") != std::string::npos);
}

TEST_CASE("each deadline ends the call with its own sentence", "[network]") {
  Server server([](Peer& peer) {
    const std::string request = peer.read_request();
    if (request.find("X-Part") != std::string::npos) {
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
    }
    peer.wait_for_end();
  });
  const auto stalls = [&](const HttpCall& call, const std::string& words) {
    World world;
    const Story& story = world.run(call);
    REQUIRE(story.failed);
    CHECK(story.failure.reason == Reason::kStalled);
    // The whole may be over before the connection is there; the others begin with the request.
    if (call.deadlines.total != Duration(20)) CHECK(story.failure.handed_over);
    INFO(story.failure.detail);
    CHECK(story.failure.detail.find(words) != std::string::npos);
    CHECK(story.failure.detail.find("test call") != std::string::npos);
    CHECK(world.network().idle_connections() == 0);
  };
  HttpCall call = call_to(server.port());
  call.deadlines.first_byte = Duration(20);
  stalls(call, "no answer within 20 ms");
  call = call_to(server.port());
  call.headers.push_back({"X-Part", Secret("yes")});
  call.deadlines.idle = Duration(20);
  stalls(call, "the answer stopped for 20 ms");
  call = call_to(server.port());
  call.deadlines.total = Duration(20);
  stalls(call, "not done within 20 ms");
}

TEST_CASE("while answers are held none is read, no deadline passes, and none is lost",
          "[network]") {
  std::mutex gate;
  Server server(one_and_two(gate));
  std::unique_lock closed(gate);
  World world;
  HttpCall call = call_to(server.port());
  call.stream = true;
  call.deadlines.idle = Duration(1'000);
  const CallId running = world.start(call);
  world.until(running, [](const Story& told) { return !told.bodies.empty(); });
  world.network().hold_answers(true);
  const CallId begun_while_held = world.start(call_to(server.port()));
  closed.unlock();
  const Time past_the_deadline = world.reactor().now() + Duration(1'200);
  world.until([&] { return world.reactor().now() >= past_the_deadline; });
  CHECK(world.story(running).body() == "one");
  CHECK_FALSE(world.story(running).over());
  CHECK(world.story(begun_while_held).heads.empty());
  world.network().hold_answers(false);
  CHECK(world.finish(running).body() == "onetwo");
  CHECK(world.finish(begun_while_held).body() == "onetwo");
}

TEST_CASE("a handshake that stalls ends the call before anything was handed over", "[network]") {
  Server server([](Peer& peer) { peer.wait_for_end(); });
  World world;
  HttpCall call = call_to(server.port());
  call.origin = Origin{true, "localhost", server.port()};
  call.deadlines.handshake = Duration(20);
  const Story& story = world.run(call);
  REQUIRE(story.failed);
  CHECK(story.failure.reason == Reason::kStalled);
  CHECK_FALSE(story.failure.handed_over);
  CHECK(story.failure.detail.find("no TLS session within 20 ms") != std::string::npos);
}

TEST_CASE("an answer over the limit is too large, said or counted", "[network]") {
  const bool chunked = GENERATE(true, false);
  const bool streamed = GENERATE(true, false);
  Server server([&](Peer& peer) {
    peer.read_request();
    peer.send(chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n"
                        "6\r\n123456\r\n"
                      : "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345123456");
    peer.wait_for_end();
  });
  World world;
  HttpCall call = call_to(server.port());
  call.body_bytes_max = 10;
  call.stream = streamed;
  const Story& story = world.run(call);
  REQUIRE(story.failed);
  CHECK(story.failure.reason == Reason::kTooLarge);
  CHECK(story.failure.handed_over);
  CHECK(story.body() == "1234512345");
}

TEST_CASE("an answer that is not HTTP is a protocol failure", "[network]") {
  Server server([](Peer& peer) {
    peer.read_request();
    peer.send("SSH-2.0-OpenSSH_9.2\r\n");
    peer.wait_for_end();
  });
  World world;
  const Story& story = world.run(call_to(server.port()));
  REQUIRE(story.failed);
  CHECK(story.failure.reason == Reason::kProtocol);
}

TEST_CASE("a stream may end with its connection, a plain answer may not", "[network]") {
  Server server([](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.0 200 OK\r\n\r\ndata: 1\n\n");
  });
  World world;
  HttpCall call = call_to(server.port());
  CHECK(world.run(call).failure.reason == Reason::kProtocol);
  call.stream = true;
  const Story& story = world.run(call);
  CHECK(story.ended);
  CHECK(story.body() == "data: 1\n\n");
}

TEST_CASE("an answer cut short fails as closed, after its head", "[network]") {
  const bool reset = GENERATE(true, false);
  Server server([&](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
    if (reset) peer.reset_at_end();
  });
  World world;
  const Story& story = world.run(call_to(server.port()));
  REQUIRE(story.failed);
  CHECK(story.failure.reason == Reason::kClosed);
  CHECK(story.failure.handed_over);
  CHECK(story.bodies.empty());
}

TEST_CASE("a request the server did not take whole was not handed over", "[network]") {
  // Far more than the sockets' buffers hold, to a server that reads one byte of it and resets.
  Server server([](Peer& peer) {
    char first = 0;
    ::recv(peer.socket(), &first, 1, 0);
    peer.reset_at_end();
  });
  World world;
  const Story& story = world.run(call_to(server.port(), std::string(48u << 20, 'x')));
  REQUIRE(story.failed);
  CHECK(story.failure.reason == Reason::kClosed);
  CHECK_FALSE(story.failure.handed_over);
}

// Answers the first request of a connection and drops the connection at the second.
void answer_once(Peer& peer) {
  peer.read_request();
  peer.send(answer(std::to_string(peer.number())));
  peer.read_request();
}

TEST_CASE("a repeatable call whose kept connection dies is tried once more", "[network]") {
  Server server(answer_once);
  World world;
  HttpCall call = call_to(server.port());
  call.repeatable = true;
  CHECK(world.run(call).body() == "0");
  CHECK(world.run(call).body() == "1");
  CHECK(server.accepted() == 2);
}

TEST_CASE("one that must not be repeated is not, and says that it may have been done",
          "[network]") {
  Server server(answer_once);
  World world;
  CHECK(world.run(call_to(server.port())).body() == "0");
  const Story& story = world.run(call_to(server.port()));
  REQUIRE(story.failed);
  CHECK(story.failure.reason == Reason::kClosed);
  CHECK(story.failure.handed_over);
  CHECK(server.accepted() == 1);
}

TEST_CASE("a fresh connection that dies is not tried again", "[network]") {
  Server server([](Peer& peer) { peer.read_request(); });
  World world;
  HttpCall call = call_to(server.port());
  call.repeatable = true;
  CHECK(world.run(call).failure.handed_over);
  CHECK(server.accepted() == 1);
}

TEST_CASE("a cancelled call ends its connection and says no more", "[network]") {
  std::atomic<bool> closed = false;
  Server server([&](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
    peer.wait_for_end();
    closed = true;
  });
  World world;
  HttpCall call = call_to(server.port());
  call.stream = true;
  const CallId id = world.start(call);
  world.until(id, [](const Story& told) { return !told.bodies.empty(); });
  world.network().cancel(id);
  world.network().cancel(id);
  world.network().cancel(999);
  CHECK(world.network().take_replies().empty());
  const auto ended = [&] {
    world.reactor().do_not_sleep();
    return closed.load();
  };
  world.until(ended);
  CHECK(world.story(id).body() == "part");
  CHECK_FALSE(world.story(id).over());
}

TEST_CASE("a call cancelled at any stage leaves nothing behind", "[network]") {
  Server server([](Peer& peer) {
    while (!peer.read_request().empty()) peer.send(answer("x"));
  });
  for (int turns = 0; turns < 8; ++turns) {
    World world;
    world.network().start(Call{1, call_to(server.port())});
    for (int i = 0; i < turns; ++i) world.reactor().run_once(Time{});
    world.network().cancel(1);
    CHECK(world.network().take_replies().empty());
  }
}

TEST_CASE("a network may end with calls under way", "[network]") {
  Server server([](Peer& peer) { peer.wait_for_end(); });
  for (int turns = 0; turns < 6; ++turns) {
    World world;
    world.start(call_to(server.port()));
    for (int i = 0; i < turns; ++i) world.reactor().run_once(Time{});
  }
  SUCCEED("and the loop closes cleanly");
}

TEST_CASE("many calls at once are all answered", "[network]") {
  Server server([](Peer& peer) {
    while (true) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      peer.send(answer(request.substr(request.find("\r\n\r\n") + 4)));
    }
  });
  World world;
  std::vector<CallId> calls;
  for (int i = 0; i < 50; ++i) {
    calls.push_back(world.start(call_to(server.port(), "call " + std::to_string(i))));
  }
  for (int i = 0; i < 50; ++i) {
    CHECK(world.finish(calls[static_cast<std::size_t>(i)]).body() == "call " + std::to_string(i));
  }
  CHECK(world.network().idle_connections() <= HttpClient::kIdlePerPoolMax);
}

}  // namespace daybook::network_test
