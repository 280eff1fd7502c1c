// stdin, stdout and unix sockets through the Transport.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>

#include "adapters/net/byte_stream.h"
#include "adapters/net/local_streams.h"
#include "adapters/net/unix_socket.h"
#include "tests/network_server.h"
#include "tests/network_world.h"

namespace daybook::network_local_test {

using network_world::Story;
using network_world::World;
using Reason = ReplyFailed::Reason;

struct Directory {
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "daybook-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path + "/" + name; }

  std::string path;
};

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A blocking client of a unix socket.
class Visitor {
 public:
  explicit Visitor(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    const timeval patience{World::kPatience.count() / 1000, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Visitor() { close(); }
  Visitor(const Visitor&) = delete;
  Visitor& operator=(const Visitor&) = delete;

  void send(std::string_view bytes) const {
    REQUIRE(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  // Everything until the other side closes.
  [[nodiscard]] std::string receive_all() const {
    std::string all;
    char bytes[4096];
    for (ssize_t size = 1; size > 0;) {
      size = ::recv(socket_, bytes, sizeof bytes, 0);
      if (size < 0) FAIL("the other side did not close");
      if (size > 0) all.append(bytes, static_cast<std::size_t>(size));
    }
    return all;
  }
  void stop_sending() const { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  bool connected = false;

 private:
  int socket_;
};

TEST_CASE("a visitor is accepted, heard and answered", "[network]") {
  const Directory directory;
  World world;
  const CallId listener = world.start(ListenCall{directory.file("s")});
  Visitor visitor(directory.file("s"));
  REQUIRE(visitor.connected);
  const CallId connection = world.accepted(listener);
  CHECK(world.story(listener).heads.size() == 1);
  CHECK((connection & LocalStreams::kConnectionBit) != 0);
  visitor.send("status\n");
  world.until(connection, [](const Story& told) { return told.body() == "status\n"; });
  CHECK(world.run(WriteCall{connection, "fine\n", true}).ended);
  CHECK(visitor.receive_all() == "fine\n");
  const Story& late = world.run(WriteCall{connection, "late", false});
  REQUIRE(late.failed);
  CHECK(late.failure.reason == Reason::kClosed);
}

TEST_CASE("a connection's id keeps the listener's top 16 bits", "[network]") {
  const Directory directory;
  World world;
  const CallId listener = (CallId{7} << 48) | 3;
  world.network().start(Call{listener, ListenCall{directory.file("s")}});
  const Visitor first(directory.file("s"));
  const Visitor second(directory.file("s"));
  world.accepted(listener, 2);
  for (const CallId connection : world.story(listener).accepted) {
    CHECK(connection >> 48 == 7);
    CHECK((connection & LocalStreams::kConnectionBit) != 0);
  }
  CHECK(world.story(listener).accepted[0] != world.story(listener).accepted[1]);
}

TEST_CASE("the socket is its owner's alone, and gone when the listener is", "[network]") {
  const Directory directory;
  const std::string path = directory.file("s");
  World world;
  const CallId listener = world.start(ListenCall{path});
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
  CHECK(peer_may_enter(-1) == false);
  world.network().cancel(listener);
  CHECK(::stat(path.c_str(), &found) != 0);
}

TEST_CASE("a dead daemon's socket is replaced, anything else in the way is not", "[network]") {
  const Directory directory;
  const std::string path = directory.file("s");
  const auto listen_somewhere = [&] {
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(socket, 4) == 0);
    return socket;
  };
  const int other = listen_somewhere();
  World world;
  const Story alive = world.run(ListenCall{path});
  REQUIRE(alive.failed);
  CHECK(alive.failure.reason == Reason::kRefused);
  CHECK(alive.failure.detail.find("another daemon") != std::string::npos);
  ::close(other);
  const CallId listener = world.start(ListenCall{path});
  const Visitor visitor(path);
  CHECK(visitor.connected);
  world.accepted(listener);

  const std::string occupied = directory.file("file");
  std::ofstream(occupied) << "precious";
  const Story& refused = world.run(ListenCall{occupied});
  REQUIRE(refused.failed);
  CHECK(refused.failure.detail.find("no socket") != std::string::npos);
  CHECK(std::filesystem::file_size(occupied) == 8);
}

TEST_CASE("a path that does not fit is refused, not cut", "[network]") {
  const Directory directory;
  World world;
  const std::string fits = directory.path + "/" + std::string(106 - directory.path.size(), 's');
  REQUIRE(fits.size() == kSocketPathBytesMax);
  world.start(ListenCall{fits});
  CHECK(Visitor(fits).connected);
  const Story& story = world.run(ListenCall{fits + "s"});
  REQUIRE(story.failed);
  CHECK(story.failure.reason == Reason::kRefused);
}

TEST_CASE("a visitor that leaves ends its connection", "[network]") {
  const Directory directory;
  World world;
  const CallId listener = world.start(ListenCall{directory.file("s")});
  Visitor visitor(directory.file("s"));
  const CallId connection = world.accepted(listener);
  visitor.close();
  CHECK(world.finish(connection).ended);
  CHECK(world.run(WriteCall{connection, "anybody?", false}).failed);
}

TEST_CASE("a visitor that only stops sending is still answered", "[network]") {
  const Directory directory;
  World world;
  const CallId listener = world.start(ListenCall{directory.file("s")});
  const Visitor visitor(directory.file("s"));
  visitor.send("question");
  visitor.stop_sending();
  const CallId connection = world.accepted(listener);
  CHECK(world.finish(connection).body() == "question");
  CHECK(world.run(WriteCall{connection, "answer", true}).ended);
  CHECK(visitor.receive_all() == "answer");
}

TEST_CASE("a cancelled connection is closed", "[network]") {
  const Directory directory;
  World world;
  const CallId listener = world.start(ListenCall{directory.file("s")});
  const Visitor visitor(directory.file("s"));
  const CallId connection = world.accepted(listener);
  world.network().cancel(connection);
  world.reactor().run_once(Time{});
  CHECK(visitor.receive_all().empty());
  CHECK_FALSE(world.story(connection).over());
}

TEST_CASE("stdin is read to its end and stdout written, pipes or files", "[network]") {
  const Directory directory;
  const bool files = GENERATE(true, false);
  int input[2];
  int output[2];
  const std::string text(200'000, 'x');
  std::jthread writer;
  if (files) {
    std::ofstream(directory.file("in")) << text;
    input[0] = ::open(directory.file("in").c_str(), O_RDONLY | O_CLOEXEC);
    output[1] = ::open(directory.file("out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  } else {
    REQUIRE(::pipe2(input, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(output, O_CLOEXEC) == 0);
    writer = std::jthread([&text, end = input[1]] {
      for (std::size_t at = 0; at < text.size();) {
        const ssize_t size = ::write(end, text.data() + at, text.size() - at);
        if (size <= 0) break;
        at += static_cast<std::size_t>(size);
      }
      ::close(end);
    });
  }
  {
    World world({}, {input[0], output[1]});
    const CallId stdio = world.start(StdioCall{});
    CHECK(world.finish(stdio).body() == text);
    CHECK(world.run(WriteCall{stdio, "hello", false}).ended);
    CHECK(world.run(WriteCall{stdio, " there", false}).ended);
  }
  if (files) {
    CHECK(read_file(directory.file("out")) == "hello there");
    return;
  }
  writer.join();
  char bytes[64];
  const ssize_t size = ::read(output[0], bytes, sizeof bytes);
  REQUIRE(size >= 0);
  CHECK(std::string(bytes, static_cast<std::size_t>(size)) == "hello there");
  ::close(output[0]);
}

TEST_CASE("stdin is read no faster than it is taken, and not at all while held", "[network]") {
  const Directory directory;
  constexpr std::size_t kSize = 4 * LocalStreams::kUntakenBytesMax;
  std::ofstream(directory.file("in")) << std::string(kSize, 'x');
  const int input = ::open(directory.file("in").c_str(), O_RDONLY | O_CLOEXEC);
  const int output = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  World world({}, {input, output});
  world.network().hold_input(true);
  const CallId stdio = world.start(StdioCall{});
  for (int i = 0; i < 100; ++i) world.reactor().run_once(Time{});
  CHECK(world.network().take_replies().empty());
  world.network().hold_input(false);
  std::size_t taken = 0;
  while (taken < kSize) {
    for (int i = 0; i < 100; ++i) world.reactor().run_once(Time{});
    std::size_t now = 0;
    for (const auto& [id, reply] : world.network().take_replies()) {
      if (const auto* body = std::get_if<ReplyBody>(&reply)) now += body->bytes.size();
    }
    REQUIRE(now > 0);
    CHECK(now <= LocalStreams::kUntakenBytesMax);
    taken += now;
  }
  CHECK(taken == kSize);
  CHECK(world.finish(stdio).ended);
}

TEST_CASE("a write to a reader that has gone fails", "[network]") {
  int input[2];
  int output[2];
  REQUIRE(::pipe2(input, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(output, O_CLOEXEC) == 0);
  World world({}, {input[0], output[1]});
  const CallId stdio = world.start(StdioCall{});
  ::close(output[0]);
  CHECK(world.run(WriteCall{stdio, "hello", false}).failure.reason == Reason::kClosed);
  CHECK(world.run(WriteCall{stdio, "again", false}).failed);
  ::close(input[1]);
  CHECK(world.finish(stdio).ended);
}

TEST_CASE("writing to a stream that never was fails", "[network]") {
  World world;
  CHECK(world.run(WriteCall{12345, "x", false}).failure.reason == Reason::kClosed);
}

}  // namespace daybook::network_local_test
