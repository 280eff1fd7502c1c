// The reading verbs on a journal that the daemon has just written, both as their users run them.
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <set>

#include "tests/places.h"
#include "tests/world/process.h"
#include "tools/writing.h"

namespace daybook::tool_journal_test {

using nlohmann::json;
using world::Environment;
using world::Finished;
using world::run_program;

constexpr std::string_view kTalk =
    "hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, "
    "hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, "
    "hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, "
    "hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, hello\n"
    "/model echo\nhow are you\nand now?\n/compact\nstill there?\n/status\n";

struct Place {
  world::TemporaryDirectory directory;

  Environment environment() const { return {{"HOME", directory.path()}, {"PATH", "/usr/bin"}}; }
  std::string data() const { return directory.path() + "/data"; }

  Finished daemon(std::string_view input, std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {build_directory() + "/daybookd", "--console", "--data",
                                      data()};
    words.insert(words.end(), more.begin(), more.end());
    return run_program(words, environment(), input);
  }
  Finished tool(std::vector<std::string> words) const {
    words.insert(words.begin(), {build_directory() + "/daybook", "--data", data()});
    return run_program(words, environment());
  }
};

std::vector<json> lines_of(const std::string& text) {
  std::vector<json> lines;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text.find('\n', at);
    REQUIRE(end != std::string::npos);
    lines.push_back(json::parse(text.substr(at, end - at)));
    at = end + 1;
  }
  return lines;
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a console talk can be read, shown, rebuilt and replayed", "[tool]") {
  const Place place;
  const Finished talk = place.daemon(kTalk);
  INFO(talk.errors);
  REQUIRE(talk.status == 0);

  const Finished log = place.tool({"log", "--json"});
  REQUIRE(log.status == 0);
  const std::vector<json> events = lines_of(log.output);
  REQUIRE(events.size() > 20);
  std::set<std::string> kinds;
  std::uint64_t session = 0;
  std::vector<std::uint64_t> turns;
  for (std::size_t index = 0; index < events.size(); ++index) {
    CHECK(events[index]["seq"] == index + 1);
    kinds.insert(events[index]["kind"]);
    if (events[index]["kind"] == "SessionOpened") session = events[index]["seq"];
    if (events[index]["kind"] == "TurnStarted") turns.push_back(events[index]["seq"]);
  }
  for (const std::string kind :
       {"GatewayStarted", "SettingsLoaded", "MessageReceived", "SessionOpened", "TurnStarted",
        "ChunkReceived", "TurnCompleted", "ModelSwitched", "CompactionStarted",
        "CompactionCompleted", "NoticeIssued", "ReplyPosted", "GatewayStopped"}) {
    INFO(kind);
    CHECK(kinds.contains(kind));
  }

  const std::string number = std::to_string(session);
  CHECK(holds(place.tool({"sessions"}).output, "console:"));
  const auto rows = lines_of(place.tool({"sessions", "--json"}).output);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["session"] == session);
  CHECK(holds(place.tool({"show", number}).output, "how are you"));
  CHECK(holds(place.tool({"show", "1"}).output, "GatewayStarted"));
  CHECK(holds(place.tool({"show", "console"}).output, "-- summary"));

  REQUIRE(turns.size() >= 4);
  for (const std::uint64_t turn : turns) {
    const Finished prompt =
        place.tool({"prompt", number, "--turn", std::to_string(turn), "--json"});
    INFO(prompt.errors);
    REQUIRE(prompt.status == 0);
    const json object = json::parse(prompt.output);
    CHECK(object["sha256"] == object["recorded_sha256"]);
    CHECK(object["turn"] == turn);
    const json& entries = object["residency"];
    CHECK(std::any_of(entries.begin(), entries.end(),
                      [](const json& row) { return row["residency"] == "whole"; }));
  }
  const json next = json::parse(place.tool({"context", number, "--json"}).output);
  CHECK(next["fits"] == true);
  CHECK(next["residency"][0]["residency"] == "summary");
  CHECK(next["residency"].back()["residency"] == "whole");
  CHECK(holds(place.tool({"context", number}).output, ": told by summary "));

  const Finished replay = place.tool({"replay", "--check"});
  INFO(replay.errors);
  CHECK(replay.status == 0);
  CHECK(replay.output.starts_with(std::to_string(events.size()) + " events, "));
  CHECK(replay.output.ends_with(" decisions, identical\n"));
  CHECK(place.tool({"replay", "--check", "--until", "9"}).status == 0);
  CHECK(holds(place.tool({"replay", "--until", "4"}).output, "after event 4"));

  const Finished verify = place.tool({"verify"});
  CHECK(verify.status == 0);
  CHECK(holds(verify.output, "all sound"));
  CHECK(holds(place.tool({"status"}).output, "does not run"));
}

TEST_CASE("old prompts and decisions hold after settings change and a restart", "[tool]") {
  const Place place;
  REQUIRE(place.daemon("hello\nand you?\n").status == 0);
  Environment changed = place.environment();
  changed.emplace_back("DAYBOOK_AGENT_SYSTEM_PROMPT", "Be brief.");
  changed.emplace_back("DAYBOOK_AGENT_MAX_HISTORY_MESSAGES", "2");
  changed.emplace_back("DAYBOOK_AGENT_AUTO_COMPACT", "false");
  const Finished talk = run_program(
      {build_directory() + "/daybookd", "--console", "--data", place.data()}, changed, "more\n");
  INFO(talk.errors);
  REQUIRE(talk.status == 0);
  CHECK(place.tool({"replay", "--check"}).status == 0);
  const auto turns = lines_of(place.tool({"log", "--kind", "TurnStarted", "--json"}).output);
  REQUIRE(turns.size() == 3);
  for (const json& turn : turns) {
    CHECK(place.tool({"prompt", "console", "--turn", turn["seq"].dump()}).status == 0);
  }
}

