// The reader: one pass to tell the parts of a text apart, one to match braces.
//
// Rejected: a real parser. libclang would see more, cost seconds a file, and need the build to be
// right before it could say that it is not.
#include "tests/house_reader.h"

#include <algorithm>
#include <cctype>

namespace daybook::house {
namespace {

// Tells comments, literals, preprocessor lines and code apart, one character at a time.
class Reader {
 public:
  enum class Part : char { kCode, kComment, kLiteral, kDirective };

  explicit Reader(std::string_view text) : text_(text), parts_(text.size(), Part::kCode) {
    while (at_ < text_.size()) step();
  }

  [[nodiscard]] std::string only(Part wanted) const {
    std::string kept(text_);
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (parts_[i] != wanted && kept[i] != '\n') kept[i] = ' ';
    }
    return kept;
  }

 private:
  [[nodiscard]] bool here(std::string_view word) const {
    return text_.substr(at_).starts_with(word);
  }
  void take(std::size_t end, Part part) {
    end = std::min(end, text_.size());
    std::fill(parts_.begin() + static_cast<std::ptrdiff_t>(at_),
              parts_.begin() + static_cast<std::ptrdiff_t>(end), part);
    at_ = end;
  }
  [[nodiscard]] std::size_t past(std::string_view mark, std::size_t from) const {
    const std::size_t found = text_.find(mark, from);
    return found == std::string_view::npos ? text_.size() : found + mark.size();
  }
  [[nodiscard]] bool line_begins() const {
    const std::string_view head = text_.substr(0, at_);
    const std::size_t last = head.find_last_not_of(" \t");
    return last == std::string_view::npos || head[last] == '\n';
  }
  [[nodiscard]] std::size_t literal_end() const {
    std::size_t i = at_ + 1;
    while (i < text_.size() && text_[i] != text_[at_] && text_[i] != '\n') {
      i += text_[i] == '\\' ? 2 : 1;
    }
    return i + 1;
  }
  [[nodiscard]] std::size_t directive_end() const {
    std::size_t end = at_;
    while ((end = text_.find('\n', end)) != std::string_view::npos && text_[end - 1] == '\\') ++end;
    return end;
  }
  void step() {
    const char c = text_[at_];
    if (here("//")) {
      take(text_.find('\n', at_), Part::kComment);
    } else if (here("/*")) {
      take(past("*/", at_ + 2), Part::kComment);
    } else if (here("R\"")) {
      const std::size_t open = text_.find('(', at_);
      const std::string mark = ")" + std::string(text_.substr(at_ + 2, open - at_ - 2)) + "\"";
      take(past(mark, open), Part::kLiteral);
    } else if (c == '"' || (c == '\'' && (at_ == 0 || !is_identifier(text_[at_ - 1])))) {
      take(literal_end(), Part::kLiteral);
    } else if (c == '#' && line_begins()) {
      take(directive_end(), Part::kDirective);
    } else {
      ++at_;
    }
  }

  std::string_view text_;
  std::vector<Part> parts_;
  std::size_t at_ = 0;
};

// Walks a file's blocks and measures those that are neither a namespace nor a type.
class Blocks {
 public:
  explicit Blocks(std::string_view code) : code_(code) {}

  void each(const VisitFunction& visit) {
    while (at_ < code_.size()) {
      const char c = code_[at_];
      if (c == ';' || c == '}') {
        head_ = ++at_;
      } else if (c == '{' && is_scope()) {
        head_ = ++at_;
      } else if (c == '{') {
        close(visit);
      } else {
        ++at_;
      }
    }
  }

 private:
  [[nodiscard]] bool is_scope() const {
    const std::string_view head = code_.substr(head_, at_ - head_);
    const std::vector<Word> words = words_of(head);
    if (words.empty()) return false;
    const bool function = head.find('(') != std::string_view::npos;
    return std::any_of(words.begin(), words.end(), [&](const Word& word) {
      return word.text == "namespace" || word.text == "extern" ||
             (!function && (word.text == "class" || word.text == "struct" || word.text == "union" ||
                            word.text == "enum"));
    });
  }
  void close(const VisitFunction& visit) {
    int depth = 0;
    do {
      depth += code_[at_] == '{' ? 1 : code_[at_] == '}' ? -1 : 0;
      ++at_;
    } while (depth > 0 && at_ < code_.size());
    const std::size_t next = code_.find_first_not_of(" \n\t", at_);
    // `: a_{1}, b_{2} {`: a constructor's list goes on after its braces.
    const bool goes_on =
        next != std::string_view::npos && (code_[next] == ',' || code_[next] == '{');
    if (goes_on) return;
    for (std::string_view label : {"public:", "private:", "protected:"}) {
      const std::size_t found = code_.substr(0, at_).rfind(label);
      if (found != std::string_view::npos && found >= head_) head_ = found + label.size();
    }
    const std::string_view head = code_.substr(head_, at_ - head_);
    const std::size_t first = head_ + std::min(head.find_first_not_of(" \n\t"), head.size());
    if (head.find('(') != std::string_view::npos) visit(first, at_ - 1);
    head_ = at_;
  }

  std::string_view code_;
  std::size_t at_ = 0;
  std::size_t head_ = 0;
};

}  // namespace

bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](auto end) { return text.ends_with(end); });
}

bool is_identifier(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::size_t line_at(std::string_view text, std::size_t position) {
  return 1 + static_cast<std::size_t>(std::count(
                 text.begin(), text.begin() + static_cast<std::ptrdiff_t>(position), '\n'));
}

std::vector<Include> includes_of(std::string_view text) {
  std::vector<Include> found;
  std::size_t number = 0;
  for (std::string_view line : lines_of(text)) {
    ++number;
    if (!line.starts_with("#include ")) continue;
    line.remove_prefix(std::string_view("#include ").size());
    if (line.empty()) continue;
    const std::size_t end = line.find(line[0] == '<' ? '>' : '"', 1);
    found.push_back({std::string(line.substr(1, end - 1)), line[0] == '"', number});
  }
  return found;
}

std::vector<Word> words_of(std::string_view code) {
  std::vector<Word> words;
  for (std::size_t i = 0; i < code.size();) {
    if (!is_identifier(code[i])) {
      ++i;
      continue;
    }
    const std::size_t begin = i;
    while (i < code.size() && is_identifier(code[i])) ++i;
    words.push_back({code.substr(begin, i - begin), begin});
  }
  return words;
}

std::string_view before(std::string_view code, std::size_t position) {
  std::string_view head = code.substr(0, position);
  while (!head.empty() && std::isspace(static_cast<unsigned char>(head.back())) != 0) {
    head.remove_suffix(1);
  }
  return head;
}
std::string_view after(std::string_view code, const Word& word) {
  std::string_view tail = code.substr(word.position + word.text.size());
  while (!tail.empty() && std::isspace(static_cast<unsigned char>(tail.front())) != 0) {
    tail.remove_prefix(1);
  }
  return tail;
}

std::string code_of(std::string_view text) { return Reader(text).only(Reader::Part::kCode); }
std::string comments_of(std::string_view text) { return Reader(text).only(Reader::Part::kComment); }

void each_function(std::string_view code, const VisitFunction& visit) { Blocks(code).each(visit); }

}  // namespace daybook::house
