// The log's sink: no secret leaves, whatever its spelling, and a line is always one line.
#include "tools/log_line.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace daybook::log_line_test {

constexpr std::string_view kToken = "123456789:AAH-canary_canary_canary_canary_12";
constexpr std::string_view kKey = "canary/key+with=odd\"letters";

Redactor redactor() { return Redactor({Secret(std::string(kToken)), Secret(std::string(kKey))}); }

struct Lines {
  std::FILE* file = std::tmpfile();
  ~Lines() { std::fclose(file); }
  std::string text() const {
    std::rewind(file);
    std::string out(4096, '\0');
    out.resize(std::fread(out.data(), 1, out.size(), file));
    return out;
  }
};

TEST_CASE("a secret in force leaves in none of its spellings", "[log_line]") {
  const Redactor hide = redactor();
  CHECK(hide.clean("POST /bot" + std::string(kToken) + "/getMe") == "POST /bot[secret]/getMe");
  CHECK(hide.clean("key=" + std::string(kKey) + ".") == "key=[secret].");
  CHECK(hide.clean("q=canary%2Fkey%2Bwith%3Dodd%22letters&x") == "q=[secret]&x");
  CHECK(hide.clean("\"canary/key+with=odd\\\"letters\"") == "\"[secret]\"");
  CHECK(hide.clean("Y2FuYXJ5L2tleSt3aXRoPW9kZCJsZXR0ZXJz") == "[secret]");
}

TEST_CASE("what looks like a token, a key or a bearer header leaves hidden", "[log_line]") {
  const Redactor hide;
  CHECK(hide.clean("a 987654321:ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456 b") == "a [secret] b");
  CHECK(hide.clean("x sk-or-v1-0123456789abcdef y") == "x [secret] y");
  CHECK(hide.clean("Authorization: Bearer abc.def-123") == "Authorization: Bearer [secret]");
}

TEST_CASE("near misses stay", "[log_line]") {
  const Redactor hide = redactor();
  for (const std::string text :
       {"12:34:56 ask-me", "123456789:short", "sk-1", "Bearer", "task-ab"}) {
    CHECK(hide.clean(text) == text);
  }
}

TEST_CASE("short secrets do not blank out ordinary words", "[log_line]") {
  const Redactor hide({Secret("a")});
  CHECK(hide.clean("a banana") == "a banana");
}

TEST_CASE("words from the network cannot forge a line or move the cursor", "[log_line]") {
  Lines lines;
  DaemonLog log(lines.file);
  log.configure("info", "text", redactor());
  log.log().warn("peer said \"{}\"", "x\x1b[2J\n2026-01-01 fake " + std::string(kToken));
  const std::string text = lines.text();
  CHECK(text.find("Z warning peer said \"x\\x1b[2J\\n2026-01-01 fake [secret]\"\n") !=
        std::string::npos);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
}

TEST_CASE("in JSON a line is one object", "[log_line]") {
  Lines lines;
  DaemonLog log(lines.file);
  log.configure("info", "json", redactor());
  log.log().error("said {}", std::string("a\nb\xff ") + std::string(kKey));
  log.log().debug("below the level");
  const auto object = nlohmann::json::parse(lines.text());
  CHECK(object["level"] == "error");
  CHECK(object["message"].get<std::string>().find("[secret]") != std::string::npos);
}

}  // namespace daybook::log_line_test
