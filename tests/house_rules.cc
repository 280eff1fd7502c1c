// The rules over what tests/house_reader.h reads.
//
// Law: a rule never stays silent because it could not read something; what it does not understand
// it counts as code. Tables first, then one function a rule in the header's order.
#include "tests/house_rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>

#include "tests/house_reader.h"

namespace daybook::house {
namespace {

using Words = std::set<std::string_view>;

// What may be seen from where. A folder of ours is named with its slash; a library by the beginning
// of its include. Standard headers (no dot, no slash) are for everyone but where kImpure says not.
struct Layer {
  std::string_view name;
  std::vector<std::string_view> ours;
  std::vector<std::string_view> libraries;
  bool system_headers = false;  // POSIX and Linux
};

const std::vector<Layer>& layers() {
  static const std::vector<Layer> kLayers = {
      {"core",
       {"core/"},
       {"mbedtls/sha256.h", "md4c", "google/protobuf/", "immintrin.h", "cpuid.h"}},
      {"journal",
       {"core/", "journal/"},
       {"lmdb.h", "isa-l", "mbedtls/", "google/protobuf/", "immintrin.h", "cpuid.h"},
       true},
      {"adapters",
       {"core/", "adapters/"},
       {"simdjson.h", "nlohmann/", "fmt/", "md4c", "google/protobuf/"}},
      {"adapters/wire",
       {"core/", "adapters/wire/"},
       {"llhttp.h", "mbedtls/", "simdjson.h", "nlohmann/", "fmt/", "arpa/inet.h"}},
      {"adapters/net", {"core/", "adapters/wire/", "adapters/net/"}, {"uv.h", "fmt/"}, true},
      {"tools",
       {"core/", "journal/", "adapters/", "tools/"},
       {"CLI/", "spdlog/", "fmt/", "toml++/", "nlohmann/", "google/protobuf/", "mbedtls/",
        "simdjson.h"},
       true},
  };
  return kLayers;
}

// Libraries that one file alone may include, and where that file must be.
struct Confined {
  std::string_view include;
  std::string_view where;
};
constexpr std::array kConfined = {
    Confined{"lmdb.h", "journal/"},
    Confined{"isa-l", "journal/"},
    Confined{"llhttp.h", "adapters/wire/"},
    Confined{"mbedtls/ssl.h", "adapters/wire/tls"},
    Confined{"mbedtls/sha256.h", "core/sha256"},
    Confined{"mbedtls/aes.h", "journal/crypto"},
    Confined{"toml++/", "tools/"},
    Confined{"md4c", ""},
};

// Standard headers that bring the world in.
const Words kImpure = {"iostream", "fstream", "filesystem",         "thread",
                       "mutex",    "random",  "condition_variable", "future",
                       "ctime",    "csignal", "shared_mutex"};

// Identifiers that ask for the time, the dice or the environment.
const Words kClocksAndDice = {"gettimeofday",
                              "clock_gettime",
                              "timespec_get",
                              "localtime",
                              "localtime_r",
                              "rand",
                              "srand",
                              "random_device",
                              "mt19937",
                              "mt19937_64",
                              "default_random_engine",
                              "getrandom",
                              "getentropy",
                              "getenv",
                              "secure_getenv",
                              "sleep_for",
                              "sleep_until",
                              "usleep",
                              "nanosleep",
                              "uv_now",
                              "uv_hrtime",
                              "high_resolution_clock",
                              "steady_clock"};

// Includes whose libraries throw; a catch may stand beside them.
constexpr std::array<std::string_view, 4> kThrowing = {"toml++/", "nlohmann/", "CLI/", "spdlog/"};

constexpr std::array<std::string_view, 6> kFolders = {"core/",  "journal/", "adapters/",
                                                      "tools/", "tests/",   "bench/"};

bool is_header(std::string_view path) { return path.ends_with(".h"); }
bool is_code(std::string_view path) { return ends_with_any(path, {".h", ".cc"}); }
bool is_product(std::string_view path) {
  const std::string layer = layer_of(path);
  return is_code(path) && layer != "tests" && layer != "bench" && !layer.empty();
}
std::string own_header(const std::string& source) {
  return is_header(source) ? "" : source.substr(0, source.size() - 2) + "h";
}

bool may_include(const Layer& layer, const Include& include) {
  const auto begins = [&](std::string_view prefix) { return include.path.starts_with(prefix); };
  if (include.quoted) {
    // Generated schema lies beside events.proto.
    return std::any_of(layer.ours.begin(), layer.ours.end(), begins);
  }
  if (std::any_of(layer.libraries.begin(), layer.libraries.end(), begins)) return true;
  if (include.path.find_first_of("./") == std::string::npos) {
    const bool pure =
        layer.name == "core" || layer.name == "adapters" || layer.name == "adapters/wire";
    return !pure || !kImpure.contains(include.path);
  }
  const bool library = include.path.find('/') != std::string::npos &&
                       !include.path.starts_with("sys/") && !include.path.starts_with("netinet/") &&
                       !include.path.starts_with("arpa/") && !include.path.starts_with("linux/");
  const bool known_library = include.path == "uv.h" || include.path == "lmdb.h" ||
                             include.path == "llhttp.h" || include.path == "simdjson.h";
  return layer.system_headers && !library && !known_library;
}

}  // namespace

std::string report(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += finding.path;
    if (finding.line != 0) text += ":" + std::to_string(finding.line);
    text += ": " + finding.what + "\n";
  }
  return text;
}

