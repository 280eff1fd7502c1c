// The control protocol by hand: lines in, facts and lines out, no socket.
#include "adapters/control.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "adapters/event_json.h"
#include "core/access.h"
#include "core/sha256.h"

namespace daybook::control_test {

constexpr CallId kConnection = CallId{1} << 47;
constexpr Time kNow = from_milliseconds(1'000'000);

struct FakeHost final : ControlHost {
  Directory directory_;
  bool reload_works = true;

  std::string status_json() const override { return R"({"version":"9"})"; }
  std::string note;

  std::string reload_note() const override { return note; }
  Result<std::vector<Event>> erase(SessionId session, Seq event, std::int64_t) override {
    if (event != 0) return Error{"there is no such event", ExitCode::kUsage};
    std::vector<Event> facts(2);
    for (Event& fact : facts) {
      fact.set_session(session++);
      fact.mutable_session_erased();
    }
    return facts;
  }
  Result<std::vector<Event>> reload() override {
    if (!reload_works) return Error{"the file has a typo", ExitCode::kSettings};
    Event fact;
    fact.mutable_settings_loaded()->set_model("echo");
    return std::vector<Event>{fact};
  }
  const Directory& directory() const override { return directory_; }
  bool full = false;
  bool waiting_for_space() const override { return full; }
  Result<Event> fork(SessionId parent, Seq at, std::string_view place) override {
    if (at == 0) return Error{"event 0 is none of session 3", ExitCode::kUsage};
    Event fact;
    fact.mutable_session_forked()->set_parent(parent);
    fact.mutable_session_forked()->set_at(at);
    fact.mutable_session_forked()->set_place(std::string(place));
    return fact;
  }
};

struct World {
  FakeHost host;
  Control control{"/run/control.sock", host};
  Moment moment{kNow, true, true};
  std::string shown;  // what the client has read
  bool closed = false;
  bool stuck = false;  // the client reads nothing

  World() {
    const auto listen = control.due(moment);
    REQUIRE(listen.has_value());
    const Call& call = std::get<Call>(*listen);
    CHECK(std::get<ListenCall>(call.what).path == "/run/control.sock");
    listener = call.id;
    control.on_reply(listener, ReplyAccepted{kConnection}, kNow);
  }

  std::vector<Fact> write(std::string_view bytes) {
    return control.on_reply(kConnection, ReplyBody{std::string(bytes)}, kNow);
  }

  // Carries out every write; returns the facts due() gave.
  std::vector<Fact> run() {
    std::vector<Fact> facts;
    while (auto next = control.due(moment)) {
      if (auto* fact = std::get_if<Fact>(&*next)) {
        facts.push_back(*fact);
        continue;
      }
      if (std::holds_alternative<Cancel>(*next)) {
        CHECK(std::get<Cancel>(*next).id == kConnection);
        closed = true;
        continue;
      }
      const Call& call = std::get<Call>(*next);
      if (stuck) continue;
      const auto& bytes = std::get<WriteCall>(call.what);
      shown += bytes.bytes;
      closed = closed || bytes.close;
      control.on_reply(call.id, ReplyEnd{}, kNow);
    }
    return facts;
  }

  void commit(Event event, Seq seq, SessionId session) {
    event.set_seq(seq);
    event.set_session(session);
    control.on_event(event);
  }

  std::vector<nlohmann::json> lines() {
    run();
    std::vector<nlohmann::json> out;
    std::size_t at = 0;
    while (at < shown.size()) {
      const std::size_t end = shown.find('\n', at);
      REQUIRE(end != std::string::npos);
      out.push_back(nlohmann::json::parse(shown.substr(at, end - at)));
      at = end + 1;
    }
    shown.clear();
    return out;
  }

