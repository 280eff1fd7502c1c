// The commands and how one is read (Bot API, "Commands": /name or /name@bot, 1 to 32 letters,
// digits and underscores).
#include "core/command.h"

#include <algorithm>
#include <array>

#include "core/settings.h"

namespace daybook {
namespace {

constexpr std::size_t kCommandBytesMax = 32;
constexpr std::string_view kBlankCharacters = " \t\r\n\f\v";

struct CommandAlias {
  std::string_view name;
  std::string_view stands_for;
  std::uint32_t since = 1;
};
constexpr std::array<CommandAlias, 3> kCommandAliases = {
    {{"new", "reset"}, {"clear", "reset"}, {"load", "switch", 3}}};

char lower_letter(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool command_character(char c) {
  c = lower_letter(c);
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// Takes the letters, digits and underscores at the front of `text` off.
std::string_view take_word(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), command_character);
  const auto word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(word.size());
  return word;
}

std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlankCharacters);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlankCharacters) - first + 1);
}

std::string canonical_command(std::string name) {
  for (const CommandAlias& alias : kCommandAliases) {
    if (alias.name == name) return std::string(alias.stands_for);
  }
  return name;
}

bool known_command(std::string_view name) {
  return std::any_of(commands().begin(), commands().end(),
                     [name](const CommandRow& row) { return row.name == name; });
}

}  // namespace

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return lower_letter(c); });
  return out;
}

const std::vector<CommandRow>& commands() {
  static const std::vector<CommandRow> kRows = {
      {"start", "", "what this is and how to begin", true},
      {"help", "", "the commands", true},
      {"status", "", "model, history and what is running", true},
      {"model", "[name]", "show or switch the model", true},
      {"models", "", "the models you can switch to", true},
      {"reset", "", "begin a new conversation (also /new, /clear)", true},
      {"compact", "", "replace the older half of the history by a summary", false},
      {"continue", "[model]", "go on with the last answer where it broke off", true, 3},
      {"usage", "", "tokens and money, here and on your account", true, 3},
      {"set", "[key value]", "what this conversation has set for itself", true, 3},
      {"provider", "[name]", "ask this provider from now on", true, 3},
      {"thinking", "[level]", "how long the model thinks: off, low, medium, high, default", true,
       3},
      {"temperature", "[0 to 2]", "how freely the model speaks, or default", true, 3},
      {"system", "[text]", "what the model is told before this conversation, or default", true, 3},
      {"queue", "[clear]", "what waits to be answered; clear drops it", true, 3},
      {"sessions", "[n]", "the conversations of this chat; go to one by number or title", true, 3},
      {"session", "", "this conversation: title, tokens, money, settings", true, 3},
      {"title", "[text]", "show or give this conversation's title", true, 3},
      {"forget", "", "close this conversation: no prompt takes anything of it", true, 3},
      {"export", "", "this conversation as a file", true, 3},
      {"policy", "[name]", "what a prompt takes of a long conversation", true, 3},
      {"context", "", "what the model would see, and why", true, 3},
      {"pin", "", "in reply to a message: never leave it out; alone, list those", true, 3},
      {"unpin", "", "in reply to a message: it may be left out again", true, 3},
      {"search", "words", "find what was said here", true, 2},
      {"stop", "", "stop the answer that is being written", true},
      {"whoami", "", "your numeric id here", true},
      {"erase", "", "in reply to a message: forget it and its answer for ever", true, 2},
      {"undo", "[n]", "take your last message, or your last n, and what followed back", true, 3},
      {"redo", "", "bring back what /undo took", true, 3},
      {"retry", "[model]", "answer your last message once more, maybe by another model", true, 3},
      {"fork", "n", "go on from before the last n messages, or from the one you reply to", true, 3},
      {"branches", "", "the ways this conversation went", true, 3},
      {"switch", "n", "go on in another branch, by number or name (also /load)", true, 3},
      {"save", "name", "call this place so: /load name comes back to it", true, 3},
      {"goal", "[text]", "what this chat is for, with lines done when: ... and never: ...", true,
       3},
      {"task", "[text]", "add a task; alone, list them; done N ends one, done N: with a note", true,
       3},
      {"recover", "", "for the owner: answer what came while the gateway was away", true, 3},
  };
  return kRows;
}

std::optional<Command> parse_command(std::string_view text, std::string_view bot_name) {
  if (!text.starts_with('/')) return std::nullopt;
  text.remove_prefix(1);
  const std::string_view name = take_word(text);
  if (name.empty() || name.size() > kCommandBytesMax) return std::nullopt;
  std::string_view addressee;
  if (text.starts_with('@')) {
    text.remove_prefix(1);
    addressee = take_word(text);
    if (addressee.empty()) return std::nullopt;
  }
  const bool word_ends = text.empty() || kBlankCharacters.find(text[0]) != std::string_view::npos;
  if (!word_ends) return std::nullopt;
  if (bot_name.starts_with('@')) bot_name.remove_prefix(1);
  Command command;
  command.name = canonical_command(lowered(name));
  command.arguments = without_blanks(text);
  command.known = known_command(command.name);
  command.for_us = addressee.empty() || bot_name.empty() || lowered(addressee) == lowered(bot_name);
  return command;
}

std::string recorded_name(const Command& command) {
  return command.known ? command.name : std::string(kUnknownCommand);
}

std::string nearest_command(std::string_view name, std::uint32_t rules) {
  if (name.starts_with('/')) name.remove_prefix(1);
  std::vector<std::string> names;
  for (const CommandRow& row : commands()) {
    if (row.since <= rules) names.emplace_back(row.name);
  }
  for (const CommandAlias& alias : kCommandAliases) {
    if (alias.since <= rules) names.emplace_back(alias.name);
  }
  return canonical_command(nearest(name, names));
}

std::string help_text(std::uint32_t rules) {
  std::string text = "Write a message and the model answers. Commands:\n";
  for (const CommandRow& row : commands()) {
    if (row.since > rules) continue;
    text += "\n/" + std::string(row.name);
    if (!row.arguments.empty()) text += " " + std::string(row.arguments);
    text += " - " + std::string(row.description);
  }
  return text;
}

}  // namespace daybook