std::string layer_of(std::string_view path) {
  for (std::string_view inner : {"adapters/wire/", "adapters/net/"}) {
    if (path.starts_with(inner)) return std::string(inner.substr(0, inner.size() - 1));
  }
  for (std::string_view folder : kFolders) {
    if (path.starts_with(folder)) return std::string(folder.substr(0, folder.size() - 1));
  }
  return "";
}

Findings foreign_includes(const File& file) {
  Findings findings;
  const std::string name = layer_of(file.path);
  const auto layer = std::find_if(layers().begin(), layers().end(),
                                  [&](const Layer& each) { return each.name == name; });
  if (layer == layers().end()) return findings;
  for (const Include& include : includes_of(file.text)) {
    if (!may_include(*layer, include)) {
      findings.push_back({file.path, include.line, name + " may not include " + include.path});
    }
  }
  return findings;
}

Findings misplaced_includes(const File& file) {
  Findings findings;
  const std::vector<Include> includes = includes_of(file.text);
  for (const Include& include : includes) {
    if (include.quoted && layer_of(include.path).empty()) {
      findings.push_back({file.path, include.line, "write " + include.path + " from the root"});
    }
  }
  if (is_header(file.path)) return findings;
  const std::string own = own_header(file.path);
  const auto found = std::find_if(includes.begin(), includes.end(),
                                  [&](const Include& each) { return each.path == own; });
  if (found != includes.end() && found != includes.begin()) {
    findings.push_back({file.path, found->line, "its own header comes first"});
  }
  return findings;
}

Findings overlong_file(const File& file) {
  const std::size_t limit = is_header(file.path) ? kHeaderLinesMax : kSourceLinesMax;
  const std::size_t lines = lines_of(file.text).size();
  if (!is_code(file.path) || lines <= limit) return {};
  return {{file.path, 0, std::to_string(lines) + " lines, at most " + std::to_string(limit)}};
}

Findings overlong_functions(const File& file) {
  Findings findings;
  if (!is_code(file.path)) return findings;
  const std::string code = code_of(file.text);
  each_function(code, [&](std::size_t first, std::size_t last) {
    const std::size_t begin = line_at(code, first);
    const std::size_t lines = line_at(code, last) - begin + 1;
    if (lines > kFunctionLinesMax) {
      findings.push_back({file.path, begin, "a function of " + std::to_string(lines) + " lines"});
    }
  });
  return findings;
}

