#include "core/conversations.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/session.h"
#include "core/tree.h"

namespace daybook {

namespace {

constexpr std::size_t kTitleCharactersMax = 47;
constexpr Seq kUnknown = ~Seq{0};

// Of one conversation, from its entries.
struct Contents {
  int messages = 0;
  Seq first_said = 0;
  Seq newest = 0;
};

std::unordered_map<Seq, Contents> contents_of(const SessionState& state) {
  std::unordered_map<Seq, Contents> contents;
  for (const auto* entries : {&state.entries(), &state.aside()}) {
    for (const Entry& entry : *entries) {
      Contents& one = contents[entry.conversation()];
      ++one.messages;
      one.newest = std::max<Seq>(one.newest, entry.seq());
      if (entry.role() != Entry::USER) continue;
      one.first_said =
          one.first_said == 0 ? entry.seq() : std::min<Seq>(one.first_said, entry.seq());
    }
  }
  return contents;
}

// The conversation that is the present one from this event on; nullopt: the one that was.
std::optional<Seq> entered_by(const SessionState& state, const Event& event) {
  if (event.has_session_opened()) return 0;
  if (event.has_session_reset()) return event.seq();
  const bool moved = event.has_leaf_moved() && event.leaf_moved().to() != 0;
  if (!moved && !event.has_message_replaced()) return std::nullopt;
  const Entry* entry =
      find_entry(state, moved ? event.leaf_moved().to() : event.message_replaced().replaced());
  if (entry != nullptr) return entry->conversation();
  // What was gone to is erased; what was replaced only waited.
  return moved ? std::optional<Seq>(kUnknown) : std::nullopt;
}

}  // namespace

const ConversationRow* present_conversation(const SessionState& state) {
  const auto& rows = state.conversations();
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    if (row->id() == state.conversation()) return &*row;
  }
  return nullptr;
}

ConversationRow* present_conversation(SessionState* state) {
  auto* rows = state->mutable_conversations();
  for (auto row = rows->rbegin(); row != rows->rend(); ++row) {
    if (row->id() == state->conversation()) return &*row;
  }
  return nullptr;
}

ConversationRow& touch_conversation(SessionState* state, std::int64_t time) {
  ConversationRow* row = present_conversation(state);
  if (row == nullptr) {
    row = state->add_conversations();
    row->set_id(state->conversation());
    row->set_begun(time);
  }
  row->set_last(time);
  return *row;
}

void leave_conversation(SessionState* state) {
  ConversationRow* row = present_conversation(state);
  if (row == nullptr) return;
  if (leaf_of(*state) != 0) row->set_leaf(leaf_of(*state));
  row->set_model(state->model());
  row->set_policy(state->policy());
  *row->mutable_own() = state->own();
}

void enter_conversation(SessionState* state, Seq conversation) {
  state->set_conversation(conversation);
  ConversationRow* row = present_conversation(state);
  if (row == nullptr) return;
  row->clear_closed();
  state->set_model(row->model());
  state->set_policy(row->policy());
  *state->mutable_own() = row->own();
}

bool is_elsewhere(const SessionState& state, Seq entry) {
  const Entry* found = find_entry(state, entry);
  return found != nullptr && found->conversation() != state.conversation();
}

void drop_conversations(SessionState* state) {
  const std::unordered_map<Seq, Contents> contents = contents_of(*state);
  auto* rows = state->mutable_conversations();
  rows->erase(
      std::remove_if(rows->begin(), rows->end(),
                     [&](const ConversationRow& row) { return !contents.contains(row.id()); }),
      rows->end());
}

std::vector<Conversation> conversations_of(const SessionState& state) {
  const std::unordered_map<Seq, Contents> contents = contents_of(state);
  std::vector<Conversation> conversations;
  for (const ConversationRow& row : state.conversations()) {
    Conversation& one = conversations.emplace_back();
    one.number = conversations.size();
    one.id = row.id() == 0 ? Seq{state.id()} : Seq{row.id()};
    one.row = &row;
    one.present = row.id() == state.conversation();
    const auto found = contents.find(row.id());
    if (found == contents.end()) continue;
    one.titled_by = row.title() != 0 ? Seq{row.title()} : found->second.first_said;
    one.messages = found->second.messages;
    one.leaf = find_entry(state, row.leaf()) != nullptr ? Seq{row.leaf()} : found->second.newest;
    if (one.present) one.leaf = leaf_of(state);
  }
  return conversations;
}

ClosedWords::ClosedWords(const SessionState& state, Seq head, int events_max, History& history)
    : state_(state) {
  for (const ConversationRow& row : state.conversations()) {
    if (row.closed()) closed_.insert(row.id());
  }
  if (closed_.empty()) return;
  closed_.insert(kUnknown);
  for (Seq seq = head; seq != 0 && events_max > 0; --events_max) {
    const std::optional<Event> event = history.clear_event(seq);
    if (!event || event->prev() >= seq) break;
    if (const auto entered = entered_by(state, *event)) stretches_.push_back({seq, *entered});
    seq = event->prev();
  }
}

bool ClosedWords::holds(Seq seq) const {
  if (closed_.empty()) return false;
  if (const Entry* entry = find_entry(state_, seq)) return closed_.contains(entry->conversation());
  for (const Stretch& stretch : stretches_) {
    if (stretch.first <= seq) return closed_.contains(stretch.conversation);
  }
  return !stretches_.empty();
}

std::string title_of(const Conversation& conversation, History& history) {
  const std::optional<Event> event = history.event(conversation.titled_by);
  if (!event) return {};
  return event->has_session_named() ? event->content().name()
                                    : first_words(event->content().text());
}

std::string first_words(const std::string& text) {
  std::string words;
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool blank = text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r';
    if (blank && (words.empty() || words.back() == ' ')) continue;
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
    if (begins && ++characters > kTitleCharactersMax) {
      while (words.ends_with(' ')) words.pop_back();
      return words + "…";
    }
    words += blank ? ' ' : text[at];
  }
  while (words.ends_with(' ')) words.pop_back();
  return words;
}

}  // namespace daybook
