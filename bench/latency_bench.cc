// What the gateway adds between a provider's byte and the committed event: a server on loopback
// writes the moment into every delta, and a witness among the adapters reads it when the event is
// shown to it. Beside it the floor: a 4 KiB write with fdatasync, and one commit of raw LMDB.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/net/network.h"
#include "adapters/net/reactor.h"
#include "adapters/provider.h"
#include "bench/raw_lmdb.h"
#include "bench/typical.h"
#include "core/gateway.h"
#include "journal/lmdb_log.h"

namespace daybook::latency_bench {
namespace {

using bench::BenchPlace;
using bench::require;
using Clock = std::chrono::steady_clock;

constexpr int kDeltas = 500;
constexpr std::chrono::milliseconds kGap{4};
constexpr int kFloorRuns = 300;

std::int64_t moment() { return Clock::now().time_since_epoch().count(); }

double median_ms(std::vector<double> seconds) {
  require(!seconds.empty(), "there are figures");
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2] * 1'000;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Answers one request with one paced stream.
class PacedServer {
 public:
  PacedServer() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    require(::bind(listener_, plain, size) == 0 && ::listen(listener_, 1) == 0, "listen");
    require(::getsockname(listener_, plain, &size) == 0, "getsockname");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~PacedServer() {
    thread_.join();
    ::close(listener_);
  }
  PacedServer(const PacedServer&) = delete;
  PacedServer& operator=(const PacedServer&) = delete;
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/v1";
  }

 private:
  static void send(int socket, const std::string& text) {
    require(
        ::send(socket, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()),
        "send");
  }

  static std::string chunk(const std::string& text) {
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", text.size());
    return size + text + "\r\n";
  }

  static std::string delta(const std::string& content, const char* finish) {
    return "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" + content +
           "\"},\"finish_reason\":" + finish + "}]}\n\n";
  }

  void serve() const {
    const int socket = ::accept(listener_, nullptr, nullptr);
    char request[65'536];
    require(socket >= 0 && ::recv(socket, request, sizeof request, 0) > 0, "a request");
    send(socket,
         "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
         "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < kDeltas; ++i) {
      std::this_thread::sleep_for(kGap);
      send(socket, chunk(delta(std::to_string(moment()), "null")));
    }
    send(socket, chunk(delta("", "\"stop\"") + "data: [DONE]\n\n") + chunk(""));
    ::close(socket);
  }

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

class Witness final : public Adapter {
 public:
  [[nodiscard]] std::string_view name() const override { return "witness"; }
  void on_event(const Event& event) override {
    require(!event.has_turn_failed() && !event.has_notice_issued(),
            event.content().detail().c_str());
    over_ = over_ || event.has_turn_completed();
    if (!event.has_chunk_received()) return;
    const std::int64_t sent = std::stoll(event.content().text());
    seconds_.push_back(1e-9 * static_cast<double>(moment() - sent));
  }
  std::optional<Due> due(const Moment&) override { return std::nullopt; }
  std::vector<Fact> on_reply(CallId, Reply, Time) override { return {}; }
  [[nodiscard]] Time wake_at(Time) const override { return kNever; }
  [[nodiscard]] bool idle() const override { return true; }

  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] const std::vector<double>& seconds() const { return seconds_; }

 private:
  bool over_ = false;
  std::vector<double> seconds_;
};

Event settings() {
  Event fact;
  SettingsLoaded* body = fact.mutable_settings_loaded();
  body->set_model("paced:m");
  body->set_model_chosen(true);
  body->set_max_history_messages(50);
  body->set_context_window_percent(80);
  body->set_attempts_max(1);
  ProviderRow* row = body->add_providers();
  row->set_name("paced");
  row->set_kind("openai");
  row->set_usable(true);
  return fact;
}

Event question() {
  Event fact;
  fact.mutable_message_received()->set_place("terminal:bench");
  fact.mutable_message_received()->set_source("terminal");
  fact.mutable_content()->set_text("Count.");
  return fact;
}

std::vector<double> stream_once(const std::string& directory) {
  const PacedServer server;
  Reactor reactor;
  LmdbLog::Options options;
  options.directory = directory;
  options.waker = [waker = reactor.waker()] { waker.wake(); };
  auto log = LmdbLog::open(std::move(options));
  require(log.has_value(), "LmdbLog::open");
  auto gateway = Gateway::open(**log);
  require(gateway.has_value(), "Gateway::open");
  Network network(reactor);
  ProviderSettings provider;
  provider.name = "paced";
  provider.kind = "openai";
  provider.base_url = server.url();
  provider.needs_key = false;
  const auto adapter = make_provider(provider, (*gateway)->work(), **gateway);
  Witness witness;
  (*gateway)->connect({adapter.get(), &witness}, network);
  (*gateway)->record(settings(), reactor.now());
  (*gateway)->record(question(), reactor.now());
  while (!witness.over()) {
    (*gateway)->turn(reactor.now());
    require(!(*gateway)->stopped(), "the journal goes on");
    reactor.run_once((*gateway)->wake_at(reactor.now()));
  }
  return witness.seconds();
}

double write_floor_ms(const std::string& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  require(descriptor >= 0, "open");
  const std::string page(4096, 'p');
  std::vector<double> seconds;
  for (int i = 0; i < kFloorRuns; ++i) {
    const auto start = Clock::now();
    require(::pwrite(descriptor, page.data(), page.size(), i % 16 * 4096) == 4096, "pwrite");
    require(::fdatasync(descriptor) == 0, "fdatasync");
    seconds.push_back(seconds_since(start));
  }
  ::close(descriptor);
  return median_ms(seconds);
}

double commit_floor_ms(const std::string& directory) {
  bench::RawLmdb raw(directory);
  std::vector<double> seconds;
  for (int i = 0; i < kFloorRuns; ++i) {
    const auto start = Clock::now();
    raw.commit(1);
    seconds.push_back(seconds_since(start));
  }
  return median_ms(seconds);
}

void byte_to_commit(benchmark::State& state) {
  for (auto _ : state) {
    const BenchPlace place;
    const std::vector<double> seconds = stream_once(place.journal());
    require(seconds.size() == kDeltas, "every delta was committed");
    const double ours = median_ms(seconds);
    state.counters["p50 ms"] = ours;
    state.counters["bar ms"] = 5;
    state.counters["fsync floor ms"] = write_floor_ms(place.raw() + "/floor");
    state.counters["raw LMDB ms"] = commit_floor_ms(place.raw());
    state.SetIterationTime(ours / 1'000);
  }
}
BENCHMARK(byte_to_commit)
    ->Name("gateway/provider byte to committed event")
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daybook::latency_bench
