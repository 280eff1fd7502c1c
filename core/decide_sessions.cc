// The conversations of a chat, seen and changed from it: /sessions, /session, /title, /forget,
// /export, and what closes one by itself.
//
// Law: a chat sees its own conversations and no others', since it has one tree of its own. One that
// is closed is not gone: /sessions goes back to it.
#include <algorithm>
#include <charconv>
#include <utility>

#include "core/command.h"
#include "core/conversations.h"
#include "core/decide_conversation.h"
#include "core/late.h"
#include "core/money.h"
#include "core/notation.h"
#include "core/tree.h"
#include "core/usage.h"

namespace daybook {

namespace {

constexpr std::size_t kPageSize = 10;
// Titles of older ones are not looked through: a chat that grew for years must not hold up others.
constexpr std::size_t kTitlesRead = 500;
constexpr std::size_t kTitleBytesMax = 100;
// Well below what one event holds (journal/record.h).
constexpr std::size_t kExportBytesMax = 512u << 10;
constexpr std::string_view kExportName = "conversation.md";
constexpr std::string_view kIdle = "idle";
constexpr std::string_view kUndelivered = "undelivered";

// "2026-02-03 04:05"
std::string minute_text(std::int64_t milliseconds) {
  std::string text = time_text(from_milliseconds(milliseconds)).substr(0, 16);
  std::replace(text.begin(), text.end(), 'T', ' ');
  return text;
}

// nullopt: no whole number from 1 on.
std::optional<std::size_t> whole_number(std::string_view text) {
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end || number == 0) return std::nullopt;
  return number;
}

std::string line_of_conversation(const Conversation& one, const std::string& title) {
  std::string line = std::to_string(one.number) + ". " + (title.empty() ? "(no title)" : title) +
                     ", " + messages_text(one.messages) + ", " + minute_text(one.row->last());
  if (one.row->closed()) line += ", closed";
  return one.present ? line + " ← here" : line;
}

Decisions list_conversations(const Asked& wish, std::size_t page) {
  const std::size_t count = static_cast<std::size_t>(wish.tree().conversations_size());
  if (count == 0) return {wish.reply("Nothing was said here yet.")};
  const std::size_t pages = (count + kPageSize - 1) / kPageSize;
  if (page > pages) {
    return {wish.reply("There is no page " + std::to_string(page) + ": here are " +
                       std::to_string(pages) + ".")};
  }
  const std::vector<Conversation> all = conversations_of(wish.tree());
  std::string text = "Conversations, the newest first; /sessions N goes to one:";
  std::vector<Seq> quotes;
  const std::size_t end = count - (page - 1) * kPageSize;
  const std::size_t begin = end - std::min(end, kPageSize);
  for (std::size_t index = end; index > begin; --index) {
    text +=
        "\n" + line_of_conversation(all[index - 1], title_of(all[index - 1], wish.state.history));
    quotes.push_back(all[index - 1].titled_by);
  }
  if (present_conversation(wish.tree()) == nullptr) text += "\nHere a new one begins.";
  if (page < pages) {
    text += "\nPage " + std::to_string(page) + " of " + std::to_string(pages) +
            "; /sessions page " + std::to_string(page + 1) + " has more.";
  }
  return {wish.reply(std::move(text), quotes)};
}

using Found = std::vector<const Conversation*>;

Found with_id(const std::vector<Conversation>& all, const std::string& beginning) {
  Found found;
  for (const Conversation& one : all) {
    if (std::to_string(one.id).starts_with(beginning)) found.push_back(&one);
  }
  return found;
}

// With this title, else with one that begins so.
Found with_title(const std::vector<Conversation>& all, const std::string& name, History& history) {
  const std::string wanted = lowered(name);
  Found whole;
  Found begun;
  const std::size_t skipped = all.size() - std::min(all.size(), kTitlesRead);
  for (std::size_t index = skipped; index < all.size(); ++index) {
    const std::string title = lowered(title_of(all[index], history));
    if (title == wanted) whole.push_back(&all[index]);
    if (title.starts_with(wanted)) begun.push_back(&all[index]);
  }
  return whole.empty() ? begun : whole;
}

// By number, by the beginning of an id, by the title or its beginning.
Found named(const std::vector<Conversation>& all, const std::string& name, History& history) {
  const auto number = whole_number(name);
  if (number && *number <= all.size()) return {&all[*number - 1]};
  Found found = number ? with_id(all, name) : Found();
  return found.empty() ? with_title(all, name, history) : found;
}

// What waits of whoever goes was said in the conversation that is left.
Decisions go_to_conversation(const Asked& wish, const Conversation& one) {
  if (one.present) return {wish.reply("You are in that conversation.")};
  Decisions decisions;
  if (wish.session.busy()) {
    decisions = cancel_turn(wish.state, wish.session, wish.message.seq());
  }
  for (Event& dropped : drop_waiting(wish.state, wish.session, wish.message)) {
    decisions.push_back(std::move(dropped));
  }
  Event event;
  event.set_session(wish.tree().id());
  event.mutable_leaf_moved()->set_to(one.leaf);
  event.mutable_leaf_moved()->set_why(LeafMoved::SWITCH);
  event.mutable_leaf_moved()->set_answers(wish.message.seq());
  decisions.push_back(std::move(event));
  std::string text = "It goes on: " + title_of(one, wish.state.history) + ", " +
                     messages_text(one.messages) + ", last spoken in " +
                     minute_text(one.row->last()) + ".";
  if (const std::string own = own_keys(*one.row); !own.empty()) {
    text += " What was set in it holds again: " + own + ".";
  }
  text += dropped_text(wish.state, wish.session, wish.message);
  decisions.push_back(wish.reply(std::move(text), {one.titled_by}));
  return decisions;
}

// What its whole answers cost: as the providers said, else by the price of whoever answered.
std::string cost_text(const Asked& wish, const ConversationRow& row) {
  if (!row.usage().reported()) return "no tokens were reported";
  Spent sum;
  for (const ModelUsage& one : row.by_model()) {
    CallFacts call;
    call.provider = one.provider();
    call.model = one.model();
    call.summed = true;
    sum.add(spent_by(call, one.usage(), wish.state.directory.catalogue(), false));
  }
  if (sum.unpriced_calls == sum.calls) return "no price is known";
  std::string text = money_text(sum.nanodollars()) + " for whole answers, as reported";
  if (sum.computed_nanodollars > 0) text += ", by the price table";
  if (sum.unpriced_calls > 0) text += ", and what has no price that is known";
  return text;
}

Event session_reset(const Session& session, Seq answers, SessionReset::Why why) {
  Event reset;
  reset.set_session(session.state().id());
  reset.mutable_session_reset()->set_answers(answers);
  reset.mutable_session_reset()->set_why(why);
  reset.mutable_session_reset()->set_settings_too(true);
  reset.mutable_session_reset()->set_waits_on(true);
  return reset;
}

std::string exported_entry(const Asked& wish, const Entry& entry) {
  const std::optional<Event> event = wish.state.history.event(entry.seq());
  if (!event) return {};
  const std::string who = entry.role() == Entry::USER ? "You" : "Answer";
  return "\n\n## " + who + ", " + minute_text(event->time()) + "\n\n" + event->content().text();
}

// The first of a place since something was shown there, unless the owner sits there.
Decisions tell_owner_undelivered(const State& state, const Session& session, const Event& event,
                                 const Event& source) {
  const SessionRow* row = state.directory.session(event.session());
  const std::string owner = state.directory.owner_place();
  const std::string& place = session.state().place();
  const bool first = row != nullptr && row->undelivered() == 1;
  if (state.directory.rules() < 3 || !first || owner.empty() || owner == place) return {};
  const std::string what = source.has_turn_started() ? "An answer" : "A notice";
  return {notice_at(state, owner,
                    "⚠ " + what + " could not be posted at " + place + ": " +
                        event.content().detail() + ". `daybook show` has it.",
                    kUndelivered)};
}

}  // namespace