  CallId listener = 0;
};

Event turn_started(Seq message) {
  Event event;
  event.mutable_turn_started()->add_answers(message);
  return event;
}

Event chunk(Seq turn, std::string text) {
  Event event;
  event.mutable_chunk_received()->set_turn(turn);
  event.mutable_content()->set_text(std::move(text));
  return event;
}

Event completed(Seq turn) {
  Event event;
  event.mutable_turn_completed()->set_turn(turn);
  return event;
}

Event opened(std::string place) {
  Event event;
  event.mutable_session_opened()->set_place(std::move(place));
  return event;
}

constexpr std::string_view kHello =
    "{\"verb\":\"say\",\"place\":\"terminal:default\",\"text\":\"hello\"}\n";

TEST_CASE("status is answered at once with the host's own object", "[control]") {
  World world;
  CHECK(world.write("{\"verb\":\"status\"}\n").empty());
  const auto lines = world.lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["done"] == true);
  CHECK(lines[0]["status"]["version"] == "9");
}

TEST_CASE("a request cut anywhere is one request", "[control]") {
  for (std::size_t cut = 0; cut < kHello.size(); ++cut) {
    World world;
    auto facts = world.write(kHello.substr(0, cut));
    CHECK(facts.empty());
    facts = world.write(kHello.substr(cut));
    REQUIRE(facts.size() == 1);
    CHECK(facts[0].content().text() == "hello");
  }
}

TEST_CASE("saying streams the session's events until the turn it caused has ended", "[control]") {
  World world;
  const auto facts = world.write(kHello);
  REQUIRE(facts.size() == 1);
  CHECK(facts[0].message_received().source() == "terminal");
  CHECK(facts[0].message_received().place() == "terminal:default");
  CHECK(facts[0].message_received().tokens() > 0);
  CHECK(world.lines().empty());

  world.commit(facts[0], 10, 0);
  world.commit(opened("terminal:default"), 11, 11);
  world.commit(opened("telegram:5"), 12, 12);
  world.commit(turn_started(10), 13, 11);
  world.commit(chunk(13, "hi"), 14, 11);
  world.commit(chunk(99, "elsewhere"), 15, 12);
  world.commit(completed(13), 16, 11);
  world.commit(chunk(13, "late"), 17, 11);
  const auto lines = world.lines();
  REQUIRE(lines.size() == 6);
  CHECK(lines[0]["kind"] == "MessageReceived");
  CHECK(lines[1]["kind"] == "SessionOpened");
  CHECK(lines[2]["kind"] == "TurnStarted");
  CHECK(lines[3]["text"] == "hi");
  CHECK(lines[4]["kind"] == "TurnCompleted");
  CHECK(lines[5]["done"] == true);
  CHECK(lines[5]["turn"] == 13);
}

TEST_CASE("a turn that answers an earlier message does not end the stream", "[control]") {
  World world;
  const auto facts = world.write(kHello);
  world.commit(facts[0], 10, 7);
  world.commit(completed(8), 11, 7);
  CHECK(world.lines().size() == 2);
  world.commit(turn_started(10), 12, 7);
  world.commit(completed(12), 13, 7);
  CHECK(world.lines().back()["done"] == true);
}

TEST_CASE("a notice that settles a command ends the stream", "[control]") {
  World world;
  const auto facts =
      world.write("{\"verb\":\"say\",\"place\":\"terminal:default\",\"text\":\"/model echo\"}\n");
  REQUIRE(facts.size() == 1);
  CHECK(facts[0].message_received().command() == "model");
  CHECK(facts[0].content().arguments() == "echo");
  world.commit(facts[0], 20, 7);
  Event notice;
  notice.mutable_notice_issued()->set_answers(20);
  notice.mutable_content()->set_text("From now on: echo.");
  world.commit(notice, 21, 7);
  const auto lines = world.lines();
  REQUIRE(lines.size() == 3);
  CHECK(lines[1]["text"] == "From now on: echo.");
  CHECK(lines[2]["done"] == true);
}

