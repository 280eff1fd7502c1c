// `daybook verify` and `checkpoint`: verdicts in words and as objects, and a child that dies.
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/damage_world.h"
#include "tests/export_place.h"
#include "tests/journal_forge.h"
#include "tests/log_contract.h"
#include "tools/in_child.h"

namespace daybook::tool_verify_test {

using nlohmann::json;
using testing::holds;
using testing::Talks;
using world::Finished;

namespace fs = std::filesystem;

TEST_CASE("a sound journal is said to be, whole, from an event on, and by several threads",
          "[tool]") {
  const Talks talks;
  const Finished whole = talks.tool({"verify"});
  INFO(whole.errors);
  CHECK(whole.status == 0);
  CHECK(holds(whole.output, "seals, all sound"));
  CHECK(whole.errors == "");
  CHECK(talks.tool({"verify", "--jobs", "2"}).output == whole.output);
  const Finished later = talks.tool({"verify", "--since", "9", "--json"});
  const json verdict = json::parse(later.output);
  CHECK(verdict["sound"] == true);
  CHECK(verdict["first"] == 7);
  CHECK(verdict["what"] == "");
  CHECK(talks.tool({"verify", "--since", "99999"}).status == 64);
  CHECK(talks.tool({"verify", "--jobs", "0"}).status == 64);
  CHECK(talks.tool({"verify", "--seal-key", talks.key()}).status == 64);
  const Finished of_export = talks.tool({"verify", talks.key(), "--since", "3"});
  CHECK(of_export.status == 64);
  CHECK(holds(of_export.errors, "an export is judged whole"));
}

TEST_CASE("a checkpoint kept elsewhere shows an older copy, another journal and an export of it",
          "[tool]") {
  Talks talks;
  const std::string then = talks.directory.path() + "/then";
  fs::copy(talks.place.directory(), then);
  {
    journal_place::DiskLog disk(talks.place.options());
    disk.log().append(log_contract::batch_of(disk.log().last() + 1, 3));
    disk.settle();
  }
  const Finished printed = talks.tool({"checkpoint"});
  REQUIRE(printed.status == 0);
  CHECK(holds(printed.output, "daybook checkpoint 1\njournal "));
  const std::string checkpoint = talks.directory.write("monday.txt", printed.output);
  CHECK(talks.tool({"verify", "--against", checkpoint}).status == 65);
  CHECK(talks.tool({"verify"}, then).status == 0);
  const Finished older = talks.tool({"verify", "--against", checkpoint}, then);
  CHECK(older.status == 65);
  CHECK(holds(older.errors, "the checkpoint " + checkpoint + " knows, are missing"));
  CHECK(holds(older.errors, "an older copy put back"));
  const Finished as_object = talks.tool({"verify", "--against", checkpoint, "--json"}, then);
  CHECK(as_object.status == 65);
  CHECK(json::parse(as_object.output)["sound"] == false);

  Talks others;
  const Finished another = others.tool({"verify", "--against", checkpoint});
  CHECK(another.status == 65);
  CHECK(holds(another.errors, "is of journal "));
  CHECK(others.verify(others.exported({"--all"}), {"--against", checkpoint}) == 65);
  CHECK(holds(others.said, "another journal"));
  const std::string none = talks.directory.write("none.txt", "monday\n");
  CHECK(talks.tool({"verify", "--against", none}).status == 64);
  CHECK(talks.tool({"verify", "--against", none + ".gone"}).status == 64);
}

TEST_CASE("an export reaches the checkpoint that the tool printed", "[tool]") {
  Talks talks;
  const std::string checkpoint =
      talks.directory.write("monday.txt", talks.tool({"checkpoint"}).output);
  const std::string text = talks.exported({"--all"});
  CHECK(talks.verify(text, {"--seal-key", talks.key(), "--against", checkpoint}) == 0);
  CHECK(holds(talks.said, "up to the checkpoint and beyond"));
}

TEST_CASE("damage is named with the first bad event and a remedy", "[tool]") {
  const Talks talks;
  journal_forge::Tables tables = journal_forge::read_tables(talks.place.directory());
  auto& events = journal_forge::table_of(tables, store::Table::kEvents);
  events.erase(events.begin() + 4);
  journal_forge::forge(talks.place, tables);
  const Finished damaged = talks.tool({"verify"});
  CHECK(damaged.status == 65);
  CHECK(damaged.output == "");
  CHECK(holds(damaged.errors, "is damaged: event 5: it is missing"));
  CHECK(holds(damaged.errors, "restore it from a backup"));
}

TEST_CASE("a journal that is written and erased in meanwhile is sound", "[tool]") {
  testing::DamageWorld world(1);
  const world::TemporaryDirectory home;
  for (int i = 0; i < 3; ++i) {
    world::Process verify(
        {build_directory() + "/daybook", "--data", world.place.directory(), "verify"},
        {{"HOME", home.path()}, {"PATH", "/usr/bin"}});
    world.go_on([&] { return verify.running(); });
    CHECK(verify.wait() == 0);
    INFO(verify.errors());
    CHECK(holds(verify.output(), "all sound"));
  }
}

TEST_CASE("whoever asked lives on when the child dies", "[tool]") {
  const auto well = run_in_child([] { return ExitCode::kDamaged; });
  REQUIRE(well);
  CHECK(well->signal == 0);
  CHECK(well->code == ExitCode::kDamaged);
  const auto killed = run_in_child([] {
    std::signal(SIGTERM, SIG_DFL);
    ::raise(SIGTERM);
    return ExitCode::kOk;
  });
  REQUIRE(killed);
  CHECK(killed->signal == SIGTERM);
}

}  // namespace daybook::tool_verify_test