Decisions answer_sessions(const State& state, const Session& session, const Event& message) {
  const Asked wish{state, session, message, "sessions"};
  const std::string& asked = wish.arguments();
  if (asked.empty()) return list_conversations(wish, 1);
  if (lowered(asked).starts_with("page ")) {
    const auto page = whole_number(std::string_view(asked).substr(5));
    if (page) return list_conversations(wish, *page);
  }
  const std::vector<Conversation> all = conversations_of(wish.tree());
  const Found found = named(all, asked, state.history);
  if (found.size() == 1) return go_to_conversation(wish, *found.front());
  if (found.empty()) {
    return {wish.reply("There is no such conversation. /sessions lists the " +
                       std::to_string(all.size()) + " there are.")};
  }
  std::string numbers;
  for (const Conversation* one : found) {
    numbers += (numbers.empty() ? "" : ", ") + std::to_string(one->number);
  }
  return {wish.reply("Several are called so: " + numbers + ". /sessions N goes to one.")};
}

Decisions answer_session(const State& state, const Session& session, const Event& message) {
  const Asked wish{state, session, message, "session"};
  const std::vector<Conversation> all = conversations_of(wish.tree());
  const auto here =
      std::find_if(all.begin(), all.end(), [](const Conversation& one) { return one.present; });
  std::string text = "Nothing was said here yet.";
  std::vector<Seq> quotes;
  if (here != all.end()) {
    const Usage& usage = here->row->usage();
    quotes.push_back(here->titled_by);
    text = "Conversation " + std::to_string(here->number) + " of " + std::to_string(all.size()) +
           ": " + title_of(*here, state.history) + "\nSince: " + minute_text(here->row->begun()) +
           "\nLast spoken in: " + minute_text(here->row->last()) +
           "\nMessages: " + std::to_string(wish.tree().entries_size()) + ", on all branches " +
           std::to_string(here->messages) + "\nTokens: " + std::to_string(usage.prompt_tokens()) +
           " in, " + std::to_string(usage.output_tokens()) + " out";
    // What others cost is nobody's business in a group.
    const bool group = message.message_received().group();
    if (!group) text += "\nMoney: " + cost_text(wish, *here->row);
    text += "\nId: " + std::to_string(here->id);
  }
  text += "\nModel: " + model_in_use(state, session) + "\nPolicy: " + policy_in_use(state, session);
  const std::string own = own_keys(session);
  text += "\nSet here: " + (own.empty() ? std::string("nothing") : own) + "; /set shows all.";
  return {wish.reply(std::move(text), quotes)};
}

