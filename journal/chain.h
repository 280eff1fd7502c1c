// Walks the chain: every event whole, in order, pointing backwards, under a seal that matches.
//
// Law: it names the first event it cannot vouch for, and judges only what is durable: each block
// is one transaction's view, so it may run beside a writer. A seal depends on the one stored before
// it and on its own events alone, so a walk may begin at any seal that another walk ends at, and
// walks laid end to end vouch for the whole. Values are hashed where they lie, three at a time.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "journal/clear_block.h"
#include "journal/layout.h"
#include "journal/pages.h"
#include "journal/reading.h"
#include "journal/record.h"
#include "journal/store.h"

namespace daybook {

class ChainWalk {
 public:
  static constexpr Seq kToTheEnd = ~Seq{0};

  struct Damage {
    Seq seq = 0;
    std::string what;
  };
  // A place in the chain that is known from elsewhere.
  struct Checkpoint {
    Reading::Seal seal;
    std::string source;  // who knows it: "the head file"
  };

  // Starts after the seal `from`, which is trusted: first_seal() to begin at the beginning.
  ChainWalk(store::Environment& environment, std::string_view seal_key, Reading::Seal from);

  // To be met on the way.
  void expect(Checkpoint checkpoint) { checkpoints_.push_back(std::move(checkpoint)); }
  // What is walked over is added here, sound or not: what covered() says is.
  void gather(ClearBlock* block) { block_ = block; }

  // Events are read from there, and each leaf judged before it is. Both outlive it.
  void read_pages(const PageFile* file, const PageFile::Events* events) {
    file_ = file;
    pages_ = events;
  }
  // Pages of their own that events walked over lie on, in order, for PageFile::take().
  std::vector<page::Overflow> take_overflows() { return std::exchange(overflows_, {}); }

  // Up to the seal of event `until`, which was seen there. nullopt: all is well.
  std::optional<Damage> run(Seq until = kToTheEnd);
  // The same in pieces of some thousand events; `end`: it is done.
  std::optional<Damage> step(Seq until, bool& end);

  [[nodiscard]] std::uint64_t seals() const { return seals_; }
  // Every event up to this one is vouched for.
  [[nodiscard]] const Reading::Seal& sealed() const { return sealed_; }
  // No damage after all: somebody wrote, and the pages are no longer those that were to be read.
  [[nodiscard]] bool outrun() const { return outrun_; }

 private:
  template <typename Events>
  store::Status take_events(Events& events, store::Cursor& seals, store::Status& seal_found,
                            Seq until, std::optional<Damage>& damage);
  store::Status take_pages(store::Cursor& seals, store::Status& seal_found, Seq until,
                           std::optional<Damage>& damage);
  std::optional<Damage> take_value(std::uint64_t key, std::string_view value, bool keyed);
  std::optional<Damage> take_seal(Seq last, std::string_view inside, store::Cursor& seals,
                                  store::Status& found);
  std::optional<Damage> check_commits();
  std::optional<Damage> accept(const Reading::Seal& seal);
  std::optional<Damage> judge_end(store::Cursor& seals, store::Status found);
  [[nodiscard]] Damage unsealed() const;

  store::Environment& environment_;
  HmacSha256 code_;
  Reading::Seal sealed_;  // the last seal that matched
  std::vector<Checkpoint> checkpoints_;
  ClearBlock* block_ = nullptr;
  const PageFile* file_ = nullptr;
  const PageFile::Events* pages_ = nullptr;
  std::vector<page::Overflow> overflows_;
  bool outrun_ = false;

  Seq next_ = 1;
  record::Decoder decoder_;
  Sha256 hash_;                 // of an event in several values
  std::vector<Digest> hashes_;  // of the events since sealed_
  std::uint64_t seals_ = 0;
  bool inside_ = false;  // a seal in a record was met

  // Of one block.
  record::SingleHashes singles_;
  std::vector<Reading::Seal> commits_;  // as stored, not yet compared
  TwinSha256 twin_;
};

}  // namespace daybook