Findings wide_lines(const File& file) {
  Findings findings;
  if (!is_code(file.path) && !file.path.ends_with(".proto")) return findings;
  std::size_t number = 0;
  for (std::string_view line : lines_of(file.text)) {
    ++number;
    const auto columns = std::count_if(line.begin(), line.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;  // not the inside of a code point
    });
    if (static_cast<std::size_t>(columns) > kColumnsMax) {
      findings.push_back({file.path, number, std::to_string(columns) + " columns"});
    }
  }
  return findings;
}

Findings clocks_and_dice(const File& file) {
  Findings findings;
  const std::string layer = layer_of(file.path);
  if (layer != "core" && layer != "adapters" && layer != "adapters/wire") return findings;
  const std::string code = code_of(file.text);
  for (const Word& word : words_of(code)) {
    const std::string_view head = before(code, word.position);
    const std::string_view tail = after(code, word);
    const bool called = tail.starts_with("(");
    const bool member = ends_with_any(head, {".", "->"});
    const bool clock = word.text == "now" && head.ends_with("clock::");
    const bool time =
        word.text == "time" && called && !member &&
        (head.ends_with("std::") || tail.starts_with("(nullptr") || tail.starts_with("(NULL") ||
         tail.starts_with("(0)") || tail.starts_with("(&"));
    if (clock || time || (kClocksAndDice.contains(word.text) && !member)) {
      findings.push_back({file.path, line_at(code, word.position),
                          std::string(word.text) + ": time, chance and environment are arguments"});
    }
  }
  return findings;
}

Findings exceptions(const File& file) {
  Findings findings;
  if (!is_product(file.path)) return findings;
  const std::vector<Include> includes = includes_of(file.text);
  const bool beside_library =
      file.path.ends_with("_main.cc") ||
      std::any_of(includes.begin(), includes.end(), [](const Include& include) {
        return std::any_of(kThrowing.begin(), kThrowing.end(),
                           [&](auto library) { return include.path.starts_with(library); });
      });
  const std::string code = code_of(file.text);
  for (const Word& word : words_of(code)) {
    const bool caught = word.text == "try" || word.text == "catch";
    if (word.text == "throw" || (caught && !beside_library)) {
      findings.push_back({file.path, line_at(code, word.position),
                          std::string(word.text) + ": failure is a Result"});
    }
  }
  return findings;
}

namespace {

// `std::unique_ptr<Gateway> gateway(new ...`: a private constructor's only way to an owner.
bool is_owned(std::string_view head) {
  const std::string_view statement = head.substr(head.find_last_of(";{}") + 1);
  return head.ends_with("(") && statement.find("unique_ptr<") != std::string_view::npos;
}

}  // namespace

Findings unwanted_words(const File& file) {
  Findings findings;
  if (!is_code(file.path)) return findings;
  const std::string code = code_of(file.text);
  const auto complain = [&](std::size_t position, std::string what) {
    findings.push_back({file.path, line_at(file.text, position), std::move(what)});
  };
  for (const Word& word : words_of(code)) {
    const std::string_view head = before(code, word.position);
    if (word.text == "namespace" && head.ends_with("using"))
      complain(word.position, "using namespace");
    if (word.text == "new" && !head.ends_with("operator") && !is_owned(head)) {
      complain(word.position, "raw new");
    }
    if (word.text == "delete" && !ends_with_any(head, {"=", "operator"})) {
      complain(word.position, "raw delete");
    }
  }
  const std::string comments = comments_of(file.text);
  for (const Word& word : words_of(comments)) {
    // Spelled in pieces: this file is read too.
    for (const std::string& mark : {std::string("TO") + "DO", std::string("FIX") + "ME",
                                    std::string("X") + "XX", std::string("HA") + "CK"}) {
      if (word.text == mark) complain(word.position, mark);
    }
  }
  return findings;
}