Decisions answer_title(const State& state, const Session& session, const Event& message) {
  const Asked wish{state, session, message, "title"};
  const ConversationRow* row = present_conversation(wish.tree());
  if (row == nullptr) return {wish.reply("Nothing was said here yet that could have a title.")};
  const std::string& title = wish.arguments();
  if (title.empty()) {
    const std::vector<Conversation> all = conversations_of(wish.tree());
    const auto here =
        std::find_if(all.begin(), all.end(), [](const Conversation& one) { return one.present; });
    return {wish.reply("Title: " + title_of(*here, state.history) + "\nChange it with /title TEXT.",
                       {here->titled_by})};
  }
  if (title.size() > kTitleBytesMax || title.find('\n') != title.npos) {
    return {
        wish.reply("A title is one line of at most " + std::to_string(kTitleBytesMax) + " bytes.")};
  }
  Event named;
  named.set_session(wish.tree().id());
  named.mutable_session_named()->set_answers(message.seq());
  named.mutable_session_named()->set_conversation(row->id());
  named.mutable_content()->set_name(title);
  return {std::move(named)};
}

// It repeats the title, and goes with it.
Decisions decide_named(const State& state, const Event& event) {
  const Session* session = state.session(event.session());
  const std::optional<Event> asked = state.history.clear_event(event.session_named().answers());
  if (session == nullptr || event.session_named().answers() == 0 || !asked) return {};
  Event told = notice(*session, &*asked, "Titled: " + event.content().name(), "title");
  told.mutable_notice_issued()->add_quotes(event.seq());
  return {std::move(told)};
}

