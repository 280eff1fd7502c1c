// Reads C++ as text: comments, literals, preprocessor lines and code told apart, words and includes
// with their places, functions by their braces.
//
// Law: what it does not understand it counts as code, so that a rule over it never stays silent
// for want of a parser. It knows nothing of any rule (tests/house_rules.h).
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace daybook::house {

// The text with comments, literals and preprocessor lines blanked out; line breaks stay.
std::string code_of(std::string_view text);
// The reverse: comments alone.
std::string comments_of(std::string_view text);

std::vector<std::string_view> lines_of(std::string_view text);
// The line that holds this position, from 1.
std::size_t line_at(std::string_view text, std::size_t position);

struct Include {
  std::string path;
  bool quoted = false;
  std::size_t line = 0;
};
std::vector<Include> includes_of(std::string_view text);

// An identifier, keyword or number; a view into the text it was read from.
struct Word {
  std::string_view text;
  std::size_t position = 0;
};
std::vector<Word> words_of(std::string_view code);
bool is_identifier(char c);

// What stands before a position, and what follows a word, without the space between.
std::string_view before(std::string_view code, std::size_t position);
std::string_view after(std::string_view code, const Word& word);

bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> ends);

// Every block that is neither a namespace nor a type and has parentheses in its head. `visit` gets
// the position of the head's first character and of the closing brace.
using VisitFunction = std::function<void(std::size_t first, std::size_t last)>;
void each_function(std::string_view code, const VisitFunction& visit);

}  // namespace daybook::house
