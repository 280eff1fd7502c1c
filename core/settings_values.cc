// What may stand in a setting, kind by kind, and how it is spelled again.
//
// Law: a sentence about a bad value quotes it only when it is short and cannot be a secret;
// everything else is described by its length.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/settings_keys.h"

namespace daybook {
namespace {

constexpr std::size_t kQuotedBytesMax = 24;  // keys and tokens are longer
constexpr std::size_t kSecretBytesMax = 4'096;
constexpr std::size_t kListItemsMax = 1'000;
constexpr std::size_t kLadderRungsMax = 16;
constexpr std::int64_t kNanodollarsEach = 1'000'000'000;
constexpr std::int64_t kHundredthsEach = 100;
constexpr std::size_t kMaskShownCharacters = 4;
constexpr std::size_t kMaskSecretBytesMin = 24;  // four characters of less would say too much

Error value_error(std::string sentence) { return {std::move(sentence), ExitCode::kSettings}; }

bool printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool has_control_character(std::string_view text, std::string_view allowed) {
  return std::any_of(text.begin(), text.end(), [allowed](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 || byte == 0x7f) && allowed.find(c) == std::string_view::npos;
  });
}

// How many bytes the UTF-8 sequence at the front takes (RFC 3629); 0: it is not one.
std::size_t utf8_sequence_bytes(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool beyond = (first == 0xed && byte(1) > 0x9f) || (first == 0xf4 && byte(1) > 0x8f);
  return overlong || beyond ? 0 : length;
}

bool is_utf8_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_bytes(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string shown_text(std::string_view text) {
  if (text.empty()) return "nothing";
  if (text.size() <= kQuotedBytesMax && printable_ascii(text)) return '"' + std::string(text) + '"';
  return "a text of " + std::to_string(text.size()) + " bytes";
}

std::string shown_value(const SettingValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return shown_text(*text);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (std::holds_alternative<double>(value)) return "a number with a fraction";
  const auto* numbers = std::get_if<std::vector<std::int64_t>>(&value);
  if (numbers == nullptr || numbers->size() > kLadderRungsMax) return "a list";
  std::string list;
  for (const std::int64_t each : *numbers) {
    list += (list.empty() ? "[" : ", ") + std::to_string(each);
  }
  return list.empty() ? "[]" : list + "]";
}

bool speaks_in_strings(Layer layer) {
  return layer == Layer::kEnvironment || layer == Layer::kCommandLine;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

struct DurationUnit {
  std::string_view name;
  std::int64_t milliseconds;
};

// Longest first for spelling; "ms" before "m" and "s" for reading.
constexpr std::array<DurationUnit, 4> kDurationUnits = {
    {{"h", 3'600'000}, {"ms", 1}, {"m", 60'000}, {"s", 1'000}}};

std::optional<std::int64_t> duration_milliseconds(std::string_view text) {
  for (const DurationUnit& unit : kDurationUnits) {
    if (!text.ends_with(unit.name)) continue;
    const auto count = whole_number(text.substr(0, text.size() - unit.name.size()));
    if (!count || *count > std::numeric_limits<std::int64_t>::max() / 3'600'000) continue;
    if (*count < 0) return std::nullopt;
    return *count * unit.milliseconds;
  }
  return std::nullopt;
}

std::string duration_spelling(std::int64_t milliseconds) {
  for (const std::string_view name : {"h", "m", "s"}) {
    const auto* unit = std::find_if(kDurationUnits.begin(), kDurationUnits.end(),
                                    [name](const DurationUnit& row) { return row.name == name; });
    if (milliseconds == 0 || milliseconds % unit->milliseconds != 0) continue;
    return std::to_string(milliseconds / unit->milliseconds) + std::string(name);
  }
  return std::to_string(milliseconds) + "ms";
}

std::string trimmed_value(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kBlank) - first + 1));
}

std::vector<std::string> comma_separated(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    items.push_back(trimmed_value(text.substr(0, comma)));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return items;
}

