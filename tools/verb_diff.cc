// `daybook diff`: two prompts, states or branches, and why they differ.
#include "core/codec.h"
#include "core/notation.h"
#include "tools/difference.h"
#include "tools/figures.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/subject.h"
#include "tools/tool.h"

namespace daybook {
namespace {

constexpr std::size_t kWordsShown = 60;

// A seq is a turn, by any of its events, unless it is a session's; everything else a session.
Result<Side> side_of(JournalView& view, const std::string& what) {
  const Seq seq = parse_seq(what);
  if (seq == 0 || view.gateway().directory().session(seq) != nullptr) {
    auto moment = session_moment_of(view, what);
    if (!moment) return moment.error();
    return state_side(view, *moment);
  }
  auto event = view.event(seq);
  if (!event) return event.error();
  auto turn = find_subject(view, *event);
  if (!turn) return turn.error();
  if (turn->has_turn_started()) return prompt_side(view, *turn);
  return Error{"event " + what + " belongs to notice " + std::to_string(turn->seq()) +
                   ", for which no model was asked",
               ExitCode::kUsage};
}

std::string change_text(const Change& change) {
  const char* sign = change.sign == Change::Sign::kGone    ? "- "
                     : change.sign == Change::Sign::kAdded ? "+ "
                                                           : "  ";
  const Line& line = change.line;
  std::string text = sign + right(std::to_string(line.seq), 6) + "  " + left(line.role, 10) + "\"" +
                     escaped(line.text, kWordsShown) + "\"";
  if (!change.why.empty()) text += "  (" + change.why + ")";
  return text;
}

void print_changes(const Tool& tool, const Side& one, const Side& other,
                   const std::vector<Change>& changes) {
  print_line(red(tool, "--- " + one.name));
  print_line(green(tool, "+++ " + other.name));
  std::uint64_t same = 0;
  for (const Change& change : changes) {
    const std::string text = terminal_text(change_text(change));
    if (change.sign == Change::Sign::kSame) {
      ++same;
      print_line(dimmed(tool, text));
    } else {
      print_line(change.sign == Change::Sign::kGone ? red(tool, text) : green(tool, text));
    }
  }
  const std::uint64_t differing = changes.size() - same;
  print_line(count_text(same, "line") + " the same, " +
             (differing == 0 ? "none differs" : count_text(differing) + " differ"));
}

void print_changes_json(const Side& one, const Side& other, const std::vector<Change>& changes) {
  print_json({{"from", one.name}, {"to", other.name}});
  for (const Change& change : changes) {
    const char* sign = change.sign == Change::Sign::kGone    ? "gone"
                       : change.sign == Change::Sign::kAdded ? "added"
                                                             : "same";
    print_json({{"change", sign},
                {"role", change.line.role},
                {"seq", change.line.seq},
                {"kind", change.line.kind},
                {"why", change.why},
                {"text", change.line.text}});
  }
}

Result<void> run_diff(const Tool& tool, const std::string& from, const std::string& to) {
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  auto one = side_of(**view, from);
  if (!one) return one.error();
  auto other = side_of(**view, to);
  if (!other) return other.error();
  const std::vector<Change> changes = difference(*one, *other);
  if (tool.json) {
    print_changes_json(*one, *other, changes);
  } else {
    print_changes(tool, *one, *other, changes);
  }
  return {};
}

}  // namespace

void add_diff(CLI::App& app, Tool& tool) {
  CLI::App* verb =
      add_verb(app, "diff", Group::kRead,
               "two prompts, or a session then and now: what differs, and by which rule",
               "daybook diff 42 57; daybook diff telegram:12345@1d telegram:12345");
  const auto from = std::make_shared<std::string>();  // lives as long as the callback
  const auto to = std::make_shared<std::string>();
  verb->add_option("one", *from,
                   "a turn's number (or any of its events), SESSION@MOMENT, or a session")
      ->required();
  verb->add_option("other", *to,
                   "what it is compared with: likewise a turn, SESSION@MOMENT, or a session")
      ->required();
  verb->add_flag("--json", tool.json, "one JSON object a line");
  verb->callback([&tool, from, to] {
    tool.chosen = [&tool, from, to] { return run_diff(tool, *from, *to); };
  });
}

}  // namespace daybook
