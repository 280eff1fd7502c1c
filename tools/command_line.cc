// The library knows what was wrong and says it in its own words; here the words are ours.
#include "tools/command_line.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <vector>

#include "core/notation.h"
#include "core/result.h"
#include "core/settings.h"

namespace daybook {
namespace {

constexpr std::size_t kShownBytesMax = 60;
constexpr std::size_t kDigitsMax = 18;

// "config set ", and the verb it names; no words: the program itself.
struct ChosenVerb {
  std::string words;
  const CLI::App* verb;

  // "config set has no option", "there is no option"
  [[nodiscard]] std::string has_no(const std::string& what) const {
    return words.empty() ? "there is no " + what : words + "has no " + what;
  }
};

ChosenVerb command_of(const CLI::App& app) {
  ChosenVerb command{"", &app};
  while (!command.verb->get_subcommands().empty()) {
    command.verb = command.verb->get_subcommands().front();
    command.words += command.verb->get_name() + " ";
  }
  return command;
}

// Names that could have been meant, as they are typed.
std::vector<std::string> options_of(const ChosenVerb& command, const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* from : {command.verb, &app}) {
    for (const CLI::Option* option : from->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
      for (const std::string& name : option->get_snames()) names.push_back("-" + name);
    }
  }
  return names;
}

std::string upper_case(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  return word;
}

// Those that --help lists.
std::vector<std::string> verbs_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands({})) {
    if (!verb->get_group().empty()) names.push_back(verb->get_name());
  }
  return names;
}

std::string with_nearest(const std::string& sentence, const std::string& word,
                         const std::vector<std::string>& names) {
  const std::string close = nearest(word, names);
  return sentence + (close.empty() ? "" : "; did you mean " + close + "?");
}

std::string without_dashes(const std::string& name) {
  return name.substr(std::min(name.find_first_not_of('-'), name.size()));
}

// What was meant by an option that there is not; empty: nobody knows.
std::string meant_by(const std::string& name, const ChosenVerb& command, const CLI::App& app) {
  std::vector<std::string> same_letter;
  for (const CLI::Option* option : command.verb->get_options()) {
    if (option->get_positional() && "--" + option->get_name() == name) {
      return "`" + app.get_name() + " " + command.words + upper_case(option->get_name()) + "`";
    }
    for (const std::string& known : option->get_lnames()) {
      if (name.size() == 2 && known.front() == name[1]) same_letter.push_back("--" + known);
    }
  }
  // One letter is never close to another.
  if (name.size() == 2) return same_letter.size() == 1 ? same_letter.front() : std::string();
  const std::string close = nearest(name, options_of(command, app));
  // The dashes are alike in all: of --at and --data no more than two letters are.
  return nearest(without_dashes(name), {without_dashes(close)}).empty() ? std::string() : close;
}

// A word that fits nowhere.
std::string stray(const std::string& word, const ChosenVerb& command, const CLI::App& app) {
  const std::string shown = escaped(word, kShownBytesMax);
  if (word.starts_with("-")) {
    const std::string name = word.substr(0, word.find('='));
    const std::string meant = meant_by(name, command, app);
    const std::string sentence = command.has_no("option " + shown);
    return meant.empty() ? sentence : sentence + "; did you mean " + meant + "?";
  }
  const auto verbs = verbs_of(*command.verb);
  if (verbs.empty()) return command.has_no("use for \"" + shown + "\"");
  return with_nearest(command.has_no("verb \"" + shown + "\""), word, verbs);
}

// What has to be there and is not; empty: nothing.
std::string missing(const ChosenVerb& command) {
  for (const CLI::Option* option : command.verb->get_options()) {
    if (!option->get_required() || option->count() > 0) continue;
    return command.words + "needs " + option->get_name() + ": " + option->get_description();
  }
  if (command.verb->get_require_subcommand_min() == 0) return {};
  std::string verbs;
  for (const std::string& name : verbs_of(*command.verb)) {
    verbs += (verbs.empty() ? "" : ", ") + name;
  }
  return command.words + "a verb is needed: " + verbs;
}

}  // namespace

std::string usage_sentence(const CLI::App& app, const CLI::ParseError& error) {
  const ChosenVerb command = command_of(app);
  std::string sentence;
  const auto left_over = app.remaining(true);
  const auto kind = static_cast<CLI::ExitCodes>(error.get_exit_code());
  const bool required = kind == CLI::ExitCodes::RequiredError;
  if ((required || kind == CLI::ExitCodes::ExtrasError) && !left_over.empty()) {
    sentence = stray(left_over.front(), command, app);
  } else if (required) {
    sentence = missing(command);
  }
  if (sentence.empty()) sentence = command.words + escaped(error.what(), 200);
  const bool asks = sentence.ends_with('?');
  return sentence + (asks ? " See `" : "; see `") + app.get_name() + " " + command.words +
         "--help`";
}

int end_parse(const CLI::App& app, const CLI::ParseError& error) {
  const bool asked = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
  if (asked) return app.exit(error);
  std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), usage_sentence(app, error).c_str());
  return static_cast<int>(ExitCode::kUsage);
}

CLI::Validator whole_number() {
  const auto check = [](const std::string& text) {
    const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
    if (digits && !text.empty() && text.size() <= kDigitsMax) return std::string();
    return "must be a whole number, not " + text;
  };
  return CLI::Validator(check, "", "whole number");
}

}  // namespace daybook
