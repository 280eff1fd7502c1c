// The leaf moves: back, forth, aside; and what an edited message means.
//
// Law: an entry that was said stays said. A move is an event, and what it leaves behind is another
// branch that /branches shows and /switch goes to.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "core/command.h"
#include "core/context.h"
#include "core/conversations.h"
#include "core/decide_conversation.h"
#include "core/late.h"
#include "core/layout.h"
#include "core/model.h"
#include "core/notation.h"
#include "core/tree.h"

namespace daybook {

namespace {

constexpr std::size_t kQuotedBytesMax = 60;
constexpr std::size_t kNameBytesMax = 64;
constexpr int kCountMax = 1'000;
constexpr std::size_t kBranchesShown = 20;
// Of the chain, chunks not counted. What lies further back is not looked for: a chat that grew for
// years must not hold up the others.
constexpr std::size_t kScreenEventsMax = 10'000;

// nullopt: not a whole number from 1 on.
std::optional<int> count_of(const std::string& text) {
  int count = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || stopped != end || count < 1 || count > kCountMax) return std::nullopt;
  return count;
}

std::string quoted_words(const Asked& asked, Seq seq) {
  std::string text = asked.state.history.text(seq);
  std::replace(text.begin(), text.end(), '\n', ' ');
  const bool cut = text.size() > kQuotedBytesMax;
  if (cut) text = std::string(text_prefix(text, kQuotedBytesMax));
  return "\u201c" + text + (cut ? "\u2026\u201d" : "\u201d");
}

// The last message of a person on the way; 0: there is none.
Seq last_said(const SessionState& state) {
  for (int index = state.entries_size(); index > 0; --index) {
    if (state.entries(index - 1).role() == Entry::USER) return state.entries(index - 1).seq();
  }
  return 0;
}

// What runs is stopped, what waits stays with its conversation, then the leaf moves.
Decisions moved(const Asked& asked, Seq to, LeafMoved::Why why) {
  Decisions decisions;
  if (asked.session.busy()) {
    decisions = cancel_turn(asked.state, asked.session, asked.message.seq());
  }
  if (is_elsewhere(asked.tree(), to)) {
    for (Event& one : drop_waiting(asked.state, asked.session, asked.message)) {
      decisions.push_back(std::move(one));
    }
  }
  Event event;
  event.set_session(asked.tree().id());
  event.mutable_leaf_moved()->set_to(to);
  event.mutable_leaf_moved()->set_why(why);
  event.mutable_leaf_moved()->set_answers(asked.message.seq());
  decisions.push_back(std::move(event));
  return decisions;
}

Decisions moved(const Asked& asked, Seq to, LeafMoved::Why why, Event told) {
  if (is_elsewhere(asked.tree(), to)) {
    *told.mutable_content()->mutable_text() +=
        dropped_text(asked.state, asked.session, asked.message);
  }
  Decisions decisions = moved(asked, to, why);
  decisions.push_back(std::move(told));
  return decisions;
}

// Names that lead to an entry, and the events that gave them.
struct Names {
  std::string text;
  std::vector<Seq> events;
};

// An answer that was being written when its message was saved belongs to it.
Seq with_answer(const SessionState& state, Seq entry) {
  const Entry* found = find_entry(state, entry);
  if (found == nullptr || found->role() != Entry::USER) return found == nullptr ? 0 : entry;
  Seq newest = 0;
  const int after = position_after(state, entry);
  if (after > 0 && after < state.entries_size()) newest = state.entries(after).seq();
  for (const Entry& one : state.aside()) {
    if (one.parent() == entry) newest = std::max<Seq>(newest, one.seq());
  }
  const Entry* next = find_entry(state, newest);
  return next != nullptr && next->role() == Entry::ASSISTANT ? newest : entry;
}

// Where each name leads; one that was given again, where it was given last.
std::map<Seq, Names> names_of(const Asked& asked) {
  std::map<Seq, Names> names;
  std::set<std::string> known;
  const auto& saved = asked.tree().saved();
  for (auto row = saved.rbegin(); row != saved.rend(); ++row) {
    const std::optional<Event> event = asked.state.history.event(row->event());
    const Seq entry = with_answer(asked.tree(), row->entry());
    if (!event || entry == 0 || !known.insert(lowered(event->content().name())).second) continue;
    Names& here = names[entry];
    here.text = event->content().name() + (here.text.empty() ? "" : ", ") + here.text;
    here.events.push_back(row->event());
  }
  return names;
}

// Where it was saved last under this name; 0: nowhere.
Seq find_saved(const Asked& asked, const std::string& name) {
  const auto& saved = asked.tree().saved();
  for (auto row = saved.rbegin(); row != saved.rend(); ++row) {
    const std::optional<Event> event = asked.state.history.event(row->event());
    const bool named = event && lowered(event->content().name()) == lowered(name);
    if (named) return with_answer(asked.tree(), row->entry());
  }
  return 0;
}

// Whether the open turn answers it and others before it.
bool was_answered_with(const OpenTurn& open, Seq message) {
  const auto& answers = open.answers();
  const auto found = std::find(answers.begin(), answers.end(), message);
  return found != answers.end() && found != answers.begin();
}

// What was said last before the leaf, or it.
Seq said_before(const SessionState& state, Seq leaf) {
  for (Seq at = leaf; at != 0; at = parent_of(state, at)) {
    const Entry* entry = find_entry(state, at);
    if (entry == nullptr) break;
    if (entry->role() == Entry::USER) return at;
  }
  return leaf;
}

// Of what waits and was written before, the newest first; `left` is lowered by as many as there
// were.
Decisions take_back_waiting(const Asked& asked, int* left) {
  Decisions decisions;
  const auto& waiting = asked.tree().waiting();
  for (auto one = waiting.rbegin(); one != waiting.rend() && *left > 0; ++one) {
    const std::optional<Event> event = asked.state.history.clear_event(one->seq());
    const bool words = event && event->message_received().command().empty();
    if (one->seq() >= asked.message.seq() || !words) continue;
    decisions.push_back(
        notice(asked.session, &*event, "Taken back before it was answered.", asked.topic));
    // Pieces of a long one go with the first of them.
    if (one->joins() == 0 || one->joins() == one->seq()) --*left;
  }
  return decisions;
}

// Of several that the open turn answers, the others are answered with the new words.
Decisions stop_for_edit(const State& state, const Session& session, Seq edited, Seq by) {
  const auto& answers = session.state().open().answers();
  const bool among = std::find(answers.begin(), answers.end(), edited) != answers.end();
  if (among && answers.size() > 1) return take_back_turn(state, session, by, nullptr);
  return cancel_turn(state, session, by);
}

// The messages of persons on the way; of those that are pieces of one, the first.
std::vector<Seq> messages_of(const Asked& asked) {
  std::vector<Seq> said;
  const Entry* before = nullptr;
  for (const Entry& entry : asked.tree().entries()) {
    const bool follows = before != nullptr && before->role() == Entry::USER;
    const bool joins =
        follows && entry.role() == Entry::USER && is_piece(asked.state.history.text(before->seq()));
    if (entry.role() == Entry::USER && !joins) said.push_back(entry.seq());
    before = &entry;
  }
  return said;
}

// What was not asked, for want of something that may be there by now; a command asks no model.
std::optional<Event> refused_message(const Asked& asked) {
  const Seq refused = asked.tree().refused();
  std::optional<Event> event =
      refused == 0 ? std::nullopt : asked.state.history.clear_event(refused);
  if (event && !event->message_received().command().empty()) event.reset();
  return event;
}

Event replaced_by(const Session& session, Seq replaced, const Event& by) {
  Event event;
  event.set_session(session.state().id());
  MessageReplaced* body = event.mutable_message_replaced();
  body->set_replaced(replaced);
  body->set_by(by.seq());
  body->set_tokens(by.has_message_edited() ? by.message_edited().tokens()
                                           : by.message_received().tokens());
  return event;
}

Decisions go_to(const Asked& asked, Seq leaf) {
  if (leaf == leaf_of(asked.tree()) && !asked.session.busy()) {
    return {asked.reply("You are on that branch.")};
  }
  const Seq said = said_before(asked.tree(), leaf);
  std::string text = "It goes on from " + quoted_words(asked, said) + ".";
  Decisions summary = summarise_left(asked.state, asked.session, leaf, asked.message.seq());
  if (!summary.empty()) text += " The model is told in short what was said on the other branch.";
  Decisions decisions = moved(asked, leaf, LeafMoved::SWITCH, asked.reply(std::move(text), {said}));
  for (Event& one : summary) decisions.push_back(std::move(one));
  return decisions;
}

// So many of them, the newest on page 1; names that lead to no end of a branch stand behind those.
Event branches_listed(const Asked& asked, const std::vector<Branch>& branches, std::size_t page,
                      std::size_t pages) {
  std::string text = "Branches, the oldest first; /switch goes to one:";
  std::vector<Seq> quotes;
  std::map<Seq, Names> names = names_of(asked);
  const std::size_t end = branches.size() - (page - 1) * kBranchesShown;
  const std::size_t begin = end - std::min(end, kBranchesShown);
  for (std::size_t i = begin; i < end; ++i) {
    const Branch& branch = branches[i];
    const Seq said = said_before(asked.tree(), branch.leaf);
    const Names& named = names[branch.leaf];
    text += "\n" + std::to_string(i + 1) + ". " + named.text + (named.text.empty() ? "" : ": ") +
            quoted_words(asked, said) + ", " + messages_text(branch.entries);
    if (branch.leaf == leaf_of(asked.tree())) text += " \u2190 here";
    quotes.push_back(said);
    quotes.insert(quotes.end(), named.events.begin(), named.events.end());
  }
  for (const Branch& branch : branches) names.erase(branch.leaf);
  for (const auto& [entry, named] : names) {
    if (page > 1) break;
    const Seq said = said_before(asked.tree(), entry);
    text +=
        "\n" + named.text + ": behind " + quoted_words(asked, said) + ", more was said after it";
    quotes.push_back(said);
    quotes.insert(quotes.end(), named.events.begin(), named.events.end());
  }
  if (page < pages) {
    text += "\nPage " + std::to_string(page) + " of " + std::to_string(pages) +
            "; /branches page " + std::to_string(page + 1) + " has older ones.";
  }
  return asked.reply(std::move(text), quotes);
}

}  // namespace

