// What a person reads when a command line cannot be read: one sentence that names the word, the
// nearest right one and where to look, in place of the library's own two lines.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace daybook {

// Ends the parse: prints what was asked for (help, version) and returns 0, or prints one sentence
// to stderr and returns 64.
int end_parse(const CLI::App& app, const CLI::ParseError& error);

// The sentence alone. `app` has just thrown `error`.
std::string usage_sentence(const CLI::App& app, const CLI::ParseError& error);

// For options that count events: digits only, so that -3 is not the greatest number there is.
CLI::Validator whole_number();

}  // namespace daybook
