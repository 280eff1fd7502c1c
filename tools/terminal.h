// A person at the terminal: questions, answers that are not shown, and Ctrl-C as an answer.
//
// Law: however a question ends, the terminal is left as it was found.
// Rejected: stdio for what is typed. It reads ahead, so nobody could wait for a line and for
// something else at once.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/types.h"

namespace daybook {

// While one lives, SIGINT, SIGTERM and SIGHUP end waits and nothing else. They may be nested.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  // The signal that came; 0: none.
  static int caught();
  // Ends the process by the signal that came, as if nobody had caught it; returns if none came.
  static void obey();
};

// One line without the blanks around it; nullopt at the end of input, and when interrupted.
std::optional<std::string> ask_line(std::string_view question);
// The same without showing what is typed.
std::optional<std::string> ask_secret(std::string_view question);

// Says which answer Enter gives, and asks again what is neither y nor n. nullopt as above.
std::optional<bool> ask_yes_no(std::string_view question, bool otherwise);

// Waits at most so long; true: a line, or the end of input, can be read without waiting.
bool input_waits(Duration patience);

}  // namespace daybook
