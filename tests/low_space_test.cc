// A disk with little room: told once, nothing new taken in, going on when there is room again.
#include <sys/mount.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include <catch2/catch.hpp>

#include "journal/files.h"
#include "tests/places.h"
#include "tests/story.h"
#include "tests/world/daemon_world.h"
#include "tools/space_watch.h"

namespace daybook::low_space_test {

using testing::Story;
using world::answer_for;
using world::BotApi;
using world::DaemonWorld;
using world::Finished;

constexpr std::uint64_t kMebibyte = 1u << 20;

Fact ran_low(std::uint64_t mebibytes = 41) {
  Fact fact;
  fact.mutable_space_ran_low()->set_directory("/var/daybook");
  fact.mutable_space_ran_low()->set_free_bytes(mebibytes * kMebibyte);
  fact.mutable_space_ran_low()->set_enough_bytes(files::kEnoughSpaceBytes);
  return fact;
}

Fact recovered() {
  Fact fact;
  fact.mutable_space_recovered()->set_directory("/var/daybook");
  fact.mutable_space_recovered()->set_free_bytes(200 * kMebibyte);
  return fact;
}

void appoint_owner(Story& story) {
  Fact settings = Story::settings();
  settings.mutable_settings_loaded()->set_telegram_owner(77);
  story.gateway->record(std::move(settings), story.now);
}

// ---- when it becomes a fact

struct Disk {
  SpaceWatch watch;
  bool low = false;
  Time now = from_milliseconds(1'000'000);

  // "low", "enough" or "".
  std::string look(std::uint64_t free_bytes) {
    const auto fact = watch.look(
        low, "/var/daybook", [&] { return free_bytes; }, now);
    if (!fact) return "";
    low = fact->has_space_ran_low();
    return low ? "low" : "enough";
  }
  std::string look_later(std::uint64_t free_bytes) {
    now += SpaceWatch::kEvery;
    return look(free_bytes);
  }
};

TEST_CASE("space is low below one limit and enough again from a higher one", "[space]") {
  Disk disk;
  CHECK(disk.look(files::kLowSpaceBytes).empty());
  CHECK(disk.look_later(files::kLowSpaceBytes - 1) == "low");
  CHECK(disk.look_later(0).empty());
  CHECK(disk.look_later(files::kLowSpaceBytes).empty());
  CHECK(disk.look_later(files::kEnoughSpaceBytes - 1).empty());
  CHECK(disk.look_later(files::kEnoughSpaceBytes) == "enough");
  CHECK(disk.look_later(files::kEnoughSpaceBytes - 1).empty());
}

TEST_CASE("a restart while space is low finds nothing new", "[space]") {
  Disk disk;
  disk.low = true;
  CHECK(disk.look(3).empty());
}

TEST_CASE("of a disk that was full is told once there is room, or little", "[space]") {
  Disk disk;
  disk.watch.met_full_disk();
  CHECK(disk.watch.wake_at(false) != kNever);
  CHECK(disk.look(files::kEnoughSpaceBytes - 1).empty());
  SECTION("room") {
    CHECK(disk.look_later(files::kEnoughSpaceBytes) == "enough");
    CHECK(disk.watch.wake_at(false) == kNever);
    CHECK(disk.look_later(files::kEnoughSpaceBytes).empty());
  }
  SECTION("little") {
    CHECK(disk.look_later(files::kLowSpaceBytes - 1) == "low");
    CHECK(disk.look_later(files::kEnoughSpaceBytes) == "enough");
    CHECK(disk.look_later(files::kEnoughSpaceBytes).empty());
  }
}

TEST_CASE("the disk is asked at most once in five seconds, and only who waits wakes for it",
          "[space]") {
  Disk disk;
  CHECK(disk.watch.wake_at(false) == kNever);
  disk.look(kMebibyte);
  REQUIRE(disk.low);
  CHECK(disk.watch.wake_at(true) == disk.now + SpaceWatch::kEvery);
  disk.now += SpaceWatch::kEvery - Duration(1);
  CHECK(disk.look(files::kEnoughSpaceBytes).empty());
  disk.now += Duration(1);
  CHECK(disk.look(files::kEnoughSpaceBytes) == "enough");
}

// ---- what follows from it

TEST_CASE("low space is one notice to the owner that says where, how much and what now",
          "[space]") {
  Story story;
  appoint_owner(story);
  const Seq seq = story.gateway->record(ran_low(), story.now);
  CHECK(story.kinds_after(seq) == "NoticeIssued");
  const Event notice = story.last("NoticeIssued");
  CHECK(notice.notice_issued().place() == "telegram:77");
  CHECK(notice.cause() == seq);
  for (const char* part : {"/var/daybook", "41 MiB", "80 MiB", "no new messages"}) {
    CHECK(notice.content().text().find(part) != std::string::npos);
  }
  const Seq again = story.gateway->record(recovered(), story.now);
  CHECK(story.kinds_after(again) == "NoticeIssued");
  CHECK(story.last("NoticeIssued").content().text().find("200 MiB") != std::string::npos);
}

TEST_CASE("low space with nobody to tell is a fact and no more", "[space]") {
  Story story;
  const Seq seq = story.gateway->record(ran_low(), story.now);
  CHECK(story.kinds_after(seq).empty());
  CHECK(story.gateway->directory().space_low());
}

// Notes what it is told about taking work in.
struct Listener final : Adapter {
  std::string_view name() const override { return "listener"; }
  void on_event(const Event&) override {}
  std::optional<Due> due(const Moment& moment) override {
    taking_in = moment.taking_in;
    ++asked;
    return std::nullopt;
  }
  std::vector<Fact> on_reply(CallId, Reply, Time) override { return {}; }
  Time wake_at(Time) const override { return kNever; }
  bool idle() const override { return true; }
  bool is_local() const override { return local; }

