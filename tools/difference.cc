#include "tools/difference.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/codec.h"
#include "core/context.h"
#include "core/parts.h"
#include "core/sha256.h"
#include "core/told.h"
#include "core/tree.h"

namespace daybook {
namespace {

// Longest common subsequences are looked for in tables up to this size.
constexpr std::size_t kTableMax = 4u << 20;

Result<Line> line_of(JournalView& view, std::string role, Seq seq) {
  auto event = view.event(seq);
  if (!event) return event.error();
  return Line{std::move(role), seq, kind_name(*event), told_text(*event)};
}

std::string role_of(const Entry& entry) {
  return entry.role() == Entry::USER ? "user" : "assistant";
}

// The model in force after the session's event `upto`: chosen in the chat, or by the settings.
Result<Line> model_line(JournalView& view, const SessionState& state, Seq upto,
                        const std::string& model) {
  Seq seq = state.seq();
  while (!state.model().empty() && seq != 0) {
    auto event = view.event(seq);
    if (!event) return event.error();
    if (event->has_model_switched()) return Line{"model", seq, kind_name(*event), model};
    seq = event->prev();
  }
  auto settings = view.newest(Event::kSettingsLoaded, upto);
  if (!settings) return settings.error();
  const Seq loaded = settings->has_value() ? (*settings)->seq() : 0;
  return Line{"model", loaded, "SettingsLoaded", model};
}

Result<void> add_lines(JournalView& view, const SessionState& state, int first, int last,
                       std::vector<Line>* lines) {
  for (int index = first; index < last; ++index) {
    auto line = line_of(view, role_of(state.entries(index)), state.entries(index).seq());
    if (!line) return line.error();
    lines->push_back(*std::move(line));
  }
  return {};
}

Result<void> add_summary(JournalView& view, const SessionState& state, std::vector<Line>* lines) {
  if (state.summary() == 0) return {};
  auto words = view.event(state.summary_text());
  if (!words) return words.error();
  lines->push_back({"summary", state.summary(), "CompactionCompleted", words->content().text()});
  return {};
}

// Of the parts that begin before this position, those that were not added yet.
Result<void> add_parts(JournalView& view, const std::vector<ToldPart>& parts, int before,
                       std::size_t* added, std::vector<Line>* lines) {
  for (; *added < parts.size() && parts[*added].begin < before; ++*added) {
    auto words = view.event(parts[*added].text);
    if (!words) return words.error();
    lines->push_back(
        {"summary", parts[*added].completed, "CompactionCompleted", words->content().text()});
  }
  return {};
}

std::string event_text(const Line& line) { return line.kind + " " + std::to_string(line.seq); }

const Line* line_with_role(const Side& side, const std::string& role) {
  const auto found = std::find_if(side.lines.begin(), side.lines.end(),
                                  [&](const Line& line) { return line.role == role; });
  return found == side.lines.end() ? nullptr : &*found;
}

// Why an entry of the same conversation stands not in `side`.
std::string why_entry_absent(const Line& line, const Side& side) {
  const SessionState& state = side.state;
  const auto waits = [&](const Waiting& waiting) { return waiting.seq() == line.seq; };
  if (line.seq > side.upto) return "said later, in " + event_text(line);
  if (std::any_of(state.waiting().begin(), state.waiting().end(), waits)) {
    return "it waited for its turn then";
  }
  const int position = position_after(state, line.seq);
  if (position == 0 && state.reset_at() > line.seq) {
    return "a new conversation began in SessionReset " + std::to_string(state.reset_at());
  }
  if (position == 0 && find_entry(state, line.seq) != nullptr) return "on another branch";
  if (position == 0 && line.text == kErasedText) return "its words are erased";
  if (position == 0) return "not said in session " + std::to_string(state.id());
  if (side.residency.empty()) return "not taken";
  const EntryResidency& one = side.residency[static_cast<std::size_t>(position - 1)];
  if (one.told_by != 0) {
    return "replaced by the summary of CompactionCompleted " + std::to_string(one.told_by);
  }
  if (one.residency == Residency::kLeftOut) {
    return "dropped by " + side.rule + " in " +
           (side.dropped_by == side.turn ? "TurnStarted " : "ContextTruncated ") +
           std::to_string(side.dropped_by);
  }
  if (side.compaction != 0) {
    return "outside the range of CompactionStarted " + std::to_string(side.compaction);
  }
  return "not taken";
}

// Why a line of one side is not in the other. `gone`: the other side is the later one to look at.
std::string why_absent(const Line& line, const Side& side, bool gone) {
  if (line.role == "user" || line.role == "assistant") {
    const std::string why = why_entry_absent(line, side);
    return gone || line.seq <= side.upto ? why : event_text(line);
  }
  if (line.role == "waiting") return gone ? "taken up" : event_text(line);
  if (!gone) return "from " + event_text(line);
  const Line* other = line_with_role(side, line.role);
  if (other == nullptr && line.role == "summary" && side.state.reset_at() > line.seq) {
    return "a new conversation began in SessionReset " + std::to_string(side.state.reset_at());
  }
  return other == nullptr ? "not there" : "replaced by " + event_text(*other);
}

// ---- alignment

std::vector<std::string> keys_of(const Side& side, bool by_words) {
  std::vector<std::string> keys;
  for (const Line& line : side.lines) {
    const bool entry = line.role == "user" || line.role == "assistant" || line.role == "waiting";
    const Digest digest = sha256(line.text);
    keys.push_back(line.role +
                   (entry && !by_words ? std::to_string(line.seq) : std::string(view(digest))));
  }
  return keys;
}

bool share_events(const Side& one, const Side& other) {
  std::set<Seq> seqs;
  for (const Entry& entry : one.state.entries()) seqs.insert(entry.seq());
  return one.state.id() == other.state.id() ||
         std::any_of(other.state.entries().begin(), other.state.entries().end(),
                     [&](const Entry& entry) { return seqs.contains(entry.seq()); });
}

// Pairs of positions that hold the same line, in order: the longest row of them.
using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;
Pairs common_rows(const std::vector<std::string>& one, const std::vector<std::string>& other) {
  const std::size_t width = other.size() + 1;
  std::vector<std::uint32_t> table((one.size() + 1) * width);
  for (std::size_t i = one.size(); i-- > 0;) {
    for (std::size_t j = other.size(); j-- > 0;) {
      table[i * width + j] = one[i] == other[j]
                                 ? table[(i + 1) * width + j + 1] + 1
                                 : std::max(table[(i + 1) * width + j], table[i * width + j + 1]);
    }
  }
  Pairs pairs;
  for (std::size_t i = 0, j = 0; i < one.size() && j < other.size();) {
    if (one[i] == other[j]) {
      pairs.emplace_back(i++, j++);
    } else if (table[(i + 1) * width + j] >= table[i * width + j + 1]) {
      ++i;
    } else {
      ++j;
    }
  }
  return pairs;
}

// For what is too long for a table: each line is paired with the first one like it that is left.
Pairs first_rows(const std::vector<std::string>& one, const std::vector<std::string>& other) {
  std::map<std::string, std::vector<std::size_t>> places;
  for (std::size_t j = other.size(); j-- > 0;) places[other[j]].push_back(j);
  Pairs pairs;
  std::size_t from = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    auto& found = places[one[i]];
    while (!found.empty() && found.back() < from) found.pop_back();
    if (found.empty()) continue;
    pairs.emplace_back(i, found.back());
    from = found.back() + 1;
  }
  return pairs;
}

}  // namespace

