// A tool that writes while no daemon runs: takes the writer's lock, tells the journal so, records,
// waits until it is durable, and lets go.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/gateway.h"
#include "core/result.h"
#include "journal/lmdb_log.h"

namespace daybook {

// `make` sees the folded journal and gives the fact to record. The recorded event is returned once
// it is durable. kBusy when a daemon (or another tool) holds the journal. Where there is none, one
// is made only if `create`: who amends must not begin a journal beside the right one. `encrypt`:
// the words in one that is made.
Result<Event> record_offline(const std::string& directory, bool create,
                             const std::function<Result<Event>(Gateway&)>& make,
                             bool encrypt = true);

// Several facts, the same way; what they ask to be destroyed is destroyed when it returns. Nothing
// is recorded when `make` names none and no erasure was due before.
Result<std::vector<Event>> record_all_offline(
    const std::string& directory, bool create,
    const std::function<Result<std::vector<Event>>(Gateway&, LmdbLog&)>& make, bool encrypt = true);

// What the gateway says about itself when it opens a journal. `recovery`: open turns are taken up.
// `erasable`: the journal's words are encrypted.
Result<Event> gateway_started(bool recovery, bool erasable);

}  // namespace daybook
