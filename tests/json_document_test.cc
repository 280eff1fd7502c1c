// What is read, what is mended and what is refused of JSON from outside.
#include "adapters/json_document.h"

#include <rapidcheck.h>
#include <catch2/catch.hpp>

namespace daybook::json_document_test {

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST_CASE("a field is found by name and answers by its type alone", "[json]") {
  JsonReader reader;
  const auto root = reader.read(R"({"text":"hi","id":-7,"yes":true,"none":null,"list":[1,"a"]})");
  REQUIRE(root);
  CHECK((*root)["text"].string() == "hi");
  CHECK((*root)["id"].integer() == -7);
  CHECK((*root)["yes"].boolean() == true);
  CHECK((*root)["none"].is_null());
  REQUIRE((*root)["list"].elements().size() == 2);
  CHECK((*root)["list"].elements()[1].string() == "a");
  CHECK_FALSE((*root)["text"].integer());
  CHECK_FALSE((*root)["id"].string());
  CHECK_FALSE((*root)["list"].boolean());
  CHECK_FALSE((*root)["absent"].present());
}

TEST_CASE("a chain of lookups through what is not there answers none", "[json]") {
  JsonReader reader;
  const auto root = reader.read(R"({"a":{"b":1}})");
  REQUIRE(root);
  CHECK((*root)["a"]["b"].integer_or(0) == 1);
  CHECK((*root)["a"]["b"]["c"]["d"].integer_or(9) == 9);
  CHECK((*root)["x"]["y"].string_or("z") == "z");
  CHECK((*root)["x"].elements().empty());
  CHECK((*root)["x"].names().empty());
  CHECK(JsonValue().boolean_or(true));
}

TEST_CASE("integers are exact to the last bit of int64 or no integers at all", "[json]") {
  JsonReader reader;
  const auto root = reader.read(R"([9223372036854775807,-9223372036854775808,9223372036854775808,)"
                                R"(7.0,1e2,-0,4503599627370497])");
  REQUIRE(root);
  const auto all = root->elements();
  CHECK(all[0].integer() == std::numeric_limits<std::int64_t>::max());
  CHECK(all[1].integer() == std::numeric_limits<std::int64_t>::min());
  CHECK_FALSE(all[2].integer());
  CHECK_FALSE(all[3].integer());
  CHECK_FALSE(all[4].integer());
  CHECK(all[5].integer() == 0);
  CHECK(all[6].integer() == 4503599627370497);
}

TEST_CASE("a lone surrogate reads as U+FFFD and a pair as its character", "[json]") {
  JsonReader reader;
  const auto root = reader.read(R"(["\ud83d\ude00","\ud83d","\ude00","\ud83dx","\ud83d\u0041",)"
                                R"("\ude00\ud83d","\\ud83d","\uD83D\uDE00"])");
  REQUIRE(root);
  const auto all = root->elements();
  CHECK(all[0].string() == "\xF0\x9F\x98\x80");
  CHECK(all[1].string() == "\xEF\xBF\xBD");
  CHECK(all[2].string() == "\xEF\xBF\xBD");
  CHECK(all[3].string() == "\xEF\xBF\xBDx");
  CHECK(all[4].string() ==
        "\xEF\xBF\xBD"
        "A");
  CHECK(all[5].string() == "\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(all[6].string() == "\\ud83d");
  CHECK(all[7].string() == "\xF0\x9F\x98\x80");
}

TEST_CASE("what is not JSON is refused whole", "[json]") {
  JsonReader reader;
  for (const std::string_view text :
       {"", " ", "{", "{}x", "{} {}", "[1,]", "{\"a\":1,}", "nul", "'a'", "[1e999]", "[01]", "[+1]",
        "[NaN]", "{\"a\"}", "[\"\x01\"]", "[\"\\x\"]", "\xEF\xBB\xBF{}",
        "[99999999999999999999999]", "<html>502</html>"}) {
    INFO(text);
    CHECK_FALSE(reader.read(text));
  }
  CHECK(reader.read("{}"));
}

TEST_CASE("bytes that are no UTF-8 are refused", "[json]") {
  JsonReader reader;
  CHECK_FALSE(reader.read("[\"\xff\"]"));
  CHECK_FALSE(reader.read("[\"\xC0\xAF\"]"));
  CHECK_FALSE(reader.read("[\"\xED\xA0\x80\"]"));
  CHECK(reader.read("[\"\xC3\xA9\"]"));
}

TEST_CASE("nesting beyond the limit is refused and up to it read", "[json]") {
  JsonReader reader;
  CHECK(reader.read(nested(kJsonDepthMax - 1)));
  CHECK_FALSE(reader.read(nested(kJsonDepthMax + 1)));
  CHECK_FALSE(reader.read(nested(100'000)));
  CHECK(reader.read("[[]]"));
}

TEST_CASE("the limit holds after documents of every size", "[json]") {
  JsonReader reader;
  REQUIRE(reader.read("\"" + std::string(1u << 20, 'a') + "\""));
  CHECK_FALSE(reader.read(nested(kJsonDepthMax + 1)));
  REQUIRE(reader.read("[" + std::string(100'000, ' ') + "]"));
  CHECK_FALSE(reader.read(nested(kJsonDepthMax + 1)));
}

TEST_CASE("a document over the size limit is refused before it is parsed", "[json]") {
  JsonReader reader(16);
  CHECK(reader.read("[1,2,3,4,5,6,78]"));
  const auto over = reader.read("[1,2,3,4,5,6,789]");
  REQUIRE_FALSE(over);
  CHECK(over.error().message == "the JSON is longer than 16 bytes");
}

TEST_CASE("names come in order and doubled ones doubled", "[json]") {
  JsonReader reader;
  const auto root = reader.read(R"({"b":1,"a":2,"b":3})");
  REQUIRE(root);
  CHECK(root->names() == std::vector<std::string_view>{"b", "a", "b"});
  CHECK((*root)["b"].integer() == 1);
}

TEST_CASE("the text of a value is the bytes as they came", "[json]") {
  const std::string_view text =
      "{ \"ok\" : true ,\"r\\u0065sult\":0, \"result\":\n[ {\"a\" : \"]}\\\"\"} ,\t[1, [2]], "
      "-3.50e1,"
      "\"x\" ,null ] }";
  JsonReader reader;
  REQUIRE(reader.read(text));
  const std::string_view array = json_field_text(text, "result");
  const auto parts = json_element_texts(array);
  REQUIRE(parts.size() == 5);
  CHECK(parts[0] == "{\"a\" : \"]}\\\"\"}");
  CHECK(parts[1] == "[1, [2]]");
  CHECK(parts[2] == "-3.50e1");
  CHECK(parts[3] == "\"x\"");
  CHECK(parts[4] == "null");
  CHECK(json_field_text(text, "ok") == "true");
  CHECK(json_field_text(text, "absent").empty());
  CHECK(json_field_text("[]", "a").empty());
  CHECK(json_element_texts("{}").empty());
  CHECK(json_element_texts(" [ ] ").empty());
}

TEST_CASE("any bytes give a value or an error, and element texts match elements", "[json]") {
  JsonReader reader;
  rc::check([&](const std::vector<std::uint8_t>& picks) {
    static constexpr std::string_view kAlphabet = "[]{}\",:\\u0dD8a1e-. tn";
    std::string text = "[";
    for (const auto pick : picks) text.push_back(kAlphabet[pick % kAlphabet.size()]);
    text.push_back(']');
    const auto root = reader.read(text);
    if (!root) return;
    const auto texts = json_element_texts(text);
    RC_ASSERT(texts.size() == root->elements().size());
    JsonReader again;
    for (const auto part : texts) RC_ASSERT(static_cast<bool>(again.read(part)));
  });
}

}  // namespace daybook::json_document_test