Result<Side> prompt_side(JournalView& view, const Event& turn) {
  auto rebuilt = rebuild_prompt(turn, view.gateway());
  if (!rebuilt) return rebuilt.error();
  const TurnStarted& started = turn.turn_started();
  const Selection& selection = rebuilt->built.selection;
  Side side;
  side.name = "the prompt of turn " + std::to_string(turn.seq());
  side.upto = side.turn = turn.seq();
  side.state = std::move(rebuilt->state);
  side.residency = residency_of(side.state, started);
  side.rule = selection.rule;
  side.compaction = started.compaction();
  side.dropped_by = turn.seq();
  if (auto before = view.event(turn.prev()); before && before->has_context_truncated()) {
    side.dropped_by = before->seq();
  }
  auto model =
      model_line(view, side.state, turn.seq(), started.model() + " of " + started.provider());
  if (!model) return model.error();
  side.lines.push_back(*std::move(model));
  if (started.kind() == ANSWER) {
    side.lines.push_back({"policy", turn.seq(), "TurnStarted", started.policy()});
    side.lines.push_back({"system", system_event(started),
                          started.system() == 0 ? "SettingsLoaded" : "SettingChanged",
                          rebuilt->built.prompt.system});
  }
  if (started.summary() != 0) {
    if (auto added = add_summary(view, side.state, &side.lines); !added) return added.error();
  }
  const std::vector<ToldPart> told = told_parts(side.state, started);
  std::size_t parts = 0;
  for (const Range& range : selection.taken) {
    auto part =
        add_parts(view, told, position_after(side.state, range.last()), &parts, &side.lines);
    if (!part) return part.error();
    auto added = add_lines(view, side.state, position_after(side.state, range.first()) - 1,
                           position_after(side.state, range.last()), &side.lines);
    if (!added) return added.error();
  }
  return side;
}

