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

// Words that must be nowhere. Of each the first kSampleBytes are looked for, at any offset of any
// file; fewer than kSampleBytesMin cannot be told from chance.
class Residue {
 public:
  static constexpr std::size_t kSampleBytesMin = 8;
  static constexpr std::size_t kSampleBytes = 48;

  void expect_gone(std::string_view words, Seq event);
  [[nodiscard]] bool empty() const { return samples_.empty(); }

  struct Found {
    std::string file;
    Seq event = 0;
  };
  struct Search {
    std::vector<Found> found;  // one for each file at most
    std::size_t files = 0;
    std::uint64_t bytes = 0;
  };
  // Every regular file below the directory.
  [[nodiscard]] Result<Search> search(const std::string& directory) const;
  // In journals below the directory, which hold keys of their own: those of these events whose
  // words can still be read there.
  [[nodiscard]] Result<std::vector<Found>> readable_below(const std::string& directory,
                                                          const std::vector<Seq>& seqs) const;

 private:
  struct Sample {
    std::string bytes;
    Seq event = 0;
  };
  [[nodiscard]] const Sample* find_in(std::string_view bytes) const;
  [[nodiscard]] Result<bool> holds(Log& log, Seq seq) const;

  std::unordered_map<std::uint64_t, std::vector<Sample>> samples_;  // by their first eight bytes
};

}  // namespace daybook
