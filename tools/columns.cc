#include "tools/columns.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace daybook {
namespace {

constexpr std::size_t kUsualWidth = 100;
constexpr std::size_t kLeastWidth = 40;
constexpr std::string_view kBar = " | ";

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

std::size_t places_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !continues(byte); }));
}

// The bytes of so many code points at the front.
std::size_t bytes_of(std::string_view text, std::size_t places) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (!continues(text[at]) && places-- == 0) break;
  }
  return at;
}

void fold_line(std::string_view text, std::size_t width, std::vector<std::string>* lines) {
  while (places_of(text) > width) {
    const std::size_t most = bytes_of(text, width);
    // The blank behind the last place ends a line as well.
    const std::size_t blank = text.rfind(' ', most);
    const bool broken = blank == std::string_view::npos || blank == 0;
    const std::size_t end = broken ? most : blank;
    lines->emplace_back(text.substr(0, end));
    text.remove_prefix(broken ? end : end + 1);
  }
  lines->emplace_back(text);
}

}  // namespace

std::vector<std::string> folded_lines(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  width = std::max<std::size_t>(width, 1);
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    fold_line(text.substr(at, end - at), width, &lines);
    at = end + 1;
  }
  return lines;
}

std::vector<std::string> side_by_side(std::string_view left, std::string_view right,
                                      std::size_t width) {
  const std::size_t half = (std::max(width, kLeastWidth) - kBar.size()) / 2;
  const std::vector<std::string> one = folded_lines(left, half);
  const std::vector<std::string> other = folded_lines(right, half);
  std::vector<std::string> lines;
  for (std::size_t index = 0; index < std::max(one.size(), other.size()); ++index) {
    std::string line = index < one.size() ? one[index] : "";
    line.append(half - places_of(line), ' ');
    line += kBar;
    if (index < other.size()) line += other[index];
    while (line.ends_with(' ')) line.pop_back();
    lines.push_back(std::move(line));
  }
  return lines;
}

std::size_t line_width() {
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= kLeastWidth;
  return known ? size.ws_col : kUsualWidth;
}

}  // namespace daybook