Findings hidden_references(const File& file) {
  Findings findings;
  const std::string comments = comments_of(file.text);
  for (const Word& word : words_of(comments)) {
    const std::string_view tail =
        std::string_view(comments).substr(word.position + word.text.size());
    const bool letter =
        word.text.size() == 1 && std::isupper(static_cast<unsigned char>(word.text[0])) != 0;
    const bool digits = tail.size() > 2 && tail[0] == '-' &&
                        std::isdigit(static_cast<unsigned char>(tail[1])) != 0 &&
                        std::isdigit(static_cast<unsigned char>(tail[2])) != 0;
    const bool paper = word.text == "PROTOCOLS" || word.text == "RELIABILITY" ||
                       word.text == "SEEDS" || word.text == "CONVENTIONS" ||
                       (word.text == "DESIGN");
    if ((letter && digits) || paper) {
      findings.push_back({file.path, line_at(comments, word.position),
                          std::string(word.text) + ": nobody who reads this can look that up"});
    }
  }
  return findings;
}

Findings overclaims(const File& file) {
  Findings findings;
  // Spelled in pieces: this file is read too.
  for (const std::string& claim :
       {std::string("exactly") + "-once delivery", std::string("tamper") + "-proof",
        std::string("never") + " lose"}) {
    const std::size_t found = file.text.find(claim);
    if (found == std::string::npos) continue;
    findings.push_back({file.path, line_at(file.text, found), claim + ": nobody can promise that"});
  }
  return findings;
}

Findings shared_libraries(const Tree& tree) {
  Findings findings;
  for (const Confined& confined : kConfined) {
    std::set<std::string> units;  // a header and its source count as one
    for (const File& file : tree) {
      if (!is_product(file.path)) continue;
      for (const Include& include : includes_of(file.text)) {
        if (include.quoted || !include.path.starts_with(confined.include)) continue;
        units.insert(file.path);
        if (!file.path.starts_with(confined.where)) {
          findings.push_back({file.path, include.line,
                              include.path + " belongs in " + std::string(confined.where)});
        }
      }
    }
    if (units.size() <= 1) continue;
    for (const std::string& unit : units) {
      findings.push_back({unit, 0, std::string(confined.include) + " is for one file alone"});
    }
  }
  return findings;
}

namespace {

// Who includes what: path -> the files that name it.
std::map<std::string, std::set<std::string>> includers(const Tree& tree) {
  std::map<std::string, std::set<std::string>> who;
  for (const File& file : tree) {
    for (const Include& include : includes_of(file.text)) {
      if (include.quoted) who[include.path].insert(file.path);
    }
  }
  return who;
}

std::string stem_of(std::string_view path) {
  const std::size_t slash = path.find_last_of('/') + 1;
  return std::string(path.substr(slash, path.find_last_of('.') - slash));
}

}  // namespace

Findings missing_openings(const Tree& tree) {
  Findings findings;
  std::set<std::string> headers;
  for (const File& file : tree) {
    if (is_header(file.path)) headers.insert(file.path);
  }
  for (const File& file : tree) {
    if (!is_code(file.path)) continue;
    const std::vector<std::string_view> lines = lines_of(file.text);
    const auto end = std::find_if(lines.begin(), lines.end(),
                                  [](std::string_view line) { return !line.starts_with("//"); });
    const auto count = static_cast<std::size_t>(end - lines.begin());
    const bool beside_header = headers.contains(own_header(file.path));
    const std::size_t least = beside_header ? 0 : kOpeningLinesMin;
    if (count < least || count > kOpeningLinesMax) {
      findings.push_back(
          {file.path, 1, "opens with " + std::to_string(count) + " lines of comment"});
    }
  }
  return findings;
}

