// Markdown that reads well as it is and as a page: people are quoted, answers stand as the model
// wrote them, in Markdown too.
#include <algorithm>

#include "tools/transcript.h"

namespace daybook {
namespace {

// A fence that an answer opened and did not close would swallow all that follows.
std::string with_closed_fences(const std::string& text) {
  std::string_view fence;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view mark = fence_mark(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const bool closes = !fence.empty() && mark.size() >= fence.size() && mark[0] == fence[0];
    if (fence.empty() || closes) fence = closes ? std::string_view() : mark;
  }
  return fence.empty() ? text : text + "\n" + std::string(fence);
}

std::string quoted_lines(const std::string& text) {
  std::string out;
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out += "> " + text.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

std::string heading(const TranscriptItem& item) {
  std::string line =
      "**" + item.who + "** · " + minute_text(item.time) + " · event " + std::to_string(item.seq);
  if (!item.note.empty()) line += " · " + item.note;
  return line + "\n\n";
}

std::string folded(const std::string& title, const std::string& text) {
  if (text.empty()) return {};
  return "<details><summary>" + title + "</summary>\n\n" + with_closed_fences(text) +
         "\n\n</details>\n\n";
}

std::string item_text(const TranscriptItem& item) {
  switch (item.kind) {
    case TranscriptItem::Kind::kMessage:
      return heading(item) + quoted_lines(item.text) + "\n";
    case TranscriptItem::Kind::kAnswer:
      return heading(item) + folded("Reasoning", item.reasoning) + with_closed_fences(item.text) +
             "\n\n";
    case TranscriptItem::Kind::kMark:
      return "*" + item.text + "* · " + minute_text(item.time) + "\n\n" +
             folded("Summary", item.reasoning);
  }
  return {};
}

}  // namespace

std::string markdown_of(const Transcript& transcript) {
  std::string page = "# " + transcript.place + "\n\nSession " + std::to_string(transcript.session);
  if (!transcript.items.empty()) {
    page += ", " + minute_text(transcript.items.front().time) + " to " +
            minute_text(transcript.items.back().time);
  }
  page += "\n\n---\n\n";
  for (const TranscriptItem& item : transcript.items) page += item_text(item);
  return page;
}

}  // namespace daybook