TEST_CASE("log narrows by session, kind, count and time", "[tool]") {
  const Place place;
  REQUIRE(place.daemon("one\ntwo\n").status == 0);
  CHECK(lines_of(place.tool({"log", "--kind", "MessageReceived", "--json"}).output).size() == 2);
  CHECK(lines_of(place.tool({"log", "-n", "3", "--json"}).output).size() == 3);
  CHECK(lines_of(place.tool({"log", "--since", "1h", "-n", "1", "--json"}).output).size() == 1);
  CHECK(place.tool({"log", "--since", "2999-01-01"}).output.empty());
  for (const json& event : lines_of(place.tool({"log", "console", "--json"}).output)) {
    CHECK(event["session"] != 0);
  }
  const Finished line = place.tool({"log", "-n", "1"});
  CHECK(holds(line.output, "GatewayStopped reason=\"end of input\""));
}

TEST_CASE("what a person gets wrong is one sentence and exit code 64", "[tool]") {
  const Place place;
  REQUIRE(place.daemon("one\n").status == 0);
  const auto refused = [&](std::vector<std::string> words, std::string_view part) {
    const Finished finished = place.tool(std::move(words));
    INFO(finished.errors);
    CHECK(finished.status == 64);
    CHECK(holds(finished.errors, part));
  };
  refused({"log", "--kind", "TurnStartd"}, "did you mean TurnStarted?");
  refused({"log", "--since", "yesterday"}, "is no time");
  refused({"log", "nowhere"}, "there is no session");
  refused({"show", "99999"}, "ends at");
  refused({"prompt", "console", "--turn", "1"}, "is no turn");
  refused({"dance"}, "");
  refused({}, "");
}

TEST_CASE("every verb has a help with an example", "[tool]") {
  const Place place;
  for (const std::string verb :
       {"ask", "chat", "log", "show", "tree", "fork", "sessions", "prompt", "search", "replay",
        "verify", "export", "import", "status", "setup", "config", "pair", "reload", "doctor"}) {
    const Finished help = place.tool({verb, "--help"});
    INFO(verb);
    CHECK(help.status == 0);
    CHECK(holds(help.output, "Example: daybook " + verb));
  }
}

TEST_CASE("without a journal every reading verb says so", "[tool]") {
  const Place place;
  for (const std::string verb : {"log", "sessions", "status", "verify"}) {
    const Finished finished = place.tool({verb});
    INFO(verb + ": " + finished.errors);
    CHECK(finished.status != 0);
    CHECK(holds(finished.errors, place.data()));
  }
}

TEST_CASE("pairing without a daemon takes the lock and leaves the journal sound", "[tool]") {
  const Place place;
  REQUIRE(place.daemon("one\n").status == 0);
  CHECK(holds(place.tool({"pair"}).output, "nobody yet"));
  CHECK(place.tool({"pair", "approve", "NOSUCHCD"}).status == 64);
  CHECK(place.tool({"pair", "revoke", "7"}).status == 64);
  const Place empty;
  const Finished finished = empty.tool({"pair", "approve", "NOSUCHCD"});
  CHECK(finished.status != 0);
  CHECK(holds(finished.errors, empty.data()));
  const auto none = record_offline(empty.data(), false, [](Gateway&) { return Event(); });
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().message.find("no journal") != std::string::npos);
  CHECK(access((empty.data() + "/data.mdb").c_str(), F_OK) != 0);
  CHECK(place.tool({"verify"}).status == 0);
  CHECK(place.tool({"replay", "--check"}).status == 0);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("too small an address space is told as that, with the limit to raise", "[tool]") {
  const Place place;
  REQUIRE(place.daemon("hello\n").status == 0);
  const auto limited = [&](const std::string& program) {
    return run_program(
        {"/bin/sh", "-c",
         "ulimit -S -v 4000000 && " + build_directory() + program + " --data " + place.data()},
        place.environment());
  };
  const auto start = [&](const std::string& limit) {
    return run_program(
        {"/bin/sh", "-c", limit + build_directory() + "/daybookd --console --data " + place.data()},
        place.environment());
  };
  for (const std::string program : {"/daybook log", "/daybook verify", "/daybookd --check"}) {
    const Finished refused = limited(program);
    INFO(program << ": " << refused.errors);
    CHECK(refused.status == 74);
    CHECK(holds(refused.errors, "cannot open the journal in " + place.data() +
                                    ": its map takes more of the address space than this process "
                                    "may have: raise the limit, `ulimit -v unlimited` or "
                                    "LimitAS=infinity of its unit\n"));
  }
  CHECK(start("ulimit -S -v 4000000 && ").status == 74);
  CHECK(start("ulimit -S -v 4000000 && ulimit -v unlimited && ").status == 0);
}
#endif

}  // namespace daybook::tool_journal_test