Result<SettingValue> checked_text(const SettingKey& key, const SettingEntry& entry) {
  const auto* text = std::get_if<std::string>(&entry.value);
  if (text == nullptr)
    return value_error("must be a text in quotes, not " + shown_value(entry.value));
  if (static_cast<std::int64_t>(text->size()) > key.most) {
    return value_error("must be at most " + std::to_string(key.most) + " bytes long, not " +
                       std::to_string(text->size()));
  }
  if (static_cast<std::int64_t>(text->size()) < key.least) {
    return value_error("must not be empty");
  }
  const bool several_lines = key.kind == SettingKind::kText;
  if (has_control_character(*text, several_lines ? "\n\r\t" : "")) {
    return value_error("must not hold control characters");
  }
  if (!is_utf8_text(*text)) return value_error("must be UTF-8 text");
  if (key.kind == SettingKind::kWord && text->find(' ') != std::string::npos) {
    return value_error("must not hold spaces");
  }
  return SettingValue(*text);
}

bool looks_like_bot_token(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == text.size()) return false;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto token_character = [digit](char c) {
    return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
  };
  const std::string_view id = text.substr(0, colon);
  const std::string_view rest = text.substr(colon + 1);
  return std::all_of(id.begin(), id.end(), digit) &&
         std::all_of(rest.begin(), rest.end(), token_character);
}

Result<SettingValue> checked_secret(const SettingKey& key, const SettingEntry& entry) {
  const auto* written = std::get_if<std::string>(&entry.value);
  if (written == nullptr) return value_error("must be a text in quotes");
  const std::string text = trimmed_value(*written);
  if (text.size() > kSecretBytesMax) {
    return value_error("must be at most " + std::to_string(kSecretBytesMax) + " bytes long");
  }
  if (!printable_ascii(text) || text.find(' ') != std::string::npos) {
    return value_error("must be one word of plain ASCII; copy it again, it is not shown here");
  }
  if (key.name == "telegram.token" && !text.empty() && !looks_like_bot_token(text)) {
    return value_error(
        "must look like 123456789:AbC... as @BotFather gave it; what stands there has " +
        std::to_string(text.size()) + " characters and is not shown here");
  }
  return SettingValue(text);
}