TEST_CASE("a compaction ends with the notice about it", "[control]") {
  World world;
  const auto facts =
      world.write("{\"verb\":\"say\",\"place\":\"terminal:default\",\"text\":\"/compact\"}\n");
  world.commit(facts[0], 20, 7);
  Event started;
  started.mutable_compaction_started()->set_answers(20);
  world.commit(started, 21, 7);
  world.commit(completed(22), 23, 7);
  Event finished;
  finished.mutable_compaction_completed()->set_compaction(21);
  world.commit(finished, 24, 7);
  Event notice;
  notice.set_cause(24);
  notice.mutable_notice_issued()->set_topic("compact");
  CHECK(world.lines().back()["kind"] == "CompactionCompleted");
  world.commit(notice, 25, 7);
  CHECK(world.lines().back()["done"] == true);
}

TEST_CASE("stopping another turn ends the stream of who stopped it", "[control]") {
  World world;
  const auto facts =
      world.write("{\"verb\":\"say\",\"place\":\"terminal:default\",\"text\":\"/stop\"}\n");
  world.commit(facts[0], 20, 7);
  Event cancelled;
  cancelled.mutable_turn_cancelled()->set_turn(9);
  cancelled.mutable_turn_cancelled()->set_by(20);
  world.commit(cancelled, 21, 7);
  CHECK(world.lines().back()["done"] == true);
}

TEST_CASE("a message that waits again is waited for until its next turn has ended", "[control]") {
  World world;
  const auto facts = world.write(kHello);
  world.commit(facts[0], 20, 7);
  world.commit(turn_started(20), 21, 7);
  Event cancelled;
  cancelled.mutable_turn_cancelled()->set_turn(21);
  cancelled.mutable_turn_cancelled()->add_waits_again(20);
  world.commit(cancelled, 22, 7);
  CHECK(world.lines().back()["kind"] == "TurnCancelled");
  world.commit(turn_started(20), 23, 7);
  world.commit(completed(23), 24, 7);
  const auto lines = world.lines();
  CHECK(lines.back()["done"] == true);
  CHECK(lines.back()["turn"] == 23);
}

TEST_CASE("a message thrown away by a reset waits no longer", "[control]") {
  World world;
  const auto facts = world.write(kHello);
  world.commit(facts[0], 20, 7);
  Event reset;
  reset.mutable_session_reset()->set_answers(21);
  world.commit(reset, 22, 7);
  CHECK(world.lines().back()["done"] == true);
}

TEST_CASE("requests on one connection are answered one after the other", "[control]") {
  World world;
  auto facts = world.write(std::string(kHello) + "{\"verb\":\"status\"}\n" + std::string(kHello));
  REQUIRE(facts.size() == 1);
  CHECK(world.lines().empty());
  world.commit(facts[0], 10, 7);
  world.commit(turn_started(10), 11, 7);
  world.commit(completed(11), 12, 7);
  facts = world.run();
  REQUIRE(facts.size() == 1);
  const auto lines = world.lines();
  REQUIRE(lines.size() == 5);
  CHECK(lines[4]["status"]["version"] == "9");
}

TEST_CASE("what a gone client asked for is not taken for another's", "[control]") {
  World world;
  const auto first = world.write(kHello);
  world.control.on_reply(kConnection, ReplyFailed{}, kNow);
  CHECK(world.control.idle());
  constexpr CallId kOther = kConnection + 1;
  world.control.on_reply(world.listener, ReplyAccepted{kOther}, kNow);
  const auto second = world.control.on_reply(kOther, ReplyBody{std::string(kHello)}, kNow);
  REQUIRE(second.size() == 1);
  world.commit(first[0], 10, 7);
  CHECK(world.lines().empty());
  world.commit(second[0], 11, 7);
  CHECK(world.lines().size() == 1);
}