Decisions answer_forget(const State& state, const Session& session, const Event& message) {
  const Asked wish{state, session, message, "forget"};
  if (wish.tree().entries().empty()) return {wish.reply("There is no conversation to close.")};
  Decisions decisions;
  if (session.busy()) decisions = cancel_turn(state, session, message.seq());
  for (Event& dropped : drop_waiting(state, session, message)) {
    decisions.push_back(std::move(dropped));
  }
  decisions.push_back(session_reset(session, message.seq(), SessionReset::FORGET));
  Event cleared;
  cleared.set_session(wish.tree().id());
  cleared.mutable_provider_session_cleared()->set_reason("forget");
  decisions.push_back(std::move(cleared));
  decisions.push_back(
      wish.reply("Closed: no prompt takes anything of it any more. It stays in the journal: "
                 "/sessions goes back to it and a search finds it; /erase is what destroys words." +
                 left_behind_text(state, session, message)));
  return decisions;
}

Decisions answer_export(const State& state, const Session& session, const Event& message) {
  const Asked wish{state, session, message, "export"};
  const auto& entries = wish.tree().entries();
  if (entries.empty()) return {wish.reply("Nothing was said here yet.")};
  std::vector<std::string> parts;
  std::vector<Seq> quotes;
  std::size_t bytes = 0;
  int left = entries.size();
  for (; left > 0; --left) {
    std::string part = exported_entry(wish, entries.Get(left - 1));
    if (!parts.empty() && bytes + part.size() > kExportBytesMax) break;
    part.resize(text_prefix(part, kExportBytesMax).size());
    bytes += part.size();
    quotes.push_back(entries.Get(left - 1).seq());
    parts.push_back(std::move(part));
  }
  std::string text = "# Conversation";
  if (left > 0) {
    text += "\n\n(" + messages_text(left) +
            " before these are left out: `daybook export` has all of it.)";
  }
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) text += *part;
  Event exported = wish.reply(std::move(text), quotes);
  exported.mutable_notice_issued()->set_file_name(std::string(kExportName));
  return {std::move(exported)};
}

// Whoever asked for a file hears why none came, and the owner of a place that takes nothing.
Decisions decide_undelivered(const State& state, const Event& event) {
  const Session* session = state.session(event.session());
  const DeliveryFailed& failed = event.delivery_failed();
  if (session == nullptr || failed.ambiguous()) return {};
  const std::optional<Event> source = state.history.clear_event(failed.source());
  if (!source || source->notice_issued().topic() == kUndelivered) return {};
  Decisions decisions = tell_owner_undelivered(state, *session, event, *source);
  if (source->notice_issued().file_name().empty()) return decisions;
  decisions.push_back(notice(*session, nullptr,
                             "⚠ The file could not be sent: " + event.content().detail() +
                                 ". `daybook export` has the conversation.",
                             kUndelivered));
  return decisions;
}

Decisions decide_deadline(const State& state, const Event& event) {
  if (event.deadline_passed().what() == kGathered) return decide_gathered(state, event);
  const Session* session = state.session(event.session());
  if (event.deadline_passed().what() != kIdle || session == nullptr) return {};
  return close_idle(state, *session, state.now, 0);
}

Decisions close_idle(const State& state, const Session& session, Time until, Seq before) {
  const SessionState& talk = session.state();
  const SessionRow* row = state.directory.session(talk.id());
  const std::int64_t idle = state.directory.settings().idle();
  if (state.directory.rules() < 3 || row == nullptr || idle <= 0 || session.busy()) return {};
  const bool waits = std::any_of(talk.waiting().begin(), talk.waiting().end(),
                                 [before](const Waiting& one) { return one.seq() != before; });
  const std::int64_t silent = to_milliseconds(until) - row->said();
  if (waits || talk.compacting() != 0 || row->said() == 0 || silent < idle) return {};
  if (talk.entries().empty()) return {};
  Event reset = session_reset(session, 0, SessionReset::IDLE);
  reset.mutable_session_reset()->set_silent(silent);
  return {std::move(reset)};
}

std::optional<Event> idle_notice(const Session& session) {
  if (session.state().idle_closed() == 0) return std::nullopt;
  // Something may have been set in it since it began.
  const std::string as_usual = own_keys(session).empty() ? ", as the settings say" : "";
  return notice(session, nullptr,
                "A new conversation begins" + as_usual + ": nothing was said for " +
                    age_text(Duration(session.state().idle_closed())) +
                    ". /sessions goes back to the old one.",
                kIdle);
}

}  // namespace daybook
