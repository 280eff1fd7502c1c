// The daemon and the verbs that talk to it, as processes: control socket, reload, stop, exit codes.
#include "tools/daemon.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <csignal>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "journal/latecomers.h"
#include "journal/store.h"
#include "tests/journal_place.h"
#include "tests/places.h"
#include "tests/world/daemon_world.h"
#include "tools/control_client.h"
#include "tools/descriptors.h"
#include "tools/reader_watch.h"

namespace daybook::tool_daemon_test {

using nlohmann::json;
using world::Environment;
using world::Finished;
using world::Process;
using world::run_program;
using world::TemporaryDirectory;

// A daemon on a directory of its own, with the offline model and no channel but the terminal.
struct Alone {
  TemporaryDirectory directory;
  Environment environment{{"HOME", directory.path()}, {"PATH", "/usr/bin"}};
  std::unique_ptr<Process> process;

  std::string data() const { return directory.path() + "/data"; }
  void start(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {build_directory() + "/daybookd", "--data", data()};
    words.insert(words.end(), more.begin(), more.end());
    process = std::make_unique<Process>(words, environment);
    REQUIRE(process->wait_for_errors("channels: "));
    // The socket opens in the first iteration; status asks until it is there.
    while (tool({"status"}).output.find("runs, pid") == std::string::npos) {
      REQUIRE(process->running());
    }
  }
  Finished tool(std::vector<std::string> words, std::string_view input = {}) const {
    words.insert(words.begin(), {build_directory() + "/daybook", "--data", data()});
    return run_program(words, environment, input);
  }
  int stop() {
    process->signal(SIGTERM);
    return process->wait().value_or(-1);
  }
};

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("too few descriptors are refused in one sentence, and enough will do", "[daemon]") {
  const Alone alone;
  const auto run_with = [&](const std::string& limit) {
    const std::string daemon = build_directory() + "/daybookd --console --data " + alone.data();
    return run_program({"/bin/sh", "-c", "ulimit " + limit + " && exec " + daemon},
                       alone.environment, "hello\n");
  };
  for (const std::uint64_t few : {std::uint64_t{5}, std::uint64_t{8}, kDaemonDescriptorsMin - 1}) {
    const Finished refused = run_with("-n " + std::to_string(few));
    INFO(refused.errors);
    CHECK(refused.status == 78);
    CHECK(refused.errors == "daybookd may open " + std::to_string(few) +
                                " files at once and needs 128: raise the limit, `ulimit -n 1024` "
                                "or LimitNOFILE= of its unit\n");
  }
  CHECK(run_with("-n " + std::to_string(kDaemonDescriptorsMin)).status == 0);
  const Finished lifted = run_with("-S -n 8");
  INFO(lifted.errors);
  CHECK(lifted.status == 0);
  CHECK(claim_descriptors("this", kToolDescriptorsMin).has_value());
}

TEST_CASE("a journal without its seal key is not opened, and the remedy is named", "[daemon]") {
  Alone alone;
  alone.start({"--console"});
  CHECK(alone.stop() == 0);
  REQUIRE(::unlink((alone.data() + "/seal.key").c_str()) == 0);
  const Finished refused =
      run_program({build_directory() + "/daybookd", "--data", alone.data()}, alone.environment);
  INFO(refused.errors);
  CHECK(refused.status == 65);
  CHECK(holds(refused.errors, "/seal.key is missing: restore it from a backup"));
}

TEST_CASE("--check refuses every journal that a start refuses, in the same words", "[daemon]") {
  Alone alone;
  const std::string data = alone.data() + "/data.mdb";
  const auto check = [&] {
    return run_program({build_directory() + "/daybookd", "--data", alone.data(), "--check"},
                       alone.environment);
  };
  alone.start();
  CHECK(check().status == 0);
  CHECK(alone.stop() == 0);
  CHECK(check().status == 0);
  const auto read = [&] {
    std::ifstream file(data, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const auto write = [&](const std::string& bytes) {
    std::ofstream(data, std::ios::binary | std::ios::trunc) << bytes;
  };
  std::string bytes = read();
  SECTION("a byte of its last event is another") {
    const std::string reason = "SIGTERM or SIGINT";
    for (std::size_t at = 0; (at = bytes.find(reason, at)) != std::string::npos; ++at) {
      bytes[at] = 'X';
    }
    write(bytes);
  }
  SECTION("an older one is put under its newer head") {
    alone.start();
    CHECK(alone.stop() == 0);
    write(bytes);
  }
  SECTION("its seal key is missing") {
    REQUIRE(::unlink((alone.data() + "/seal.key").c_str()) == 0);
  }
  SECTION("only its head is left") { REQUIRE(::unlink(data.c_str()) == 0); }
  const Finished refused =
      run_program({build_directory() + "/daybookd", "--data", alone.data()}, alone.environment);
  CHECK(refused.status == 65);
  const Finished checked = check();
  CHECK(checked.status == 65);
  const auto sentence = [](const Finished& finished) {
    return finished.errors.substr(finished.errors.find(" critical "));
  };
  CHECK(sentence(checked) == sentence(refused));
}

TEST_CASE("a daemon without a file to spare says so once, and once when it has one", "[daemon]") {
  Alone alone;
  alone.start();
  rlimit before{};
  REQUIRE(::prlimit(alone.process->id(), RLIMIT_NOFILE, nullptr, &before) == 0);
  const std::string files = "/proc/" + std::to_string(alone.process->id()) + "/fd/";
  rlim_t unused = 0;
  for (struct stat found{}; ::lstat((files + std::to_string(unused)).c_str(), &found) == 0;) {
    ++unused;
  }
  const rlimit few{unused, before.rlim_max};
  REQUIRE(::prlimit(alone.process->id(), RLIMIT_NOFILE, &few, nullptr) == 0);
  CHECK(alone.tool({"status"}).status == 69);
  CHECK(alone.process->wait_for_errors("no further file or connection can be opened"));
  CHECK(alone.tool({"status"}).status == 69);
  REQUIRE(::prlimit(alone.process->id(), RLIMIT_NOFILE, &before, nullptr) == 0);
  CHECK(alone.process->wait_for_errors("files and connections can be opened again"));
  CHECK(alone.tool({"status"}).status == 0);
  CHECK(alone.stop() == 0);
  const std::string told = alone.process->errors();
  CHECK(told.find("no further file") == told.rfind("no further file"));
}

TEST_CASE("who reads an old state is told of once, and again after it had caught up", "[daemon]") {
  ReaderWatch watch;
  Time now = from_milliseconds(1'000'000);
  const auto look = [&](std::vector<Latecomer> readers) {
    std::string told;
    for (const auto& [reader, late] : watch.look([&] { return readers; }, now)) {
      told += (late ? "+" : "-") + std::to_string(reader.process);
    }
    now += ReaderWatch::kEvery;
    return told;
  };
  CHECK(watch.wake_at() == kNever);
  CHECK(look({{7, kCommitsBehindMax}}).empty());
  CHECK(watch.wake_at() == kNever);
  CHECK(look({{7, kCommitsBehindMax + 1}}) == "+7");
  CHECK(watch.wake_at() == now);
  CHECK(look({{7, 5'000}, {8, 2'000}}) == "+8");
  CHECK(watch.late() == std::vector<Latecomer>{{7, 5'000}, {8, 2'000}});
  now -= Duration(1);  // too early to look
  CHECK(look({}).empty());
  CHECK(look({{8, 2'500}}) == "-7");
  CHECK(look({{7, 1'001}, {8, 3}}) == "+7-8");
  CHECK(look({}) == "-7");
  CHECK(watch.wake_at() == kNever);
}

// Another process that reads the journal as it is now, for as long as it lives.
class ForgottenReader {
 public:
  explicit ForgottenReader(const std::string& directory) {
    int ready[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    process_ = ::fork();
    if (process_ == 0) {
      const auto environment = store::Environment::open({directory, 0, true, false});
      store::Visit visit(**environment);
      const char begun = visit.begin().ok() ? 'y' : 'n';
      if (::write(ready[1], &begun, 1) == 1) ::pause();
      ::_exit(0);
    }
    ::close(ready[1]);
    char begun = 'n';
    REQUIRE((::read(ready[0], &begun, 1) == 1 && begun == 'y'));
    ::close(ready[0]);
  }
  ~ForgottenReader() { kill(); }
  ForgottenReader(const ForgottenReader&) = delete;
  ForgottenReader& operator=(const ForgottenReader&) = delete;

  [[nodiscard]] std::string process() const { return std::to_string(process_); }
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(std::exchange(process_, 0), nullptr, 0);
  }

 private:
  pid_t process_ = 0;
};

TEST_CASE("a reader that keeps the journal from reusing its pages is told of, and its end",
          "[daemon]") {
  Alone alone;
  alone.start();
  REQUIRE(alone.stop() == 0);
  alone.process.reset();
  ForgottenReader reader(alone.data());
  {
    LmdbLog::Options options;
    options.directory = alone.data();
    options.commit_interval = std::chrono::microseconds(0);
    journal_place::DiskLog disk(std::move(options));
    for (std::uint64_t commits = 0; commits <= kCommitsBehindMax; ++commits) {
      Batch batch;
      batch.snapshots.push_back({"nobody's", 0, 1, disk.log().last(), ""});
      disk.log().append(std::move(batch));
      disk.settle();
    }
  }
  alone.start();
  CHECK(alone.process->wait_for_errors("process " + reader.process() + " reads the journal as it"));
  CHECK(alone.process->wait_for_errors("kill " + reader.process()));
  const std::string status = alone.tool({"status"}).output;
  INFO(status);
  CHECK(holds(status, "trouble     process " + reader.process() + " reads"));
  const std::string process = reader.process();
  reader.kill();
  CHECK(alone.process->wait_for_errors("process " + process + " no longer holds on"));
  CHECK_FALSE(holds(alone.tool({"status"}).output, "trouble"));
  const std::string told = alone.process->errors();
  CHECK(told.find("commits ago") == told.rfind("commits ago"));
  CHECK(alone.stop() == 0);
}

TEST_CASE("ask streams the answer through the control socket", "[daemon]") {
  Alone alone;
  alone.start();
  const Finished answer = alone.tool({"ask", "hello", "there"});
  INFO(answer.errors);
  REQUIRE(answer.status == 0);
  CHECK(holds(answer.output, "hello there"));
  const Finished events = alone.tool({"ask", "--json", "again"});
  REQUIRE(events.status == 0);
  CHECK(holds(events.output, "\"kind\":\"TurnCompleted\""));
  CHECK(holds(alone.tool({"ask", "-"}, "from a pipe\n").output, "from a pipe"));
  CHECK(holds(alone.tool({"ask", "/model echo"}).output, "echo"));
  const Finished chat = alone.tool({"chat", "notes"}, "first\n/whoami\n");
  INFO(chat.output + chat.errors);
  CHECK(chat.status == 0);
  CHECK(holds(chat.output, "terminal:notes"));
  const Finished rows = alone.tool({"sessions"});
  CHECK(holds(rows.output, "terminal:default"));
  CHECK(holds(rows.output, "terminal:notes"));
  CHECK(alone.tool({"ask", "--session", "telegram:999", "x"}).status == 64);
  CHECK(alone.stop() == 0);
  CHECK(alone.tool({"replay", "--check"}).status == 0);
  CHECK(alone.tool({"verify"}).status == 0);
  CHECK(alone.tool({"ask", "anybody?"}).status == 69);
}

TEST_CASE("a second daemon on the journal exits 75 and names the first", "[daemon]") {
  Alone alone;
  alone.start();
  const Finished second =
      run_program({build_directory() + "/daybookd", "--data", alone.data()}, alone.environment);
  INFO(second.errors);
  CHECK(second.status == 75);
  CHECK(holds(second.errors, std::to_string(alone.process->id())));
  CHECK(alone.stop() == 0);
}

TEST_CASE("a control socket that cannot be opened is told once", "[daemon]") {
  Alone alone;
  REQUIRE(mkdir(alone.data().c_str(), 0700) == 0);
  std::ofstream(control_socket_path(alone.data())) << "in the way";
  Process process({build_directory() + "/daybookd", "--data", alone.data()}, alone.environment);
  CHECK(process.wait_for_errors("daybook cannot talk to this daemon: "));
  REQUIRE(unlink(control_socket_path(alone.data()).c_str()) == 0);
  // Without anybody who connects.
  CHECK(process.wait_for_errors("daybook can talk to this daemon again"));
  process.signal(SIGTERM);
  CHECK(process.wait() == 0);
}

TEST_CASE("a daemon whose limit of descriptors falls below what is open goes on", "[daemon]") {
  Alone alone;
  alone.start();
  rlimit before{};
  REQUIRE(::prlimit(alone.process->id(), RLIMIT_NOFILE, nullptr, &before) == 0);
  const rlimit none{3, before.rlim_max};
  REQUIRE(::prlimit(alone.process->id(), RLIMIT_NOFILE, &none, nullptr) == 0);
  CHECK(alone.tool({"status"}).status == 69);
  CHECK(alone.process->wait_for_errors("daybook cannot talk to this daemon: "));
  REQUIRE(::prlimit(alone.process->id(), RLIMIT_NOFILE, &before, nullptr) == 0);
  CHECK(alone.process->wait_for_errors("daybook can talk to this daemon again"));
  CHECK(alone.tool({"status"}).status == 0);
  CHECK(alone.stop() == 0);
}

TEST_CASE("no socket is left behind by an orderly end", "[daemon]") {
  Alone alone;
  alone.start();
  const std::string path = control_socket_path(alone.data());
  CHECK(access(path.c_str(), F_OK) == 0);
  CHECK(alone.stop() == 0);
  CHECK(access(path.c_str(), F_OK) != 0);
}

TEST_CASE("reload takes good settings and keeps the old ones over bad ones", "[daemon]") {
  Alone alone;
  const std::string file = alone.directory.write("config.toml", "[agent]\nmodel = \"echo\"\n");
  alone.start({"--config", file});
  alone.directory.write("config.toml", "[agent]\nmodel = \"echo:slow\"\n");
  CHECK(alone.tool({"reload"}).status == 0);
  CHECK(holds(alone.tool({"status", "--json"}).output, "\"model\":\"echo:slow\""));
  alone.directory.write(
      "config.toml", "[agent]\nmodel = \"echo:slow\"\n[network]\nproxy = \"http://localhost:9\"\n");
  CHECK(holds(alone.tool({"reload"}).output, "network.proxy"));
  alone.directory.write("config.toml", "[agent]\nmodle = \"x\"\n");
  const Finished refused = alone.tool({"reload"});
  CHECK(refused.status == 78);
  CHECK(holds(refused.errors, "agent.model"));
  CHECK(holds(alone.tool({"status", "--json"}).output, "\"model\":\"echo:slow\""));
  alone.directory.write("config.toml", "[agent]\nmodel = \"nowhere:x\"\n");
  alone.process->signal(SIGHUP);
  REQUIRE(alone.process->wait_for_errors("agent.model: There is no provider nowhere"));
  alone.directory.write("config.toml", "[agent]\nmodel = \"echo\"\n");
  alone.process->signal(SIGHUP);
  REQUIRE(alone.process->wait_for_errors("model echo ("));
  CHECK(alone.stop() == 0);
}

TEST_CASE("sizes of models come from their server, and before that from the user's file",
          "[daemon]") {
  world::DaemonWorld world(build_directory());
  world.chat().with([](world::ChatServer& server) {
    server.list_models(
        R"({"data":[{"id":"m","max_model_len":4096},{"id":"n","max_model_len":8}]})");
    return true;
  });
  world.start();
  const auto table = [&] { return world.tool({"usage", "--print-prices"}).output; };
  while (!holds(table(), "source=fake")) REQUIRE(world.daemon().running());
  CHECK(holds(table(), "id=m context_tokens=4096 source=fake\n"));
  const std::string file = world.directory() + "/models";
  std::ofstream(file) << "id=m context_tokens=2048 input_nanodollars=7\n";
  world.set("catalogue", "file = " + world::DaemonWorld::toml_string(file));
  world.start();
  while (!holds(world.tool({"status"}).output, "runs, pid")) REQUIRE(world.daemon().running());
  while (!holds(table(), "source=settings")) REQUIRE(world.daemon().running());
  CHECK(holds(table(), "id=m context_tokens=2048 input_nanodollars=7 source=settings\n"));
  CHECK(holds(table(), "id=n context_tokens=8 source=fake\n"));
  std::ofstream(file) << "id=m context_token=2048\n";
  const Finished reloaded = world.tool({"reload"});
  CHECK(reloaded.status == 78);
  CHECK(holds(reloaded.errors, file + ":1: "));
  CHECK(holds(reloaded.errors, "context_tokens"));
  CHECK(holds(table(), "context_tokens=2048"));
  world.daemon().signal(SIGTERM);
}

TEST_CASE("wrong settings and command lines have their exit codes", "[daemon]") {
  const TemporaryDirectory directory;
  const Environment environment{{"HOME", directory.path()}};
  const std::string file = directory.write("config.toml", "[agent]\nmodle = \"x\"\n");
  const std::string data = directory.path() + "/data";
  const Finished settings =
      run_program({build_directory() + "/daybookd", "--data", data, "--config", file}, environment);
  CHECK(settings.status == 78);
  CHECK(holds(settings.errors, "agent.model"));
  CHECK(run_program({build_directory() + "/daybookd", "--dance"}, environment).status == 64);
  CHECK(run_program({build_directory() + "/daybookd", "--version"}, environment).status == 0);
  const Finished check =
      run_program({build_directory() + "/daybookd", "--check", "--data", data}, environment);
  CHECK(check.status == 0);
  CHECK(holds(check.errors, "no journal yet"));
}

TEST_CASE("a model that nobody has is told before it is needed, and at a reload", "[daemon]") {
  Alone alone;
  const bool fallback = GENERATE(true, false);
  const std::string key = fallback ? "agent.fallbacks" : "agent.summary_model";
  const std::string told = key + ": There is no provider nowhere";
  const std::string file = alone.directory.write("config.toml", "[agent]\nmodel = \"echo\"\n");
  alone.start({"--config", file});
  alone.directory.write("config.toml", fallback
                                           ? "[agent]\nfallbacks = [\"echo:slow\", \"nowhere:x\"]\n"
                                           : "[agent]\nsummary_model = \"nowhere:x\"\n");
  CHECK(holds(alone.tool({"reload"}).output, told));
  CHECK(alone.stop() == 0);
  const Finished check = run_program(
      {build_directory() + "/daybookd", "--check", "--data", alone.data(), "--config", file},
      alone.environment);
  CHECK(check.status == 0);
  CHECK(holds(check.errors, told));
  alone.start({"--config", file});
  REQUIRE(alone.process->wait_for_errors(told));
  CHECK(alone.stop() == 0);
  const Finished doctor = alone.tool({"doctor", "--offline", "--config", file});
  INFO(doctor.output + doctor.errors);
  CHECK(holds(doctor.output, told));
}

TEST_CASE("a daemon killed before or after any event answers when it is back", "[daemon]") {
  for (const std::string moment : {"before:", "after:"}) {
    for (int seq = 4; seq <= 9; ++seq) {
      const TemporaryDirectory directory;
      Environment environment{{"HOME", directory.path()}};
      const std::vector<std::string> words = {build_directory() + "/daybookd", "--console",
                                              "--data", directory.path() + "/data"};
      Environment killing = environment;
      killing.emplace_back("DAYBOOK_TEST_KILL", moment + std::to_string(seq));
      INFO(moment << seq);
      const Finished killed = run_program(words, killing, "hello\n");
      CHECK(killed.status == 128 + SIGKILL);
      const Finished again = run_program(words, environment, "");
      INFO(again.errors);
      CHECK(again.status == 0);
      const Finished replay = run_program({build_directory() + "/daybook", "--data",
                                           directory.path() + "/data", "replay", "--check"},
                                          environment);
      INFO(replay.errors);
      CHECK(replay.status == 0);
    }
  }
}

TEST_CASE("settings are listed with their layers and changed in place", "[daemon]") {
  const Alone alone;
  CHECK(holds(alone.tool({"config"}).output, "agent.max_history_messages = 50"));
  CHECK(alone.tool({"config", "get", "agent.max_history_messages"}).output == "50\n");
  const Finished set = alone.tool({"config", "set", "agent.max_history_messages", "7"});
  INFO(set.errors);
  CHECK(set.status == 0);
  CHECK(alone.tool({"config", "get", "agent.max_history_messages"}).output == "7\n");
  CHECK(alone.tool({"config", "unset", "agent.max_history_messages"}).status == 0);
  CHECK(alone.tool({"config", "get", "agent.max_history_messages"}).output == "50\n");
  const Finished typo = alone.tool({"config", "get", "agent.modle"});
  CHECK(typo.status == 64);
  CHECK(holds(typo.errors, "did you mean agent.model?"));
}

}  // namespace daybook::tool_daemon_test