TEST_CASE("two erasures of one session at a time are answered each by its own", "[control]") {
  World world;
  const std::string_view request = "{\"verb\":\"erase\",\"session\":7}\n";
  const auto first = world.write(request);
  constexpr CallId kOther = kConnection + 1;
  world.control.on_reply(world.listener, ReplyAccepted{kOther}, kNow);
  const auto second = world.control.on_reply(kOther, ReplyBody{std::string(request)}, kNow);
  REQUIRE(first.size() == 2);
  REQUIRE(second.size() == 2);
  world.commit(first[0], 921, 7);
  world.commit(first[1], 922, 8);
  world.commit(second[0], 923, 7);
  world.commit(second[1], 924, 8);
  const auto destroyed = [&](Seq erasure) {
    Event event;
    event.mutable_keys_destroyed()->set_of(erasure);
    world.commit(event, erasure + 10, erasure % 2 == 1 ? 7 : 8);
    return world.lines();
  };
  CHECK(destroyed(921).size() == 1);
  CHECK(destroyed(922).back()["done"] == true);
  CHECK_FALSE(world.control.idle());
  CHECK(destroyed(923).size() == 1);
  const auto end = destroyed(924);
  REQUIRE(end.size() == 2);
  CHECK(end.back()["done"] == true);
  CHECK(world.control.idle());
}

TEST_CASE("another channel's place is quoted there, and only where talk has been", "[control]") {
  World world;
  const std::string_view request =
      "{\"verb\":\"say\",\"place\":\"telegram:12345\",\"text\":\"hello\"}\n";
  CHECK(world.write(request).empty());
  CHECK(world.lines().back()["code"] == 64);

  Event event = opened("telegram:12345");
  event.set_seq(7);
  event.set_session(7);
  world.host.directory_.apply(event);
  // Nobody who may talk is there, so nothing would ever answer.
  CHECK(world.write(request).empty());
  CHECK(world.lines().back()["code"] == 64);
  CHECK(world.control.idle());

  Event approved = approve_user(world.host.directory_, 12345, "telegram:12345", "setup");
  approved.set_seq(8);
  world.host.directory_.apply(approved);
  const auto facts = world.write(request);
  REQUIRE(facts.size() == 2);
  CHECK(facts[0].notice_issued().place() == "telegram:12345");
  CHECK(facts[0].session() == 7);
  CHECK(facts[0].content().text() == "From the terminal: hello");
  CHECK(facts[1].message_received().user() == 12345);
}

TEST_CASE("nothing is taken in while the gateway stops", "[control]") {
  World world;
  world.moment.taking_in = false;
  world.run();
  CHECK(world.write(kHello).empty());
  CHECK(world.lines().back()["code"] == 75);
}

TEST_CASE("while the disk is full what reads is answered and what changes is refused",
          "[control]") {
  World world;
  world.host.full = true;
  for (const std::string change :
       {R"({"verb":"reload"})", R"({"verb":"fork","session":3,"at":5,"place":"terminal:idea"})",
        R"({"verb":"erase","session":7})", R"({"verb":"pair","action":"revoke","user":1})",
        R"({"verb":"say","place":"terminal:default","text":"hello"})"}) {
    INFO(change);
    CHECK(world.write(change + "\n").empty());
    CHECK(world.lines().back()["code"] == 75);
  }
  for (const std::string look : {R"({"verb":"status"})", R"({"verb":"pair","action":"list"})"}) {
    world.write(look + "\n");
    CHECK(world.lines().back()["done"] == true);
  }
}

TEST_CASE("a pairing code approves its stranger once, whatever its spelling", "[control]") {
  World world;
  Event request;
  request.set_seq(3);
  request.mutable_pairing_requested()->set_user(55);
  request.mutable_pairing_requested()->set_place("telegram:55");
  request.mutable_pairing_requested()->set_expires(to_milliseconds(kNow) + 1);
  const Digest digest = sha256("ABCD2345");
  request.mutable_pairing_requested()->set_code_digest(std::string(view(digest)));
  world.host.directory_.apply(request);

  CHECK(world.write("{\"verb\":\"pair\",\"action\":\"list\"}\n").empty());
  CHECK(world.lines().back()["pairings"][0]["user"] == 55);
  CHECK(world.write("{\"verb\":\"pair\",\"action\":\"approve\",\"code\":\"zzzz\"}\n").empty());
  CHECK(world.lines().back()["code"] == 64);
  const auto facts =
      world.write("{\"verb\":\"pair\",\"action\":\"approve\",\"code\":\"abcd2345\"}\n");
  REQUIRE(facts.size() == 1);
  CHECK(facts[0].pairing_approved().user() == 55);
  CHECK(facts[0].pairing_approved().owner());
  CHECK(world.lines().empty());
  world.commit(facts[0], 4, 0);
  CHECK(world.lines().back()["done"] == true);

  const auto late = approve_code(world.host.directory_, "ABCD2345", "terminal", kNow + Duration(2));
  CHECK_FALSE(late.has_value());
}

