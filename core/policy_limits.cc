// How much a prompt may come to, and by what policies choose: as settings, model and window have
// it, recorded with each turn.
#include <algorithm>

#include "core/context.h"
#include "core/policy.h"
#include "core/relevance.h"

namespace daybook {

namespace {

constexpr std::uint32_t kLadderTopBytes = 262'144;
constexpr std::uint32_t kLadderEndBytes = 1'024;

// What tunings that were recorded earlier do not say.
PolicyTuning added_later() {
  PolicyTuning tuning;
  tuning.set_legacy_percent(90);
  tuning.set_legacy_last_percent(35);
  tuning.set_legacy_spare_tokens(2'048);
  tuning.set_answer_tokens(8'192);
  tuning.set_part_entries(16);
  tuning.set_part_tokens(8'000);
  tuning.set_part_tokens_min(1'000);
  tuning.set_parts_percent(25);
  return tuning;
}

}  // namespace

const PolicyTuning& usual_tuning() {
  static const PolicyTuning kUsual = [] {
    PolicyTuning tuning = added_later();
    for (const std::uint32_t each : {16U, 12U, 8U, 6U, 3U, 1U}) tuning.add_legacy_keep_last(each);
    for (const std::uint32_t each : {6U, 3U, 1U}) tuning.add_overflow_keep_last(each);
    tuning.set_cut_keep_last(4);
    for (std::uint32_t bytes = kLadderTopBytes; bytes >= kLadderEndBytes; bytes /= 2) {
      tuning.add_cut_bytes(bytes);
    }
    tuning.set_cut_last_bytes(16'384);
    tuning.set_continuation_bytes(80);
    const MarkWeights weights;
    tuning.set_reference_weight(weights.reference);
    tuning.set_number_weight(weights.number);
    tuning.set_name_weight(weights.name);
    tuning.set_distance_weight(5);
    return tuning;
  }();
  return kUsual;
}

PolicyTuning whole_tuning(const PolicyTuning& recorded) {
  const bool half = recorded.overflow_keep_last().empty() || recorded.cut_bytes().empty();
  if (half) return usual_tuning();
  PolicyTuning whole = added_later();
  whole.MergeFrom(recorded);
  return whole;
}

PolicyTuning tuning_of(const TurnStarted& turn) { return whole_tuning(turn.tuning()); }

void set_policy_limits(const SettingsLoaded& settings, TurnStarted* turn) {
  const auto chosen = [](std::uint32_t value, std::uint32_t usual) {
    return value == 0 ? usual : value;
  };
  turn->set_reset_threshold(chosen(settings.reset_threshold(), kResetThreshold));
  turn->set_incremental_budget(chosen(settings.incremental_budget(), kIncrementalBudget));
  turn->set_keep_last(chosen(settings.keep_last(), kKeepLast));
  turn->clear_tuning();
  if (settings.has_tuning()) *turn->mutable_tuning() = settings.tuning();
}

void set_window(const ResolvedModel& model, TurnStarted* turn) {
  // A catalogue need not know it.
  const bool known = model.context_tokens != 0;
  const std::uint32_t window = known ? model.context_tokens : Window().window_tokens;
  turn->set_window_tokens(window);
  const std::uint32_t most = std::min(tuning_of(*turn).answer_tokens(), window / 2);
  const std::uint32_t said = model.output_tokens == 0 ? most : model.output_tokens;
  turn->set_answer_tokens(model.shares_window ? std::min(said, most) : 0);
  turn->set_budget(limit_of(*turn).tokens);
}

Limit limit_of(const TurnStarted& turn) {
  const std::uint64_t window = turn.window_tokens();
  const std::uint64_t answer = std::min<std::uint64_t>(turn.answer_tokens(), window);
  std::uint64_t tokens = window * std::min(turn.window_percent(), 100U) / 100;
  std::string_view setting = "window_percent";
  if (turn.policy() == "legacy") {
    const PolicyTuning tuning = tuning_of(turn);
    const std::uint64_t free = std::min(answer + tuning.legacy_spare_tokens(), window / 2);
    tokens = (window - free) * std::min(tuning.legacy_percent(), 100U) / 100;
    setting = "legacy_percent";
  } else if (window - answer < tokens) {
    tokens = window - answer;
    setting = "answer_tokens";
  }
  const std::uint64_t most = turn.context_tokens_max();
  if (most != 0 && most < tokens) return {turn.context_tokens_max(), "context_tokens_max"};
  return {static_cast<std::uint32_t>(tokens), setting};
}

std::uint64_t estimate_for(const TurnStarted& turn, std::uint64_t tokens) {
  return turn.calibration() == 0 ? tokens : tokens * 1'000 / turn.calibration();
}

std::uint64_t estimated_budget(const TurnStarted& turn) {
  return estimate_for(turn, turn.budget());
}

}  // namespace daybook
