#include "core/directory.h"

#include <algorithm>
#include <utility>

#include "core/codec.h"
#include "core/open_turn.h"
#include "core/tokens.h"

namespace daybook {

namespace {

// One answer moves what is believed of its model by a quarter of the way, and nothing moves it
// beyond a half or three times our estimate.
constexpr std::uint64_t kCalibrationWeight = 4;
// Of a short prompt the most is what its provider puts around it.
constexpr std::uint64_t kCalibrationTokensMin = 200;
constexpr std::uint64_t kCalibrationLeast = 500;
constexpr std::uint64_t kCalibrationMost = 3'000;

constexpr Duration kAbsence{3'600'000};

}  // namespace

Directory Directory::restore(DirectoryState state) {
  Directory directory;
  for (SessionRow& row : *state.mutable_sessions()) {
    for (const std::string& before : row.places_before()) directory.places_[before] = row.id();
    directory.places_[row.place()] = row.id();
    directory.sessions_[row.id()] = std::move(row);
  }
  for (PairingRow& row : *state.mutable_pairings()) {
    directory.pairings_[row.user()] = std::move(row);
  }
  for (CalibrationRow& row : *state.mutable_calibrations()) {
    directory.calibrations_[row.model()] = std::move(row);
  }
  for (HealthRow& row : *state.mutable_health()) directory.health_.restore(std::move(row));
  for (AccountRow& row : *state.mutable_accounts()) directory.spending_.restore(std::move(row));
  for (BeliefRow& row : *state.mutable_beliefs()) directory.beliefs_.restore(std::move(row));
  state.clear_health();
  state.clear_accounts();
  state.clear_beliefs();
  state.clear_sessions();
  state.clear_pairings();
  state.clear_calibrations();
  directory.state_ = std::move(state);
  return directory;
}

DirectoryState Directory::save() const {
  DirectoryState state = state_;
  for (const auto& [id, row] : sessions_) *state.add_sessions() = row;
  for (const auto& [user, row] : pairings_) *state.add_pairings() = row;
  for (const auto& [model, row] : calibrations_) *state.add_calibrations() = row;
  health_.save(&state);
  spending_.save(&state);
  beliefs_.save(&state);
  return state;
}

void Directory::apply(const Event& event) {
  if (event.seq() <= state_.seq()) return;
  state_.set_seq(event.seq());
  state_.set_time(event.time());
  if (event.session() != 0) apply_to_session(event);
  if (event.has_session_erased()) forget(event);
  if (event.has_gateway_started()) {
    state_.set_entropy(event.gateway_started().entropy());
    state_.set_rules(event.gateway_started().rules());
    state_.set_erasable(event.gateway_started().erasable());
  } else if (event.turn_started().preface().late_messages() > 0) {
    // What the owner released asks for nothing more.
    const bool released = event.turn_started().answers(0) < state_.recovery_allowed();
    if (!released) state_.set_late_turns(state_.late_turns() + 1);
  } else if (event.has_message_held()) {
    if (event.message_held().joins() == 0) come_back(event.time());
  } else if (event.has_place_moved()) {
    move(event.place_moved());
  } else if (event.has_recovery_asked()) {
    state_.set_recovery_asked(true);
  } else if (event.has_recovery_allowed()) {
    state_.clear_late_turns();
    state_.clear_recovery_asked();
    state_.set_recovery_allowed(event.seq());
  } else if (event.has_settings_loaded()) {
    forget_other_providers(event.settings_loaded());
    state_.set_settings_seq(event.seq());
    *state_.mutable_settings() = event.settings_loaded();
    health_.apply(event, {});
  } else if (event.has_catalogue_loaded()) {
    state_.set_catalogue_seq(event.seq());
    *state_.mutable_catalogue() = event.catalogue_loaded();
  } else if (event.has_space_ran_low() || event.has_space_recovered()) {
    state_.set_space_low(event.has_space_ran_low());
  } else if (event.has_budget_neared() || event.has_budget_spent()) {
    spending_.note(event);
  } else if (event.has_pairing_requested()) {
    request(event);
  } else if (event.has_pairing_approved()) {
    approve(event.pairing_approved());
  } else if (event.has_access_revoked()) {
    revoke(event.access_revoked().user());
  }
}

void Directory::apply_skipped(const Event& chunk) {
  SessionRow& row = sessions_[chunk.session()];
  row.set_last_chunk(std::max<Seq>(row.last_chunk(), chunk.seq()));
  row.set_time(std::max(row.time(), chunk.time()));
  state_.set_seq(std::max<Seq>(state_.seq(), chunk.seq()));
  state_.set_time(std::max(state_.time(), chunk.time()));
}

void Directory::apply_to_session(const Event& event) {
  SessionRow& row = sessions_[event.session()];
  row.set_id(event.session());
  row.set_time(event.time());
  if (event.has_chunk_received()) {
    row.set_last_chunk(event.seq());
    return;
  }
  row.set_head(event.seq());
  learn_from_call(event, &row);
  if (event.has_session_opened()) {
    row.set_place(event.session_opened().place());
    places_[row.place()] = row.id();
  } else if (event.has_session_forked()) {
    row.set_place(event.session_forked().place());
    places_[row.place()] = row.id();
  } else if (event.has_turn_started()) {
    const TurnStarted& started = event.turn_started();
    row.set_open_turn(event.seq());
    row.set_last_chunk(0);
    row.set_open_model(model_name(started.provider(), started.model()));
    row.set_open_tokens(started.rules() == 0 ? 0 : started.tokens());
    if (started.kind() == ANSWER) row.set_said(event.time());
  } else if (event.notice_issued().keeps_size() > 0 || event.leaf_moved().to() != 0) {
    row.set_said(event.time());
  } else if (event.has_message_held()) {
    row.set_held(true);
  } else if (event.has_reply_posted()) {
    row.clear_undelivered();
  } else if (event.has_delivery_failed()) {
    if (!event.delivery_failed().ambiguous()) row.set_undelivered(row.undelivered() + 1);
  } else if (event.has_session_reset()) {
    if (!event.session_reset().waits_on()) row.clear_held();
    row.clear_said();
  } else if (event.has_turn_retried()) {
    row.set_last_chunk(0);
    if (event.turn_retried().has_prompt()) {
      const TurnStarted& anew = event.turn_retried().prompt();
      row.set_open_model(model_name(anew.provider(), anew.model()));
      row.set_open_tokens(anew.rules() == 0 ? 0 : anew.tokens());
    }
  } else if (event.has_step_completed()) {
    calibrate(row.open_model(), row.open_tokens(), event.step_completed().usage().prompt_tokens());
  } else if (event.has_step_started()) {
    row.set_last_chunk(0);
    row.set_open_tokens(event.step_started().prompt().tokens());
  } else if (ends_turn(event)) {
    if (event.has_turn_completed()) {
      calibrate(row.open_model(), row.open_tokens(),
                event.turn_completed().usage().prompt_tokens());
    }
    row.set_open_turn(0);
    row.set_last_chunk(0);
    if (row.said() != 0) row.set_said(event.time());
    row.clear_open_model();
    row.clear_open_tokens();
  }
}

// Under another key, or at another address, what was wrong with it says nothing.
void Directory::forget_other_providers(const SettingsLoaded& loaded) {
  if (rules() < 3) return;
  for (const ProviderRow& before : settings().providers()) {
    const auto& rows = loaded.providers();
    const auto now = std::find_if(rows.begin(), rows.end(), [&](const ProviderRow& row) {
      return row.name() == before.name();
    });
    const bool same = now != rows.end() && now->base_url() == before.base_url() &&
                      now->key_mark() == before.key_mark();
    if (!same) health_.forget(before.name());
  }
}

// What the model was like that it asked, and what that cost.
void Directory::learn_from_call(const Event& event, SessionRow* row) {
  const bool about_turn = event.has_turn_started() || turn_of(event) != 0;
  if (!about_turn) return;
  health_.apply(event, row->open_call().provider(), row->open_call().model(), rules());
  beliefs_.apply(event, row->open_call(), route_tuning_of(settings()));
  spending_.apply(event, state_.catalogue(), row);
}

// Whoever was spoken with there is spoken with here; what comes from there all the same finds the
// way.
void Directory::move(const PlaceMoved& moved) {
  for (auto& [id, row] : sessions_) {
    if (row.place() != moved.from()) continue;
    row.add_places_before(moved.from());
    row.set_place(moved.to());
  }
  if (const auto from = places_.find(moved.from()); from != places_.end()) {
    places_.emplace(moved.to(), from->second);  // a place that was spoken in keeps its own
  }
  if (state_.owner_place() == moved.from()) state_.set_owner_place(moved.to());
}

// Messages that come late after a while without are another absence.
void Directory::come_back(std::int64_t time) {
  if (time - state_.late_time() > kAbsence.count()) {
    state_.clear_late_turns();
    state_.clear_recovery_asked();
  }
  state_.set_late_time(time);
}

// A provider that reported nothing teaches nothing.
void Directory::calibrate(const std::string& model, std::uint64_t estimated,
                          std::uint64_t reported) {
  if (estimated < kCalibrationTokensMin || reported == 0) return;
  const std::uint64_t heard =
      std::clamp(reported * 1'000 / estimated, kCalibrationLeast, kCalibrationMost);
  CalibrationRow& row = calibrations_[model];
  const std::uint64_t believed = row.answers() == 0 ? first_calibration(model) : row.per_thousand();
  row.set_model(model);
  row.set_per_thousand(static_cast<std::uint32_t>((believed * (kCalibrationWeight - 1) + heard) /
                                                  kCalibrationWeight));
  row.set_answers(row.answers() + 1);
}

std::uint32_t Directory::calibration(const std::string& provider, const std::string& model) const {
  const auto found = calibrations_.find(model_name(provider, model));
  return found == calibrations_.end() ? first_calibration(model) : found->second.per_thousand();
}

// Remembers how far from its beginning on a conversation is forgotten.
void Directory::forget(const Event& event) {
  for (const Range& range : event.session_erased().ranges()) {
    if (event.session() == 0) {
      state_.set_erased_upto(std::max<std::uint64_t>(state_.erased_upto(), range.last()));
      continue;
    }
    SessionRow& row = sessions_[event.session()];
    const bool joins = range.first() <= std::max<std::uint64_t>(row.id(), row.erased_upto() + 1);
    if (joins) row.set_erased_upto(std::max<std::uint64_t>(row.erased_upto(), range.last()));
  }
}

void Directory::request(const Event& event) {
  std::erase_if(pairings_, [&](const auto& item) { return item.second.expires() <= event.time(); });
  const PairingRequested& requested = event.pairing_requested();
  PairingRow& row = pairings_[requested.user()];
  row.set_user(requested.user());
  row.set_place(requested.place());
  row.set_code_digest(requested.code_digest());
  row.set_expires(requested.expires());
  row.set_seq(event.seq());
}

void Directory::approve(const PairingApproved& approved) {
  revoke(approved.user());
  state_.add_allowed(approved.user());
  if (approved.owner()) {
    state_.set_owner(approved.user());
    state_.set_owner_place(approved.place());
  }
}

void Directory::revoke(std::int64_t user) {
  pairings_.erase(user);
  auto* allowed = state_.mutable_allowed();
  allowed->erase(std::remove(allowed->begin(), allowed->end(), user), allowed->end());
  if (state_.owner() == user) {
    state_.clear_owner();
    state_.clear_owner_place();
  }
}

const SessionRow* Directory::at(std::string_view place) const {
  const auto found = places_.find(place);
  return found == places_.end() ? nullptr : session(found->second);
}

const SessionRow* Directory::session(SessionId id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

bool Directory::may_talk(std::string_view place, std::int64_t user) const {
  const std::string_view channel = channel_of(place);
  if (channel == "console" || channel == "terminal") return true;
  if (user == 0) return false;
  const auto holds = [user](const auto& users) {
    return std::find(users.begin(), users.end(), user) != users.end();
  };
  const auto& allow = state_.settings().telegram_allow();
  const std::string_view chat = place.substr(0, place.find('/'));
  const bool group = std::any_of(allow.begin(), allow.end(), [&](std::int64_t id) {
    return id < 0 && chat == "telegram:" + std::to_string(id);
  });
  return group || user == owner() || holds(state_.allowed()) || holds(allow);
}

std::int64_t Directory::owner() const {
  const std::int64_t configured = state_.settings().telegram_owner();
  return configured != 0 ? configured : state_.owner();
}

std::string Directory::owner_place() const {
  const std::int64_t configured = state_.settings().telegram_owner();
  // A private chat has its user's id.
  if (configured != 0) return "telegram:" + std::to_string(configured);
  return state_.owner_place();
}

const PairingRow* Directory::pairing(std::int64_t user) const {
  const auto found = pairings_.find(user);
  return found == pairings_.end() ? nullptr : &found->second;
}

const PairingRow* Directory::pairing_by_digest(std::string_view code_digest) const {
  for (const auto& [user, row] : pairings_) {
    if (row.code_digest() == code_digest) return &row;
  }
  return nullptr;
}

bool ends_turn(const Event& event) {
  return event.has_turn_completed() || event.has_turn_failed() || event.has_turn_cancelled() ||
         event.has_turn_abandoned();
}

Seq ended_turn(const Event& event) {
  if (event.has_turn_completed()) return event.turn_completed().turn();
  if (event.has_turn_failed()) return event.turn_failed().turn();
  if (event.has_turn_cancelled()) return event.turn_cancelled().turn();
  return event.turn_abandoned().turn();
}

Seq subject_of(const Event& event) {
  if (event.has_post_attempted()) return event.post_attempted().source();
  if (event.has_reply_posted()) return event.reply_posted().source();
  if (event.has_reply_edited()) return event.reply_edited().source();
  if (event.has_delivery_delayed()) return event.delivery_delayed().source();
  if (event.has_delivery_failed()) return event.delivery_failed().source();
  if (event.has_run_checkpointed()) return event.run_checkpointed().turn();
  return turn_of(event);
}

const std::string& first_place(const SessionRow& row) {
  return row.places_before().empty() ? row.place() : row.places_before(0);
}

std::string_view channel_of(std::string_view place) { return place.substr(0, place.find(':')); }

}  // namespace daybook
