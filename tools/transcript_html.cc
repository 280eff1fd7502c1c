// One page that a person would print. Of Markdown it shows what matters on paper: code, headings,
// bold; everything else stands as it was written.
//
// Law: no byte of a journal reaches the page unescaped, and the page may load nothing: its own
// policy forbids it.
#include <algorithm>

#include "tools/transcript.h"

namespace daybook {
namespace {

constexpr std::string_view kPageHead =
    R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="daybook">
<title>)";
constexpr std::string_view kPageStyle =
    R"(</title>
<style>
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff;
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 2.5rem 0 0; }
.where, .head, .mark { color: #666; font-size: .85rem; }
.head b { color: #1a1a1a; font-size: 1rem; }
article { margin: 1.4rem 0; break-inside: avoid-page; }
.person .words { background: #f1f4f8; border-radius: .6rem; padding: .6rem .9rem; }
.words { white-space: pre-wrap; overflow-wrap: anywhere; margin-top: .3rem; }
.words strong.title { font-size: 1.1rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f6f6f6; padding: .7rem .9rem;
  border: 1px solid #e2e2e2; border-radius: .4rem; margin: .4rem 0; }
pre, code { font: .875rem/1.45 ui-monospace, monospace; }
code { background: #f6f6f6; }
details { margin: .4rem 0; color: #555; font-size: .9rem; }
summary { cursor: pointer; }
.mark { text-align: center; border-top: 1px solid #ddd; padding-top: .5rem; }
@media print { body { max-width: none; margin: 0; font-size: 11pt; } h1 { break-before: page; }
  h1:first-of-type { break-before: auto; } }
@media (prefers-color-scheme: dark) and (not print) { body { background: #161616; color: #e6e6e6; }
  .head b { color: #e6e6e6; } .person .words { background: #24282e; }
  pre, code { background: #222; border-color: #333; }
  .where, .head, .mark, details { color: #999; } }
</style>
</head>
<body>
)";

std::string escaped_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F) {
      out += "\xEF\xBF\xBD";  // no control character has a place on a page
    } else {
      out += c;
    }
  }
  return out;
}

// `code` and **bold** within a line; what is not closed stays as it is.
std::string inline_html(std::string_view line) {
  std::string out;
  while (!line.empty()) {
    const bool bold = line.starts_with("**");
    const bool code = line[0] == '`';
    const std::string_view mark = bold ? "**" : "`";
    const std::size_t end = bold || code ? line.find(mark, mark.size()) : std::string_view::npos;
    if (end == std::string_view::npos || end == mark.size()) {
      const std::size_t plain = std::min(line.find_first_of("*`", 1), line.size());
      out += escaped_html(line.substr(0, plain));
      line.remove_prefix(plain);
      continue;
    }
    const std::string inner = escaped_html(line.substr(mark.size(), end - mark.size()));
    out += bold ? "<strong>" + inner + "</strong>" : "<code>" + inner + "</code>";
    line.remove_prefix(end + mark.size());
  }
  return out;
}

std::string line_html(std::string_view line) {
  const std::size_t marks = std::min(line.find_first_not_of('#'), line.size());
  const bool title = marks >= 1 && marks <= 6 && marks < line.size() && line[marks] == ' ';
  if (!title) return inline_html(line);
  return "<strong class=\"title\">" + inline_html(line.substr(marks + 1)) + "</strong>";
}

std::string words_html(std::string_view text) {
  std::string out = "<div class=\"words\">";
  std::string_view fence;
  bool first = true;  // of its block: newlines stand between lines, not around blocks
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view mark = fence_mark(line);
    const bool opens = fence.empty() && !mark.empty();
    const bool closes = !fence.empty() && mark.size() >= fence.size() && mark[0] == fence[0];
    if (opens || closes) {
      out += opens ? "<pre><code>" : "</code></pre>";
      fence = opens ? mark : std::string_view();
      first = true;
      continue;
    }
    if (!first) out += "\n";
    out += fence.empty() ? line_html(line) : escaped_html(line);
    first = false;
  }
  if (!fence.empty()) out += "</code></pre>";
  return out + "</div>\n";
}

std::string folded_html(std::string_view title, const std::string& text) {
  if (text.empty()) return {};
  return "<details><summary>" + std::string(title) + "</summary>" + words_html(text) +
         "</details>\n";
}

std::string item_html(const TranscriptItem& item) {
  const std::string when = minute_text(item.time);
  if (item.kind == TranscriptItem::Kind::kMark) {
    return "<article class=\"mark\">" + escaped_html(item.text) + " " + when +
           folded_html("Summary", item.reasoning) + "</article>\n";
  }
  const bool person = item.kind == TranscriptItem::Kind::kMessage;
  std::string out = person ? "<article class=\"person\">" : "<article class=\"model\">";
  out += "<div class=\"head\"><b>" + escaped_html(item.who) + "</b> " + when + ", event " +
         std::to_string(item.seq);
  if (!item.note.empty()) out += ", " + escaped_html(item.note);
  out += "</div>\n" + folded_html("Reasoning", item.reasoning);
  if (!item.text.empty()) out += words_html(item.text);
  return out + "</article>\n";
}

}  // namespace

std::string html_begin(const std::string& title) {
  return std::string(kPageHead) + escaped_html(title) + std::string(kPageStyle);
}

std::string html_section(const Transcript& transcript) {
  std::string out = "<h1>" + escaped_html(transcript.place) +
                    "</h1>\n<div class=\"where\">Session " + std::to_string(transcript.session);
  if (!transcript.items.empty()) {
    out += ", " + minute_text(transcript.items.front().time) + " to " +
           minute_text(transcript.items.back().time);
  }
  out += "</div>\n";
  for (const TranscriptItem& item : transcript.items) out += item_html(item);
  return out;
}

std::string html_end() { return "</body>\n</html>\n"; }

}  // namespace daybook
