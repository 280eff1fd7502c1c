// What `daybook status` shows, as one JSON object: made by the daemon of itself, or from the
// journal alone.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/gateway.h"
#include "core/histogram.h"

namespace daybook {

using StatusJson = nlohmann::ordered_json;

// The part that both know: journal, settings in force, sessions, open turns, who may talk.
// `events` are durable.
StatusJson journal_status(const std::string& directory, Seq events, const Gateway& gateway);

// How long commits took: {"count","median","within_99","largest","buckets":[[upto,count],...]}, in
// microseconds, empty buckets left out; and that in one line.
StatusJson status_histogram(const Histogram& latency);
std::string status_histogram_text(const StatusJson& histogram);

// The lines a person reads.
std::string status_text(const StatusJson& status);

}  // namespace daybook
