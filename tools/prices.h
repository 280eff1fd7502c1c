// A price table of one's own for `usage --prices`: rows of a catalogue, one a line, in the notation
// of `daybook log`:
//
//   id=openai/gpt-4o context_tokens=128000 output_tokens=16384 input_nanodollars=2500
//   output_nanodollars=10000                                (on the same line)
//
// Prices are nanodollars a token: a dollar per million tokens is 1000. What a row leaves out is 0;
// '#' begins a comment.
#pragma once

#include <string>
#include <string_view>

#include "core/events.pb.h"
#include "core/result.h"

namespace daybook {

// An Error names file, line and the word that is wrong.
Result<CatalogueLoaded> parse_prices(std::string_view text, const std::string& file);
Result<CatalogueLoaded> read_prices(const std::string& file);

// The same table as text.
std::string prices_text(const CatalogueLoaded& prices);

}  // namespace daybook