Seq find_said(const Session& session, std::int64_t message_id, Seq before, History& history,
              std::string_view place) {
  const SessionState& state = session.state();
  Seq found = 0;
  const auto wanted = [&](const Event& event) {
    if (!event.has_reply_posted()) {
      const bool waits = std::any_of(state.waiting().begin(), state.waiting().end(),
                                     [&](const Waiting& one) { return one.seq() == event.seq(); });
      const bool known = waits || find_entry(state, event.seq()) != nullptr;
      found = known || event.seq() == state.refused() ? event.seq() : 0;
      return found != 0;
    }
    // What a turn said is the entry of the event that ended it: the first one after its beginning.
    const Seq turn = event.reply_posted().source();
    Seq entry = 0;
    for (const auto* entries : {&state.entries(), &state.aside()}) {
      for (const Entry& one : *entries) {
        const bool after = one.role() == Entry::ASSISTANT && one.seq() > turn;
        if (after && (entry == 0 || one.seq() < entry)) entry = one.seq();
      }
    }
    const std::optional<Event> ended = history.clear_event(entry);
    found = entry != 0 && ended && ended_turn(*ended) == turn ? entry : 0;
    return found != 0;
  };
  find_on_screen(message_id, before, kScreenEventsMax, history, wanted, left_place(session, place));
  return found;
}

