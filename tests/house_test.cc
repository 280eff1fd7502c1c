// The tree keeps the house rules, and every rule can be seen to fail.
//
// First each rule against a snippet that breaks it and one that does not; then all rules against
// the tree. What a machine can check is a test, not prose.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/house_reader.h"
#include "tests/house_rules.h"
#include "tests/places.h"

namespace daybook::house_test {

using house::File;
using house::Findings;
using house::report;
using house::Tree;

std::string read(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Every text of ours, read once.
const Tree& tree() {
  static const Tree kTree = [] {
    const std::filesystem::path root = source_directory();
    Tree files;
    for (const char* folder : {"core", "journal", "adapters", "tools", "tests", "bench"}) {
      if (!std::filesystem::exists(root / folder)) continue;
      for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
        if (!entry.is_regular_file()) continue;
        files.push_back({entry.path().lexically_relative(root).string(), read(entry.path())});
      }
    }
    for (const char* name : {"CMakeLists.txt", "README.md", "ARCHITECTURE.md"}) {
      files.push_back({name, read(root / name)});
    }
    std::sort(files.begin(), files.end(),
              [](const File& left, const File& right) { return left.path < right.path; });
    return files;
  }();
  return kTree;
}

// All findings of a rule over the C++ files and the schema.
template <typename Rule>
std::string everywhere(Rule rule) {
  Findings all;
  for (const File& file : tree()) {
    const std::string_view path = file.path;
    if (!house::ends_with_any(path, {".h", ".cc", ".proto", ".md"})) continue;
    const Findings found = rule(file);
    all.insert(all.end(), found.begin(), found.end());
  }
  return report(all);
}

std::string times(std::size_t count, const std::string& line) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += line;
  return text;
}

// ---- the reader

TEST_CASE("comments, literals and directives are not code", "[house]") {
  const std::string text =
      "int a = 10'000;  // throw\n#define X throw\nauto b = \"throw\"; /* throw */\n"
      "auto c = R\"x(throw\" )x\"; char d = '\"'; int throwing;\n";
  const std::string code = house::code_of(text);
  CHECK(code.find("throw ") == std::string::npos);
  CHECK(code.find("throw;") == std::string::npos);
  CHECK(code.find("int a = 10'000;") == 0);
  CHECK(code.find("int throwing;") != std::string::npos);
  CHECK(code.size() == text.size());
  CHECK(std::count(code.begin(), code.end(), '\n') == 4);
  CHECK(house::comments_of(text).find("// throw") != std::string::npos);
}

TEST_CASE("functions are found in namespaces, in classes and after constructor lists", "[house]") {
  const std::string code =
      "namespace a {\nclass B : C {\n public:\n  B() : x_{1}, y_{2} {\n    f();\n  }\n"
      "  int y_ = 0;\n};\nint table[] = {1, 2};\nvoid g() {\n  if (1) {\n  }\n}\n}\n";
  std::vector<std::pair<std::size_t, std::size_t>> lines;
  house::each_function(code, [&](std::size_t first, std::size_t last) {
    lines.emplace_back(house::line_at(code, first), house::line_at(code, last));
  });
  CHECK(lines == std::vector<std::pair<std::size_t, std::size_t>>{{4, 6}, {10, 13}});
}

// ---- each rule can fail

struct Sample {
  File file;
  bool kept = false;
};

