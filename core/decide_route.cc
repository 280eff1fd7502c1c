// Who is asked when a turn begins, and who goes on when a model cannot.
//
// Law: a turn asks each model for its attempts once: whoever failed is written down with the turn
// and not asked again by it, so it comes to an end however many fallbacks there are.
#include <algorithm>
#include <utility>

#include "core/context.h"
#include "core/decide_conversation.h"
#include "core/failure_text.h"
#include "core/health.h"
#include "core/open_turn.h"
#include "core/sha256.h"

namespace daybook {

namespace {

bool same_model(const ResolvedModel& one, const ResolvedModel& other) {
  return one.provider == other.provider && one.model == other.model;
}

PassedModel passed_by(const ResolvedModel& model, PassedModel::Why why, Seq event = 0) {
  PassedModel passed;
  passed.set_model(model.model);
  passed.set_provider(model.provider);
  passed.set_why(why);
  passed.set_event(event);
  return passed;
}

// The model that is wanted, then the fallbacks that can be asked at all; of the others the route
// says so.
std::vector<ResolvedModel> candidates_of(const State& state, const ResolvedModel& wanted,
                                         Route* route) {
  const SettingsLoaded& settings = state.directory.settings();
  std::vector<ResolvedModel> candidates = {wanted};
  for (const std::string& name : settings.fallbacks()) {
    const Result<ResolvedModel> model = resolve_model(name, settings, state.directory.catalogue());
    if (!model) {
      *route->add_passed() = passed_by({"", name}, PassedModel::UNUSABLE);
      continue;
    }
    const bool there =
        std::any_of(candidates.begin(), candidates.end(),
                    [&](const ResolvedModel& one) { return same_model(one, *model); });
    if (!there) candidates.push_back(*model);
  }
  return candidates;
}

std::optional<PassedModel> obstacle_of(const State& state, const ResolvedModel& model) {
  std::optional<PassedModel> obstacle =
      state.directory.health().obstacle(model.provider, state.now, model.model);
  if (obstacle) obstacle->set_model(model.model);
  return obstacle;
}

// What stands in the way.
AttemptFailed failure_of(const State& state, const PassedModel& obstacle) {
  const std::optional<Event> event = state.history.clear_event(obstacle.event());
  return event ? event->attempt_failed() : AttemptFailed();
}

// Nobody waits for the end of it, and to ask before is of no use. Whether it is over, the first who
// asks after that end finds out. That one fails often is a guess, which does not keep anybody from
// asking. Where no connection was safe, whoever tries tells nobody anything.
bool forbids(const State& state, const PassedModel& obstacle) {
  if (state.directory.rules() < 3 || obstacle.until() == 0) return false;
  const ErrorClass error = failure_of(state, obstacle).error();
  const bool long_pause = obstacle.why() == PassedModel::RESTS &&
                          from_milliseconds(obstacle.until()) - state.now > kRetryAfterMax;
  return error != UNSAFE && (long_pause || needs_somebody(error));
}

// Where nobody stands in, the pause that this very model asked for is waited out, as one inside a
// turn is.
std::optional<PassedModel> pause_of(const State& state, const ResolvedModel& model) {
  const std::optional<PassedModel> obstacle = obstacle_of(state, model);
  if (state.directory.rules() < 3 || !obstacle || obstacle->why() != PassedModel::RESTS) return {};
  const AttemptFailed failed = failure_of(state, *obstacle);
  const std::optional<Event> turn = state.history.clear_event(failed.turn());
  if (!turn || failed.retry_after() <= 0 || forbids(state, *obstacle)) return {};
  const TurnStarted& asked = turn->turn_started();
  return asked.provider() == model.provider && asked.model() == model.model ? obstacle
                                                                            : std::nullopt;
}

// When none of them is free: the first that may be asked all the same, the one that is wanted
// before others; null, and what ends first: none may.
const ResolvedModel* least_bad(const State& state, const std::vector<ResolvedModel>& candidates,
                               std::optional<PassedModel>* held) {
  for (const ResolvedModel& model : candidates) {
    std::optional<PassedModel> obstacle = obstacle_of(state, model);
    if (!obstacle || !forbids(state, *obstacle)) return &model;
    if (!*held || obstacle->until() < (*held)->until()) *held = std::move(obstacle);
  }
  return nullptr;
}

// Of those that may be asked, the one that is believed best, or the first again.
const ResolvedModel* believed(const State& state, const Session& session,
                              const std::vector<const ResolvedModel*>& free, Route* route) {
  const RouteTuning& tuning = route_tuning_of(state.directory.settings());
  std::vector<ModelChance> chances;
  for (const ResolvedModel* model : free) {
    const std::string name = model_name(model->provider, model->model);
    chances.push_back(
        chance_of(*model, state.directory.beliefs().belief(name, route->task(), tuning), tuning));
    *route->add_chances() = chances.back();
  }
  const std::size_t best = best_of(chances, tuning);
  route->set_tried_again(best != 0 && tries_again(session.state().seq(), tuning));
  const ResolvedModel* chosen = free[route->tried_again() ? 0 : best];
  for (const ResolvedModel* model : free) {
    if (model != chosen) *route->add_passed() = passed_by(*model, PassedModel::LESS_LIKELY);
  }
  return chosen;
}

// Of the models that the open turn may still ask, with the turn as it would be recorded.
class Successors {
 public:
  Successors(const State& state, const Session& session, const TurnStarted& before)
      : state_(state), session_(session), before_(before) {}

