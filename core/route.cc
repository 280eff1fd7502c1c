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

constexpr double kMillion = 1'000'000.0;

std::string key_of(const std::string& model, const std::string& task) { return model + " " + task; }

// About normal: twelve even draws added up.
double deviations(const Digest& digest) {
  double sum = -6;
  for (std::size_t index = 0; index < 24; index += 2) {
    sum += (256.0 * digest[index] + digest[index + 1]) / 65'536.0;
  }
  return sum;
}

std::string why_text(PassedModel::Why why) {
  if (why == PassedModel::FAILED) return "failed";
  if (why == PassedModel::RESTS) return "rests";
  if (why == PassedModel::BROKEN) return "is left alone since it failed";
  if (why == PassedModel::SMALL) return "has no room for the prompt";
  if (why == PassedModel::UNUSABLE) return "is not set up";
  return why == PassedModel::LESS_LIKELY ? "was drawn lower" : "was not asked";
}

std::string thousandths(std::uint32_t count) {
  std::string digits = std::to_string(count % 1'000 / 10);
  if (digits.size() < 2) digits.insert(0, 1, '0');
  return std::to_string(count / 1'000) + "." + digits;
}

}  // namespace

std::string task_of(TurnKind kind, std::uint32_t message_tokens) {
  if (kind == SUMMARY) return "summary";
  return message_tokens > kShortTokens ? "answer/long" : "answer/short";
}

void Beliefs::save(DirectoryState* state) const {
  for (const auto& [key, row] : rows_) *state->add_beliefs() = row;
}

void Beliefs::apply(const Event& event, const OpenCall& call) {
  if (call.task().empty()) return;
  const bool failed =
      event.has_attempt_failed() && is_providers_trouble(event.attempt_failed().error());
  if (!failed && !event.has_turn_completed()) return;
  const std::string model = model_name(call.provider(), call.model());
  BeliefRow row = belief(model, call.task());
  row.set_successes(row.successes() * kRemembered / 1'000 + (failed ? 0 : 1'000));
  row.set_failures(row.failures() * kRemembered / 1'000 + (failed ? 1'000 : 0));
  row.set_outcomes(row.outcomes() + 1);
  rows_[row.key()] = std::move(row);
}

BeliefRow Beliefs::belief(const std::string& model, const std::string& task) const {
  const std::string key = key_of(model, task);
  if (const auto found = rows_.find(key); found != rows_.end()) return found->second;
  BeliefRow row;
  row.set_key(key);
  row.set_successes(kPriorOutcomes);
  row.set_failures(kPriorOutcomes);
  return row;
}

ModelChance chance_of(const ResolvedModel& model, const BeliefRow& belief, Seq seq) {
  const double successes = belief.successes() / 1'000.0;
  const double failures = belief.failures() / 1'000.0;
  const double sum = successes + failures;
  const double mean = sum > 0 ? successes / sum : 0.5;
  const double variance = sum > 0 ? mean * (1 - mean) / (sum + 1) : 0.25;
  const Digest digest =
      sha256("route/" + std::to_string(seq) + "/" + model_name(model.provider, model.model));
  const double drawn = std::clamp(mean + deviations(digest) * std::sqrt(variance), 0.0, 1.0);
  ModelChance chance;
  chance.set_model(model.model);
  chance.set_provider(model.provider);
  chance.set_successes(belief.successes());
  chance.set_failures(belief.failures());
  chance.set_drawn(static_cast<std::uint32_t>(drawn * kMillion));
  return chance;
}

std::vector<std::string> route_lines(const Route& route) {
  std::vector<std::string> lines;
  for (const PassedModel& passed : route.passed()) {
    std::string line =
        passed.provider().empty() ? passed.model() : model_name(passed.provider(), passed.model());
    line += " " + why_text(passed.why());
    if (passed.event() != 0) line += ", event " + std::to_string(passed.event());
    if (passed.until() != 0) line += ", until " + time_text(from_milliseconds(passed.until()));
    lines.push_back(std::move(line));
  }
  for (const ModelChance& chance : route.chances()) {
    lines.push_back(model_name(chance.provider(), chance.model()) + " drew " +
                    thousandths(chance.drawn() / 1'000) + " of Beta(" +
                    thousandths(chance.successes()) + ", " + thousandths(chance.failures()) +
                    ") for " + route.task());
  }
  return lines;
}

}  // namespace daybook
