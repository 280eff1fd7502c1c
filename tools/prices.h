// A price table of one's own for `usage --prices`: rows of a catalogue, one a line, in the notation
// of `daybook log`:
//
//   id=openai/gpt-4o context_tokens=128000 output_tokens=16384 input_nanodollars=2500
//   output_nanodollars=10000                                (on the same line)
//
// Prices are nanodollars a token: a dollar per million tokens is 1000, and 0 is a price. A row with
// neither of the two says nothing of a price. long_from_tokens=N long_input_nanodollars=N
// long_output_nanodollars=N is what a call costs whose prompt has more than so many tokens,
// cached_nanodollars=N what a token of the prompt costs that the provider had kept. '#' begins a
// comment.
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
