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