std::vector<std::string> choices_of(const SettingKey& key) {
  std::vector<std::string> choices;
  for (std::string_view rest = key.choices; !rest.empty();) {
    const std::size_t bar = std::min(rest.find('|'), rest.size());
    choices.emplace_back(rest.substr(0, bar));
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  return choices;
}

Result<SettingValue> checked_choice(const SettingKey& key, const SettingEntry& entry) {
  const std::vector<std::string> choices = choices_of(key);
  const auto* text = std::get_if<std::string>(&entry.value);
  if (text != nullptr && std::find(choices.begin(), choices.end(), *text) != choices.end()) {
    return SettingValue(*text);
  }
  std::string sentence = "must be one of ";
  for (const std::string& choice : choices) {
    if (&choice != &choices.front()) sentence += &choice == &choices.back() ? " and " : ", ";
    sentence += choice;
  }
  sentence += ", not " + shown_value(entry.value);
  const std::string close = text == nullptr ? "" : nearest(*text, choices);
  if (!close.empty()) sentence += " (did you mean " + close + "?)";
  return value_error(std::move(sentence));
}

Result<SettingValue> checked_number(const SettingKey& key, const SettingEntry& entry) {
  std::optional<std::int64_t> number;
  if (const auto* given = std::get_if<std::int64_t>(&entry.value)) number = *given;
  const auto* text = std::get_if<std::string>(&entry.value);
  if (text != nullptr && speaks_in_strings(entry.layer))
    number = whole_number(trimmed_value(*text));
  if (number && *number >= key.least && *number <= key.most) return SettingValue(*number);
  return value_error("must be a whole number from " + std::to_string(key.least) + " to " +
                     std::to_string(key.most) + ", not " + shown_value(entry.value));
}

std::optional<double> fraction(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "2.5" of 250 hundredths: `each` is a power of ten.
std::string fraction_spelling(std::int64_t count, std::int64_t each) {
  std::string digits = std::to_string(each + count % each).substr(1);
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  return std::to_string(count / each) + "." + digits;
}

// A number that is kept as a count of what `each` of make one.
Result<SettingValue> checked_fraction(const SettingKey& key, const SettingEntry& entry,
                                      std::int64_t each, std::string_view what) {
  std::optional<double> number;
  if (const auto* given = std::get_if<double>(&entry.value)) number = *given;
  if (const auto* given = std::get_if<std::int64_t>(&entry.value)) {
    number = static_cast<double>(*given);
  }
  const auto* text = std::get_if<std::string>(&entry.value);
  if (text != nullptr && speaks_in_strings(entry.layer)) number = fraction(trimmed_value(*text));
  const auto scale = static_cast<double>(each);
  if (number && *number >= 0 && *number <= static_cast<double>(key.most) / scale) {
    return SettingValue(static_cast<std::int64_t>(std::llround(*number * scale)));
  }
  return value_error("must be " + std::string(what) + " from 0 to " +
                     std::to_string(key.most / each) + " such as 2.5, not " +
                     shown_value(entry.value));
}

Result<SettingValue> checked_switch(const SettingEntry& entry) {
  if (const auto* flag = std::get_if<bool>(&entry.value)) return SettingValue(*flag);
  const auto* text = std::get_if<std::string>(&entry.value);
  if (text != nullptr && speaks_in_strings(entry.layer)) {
    if (*text == "true" || *text == "1") return SettingValue(true);
    if (*text == "false" || *text == "0") return SettingValue(false);
  }
  return value_error("must be true or false, not " + shown_value(entry.value));
}

Result<SettingValue> checked_duration(const SettingKey& key, const SettingEntry& entry) {
  std::optional<std::int64_t> milliseconds;
  if (const auto* given = std::get_if<std::int64_t>(&entry.value)) milliseconds = *given;
  if (const auto* text = std::get_if<std::string>(&entry.value)) {
    milliseconds = duration_milliseconds(trimmed_value(*text));
    if (!milliseconds && speaks_in_strings(entry.layer)) milliseconds = whole_number(*text);
  }
  if (milliseconds && *milliseconds >= key.least && *milliseconds <= key.most) {
    return SettingValue(*milliseconds);
  }
  return value_error("must be a time from \"" + duration_spelling(key.least) + "\" to \"" +
                     duration_spelling(key.most) + "\" such as \"500ms\", \"1s\" or \"2m\", not " +
                     shown_value(entry.value));
}

Result<std::int64_t> checked_user_id(std::string_view text) {
  if (text.starts_with('@')) {
    return value_error("lists " + shown_text(text) +
                       ": a user name can be given up and taken by somebody else, so only numeric "
                       "ids are accepted (/whoami shows yours)");
  }
  const auto number = whole_number(text);
  if (!number || *number == 0) {
    return value_error("must list numeric ids, not " + shown_text(text) + " (/whoami shows yours)");
  }
  return *number;
}

// A list of numbers, also if it is one alone or written in a text; as words, so that what is no
// number can be quoted.
std::optional<std::vector<std::string>> number_words(const SettingEntry& entry) {
  if (const auto* number = std::get_if<std::int64_t>(&entry.value)) {
    return std::vector<std::string>{std::to_string(*number)};
  }
  if (const auto* text = std::get_if<std::string>(&entry.value)) return comma_separated(*text);
  if (const auto* texts = std::get_if<std::vector<std::string>>(&entry.value)) return *texts;
  const auto* numbers = std::get_if<std::vector<std::int64_t>>(&entry.value);
  if (numbers == nullptr) return std::nullopt;
  std::vector<std::string> words;
  for (const std::int64_t each : *numbers) words.push_back(std::to_string(each));
  return words;
}

Result<SettingValue> checked_ladder(const SettingKey& key, const SettingEntry& entry) {
  const auto words = number_words(entry).value_or(std::vector<std::string>{});
  std::vector<std::int64_t> rungs;
  for (const std::string& word : words) {
    const auto rung = whole_number(word);
    const bool falls = rung && (rungs.empty() || *rung < rungs.back());
    if (!falls || *rung < key.least || *rung > key.most) break;
    rungs.push_back(*rung);
  }
  if (!words.empty() && rungs.size() == words.size() && rungs.size() <= kLadderRungsMax) {
    return SettingValue(std::move(rungs));
  }
  return value_error("must be a list of 1 to " + std::to_string(kLadderRungsMax) +
                     " whole numbers from " + std::to_string(key.most) + " down to " +
                     std::to_string(key.least) + ", each less than the one before, not " +
                     shown_value(entry.value));
}

Result<SettingValue> checked_ids(const SettingEntry& entry) {
  const auto words = number_words(entry);
  if (!words) return value_error("must be a list of numeric ids, not " + shown_value(entry.value));
  if (words->size() > kListItemsMax) {
    return value_error("must list at most " + std::to_string(kListItemsMax) + " ids");
  }
  std::vector<std::int64_t> ids;
  for (const std::string& word : *words) {
    auto id = checked_user_id(word);
    if (!id) return id.error();
    ids.push_back(*id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return SettingValue(std::move(ids));
}

Result<SettingValue> checked_words(const SettingKey& key, const SettingEntry& entry) {
  std::vector<std::string> words;
  if (const auto* texts = std::get_if<std::vector<std::string>>(&entry.value)) {
    words = *texts;
  } else if (const auto* text = std::get_if<std::string>(&entry.value)) {
    words = comma_separated(*text);
  } else {
    return value_error("must be a list of texts, not " + shown_value(entry.value));
  }
  if (words.size() > kListItemsMax) {
    return value_error("must list at most " + std::to_string(kListItemsMax) + " names");
  }
  for (const std::string& word : words) {
    const bool fits = !word.empty() && static_cast<std::int64_t>(word.size()) <= key.most;
    if (!fits || has_control_character(word, "") || word.find(' ') != std::string::npos ||
        !is_utf8_text(word)) {
      return value_error("must list names without spaces of 1 to " + std::to_string(key.most) +
                         " bytes");
    }
    const std::vector<std::string> choices = choices_of(key);
    if (!choices.empty() && std::find(choices.begin(), choices.end(), word) == choices.end()) {
      return value_error("may list " + std::string(key.choices) + ", not " + shown_value(word));
    }
  }
  return SettingValue(std::move(words));
}

// TOML v1.0.0, basic strings.
std::string quoted_for_toml(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += {kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  return out + '"';
}

template <typename T, typename Spell>
std::string list_for_toml(const std::vector<T>& items, Spell spell) {
  std::string out = "[";
  for (std::size_t i = 0; i < items.size(); ++i) out += (i == 0 ? "" : ", ") + spell(items[i]);
  return out + ']';
}

}  // namespace

Result<SettingValue> checked_value(const SettingKey& key, const SettingEntry& entry) {
  switch (key.kind) {
    case SettingKind::kSecret:
      return checked_secret(key, entry);
    case SettingKind::kChoice:
      return checked_choice(key, entry);
    case SettingKind::kNumber:
      return checked_number(key, entry);
    case SettingKind::kMoney:
      return checked_fraction(key, entry, kNanodollarsEach, "a number of dollars");
    case SettingKind::kWeight:
      return checked_fraction(key, entry, kHundredthsEach, "a number");
    case SettingKind::kLadder:
      return checked_ladder(key, entry);
    case SettingKind::kSwitch:
      return checked_switch(entry);
    case SettingKind::kDuration:
      return checked_duration(key, entry);
    case SettingKind::kIds:
      return checked_ids(entry);
    case SettingKind::kWords:
      return checked_words(key, entry);
    case SettingKind::kText:
    case SettingKind::kWord:
    case SettingKind::kUrl:
    case SettingKind::kPath:
      return checked_text(key, entry);
  }
  CHECK(false, "every kind of setting has a check");
}

std::string toml_spelling(SettingKind kind, const SettingValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    if (kind == SettingKind::kDuration) return quoted_for_toml(duration_spelling(*number));
    if (kind == SettingKind::kMoney) return fraction_spelling(*number, kNanodollarsEach);
    if (kind == SettingKind::kWeight) return fraction_spelling(*number, kHundredthsEach);
    return std::to_string(*number);
  }
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* text = std::get_if<std::string>(&value)) return quoted_for_toml(*text);
  if (const auto* ids = std::get_if<std::vector<std::int64_t>>(&value)) {
    return list_for_toml(*ids, [](std::int64_t id) { return std::to_string(id); });
  }
  const auto* words = std::get_if<std::vector<std::string>>(&value);
  CHECK(words != nullptr, "no checked value is a fraction");
  return list_for_toml(*words, quoted_for_toml);
}

std::string masked(std::string_view secret) {
  if (secret.empty()) return {};
  std::string out = "********";
  if (secret.size() >= kMaskSecretBytesMin) {
    out += secret.substr(secret.size() - kMaskShownCharacters);
  }
  return out;
}

}  // namespace daybook
