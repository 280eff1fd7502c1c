// A session as a person reads it: who said what and when, what came of it, and what changed in
// between. The one thing that Markdown and HTML are made from.
//
// Law: whole, across resets, in the order it was recorded, but that a message which waited stands
// where its waiting ended, as in the conversation itself. Commands and notices are left out; what
// they changed is a mark. Words have gone through the redactor already.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/journal_view.h"
#include "tools/redactor.h"
#include "tools/session_events.h"

namespace daybook {

struct TranscriptItem {
  enum class Kind {
    kMessage,  // of a person
    kAnswer,   // of a model
    kMark,     // something changed: `text` alone
  };

  Kind kind = Kind::kMark;
  Seq seq = 0;
  Time time{};
  std::string who;  // a name, or a model
  std::string text;
  std::string reasoning;
  std::string note;  // "900 tokens in, 90 out"; "stopped"; "photo attached"
};

struct Transcript {
  SessionId session = 0;
  std::string place;
  std::vector<TranscriptItem> items;
};

// Up to event `upto`. `redactor` null: words as they are.
Result<Transcript> transcript_of(JournalView& view, SessionId session, const Redactor* redactor,
                                 Seq upto = kToTheEnd);

// "2026-02-03 04:05 UTC"
std::string minute_text(Time time);

// The fence of code that a line opens or closes: "```" or more, or "~~~"; empty: none.
std::string_view fence_mark(std::string_view line);

// ---- a transcript as a page

std::string markdown_of(const Transcript& transcript);

// One self-contained page: everything is escaped, nothing is loaded. A beginning, a section each,
// an end.
std::string html_begin(const std::string& title);
std::string html_section(const Transcript& transcript);
std::string html_end();

}  // namespace daybook
