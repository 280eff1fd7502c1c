// Walks the chain: every event whole, in order, pointing backwards, under a seal that matches.
//
// Law: it names the first event it cannot vouch for, and judges only what is durable: each block
// is one transaction's view, so it may run beside a writer.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "journal/reading.h"
#include "journal/record.h"
#include "journal/store.h"

namespace daybook {

class ChainWalk {
 public:
  struct Damage {
    Seq seq = 0;
    std::string what;
  };

  // Starts after the seal `from`, which is trusted: first_seal() to begin at the beginning.
  ChainWalk(store::Environment& environment, std::string seal_key, Reading::Seal from);

  // To the end. nullopt: all is well. `progress` hears the seq reached after every block.
  std::optional<Damage> run(const std::function<void(Seq)>& progress);

  // A seal known from elsewhere, to be met on the way: a checkpoint.
  void expect(Reading::Seal checkpoint) { checkpoint_ = checkpoint; }

  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] std::uint64_t seals() const { return seals_; }
  [[nodiscard]] Seq covered() const { return sealed_.last; }

 private:
  std::optional<Damage> walk_block(bool& end);
  std::optional<Damage> take_value(std::uint64_t key, std::string_view value, store::Cursor& seals,
                                   store::Status& seal_found);
  std::optional<Damage> take_seal(Seq last, std::string_view digest);
  std::optional<Damage> judge_end(store::Cursor& seals, store::Status seal_found);

  store::Environment& environment_;
  std::string seal_key_;
  Reading::Seal sealed_;  // the last seal that matched
  std::optional<Reading::Seal> checkpoint_;

  Seq next_ = 1;
  record::Decoder decoder_;
  Record event_;
  Sha256 hash_;
  std::vector<Digest> hashes_;  // of the events since sealed_
  std::uint64_t events_ = 0;
  std::uint64_t seals_ = 0;
};

}  // namespace daybook