TEST_CASE("a layer may not include what lies outside it", "[house]") {
  const std::vector<Sample> samples = {
      {{"core/a.cc", "#include \"journal/store.h\"\n"}, false},
      {{"core/a.cc", "#include \"adapters/x.h\"\n"}, false},
      {{"core/a.cc", "#include <unistd.h>\n"}, false},
      {{"core/a.cc", "#include <fstream>\n"}, false},
      {{"core/a.cc", "#include <nlohmann/json.hpp>\n"}, false},
      {{"core/a.cc", "#include <string>\n#include \"core/b.h\"\n#include <md4c.h>\n"}, true},
      {{"journal/a.cc", "#include \"adapters/x.h\"\n"}, false},
      {{"journal/a.cc", "#include <uv.h>\n"}, false},
      {{"journal/a.cc", "#include <lmdb.h>\n#include <sys/file.h>\n#include <thread>\n"}, true},
      {{"adapters/a.cc", "#include \"journal/store.h\"\n"}, false},
      {{"adapters/a.cc", "#include <uv.h>\n"}, false},
      {{"adapters/a.cc", "#include <unistd.h>\n"}, false},
      {{"adapters/a.cc", "#include <spdlog/spdlog.h>\n"}, false},
      {{"adapters/a.cc", "#include <simdjson.h>\n#include \"adapters/wire/sse.h\"\n"}, true},
      {{"adapters/wire/a.cc", "#include \"adapters/net/tcp.h\"\n"}, false},
      {{"adapters/wire/a.cc", "#include <sys/socket.h>\n"}, false},
      {{"adapters/wire/a.cc", "#include <llhttp.h>\n"}, true},
      {{"adapters/net/a.cc", "#include \"adapters/telegram.h\"\n"}, false},
      {{"adapters/net/a.cc", "#include <uv.h>\n#include <netinet/in.h>\n"}, true},
      {{"tools/a.cc", "#include <uv.h>\n"}, false},
      {{"tools/a.cc", "#include <lmdb.h>\n"}, false},
      {{"tools/a.cc", "#include <CLI/CLI.hpp>\n#include \"journal/store.h\"\n"}, true},
  };
  for (const Sample& sample : samples) {
    INFO(sample.file.path << ": " << sample.file.text);
    CHECK(house::foreign_includes(sample.file).empty() == sample.kept);
  }
}

TEST_CASE("includes are written from the root, the own header first", "[house]") {
  CHECK_FALSE(house::misplaced_includes({"core/a.cc", "#include \"a.h\"\n"}).empty());
  CHECK_FALSE(
      house::misplaced_includes({"core/a.cc", "#include <map>\n#include \"core/a.h\"\n"}).empty());
  CHECK(
      house::misplaced_includes({"core/a.cc", "#include \"core/a.h\"\n#include <map>\n"}).empty());
}

TEST_CASE("headers end at 250 lines and sources at 600", "[house]") {
  CHECK(house::overlong_file({"core/a.h", times(250, "\n")}).empty());
  CHECK_FALSE(house::overlong_file({"core/a.h", times(251, "\n")}).empty());
  CHECK(house::overlong_file({"core/a.cc", times(600, "\n")}).empty());
  CHECK_FALSE(house::overlong_file({"core/a.cc", times(601, "\n")}).empty());
}

TEST_CASE("a function ends at 70 lines", "[house]") {
  const auto file = [](std::size_t lines) {
    return File{"core/a.cc",
                "namespace a {\nvoid f() {\n" + times(lines - 2, "  g();\n") + "}\n}\n"};
  };
  CHECK(house::overlong_functions(file(70)).empty());
  CHECK(report(house::overlong_functions(file(71))) == "core/a.cc:2: a function of 71 lines\n");
}

TEST_CASE("a line ends at 100 columns, counted in characters", "[house]") {
  CHECK(house::wide_lines({"core/a.cc", std::string(100, 'x') + "\n"}).empty());
  CHECK(house::wide_lines({"core/a.cc", times(100, "\xC3\xA9") + "\n"}).empty());
  CHECK(report(house::wide_lines({"core/a.cc", "\n" + std::string(101, 'x')})) ==
        "core/a.cc:2: 101 columns\n");
}

