// Plans by the core's rules; searches files the plain way, byte by byte.
#include "tools/erasing.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "core/codec.h"
#include "core/directory.h"
#include "core/erasure.h"
#include "journal/files.h"
#include "tools/progress.h"

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

// Chunks in a segment that is out of reach are left out: what locks them locks their answer's end.
class WithinReach final : public History {
 public:
  WithinReach(Gateway& gateway, Log& log) : gateway_(gateway), log_(log) {}

  std::optional<Event> event(Seq seq) override { return gateway_.event(seq); }
  std::optional<Event> clear_event(Seq seq) override {
    const auto record = log_.get_clear(seq);
    if (!record && record.error().code == ExitCode::kInputOutput) return std::nullopt;
    return gateway_.clear_event(seq);
  }
  Result<std::vector<Event>> chain(Seq head, Seq until) override {
    return gateway_.chain(head, until);
  }

 private:
  Gateway& gateway_;
  Log& log_;
};

// The newest event before that time; times never run backwards.
Result<Seq> newest_before(Log& log, std::int64_t time) {
  Seq low = 0;
  for (Seq high = log.last(); low < high;) {
    const Seq middle = low + (high - low + 1) / 2;
    // A chunk may be out of reach; then whatever comes next tells the time.
    std::optional<Record> record;
    const Result<void> read = log.scan(middle, high, all_but_chunks(), [&](const Record& next) {
      record = next;
      return false;
    });
    if (!read) return read.error();
    // What is in flight is younger than anything asked for.
    const bool earlier = record && to_milliseconds(record->time) < time;
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
  WithinReach history(gateway, log);
  for (const auto& [id, row] : gateway.directory().sessions()) {
    const Seq from = std::max<Seq>(id, row.erased_upto() + 1);
    if (from > *upto || newest_of(row) < from) continue;
    auto erased = plan_erasure(row, {.from = from, .upto = *upto}, history);
    if (!erased) return erased.error();
    facts->push_back(fact_of(id, std::move(erased).value()));
  }
  return facts;
}

Result<std::vector<Event>> whole_session(Gateway& gateway, Log& log, SessionId id) {
  const SessionRow* row = gateway.directory().session(id);
  if (row == nullptr) {
    return Error{"there is no session " + std::to_string(id) + "; `daybook sessions` lists them",
                 ExitCode::kUsage};
  }
  WithinReach history(gateway, log);
  return erasure_facts(gateway.directory(), *row, {.from = id, .upto = newest_of(*row)}, history);
}

Result<std::vector<Event>> one_event(Gateway& gateway, Log& log, Seq named) {
  const auto named_event = gateway.clear_event(named);
  const Seq seq = named_event ? shown_by(*named_event) : named;
  const auto event = seq == named ? named_event : gateway.clear_event(seq);
  if (!event) return Error{"there is no event " + std::to_string(seq), ExitCode::kUsage};
  const SessionRow* row = gateway.directory().session(event->session());
  if (row == nullptr) {
    return Error{"event " + std::to_string(seq) + " (" + kind_name(*event) +
                     ") belongs to no conversation: only what was said in one can be erased alone; "
                     "--before takes the rest",
                 ExitCode::kUsage};
  }
  WithinReach history(gateway, log);
  return erasure_facts(gateway.directory(), *row, {.subject = seq}, history);
}

// What is not there any more, or cannot be asked, is left out.
std::uint64_t bytes_below(const std::string& directory) {
  std::uint64_t bytes = 0;
  std::error_code failed;
  for (std::filesystem::recursive_directory_iterator entry(directory, failed), end;
       !failed && entry != end; entry.increment(failed)) {
    std::error_code unknown;
    const std::uint64_t size = entry->is_regular_file(unknown) ? entry->file_size(unknown) : 0;
    if (!unknown) bytes += size;
  }
  return bytes;
}

using Stretch = NamedEvents::Stretch;

// In order, and none of them touches another.
void join(std::vector<Stretch>* stretches) {
  std::sort(stretches->begin(), stretches->end(),
            [](const Stretch& one, const Stretch& other) { return one.first < other.first; });
  std::vector<Stretch> joined;
  for (const Stretch& one : *stretches) {
    if (joined.empty() || one.first > joined.back().last + 1) {
      joined.push_back(one);
    } else {
      joined.back().last = std::max(joined.back().last, one.last);
    }
  }
  *stretches = std::move(joined);
}

// Locked, as they lie there; nullopt: there is no such event.
Result<std::optional<StoredRecord>> locked_words(LmdbReader& log, Seq seq) {
  std::optional<StoredRecord> found;
  if (seq > log.last()) return found;
  const Result<void> read = log.stored().events(seq, seq, [&](const StoredEvent& stored) {
    if (auto decoded = stored.decode()) found = *std::move(decoded);
    return false;
  });
  if (!read) return read.error();
  return found;
}

Result<bool> same_words(LmdbReader& journal, LmdbReader& copy, Seq seq) {
  const auto theirs = locked_words(copy, seq);
  if (!theirs || !*theirs) return theirs ? Result<bool>(false) : theirs.error();
  const auto ours = locked_words(journal, seq);
  if (!ours || !*ours) return ours ? Result<bool>(false) : ours.error();
  const bool same =
      (*ours)->key == (*theirs)->key && (*ours)->record.content == (*theirs)->record.content;
  if (!same || (*theirs)->record.content.empty()) return false;
  const auto record = copy.get(seq);
  if (!record) return record.error();
  return record->has_value() && !(*record)->erased;
}

std::uint64_t first_eight(std::string_view bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace

Result<std::vector<Event>> plan_erasures(Gateway& gateway, Log& log, const ErasureOrder& order) {
  if (order.session != 0) return whole_session(gateway, log, order.session);
  if (order.event != 0) return one_event(gateway, log, order.event);
  if (order.before > 0) return before(gateway, log, order.before);
  return Error{"say what is to be erased: a session, an event, or all before a time",
               ExitCode::kUsage};
}

Seq shown_by(const Event& event) {
  const bool shows = event.has_post_attempted() || event.has_reply_posted() ||
                     event.has_reply_edited() || event.has_delivery_delayed();
  return shows ? subject_of(event) : event.seq();
}

NamedEvents::NamedEvents(const std::vector<Event>& erasures) {
  for (const Event& erasure : erasures) {
    for (const Range& range : erasure.session_erased().ranges()) {
      by_session_[erasure.session()].push_back({range.first(), range.last()});
      stretches_.push_back({range.first(), range.last()});
    }
  }
  for (auto& [session, ranges] : by_session_) join(&ranges);
  join(&stretches_);
}

bool NamedEvents::hold(SessionId session, Seq seq) const {
  const auto found = by_session_.find(session);
  if (found == by_session_.end()) return false;
  const auto next =
      std::upper_bound(found->second.begin(), found->second.end(), seq,
                       [](Seq wanted, const Stretch& one) { return wanted < one.first; });
  return next != found->second.begin() && seq <= std::prev(next)->last;
}

void Residue::expect_gone(std::string_view words, Seq event) {
  const bool too_short = words.size() < kSampleBytesMin;
  short_ = short_ || (too_short && !words.empty());
  if (too_short) return;
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

Result<Residue::Search> Residue::search(const std::string& directory) const {
  Search search;
  std::error_code failed;
  std::string block;
  Progress progress("looking for the words", bytes_below(directory));
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
      progress.reached(search.bytes);
      if (const Sample* sample = find_in(block); sample != nullptr) {
        search.found.push_back({entry->path().string(), sample->event});
        break;
      }
    }
  }
  if (failed) return Error{"cannot read " + directory, ExitCode::kInputOutput};
  return search;
}

Result<std::vector<Residue::Found>> readable_below(LmdbReader& journal,
                                                   const std::string& directory,
                                                   const std::vector<Seq>& seqs) {
  std::vector<Residue::Found> found;
  std::error_code failed;
  for (std::filesystem::recursive_directory_iterator entry(directory, failed), end;
       !failed && entry != end; entry.increment(failed)) {
    if (entry.depth() == 0 || entry->path().filename() != files::kData) continue;
    const std::string place = entry->path().parent_path();
    const auto copy = LmdbReader::open(place);
    if (!copy) continue;  // nobody reads it
    for (const Seq seq : seqs) {
      const auto same = same_words(journal, **copy, seq);
      if (same && !*same) continue;
      found.push_back({place, seq});
      break;
    }
  }
  if (failed) return Error{"cannot read " + directory, ExitCode::kInputOutput};
  return found;
}

}  // namespace daybook