Decisions undo_messages(const State& state, const Session& session, const Event& message) {
  const Asked asked{state, session, message, "undo"};
  const auto count =
      asked.arguments().empty() ? std::optional<int>(1) : count_of(asked.arguments());
  if (!count) return {asked.reply("/undo takes a number: /undo 2 takes two messages back.")};
  int left = *count;
  Decisions decisions = take_back_waiting(asked, &left);
  if (left == 0) {
    decisions.push_back(
        asked.reply("Taken back, before it was answered: " + messages_text(*count) + "."));
    return decisions;
  }
  const std::vector<Seq> said = messages_of(asked);
  const int there = static_cast<int>(said.size());
  if (there == 0 && left == *count) return {asked.reply("There is nothing to take back.")};
  if (left > there) {
    const int all = *count - left + there;
    return {asked.reply((all == 1 ? "There is only " : "There are only ") + messages_text(all) +
                        " of yours here: /undo " + std::to_string(all) +
                        " takes back all there is.")};
  }
  const Seq first = said[static_cast<std::size_t>(there - left)];
  std::string text = "Taken back: " + quoted_words(asked, first);
  if (*count > 1) text += " and " + messages_text(*count - 1) + " of yours after it";
  text += ". /redo brings it back.";
  if (was_answered_with(asked.tree().open(), first)) {
    text += " What was written before it was to be answered with it: /retry asks that again.";
  }
  for (Event& one : moved(asked, parent_of(asked.tree(), first), LeafMoved::UNDO,
                          asked.reply(std::move(text), {first}))) {
    decisions.push_back(std::move(one));
  }
  return decisions;
}

