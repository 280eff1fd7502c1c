// The wanted screen is computed from the journal alone; the shown one comes from the fake server.
#include "tests/sim/checkers.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/codec.h"
#include "core/delivery.h"
#include "core/erasure.h"
#include "core/laws.h"

namespace daybook::sim {
namespace {

std::string place_of(std::int64_t chat) { return "telegram:" + std::to_string(chat); }

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::string with_sentence(const std::string& text, const std::string& sentence) {
  return trimmed(text).empty() ? sentence : text + "\n\n" + sentence;
}

// The turn an event ends, and what its reader is to see; 0: none.
std::pair<Seq, std::string> shown_end(const Event& event) {
  const Content& content = event.content();
  // What an earlier turn said of the same answer is shown there.
  const auto own = [&](std::uint32_t earlier) {
    return content.text().substr(std::min<std::size_t>(earlier, content.text().size()));
  };
  if (event.has_turn_completed()) {
    const TurnCompleted& completed = event.turn_completed();
    const std::string text = own(completed.earlier_bytes());
    const bool blank = trimmed(text).empty();
    const std::string answer = blank ? "(The model gave an empty answer.)" : text;
    if (completed.stood_in().empty()) return {completed.turn(), answer};
    return {completed.turn(), answer + "\n\n(Answered by " + completed.stood_in() + ".)"};
  }
  if (event.has_turn_cancelled()) {
    const TurnCancelled& cancelled = event.turn_cancelled();
    const std::string text = own(cancelled.earlier_bytes());
    if (cancelled.for_message() != 0) return {cancelled.turn(), text};
    return {cancelled.turn(), with_sentence(text, "(stopped)")};
  }
  if (event.has_turn_failed()) {
    const TurnFailed& failed = event.turn_failed();
    return {failed.turn(), with_sentence(own(failed.earlier_bytes()), content.detail())};
  }
  if (event.has_turn_abandoned()) {
    const TurnAbandoned& abandoned = event.turn_abandoned();
    return {abandoned.turn(), with_sentence(own(abandoned.earlier_bytes()), content.detail())};
  }
  return {0, {}};
}

const Event& event_at(const Evidence& evidence, Seq seq) { return evidence.events.at(seq - 1); }

// A person asked that it be forgotten.
bool forgotten(const Evidence& evidence, SessionId session, Seq seq) {
  return std::ranges::any_of(evidence.events, [&](const Event& event) {
    return event.has_session_erased() && event.session() == session &&
           covers(event.session_erased(), seq);
  });
}

// One message of a turn or notice: source and part.
using Part = std::pair<Seq, std::uint32_t>;

// How often nobody could know whether its post is on the screen.
std::map<Part, std::uint32_t> ambiguous_parts(const std::vector<Event>& events) {
  std::set<Part> open;
  std::map<Part, std::uint32_t> ambiguous;
  for (const Event& event : events) {
    if (event.has_post_attempted()) {
      open.emplace(event.post_attempted().source(), event.post_attempted().part());
    } else if (event.has_reply_posted()) {
      open.erase({event.reply_posted().source(), event.reply_posted().part()});
    } else if (event.has_delivery_failed()) {
      open.erase({event.delivery_failed().source(), event.delivery_failed().part()});
    } else if (event.has_delivery_delayed() && event.delivery_delayed().post()) {
      const Part part{event.delivery_delayed().source(), event.delivery_delayed().part()};
      open.erase(part);
      if (event.delivery_delayed().ambiguous()) ++ambiguous[part];
    } else if (event.has_gateway_started()) {
      for (const Part& part : open) ++ambiguous[part];
      open.clear();
    }
  }
  return ambiguous;
}

struct Wanted {
  std::map<std::string, std::multiset<std::string>> by_place;  // must be shown
  std::set<Seq> given_up;                                      // sources that need not be
  std::map<std::string, std::size_t> forgotten;                // may still be shown, by place
};

// What screens must show, part by part.
Wanted wanted_screens(const Evidence& evidence) {
  Wanted wanted;
  for (const Event& event : evidence.events) {
    if (event.has_delivery_failed()) wanted.given_up.insert(event.delivery_failed().source());
  }
  for (const auto& [part, times] : ambiguous_parts(evidence.events)) {
    if (times >= kAmbiguousPostsMax) wanted.given_up.insert(part.first);
  }
  const auto want = [&](const std::string& place, Seq source, std::string_view text,
                        bool file = false) {
    if (wanted.given_up.contains(source)) return;
    if (forgotten(evidence, event_at(evidence, source).session(), source)) {
      ++wanted.forgotten[place];
      return;
    }
    const std::size_t most = file ? SIZE_MAX : world::BotApi::kTextCharactersMax;
    for (std::string_view part : split_text(text, most)) {
      wanted.by_place[place].insert(trimmed(part));
    }
  };
  for (const Event& event : evidence.events) {
    if (event.has_notice_issued()) {
      want(event.notice_issued().place(), event.seq(), event.content().text(),
           !event.notice_issued().file_name().empty());
    }
    const auto [turn, text] = shown_end(event);
    if (turn == 0) continue;
    const TurnStarted& started = event_at(evidence, turn).turn_started();
    if (started.kind() == ANSWER) want(started.place(), turn, text);
  }
  return wanted;
}

std::multiset<std::string> shown_in(const Evidence& evidence, std::int64_t chat) {
  std::multiset<std::string> shown;
  for (const world::ChatMessage& message : evidence.bot.screen(chat)) shown.insert(message.text);
  return shown;
}

std::string quoted(const std::string& text) { return "\"" + text.substr(0, 60) + "\""; }

// Plain words; commands are settled by notices, which screens_match() looks for.
bool is_text(const Said& said) { return !said.text.starts_with('/'); }

}  // namespace

const Event* received(const Evidence& evidence, const Said& said) {
  const auto same = [&](const auto& one) {
    return one.place() == place_of(said.chat) && one.message_id() == said.message_id;
  };
  int edits = 0;
  for (const Event& event : evidence.events) {
    if (said.edit == 0 && event.has_message_received() && same(event.message_received())) {
      return &event;
    }
    if (event.has_message_edited() && same(event.message_edited()) && ++edits == said.edit) {
      return &event;
    }
  }
  return nullptr;
}

Complaints seqs_are_contiguous(const Evidence& evidence) {
  for (std::size_t i = 0; i < evidence.events.size(); ++i) {
    if (evidence.events[i].seq() != i + 1) return {"seq gap at " + std::to_string(i + 1)};
  }
  return {};
}

Complaints laws_hold(const Evidence& evidence) {
  Laws laws;
  std::string complaint;
  for (const Event& event : evidence.events) {
    const Record record = to_record(event);
    const bool sound = laws.judge(view_of(record), complaint);
    if (!sound) return {"event " + std::to_string(event.seq()) + ": " + complaint};
  }
  return {};
}

Complaints inbound_once(const Evidence& evidence) {
  Complaints complaints;
  std::map<std::int64_t, int> recorded;
  for (const Event& event : evidence.events) {
    if (event.has_message_received()) ++recorded[event.message_received().update_id()];
    if (event.has_message_edited()) ++recorded[event.message_edited().update_id()];
  }
  for (const auto& [update, times] : recorded) {
    if (times == 1) continue;
    complaints.push_back("update " + std::to_string(update) + " recorded more than once");
  }
  for (const Said& said : evidence.said) {
    if (received(evidence, said) != nullptr) continue;
    complaints.push_back("lost: " + quoted(said.text));
  }
  return complaints;
}

// A turn for each message, or a notice that it is kept, and one more turn for every /retry of it.
// For an edit, too, if it took the place of what was said before: then what waits is not answered.
Complaints everything_answered(const Evidence& evidence) {
  Complaints complaints;
  std::map<Seq, int> answered;
  std::map<Seq, int> asked_again;
  std::set<Seq> taken_back;
  std::set<Seq> in_place;
  std::map<Seq, int> ended;
  for (const Event& event : evidence.events) {
    for (Seq message : event.turn_started().answers()) ++answered[message];
    const NoticeIssued& notice = event.notice_issued();
    for (Seq message : notice.keeps()) ++answered[message];
    // Its answer does not go on by itself.
    if (notice.has_passed() && notice.keeps().empty()) --asked_again[notice.answers()];
    // One of those it was asked with was forgotten.
    for (Seq message : event.turn_cancelled().waits_again()) --answered[message];
    if (event.leaf_moved().why() == LeafMoved::RETRY) ++asked_again[event.leaf_moved().to()];
    if (event.notice_issued().topic() == "undo") taken_back.insert(event.notice_issued().answers());
    for (Seq message : event.queue_cleared().dropped()) taken_back.insert(message);
    const Seq replaced = event.message_replaced().replaced();
    if (replaced != 0) in_place.insert(event.message_replaced().by());
    if (replaced != 0 && answered[replaced] == asked_again[replaced]) taken_back.insert(replaced);
    if (const Seq turn = shown_end(event).first; turn != 0) ++ended[turn];
  }
  for (const Said& said : evidence.said) {
    const Event* message = received(evidence, said);
    if (!is_text(said) || message == nullptr) continue;
    const int turns = answered[message->seq()] - asked_again[message->seq()];
    if (turns == 0 && said.edit > 0 && !in_place.contains(message->seq())) continue;
    if (turns == 0 && taken_back.contains(message->seq())) continue;
    if (turns == 1 && taken_back.contains(message->seq())) {
      complaints.push_back("dropped and answered: " + quoted(said.text));
    }
    if (turns == 1) continue;
    if (turns == 0 && forgotten(evidence, message->session(), message->seq())) continue;
    complaints.push_back(std::to_string(turns) + " turns for " + quoted(said.text));
  }
  for (const Event& event : evidence.events) {
    if (!event.has_turn_started() || ended[event.seq()] == 1) continue;
    complaints.push_back("turn " + std::to_string(event.seq()) + " ended " +
                         std::to_string(ended[event.seq()]) + " times");
  }
  return complaints;
}

Complaints answers_whole(const Evidence& evidence) {
  Complaints complaints;
  std::set<std::string> possible;
  for (const world::ChatRequest& request : evidence.models.requests()) {
    possible.insert(world::answer_for(world::question_of(request)));
  }
  for (const Event& event : evidence.events) {
    if (!event.has_turn_completed()) continue;
    if (forgotten(evidence, event.session(), event.seq())) continue;
    const std::size_t earlier = event.turn_completed().earlier_bytes();
    const std::string& text = event.content().text();
    if (earlier > text.size()) {
      complaints.push_back("less than was said before: " + quoted(text));
      continue;
    }
    const Event& turn = event_at(evidence, event.turn_completed().turn());
    const Seq part = turn.turn_started().continues();
    const bool joins =
        part == 0 ? earlier == 0
                  : text.substr(0, earlier).starts_with(event_at(evidence, part).content().text());
    if (!joins) complaints.push_back("does not go on where it broke off: " + quoted(text));
    if (possible.contains(text.substr(earlier))) continue;
    complaints.push_back("not what the model said: " + quoted(event.content().text()));
  }
  return complaints;
}

Complaints prompts_in_order(const Evidence& evidence) {
  std::map<Seq, const Said*> by_message;
  for (const Said& said : evidence.said) {
    const Event* message = received(evidence, said);
    if (message != nullptr && is_text(said)) by_message[message->seq()] = &said;
  }
  std::set<std::string> answered;
  for (const Event& event : evidence.events) {
    if (!event.has_turn_completed()) continue;
    // An answer that was forgotten alone leaves its question behind.
    if (forgotten(evidence, event.session(), event.seq())) continue;
    // Of several that one turn answers, the answer stands behind the last.
    const auto& answers =
        event_at(evidence, event.turn_completed().turn()).turn_started().answers();
    if (answers.empty()) continue;
    const auto question = by_message.find(answers.Get(answers.size() - 1));
    if (question != by_message.end()) answered.insert(question->second->text);
  }
  // Where the leaf was moved right behind a question, its answer is on another branch; and one that
  // was asked with others before is answered since.
  const auto set_aside = [&](Seq message) {
    const auto question = by_message.find(message);
    if (question != by_message.end()) answered.erase(question->second->text);
  };
  for (const Event& event : evidence.events) {
    set_aside(event.leaf_moved().to());
    for (const Seq message : event.turn_cancelled().waits_again()) set_aside(message);
  }
  const auto runs_on = [&](const std::string& text) {
    // A summary may stand before a question, and quote it.
    if (text.find("ummar") != std::string::npos) return false;
    std::size_t begin = 0;
    for (std::size_t end = text.find("\n\n"); end != text.npos; end = text.find("\n\n", begin)) {
      if (answered.contains(text.substr(begin, end - begin))) return true;
      begin = end + 2;
    }
    return false;
  };
  Complaints complaints;
  for (const world::ChatRequest& request : evidence.models.requests()) {
    for (const auto& [role, text] : request.messages) {
      if (role == "user" && runs_on(text)) complaints.push_back("answer left out: " + quoted(text));
    }
  }
  return complaints;
}

Complaints screens_match(const Evidence& evidence) {
  Complaints complaints;
  Wanted wanted = wanted_screens(evidence);
  for (std::int64_t chat : evidence.bot.chats()) {
    // What moved is looked at where it is now; there, what was half shown before is shown anew.
    if (evidence.bot.moved_to(chat) != 0) continue;
    std::multiset<std::string> shown = shown_in(evidence, chat);
    std::multiset<std::string> before;
    if (const std::int64_t old = evidence.bot.came_from(chat); old != 0) {
      before = shown_in(evidence, old);
      wanted.by_place[place_of(chat)].merge(wanted.by_place[place_of(old)]);
      wanted.forgotten[place_of(chat)] += wanted.forgotten[place_of(old)];
      wanted.forgotten[place_of(chat)] += ambiguous_posts(evidence.events, place_of(old));
    }
    for (const std::string& text : wanted.by_place[place_of(chat)]) {
      const auto found = shown.find(text);
      if (const auto old = before.find(text); found == shown.end() && old != before.end()) {
        before.erase(old);
      } else if (found == shown.end()) {
        complaints.push_back("not shown in " + place_of(chat) + ": " + quoted(text));
      } else {
        shown.erase(found);
      }
    }
    const std::uint64_t allowed =
        ambiguous_posts(evidence.events, place_of(chat)) + wanted.forgotten[place_of(chat)];
    if (shown.size() <= allowed) continue;
    complaints.push_back(std::to_string(shown.size()) + " extra messages in " + place_of(chat) +
                         ", " + std::to_string(allowed) + " ambiguous posts; one says " +
                         quoted(*shown.begin()));
  }
  return complaints;
}

Complaints nothing_unwritten(const Evidence& evidence) {
  std::size_t attempts = 0;
  std::size_t asked = 0;
  for (const Event& event : evidence.events) {
    if (event.has_post_attempted()) ++attempts;
    if (event.has_turn_started() || event.has_turn_retried() || event.has_step_started()) ++asked;
  }
  Complaints complaints;
  if (static_cast<std::size_t>(evidence.bot.calls("sendMessage")) > attempts) {
    complaints.emplace_back("more posts than PostAttempted");
  }
  if (evidence.models.requests().size() > asked) {
    complaints.emplace_back("more model calls than attempts in the journal");
  }
  return complaints;
}

Complaints prompts_rebuild(const Evidence& evidence) {
  Complaints complaints;
  for (const Event& event : evidence.events) {
    const bool asks =
        event.has_turn_started() || event.has_step_started() || event.turn_retried().has_prompt();
    if (!asks) continue;
    const Result<Prompt> prompt = prompt_of(event, evidence.history);
    if (!prompt) {
      complaints.push_back(prompt.error().message);
      continue;
    }
    const bool incomplete = prompt->system.find(kErasedText) != std::string::npos ||
                            std::ranges::any_of(prompt->messages, [](const PromptMessage& one) {
                              return one.text.find(kErasedText) != std::string::npos;
                            });
    if (incomplete) continue;
    const auto digest = canonical_sha256(*prompt);
    const std::string& recorded = prompt_record(event).sha256();
    if (std::equal(digest.begin(), digest.end(), recorded.begin(), recorded.end(),
                   [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); })) {
      continue;
    }
    complaints.push_back("the prompt of turn " + std::to_string(event.seq()) + " changed");
  }
  return complaints;
}

