// What a model thought, given back as it came or not at all.
#include "adapters/chat_thoughts.h"

#include <catch2/catch.hpp>

#include "adapters/tool_use.h"

namespace daybook::chat_thoughts_test {

using Json = nlohmann::json;

// What the server hears again after these deltas; null: nothing.
Json heard(ThoughtsWanted wanted, const std::vector<std::string>& deltas) {
  KeptThoughts kept(wanted);
  for (const std::string& delta : deltas) kept.add_details(delta);
  Json message = Json::object();
  const std::optional<std::string> token = kept.news();
  if (token) add_thoughts(wanted, *token, &message);
  return message.value("reasoning_details", Json());
}

Json details(const std::vector<std::string>& deltas) {
  return heard(ThoughtsWanted::kDetails, deltas);
}

TEST_CASE("parts of one detail are joined, others stay apart and in order", "[chat_thoughts]") {
  CHECK(details({R"([{"type":"reasoning.summary","summary":"One ","index":0}])",
                 R"([{"type":"reasoning.summary","summary":"two","index":0},
                     {"type":"reasoning.summary","summary":"three","index":1}])",
                 R"([{"type":"reasoning.text","text":"four","index":1,"signature":null}])",
                 R"([{"type":"reasoning.text","text":"","index":1,"signature":"c2ln"}])"}) ==
        Json::parse(R"([{"type":"reasoning.summary","summary":"One two","index":0},
                        {"type":"reasoning.summary","summary":"three","index":1},
                        {"type":"reasoning.text","text":"four","index":1,"signature":"c2ln"}])"));
}

TEST_CASE("a signature that comes in a part of its own belongs to what it signs",
          "[chat_thoughts]") {
  CHECK(details({R"([{"type":"reasoning.text","text":"So.","index":0}])",
                 R"([{"type":"reasoning.text","signature":"c2ln","index":0}])"}) ==
        Json::parse(R"([{"type":"reasoning.text","text":"So.","signature":"c2ln","index":0}])"));
}

TEST_CASE("what is encrypted comes whole: two are two", "[chat_thoughts]") {
  const std::string encrypted = R"([{"type":"reasoning.encrypted","data":"AAAA","index":0}])";
  CHECK(details({encrypted, encrypted}).size() == 2);
  CHECK(details({encrypted})[0]["data"] == "AAAA");
}

TEST_CASE("a part that cannot be read takes all of it away", "[chat_thoughts]") {
  const std::string good = R"([{"type":"reasoning.text","text":"So.","index":0}])";
  CHECK(details({good}).size() == 1);
  for (const char* bad :
       {"[", "7", R"(["words"])", R"([{"type":"reasoning.text","text":"\ud83d"}])"}) {
    INFO(bad);
    CHECK(details({good, bad}).is_null());
    CHECK(details({bad, good}).is_null());
  }
  CHECK(details({good, "null", "[]"}).size() == 1);
  CHECK(details({"null", "[]"}).is_null());
}

TEST_CASE("what is too long is better missing than cut", "[chat_thoughts]") {
  const std::string part =
      R"([{"type":"reasoning.text","text":")" + std::string(1'000, 'm') + R"(","index":0}])";
  CHECK(details(std::vector<std::string>(60, part))[0]["text"].get<std::string>().size() == 60'000);
  CHECK(details(std::vector<std::string>(70, part)).is_null());
  CHECK(details(std::vector<std::string>(2'000, part)).is_null());
  KeptThoughts kept(ThoughtsWanted::kContent);
  kept.add_text(std::string(kToolTokenBytesMax + 1, 'm'));
  CHECK(kept.news()->empty());
}

TEST_CASE("news are told once, and of nothing there are none", "[chat_thoughts]") {
  KeptThoughts kept(ThoughtsWanted::kContent);
  CHECK(kept.news() == std::nullopt);
  kept.add_details(R"([{"type":"reasoning.text","text":"So."}])");
  CHECK(kept.news() == std::nullopt);
  kept.add_text("So.");
  CHECK(*kept.news() == R"({"reasoning_content":"So."})");
  CHECK(kept.news() == std::nullopt);
  KeptThoughts none(ThoughtsWanted::kNone);
  none.add_text("So.");
  CHECK(none.news() == std::nullopt);
}

}  // namespace daybook::chat_thoughts_test
