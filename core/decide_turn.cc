// Turns: how one begins, is tried again, is given up, and what follows when it ends.
//
// The plain sentence a person reads when a turn fails is made here, from the error's class.
#include <algorithm>
#include <utility>

#include "core/context.h"
#include "core/continuing.h"
#include "core/decide_conversation.h"
#include "core/failure_text.h"
#include "core/health.h"
#include "core/letters.h"
#include "core/model.h"
#include "core/notation.h"
#include "core/open_turn.h"
#include "core/policy.h"
#include "core/preface.h"
#include "core/sha256.h"
#include "core/steps.h"
#include "core/tokens.h"
#include "core/tools.h"

namespace daybook {

namespace {

// A shorter pause is nothing to speak of.
constexpr Duration kPauseTold{10'000};

// Where nobody else was considered there is nothing to say.
void set_route(const Route& route, TurnStarted* turn) {
  if (route.ByteSizeLong() > 0) *turn->mutable_route() = route;
}

// Shares TurnStarted between answers and summaries; fills in everything but kind-specific fields.
Event new_turn(const State& state, const Session& session, const ResolvedModel& model) {
  Event event;
  event.set_session(session.state().id());
  TurnStarted* turn = event.mutable_turn_started();
  turn->set_place(session.state().place());
  turn->set_model(model.model);
  turn->set_provider(model.provider);
  turn->set_settings(state.directory.settings_seq());
  turn->set_policy("window");
  turn->set_upto(session.state().seq());
  turn->set_window_tokens(model.context_tokens);
  turn->set_window_percent(state.directory.settings().context_window_percent());
  turn->set_messages_max(state.directory.settings().max_history_messages());
  return event;
}

// On whose account a summary is made: who asked for it, or else who made it necessary.
std::int64_t user_of_summary(const State& state, const Session& session, const Event& compaction) {
  if (const Seq asked = compaction.compaction_started().answers(); asked != 0) {
    const std::optional<Event> message = state.history.clear_event(asked);
    return message ? writer_of(*message) : 0;
  }
  const std::optional<Event> before = last_prompt(state, session);
  return before ? prompt_record(*before).user() : 0;
}

Event summary_turn(const State& state, const Session& session, const Routed& routed, Seq compaction,
                   std::int64_t user) {
  Event event = new_turn(state, session, routed.model);
  TurnStarted* turn = event.mutable_turn_started();
  turn->set_kind(SUMMARY);
  turn->set_user(user);
  set_route(routed.route, turn);
  turn->set_messages_max(UINT32_MAX);  // a summary stands for all of its range
  turn->set_compaction(compaction);
  // What a summary cannot read is left out of it, not of the conversation.
  return std::move(with_prompt(state, session, std::move(event)).back());
}

bool worth_retrying(ErrorClass error) {
  return error == RATE || error == OVERLOAD || error == NETWORK || error == TRUNCATED ||
         error == STALLED || error == PEER;
}

// Exponential in the attempts that this model had, with a jitter of up to a tenth that only the
// turn and the attempt decide.
Duration retry_delay(Seq turn, std::uint32_t attempt, std::uint32_t attempts) {
  const Duration base =
      std::min(Duration(1'000) * (1 << std::min(attempts - 1, 5u)), Duration(30'000));
  const Digest digest = sha256(std::to_string(turn) + "/" + std::to_string(attempt));
  return base + base * digest[0] / 2560;
}

// Whoever says how long to wait is believed, also where that is less than our own.
Duration pause_before(Duration own, const AttemptFailed& failed, const State& state) {
  const Duration asked(failed.retry_after());
  return asked > Duration(0) && state.directory.rules() >= 3 ? asked : std::max(own, asked);
}

// What it thought and asked tools for.
std::uint32_t unseen_tokens(const State& state, Seq last_chunk) {
  const std::uint32_t rules = state.directory.rules();
  return rules < 3 ? 0 : estimate_tokens(unseen_so_far(last_chunk, state.history), rules);
}

// What was said stays, behind what an earlier turn had said of the same answer.
template <typename Body>
void keep_text(const State& state, const OpenTurn& turn, const std::string& now_said, Event* event,
               Body* body) {
  const std::string said = said_last(turn, now_said, state.history);
  body->set_kept(said != now_said);
  Joined whole = joined(turn, said, state.history);
  body->set_tokens(estimate_tokens(whole.text, state.directory.rules()));
  body->set_earlier_bytes(whole.earlier_bytes);
  if (whole.earlier_bytes > 0) {
    body->set_said_tokens(estimate_tokens(said, state.directory.rules()));
  }
  body->set_unseen_tokens(unseen_tokens(state, turn.last_chunk()));
  event->mutable_content()->set_text(std::move(whole.text));
}

}  // namespace

Event turn_failed(const State& state, const OpenTurn& turn, const AttemptFailed& failed,
                  const std::string& text, const std::string& detail) {
  Event event;
  event.set_session(turn.session());
  TurnFailed* body = event.mutable_turn_failed();
  body->set_turn(turn.seq());
  body->set_attempt(turn.attempt());
  body->set_last_chunk(turn.last_chunk());
  body->set_error(failed.error());
  body->set_status(failed.status());
  keep_text(state, turn, text, &event, body);
  if (failed.usage().reported()) body->clear_unseen_tokens();
  const bool kept = !event.content().text().empty();
  event.mutable_content()->set_detail(failure_sentence(state, turn, failed, detail, kept));
  return event;
}

Event steps_too_long(const State& state, const OpenTurn& turn, const AttemptFailed& failed,
                     const std::string& text) {
  Event event = turn_failed(state, turn, failed, text, {});
  event.mutable_turn_failed()->set_steps_too_long(true);
  return event;
}

Event turn_retried(const State& state, const OpenTurn& turn, ErrorClass error, Time not_before,
                   const std::string& text) {
  Event event;
  event.set_session(turn.session());
  TurnRetried* body = event.mutable_turn_retried();
  body->set_turn(turn.seq());
  body->set_attempt(turn.attempt() + 1);
  body->set_last_chunk(turn.last_chunk());
  body->set_not_before(to_milliseconds(not_before));
  body->set_error(error);
  const std::uint32_t rules = state.directory.rules();
  if (rules >= 3) body->set_tokens(estimate_tokens(text, rules));
  body->set_unseen_tokens(unseen_tokens(state, turn.last_chunk()));
  if (!text.empty()) event.mutable_content()->set_text(text);
  return event;
}

Event turn_abandoned(const State& state, const OpenTurn& turn, const std::string& text,
                     std::string why) {
  Event event;
  event.set_session(turn.session());
  TurnAbandoned* body = event.mutable_turn_abandoned();
  body->set_turn(turn.seq());
  body->set_attempt(turn.attempt());
  body->set_last_chunk(turn.last_chunk());
  keep_text(state, turn, text, &event, body);
  event.mutable_content()->set_detail(std::move(why));
  return event;
}

namespace {

// The provider found the prompt too long: the next attempt keeps less of it. Nothing: there is no
// shorter one.
Decisions retry_shorter(const State& state, const Session& session, const Event& failed) {
  const OpenTurn& open = session.state().open();
  const std::optional<Event> recorded = state.history.clear_event(open.prompt());
  if (!recorded || prompt_record(*recorded).rules() == 0) return {};
  const TurnStarted& before = prompt_record(*recorded);
  std::vector<TurnStarted> shorter;
  // What tools found long ago is missed least.
  const std::uint32_t results = results_of_steps(open, static_cast<int>(before.steps()));
  if (results > before.results_left_out()) {
    shorter.emplace_back(before).set_results_left_out(results);
  }
  const PolicyTuning tuning = tuning_of(before);
  const auto& ladder = tuning.overflow_keep_last();
  for (const std::uint32_t keep_last : ladder) {
    if (before.overflow_keep_last() != 0 && keep_last >= before.overflow_keep_last()) continue;
    shorter.emplace_back(before).set_overflow_keep_last(keep_last);
  }
  // Where the last few are as long as all of it, half of that is the room, once: texts are cut.
  if (before.cut().empty()) {
    TurnStarted& halved = shorter.emplace_back(before);
    halved.set_overflow_keep_last(*ladder.rbegin());
    halved.set_budget(before.tokens() / 2 * std::max(before.calibration(), 1U) / 1'000);
  }
  for (TurnStarted& turn : shorter) {
    turn.set_results_left_out(std::max(results, turn.results_left_out()));
    const bool fits = plan_prompt(session.state(), &turn, state.history);
    if (!fits || turn.tokens() >= before.tokens()) continue;
    Event event = turn_retried(state, open, OVERFLOW, state.now, failed.content().text());
    Decisions decisions;
    record_prompt(state, session, session.state(), &turn, &decisions);
    *event.mutable_turn_retried()->mutable_prompt() = std::move(turn);
    decisions.push_back(std::move(event));
    return decisions;
  }
  return {};
}

}  // namespace

void set_model(const State& state, const ResolvedModel& model, TurnStarted* turn) {
  turn->set_model(model.model);
  turn->set_provider(model.provider);
  turn->set_window_tokens(model.context_tokens);
  if (turn->rules() == 0) return;
  set_window(model, turn);
  turn->set_calibration(state.directory.calibration(turn->provider(), turn->model()));
  const bool marks = turn->kind() == ANSWER && takes_cache_marks(model);
  turn->set_cache_minutes(marks ? state.directory.settings().cache_minutes() : 0);
}

namespace {

// Policy and budget, as settings, session and model have them.
void set_limits(const State& state, const Session& session, const ResolvedModel& model,
                TurnStarted* turn) {
  const SettingsLoaded& settings = state.directory.settings();
  const std::string& own = session.state().policy();
  const std::string& usual = settings.policy();
  turn->set_rules(state.directory.rules());
  turn->set_policy(!own.empty() ? own : usual.empty() ? std::string(kDefaultPolicy) : usual);
  turn->set_context_tokens_max(settings.context_tokens_max());
  set_policy_limits(settings, turn);
  set_model(state, model, turn);
  turn->set_thinking(own_value(session.state(), "thinking"));
  turn->set_temperature(own_value(session.state(), "temperature"));
  const OwnSetting* system = own_setting(session.state(), "system");
  turn->set_system(system == nullptr ? 0 : system->event());
  for (const std::string& name : settings.tools()) {
    if (find_tool(name) != nullptr) turn->add_tools(name);
  }
}

// Who is to pay: whoever asked once more, not who had asked first; where an answer goes on by
// itself, whoever paid for the rest of it.
std::int64_t asker_of(const State& state, const Event& message, const Waiting& waiting) {
  if (waiting.asked() == 0 && waiting.continues() != 0) {
    const std::optional<Event> ended = state.history.clear_event(waiting.continues());
    const std::optional<Event> turn =
        ended ? state.history.clear_event(ended_turn(*ended)) : std::nullopt;
    if (turn) return turn->turn_started().user();
  }
  if (waiting.asked() == 0) return writer_of(message);
  const std::optional<Event> asked = state.history.clear_event(waiting.asked());
  return asked ? writer_of(*asked) : writer_of(message);
}

// Nothing is asked. What was to be asked once more, or gone on with, stays where it was.
Decisions not_asked(const Session& session, const Event& message, const Waiting& waiting,
                    std::string text, const std::string& topic) {
  Decisions decisions = {notice(session, &message, std::move(text), topic)};
  if (waiting.left() == 0 || waiting.left() == waiting.seq()) return decisions;
  Event back;
  back.set_session(session.state().id());
  back.mutable_leaf_moved()->set_to(waiting.left());
  back.mutable_leaf_moved()->set_why(LeafMoved::SWITCH);
  decisions.push_back(std::move(back));
  return decisions;
}

Waiting waiting_as(const Session& session, const Event& message) {
  for (const Waiting& waiting : session.state().waiting()) {
    if (waiting.seq() == message.seq()) return waiting;
  }
  return {};
}

bool of_one_writer(const std::vector<Event>& messages) {
  return std::all_of(messages.begin(), messages.end(), [&](const Event& message) {
    return writer_of(message) == writer_of(messages.front());
  });
}

// Why they are not asked is told with the last of them.
Event all_but_last(const Session& session, const std::vector<Event>& messages) {
  Event event;
  event.set_session(session.state().id());
  for (std::size_t index = 0; index + 1 < messages.size(); ++index) {
    event.mutable_queue_cleared()->add_dropped(messages[index].seq());
  }
  return event;
}

// Nobody is asked: they stay what was said last, for a /retry or for whoever is asked next.
Decisions keep(const State& state, const Session& session, const std::vector<Event>& messages,
               const PassedModel& held) {
  const Event& last = messages.back();
  const Waiting waiting = waiting_as(session, messages.front());
  const std::string text =
      held_sentence(state, held, owner_asks(state, last), waiting.continues() != 0);
  Decisions decisions = not_asked(session, last, waiting, text, "pause");
  NoticeIssued* issued = decisions.front().mutable_notice_issued();
  *issued->mutable_passed() = held;
  if (waiting.left() != 0) return decisions;  // it was said before
  for (const Event& message : messages) issued->add_keeps(message.seq());
  return decisions;
}

// An answer that waits out a pause which its provider asked for comes late.
std::optional<Event> pause_told(const State& state, const Session& session, const Event& started) {
  const Time until = from_milliseconds(opened_turn(started).not_before());
  if (until - state.now < kPauseTold) return std::nullopt;
  return notice(session, nullptr,
                started.turn_started().provider() + " asked for a pause until " +
                    time_text(until).substr(11, 8) + " UTC; the answer follows then.",
                "pause");
}

// Why not all of them can be answered.
std::string stop_of_any(const State& state, const Session& session,
                        const std::vector<Event>& messages) {
  for (const Event& message : messages) {
    const std::int64_t payer = asker_of(state, message, waiting_as(session, message));
    std::string stop = budget_stop(state, session.state().place(), payer);
    if (!stop.empty()) return stop;
  }
  return {};
}

}  // namespace

Result<ResolvedModel> model_of(const State& state, const Session& session,
                               const std::string& wanted) {
  const SettingsLoaded& settings = state.directory.settings();
  const std::string& chosen = wanted.empty() ? session.state().model() : wanted;
  const bool own = !chosen.empty();
  Result<ResolvedModel> model =
      resolve_model(own ? chosen : settings.model(), settings, state.directory.catalogue());
  const bool telegram = channel_of(session.state().place()) == "telegram";
  if (model && model->provider == "echo" && telegram && !own && !settings.model_chosen()) {
    return Error{
        "No model is set up yet: whoever runs this bot can run `daybook setup`, or set "
        "agent.model to \"echo\" to try it without one.",
        ExitCode::kSettings};
  }
  return model;
}

Result<TurnStarted> next_answer(const State& state, const Session& session) {
  const Result<ResolvedModel> model = model_of(state, session);
  if (!model) return model.error();
  TurnStarted turn = new_turn(state, session, *model).turn_started();
  set_limits(state, session, *model, &turn);
  if (Preface preface; record_goal(session.state(), &preface)) {
    *turn.mutable_preface() = std::move(preface);
  }
  return turn;
}

Decisions start_answer(const State& state, const Session& session, const Event& message) {
  return start_answers(state, session, {message}, Preface());
}

Decisions start_answers(const State& state, const Session& session,
                        const std::vector<Event>& messages, const Preface& late) {
  const Waiting waiting = waiting_as(session, messages.front());
  const auto refuse = [&](const std::string& why, const std::string& topic) {
    Decisions decisions;
    const bool at_once = topic == "model" || (topic == "budget" && of_one_writer(messages));
    for (const Event& message : messages) {
      if (at_once && message.seq() != messages.back().seq()) continue;
      for (Event& one : not_asked(session, message, waiting, why, topic)) {
        decisions.push_back(std::move(one));
      }
    }
    if (at_once && messages.size() > 1) decisions.push_back(all_but_last(session, messages));
    return decisions;
  };
  const Result<ResolvedModel> model = model_of(state, session, waiting.model());
  if (!model) return refuse("⚠ " + model.error().message, "model");
  const std::string stop = stop_of_any(state, session, messages);
  if (!stop.empty()) {
    return refuse("⚠ Nothing was sent: " + stop, "budget");
  }
  const std::int64_t user = asker_of(state, messages.back(), waiting);
  const auto turn_with = [&](const Routed& routed) {
    Event event = new_turn(state, session, routed.model);
    TurnStarted* turn = event.mutable_turn_started();
    turn->set_kind(ANSWER);
    for (const Event& one : messages) turn->add_answers(one.seq());
    turn->set_reply_to(reply_target(session, messages.back()));
    if (state.directory.rules() < 3) return event;
    turn->set_user(user);
    set_route(routed.route, turn);
    continue_from(state, session, waiting, turn);
    set_limits(state, session, routed.model, turn);
    Preface preface = late;
    if (record_goal(session.state(), &preface) || late.late_messages() > 0) {
      *turn->mutable_preface() = std::move(preface);
    }
    return event;
  };
  std::uint32_t tokens = 0;
  for (const Event& message : messages) tokens += waiting_as(session, message).tokens();
  const Routed routed = route_turn(state, session, *model, task_of(ANSWER, tokens));
  if (routed.held && waiting.asked() == 0) return keep(state, session, messages, *routed.held);
  if (state.directory.rules() < 3) return with_prompt(state, session, turn_with(routed));
  Result<Decisions> started = with_choice(state, session, turn_with(routed));
  // Rather one that rests than nobody.
  const bool stands_in = !routed.route.wanted().empty();
  if (!started && stands_in) {
    started = with_choice(state, session, turn_with(back_to(*model, routed)));
  }
  if (!started) return refuse(started.error().message, "context");
  // What goes on by itself may do so because of a restart.
  const bool by_itself = waiting.continues() != 0 && waiting.asked() == 0;
  Decisions room =
      by_itself ? Decisions() : compact_before(state, session, started->back().turn_started());
  if (!room.empty()) return room;
  if (std::optional<Event> told = pause_told(state, session, started->back())) {
    started->insert(started->begin(), *std::move(told));
  }
  return *std::move(started);
}

Decisions start_summary(const State& state, const Session& session, const Event& compaction) {
  const Result<ResolvedModel> model =
      model_of(state, session, state.directory.settings().summary_model());
  const std::uint32_t rules = state.directory.state().rules();
  const std::int64_t user = rules < 3 ? 0 : user_of_summary(state, session, compaction);
  std::string obstacle =
      model ? budget_stop(state, session.state().place(), user) : model.error().message;
  const std::string task = task_of(SUMMARY, 0);
  const Routed routed =
      model ? route_turn(state, session, *model, task) : Routed{ResolvedModel(), {}, {}};
  if (obstacle.empty() && routed.held) {
    obstacle = routed.held->provider() + " " + obstacle_text(*routed.held) + ".";
  }
  if (!obstacle.empty()) return without_summary(state, session, compaction, std::move(obstacle));
  Event turn = summary_turn(state, session, routed, compaction.seq(), user);
  const Result<ResolvedModel> own = model_of(state, session);
  // Rather a dear model than one that cannot read all of it.
  const bool other = own && own->context_tokens > model->context_tokens;
  if (other && turn.turn_started().dropped_size() > 0) {
    turn = summary_turn(state, session, route_turn(state, session, *own, task), compaction.seq(),
                        user);
  }
  return {std::move(turn)};
}

Decisions start_title(const State& state, const Session& session) {
  const Result<ResolvedModel> model =
      model_of(state, session, state.directory.settings().summary_model());
  // On the account of whoever was answered last.
  const std::optional<Event> before = last_prompt(state, session);
  const std::int64_t user = before ? prompt_record(*before).user() : 0;
  if (!model || !budget_stop(state, session.state().place(), user).empty()) return {};
  if (route_turn(state, session, *model, {}).held) return {};
  Event event = new_turn(state, session, *model);
  event.mutable_turn_started()->set_kind(TITLE);
  event.mutable_turn_started()->set_user(user);
  return with_prompt(state, session, std::move(event));
}

Decisions cancel_turn(const State& state, const Session& session, Seq by) {
  const OpenTurn& turn = session.state().open();
  const std::string text = text_so_far(turn.last_chunk(), state.history);
  Event event;
  event.set_session(turn.session());
  TurnCancelled* body = event.mutable_turn_cancelled();
  body->set_turn(turn.seq());
  body->set_attempt(turn.attempt());
  body->set_last_chunk(turn.last_chunk());
  body->set_by(by);
  keep_text(state, turn, text, &event, body);
  return {std::move(event)};
}

namespace {

// So many letters were read by somebody: they are not taken away for another attempt, which may
// come to less.
constexpr std::size_t kReadLetters = 200;

bool was_read(const State& state, const OpenTurn& turn, std::string_view text) {
  if (state.directory.rules() < 3 || turn.kind() != ANSWER) return false;
  std::size_t letters = 0;
  for (std::size_t at = 0; at < text.size() && letters < kReadLetters; ++letters) {
    at += letter_at(text.substr(at)).bytes;
  }
  return letters == kReadLetters;
}

// A summary that began by itself, and somebody has written meanwhile: what can be made at once goes
// before a better one.
bool holds_up(const State& state, const Session& session) {
  return state.directory.rules() >= 3 && !session.state().waiting().empty() &&
         began_by_itself(state, session.state().open());
}

}  // namespace

Decisions decide_attempt_failed(const State& state, const Event& event) {
  const Session* session = state.session(event.session());
  if (session == nullptr || !session->busy()) return {};
  const OpenTurn& turn = session->state().open();
  const AttemptFailed& failed = event.attempt_failed();
  const std::string& text = event.content().text();
  const std::uint32_t attempts_max = std::max(state.directory.settings().attempts_max(), 1u);
  const std::uint32_t attempts =
      state.directory.rules() < 3 ? turn.attempt() : attempts_of_model(turn);
  const bool refused = failed.retry_after() < 0 || Duration(failed.retry_after()) > kRetryAfterMax;
  const bool stopped = !budget_stop(state, turn).empty();
  const bool read = was_read(state, turn, text);
  const bool again_at_all = !refused && !stopped && !read && !holds_up(state, *session);
  if (worth_retrying(failed.error()) && again_at_all && attempts < attempts_max) {
    const Duration pause =
        pause_before(retry_delay(turn.seq(), turn.attempt(), attempts), failed, state);
    return {turn_retried(state, turn, failed.error(), state.now + pause, text)};
  }
  Decisions again;
  if (failed.error() == OVERFLOW && !stopped) again = retry_shorter(state, *session, event);
  if (again.empty() && !stopped && !read)
    again = fall_back(state, *session, failed, event.seq(), text);
  if (!again.empty()) return again;
  if (failed.error() == OVERFLOW && turn.steps_size() > 0) {
    return {steps_too_long(state, turn, failed, text)};
  }
  Decisions decisions = tell_owner_of_end(state, *session, failed);
  decisions.push_back(turn_failed(state, turn, failed, text, event.content().detail()));
  return decisions;
}

namespace {

constexpr std::string_view kMakesRoom =
    "A summary of the older messages is being made, so that it fits: /retry answers then.";

// What follows when an answer is over: room is made, whoever waits is answered, a title is made.
Decisions settle_ended(const State& state, const Session& session, const Event& event) {
  const bool too_long =
      event.turn_failed().error() == OVERFLOW && !event.turn_failed().steps_too_long();
  if (event.has_turn_completed() || too_long) {
    Decisions compaction = compact_when_due(state, session, too_long);
    if (too_long && !compaction.empty() && state.directory.rules() >= 3) {
      Event told = notice(session, nullptr, std::string(kMakesRoom), "compact");
      compaction.insert(compaction.begin(), std::move(told));
    }
    if (!compaction.empty()) return compaction;
  }
  Decisions settled = settle_waiting_messages(state, session);
  const bool quiet = settled.empty() && event.has_turn_completed();
  return quiet ? title_when_due(state, session) : settled;
}

}  // namespace

Decisions decide_turn_ended(const State& state, const Event& event) {
  const Session* session = state.session(event.session());
  if (session == nullptr) return {};
  const std::optional<Event> turn = state.history.event(ended_turn(event));
  if (turn && turn->turn_started().kind() == SUMMARY) {
    return end_compaction(state, *session, *turn, event);
  }
  if (event.turn_abandoned().goes_on()) return go_on(*session, event, *turn);
  if (turn && turn->turn_started().kind() == TITLE) return end_title(state, *session, event);
  Decisions decisions;
  if (turn) decisions = settle_limit(state, *session, event, *turn);
  if (!decisions.empty() && decisions.back().has_leaf_moved()) return decisions;
  for (Event& one : settle_ended(state, *session, event)) decisions.push_back(std::move(one));
  return decisions;
}

}  // namespace daybook
