// By reflection over ModelRow: a field that is added to it can be written here at once.
#include "tools/prices.h"

#include <charconv>
#include <fstream>
#include <sstream>
#include <vector>

#include "core/model.h"
#include "core/notation.h"
#include "core/settings.h"

namespace daybook {
namespace {

using google::protobuf::FieldDescriptor;

// Sets the field that the word names; the answer is what is wrong with it, empty if nothing is.
std::string set_field(std::string_view word, ModelRow* row) {
  const auto& descriptor = *ModelRow::descriptor();
  const std::size_t sign = word.find('=');
  const std::string name(word.substr(0, sign));
  const FieldDescriptor* field = descriptor.FindFieldByName(name);
  if (sign == std::string_view::npos || field == nullptr) {
    std::vector<std::string> names;
    for (int i = 0; i < descriptor.field_count(); ++i) names.push_back(descriptor.field(i)->name());
    const std::string close = nearest(name, names);
    return "\"" + escaped(word, 60) + "\" is no field of a row" +
           (close.empty() ? "; write id=MODEL input_nanodollars=N output_nanodollars=N"
                          : "; did you mean " + close + "=?");
  }
  const std::string_view value = word.substr(sign + 1);
  const auto& reflection = *row->GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    reflection.SetString(row, field, std::string(value));
    return {};
  }
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool small = field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32;
  if (error != std::errc() || end != value.data() + value.size() ||
      (small && number > UINT32_MAX)) {
    return name + " wants a whole number, not \"" + escaped(value, 40) + "\"";
  }
  if (small) {
    reflection.SetUInt32(row, field, static_cast<std::uint32_t>(number));
  } else {
    reflection.SetUInt64(row, field, number);
  }
  return {};
}

}  // namespace

Result<CatalogueLoaded> parse_prices(std::string_view text, const std::string& file) {
  CatalogueLoaded prices;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line.substr(0, line.find('#')));
    ModelRow row;
    std::string wrong;
    bool written = false;
    for (std::string word; wrong.empty() && words >> word; written = true) {
      wrong = set_field(word, &row);
    }
    if (wrong.empty() && written && row.id().empty()) wrong = "the row names no model: id=MODEL";
    if (!wrong.empty()) {
      const std::string place = std::to_string(number);
      return Error{std::string(file).append(":").append(place).append(": ").append(wrong),
                   ExitCode::kUsage};
    }
    if (written) *prices.add_rows() = std::move(row);
  }
  if (prices.rows_size() == 0) {
    return Error{
        file + " holds no price; `daybook usage --print-prices` writes a table to begin with",
        ExitCode::kUsage};
  }
  return prices;
}

Result<CatalogueLoaded> read_prices(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) return Error{"cannot read the prices in " + file, ExitCode::kUsage};
  return parse_prices(text.str(), file);
}

std::string prices_text(const CatalogueLoaded& prices) {
  std::string text;
  for (const ModelRow& row : prices.rows()) {
    if (says_anything(row)) text += notation_fields(row) + "\n";
  }
  return text;
}

}  // namespace daybook
