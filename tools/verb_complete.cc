// `daybook complete -- WORD...`: what may stand in place of the last word. Shells ask it; nobody
// else needs it, so --help does not list it.
//
// The verbs and flags come from the parser itself, so that completion never knows another tool than
// the one that is installed. Rejected: lists in three shell languages.
#include <algorithm>
#include <map>

#include "core/codec.h"
#include "core/model.h"
#include "core/policy.h"
#include "core/settings_keys.h"
#include "tools/journal_view.h"
#include "tools/tool.h"

namespace daybook {
namespace {

struct Candidate {
  std::string word;
  std::string description;
};
using Candidates = std::vector<Candidate>;

// The first line, without what would end it.
std::string one_line(std::string text) {
  text.resize(std::min(text.find_first_of("\n\t"), text.size()));
  return text;
}

Candidates verbs_of(const CLI::App& app) {
  Candidates verbs;
  for (const CLI::App* verb : app.get_subcommands(nullptr)) {
    if (!verb->get_group().empty()) {
      verbs.push_back({verb->get_name(), one_line(verb->get_description())});
    }
  }
  return verbs;
}

void add_flags(const CLI::App& app, Candidates* flags) {
  for (const CLI::Option* option : app.get_options(nullptr)) {
    if (option->get_positional()) continue;
    for (const std::string& name : option->get_lnames()) {
      flags->push_back({"--" + name, one_line(option->get_description())});
    }
    for (const std::string& name : option->get_snames()) {
      flags->push_back({"-" + name, one_line(option->get_description())});
    }
  }
}

Candidates sessions_of(const Tool& tool) {
  Candidates sessions;
  const auto directory = tool.journal_directory();
  if (!directory) return sessions;
  const auto view = JournalView::open(*directory);
  if (!view) return sessions;
  for (const auto& [id, row] : (*view)->gateway().directory().sessions()) {
    sessions.push_back({row.place(), "session " + std::to_string(id)});
  }
  return sessions;
}

Candidates kinds() {
  Candidates kinds;
  for (int number = 1; number < 256; ++number) {
    const std::string name = kind_name(static_cast<std::uint8_t>(number));
    if (kind_of(name) != 0) kinds.push_back({name, ""});
  }
  return kinds;
}

// "{jsonl,md}" of a choice.
Candidates choices_of(CLI::Option& option) {
  Candidates choices;
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}');
  if (open == std::string::npos || close == std::string::npos) return choices;
  std::size_t at = open + 1;
  while (at < close) {
    const std::size_t end = std::min(type.find(',', at), close);
    choices.push_back({type.substr(at, end - at), ""});
    at = end + 1;
  }
  return choices;
}

// Those in force; where the settings cannot be read, those that there may be.
Candidates keys_of(const Tool& tool) {
  Candidates keys;
  const auto loaded = tool.settings();
  for (const SettingKey& row : setting_keys()) {
    if (!loaded) keys.push_back({std::string(row.name), std::string(row.meaning)});
  }
  if (!loaded) return keys;
  for (const SettingRow& row : loaded->settings.rows) {
    const SettingKey* known = find_setting_key(row.key);
    keys.push_back({row.key, known == nullptr ? "" : std::string(known->meaning)});
  }
  return keys;
}

// `before`: what stands in front of it in the same word.
Candidates policy_names(const std::string& before) {
  Candidates names;
  for (const PolicyRow& row : policies())
    names.push_back({before + std::string(row.name), std::string(row.meaning)});
  return names;
}

// Of the providers in the settings; what they list themselves is known to the daemon.
Candidates models_of(const Tool& tool) {
  Candidates models;
  const auto loaded = tool.settings();
  if (!loaded) return models;
  const Event settings = settings_loaded(loaded->settings.values);
  for (std::string& name : known_models(settings.settings_loaded(), built_in_catalogue())) {
    models.push_back({std::move(name), ""});
  }
  return models;
}

// None: a file, a number or free text; the shell may offer files.
Candidates values_of(CLI::Option& option, const std::string& word, const Tool& tool) {
  const std::string name = option.get_single_name();
  if (name == "session" || name == "what") return sessions_of(tool);
  if (name == "kind") return kinds();
  if (name == "key") return keys_of(tool);
  if (name == "policy") return policy_names("");
  if (name == "policies") return policy_names(word.substr(0, word.rfind(',') + 1));
  if (name == "model") return models_of(tool);
  return choices_of(option);
}

// Where the words so far have led.
struct Place {
  CLI::App* app = nullptr;
  CLI::Option* awaited = nullptr;  // an option whose value comes next
  std::size_t positional = 0;      // how many were given
};

CLI::Option* option_named(CLI::App* app, const std::string& word) {
  for (CLI::App* at = app; at != nullptr; at = at->get_parent()) {
    if (CLI::Option* option = at->get_option_no_throw(word)) return option;
  }
  return nullptr;
}

CLI::App* verb_named(CLI::App& app, const std::string& word) {
  for (CLI::App* verb : app.get_subcommands(nullptr)) {
    if (verb->get_name() == word) return verb;
  }
  return nullptr;
}

void follow(Place* place, const std::string& word, Tool* tool) {
  if (place->awaited != nullptr) {
    // Which journal's sessions are wanted.
    if (place->awaited->get_single_name() == "data") tool->data = word;
    if (place->awaited->get_single_name() == "config") tool->config = word;
    place->awaited = nullptr;
  } else if (word.starts_with("-")) {
    CLI::Option* option = option_named(place->app, word);
    if (option != nullptr && option->get_items_expected_min() > 0) place->awaited = option;
  } else if (CLI::App* verb = verb_named(*place->app, word)) {
    *place = {verb, nullptr, 0};
  } else {
    ++place->positional;
  }
}

Candidates candidates_at(const Place& place, const std::string& word, const Tool& tool) {
  if (place.awaited != nullptr) return values_of(*place.awaited, word, tool);
  Candidates candidates;
  if (word.starts_with("-")) {
    for (const CLI::App* at = place.app; at != nullptr; at = at->get_parent()) {
      add_flags(*at, &candidates);
    }
    return candidates;
  }
  if (place.positional == 0) candidates = verbs_of(*place.app);
  std::size_t index = 0;
  for (CLI::Option* option : place.app->get_options()) {
    if (!option->get_positional() || index++ != place.positional) continue;
    const Candidates values = values_of(*option, word, tool);
    candidates.insert(candidates.end(), values.begin(), values.end());
  }
  return candidates;
}

Result<void> run_complete(CLI::App& app, Tool tool, const std::vector<std::string>& words) {
  Place place{&app, nullptr, 0};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) follow(&place, words[i], &tool);
  const std::string last = words.empty() ? "" : words.back();
  Candidates candidates = candidates_at(place, last, tool);
  std::stable_sort(
      candidates.begin(), candidates.end(),
      [](const Candidate& one, const Candidate& other) { return one.word < other.word; });
  std::string before;
  for (const Candidate& candidate : candidates) {
    if (!candidate.word.starts_with(last) || candidate.word == before) continue;
    print_line(candidate.word + "\t" + candidate.description);
    before = candidate.word;
  }
  return {};
}

}  // namespace

void add_complete(CLI::App& app, Tool& tool) {
  CLI::App* verb = app.add_subcommand("complete", "what may stand in place of the last word");
  verb->group("");
  const auto words = std::make_shared<std::vector<std::string>>();  // lives as long as the callback
  verb->add_option("words", *words, "the words after `daybook`, the last one to be completed");
  verb->callback([&app, &tool, words] {
    tool.chosen = [&app, &tool, words] { return run_complete(app, tool, *words); };
  });
}

}  // namespace daybook
