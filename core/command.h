// Slash commands: text -> Command. Nothing but a message's own text is ever read as a command:
// never a model's answer, a quote or a forward. What is not known is answered with the nearest
// name, never passed on to a model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace daybook {

struct Command {
  // canonical, lower case: "reset" for /new and /clear; an unknown one as written
  std::string name;
  std::string arguments;  // trimmed
  bool known = false;
  bool for_us = true;  // false: /cmd@another_bot

  friend bool operator==(const Command&, const Command&) = default;
};

struct CommandRow {
  std::string_view name;
  std::string_view arguments;    // "[name]"
  std::string_view description;  // for /help and Telegram's command menu
  bool at_once = false;          // acts although a turn runs; others wait in order
  std::uint32_t since = 1;       // the rules version that brought it
};

// Those of today's rules. What is decided under older ones knows only the commands they had.
const std::vector<CommandRow>& commands();

// ASCII letters in lower case; the rest stays.
std::string lowered(std::string_view text);

// nullopt: not a command. `bot_name` without @, compared in lower case; empty: any /cmd@name is
// ours.
std::optional<Command> parse_command(std::string_view text, std::string_view bot_name);

// How a command that is none of ours is recorded in clear: its name may be anything a person said.
inline constexpr std::string_view kUnknownCommand = "?";
std::string recorded_name(const Command& command);

// "/statsu" -> "status"; empty when nothing is close.
std::string nearest_command(std::string_view name, std::uint32_t rules);

std::string help_text(std::uint32_t rules);

}  // namespace daybook
