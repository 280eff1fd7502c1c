// Walking the library's tree once, turning its lines and columns into bytes.
#include "tools/toml_document.h"

#include <algorithm>
#include <optional>

#define TOML_HEADER_ONLY 0
#include <toml++/toml.h>

namespace daybook {
namespace {

constexpr std::size_t kQuotedCharactersMax = 3;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

Error toml_error(const std::string& file, std::uint32_t line, std::string_view why) {
  return {file + ":" + std::to_string(line) + ": " + std::string(why), ExitCode::kSettings};
}

// The library quotes what it stumbled over; a long quotation may be a secret.
std::string without_quotations(std::string_view description) {
  std::string out;
  for (std::size_t i = 0; i < description.size();) {
    const std::size_t close = description[i] == '\'' ? description.find('\'', i + 1) : i;
    if (close == std::string_view::npos) break;
    const bool long_quotation = close > i + 1 + kQuotedCharactersMax;
    out += long_quotation ? "what stands there" : std::string(description.substr(i, close - i + 1));
    i = close + 1;
  }
  return out;
}

// Turns the library's positions (columns count code points, from 1) into bytes.
class TomlPlaces {
 public:
  explicit TomlPlaces(std::string_view text) : text_(text) {
    line_begins_.push_back(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') line_begins_.push_back(i + 1);
    }
  }

  [[nodiscard]] std::size_t byte_of(const toml::source_position& position) const {
    if (position.line == 0 || position.line > line_begins_.size()) return text_.size();
    std::size_t at = line_begins_[position.line - 1];
    for (auto column = position.column; column > 1 && at < text_.size(); --column) {
      ++at;
      while (at < text_.size() && (static_cast<unsigned char>(text_[at]) & 0xc0) == 0x80) ++at;
    }
    return at;
  }

  [[nodiscard]] char at(std::size_t byte) const { return byte < text_.size() ? text_[byte] : '\0'; }

 private:
  std::string_view text_;
  std::vector<std::size_t> line_begins_;
};

// A list of whole numbers keeps its type; any other list of texts and numbers becomes texts.
std::optional<SettingValue> list_value(const toml::array& list) {
  std::vector<std::string> texts;
  std::vector<std::int64_t> numbers;
  for (const toml::node& item : list) {
    if (const auto* text = item.as_string()) {
      texts.push_back(text->get());
    } else if (const auto* number = item.as_integer()) {
      numbers.push_back(number->get());
      texts.push_back(std::to_string(number->get()));
    } else {
      return std::nullopt;
    }
  }
  if (!numbers.empty() && numbers.size() == list.size()) return SettingValue(std::move(numbers));
  return SettingValue(std::move(texts));
}

std::optional<SettingValue> node_value(const toml::node& node) {
  if (const auto* text = node.as_string()) return SettingValue(text->get());
  if (const auto* number = node.as_integer()) return SettingValue(number->get());
  if (const auto* fraction = node.as_floating_point()) return SettingValue(fraction->get());
  if (const auto* flag = node.as_boolean()) return SettingValue(flag->get());
  if (const auto* list = node.as_array()) return list_value(*list);
  return std::nullopt;
}

class TomlWalk {
 public:
  TomlWalk(std::string_view text, const std::string& file) : places_(text), file_(file) {}

  Result<void> walk(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string name = prefix + std::string(key.str());
      if (const auto* inner = node.as_table()) {
        add_section(name, *inner);
        if (auto walked = walk(*inner, name + "."); !walked) return walked;
        continue;
      }
      if (auto added = add_entry(name, key, node); !added) return added;
    }
    return {};
  }

  TomlDocument take() {
    std::sort(document_.entries.begin(), document_.entries.end(),
              [](const TomlEntry& left, const TomlEntry& right) {
                return left.key_begin < right.key_begin;
              });
    return std::move(document_);
  }

 private:
  void add_section(const std::string& name, const toml::table& table) {
    TomlSection section{name, TomlTable::kDotted, places_.byte_of(table.source().begin),
                        places_.byte_of(table.source().end)};
    if (table.is_inline()) {
      section.table = TomlTable::kInline;
    } else if (places_.at(section.begin) == '[') {
      section.table = TomlTable::kHeader;
    }
    document_.sections.push_back(std::move(section));
  }

  Result<void> add_entry(const std::string& name, const toml::key& key, const toml::node& node) {
    const auto line = static_cast<std::uint32_t>(key.source().begin.line);
    auto value = node_value(node);
    if (!value) {
      return toml_error(file_, line,
                        "a setting is a text, a number, true, false or a list of texts or whole "
                        "numbers, and this is something else.");
    }
    document_.entries.push_back({name, std::move(*value), line, places_.byte_of(key.source().begin),
                                 places_.byte_of(node.source().begin),
                                 places_.byte_of(node.source().end)});
    return {};
  }

  TomlPlaces places_;
  const std::string& file_;
  TomlDocument document_;
};

}  // namespace

Result<TomlDocument> parse_toml(std::string_view text, const std::string& file) {
  if (text.size() > kTomlBytesMax) return toml_error(file, 1, "the file is larger than 1 MiB.");
  toml::table table;
  try {
    table = toml::parse(text, std::string_view(file));
  } catch (const toml::parse_error& error) {
    return toml_error(file, static_cast<std::uint32_t>(error.source().begin.line),
                      "this is not TOML: " + without_quotations(error.description()) + ".");
  }
  TomlWalk walk(text, file);
  if (auto walked = walk.walk(table, ""); !walked) return walked.error();
  return walk.take();
}

}  // namespace daybook