TEST_CASE("a file opens by saying what it is for, or leaves it to its header", "[house]") {
  const auto opening = [](const char* path, std::size_t lines) {
    return house::missing_openings({{path, times(lines, "// word\n") + "int a;\n"}}).empty();
  };
  for (const char* path : {"core/a.h", "core/a.cc", "tests/a_test.cc"}) {
    INFO(path);
    CHECK_FALSE(opening(path, 0));
    CHECK(opening(path, 1));
    CHECK(opening(path, 15));
    CHECK_FALSE(opening(path, 16));
  }
  const File header{"core/a.h", "// word\n"};
  CHECK(house::missing_openings({header, {"core/a.cc", "int a;\n"}}).empty());
}

TEST_CASE("time, chance and environment are arguments in core and in sans-IO files", "[house]") {
  const std::vector<std::string> asking = {"auto a = std::chrono::system_clock::now();",
                                           "auto a = time(nullptr);",
                                           "int a = rand();",
                                           "std::random_device dice;",
                                           "auto a = getenv(\"HOME\");",
                                           "auto a = std::time(&b);"};
  for (const std::string& code : asking) {
    for (const char* path : {"core/a.cc", "adapters/a.cc", "adapters/wire/a.h"}) {
      INFO(path << ": " << code);
      CHECK_FALSE(house::clocks_and_dice({path, code}).empty());
    }
    CHECK(house::clocks_and_dice({"adapters/net/a.cc", code}).empty());
    CHECK(house::clocks_and_dice({"tools/a.cc", code}).empty());
  }
  CHECK(
      house::clocks_and_dice({"core/a.cc", "auto a = event.time(); f(now); // rand()\n"}).empty());
}

TEST_CASE("nothing is thrown, and caught only beside a library that throws", "[house]") {
  const std::string caught = "void f() {\n  try {\n  } catch (...) {\n  }\n}\n";
  CHECK_FALSE(house::exceptions({"core/a.cc", caught}).empty());
  CHECK_FALSE(house::exceptions({"tools/a.cc", caught}).empty());
  CHECK(house::exceptions({"tools/a.cc", "#include <toml++/toml.h>\n" + caught}).empty());
  CHECK(house::exceptions({"tools/daybook_main.cc", caught}).empty());
  CHECK_FALSE(house::exceptions({"tools/daybook_main.cc", "void f() { throw 1; }"}).empty());
  CHECK(house::exceptions({"core/a.cc", "// throw\nint rethrown;\n"}).empty());
}

TEST_CASE("no using namespace, no raw new or delete, nothing left for later", "[house]") {
  for (const char* code : {"using namespace std;", "auto* a = new int;", "delete a;", "f(new A);",
                           "// TODO: b", "/* FIXME */"}) {
    INFO(code);
    CHECK_FALSE(house::unwanted_words({"core/a.cc", code}).empty());
  }
  for (const char* code :
       {"A(const A&) = delete;", "using std::swap;", "int renewed; // new",
        "auto a = std::unique_ptr<A>(new A(b));", "void* operator new(std::size_t);"}) {
    INFO(code);
    CHECK(house::unwanted_words({"core/a.cc", code}).empty());
  }
}

TEST_CASE("a comment refers to nothing its reader cannot look up", "[house]") {
  CHECK_FALSE(house::hidden_references({"core/a.cc", "// See S-20.\n"}).empty());
  CHECK_FALSE(house::hidden_references({"core/a.cc", "// DESIGN says so.\n"}).empty());
  CHECK(house::hidden_references({"core/a.cc",
                                  "// RFC 9112 \xC2\xA7"
                                  "7.1, SHA-256, UTF-16\n"})
            .empty());
  CHECK_FALSE(house::broken_references({{"core/a.cc", "// See core/gone.h.\n"}}).empty());
  CHECK(house::broken_references({{"core/a.cc", "// See core/a.cc.\n"}}).empty());
  CHECK_FALSE(house::broken_references({{"README.md", "See `core/gone.h`.\n"}}).empty());
}

TEST_CASE("no text claims more than anybody can guarantee", "[house]") {
  CHECK_FALSE(house::overclaims({"README.md", std::string("It is tamper") + "-proof.\n"}).empty());
  CHECK(house::overclaims({"README.md", "Damage shows.\n"}).empty());
}

