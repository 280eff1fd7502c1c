// --json of every verb: one object a line, keys in the order they were put in.
#pragma once

#include <nlohmann/json.hpp>

namespace daybook {

using JsonLine = nlohmann::ordered_json;

// Text of a journal may be anything; what is not UTF-8 is replaced, never thrown at.
void print_json(const JsonLine& object);

}  // namespace daybook
