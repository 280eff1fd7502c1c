#include "core/route.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/health.h"
#include "core/notation.h"
#include "core/open_turn.h"
#include "core/sha256.h"

namespace daybook {

namespace {

constexpr std::uint64_t kMillion = 1'000'000;

std::string key_of(const std::string& model, const std::string& task) { return model + " " + task; }

std::string why_text(PassedModel::Why why) {
  if (why == PassedModel::FAILED) return "failed";
  if (why == PassedModel::RESTS) return "rests";
  if (why == PassedModel::BROKEN) return "is left alone since it failed";
  if (why == PassedModel::SMALL) return "has no room for the prompt";
  if (why == PassedModel::UNUSABLE) return "is not set up";
  return why == PassedModel::LESS_LIKELY ? "was not believed better" : "was not asked";
}

std::string thousandths(std::uint32_t count) {
  std::string digits = std::to_string(count % 1'000 / 10);
  if (digits.size() < 2) digits.insert(0, 1, '0');
  return std::to_string(count / 1'000) + "." + digits;
}

// One more outcome of the kind that `happened` says. In thousandths, of which there is an end.
std::uint32_t counted(std::uint32_t thousandths, std::uint32_t memory_percent, bool happened) {
  const std::uint64_t left = std::uint64_t{thousandths} * memory_percent / 100;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(left + (happened ? 1'000 : 0), UINT32_MAX));
}

}  // namespace

std::string task_of(TurnKind kind, std::uint32_t message_tokens) {
  if (kind == SUMMARY) return "summary";
  return message_tokens > kShortTokens ? "answer/long" : "answer/short";
}

const RouteTuning& usual_route_tuning() {
  static const RouteTuning kUsual = [] {
    RouteTuning tuning;
    tuning.set_caution(50);
    tuning.set_margin(5);
    tuning.set_prior(200);
    tuning.set_memory_percent(100);
    tuning.set_explore_percent(10);
    return tuning;
  }();
  return kUsual;
}

const RouteTuning& route_tuning_of(const SettingsLoaded& settings) {
  return settings.has_route_tuning() ? settings.route_tuning() : usual_route_tuning();
}

void Beliefs::save(DirectoryState* state) const {
  for (const auto& [key, row] : rows_) *state->add_beliefs() = row;
}

void Beliefs::apply(const Event& event, const OpenCall& call, const RouteTuning& tuning) {
  if (call.task().empty()) return;
  const bool failed =
      event.has_attempt_failed() && is_providers_trouble(event.attempt_failed().error());
  if (!failed && !event.has_turn_completed()) return;
  const std::string model = model_name(call.provider(), call.model());
  BeliefRow row = belief(model, call.task(), tuning);
  row.set_successes(counted(row.successes(), tuning.memory_percent(), !failed));
  row.set_failures(counted(row.failures(), tuning.memory_percent(), failed));
  row.set_outcomes(row.outcomes() + 1);
  rows_[row.key()] = std::move(row);
}

BeliefRow Beliefs::belief(const std::string& model, const std::string& task,
                          const RouteTuning& tuning) const {
  const std::string key = key_of(model, task);
  if (const auto found = rows_.find(key); found != rows_.end()) return found->second;
  BeliefRow row;
  row.set_key(key);
  row.set_successes(tuning.prior() * 5);  // thousandths of one half, of hundredths of both
  row.set_failures(tuning.prior() * 5);
  return row;
}

ModelChance chance_of(const ResolvedModel& model, const BeliefRow& belief,
                      const RouteTuning& tuning) {
  const std::uint64_t successes = belief.successes();
  const std::uint64_t sum = successes + belief.failures();
  const std::uint64_t mean = sum == 0 ? kMillion / 2 : successes * kMillion / sum;
  // Of millionths squared; a root of whole numbers is the same on every machine.
  const std::uint64_t variance = mean * (kMillion - mean) * 1'000 / (sum + 1'000);
  const auto deviation = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(variance)));
  const std::uint64_t doubt = deviation * tuning.caution() / 100;
  ModelChance chance;
  chance.set_model(model.model);
  chance.set_provider(model.provider);
  chance.set_successes(belief.successes());
  chance.set_failures(belief.failures());
  chance.set_score(static_cast<std::uint32_t>(mean - std::min(mean, doubt)));
  return chance;
}

std::size_t best_of(const std::vector<ModelChance>& chances, const RouteTuning& tuning) {
  const auto best = std::max_element(
      chances.begin(), chances.end(),
      [](const ModelChance& one, const ModelChance& other) { return one.score() < other.score(); });
  const std::uint64_t margin = std::uint64_t{tuning.margin()} * kMillion / 100;
  if (best == chances.end() || best->score() <= chances.front().score() + margin) return 0;
  return static_cast<std::size_t>(best - chances.begin());
}

bool tries_again(Seq seq, const RouteTuning& tuning) {
  const Digest digest = sha256("route/" + std::to_string(seq));
  return (256U * digest[0] + digest[1]) % 100 < tuning.explore_percent();
}

std::vector<std::string> route_lines(const Route& route) {
  std::vector<std::string> lines;
  if (route.tried_again()) lines.emplace_back("the first one is tried again");
  for (const PassedModel& passed : route.passed()) {
    if (route.tried_again() && passed.why() == PassedModel::LESS_LIKELY) continue;
    std::string line =
        passed.provider().empty() ? passed.model() : model_name(passed.provider(), passed.model());
    line += " " + why_text(passed.why());
    if (passed.event() != 0) line += ", event " + std::to_string(passed.event());
    if (passed.until() != 0) line += ", until " + time_text(from_milliseconds(passed.until()));
    lines.push_back(std::move(line));
  }
  for (const ModelChance& chance : route.chances()) {
    lines.push_back(model_name(chance.provider(), chance.model()) + " scores " +
                    thousandths(chance.score() / 1'000) + " by Beta(" +
                    thousandths(chance.successes()) + ", " + thousandths(chance.failures()) +
                    ") for " + route.task());
  }
  return lines;
}

}  // namespace daybook