Result<Side> state_side(JournalView& view, const SessionMoment& moment) {
  auto session = view.session(moment.session, moment.upto);
  if (!session) return session.error();
  Side side;
  side.state = session->state();
  side.upto = std::max(moment.upto, side.state.seq());
  side.name = "session " + std::to_string(moment.session) + " after event " +
              std::to_string(std::min(moment.upto, view.log().last()));
  std::string name = side.state.model();
  if (name.empty()) {
    auto settings = view.newest(Event::kSettingsLoaded, moment.upto);
    if (!settings) return settings.error();
    if (settings->has_value()) name = (*settings)->settings_loaded().model();
  }
  auto model = model_line(view, side.state, moment.upto, name);
  if (!model) return model.error();
  side.lines.push_back(*std::move(model));
  if (auto added = add_summary(view, side.state, &side.lines); !added) return added.error();
  auto added = add_lines(view, side.state, 0, side.state.entries_size(), &side.lines);
  if (!added) return added.error();
  for (const Waiting& waiting : side.state.waiting()) {
    auto line = line_of(view, "waiting", waiting.seq());
    if (!line) return line.error();
    side.lines.push_back(*std::move(line));
  }
  return side;
}

std::vector<Change> difference(const Side& one, const Side& other) {
  const bool by_words = !share_events(one, other);
  const auto keys = keys_of(one, by_words);
  const auto other_keys = keys_of(other, by_words);
  const bool small = (keys.size() + 1) * (other_keys.size() + 1) <= kTableMax;
  Pairs pairs = small ? common_rows(keys, other_keys) : first_rows(keys, other_keys);
  pairs.emplace_back(keys.size(), other_keys.size());
  std::vector<Change> changes;
  std::size_t i = 0;
  std::size_t j = 0;
  for (const auto& [mine, theirs] : pairs) {
    for (; i < mine; ++i) {
      changes.push_back({Change::Sign::kGone, one.lines[i],
                         by_words ? "" : why_absent(one.lines[i], other, true)});
    }
    for (; j < theirs; ++j) {
      changes.push_back({Change::Sign::kAdded, other.lines[j],
                         by_words ? "" : why_absent(other.lines[j], one, false)});
    }
    if (mine < keys.size()) changes.push_back({Change::Sign::kSame, one.lines[mine], ""});
    i = mine + 1;
    j = theirs + 1;
  }
  return changes;
}

}  // namespace daybook