Complaints fallbacks_end(const Evidence& evidence) {
  using Model = std::pair<std::string, std::string>;
  const auto model_of = [](const auto& one) { return Model(one.provider(), one.model()); };
  Complaints complaints;
  std::map<Seq, std::set<Model>> left;  // by turn: whom it has given up
  std::map<Seq, Model> asked;
  std::map<Seq, std::string> wanted;
  for (const Event& event : evidence.events) {
    const Seq turn = event.has_turn_started() ? event.seq() : turn_of(event);
    if (event.has_turn_started() || event.turn_retried().has_prompt()) {
      const TurnStarted& record = prompt_record(event);
      const Model model = model_of(record);
      if (asked.contains(turn) && asked[turn] != model) left[turn].insert(asked[turn]);
      if (left[turn].contains(model)) {
        complaints.push_back("turn " + std::to_string(turn) + " comes back to " + model.second);
      }
      asked[turn] = model;
      wanted[turn] = record.route().wanted();
    }
    if (!event.has_turn_completed()) continue;
    const std::string name = asked[turn].first + ":" + asked[turn].second;
    const bool other = !wanted[turn].empty() && wanted[turn] != name;
    if (event.turn_completed().stood_in() == (other ? name : "")) continue;
    complaints.push_back("turn " + std::to_string(turn) + " was answered by " + name +
                         " and says " + event.turn_completed().stood_in());
  }
  return complaints;
}

