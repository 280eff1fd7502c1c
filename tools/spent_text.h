// Tokens and money of some calls, the same way wherever they are told.
#pragma once

#include <string>

#include "core/usage.h"
#include "tools/json_line.h"

namespace daybook {

// "1,310 in, 34 out, 12 cached, as reported"; empty: no call.
std::string token_text(const Spent& spent);
// "$0.000217, as the provider said"; empty: no call.
std::string price_text(const Spent& spent);

JsonLine spent_json(const Spent& spent);

}  // namespace daybook
