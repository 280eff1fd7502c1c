#include "core/parts.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/layout.h"

namespace daybook {

namespace {

constexpr int kExchangeEntries = 2;

// One past the last entry of the part that begins here; 0: it would reach into what begins at
// `end`.
int part_end(const SessionState& session, int begin, int end, const PolicyTuning& tuning) {
  const int entries = static_cast<int>(std::min<std::uint32_t>(tuning.part_entries(), 1U << 30));
  std::uint32_t tokens = 0;
  for (int position = begin; position < end; ++position) {
    const Entry& entry = session.entries(position);
    tokens += entry.tokens();
    const bool many = position - begin + 1 >= entries && tokens >= tuning.part_tokens_min();
    const bool whole = entry.role() == Entry::ASSISTANT && position > begin;
    if (whole && (many || tokens >= tuning.part_tokens())) return position + 1;
  }
  return 0;
}

int covered(const SessionState& session) {
  return session.summary() == 0 ? 0 : position_after(session, session.summary_last());
}

}  // namespace

std::vector<ToldPart> parts_of(const SessionState& session) {
  std::unordered_map<Seq, const SummaryRow*> ends;
  for (const SummaryRow& row : session.summaries()) {
    if (row.first() != 0 && row.behind() == 0) ends.try_emplace(row.last(), &row);
  }
  std::vector<ToldPart> parts;
  if (ends.empty()) return parts;
  std::unordered_map<Seq, int> begins;
  for (const auto& [last, row] : ends) begins.try_emplace(row->first(), -1);
  int told = covered(session);
  for (int position = 0; position < session.entries_size(); ++position) {
    const Seq seq = session.entries(position).seq();
    if (const auto begin = begins.find(seq); begin != begins.end()) begin->second = position;
    const auto found = ends.find(seq);
    if (found == ends.end()) continue;
    const SummaryRow& row = *found->second;
    const int begin = begins.at(row.first());
    if (begin < told) continue;  // its first entry is gone, or told by something else
    parts.push_back({begin, position + 1, row.completed(), row.text(), row.tokens()});
    told = position + 1;
  }
  return parts;
}

std::optional<ToldPart> next_part(const SessionState& session, std::uint32_t keep_last,
                                  const PolicyTuning& tuning) {
  const int size = session.entries_size();
  const int kept = static_cast<int>(std::min<std::uint32_t>(keep_last, 1U << 30));
  const int last = std::max(size - kept, 0);
  int begin = covered(session);
  std::vector<ToldPart> parts = parts_of(session);
  parts.push_back({last, last, 0, 0, 0});
  for (const ToldPart& part : parts) {
    const int end = part_end(session, begin, std::min(part.begin, last), tuning);
    if (end != 0) return ToldPart{begin, end, 0, 0, 0};
    begin = std::max(begin, part.end);
  }
  return std::nullopt;
}

std::vector<ToldBranch> told_branches(const SessionState& session) {
  std::vector<ToldBranch> branches;
  std::unordered_set<Seq> told;
  const auto& rows = session.summaries();
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    if (row->behind() == 0 || row->completed() == 0) continue;
    const int after = position_after(session, row->behind());
    const bool followed = after > covered(session) && after < session.entries_size();
    if (!followed || !told.insert(row->first()).second) continue;
    branches.push_back({after - 1, row->completed(), row->text(), row->tokens()});
  }
  std::sort(branches.begin(), branches.end(), [](const ToldBranch& one, const ToldBranch& other) {
    return std::pair(one.position, one.completed) < std::pair(other.position, other.completed);
  });
  return branches;
}

Granularity granularity_of(const ToldPart& part) {
  return part.end - part.begin <= kExchangeEntries ? EXCHANGE : PHASE;
}

}  // namespace daybook