// Each request of a step is refused, or attempted and then returned, once; or its turn ended
// before. Those of an attempt that never became a step came to nothing.
Complaints tools_settled(const Evidence& evidence) {
  struct Request {
    Seq turn = 0;
    std::uint32_t attempt = 0;
    bool step = false;
    int attempted = 0;
    int settled = 0;
  };
  std::map<Seq, Request> requests;
  std::set<Seq> given_up;
  Complaints complaints;
  const auto settle = [&](const Event& event, Seq request, bool needs_attempt) {
    ++requests[request].settled;
    if (needs_attempt && requests[request].attempted != 1) {
      complaints.push_back("event " + std::to_string(event.seq()) + " is of no attempt");
    }
  };
  for (const Event& event : evidence.events) {
    if (event.has_tool_requested()) {
      requests[event.seq()] = {event.tool_requested().turn(), event.tool_requested().attempt()};
    } else if (event.has_step_completed()) {
      for (auto& [seq, request] : requests) {
        request.step |= request.turn == event.step_completed().turn() &&
                        request.attempt == event.step_completed().attempt();
      }
    } else if (event.has_tool_attempted()) {
      ++requests[event.tool_attempted().request()].attempted;
    } else if (event.has_tool_returned()) {
      settle(event, event.tool_returned().request(), true);
    } else if (event.has_tool_refused()) {
      settle(event, event.tool_refused().request(), false);
    } else if (event.has_turn_cancelled() || event.has_turn_abandoned() ||
               event.has_turn_failed()) {
      given_up.insert(turn_of(event));
    }
  }
  for (const auto& [seq, request] : requests) {
    const bool void_one = !request.step && request.settled == 0 && request.attempted == 0;
    const bool open = request.step && request.settled == 0 && given_up.contains(request.turn);
    if (void_one || open || (request.step && request.settled == 1)) continue;
    complaints.push_back("request " + std::to_string(seq) + " was settled " +
                         std::to_string(request.settled) + " times");
  }
  return complaints;
}

