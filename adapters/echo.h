// The built-in model: no network, no key, no thought. It says back what it was told, word by word,
// so that everything else can be tried, tested and shown without a provider.
//
// Where it is offered tools and the message begins with "find ", it looks for the words behind it
// by journal_search, and says what came of that: so the tool loop can be tried without a provider,
// too.
//
// Law: the words depend on the prompt alone, so any attempt says the same from its first word on.
// The model "slow" speaks about ten words a second; every other one as fast as it is asked, yet at
// most kChunksPerRound in one round of the loop, so that it cannot starve its neighbours.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/context.h"
#include "core/ports.h"
#include "core/work.h"

namespace daybook {

// What it says to a prompt.
std::string echo_answer(const Prompt& prompt, TurnKind kind);
// What it would look for first; empty: nothing.
std::string echo_search(const Prompt& prompt);

class Echo final : public Adapter {
 public:
  static constexpr std::size_t kChunksPerRound = 32;
  static constexpr std::size_t kWordBytesMax = 256;
  static constexpr std::size_t kHeardBytesMax = 256u << 10;
  static constexpr std::size_t kFoundBytesMax = 1'000;  // of what it looks for
  static constexpr Duration kSlowWord{100};

  // References must outlive it.
  Echo(std::string name, const Work& work, Prompts& prompts);

  [[nodiscard]] std::string_view name() const override { return name_; }
  void on_event(const Event& event) override;
  std::optional<Due> due(const Moment& moment) override;
  std::vector<Fact> on_reply(CallId call, Reply reply, Time now) override;
  [[nodiscard]] Time wake_at(Time now) const override;
  [[nodiscard]] bool idle() const override;

 private:
  struct Speech {
    std::uint32_t attempt = 0;
    Seq cause = 0;
    SessionId session = 0;
    std::string model;
    std::string text;
    std::string find;        // what it uses journal_search for; empty: it does not
    std::size_t at = 0;      // bytes said
    std::size_t words = 0;   // words said
    bool requested = false;  // the request is out
    bool over = false;       // its last fact is out
    std::optional<Time> began;
  };

  [[nodiscard]] bool busy(Seq turn) const;
  void close(Seq turn, std::uint32_t below);
  std::optional<Fact> begin(const OpenTurn& turn, Time now);
  Fact next_fact(Seq turn, Speech& speech);
  static Fact tool_fact(Seq turn, Speech& speech, Fact fact);
  [[nodiscard]] static Time next_at(const Speech& speech);

  std::string name_;
  const Work& work_;
  Prompts& prompts_;
  bool taking_in_ = true;
  std::size_t said_this_round_ = 0;
  Seq spoke_last_ = 0;              // speeches take turns
  std::map<Seq, Speech> speeches_;  // by turn, until the turn moves on
};

}  // namespace daybook
