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

std::vector<Range> ranges_of(const SessionState& session, const std::vector<bool>& positions) {
  std::vector<Range> ranges;
  const Entry* const* entries = session.entries().data();
  const int size = session.entries_size();
  bool open = false;
  for (int position = 0; position < size; ++position) {
    const bool in = positions[static_cast<std::size_t>(position)];
    const Seq seq = entries[position]->seq();
    if (in && !open) ranges.emplace_back().set_first(seq);
    if (in) ranges.back().set_last(seq);
    open = in;
  }
  return ranges;
}

std::vector<bool> positions_of(const SessionState& session,
                               const google::protobuf::RepeatedPtrField<Range>& ranges) {
  std::vector<bool> positions(static_cast<std::size_t>(session.entries_size()));
  const Entry* const* entries = session.entries().data();
  const int size = session.entries_size();
  auto range = ranges.begin();
  bool inside = false;
  for (int position = 0; position < size && range != ranges.end(); ++position) {
    const Seq seq = entries[position]->seq();
    inside = inside || seq == range->first();
    positions[static_cast<std::size_t>(position)] = inside;
    if (!inside || seq != range->last()) continue;
    inside = false;
    ++range;
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