  // `failed`: what became of the last one. `least_window`: of models that are worth asking.
  std::optional<TurnStarted> next(const PassedModel& failed, std::uint32_t least_window) {
    Route route = known();
    *route.add_passed() = failed;
    const std::vector<ResolvedModel> candidates = candidates_of(state_, wanted(), &route);
    std::optional<TurnStarted> rests;
    for (const ResolvedModel& model : candidates) {
      if (failed_already(route, model)) continue;
      if (model.context_tokens < least_window) {
        *route.add_passed() = passed_by(model, PassedModel::SMALL);
        continue;
      }
      const std::optional<PassedModel> obstacle = obstacle_of(state_, model);
      std::optional<TurnStarted> turn = turn_for(model);
      if (!turn) *route.add_passed() = passed_by(model, PassedModel::SMALL);
      if (!turn) continue;
      if (!obstacle) return with_route(*std::move(turn), route);
      // Rather one that rests than none; not one that is sure to refuse.
      const bool hopeless = needs_somebody(failure_of(state_, *obstacle).error());
      if (!rests && !hopeless) rests = with_route(*std::move(turn), route);
      *route.add_passed() = *obstacle;
    }
    return rests;
  }

 private:
  // Who failed before. Others may be asked now.
  [[nodiscard]] Route known() const {
    Route route;
    route.set_wanted(before_.route().wanted());
    route.set_task(before_.route().task());
    for (const PassedModel& passed : before_.route().passed()) {
      if (passed.why() == PassedModel::FAILED) *route.add_passed() = passed;
    }
    return route;
  }

  [[nodiscard]] ResolvedModel wanted() const {
    const SettingsLoaded& settings = state_.directory.settings();
    const std::string& name = before_.route().wanted();
    ResolvedModel asked{before_.provider(), before_.model()};
    if (name.empty()) return asked;
    const Result<ResolvedModel> model = resolve_model(name, settings, state_.directory.catalogue());
    if (model) asked = *model;
    return asked;
  }

  static bool failed_already(const Route& route, const ResolvedModel& model) {
    const auto& passed = route.passed();
    return std::any_of(passed.begin(), passed.end(), [&](const PassedModel& one) {
      return one.why() == PassedModel::FAILED && one.model() == model.model &&
             one.provider() == model.provider;
    });
  }

  [[nodiscard]] std::optional<TurnStarted> turn_for(const ResolvedModel& model) const {
    TurnStarted turn = before_;
    turn.clear_overflow_keep_last();
    set_model(state_, model, &turn);
    if (turn.rules() != 0) {
      return plan_prompt(session_.state(), &turn, state_.history) ? std::optional(turn)
                                                                  : std::nullopt;
    }
    // A summary that cannot be of all of its range would be thrown away.
    record_summary_prompt(state_, session_, &turn);
    return turn.dropped().empty() ? std::optional(turn) : std::nullopt;
  }

  [[nodiscard]] std::optional<TurnStarted> with_route(TurnStarted turn, const Route& route) const {
    *turn.mutable_route() = route;
    const std::string asked = model_name(turn.provider(), turn.model());
    const std::string first = model_name(before_.provider(), before_.model());
    if (route.wanted().empty()) turn.mutable_route()->set_wanted(first);
    if (turn.route().wanted() == asked) turn.mutable_route()->clear_wanted();
    return turn;
  }

