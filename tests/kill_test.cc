// kill -9 at every point of a turn: at each commit, between the bytes of a model's answer, and
// around each call to the Bot API, executed or not. Afterwards every message is answered, whole and
// in one message; what is there twice, the journal had called ambiguous.
#include <signal.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/places.h"
#include "tests/sim/checkers.h"
#include "tests/world/daemon_world.h"

namespace daybook::kill_test {

using world::answer_for;
using world::BotApi;
using world::ChatMessage;
using world::ChatRequest;
using world::ChatScript;
using world::ChatServer;
using world::DaemonWorld;
using world::Finished;
using world::Trap;

constexpr std::int64_t kChat = DaemonWorld::kUser;
constexpr const char* kFirst = "first words:34";
constexpr const char* kSecond = "second words:3";

struct Point {
  std::string name;
  std::string commit;  // DAYBOOK_TEST_KILL
  Trap trap{};         // where commit is empty
  bool at_model = false;
};

struct Outcome {
  bool killed = false;
  std::size_t lost = 0;
  std::size_t extra = 0;  // messages beyond the wanted ones: doubles and orphaned halves
  std::uint64_t ambiguous = 0;
  std::int64_t back_ms = 0;  // from exec until it polls again
  std::string wrong;         // what must not be, in words
};

struct Sums {
  std::size_t points = 0;
  std::size_t lost = 0;
  std::size_t extra = 0;
  std::uint64_t ambiguous = 0;
  std::int64_t slowest_ms = 0;
};

struct World : DaemonWorld {
  World() : DaemonWorld(build_directory()) {
    chat().with([](ChatServer& server) {
      server.direct([](const ChatRequest&, int) {
        return ChatScript{.each = Duration(40), .comments = true};
      });
    });
  }
  void talk() {
    for (const char* text : {kFirst, kSecond, "/whoami"}) say(kChat, text);
  }
};

bool shows_whoami(const ChatMessage& message) {
  return message.text.starts_with("You are user 101");
}

bool answered(const BotApi& api) {
  return api.shows(kChat, answer_for(kFirst)) > 0 && api.shows(kChat, answer_for(kSecond)) > 0 &&
         std::ranges::any_of(api.screen(kChat), shows_whoami);
}

// The journal's events as far as posts are concerned.
std::vector<Event> events_of(const std::string& lines) {
  std::vector<Event> events;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) {
    const nlohmann::json json = nlohmann::json::parse(line);
    const std::string kind = json["kind"];
    const Seq source =
        json.value("source", nlohmann::json()).is_number_unsigned() ? json["source"].get<Seq>() : 0;
    Event event;
    event.set_seq(json["seq"]);
    if (kind == "GatewayStarted") {
      event.mutable_gateway_started();
    } else if (kind == "PostAttempted") {
      event.mutable_post_attempted()->set_source(source);
      event.mutable_post_attempted()->set_part(json["part"]);
    } else if (kind == "ReplyPosted") {
      event.mutable_reply_posted()->set_source(source);
      event.mutable_reply_posted()->set_part(json["part"]);
    } else if (kind == "DeliveryDelayed") {
      event.mutable_delivery_delayed()->set_source(source);
      event.mutable_delivery_delayed()->set_part(json["part"]);
      event.mutable_delivery_delayed()->set_post(json["post"]);
      event.mutable_delivery_delayed()->set_ambiguous(json["ambiguous"]);
    }
    events.push_back(event);
  }
  return events;
}

std::vector<Event> journal(World& world) {
  return events_of(world.tool({"log", "--json", "-n", "100000"}).output);
}

// The commit of the stop itself may be the one that kills.
void stop(World& world, Outcome* outcome) {
  world.daemon().signal(SIGTERM);
  std::optional<int> status = world.daemon().wait();
  if (status == 128 + SIGKILL && !outcome->killed) {
    outcome->killed = true;
    world.start();
    world.bot().wait([](const BotApi& api) { return api.polled(); });
    world.daemon().signal(SIGTERM);
    status = world.daemon().wait();
  }
  if (status != 0) outcome->wrong += "no orderly stop; ";
}

void judge(World& world, Outcome* outcome) {
  stop(world, outcome);
  for (const std::vector<std::string>& verb :
       {std::vector<std::string>{"verify"}, {"replay", "--check"}}) {
    const Finished finished = world.tool(verb);
    if (finished.status != 0) outcome->wrong += verb[0] + ": " + finished.errors + "; ";
  }
  outcome->ambiguous = sim::ambiguous_posts(journal(world));
  world.bot().with([&](BotApi& api) {
    const std::size_t wanted = 3;
    outcome->lost = (api.shows(kChat, answer_for(kFirst)) == 0 ? 1u : 0u) +
                    (api.shows(kChat, answer_for(kSecond)) == 0 ? 1u : 0u);
    const std::size_t shown = api.screen(kChat).size();
    outcome->extra = shown > wanted ? shown - wanted : 0;
  });
  if (outcome->lost > 0) outcome->wrong += "an answer is lost; ";
  if (outcome->extra > outcome->ambiguous) outcome->wrong += "more on the screen than ambiguous; ";
}

