// Tokens and money: what an answer cost, and who spent how much.
//
// Law: the journal keeps what was reported and what was estimated apart, and so does every sum
// here. A provider's own price goes before ours; ours is tokens times the catalogue's row in force
// when the call ended; what a provider takes for tokens that it caches (cache_write_tokens) is in
// its own price alone. What it does not report of an answer that came whole, as what was thought
// for it, is not counted.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/events.pb.h"
#include "core/types.h"

namespace daybook {

// One call of a model, or a sum over many.
struct Spent {
  std::uint64_t calls = 0;
  std::uint64_t reported_calls = 0;  // the provider said how many tokens they took
  std::uint64_t prompt_tokens = 0;
  std::uint64_t cached_tokens = 0;  // of these
  std::uint64_t output_tokens = 0;
  std::uint64_t reasoning_tokens = 0;      // of these
  std::uint64_t estimated_tokens = 0;      // of prompt and output, by our own estimate
  std::uint64_t said_nanodollars = 0;      // by the provider
  std::uint64_t computed_nanodollars = 0;  // by the price table
  std::uint64_t unpriced_calls = 0;        // neither

  void add(const Spent& other);
  [[nodiscard]] std::uint64_t nanodollars() const {
    return said_nanodollars + computed_nanodollars;
  }

  friend bool operator==(const Spent&, const Spent&) = default;
};

// What is known of a call whose usage an event tells.
struct CallFacts {
  std::string provider;
  std::string model;                // as the provider was told
  std::uint32_t prompt_tokens = 0;  // our estimates
  std::uint32_t output_tokens = 0;
  bool summed = false;  // many calls: what a dearer tier for long prompts asks is left out
};

// `prices` instead of what the provider said it cost when `recompute`. "echo" is free.
Spent spent_by(const CallFacts& call, const Usage& usage, const CatalogueLoaded& prices,
               bool recompute);

// The end of a call of a model, as an event tells it: what was reported of it, and what its words
// come to by our estimate; of one that was cut short, also what it thought and asked tools for.
struct CallEnd {
  Usage usage;
  Seq last_chunk = 0;
  std::uint32_t tokens = 0;
  bool completed = false;

  // The provider had begun to answer, so it costs something.
  [[nodiscard]] bool began() const { return completed || last_chunk != 0 || usage.reported(); }
};
std::optional<CallEnd> call_end(const Event& event);

// Finds each call of a model and whom it was for: a fold over clear events, chunks not needed. Its
// memory is what is open.
class UsageFold {
 public:
  // With a table, every price is computed anew from it.
  explicit UsageFold(std::optional<CatalogueLoaded> prices = std::nullopt)
      : prices_(std::move(prices)) {}

  struct Call {
    Seq turn = 0;
    SessionId session = 0;
    std::string place;
    std::int64_t user = 0;  // who asked; 0: this machine's own
    Time time{};            // when it ended
    CallFacts facts;
    bool completed = false;
    Spent spent;
  };

  // The call that this event ends, unless it ended before the provider had begun to answer. Where
  // the provider reported nothing, and the event does not say what its words come to (before rules
  // version 3), they are estimated; without them what it said counts as nothing.
  std::optional<Call> apply(const Event& event);

 private:
  struct Open {
    TurnStarted started;
    SessionId session = 0;
    std::int64_t user = 0;
    bool counted = false;  // the current attempt
  };
  // A message or a compaction that no turn has taken up yet.
  struct Asked {
    SessionId session = 0;
    std::int64_t user = 0;
  };

  void begin(const Event& event);
  void ask(const Event& event);
  std::int64_t settle(Seq asked);
  Call call_of(const Event& event, const Open& open, const Usage& usage, std::uint32_t tokens);

  std::optional<CatalogueLoaded> prices_;
  CatalogueLoaded catalogue_;
  std::map<Seq, Open> open_;  // by seq of TurnStarted
  std::map<Seq, Asked> asked_;
};

}  // namespace daybook
