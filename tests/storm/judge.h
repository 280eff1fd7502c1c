// Opens what a storm left behind as the daemon does, and says what is wrong with it.
#pragma once

#include <string>
#include <string_view>

#include "tests/storm/story.h"
#include "tests/storm/teller.h"
#include "tests/storm/trace.h"

namespace daybook::storm {

struct Left {
  const Story& story;
  const Standing& standing;  // what the story's teller had been told
  const Covered& covered;    // what was locked with what
  const std::string& root;   // the journal lies in `journal` below it
};

// Empty when: it opens; every event that was reported durable is there, and nothing that was not
// appended, in whole batches; words, ids, refs and snapshots are those of that moment; what was
// erased is erased and nothing else; appending goes on, under keys of its own; verify() finds it
// sound. The journal has kMore events more afterwards.
std::string judge(const Left& left, Seq* last = nullptr);
// How the complaint begins when it does not open; nothing was changed then.
inline constexpr std::string_view kDoesNotOpen = "it does not open: ";

// Empty when what judge() appended after event `last` is there, acknowledged as it was.
inline constexpr Seq kMore = 2;
std::string judge_again(const Left& left, Seq last);

}  // namespace daybook::storm
