#include "core/layout.h"

#include <algorithm>

namespace daybook {

namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

void lay_out(const SessionState& session, const Kept& kept,
             const std::function<void(const Piece&)>& tell) {
  int told = kept.summary ? position_after(session, session.summary_last()) : 0;
  if (kept.summary) tell({Piece::Kind::kSummary});
  Entry::Role last = kept.summary ? Entry::USER : Entry::ASSISTANT;
  const Entry* const* entries = session.entries().data();
  const int size = session.entries_size();
  int next = 0;  // one past the last entry that stands there
  std::size_t part = 0;
  std::size_t branch = 0;
  for (int position = 0; position < size; ++position) {
    if (part < kept.parts.size() && kept.parts[part].begin == position) {
      if (position > std::max(next, told)) tell({Piece::Kind::kGap});
      tell({Piece::Kind::kPart, static_cast<int>(part)});
      last = Entry::USER;
      told = kept.parts[part++].end;
    }
    if (!kept.entries[static_cast<std::size_t>(position)]) continue;
    const Entry::Role role = entries[position]->role();
    const bool missing = position > std::max(next, told);
    const bool answers_nobody = role == Entry::ASSISTANT && last == Entry::ASSISTANT;
    if (missing || answers_nobody) tell({Piece::Kind::kGap});
    tell({Piece::Kind::kEntry, position, entries[position]});
    last = role;
    next = position + 1;
    for (; branch < kept.branches.size() && kept.branches[branch].position <= position; ++branch) {
      if (kept.branches[branch].position < position) continue;
      tell({Piece::Kind::kBranch, static_cast<int>(branch)});
      last = Entry::USER;
    }
  }
}

int position_after(const SessionState& session, Seq entry) {
  for (int index = session.entries_size(); entry != 0 && index > 0; --index) {
    if (session.entries(index - 1).seq() == entry) return index;
  }
  return 0;
}

// Entries are looked at where a range begins or ends alone: long conversations have few of these.
std::vector<Range> ranges_of(const SessionState& session, const std::vector<bool>& positions) {
  std::vector<Range> ranges;
  const Entry* const* entries = session.entries().data();
  const auto size = static_cast<std::size_t>(session.entries_size());
  const auto end = positions.begin() + static_cast<std::ptrdiff_t>(size);
  for (auto at = std::find(positions.begin(), end, true); at != end;) {
    const auto behind = std::find(at, end, false);
    Range& range = ranges.emplace_back();
    range.set_first(entries[at - positions.begin()]->seq());
    range.set_last(entries[behind - positions.begin() - 1]->seq());
    at = std::find(behind, end, true);
  }
  return ranges;
}

std::vector<bool> positions_of(const SessionState& session,
                               const google::protobuf::RepeatedPtrField<Range>& ranges) {
  std::vector<bool> positions(static_cast<std::size_t>(session.entries_size()));
  const auto& entries = session.entries();
  auto begin = entries.begin();
  for (auto range = ranges.begin(); range != ranges.end(); ++range) {
    const auto is = [](Seq seq) {
      return [seq](const Entry& entry) { return entry.seq() == seq; };
    };
    begin = std::find_if(begin, entries.end(), is(range->first()));
    // The last range mostly ends with the conversation.
    auto end = entries.end();
    if (range + 1 == ranges.end()) {
      const auto found =
          std::find_if(entries.rbegin(), std::make_reverse_iterator(begin), is(range->last()));
      if (found.base() != begin) end = found.base();
    } else {
      end = std::find_if(begin, entries.end(), is(range->last()));
      if (end != entries.end()) ++end;
    }
    std::fill(positions.begin() + (begin - entries.begin()),
              positions.begin() + (end - entries.begin()), true);
    begin = end;
  }
  return positions;
}

std::string cut_text(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  std::size_t head = bytes / 2;
  while (head > 0 && continues(text[head])) --head;
  std::size_t tail = text.size() - bytes / 2;
  while (tail < text.size() && continues(text[tail])) ++tail;
  std::string out(text.substr(0, head));
  out += "\n[" + std::to_string(tail - head) + " bytes are left out here.]\n";
  out += text.substr(tail);
  return out;
}

}  // namespace daybook
