// What a model is told of a message besides its words: what it quotes, and that there was a picture
// that nobody reads.
//
// Law: a function of the event alone, so it is the same for ever; of an event without these fields,
// which is all that were recorded before there were any, it is the text. The words themselves stay
// as they were said, for whoever searches, names or exports them. What is quoted is data: it is
// told in one line that its words cannot leave.
#pragma once

#include <cstddef>
#include <string>

#include "core/events.pb.h"
#include "core/log.h"

namespace daybook {

// How much of what a message quotes is kept, in code points.
inline constexpr std::size_t kQuotedCharactersMax = 1'000;

std::string told_text(const Event& event);
// The same of its record; costs no more than its text where there is nothing besides.
std::string told_text(const Record& record);

// What stands before the words, each line with its end; empty: nothing does.
std::string told_before(const Event& event);

}  // namespace daybook