Outcome kill_at(const Point& point) {
  World world;
  Outcome outcome;
  if (point.commit.empty()) {
    world.start();
    Trap trap = point.trap;
    trap.action = [&] { world.daemon().signal(SIGKILL); };
    (point.at_model ? world.chat().server() : world.bot().server()).set_trap(trap);
  } else {
    world.start({{"DAYBOOK_TEST_KILL", point.commit}});
  }
  world.talk();
  if (!world.wait_or_end(answered)) outcome.wrong += "neither killed nor answered; ";
  outcome.killed = !world.daemon().running();
  if (outcome.killed && world.daemon().wait() != 128 + SIGKILL) {
    outcome.wrong += "ended by itself: " + world.daemon().errors() + "; ";
  }
  if (outcome.killed) {
    const Time begin = world::real_now();
    world.start();
    world.bot().wait([](const BotApi& api) { return api.polled(); });
    outcome.back_ms = (world::real_now() - begin).count();
    if (!world.bot().wait(answered)) {
      outcome.wrong += "not answered after the restart: " + world.daemon().errors() + "; ";
    }
  }
  judge(world, &outcome);
  return outcome;
}

std::vector<Point> commit_points() {
  World world;
  world.start();
  world.talk();
  REQUIRE(world.wait_or_end(answered));
  world.daemon().signal(SIGTERM);
  REQUIRE(world.daemon().wait() == 0);
  const Seq last = journal(world).size();
  std::vector<Point> points;
  for (Seq seq = 1; seq <= last; ++seq) {
    for (const char* when : {"before:", "after:"}) {
      points.push_back({when + std::to_string(seq), when + std::to_string(seq)});
    }
  }
  return points;
}

Point trap_point(const std::string& target, int nth, Trap::Where where, std::size_t bytes) {
  static constexpr const char* kNames[] = {"receiving", "received", "executed", "sending"};
  const std::string name = target + " " + std::to_string(nth) + " " +
                           kNames[static_cast<int>(where)] + " " + std::to_string(bytes);
  return {name, {}, {target, nth, where, bytes, {}}, target == "/chat/completions"};
}

std::vector<Point> wire_points() {
  using Where = Trap::Where;
  std::vector<Point> points;
  for (std::size_t bytes = 1; bytes < 7'000; bytes += 130) {
    points.push_back(trap_point("/chat/completions", 1, Where::kSending, bytes));
  }
  for (const char* target : {"/chat/completions", "sendMessage", "editMessageText", "getUpdates"}) {
    for (int nth = 1; nth <= 2; ++nth) {
      points.push_back(trap_point(target, nth, Where::kReceiving, 120));
      points.push_back(trap_point(target, nth, Where::kReceived, 0));
      points.push_back(trap_point(target, nth, Where::kExecuted, 0));
      points.push_back(trap_point(target, nth, Where::kSending, 40));
      points.push_back(trap_point(target, nth, Where::kSending, 220));
    }
  }
  return points;
}

void campaign(const std::vector<Point>& points, std::size_t step) {
  Sums sums;
  for (std::size_t i = 0; i < points.size(); i += step) {
    const Outcome outcome = kill_at(points[i]);
    INFO(points[i].name);
    CHECK(outcome.wrong == "");
    if (!outcome.killed) continue;
    ++sums.points;
    sums.lost += outcome.lost;
    sums.extra += outcome.extra;
    sums.ambiguous += outcome.ambiguous;
    sums.slowest_ms = std::max(sums.slowest_ms, outcome.back_ms);
  }
  std::printf(
      "killed at %zu points: %zu lost, %zu doubled, %llu ambiguous, slowest back in %lld "
      "ms\n",
      sums.points, sums.lost, sums.extra, static_cast<unsigned long long>(sums.ambiguous),
      static_cast<long long>(sums.slowest_ms));
  CHECK(sums.points > 0);
}

TEST_CASE("kill -9 at a commit loses nothing and doubles nothing unawares", "[kill]") {
  campaign(commit_points(), 9);
}

TEST_CASE("kill -9 between bytes loses nothing and doubles nothing unawares", "[kill]") {
  campaign(wire_points(), 6);
}

TEST_CASE("kill -9 at every commit and all along the wire", "[.crash]") {
  std::vector<Point> points = commit_points();
  for (Point& point : wire_points()) points.push_back(std::move(point));
  campaign(points, 1);
}

}  // namespace daybook::kill_test