  const State& state_;
  const Session& session_;
  const TurnStarted& before_;
};

// What only its owner can mend, told once until it works again, whoever asked.
Decisions tell_owner(const State& state, const Session& session, const AttemptFailed& failed,
                     std::string_view meanwhile) {
  const OpenTurn& open = session.state().open();
  const std::string model = failed.model_alone() ? open.model() : std::string();
  const HealthRow* row = state.directory.health().row(open.provider(), model);
  const std::string owner = state.directory.owner_place();
  const bool first = row != nullptr && row->failures() == 1;
  if (!needs_somebody(failed.error()) || !first || owner.empty()) return {};
  const std::string who =
      model.empty() ? open.provider() : model_name(open.provider(), open.model());
  const std::string text = "⚠ " + who + " " + trouble_words(failed) + ". ";
  return {notice_at(state, owner, text + std::string(meanwhile), "alarm")};
}

}  // namespace

bool leads_to_fallback(const AttemptFailed& failed) {
  const ErrorClass error = failed.error();
  // Any other request that is wrong is as wrong for the next one.
  const bool other_model = error == REQUEST && failed.missing_model();
  return is_providers_trouble(error) || error == SETTINGS || error == OVERFLOW || other_model;
}

Routed route_turn(const State& state, const Session& session, const ResolvedModel& wanted,
                  const std::string& task) {
  Routed routed{wanted, {}, {}};
  Route& route = routed.route;
  const std::vector<ResolvedModel> candidates = candidates_of(state, wanted, &route);
  if (candidates.size() == 1) {
    if (const auto pause = pause_of(state, wanted)) *route.add_passed() = *pause;
    least_bad(state, candidates, &routed.held);
    return routed;
  }
  route.set_task(task);
  const bool learned = state.directory.settings().route() == "learned";
  std::vector<const ResolvedModel*> free;
  for (const ResolvedModel& model : candidates) {
    if (!free.empty() && !learned) break;
    if (const std::optional<PassedModel> obstacle = obstacle_of(state, model)) {
      *route.add_passed() = *obstacle;
    } else {
      free.push_back(&model);
    }
  }
  const ResolvedModel* chosen = nullptr;
  if (learned && free.size() > 1) chosen = believed(state, session, free, &route);
  if (chosen == nullptr && !free.empty()) chosen = free.front();
  if (chosen == nullptr) chosen = least_bad(state, candidates, &routed.held);
  if (chosen == nullptr) chosen = &candidates.front();
  routed.model = *chosen;
  if (!same_model(*chosen, wanted)) route.set_wanted(model_name(wanted.provider, wanted.model));
  return routed;
}

Routed back_to(const ResolvedModel& wanted, const Routed& routed) {
  Routed back{wanted, routed.route, {}};
  *back.route.add_passed() = passed_by(routed.model, PassedModel::SMALL);
  back.route.clear_wanted();
  return back;
}

std::string held_text(const State& state, const Session& session, const Event& message,
                      const ResolvedModel& wanted) {
  // Whoever can mend it may find out whether it is mended.
  if (owner_asks(state, message)) return {};
  const Routed routed = route_turn(state, session, wanted, {});
  const bool goes_on = message.message_received().command() == "continue";
  return routed.held ? held_sentence(state, *routed.held, false, goes_on) : std::string();
}

Decisions tell_owner_of_end(const State& state, const Session& session,
                            const AttemptFailed& failed) {
  const OpenTurn& open = session.state().open();
  // The failure itself is told where the owner sits.
  const bool reads_it = open.kind() == ANSWER && open.place() == state.directory.owner_place();
  if (reads_it || state.directory.rules() < 3) return {};
  return tell_owner(state, session, failed, "Nobody answers in its place.");
}

Decisions fall_back(const State& state, const Session& session, const AttemptFailed& failed,
                    Seq event, const std::string& text) {
  const OpenTurn& open = session.state().open();
  if (state.directory.settings().fallbacks().empty() || !leads_to_fallback(failed)) return {};
  const std::optional<Event> recorded = state.history.clear_event(open.prompt());
  if (!recorded) return {};
  const TurnStarted& before = prompt_record(*recorded);
  // One that was begun under rules that knew no fallbacks.
  if (before.rules() == 0 && open.kind() == ANSWER) return {};
  const PassedModel passed = passed_by({open.provider(), open.model()}, PassedModel::FAILED, event);
  const std::uint32_t least = failed.error() == OVERFLOW ? before.window_tokens() + 1 : 0;
  std::optional<TurnStarted> next = Successors(state, session, before).next(passed, least);
  if (!next) return {};
  Decisions decisions = tell_owner(state, session, failed, "Fallbacks answer meanwhile.");
  Event retried = turn_retried(state, open, failed.error(), state.now, text);
  if (next->rules() != 0) record_prompt(state, session, session.state(), &*next, &decisions);
  *retried.mutable_turn_retried()->mutable_prompt() = *std::move(next);
  decisions.push_back(std::move(retried));
  return decisions;
}

}  // namespace daybook
