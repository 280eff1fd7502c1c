// What `daybook doctor` says of one thing: how it is and, where it is not as it should be, how to
// mend it.
#pragma once

#include <functional>
#include <string>

#include "core/result.h"

namespace daybook {

struct Finding {
  enum class Grade {
    kGood,
    kNote,  // worth knowing
    kBad,   // to be mended
  };

  Grade grade = Grade::kGood;
  std::string what;
  std::string remedy;  // empty: none is needed, or `what` says it
};

inline Finding good(std::string what) { return {Finding::Grade::kGood, std::move(what), ""}; }
inline Finding note(std::string what, std::string remedy = "") {
  return {Finding::Grade::kNote, std::move(what), std::move(remedy)};
}
inline Finding bad(std::string what, std::string remedy) {
  return {Finding::Grade::kBad, std::move(what), std::move(remedy)};
}
// A sentence that names its own remedy.
inline Finding bad(const Error& error) { return bad(error.message, ""); }

// Hears of findings as they are made: some take their time.
using Findings = std::function<void(const Finding&)>;

}  // namespace daybook
