// Strings of a stream of JSON.
#include "adapters/json_text.h"

#include <rapidcheck.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "adapters/wire/utf8.h"

namespace daybook::json_text_test {

// The pieces read one after another by one reader.
std::string joined(const std::vector<std::string>& tokens) {
  JsonText reader;
  std::string text;
  for (const std::string& token : tokens) REQUIRE(reader.append(token, &text));
  reader.finish(&text);
  return text;
}

TEST_CASE("every escape of JSON is read", "[json_text]") {
  REQUIRE(joined({R"("a\"\\\/\b\f\n\r\tz")"}) == "a\"\\/\b\f\n\r\tz");
  REQUIRE(joined({R"("\u0041\u00e9\u20AC\ud83d\uDE00")"}) == "A\u00e9\u20ac\U0001F600");
  REQUIRE(joined({"\"blanks\"  \n"}) == "blanks");
  REQUIRE(joined({R"("")"}).empty());
}

TEST_CASE("halves of a pair are joined over any number of deltas", "[json_text]") {
  REQUIRE(joined({R"("a\ud83d")", R"("\ude00b")"}) == "a\U0001F600b");
  REQUIRE(joined({R"("\ud83d")", R"("")", R"("")", R"("\ude00")"}) == "\U0001F600");
  REQUIRE(joined({R"("\ud83d")", R"("\ude00\ud83d")", R"("\ude01")"}) == "\U0001F600\U0001F601");
}

TEST_CASE("a half without its other half becomes one replacement character", "[json_text]") {
  REQUIRE(joined({R"("\ud83d")"}) == "\uFFFD");
  REQUIRE(joined({R"("\ude00")"}) == "\uFFFD");
  REQUIRE(joined({R"("\ud83d")", R"("x")"}) == "\uFFFDx");
  REQUIRE(joined({R"("\ud83d\n")"}) == "\uFFFD\n");
  REQUIRE(joined({R"("\ud83d\ud83d\ude00")"}) == "\uFFFD\U0001F600");
  REQUIRE(joined({R"("\ud83d\u0041")"}) ==
          "\uFFFD"
          "A");
}

TEST_CASE("what is no string, or escapes wrongly, is refused", "[json_text]") {
  for (const auto* token :
       {"", "\"", "null", "12", "{", "\"a", R"("\q")", R"("\u12")", R"("\u12g4")", R"("\")"}) {
    INFO(token);
    JsonText reader;
    std::string text;
    REQUIRE_FALSE(reader.append(token, &text));
  }
}

TEST_CASE("any text survives any way of escaping and cutting it", "[json_text]") {
  REQUIRE(rc::check("joined pieces are the text", [](const std::vector<std::string>& raw) {
    JsonText reader;
    std::string text;
    std::string expected;
    for (const std::string& piece : raw) {
      const std::string valid = utf8::repair(piece);
      expected += valid;
      const bool ascii = *rc::gen::arbitrary<bool>();
      RC_ASSERT(reader.append(nlohmann::json(valid).dump(-1, ' ', ascii), &text));
    }
    reader.finish(&text);
    RC_ASSERT(text == expected);
  }));
  REQUIRE(rc::check("code units in any order give valid UTF-8", [] {
    const auto units = *rc::gen::container<std::vector<unsigned>>(
        rc::gen::elementOf(std::vector<unsigned>{0xD83D, 0xDE00, 0x41, 0xE9, 0xDBFF, 0xDFFF}));
    JsonText reader;
    std::string text;
    for (const unsigned unit : units) {
      char token[9];
      std::snprintf(token, sizeof token, "\"\\u%04x\"", unit);
      RC_ASSERT(reader.append(token, &text));
    }
    reader.finish(&text);
    RC_ASSERT(utf8::is_valid(text));
  }));
}

TEST_CASE("one buffer reads documents one after another, long and short", "[json_text]") {
  JsonBuffer buffer;
  for (const std::size_t size : {1u, 5'000u, 10u, 100'000u, 0u}) {
    const std::string text = "{\"a\":\"" + std::string(size, 'x') + "\",\"n\":12}";
    simdjson::ondemand::document document;
    REQUIRE(buffer.iterate(text, &document) == simdjson::SUCCESS);
    simdjson::ondemand::object object;
    REQUIRE(document.get_object().get(object) == simdjson::SUCCESS);
    simdjson::ondemand::value value;
    REQUIRE(object["a"].get(value) == simdjson::SUCCESS);
    REQUIRE(json_string(value).size() == size);
    REQUIRE(object["n"].get(value) == simdjson::SUCCESS);
    REQUIRE(json_count(value) == 12);
  }
}

TEST_CASE("counts are read from whatever a peer writes for a number", "[json_text]") {
  const auto count_of = [](const std::string& number) {
    JsonBuffer buffer;
    simdjson::ondemand::document document;
    REQUIRE(buffer.iterate("{\"n\":" + number + ",\"z\":1}", &document) == simdjson::SUCCESS);
    simdjson::ondemand::value value;
    REQUIRE(document["n"].get(value) == simdjson::SUCCESS);
    return json_count(value);
  };
  REQUIRE(count_of("7") == 7);
  REQUIRE(count_of("7.0") == 7);
  REQUIRE(count_of("-7") == 0);
  REQUIRE(count_of("null") == 0);
  REQUIRE(count_of("\"7\"") == 0);
  REQUIRE(count_of("1e300") == 1'000'000'000'000u);
  REQUIRE(count_of("18446744073709551615") == 1'000'000'000'000u);
}

}  // namespace daybook::json_text_test