TEST_CASE("only access that the journal gave can be revoked", "[control]") {
  Directory directory;
  CHECK_FALSE(revoke_user(directory, 55, "terminal").has_value());
  Event approved = approve_user(directory, 55, "telegram:55", "setup");
  approved.set_seq(1);
  directory.apply(approved);
  const auto fact = revoke_user(directory, 55, "terminal");
  REQUIRE(fact.has_value());
  CHECK(fact->access_revoked().user() == 55);
}

TEST_CASE("reload answers when the settings are durable, or says what is wrong", "[control]") {
  World world;
  const auto facts = world.write("{\"verb\":\"reload\"}\n");
  REQUIRE(facts.size() == 1);
  CHECK(world.lines().empty());
  world.commit(facts[0], 9, 0);
  CHECK(world.lines().back()["done"] == true);
  world.host.note = "restart daybookd for network.proxy to take effect";
  const auto again = world.write("{\"verb\":\"reload\"}\n");
  world.commit(again[0], 10, 0);
  CHECK(world.lines().back()["note"] == world.host.note);
  world.host.reload_works = false;
  CHECK(world.write("{\"verb\":\"reload\"}\n").empty());
  CHECK(world.lines().back()["error"] == "the file has a typo");
}

TEST_CASE("a fork is answered when it is durable, or with what is wrong", "[control]") {
  World world;
  const auto facts = world.write(R"({"verb":"fork","session":3,"at":5,"place":"terminal:idea"})"
                                 "\n");
  REQUIRE(facts.size() == 1);
  CHECK(facts[0].session_forked().parent() == 3);
  CHECK(world.lines().empty());
  world.commit(facts[0], 9, 9);
  CHECK(world.lines().back()["done"] == true);
  CHECK(world.write("{\"verb\":\"fork\",\"session\":3,\"at\":-1}\n").empty());
  CHECK(world.lines().back()["error"] == "event 0 is none of session 3");
}

TEST_CASE("what is no request gets one sentence", "[control]") {
  World world;
  for (const std::string bad :
       {"nonsense", "[]", "{\"verb\":7}", "{\"verb\":\"dance\"}", "{\"verb\":\"say\"}",
        "{\"verb\":\"say\",\"place\":\"a b:c\",\"text\":\"x\"}",
        "{\"verb\":\"say\",\"place\":\"terminal:x\",\"text\":\"  \"}"}) {
    CHECK(world.write(bad + "\n").empty());
    const auto lines = world.lines();
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["code"] == 64);
  }
}

TEST_CASE("a line beyond the limit ends the connection", "[control]") {
  World world;
  CHECK(world.write(std::string(Control::kLineBytesMax + 1, 'x')).empty());
  CHECK(world.lines().size() == 1);
  CHECK(world.closed);
}

TEST_CASE("a client that hangs up after asking still gets its answer", "[control]") {
  World world;
  world.write("{\"verb\":\"status\"}\n");
  world.control.on_reply(kConnection, ReplyEnd{}, kNow);
  CHECK(world.lines().size() == 1);
  CHECK(world.closed);
}

TEST_CASE("a reader that falls behind is disconnected", "[control]") {
  World world;
  const auto facts = world.write(kHello);
  world.commit(facts[0], 10, 7);
  for (Seq seq = 11; seq < 30; ++seq) world.commit(chunk(10, std::string(1u << 20, 'x')), seq, 7);
  world.run();
  CHECK(world.closed);
  CHECK(world.shown.size() < Control::kOutputBytesMax);
}