Decisions redo_messages(const State& state, const Session& session, const Event& message) {
  const Asked asked{state, session, message, "redo"};
  const auto& undone = asked.tree().undone();
  if (undone.empty()) return {asked.reply("There is nothing to bring back.")};
  const Seq leaf = undone.Get(undone.size() - 1);
  const Seq said = said_before(asked.tree(), leaf);
  return moved(asked, leaf, LeafMoved::REDO,
               asked.reply("Back again: " + quoted_words(asked, said) + ".", {said}));
}

Decisions retry_answer(const State& state, const Session& session, const Event& message) {
  const Asked asked{state, session, message, "retry"};
  const Seq said = last_said(asked.tree());
  const std::optional<Event> refused = refused_message(asked);
  if (said == 0 && !refused) return {asked.reply("There is nothing to answer once more.")};
  const Result<ResolvedModel> model = model_of(state, session, asked.arguments());
  const std::string& name = asked.arguments();
  if (!model) return {asked.reply(not_asked_text(state, model.error().message, name))};
  const std::int64_t user = message.message_received().user();
  if (const std::string stop = budget_stop(state, session.state().place(), user); !stop.empty()) {
    return {asked.reply("⚠ Nothing was sent: " + stop)};
  }
  if (std::string held = held_text(state, session, message, *model); !held.empty()) {
    return {asked.reply(std::move(held))};
  }
  Decisions decisions;
  if (refused) {
    Event& again = decisions.emplace_back(replaced_by(session, refused->seq(), *refused));
    again.mutable_message_replaced()->set_answers(message.seq());
    again.mutable_message_replaced()->set_model(name);
  } else {
    decisions = moved(asked, said, LeafMoved::RETRY);
    decisions.back().mutable_leaf_moved()->set_model(name);
  }
  std::string unlisted = asked_unlisted_text(state, *model, name);
  if (!unlisted.empty()) decisions.push_back(asked.reply(std::move(unlisted)));
  return decisions;
}

Decisions fork_conversation(const State& state, const Session& session, const Event& message) {
  const Asked asked{state, session, message, "fork"};
  const std::int64_t reply_to = message.message_received().reply_to();
  Seq to = 0;
  if (asked.arguments().empty() && reply_to != 0) {
    to = find_said(session, reply_to, message.prev(), state.history,
                   message.message_received().place());
    if (to == 0 || find_entry(asked.tree(), to) == nullptr) {
      return {asked.reply("That message is not part of this conversation.")};
    }
  } else {
    const auto count = count_of(asked.arguments());
    const int there = asked.tree().entries_size();
    if (!count || *count >= there) {
      return {
          asked.reply("Reply with /fork to the message behind which it shall go on, or say how "
                      "many messages to leave out, answers counted: /fork 2. Here are " +
                      std::to_string(there) + "; /reset begins anew.")};
    }
    to = asked.tree().entries(there - 1 - *count).seq();
  }
  return moved(asked, to, LeafMoved::FORK,
               asked.reply("It goes on behind " + quoted_words(asked, to) +
                               ". /branches shows the other way it went.",
                           {to}));
}

Decisions list_branches(const State& state, const Session& session, const Event& message) {
  const Asked asked{state, session, message, "branches"};
  const std::string wanted = lowered(asked.arguments());
  const auto number =
      wanted.starts_with("page ") ? count_of(wanted.substr(5)) : std::optional<int>();
  if (!wanted.empty() && !number) {
    return {
        asked.reply("/branches lists them, /branches page 2 the older ones of many; /switch N "
                    "goes to one.")};
  }
  const std::vector<Branch> branches = branches_of(asked.tree());
  if (branches.empty()) return {asked.reply("Nothing was said here yet.")};
  const std::size_t page = static_cast<std::size_t>(number.value_or(1));
  const std::size_t pages = (branches.size() + kBranchesShown - 1) / kBranchesShown;
  if (page > pages) {
    return {asked.reply("There is no page " + std::to_string(page) + ": here are " +
                        std::to_string(pages) + ".")};
  }
  return {branches_listed(asked, branches, page, pages)};
}

