// One object, two readers.
#include "tools/status.h"

#include <algorithm>

#include "core/notation.h"

namespace daybook {
namespace {

std::string text_at(const StatusJson& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string joined(const StatusJson& list) {
  std::string out;
  for (const auto& item : list) {
    if (!out.empty()) out += ", ";
    out += item.is_string() ? item.get<std::string>() : item.dump();
  }
  return out.empty() ? "none" : out;
}

}  // namespace

StatusJson journal_status(const std::string& directory, Seq events, const Gateway& gateway) {
  const Directory& folded = gateway.directory();
  StatusJson turns = StatusJson::array();
  for (const auto& [seq, turn] : gateway.work().calls.open()) {
    turns.push_back({{"turn", seq},
                     {"session", turn.session()},
                     {"place", turn.place()},
                     {"model", turn.model()},
                     {"provider", turn.provider()},
                     {"attempt", turn.attempt()}});
  }
  StatusJson providers = StatusJson::array();
  for (const ProviderRow& row : folded.settings().providers()) {
    if (row.usable()) providers.push_back(row.name());
  }
  return {{"journal", directory},
          {"events", events},
          {"last", time_text(folded.time())},
          {"model", folded.settings().model()},
          {"model_chosen", folded.settings().model_chosen()},
          {"providers", std::move(providers)},
          {"sessions", folded.sessions().size()},
          {"open_turns", std::move(turns)},
          {"deliveries", gateway.work().deliveries.open().size()},
          {"owner", folded.owner()},
          {"pairings", folded.pairings().size()}};
}

StatusJson status_histogram(const Histogram& latency) {
  StatusJson buckets = StatusJson::array();
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    if (latency.in(bucket) == 0) continue;
    buckets.push_back({std::min(Histogram::upto(bucket), latency.largest()), latency.in(bucket)});
  }
  return {{"count", latency.count()},
          {"median", latency.percentile(50)},
          {"within_99", latency.percentile(99)},
          {"largest", latency.largest()},
          {"buckets", std::move(buckets)}};
}

std::string status_histogram_text(const StatusJson& histogram) {
  return text_at(histogram, "count") + ", half within " + text_at(histogram, "median") +
         " us, 99 % within " + text_at(histogram, "within_99") + " us, the longest " +
         text_at(histogram, "largest") + " us";
}

std::string status_text(const StatusJson& status) {
  std::string out;
  const auto line = [&](const std::string& name, const std::string& value) {
    if (value.empty()) return;
    out += name;
    out.append(name.size() < 12 ? 12 - name.size() : 1, ' ');
    out += value + "\n";
  };
  const bool running = status.value("running", false);
  line("daybookd", running ? "runs, pid " + text_at(status, "pid") + ", version " +
                                 text_at(status, "version") + ", since " + text_at(status, "since")
                           : "does not run");
  line("journal", text_at(status, "journal"));
  const std::string waiting = text_at(status, "waiting");
  line("events", text_at(status, "events") + ", the last one at " + text_at(status, "last") +
                     (waiting.empty() ? "" : "; " + waiting + " more wait to be written"));
  if (status.contains("commits")) line("commits", status_histogram_text(status["commits"]));
  line("model", text_at(status, "model") +
                    (status.value("model_chosen", true) ? "" : ", picked from the keys at hand"));
  if (status.contains("providers")) line("providers", joined(status["providers"]));
  if (status.contains("channels")) line("channels", joined(status["channels"]));
  line("sessions", text_at(status, "sessions"));
  if (status.contains("open_turns")) {
    line("open turns", std::to_string(status["open_turns"].size()));
    for (const auto& turn : status["open_turns"]) {
      line("", text_at(turn, "turn") + " at " + text_at(turn, "place") + ", " +
                   text_at(turn, "model") + ", attempt " + text_at(turn, "attempt"));
    }
  }
  line("owner", status.value("owner", std::int64_t{0}) == 0 ? "nobody yet: daybook setup"
                                                            : "user " + text_at(status, "owner"));
  if (status.contains("trouble")) {
    for (const auto& trouble : status["trouble"]) line("trouble", trouble.get<std::string>());
  }
  return out;
}

}  // namespace daybook
