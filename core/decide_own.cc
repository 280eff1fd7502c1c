// A conversation's own settings: /model, /provider, /thinking, /temperature, /system, and /set for
// all of them.
//
// Law: a change is an event in the transaction of the message that asked, and what cannot be taken
// changes nothing. A turn records what it was asked with, so that its request is a function of the
// journal. They belong to their conversation: a new one begins as the settings say, and whoever
// goes back to one finds it as it was left.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "core/command.h"
#include "core/decide_conversation.h"
#include "core/model.h"
#include "core/policy.h"
#include "core/preface.h"
#include "core/settings.h"

namespace daybook {

namespace {

constexpr std::string_view kUsual = "default";
constexpr std::size_t kSystemBytesMax = 32'768;
constexpr std::size_t kSystemBytesShown = 1'000;
constexpr double kTemperatureMost = 2;

struct Wish {
  const State& state;
  const Session& session;
  const Event& message;
  std::string_view topic;

  [[nodiscard]] const SettingsLoaded& settings() const { return state.directory.settings(); }
  [[nodiscard]] const CatalogueLoaded& catalogue() const { return state.directory.catalogue(); }
  [[nodiscard]] const std::string& arguments() const { return message.content().arguments(); }
  [[nodiscard]] Decisions reply(std::string text) const {
    return {notice(session, &message, std::move(text), topic)};
  }
  // The change, then the notice of it.
  [[nodiscard]] Decisions reply(Event change, std::string text) const {
    if (answering(session)) text += " The running answer keeps its own.";
    return {std::move(change), notice(session, &message, std::move(text), topic)};
  }
};

std::string model_list(const Wish& wish) {
  const std::string current = model_in_use(wish.state, wish.session);
  std::string text;
  for (const std::string& name : known_models(wish.settings(), wish.catalogue())) {
    text += (name == current ? "\n• " : "\n  ") + name;
  }
  return text;
}

Decisions stay(const Wish& wish, const std::string& why, const std::string& name) {
  return wish.reply(why + " The model stays " + model_in_use(wish.state, wish.session) + "." +
                    near_text(wish.state, name));
}

// Where its numbers are old, from when they are.
std::string old_list(const Wish& wish, const std::string& name) {
  const Result<ResolvedModel> model = resolve_model(name, wish.settings(), wish.catalogue());
  if (!model || wish.state.directory.rules() < 3) return {};
  return old_list_text(model->provider, model->model, wish.catalogue(), wish.state.now);
}

Decisions switch_model(const Wish& wish, const std::string& name) {
  const bool usual = lowered(name) == kUsual && wish.state.directory.rules() >= 3;
  const std::string& wanted = usual ? wish.settings().model() : name;
  const Result<ResolvedModel> model = resolve_model(wanted, wish.settings(), wish.catalogue());
  if (!model) return stay(wish, model.error().message, wanted);
  Event switched;
  switched.set_session(wish.session.state().id());
  if (!usual) switched.mutable_model_switched()->set_model(name);
  switched.mutable_model_switched()->set_provider(model->provider);
  switched.mutable_model_switched()->set_from(model_in_use(wish.state, wish.session));
  std::string text = "Model: " + wanted + ".";
  if (!usual && wish.state.directory.rules() >= 3) {
    text += unlisted_text(*model, wanted, wish.settings(), wish.catalogue());
  }
  return wish.reply(std::move(switched), text + old_list(wish, wanted));
}

Event setting_changed(const Wish& wish, std::string_view key, const std::string& value) {
  Event changed;
  changed.set_session(wish.session.state().id());
  changed.mutable_setting_changed()->set_key(std::string(key));
  changed.mutable_setting_changed()->set_answers(wish.message.seq());
  if (value != kUsual) changed.mutable_setting_changed()->set_value(value);
  return changed;
}

Decisions change_thinking(const Wish& wish, const std::string& wanted) {
  const std::string value = lowered(wanted);
  constexpr std::string_view kLevels[] = {"off", "low", "medium", "high", kUsual};
  if (std::find(std::begin(kLevels), std::end(kLevels), value) == std::end(kLevels)) {
    return wish.reply("/thinking takes off, low, medium, high or default. Nothing was changed.");
  }
  const std::string as_can = value == kUsual ? "." : ", as far as the model can.";
  return wish.reply(setting_changed(wish, "thinking", value), "Thinking: " + value + as_can);
}

// "0.7"; empty: no number from 0 to 2.
std::string temperature_of(const std::string& text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  const bool fits = value >= 0 && value <= kTemperatureMost;
  if (error != std::errc() || stopped != end || !fits) return {};
  const long hundredths = std::lround(value * 100);
  std::string out = std::to_string(hundredths / 100);
  if (hundredths % 100 != 0) out += "." + std::to_string(hundredths % 100 / 10);
  if (hundredths % 10 != 0) out += std::to_string(hundredths % 10);
  return out;
}

Decisions change_temperature(const Wish& wish, const std::string& value) {
  const bool usual = lowered(value) == kUsual;
  const std::string number = usual ? std::string(kUsual) : temperature_of(value);
  if (number.empty()) {
    return wish.reply("/temperature takes a number from 0 to 2, or default. Nothing was changed.");
  }
  return wish.reply(setting_changed(wish, "temperature", number), "Temperature: " + number + ".");
}

Decisions change_system(const Wish& wish, const std::string& value) {
  if (lowered(value) == kUsual) {
    return wish.reply(setting_changed(wish, "system", std::string(kUsual)),
                      "System prompt: what the settings say.");
  }
  if (value.size() > kSystemBytesMax) {
    return wish.reply("A system prompt has at most " + std::to_string(kSystemBytesMax) +
                      " bytes; this one has " + std::to_string(value.size()) +
                      ". Nothing was changed.");
  }
  Event changed = setting_changed(wish, "system", std::string(kUsual));
  changed.mutable_setting_changed()->set_worded(true);
  changed.mutable_content()->set_text(value);
  return wish.reply(std::move(changed), "The model is told this before the conversation.");
}

Decisions change_queue(const Wish& wish, const std::string& wanted) {
  const std::string value = lowered(wanted);
  constexpr std::string_view kModes[] = {"wait", "collect", "steer", "interrupt", kUsual};
  if (std::find(std::begin(kModes), std::end(kModes), value) == std::end(kModes)) {
    return wish.reply(
        "queue takes wait, collect, steer, interrupt or default. Nothing was "
        "changed.");
  }
  return {setting_changed(wish, "queue", value), wish.reply("Queue: " + value + ".").front()};
}

Decisions change_policy(const Wish& wish, const std::string& value) {
  return choose_policy(wish.state, wish.session, wish.message, value);
}

struct Key {
  std::string_view name;
  std::string_view values;
  Decisions (*change)(const Wish& wish, const std::string& value);
};

constexpr Key kKeys[] = {
    {"model", "a model's name", switch_model},
    {"policy", "full, window, legacy, reset, incremental", change_policy},
    {"queue", "wait, collect, steer, interrupt", change_queue},
    {"system", "a text", change_system},
    {"temperature", "0 to 2", change_temperature},
    {"thinking", "off, low, medium, high", change_thinking},
};

// Of a conversation, present or left.
template <typename Holder>
bool is_own(const Holder& holder, std::string_view key) {
  if (key == "model") return !holder.model().empty();
  if (key == "policy") return !holder.policy().empty();
  return std::any_of(holder.own().begin(), holder.own().end(),
                     [key](const OwnSetting& one) { return one.key() == key; });
}

template <typename Holder>
std::string keys_of(const Holder& holder) {
  std::string keys;
  for (const Key& key : kKeys) {
    if (is_own(holder, key.name)) keys += (keys.empty() ? "" : ", ") + std::string(key.name);
  }
  return keys;
}

std::string value_in_force(const Wish& wish, std::string_view key) {
  if (key == "model") return model_in_use(wish.state, wish.session);
  if (key == "policy") return policy_in_use(wish.state, wish.session);
  if (key == "queue") return queue_mode(wish.state, wish.session);
  std::string own = own_value(wish.session.state(), key);
  if (!own.empty()) return own;
  if (key == "system")
    return is_own(wish.session.state(), key) ? "a text, /system shows it" : "default";
  return "default";
}

std::string line_of(const Wish& wish, const Key& key) {
  return std::string(key.name) + " = " + value_in_force(wish, key.name) +
         (is_own(wish.session.state(), key.name) ? ", set here" : "") + " (" +
         std::string(key.values) + ")";
}

Decisions list_keys(const Wish& wish) {
  std::string text = "Set with /set KEY VALUE; default takes what the settings say:";
  for (const Key& key : kKeys) text += "\n" + line_of(wish, key);
  return wish.reply(std::move(text));
}

Decisions show_or_change(const Wish& wish, std::string_view key, std::string_view title,
                         std::string_view usage) {
  const auto row = std::find_if(std::begin(kKeys), std::end(kKeys),
                                [key](const Key& one) { return one.name == key; });
  if (!wish.arguments().empty()) return row->change(wish, wish.arguments());
  return wish.reply(std::string(title) + ": " + value_in_force(wish, key) + "\n" +
                    std::string(usage));
}

}  // namespace

std::string model_in_use(const State& state, const Session& session) {
  const std::string& own = session.state().model();
  return own.empty() ? state.directory.settings().model() : own;
}

std::string near_text(const State& state, const std::string& name) {
  if (state.directory.rules() < 3) return {};
  return near_models_text(name, state.directory.settings(), state.directory.catalogue());
}

std::string not_asked_text(const State& state, const std::string& why, const std::string& name) {
  return why + " Nothing was changed." + (name.empty() ? std::string() : near_text(state, name));
}

std::string asked_unlisted_text(const State& state, const ResolvedModel& model,
                                const std::string& name) {
  if (name.empty()) return {};
  const std::string text =
      unlisted_text(model, name, state.directory.settings(), state.directory.catalogue());
  return text.empty() ? text : name + " is asked." + text;
}

std::string own_keys(const Session& session) { return keys_of(session.state()); }

std::string own_keys(const ConversationRow& row) { return keys_of(row); }

std::string left_behind_text(const State& state, const Session& session, const Event& message) {
  std::string text = dropped_text(state, session, message);
  if (state.directory.rules() < 3) return text;
  const std::string own = own_keys(session);
  if (!own.empty()) text += " What the old one had set holds no more: " + own + ".";
  Preface stays;
  record_goal(session.state(), &stays);
  if (stays.goal() != 0) text += " The goal stays: /goal done ends it.";
  if (stays.tasks_size() > 0) text += " The tasks stay: /task lists them.";
  return text;
}

Decisions answer_model(const State& state, const Session& session, const Event& message) {
  const Wish wish{state, session, message, "model"};
  if (!wish.arguments().empty()) return switch_model(wish, wish.arguments());
  const std::string current = model_in_use(state, session);
  const std::string old = old_list(wish, current);
  return wish.reply("Model: " + current + (old.empty() ? "" : "." + old) +
                    "\nSwitch with /model NAME." + model_list(wish));
}

Decisions answer_models(const State& state, const Session& session, const Event& message) {
  const Wish wish{state, session, message, "models"};
  return wish.reply("Models to try (any other name of these providers works too):" +
                    model_list(wish));
}

Decisions answer_provider(const State& state, const Session& session, const Event& message) {
  const Wish wish{state, session, message, "provider"};
  const std::string current = model_in_use(state, session);
  if (!wish.arguments().empty()) {
    const Result<std::string> name =
        model_at(wish.arguments(), current, wish.settings(), wish.catalogue());
    return name ? switch_model(wish, *name) : stay(wish, name.error().message, current);
  }
  const Result<ResolvedModel> model = resolve_model(current, wish.settings(), wish.catalogue());
  std::string text = "Model: " + current + "\nSwitch with /provider NAME:";
  for (const ProviderRow& row : wish.settings().providers()) {
    if (!row.usable()) continue;
    const bool here = model && model->provider == row.name();
    text += (here ? "\n• " : "\n  ") + row.name();
  }
  return wish.reply(std::move(text));
}

Decisions answer_thinking(const State& state, const Session& session, const Event& message) {
  return show_or_change({state, session, message, "thinking"}, "thinking", "Thinking",
                        "Choose with /thinking off, low, medium, high or default.");
}

Decisions answer_temperature(const State& state, const Session& session, const Event& message) {
  return show_or_change({state, session, message, "temperature"}, "temperature", "Temperature",
                        "Choose with /temperature 0 to 2, or default.");
}

Decisions answer_system(const State& state, const Session& session, const Event& message) {
  const Wish wish{state, session, message, "system"};
  if (!wish.arguments().empty()) return change_system(wish, wish.arguments());
  constexpr std::string_view kHow = "\nChange it with /system TEXT, or default.";
  const OwnSetting* own = own_setting(session.state(), "system");
  // The settings' words are whose gateway it is.
  if (own == nullptr && !owner_asks_alone(state, message)) {
    return wish.reply(
        "System prompt: what the settings say; only whoever owns this gateway can "
        "read it, in private." +
        std::string(kHow));
  }
  const Seq event = own == nullptr ? state.directory.settings_seq() : Seq{own->event()};
  std::string text = own == nullptr ? "System prompt, as the settings say:\n"
                                    : "System prompt, this conversation's:\n";
  const std::string words = state.history.text(event);
  text += text_prefix(words, kSystemBytesShown);
  if (words.size() > kSystemBytesShown) text += "…";
  Decisions decisions = wish.reply(text + std::string(kHow));
  if (own != nullptr) decisions.front().mutable_notice_issued()->add_quotes(event);
  return decisions;
}

Decisions answer_set(const State& state, const Session& session, const Event& message) {
  const Wish wish{state, session, message, "set"};
  const std::string& words = wish.arguments();
  if (words.empty()) return list_keys(wish);
  const std::size_t end = std::min(words.find_first_of(" \t\r\n"), words.size());
  std::string name = lowered(words.substr(0, end));
  if (name == "queue.mode") name = "queue";
  const std::size_t begin = words.find_first_not_of(" \t\r\n", end);
  std::vector<std::string> names;
  for (const Key& key : kKeys) {
    names.emplace_back(key.name);
    if (key.name != name) continue;
    if (begin == words.npos) return wish.reply(line_of(wish, key));
    return key.change(wish, words.substr(begin));
  }
  const std::string near = nearest(name, names);
  return wish.reply("There is nothing of that name to set" +
                    (near.empty() ? std::string(".") : ": did you mean " + near + "?") +
                    " /set lists what there is.");
}

}  // namespace daybook
