// Erasure as a person asks for it: which facts it takes, and the proof that the words are gone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/gateway.h"
#include "core/log.h"
#include "core/result.h"
#include "journal/lmdb_log.h"

namespace daybook {

// One of them; the others are 0.
struct ErasureOrder {
  SessionId session = 0;
  Seq event = 0;
  std::int64_t before = 0;  // milliseconds since the epoch: whatever was said earlier
};

// A SessionErased for each session that is concerned; none where nothing is left to erase. Before a
// time also goes what strangers were called and told; the system prompt is a setting and stays.
// `log` is the gateway's. An Error says why it cannot be done.
Result<std::vector<Event>> plan_erasures(Gateway& gateway, Log& log, const ErasureOrder& order);

// A post or an edit has no words of its own: the turn or notice whose words it shows. Of any other
// event that event.
[[nodiscard]] Seq shown_by(const Event& event);

// What erasures name, as stretches of the journal to be read: an event lies in one at most, however
// many sessions' ranges reach over it.
class NamedEvents {
 public:
  explicit NamedEvents(const std::vector<Event>& erasures);

  struct Stretch {
    Seq first = 0;
    Seq last = 0;

    friend bool operator==(const Stretch&, const Stretch&) = default;
  };
  [[nodiscard]] const std::vector<Stretch>& stretches() const { return stretches_; }
  [[nodiscard]] bool hold(SessionId session, Seq seq) const;

 private:
  std::unordered_map<SessionId, std::vector<Stretch>> by_session_;  // ascending, apart
  std::vector<Stretch> stretches_;                                  // the same
};

// Words that must be nowhere. Of each the first kSampleBytes are looked for, at any offset of any
// file; fewer than kSampleBytesMin cannot be told from chance.
class Residue {
 public:
  static constexpr std::size_t kSampleBytesMin = 8;
  static constexpr std::size_t kSampleBytes = 48;

  void expect_gone(std::string_view words, Seq event);
  [[nodiscard]] bool empty() const { return samples_.empty(); }
  // Some were so short that they are not looked for.
  [[nodiscard]] bool has_short() const { return short_; }

  struct Found {
    std::string file;
    Seq event = 0;
  };
  struct Search {
    std::vector<Found> found;  // one for each file at most
    std::size_t files = 0;
    std::uint64_t bytes = 0;
  };
  // Every regular file below the directory. Who waits sees how far it is.
  [[nodiscard]] Result<Search> search(const std::string& directory) const;

 private:
  struct Sample {
    std::string bytes;
    Seq event = 0;
  };
  [[nodiscard]] const Sample* find_in(std::string_view bytes) const;

  std::unordered_map<std::uint64_t, std::vector<Sample>> samples_;  // by their first eight bytes
  bool short_ = false;
};

// Journals below that of `journal`, which hold keys of their own: where one of these events of it
// can still be read, one for each. Asks no words: the same record with its key is the same words.
Result<std::vector<Residue::Found>> readable_below(LmdbReader& journal,
                                                   const std::string& directory,
                                                   const std::vector<Seq>& seqs);

}  // namespace daybook