Complaints peers_content(const Evidence& evidence) {
  Complaints complaints;
  const bool crashed = std::ranges::count_if(evidence.events, [](const Event& event) {
                         return event.has_gateway_started();
                       }) > 1;
  for (const std::string& violation : evidence.bot.violations()) {
    // A process that died with the answer in its hands cannot know what it said.
    if (crashed && violation.find("before its retry_after") != std::string::npos) continue;
    complaints.push_back(violation);
  }
  for (const std::string& violation : evidence.models.violations()) complaints.push_back(violation);
  return complaints;
}

// What a person said and had forgotten is neither in its own event, nor in the answer to it, nor in
// a summary or notice. A later answer may have repeated it, and been quoted: that is out of an
// erasure's reach.
Complaints words_gone(const Evidence& evidence) {
  Complaints complaints;
  std::string words;
  std::string quotes;  // may repeat an answer that repeats them
  std::string all_answers;
  std::map<Seq, std::string> answers;  // by the message
  for (const Event& event : evidence.events) {
    if (event.content().erased()) continue;
    const bool named = forgotten(evidence, event.session(), event.seq());
    if (named && event.has_content()) {
      complaints.push_back("not erased: event " + std::to_string(event.seq()));
    }
    const std::string& text = event.content().text();
    const Seq turn = turn_of(event);
    // What a tool repeats goes with whom it repeats.
    const bool said = turn != 0 && !event.has_tool_returned();
    const bool answer = said && event_at(evidence, turn).turn_started().kind() == ANSWER;
    const bool own = event.has_message_received() || event.has_message_edited();
    quotes += event.content().raw() + "\n";
    if (!answer) (own ? words : quotes) += text + "\n";
    if (!answer) continue;
    all_answers += text + "\n";
    for (const Seq message : event_at(evidence, turn).turn_started().answers()) {
      answers[message] += text + "\n";
    }
  }
  std::set<std::string> kept;  // whoever edits what was forgotten may say the same once more
  for (const Said& said : evidence.said) {
    const Event* message = received(evidence, said);
    if (message != nullptr && !message->content().erased()) kept.insert(said.text);
  }
  for (const Said& said : evidence.said) {
    const Event* message = received(evidence, said);
    if (message == nullptr || !is_text(said) || !message->content().erased()) continue;
    if (kept.contains(said.text)) continue;
    const auto holds = [&](const std::string& one) { return one.find(said.text) != one.npos; };
    const bool quoted_alone = holds(quotes) && !holds(all_answers);
    if (!holds(words) && !holds(answers[message->seq()]) && !quoted_alone) continue;
    complaints.push_back("erased and still there: " + quoted(said.text));
  }
  return complaints;
}