TEST_CASE("a confined library is included by one file, in its place", "[house]") {
  const File store{"journal/store.cc", "#include <lmdb.h>\n"};
  CHECK(house::shared_libraries({store}).empty());
  CHECK_FALSE(house::shared_libraries({store, {"journal/b.cc", "#include <lmdb.h>\n"}}).empty());
  CHECK_FALSE(house::shared_libraries({{"tools/a.cc", "#include <llhttp.h>\n"}}).empty());
  CHECK(house::shared_libraries({store, {"bench/a_bench.cc", "#include <lmdb.h>\n"}}).empty());
}

TEST_CASE("every header has a test that includes it, and somebody who needs it", "[house]") {
  const File header{"core/a.h", ""};
  const File source{"core/a.cc", "#include \"core/a.h\"\n"};
  const File test{"tests/a_test.cc", "#include \"core/a.h\"\n"};
  const File user{"core/b.cc", "#include \"core/a.h\"\n"};
  CHECK_FALSE(house::untested_headers({header, source, user}).empty());
  CHECK(house::untested_headers({header, test}).empty());
  CHECK_FALSE(house::dead_headers({header, source, test}).empty());
  CHECK(house::dead_headers({header, source, test, user}).empty());
}

TEST_CASE("every source is compiled by some target", "[house]") {
  const File build{
      "CMakeLists.txt",
      "add_layer(x FOLDERS core adapters/wire LINK y)\nadd_executable(tests/runner.cc)\n"
      "file(GLOB t ${CMAKE_SOURCE_DIR}/tests/*_test.cc)\n"};
  for (const char* path :
       {"core/a.cc", "adapters/wire/a.cc", "tests/runner.cc", "tests/a_test.cc"}) {
    INFO(path);
    CHECK(house::uncompiled_sources({build, {path, ""}}).empty());
  }
  for (const char* path : {"adapters/a.cc", "tests/a.cc", "core/old/a.cc", "bench/a_bench.cc"}) {
    INFO(path);
    CHECK_FALSE(house::uncompiled_sources({build, {path, ""}}).empty());
  }
}

// ---- the tree keeps them

TEST_CASE("the tree was found", "[house][tree]") { REQUIRE(tree().size() > 20); }

TEST_CASE("the layers see only what they may", "[house][tree]") {
  CHECK(everywhere(house::foreign_includes) == "");
  CHECK(everywhere(house::misplaced_includes) == "");
  CHECK(report(house::shared_libraries(tree())) == "");
}

TEST_CASE("files, functions and lines are short", "[house][tree]") {
  CHECK(everywhere(house::overlong_file) == "");
  CHECK(everywhere(house::overlong_functions) == "");
  CHECK(everywhere(house::wide_lines) == "");
}

TEST_CASE("every file says what it is for", "[house][tree]") {
  CHECK(report(house::missing_openings(tree())) == "");
}

TEST_CASE("core and sans-IO files ask nobody for time or chance", "[house][tree]") {
  CHECK(everywhere(house::clocks_and_dice) == "");
}

TEST_CASE("failure is a Result throughout", "[house][tree]") {
  CHECK(everywhere(house::exceptions) == "");
}

TEST_CASE("no unwanted word is left", "[house][tree]") {
  CHECK(everywhere(house::unwanted_words) == "");
  CHECK(everywhere(house::hidden_references) == "");
  CHECK(everywhere(house::overclaims) == "");
  CHECK(report(house::broken_references(tree())) == "");
}

TEST_CASE("nothing is untested, unused or uncompiled", "[house][tree]") {
  CHECK(report(house::untested_headers(tree())) == "");
  CHECK(report(house::dead_headers(tree())) == "");
  CHECK(report(house::uncompiled_sources(tree())) == "");
}

}  // namespace daybook::house_test