Decisions switch_branch(const State& state, const Session& session, const Event& message) {
  const Asked asked{state, session, message, "switch"};
  if (asked.arguments().empty()) {
    const bool load = lowered(message.content().text()).starts_with("/load");
    const std::string what = load ? "/load takes a name that /save gave"
                                  : "/switch takes the number or the name of a branch";
    return {asked.reply(what + "; /branches lists them.")};
  }
  const Seq saved = find_saved(asked, asked.arguments());
  if (saved != 0) return go_to(asked, saved);
  const std::vector<Branch> branches = branches_of(asked.tree());
  const auto number = count_of(asked.arguments());
  if (!number || static_cast<std::size_t>(*number) > branches.size()) {
    return {asked.reply("There is no such branch. /branches lists the " +
                        std::to_string(branches.size()) + " there are.")};
  }
  return go_to(asked, branches[static_cast<std::size_t>(*number) - 1].leaf);
}

Decisions save_branch(const State& state, const Session& session, const Event& message) {
  const Asked asked{state, session, message, "save"};
  const std::string& name = asked.arguments();
  if (name.empty()) return {asked.reply("/save takes the name this branch shall have.")};
  if (name.size() > kNameBytesMax || name.find('\n') != std::string::npos) {
    return {
        asked.reply("A name is one line of at most " + std::to_string(kNameBytesMax) + " bytes.")};
  }
  if (count_of(name)) return {asked.reply("A name needs more than a number.")};
  const Seq leaf = leaf_of(asked.tree());
  if (leaf == 0) return {asked.reply("Nothing was said here yet that could have a name.")};
  Event saved;
  saved.set_session(asked.tree().id());
  saved.mutable_branch_saved()->set_entry(leaf);
  saved.mutable_branch_saved()->set_answers(message.seq());
  saved.mutable_content()->set_name(name);
  return {std::move(saved), asked.reply("Saved. \u201c/load " + name + "\u201d comes back to it.")};
}

Decisions decide_edited(const State& state, const Event& event) {
  const Session* session = state.session(event.session());
  if (state.directory.state().rules() < 3 || session == nullptr) return {};
  const std::string& text = event.content().text();
  const bool words = text.find_first_not_of(" \t\r\n") != std::string::npos;
  if (!words || text.starts_with('/') || event.content().erased()) return {};
  const MessageEdited& edited = event.message_edited();
  const Seq replaced =
      find_said(*session, edited.message_id(), event.prev(), state.history, edited.place());
  const std::optional<Event> before = state.history.event(replaced);
  const bool said = before && (before->has_message_edited() || before->has_message_received());
  if (replaced == 0 || !said || !before->message_received().command().empty()) return {};
  if (before->content().text() == text) return {};
  const SessionState& talk = session->state();
  const bool entry = find_entry(talk, replaced) != nullptr;
  const bool elsewhere = is_elsewhere(talk, replaced);
  if (elsewhere && (answering(*session) || talk.compacting() != 0 || talk.waiting_size() > 0)) {
    return {notice(*session, nullptr,
                   "What you edited was said in an earlier conversation, and this one is not "
                   "answered yet. Edit it once more when it is, to go on there.",
                   "edited")};
  }
  Decisions decisions;
  if (entry && session->busy()) decisions = stop_for_edit(state, *session, replaced, event.seq());
  decisions.push_back(replaced_by(*session, replaced, event));
  if (entry && lateness(event, Duration(state.directory.settings().stale_after()))) {
    for (Event& one : hold_message(state, *session, event.seq())) {
      decisions.push_back(std::move(one));
    }
  }
  if (entry && position_after(talk, replaced) == 0) {
    decisions.push_back(
        notice(*session, nullptr,
               "What you edited was said on another branch: it goes on there. /branches shows "
               "the way back.",
               "edited"));
  }
  return decisions;
}

Decisions decide_moved(const State& state, const Event& event) {
  const Session* session = state.session(event.session());
  return session == nullptr ? Decisions() : settle_waiting_messages(state, *session);
}

}  // namespace daybook