Complaints check_all(const Evidence& evidence) {
  Complaints all;
  for (const auto& check :
       {seqs_are_contiguous, laws_hold, inbound_once, everything_answered, edits_take_their_place,
        queue_modes_hold, answered_where_said, answers_whole, prompts_in_order, screens_match,
        nothing_unwritten, prompts_rebuild, fallbacks_end, tools_settled, peers_content,
        words_gone}) {
    const Complaints complaints = check(evidence);
    all.insert(all.end(), complaints.begin(), complaints.end());
  }
  return all;
}

std::uint64_t ambiguous_posts(const std::vector<Event>& events, const std::string& place) {
  std::map<Seq, std::string> places;
  for (const Event& event : events) {
    if (event.has_turn_started()) places[event.seq()] = event.turn_started().place();
    if (event.has_notice_issued()) places[event.seq()] = event.notice_issued().place();
  }
  std::uint64_t sum = 0;
  for (const auto& [part, times] : ambiguous_parts(events)) {
    if (place.empty() || places[part.first] == place) sum += times;
  }
  return sum;
}

std::uint64_t extra_messages(const Evidence& evidence) {
  Wanted wanted = wanted_screens(evidence);
  std::uint64_t extra = 0;
  for (std::int64_t chat : evidence.bot.chats()) {
    const std::size_t shown = shown_in(evidence, chat).size();
    if (evidence.bot.moved_to(chat) != 0 || evidence.bot.came_from(chat) != 0) continue;
    const std::size_t asked =
        wanted.by_place[place_of(chat)].size() + wanted.forgotten[place_of(chat)];
    extra += shown > asked ? shown - asked : 0;
  }
  return extra;
}

}  // namespace daybook::sim
