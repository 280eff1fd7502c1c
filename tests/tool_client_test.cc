// The small parts of the tools: socket names, the service manager's datagrams, times, status lines.
#include <catch2/catch.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "tests/world/process.h"
#include "tools/control_client.h"
#include "tools/journal_view.h"
#include "tools/service_notify.h"
#include "tools/services.h"
#include "tools/status.h"
#include "tools/tool.h"
#include "tools/web.h"
#include "tools/writing.h"

namespace daybook::tool_client_test {

TEST_CASE("the control socket lies beside the journal when its name fits", "[tool_client]") {
  CHECK(control_socket_path("/var/lib/daybook") == "/var/lib/daybook/control.sock");
  const std::string long_path = "/" + std::string(120, 'x');
  setenv("RUNTIME_DIRECTORY", "/run/daybook", 1);
  const std::string path = control_socket_path(long_path);
  CHECK(path.starts_with("/run/daybook/"));
  CHECK(path.ends_with(".sock"));
  CHECK(path.size() < 107);
  CHECK(path != control_socket_path(long_path + "y"));
  unsetenv("RUNTIME_DIRECTORY");
}

TEST_CASE("where no daemon listens there is no client and no error", "[tool_client]") {
  const world::TemporaryDirectory directory;
  const auto client = ControlClient::connect(directory.path() + "/control.sock");
  REQUIRE(client.has_value());
  CHECK_FALSE(client->has_value());
}

TEST_CASE("a daemon that takes in nothing and answers nothing is given up with its pid",
          "[tool_client]") {
  const world::TemporaryDirectory directory;
  const std::string path = directory.path() + "/control.sock";
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.data(), path.size());
  REQUIRE(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(listen(listener, 0) == 0);
  auto client = ControlClient::connect(path, std::chrono::milliseconds(1));
  REQUIRE(client.has_value());
  REQUIRE(client->has_value());
  REQUIRE((*client)->ask({{"verb", "status"}}));
  const auto answer = (*client)->finish();
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == ExitCode::kUnavailable);
  CHECK(answer.error().message.starts_with("daybookd (pid " + std::to_string(getpid()) + ") runs"));
  // Its queue is full: not even the connection is taken.
  const auto second = ControlClient::connect(path, std::chrono::milliseconds(1));
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().message.find("does not answer") != std::string::npos);
  close(listener);
}

TEST_CASE("the service manager gets one datagram a state", "[tool_client]") {
  const world::TemporaryDirectory directory;
  const std::string path = directory.path() + "/notify";
  const int socket_number = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.data(), path.size());
  REQUIRE(bind(socket_number, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  notify_service("READY=1");
  unsetenv("NOTIFY_SOCKET");
  notify_service("STOPPING=1");
  std::array<char, 64> bytes{};
  CHECK(recv(socket_number, bytes.data(), bytes.size(), MSG_DONTWAIT) == 7);
  CHECK(std::string(bytes.data()) == "READY=1");
  CHECK(recv(socket_number, bytes.data(), bytes.size(), MSG_DONTWAIT) < 0);
  close(socket_number);
}

TEST_CASE("times are read as dates, instants or how long ago", "[tool_client]") {
  const Time now = from_milliseconds(1'700'000'000'000);  // 2023-11-14T22:13:20Z
  CHECK(*parse_since("90s", now) == now - std::chrono::seconds(90));
  CHECK(*parse_since("2h", now) == now - std::chrono::hours(2));
  CHECK(*parse_since("2023-11-14T22:13:20Z", now) == now);
  CHECK(*parse_since("2023-11-14T22:13:20.123Z", now) == now + Duration(123));
  CHECK(*parse_since("2023-11-14T22:13:20.5", now) == now + Duration(500));
  CHECK(*parse_since("2023-11-14 22:13", now) == now - std::chrono::seconds(20));
  CHECK(to_milliseconds(*parse_since("2023-11-14", now)) == 1'699'920'000'000);
  for (const std::string bad :
       {"", "x", "2023-13-01", "2023-11-14T25:00", "5", "1w", "2023-11-14Q"}) {
    INFO(bad);
    CHECK_FALSE(parse_since(bad, now).has_value());
  }
}

TEST_CASE("numbers of events are positive and whole", "[tool_client]") {
  CHECK(parse_seq("42") == 42);
  for (const std::string bad : {"", "-1", "4x", "99999999999999999999"}) CHECK(parse_seq(bad) == 0);
}

TEST_CASE("text for a terminal keeps its lines and nothing that moves the cursor",
          "[tool_client]") {
  CHECK(terminal_text("a \"b\"\n\tc\x1b[2Jd\\") == "a \"b\"\n\tc\\x1b[2Jd\\");
}

TEST_CASE("status reads the same with and without a daemon", "[tool_client]") {
  StatusJson status = {{"running", false}, {"journal", "/j"}, {"events", 3},
                       {"last", "then"},   {"model", "echo"}, {"model_chosen", false},
                       {"sessions", 1},    {"owner", 0}};
  const std::string text = status_text(status);
  CHECK(text.find("daybookd    does not run\n") != std::string::npos);
  CHECK(text.find("model       echo, picked from the keys at hand\n") != std::string::npos);
  status["running"] = true;
  status["pid"] = 7;
  CHECK(status_text(status).find("runs, pid 7") != std::string::npos);
}

TEST_CASE("a key says by its beginning whose it is", "[tool_client]") {
  CHECK(provider_of_key_text("sk-or-v1-abc") == "openrouter");
  CHECK(provider_of_key_text("sk-abc") == "openai");
  CHECK(provider_of_key_text("AIzaabc") == "gemini");
  CHECK(provider_of_key_text("abc").empty());
}

TEST_CASE("settings become the transport's options", "[tool_client]") {
  Settings settings;
  settings.tls.ca_file = "/ca.pem";
  settings.network.proxy = "http://proxy.example:3128";
  ProviderSettings local;
  local.base_url = "http://models.example:8080/v1";
  local.insecure = true;
  settings.providers.push_back(local);
  const HttpOptions options = http_options(settings);
  CHECK(options.ca_file == "/ca.pem");
  REQUIRE(options.proxy.has_value());
  CHECK(options.proxy->port == 3128);
  CHECK(options.insecure_hosts.contains("models.example"));
}

TEST_CASE("every start has other random bytes", "[tool_client]") {
  const auto one = gateway_started(true, true);
  const auto other = gateway_started(false, false);
  REQUIRE(one.has_value());
  CHECK(one->gateway_started().entropy().size() == 16);
  CHECK(one->gateway_started().entropy() != other->gateway_started().entropy());
  CHECK(one->gateway_started().recovery());
  CHECK_FALSE(other->gateway_started().recovery());
}

}  // namespace daybook::tool_client_test
