// The house rules as functions, so that each can be shown a bad snippet and seen to fail.
//
// A rule takes one file, or the whole tree where it must, and answers with findings; no finding, no
// complaint. What needs a compiler is left to the warnings and to clang-tidy.
//
// Rejected: a script beside the tests; it would need a second language and would not be built,
// formatted and read like the rest.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace daybook::house {

inline constexpr std::size_t kHeaderLinesMax = 250;
inline constexpr std::size_t kSourceLinesMax = 600;
inline constexpr std::size_t kFunctionLinesMax = 70;
inline constexpr std::size_t kColumnsMax = 100;
// Of the comment that opens a file. No more is asked than that there is one: padding says nothing.
inline constexpr std::size_t kOpeningLinesMin = 1;
inline constexpr std::size_t kOpeningLinesMax = 15;

struct File {
  std::string path;  // from the root: "core/session.h"
  std::string text;
};
using Tree = std::vector<File>;

struct Finding {
  std::string path;
  std::size_t line = 0;  // from 1; 0: the file as a whole
  std::string what;
};
using Findings = std::vector<Finding>;

// One finding a line, "core/check.cc:12: what"; empty when there is none.
std::string report(const Findings& findings);

// "core", "journal", "adapters", "adapters/wire", "adapters/net", "tools", "tests", "bench"; for
// deeper folders the nearest of these.
std::string layer_of(std::string_view path);

// ---- rules over one file

Findings foreign_includes(const File& file);    // what its layer may not see
Findings misplaced_includes(const File& file);  // own header first, paths from the root
Findings overlong_file(const File& file);
Findings overlong_functions(const File& file);
Findings wide_lines(const File& file);
Findings clocks_and_dice(const File& file);  // in core and sans-IO files: time is an argument
Findings exceptions(const File& file);       // but around libraries that throw
Findings unwanted_words(const File& file);   // using namespace, raw new, notes for later
Findings hidden_references(
    const File& file);                  // a rule number or paper that a reader cannot look up
Findings overclaims(const File& file);  // more than anybody can guarantee, in any text

// ---- rules over the tree

Findings shared_libraries(const Tree& tree);  // a library confined to one file is in one file
Findings missing_openings(
    const Tree& tree);  // what a file is for; a source may leave it to its header
Findings untested_headers(const Tree& tree);
Findings dead_headers(const Tree& tree);  // nobody but its own source and test includes it
Findings uncompiled_sources(
    const Tree& tree);  // in no folder that CMakeLists.txt, a part of it, names
Findings broken_references(const Tree& tree);  // a comment names a file that is not there

}  // namespace daybook::house