TEST_CASE("a client that reads nothing is cut off and holds up no stop", "[control]") {
  World world;
  const auto facts = world.write(kHello);
  world.commit(facts[0], 10, 7);
  world.stuck = true;
  world.commit(chunk(10, "first words"), 11, 7);
  world.run();
  CHECK_FALSE(world.control.idle());
  CHECK(world.control.wake_at(kNow) == kNow + Control::kWritePatience);
  world.moment.now = kNow + Control::kWritePatience;
  world.run();
  CHECK(world.control.idle());
  CHECK(world.control.wake_at(world.moment.now) == kNever);
  for (Seq seq = 12; seq < 30; ++seq) world.commit(chunk(10, std::string(1u << 20, 'x')), seq, 7);
  world.run();
  CHECK(world.closed);
  CHECK(world.control.idle());
}

TEST_CASE("a message refused all the same ends its request", "[control]") {
  World world;
  REQUIRE(world.write(kHello).size() == 1);
  Event refused;
  refused.mutable_message_refused()->set_source("terminal");
  refused.mutable_message_refused()->set_place("terminal:default");
  world.commit(refused, 10, 0);
  CHECK(world.lines().back()["code"] == 64);
  CHECK(world.control.idle());
}

TEST_CASE("connections beyond the limit are told and closed", "[control]") {
  World world;
  for (CallId id = 1; id <= Control::kConnectionsMax; ++id) {
    world.control.on_reply(world.listener, ReplyAccepted{kConnection + id}, kNow);
  }
  CHECK(world.lines().back()["code"] == 75);
  CHECK(world.closed);
  // One trouble, however many come and go around the limit.
  CHECK(world.control.trouble() == "32 connections are open to it, and it takes no more");
  const auto hang_up = [&](CallId id) {
    world.control.on_reply(kConnection + id, ReplyFailed{}, kNow);
    world.run();
  };
  hang_up(1);
  world.control.on_reply(world.listener, ReplyAccepted{kConnection + 100}, kNow);
  CHECK_FALSE(world.control.trouble().empty());
  for (CallId id = 2; id <= Control::kConnectionsMax / 2; ++id) hang_up(id);
  CHECK_FALSE(world.control.trouble().empty());
  hang_up(100);
  CHECK(world.control.trouble().empty());
}

TEST_CASE("a socket that cannot be opened is tried again later", "[control]") {
  World world;
  ReplyFailed failed;
  failed.detail = "something is in the way";
  world.control.on_reply(world.listener, failed, kNow);
  CHECK(world.control.trouble() == failed.detail);
  CHECK_FALSE(world.control.due(world.moment).has_value());
  CHECK(world.control.wake_at(kNow) == kNow + Control::kListenRetry);
  world.moment.now = kNow + Control::kListenRetry;
  const auto again = world.control.due(world.moment);
  REQUIRE(again.has_value());
  CHECK(world.control.trouble() == failed.detail);  // it is not known yet whether it works
  world.control.on_reply(std::get<Call>(*again).id, ReplyHead{}, kNow);
  CHECK(world.control.trouble().empty());
}

TEST_CASE("the JSON of an event has head, body and words under their own names", "[control]") {
  Event event = chunk(40, "word ");
  event.set_seq(42);
  event.set_session(7);
  event.set_cause(41);
  CHECK(event_json(event) ==
        R"({"seq":42,"time":"1970-01-01T00:00:00.000Z","session":7,"kind":"ChunkReceived",)"
        R"("cause":41,"turn":40,"attempt":0,"chunk_kind":"TEXT","call":0,"text":"word "})");
  Event posted;
  posted.mutable_reply_posted()->set_digest(~std::uint64_t{0});
  const auto object = nlohmann::json::parse(event_json(posted));
  CHECK(object["digest"] == "18446744073709551615");
  Event started;
  started.mutable_gateway_started()->set_entropy(std::string("\x00\xff\x01\x02", 4));
  CHECK(nlohmann::json::parse(event_json(started))["entropy"] == "AP8BAg==");
}

}  // namespace daybook::control_test