  bool taking_in = true;
  bool local = false;
  int asked = 0;
};

struct Nowhere final : Transport {
  void start(Call) override {}
  void cancel(CallId) override {}
  std::vector<std::pair<CallId, Reply>> take_replies() override { return {}; }
};

TEST_CASE("while space is low nothing is taken in, over a restart too, until it recovers",
          "[space]") {
  Story story;
  Nowhere nowhere;
  const auto taking_in = [&] {
    Listener listener;
    story.gateway->connect({&listener}, nowhere);
    story.gateway->turn(story.now);
    story.open();  // forgets the listener
    return listener.taking_in;
  };
  CHECK(taking_in());
  story.gateway->record(ran_low(), story.now);
  story.commit();
  CHECK_FALSE(taking_in());
  story.crash();
  CHECK(story.gateway->directory().space_low());
  CHECK_FALSE(taking_in());
  story.gateway->record(recovered(), story.now);
  story.commit();
  CHECK(taking_in());
}

TEST_CASE("a start that is not durable yet asks only who acts on this machine alone", "[space]") {
  Story story;
  Nowhere nowhere;
  Listener outside;
  Listener inside;
  inside.local = true;
  story.gateway->connect({&outside, &inside}, nowhere);
  story.log.set_waiting_for_space(true);
  Event started;
  started.mutable_gateway_started()->set_recovery(true);
  story.gateway->record(std::move(started), story.now);
  story.gateway->turn(story.now);
  CHECK(inside.asked == 1);
  CHECK(outside.asked == 0);
  story.log.set_waiting_for_space(false);
  story.log.commit_all();
  story.gateway->turn(story.now);
  CHECK(inside.asked == 2);
  CHECK(outside.asked == 1);
}

TEST_CASE("while the disk lags behind nothing is taken in, and nothing is dropped", "[space]") {
  Story story;
  Nowhere nowhere;
  Listener listener;
  story.gateway->connect({&listener}, nowhere);
  const std::string words(256u << 10, 'w');
  std::vector<Seq> said;
  for (;;) {
    story.gateway->turn(story.now);
    story.gateway->turn(story.now);  // who takes in is asked before what waits is handed over
    const bool room = story.log.backlog_bytes() < Gateway::kBacklogBytesMax;
    REQUIRE(listener.taking_in == room);
    if (!room) break;
    said.push_back(story.say(words));
  }
  CHECK(said.size() >= Gateway::kBacklogBytesMax / words.size() - 1);
  story.log.commit_all();
  story.gateway->turn(story.now);
  CHECK(listener.taking_in);
  for (const Seq seq : said) CHECK(story.event(seq).content().text() == words);
}

// ---- the daemon on such a disk

// The world's data directory on a file system of so many MiB, for as long as it lives.
class SmallDisk {
 public:
  explicit SmallDisk(std::string place, const std::string& size = "40m")
      : place_(std::move(place)) {
    std::filesystem::create_directories(place_);
    mounted_ = resize(0, size);
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(place_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  [[nodiscard]] bool mounted() const { return mounted_; }
  bool grow() { return resize(MS_REMOUNT, "400m"); }

 private:
  [[nodiscard]] bool resize(unsigned long flags, const std::string& size) const {
    const std::string options = "size=" + size + ",mode=0700";
    return ::mount("tmpfs", place_.c_str(), "tmpfs", flags, options.c_str()) == 0;
  }

  std::string place_;
  bool mounted_ = false;
};

constexpr std::int64_t kOwner = DaemonWorld::kUser;

std::size_t notices(const BotApi& api) {
  return static_cast<std::size_t>(
      std::ranges::count_if(api.screen(kOwner), [](const world::ChatMessage& message) {
        return message.text.find("MiB are free") != std::string::npos;
      }));
}

TEST_CASE("a daemon on a disk that is nearly full says so once and goes on when it is not",
          "[space]") {
  DaemonWorld world(build_directory());
  SmallDisk disk(world.data());
  if (!disk.mounted()) {
    WARN("no tmpfs could be mounted here (" << std::strerror(errno) << "): not tested");
    return;
  }
  world.set("telegram", "token = " + DaemonWorld::toml_string(DaemonWorld::kToken) +
                            "\napi_root = " + DaemonWorld::toml_string(world.bot().url()) +
                            "\nowner = " + std::to_string(kOwner));
  world.start();
  world.say(kOwner, "hello");
  REQUIRE(world.bot().wait([](const BotApi& api) { return notices(api) == 1; }));
  const Finished status = world.tool({"status"});
  CHECK(status.output.find("MiB are free") != std::string::npos);
  world.daemon().signal(SIGTERM);
  REQUIRE(world.daemon().wait() == 0);

  world.start();
  REQUIRE(world.daemon().wait_for_errors("channels: "));
  CHECK(world.bot().with([](BotApi& api) { return api.calls("getUpdates"); }) == 0);
  REQUIRE(disk.grow());
  REQUIRE(world.wait_answered(kOwner, "hello"));
  REQUIRE(world.bot().wait([](const BotApi& api) { return notices(api) == 2; }));
  world.daemon().signal(SIGTERM);
  REQUIRE(world.daemon().wait() == 0);
  CHECK(world.tool({"log", "--kind", "SpaceRanLow", "--json"}).output.find("free_bytes") !=
        std::string::npos);
  CHECK(world.tool({"replay", "--check"}).status == 0);
  CHECK(world.violations().empty());
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a daemon that starts on a full disk answers status and refuses what would change",
          "[space]") {
  DaemonWorld world(build_directory());
  world.start();
  world.say(kOwner, "hello");
  REQUIRE(world.wait_answered(kOwner, "hello"));
  world.daemon().signal(SIGTERM);
  REQUIRE(world.daemon().wait() == 0);
  const auto polls = [&] {
    return world.bot().with([](BotApi& api) { return api.calls("getUpdates"); });
  };
  const auto before = polls();
  const auto events = [&] {
    return nlohmann::json::parse(world.tool({"status", "--json"}).output)["events"];
  };
  const auto durable = events();
  const std::string sign = world.directory() + "/full";
  std::ofstream(sign).put('!');
  world.start({{"LD_PRELOAD", build_directory() + "/libbroken_disk.so"}, {"FULL_DISK_SIGN", sign}});
  REQUIRE(world.daemon().wait_for_errors("is full: nothing new is taken in"));
  Finished status = world.tool({"status"});
  for (int again = 0; again < 100 && status.output.find("runs, pid") == status.output.npos;
       ++again) {
    status = world.tool({"status"});
  }
  CHECK(status.output.find("the disk is full") != std::string::npos);
  CHECK(status.output.find(" more wait to be written") != std::string::npos);
  CHECK(events() == durable);
  for (const std::vector<std::string>& verb :
       std::vector<std::vector<std::string>>{{"ask", "anybody?"},
                                             {"fork", "telegram:101"},
                                             {"reload"},
                                             {"pair", "revoke", "101"},
                                             {"erase", "telegram:101", "--yes"}}) {
    const Finished refused = world.tool(verb);
    INFO(verb[0] << ": " << refused.output << refused.errors);
    CHECK(refused.status == 75);
    CHECK(refused.errors.find("full") != std::string::npos);
  }
  CHECK(world.tool({"pair", "list"}).status == 0);
  CHECK(polls() == before);
  std::filesystem::remove(sign);
  REQUIRE(world.daemon().wait_for_errors("there is space again"));
  world.say(kOwner, "still there?");
  CHECK(world.wait_answered(kOwner, "still there?"));
  world.daemon().signal(SIGTERM);
  REQUIRE(world.daemon().wait() == 0);
  CHECK(world.tool({"log", "--kind", "SessionErased", "--json"}).output.empty());
  CHECK(world.tool({"replay", "--check"}).status == 0);
  CHECK(world.violations().empty());
}

TEST_CASE("of a disk that was full at the start its owner hears once, when there is room",
          "[space]") {
  DaemonWorld world(build_directory());
  SmallDisk disk(world.data(), "160m");
  if (!disk.mounted()) {
    WARN("no tmpfs could be mounted here (" << std::strerror(errno) << "): not tested");
    return;
  }
  world.set("telegram", "token = " + DaemonWorld::toml_string(DaemonWorld::kToken) +
                            "\napi_root = " + DaemonWorld::toml_string(world.bot().url()) +
                            "\nowner = " + std::to_string(kOwner));
  world.start();
  world.say(kOwner, "hello");
  REQUIRE(world.wait_answered(kOwner, "hello"));
  world.daemon().signal(SIGTERM);
  REQUIRE(world.daemon().wait() == 0);
  const std::string sign = world.directory() + "/full";
  const std::string filler = world.data() + "/filler";
  std::ofstream(sign).put('!');
  std::ofstream(filler) << std::string(files::free_bytes(world.data()) - (20u << 20), 'x');
  world.start({{"LD_PRELOAD", build_directory() + "/libbroken_disk.so"}, {"FULL_DISK_SIGN", sign}});
  REQUIRE(world.daemon().wait_for_errors("is full: nothing new is taken in"));
  std::filesystem::remove(filler);
  std::filesystem::remove(sign);
  REQUIRE(world.daemon().wait_for_errors("there is space again"));
  REQUIRE(world.bot().wait([](const BotApi& api) { return notices(api) > 0; }));
  world.say(kOwner, "still there?");
  CHECK(world.wait_answered(kOwner, "still there?"));
  CHECK(world.bot().with([](const BotApi& api) { return notices(api); }) == 1);
  world.daemon().signal(SIGTERM);
  REQUIRE(world.daemon().wait() == 0);
  CHECK(world.tool({"log", "--kind", "SpaceRanLow", "--json"}).output.empty());
  CHECK(world.tool({"replay", "--check"}).status == 0);
  CHECK(world.violations().empty());
}
#endif

}  // namespace daybook::low_space_test
