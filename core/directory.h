// Who is where, who may talk, which rules are in force: one small fold over the clear part of every
// event. Staged position.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/events.pb.h"
#include "core/health.h"
#include "core/route.h"
#include "core/spending.h"
#include "core/state.pb.h"
#include "core/types.h"

namespace daybook {

class Directory {
 public:
  static Directory restore(DirectoryState state);
  // Sessions and pairings in a stable order.
  [[nodiscard]] DirectoryState save() const;

  // Events at or before seq() are ignored.
  void apply(const Event& event);
  // A chunk of an answer under way, after events that came later.
  void apply_skipped(const Event& chunk);

  [[nodiscard]] Seq seq() const { return state_.seq(); }
  // Version of the rules that are in force.
  [[nodiscard]] std::uint32_t rules() const { return std::max(1U, state_.rules()); }
  [[nodiscard]] Time time() const { return from_milliseconds(state_.time()); }

  // nullptr: never spoken in.
  [[nodiscard]] const SessionRow* at(std::string_view place) const;
  [[nodiscard]] const SessionRow* session(SessionId id) const;
  [[nodiscard]] const std::map<SessionId, SessionRow>& sessions() const { return sessions_; }

  // Access: allowed by settings, by pairing, because all of a group are, or because the channel is
  // this machine's own (console, terminal).
  [[nodiscard]] bool may_talk(std::string_view place, std::int64_t user) const;
  [[nodiscard]] std::int64_t owner() const;
  [[nodiscard]] std::string owner_place() const;
  [[nodiscard]] const PairingRow* pairing(std::int64_t user) const;
  [[nodiscard]] const PairingRow* pairing_by_digest(std::string_view code_digest) const;
  [[nodiscard]] const std::map<std::int64_t, PairingRow>& pairings() const { return pairings_; }
  // The disk has little room: no new work until it has more.
  [[nodiscard]] bool space_low() const { return state_.space_low(); }
  [[nodiscard]] const DirectoryState& state() const {
    return state_;
  }  // without sessions, pairings, calibrations and what the three below hold

  [[nodiscard]] const Health& health() const { return health_; }
  [[nodiscard]] const Spending& spending() const { return spending_; }
  [[nodiscard]] const Beliefs& beliefs() const { return beliefs_; }

  [[nodiscard]] const SettingsLoaded& settings() const { return state_.settings(); }
  [[nodiscard]] Seq settings_seq() const { return state_.settings_seq(); }
  [[nodiscard]] const CatalogueLoaded& catalogue() const { return state_.catalogue(); }

  // Tokens that this model of this provider reports for 1,000 of our estimate, learnt from its
  // answers, the latest weighing most; first_calibration() while it has given none.
  [[nodiscard]] std::uint32_t calibration(const std::string& provider,
                                          const std::string& model) const;

 private:
  void apply_to_session(const Event& event);
  void learn_from_call(const Event& event, SessionRow* row);
  void forget_other_providers(const SettingsLoaded& loaded);
  void forget(const Event& event);
  void request(const Event& event);
  void approve(const PairingApproved& approved);
  void revoke(std::int64_t user);
  void come_back(std::int64_t time);
  void move(const PlaceMoved& moved);
  void calibrate(const std::string& model, std::uint64_t estimated, std::uint64_t reported);

  DirectoryState state_;
  std::map<SessionId, SessionRow> sessions_;
  std::map<std::string, SessionId, std::less<>> places_;
  std::map<std::int64_t, PairingRow> pairings_;
  std::map<std::string, CalibrationRow> calibrations_;
  Health health_;
  Spending spending_;
  Beliefs beliefs_;
};

// TurnCompleted, TurnFailed, TurnCancelled or TurnAbandoned.
bool ends_turn(const Event& event);
// The turn such an event ends.
Seq ended_turn(const Event& event);
// The turn or notice an event helps along or ends; 0 when it is about neither.
Seq subject_of(const Event& event);

// The place a session was opened or forked at, wherever it is now.
const std::string& first_place(const SessionRow& row);

// "telegram" of "telegram:12345/7".
std::string_view channel_of(std::string_view place);

}  // namespace daybook
