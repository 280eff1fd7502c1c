// The people of a simulated world: what they will write, command and edit, and when, is drawn
// before it begins. Each seed gives them a part of all moves only, so that those which are rare
// elsewhere come together somewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/types.h"
#include "tests/sim/chance.h"
#include "tests/sim/checkers.h"
#include "tests/sim/network.h"
#include "tests/world/bot_api.h"

namespace daybook::sim {

class People {
 public:
  static constexpr std::int64_t kFirstChat = 101;
  static constexpr std::int64_t kChats = 3;
  static constexpr std::int64_t kMovesBy = 1'000;

  // `tally`, which must outlive them, counts their moves by name. They begin at `start` and are
  // done `span` later, or soon after.
  People(Chance chance, Tally& tally, Time start, Duration span);

  [[nodiscard]] Time wake_at() const;
  // Everything that is due by `now`.
  void act(world::BotApi& bot, Time now);
  [[nodiscard]] const std::vector<Said>& said() const { return said_; }

 private:
  enum class Move {
    kSay,
    kEditNewest,   // of their messages: it may wait still, or be being answered
    kEditAny,      // long answered, perhaps, or left, or forgotten
    kEditCommand,  // into words
    kIntoCommand,
    kEditTwice,      // two of them before anybody can have answered the first
    kDeliverTwice,   // the edit comes again under another number
    kKeepEveryWord,  // Telegram tells of changes that nobody sees
    kMove,           // the chat becomes another one
  };
  struct Action {
    Time at{};
    std::int64_t chat = 0;
    Move move = Move::kSay;
    std::string text;  // of kSay
  };

  void plan(std::int64_t chat, Time start, Duration span);
  std::string something_to_say(std::int64_t chat, int nth);
  void say(world::BotApi& bot, const Action& action);
  void edit(world::BotApi& bot, const Action& action);
  // Of what this chat wrote; null: nothing fits.
  const Said* choose(const Action& action);
  void change(world::BotApi& bot, const Said& before, const std::string& text);

  Chance chance_;
  Tally& tally_;
  std::vector<const char*> commands_;
  std::vector<Move> edits_;
  std::uint64_t commands_share_ = 0;  // of a thousand messages
  std::uint64_t soon_share_ = 0;      // that follow the one before
  std::uint64_t piece_share_ = 0;     // as long as a client lets them be
  Time now_{};
  std::vector<Action> actions_;
  std::size_t acted_ = 0;
  std::vector<Said> said_;
};

}  // namespace daybook::sim
