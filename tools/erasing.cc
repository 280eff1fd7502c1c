// Plans by the core's rules; searches files the plain way, byte by byte.
#include "tools/erasing.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "core/codec.h"
#include "core/erasure.h"
#include "journal/lmdb_log.h"

namespace daybook {
namespace {

constexpr std::size_t kBlockBytes = 1u << 20;

Seq newest_of(const SessionRow& row) { return std::max<Seq>(row.head(), row.last_chunk()); }

Event fact_of(SessionId session, SessionErased erased) {
  Event fact;
  fact.set_session(session);
  *fact.mutable_session_erased() = std::move(erased);
  return fact;
}

// The newest event before that time; times never run backwards.
Result<Seq> newest_before(Log& log, std::int64_t time) {
  Seq low = 0;
  for (Seq high = log.last(); low < high;) {
    const Seq middle = low + (high - low + 1) / 2;
    const auto record = log.get(middle);
    if (!record) return record.error();
    // What is in flight is younger than anything asked for.
    const bool earlier = record->has_value() && to_milliseconds((*record)->time) < time;
    if (earlier) low = middle;
    if (!earlier) high = middle - 1;
  }
  return low;
}

// What was said outside of any session up to `upto`, all but the settings' system prompts.
Result<std::vector<Event>> outside_sessions(Gateway& gateway, Log& log, Seq upto) {
  const Seq first = gateway.directory().state().erased_upto() + 1;
  SessionErased erased;
  bool words = false;
  Seq from = first;
  const auto close = [&](Seq end) {
    if (words) {
      Range* range = erased.add_ranges();
      range->set_first(from);
      range->set_last(end);
    }
    words = false;
    from = end + 2;
  };
  const KindSet kinds = KindSet()
                            .set(Event::kSettingsLoaded)
                            .set(Event::kMessageRefused)
                            .set(Event::kNoticeIssued)
                            .set(Event::kPairingRequested);
  const Result<void> scanned = log.scan(first, upto, kinds, [&](const Record& record) {
    if (record.kind == Event::kSettingsLoaded) {
      close(record.seq - 1);
    } else {
      words = words || record.session == 0;
    }
    return true;
  });
  if (!scanned) return scanned.error();
  close(upto);
  std::vector<Event> facts;
  if (erased.ranges_size() > 0) facts.push_back(fact_of(0, std::move(erased)));
  return facts;
}

Result<std::vector<Event>> before(Gateway& gateway, Log& log, std::int64_t time) {
  const Result<Seq> upto = newest_before(log, time);
  if (!upto) return upto.error();
  Result<std::vector<Event>> facts = outside_sessions(gateway, log, *upto);
  if (!facts) return facts;
  for (const auto& [id, row] : gateway.directory().sessions()) {
    const Seq from = std::max<Seq>(id, row.erased_upto() + 1);
    if (from > *upto || newest_of(row) < from) continue;
    auto erased = plan_erasure(row, {.from = from, .upto = *upto}, gateway);
    if (!erased) return erased.error();
    facts->push_back(fact_of(id, std::move(erased).value()));
  }
  return facts;
}

Result<std::vector<Event>> whole_session(Gateway& gateway, SessionId id) {
  const SessionRow* row = gateway.directory().session(id);
  if (row == nullptr) {
    return Error{"there is no session " + std::to_string(id) + "; `daybook sessions` lists them",
                 ExitCode::kUsage};
  }
  return erasure_facts(gateway.directory(), *row, {.from = id, .upto = newest_of(*row)}, gateway);
}

Result<std::vector<Event>> one_event(Gateway& gateway, Seq seq) {
  const auto event = gateway.clear_event(seq);
  if (!event) return Error{"there is no event " + std::to_string(seq), ExitCode::kUsage};
  const SessionRow* row = gateway.directory().session(event->session());
  if (row == nullptr) {
    return Error{"event " + std::to_string(seq) + " (" + kind_name(*event) +
                     ") belongs to no conversation: only what was said in one can be erased alone; "
                     "--before takes the rest",
                 ExitCode::kUsage};
  }
  return erasure_facts(gateway.directory(), *row, {.subject = seq}, gateway);
}

std::uint64_t first_eight(std::string_view bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace

Result<std::vector<Event>> plan_erasures(Gateway& gateway, Log& log, const ErasureOrder& order) {
  if (order.session != 0) return whole_session(gateway, order.session);
  if (order.event != 0) return one_event(gateway, order.event);
  if (order.before > 0) return before(gateway, log, order.before);
  return Error{"say what is to be erased: a session, an event, or all before a time",
               ExitCode::kUsage};
}

void Residue::expect_gone(std::string_view words, Seq event) {
  if (words.size() < kSampleBytesMin) return;
  const std::string_view sample = words.substr(0, kSampleBytes);
  std::vector<Sample>& same_start = samples_[first_eight(sample)];
  const bool known = std::any_of(same_start.begin(), same_start.end(),
                                 [&](const Sample& one) { return one.bytes == sample; });
  if (!known) same_start.push_back({std::string(sample), event});
}

const Residue::Sample* Residue::find_in(std::string_view bytes) const {
  for (std::size_t at = 0; at + kSampleBytesMin <= bytes.size(); ++at) {
    const auto found = samples_.find(first_eight(bytes.substr(at)));
    if (found == samples_.end()) continue;
    for (const Sample& sample : found->second) {
      if (bytes.substr(at).starts_with(sample.bytes)) return &sample;
    }
  }
  return nullptr;
}

Result<bool> Residue::holds(Log& log, Seq seq) const {
  const auto record = log.get(seq);
  if (!record) return record.error();
  if (!record->has_value() || (*record)->erased) return false;
  return find_in((*record)->content) != nullptr;
}

Result<std::vector<Residue::Found>> Residue::readable_below(const std::string& directory,
                                                            const std::vector<Seq>& seqs) const {
  std::vector<Found> found;
  std::error_code failed;
  for (std::filesystem::recursive_directory_iterator entry(directory, failed), end;
       !failed && entry != end; entry.increment(failed)) {
    if (entry.depth() == 0 || entry->path().filename() != files::kData) continue;
    const std::string place = entry->path().parent_path();
    const auto log = LmdbReader::open(place);
    if (!log) continue;  // nobody reads it
    for (const Seq seq : seqs) {
      const auto held = holds(**log, seq);
      if (held && !*held) continue;
      found.push_back({place, seq});
      break;
    }
  }
  if (failed) return Error{"cannot read " + directory, ExitCode::kInputOutput};
  return found;
}

Result<Residue::Search> Residue::search(const std::string& directory) const {
  Search search;
  std::error_code failed;
  std::string block;
  for (std::filesystem::recursive_directory_iterator entry(directory, failed), end;
       !failed && entry != end; entry.increment(failed)) {
    if (!entry->is_regular_file(failed) || failed) continue;
    std::ifstream file(entry->path(), std::ios::binary);
    if (!file) return Error{"cannot read " + entry->path().string(), ExitCode::kInputOutput};
    ++search.files;
    block.clear();
    while (file) {
      // What lies across two blocks is seen with the second one.
      if (block.size() > kSampleBytes) block.erase(0, block.size() - kSampleBytes);
      const std::size_t kept = block.size();
      block.resize(kept + kBlockBytes);
      file.read(block.data() + kept, kBlockBytes);
      block.resize(kept + static_cast<std::size_t>(file.gcount()));
      search.bytes += static_cast<std::uint64_t>(file.gcount());
      if (const Sample* sample = find_in(block); sample != nullptr) {
        search.found.push_back({entry->path().string(), sample->event});
        break;
      }
    }
  }
  if (failed) return Error{"cannot read " + directory, ExitCode::kInputOutput};
  return search;
}

}  // namespace daybook