Findings untested_headers(const Tree& tree) {
  Findings findings;
  const auto who = includers(tree);
  for (const File& file : tree) {
    if (!is_header(file.path) || !is_product(file.path)) continue;
    const auto found = who.find(file.path);
    const bool tested =
        found != who.end() &&
        std::any_of(found->second.begin(), found->second.end(),
                    [](const std::string& each) { return each.starts_with("tests/"); });
    if (!tested) findings.push_back({file.path, 0, "no test includes it"});
  }
  return findings;
}

Findings dead_headers(const Tree& tree) {
  Findings findings;
  const auto who = includers(tree);
  for (const File& file : tree) {
    if (!is_header(file.path)) continue;
    const std::string stem = stem_of(file.path);
    const auto found = who.find(file.path);
    const bool alive =
        found != who.end() &&
        std::any_of(found->second.begin(), found->second.end(), [&](const std::string& each) {
          const bool own = stem_of(each) == stem || stem_of(each) == stem + "_test";
          return !own || !is_product(file.path);
        });
    if (!alive)
      findings.push_back({file.path, 0, "nobody includes it but its own source and test"});
  }
  return findings;
}

Findings uncompiled_sources(const Tree& tree) {
  Findings findings;
  const auto lists = std::find_if(tree.begin(), tree.end(),
                                  [](const File& file) { return file.path == "CMakeLists.txt"; });
  const std::string build = lists == tree.end() ? "" : lists->text;
  const auto named = [&](const std::string& what) { return build.find(what) != std::string::npos; };
  std::set<std::string> layer_folders;
  for (const Word& word : words_of(build)) {
    if (word.text != "FOLDERS") continue;
    const std::string_view line = std::string_view(build).substr(word.position);
    std::string_view rest = line.substr(0, line.find_first_of(")\n"));
    rest = rest.substr(0, rest.find(" LINK"));
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      layer_folders.emplace(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  for (const File& file : tree) {
    if (!file.path.ends_with(".cc")) continue;
    const std::string folder = file.path.substr(0, file.path.find_last_of('/'));
    const std::string stem = stem_of(file.path);
    const std::size_t underscore = stem.find_last_of('_');
    const std::string suffix = underscore == std::string::npos ? "" : stem.substr(underscore);
    const bool main = suffix == "_main" && named("_main.cc");
    if (!layer_folders.contains(folder) && !named(file.path) && !named(folder + "/*.cc") && !main &&
        !(named(folder + "/*" + suffix + ".cc") && !suffix.empty())) {
      findings.push_back({file.path, 0, "no target compiles it"});
    }
  }
  return findings;
}

Findings broken_references(const Tree& tree) {
  Findings findings;
  std::set<std::string, std::less<>> paths;
  for (const File& file : tree) paths.insert(file.path);
  for (const File& file : tree) {
    const bool prose = file.path.ends_with(".md");
    if (!is_code(file.path) && !file.path.ends_with(".proto") && !prose) continue;
    const std::string comments = prose ? file.text : comments_of(file.text);
    for (std::string_view folder : kFolders) {
      for (std::size_t at = comments.find(folder); at != std::string::npos;
           at = comments.find(folder, at + 1)) {
        if (at > 0 && (is_identifier(comments[at - 1]) || comments[at - 1] == '/')) continue;
        std::size_t end = at;
        while (end < comments.size() &&
               (is_identifier(comments[end]) || comments[end] == '/' || comments[end] == '.'))
          ++end;
        std::string_view path = std::string_view(comments).substr(at, end - at);
        while (path.ends_with('.')) path.remove_suffix(1);
        if (!ends_with_any(path, {".h", ".cc", ".md", ".proto", ".txt"})) continue;
        if (!paths.contains(path)) {
          findings.push_back(
              {file.path, line_at(comments, at), "there is no " + std::string(path)});
        }
      }
    }
  }
  return findings;
}

}  // namespace daybook::house
