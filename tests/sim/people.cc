#include "tests/sim/people.h"

#include <algorithm>
#include <iterator>

#include "core/late.h"

namespace daybook::sim {
namespace {

// What moves the leaf, stops, drops or takes back.
constexpr const char* kMoves[] = {"/stop",
                                  "/undo",
                                  "/undo 2",
                                  "/redo",
                                  "/retry",
                                  "/retry fake:second",
                                  "/fork",
                                  "/fork 1",
                                  "/switch 1",
                                  "/switch 2",
                                  "/save name",
                                  "/load name",
                                  "/reset",
                                  "/forget",
                                  "/sessions 1",
                                  "/compact",
                                  "/compact undo",
                                  "/erase",
                                  "/continue",
                                  "/queue clear",
                                  "/recover",
                                  "/set queue wait",
                                  "/set queue collect",
                                  "/set queue steer",
                                  "/set queue interrupt"};
constexpr const char* kOrders[] = {"/status",
                                   "/whoami",
                                   "/models",
                                   "/help",
                                   "/statsu",
                                   "/model fake:other",
                                   "/provider fake",
                                   "/thinking high",
                                   "/temperature 0.5",
                                   "/system Be kind.",
                                   "/system default",
                                   "/policy reset",
                                   "/policy incremental",
                                   "/set",
                                   "/pin",
                                   "/context",
                                   "/goal be brief",
                                   "/goal ok",
                                   "/task add up",
                                   "/task done 1",
                                   "/branches",
                                   "/sessions",
                                   "/session",
                                   "/title Ours",
                                   "/export",
                                   "/search words",
                                   "/usage",
                                   "/queue"};
constexpr std::size_t kCommandsAtOnceMax = 16;  // of all these, known in one world

bool is_reply(const std::string& command) {
  return command == "/erase" || command == "/fork" || command == "/pin";
}

bool is_command(const Said& said) { return said.text.starts_with('/'); }

}  // namespace

People::People(Chance chance, Tally& tally, Time start, Duration span)
    : chance_(chance), tally_(tally), now_(start) {
  const std::size_t commands = 1 + chance_.below(kCommandsAtOnceMax);
  while (commands_.size() < commands) {
    commands_.push_back(chance_.per_thousand(700) ? kMoves[chance_.below(std::size(kMoves))]
                                                  : kOrders[chance_.below(std::size(kOrders))]);
  }
  commands_share_ = chance_.below(600);
  soon_share_ = chance_.below(700);
  for (const Move move : {Move::kEditNewest, Move::kEditAny, Move::kEditCommand, Move::kIntoCommand,
                          Move::kEditTwice, Move::kDeliverTwice, Move::kKeepEveryWord}) {
    if (chance_.per_thousand(400)) edits_.push_back(move);
  }
  if (chance_.per_thousand(300)) piece_share_ = chance_.below(500);
  for (std::int64_t chat = kFirstChat; chat < kFirstChat + kChats; ++chat) plan(chat, start, span);
  if (chance_.per_thousand(400)) {
    const Time at = start + Duration(chance_.between(0, span.count()));
    actions_.push_back({at, kFirstChat + 1, Move::kMove, {}});
  }
  std::ranges::stable_sort(actions_, {}, &Action::at);
}

void People::plan(std::int64_t chat, Time start, Duration span) {
  const int count = static_cast<int>(chance_.between(5, 14));
  Time at = start;
  for (int nth = 1; nth <= count; ++nth) {
    // Some write on before they are answered.
    const bool soon = chance_.per_thousand(soon_share_);
    at = soon ? at + Duration(chance_.between(1, 1'500))
              : start + Duration(chance_.between(0, span.count()));
    actions_.push_back({at, chat, Move::kSay, something_to_say(chat, nth)});
    if (edits_.empty() || !chance_.per_thousand(400)) continue;
    const Move move = edits_[chance_.below(edits_.size())];
    actions_.push_back({at + Duration(chance_.between(0, 4'000)), chat, move, {}});
  }
}

std::string People::something_to_say(std::int64_t chat, int nth) {
  if (chance_.per_thousand(commands_share_)) return commands_[chance_.below(commands_.size())];
  const bool piece = chance_.per_thousand(piece_share_);
  if (piece) ++tally_["says as much as fits"];
  const std::string much = piece ? " " + std::string(kPieceLettersMin, 'x') : std::string();
  return "q" + std::to_string(nth) + " of " + std::to_string(chat) + much +
         " words:" + std::to_string(chance_.between(1, 60));
}

Time People::wake_at() const { return acted_ == actions_.size() ? kNever : actions_[acted_].at; }

void People::act(world::BotApi& bot, Time now) {
  now_ = now;
  while (wake_at() <= now) {
    Action action = actions_[acted_++];
    if (const std::int64_t to = bot.moved_to(action.chat); to != 0) action.chat = to;
    if (action.move == Move::kMove) {
      ++tally_["a chat becomes another one"];
      bot.migrate(action.chat, action.chat + kMovesBy, now);
    } else if (action.move == Move::kSay) {
      say(bot, action);
    } else {
      edit(bot, action);
    }
  }
}

void People::say(world::BotApi& bot, const Action& action) {
  if (action.text.starts_with('/')) {
    ++tally_["says " + action.text.substr(0, action.text.find(' '))];
  }
  const std::int64_t id = is_reply(action.text) ? bot.say_in_reply(action.chat, action.text,
                                                                   chance_.between(1, 20), now_)
                                                : bot.say(action.chat, action.text, now_);
  said_.push_back({action.chat, id, action.text, 0});
}

const Said* People::choose(const Action& action) {
  std::vector<const Said*> fitting;
  for (const Said& said : said_) {
    const bool fits = is_command(said) == (action.move == Move::kEditCommand);
    if (said.chat == action.chat && fits) fitting.push_back(&said);
  }
  if (fitting.empty()) return nullptr;
  const bool any = action.move == Move::kEditAny || action.move == Move::kKeepEveryWord;
  const Said* chosen = any ? fitting[chance_.below(fitting.size())] : fitting.back();
  // What it says now.
  for (const Said* one : fitting) {
    if (one->message_id == chosen->message_id) chosen = one;
  }
  return chosen;
}

void People::edit(world::BotApi& bot, const Action& action) {
  const Said* chosen = choose(action);
  if (chosen == nullptr) return;
  const Said before = *chosen;
  const auto other_words = [&] {
    return "e" + std::to_string(said_.size()) + " of " + std::to_string(action.chat) +
           " words:" + std::to_string(chance_.between(1, 60));
  };
  switch (action.move) {
    case Move::kSay:
    case Move::kMove:
      return;
    case Move::kEditNewest:
      ++tally_["edits the newest message"];
      return change(bot, before, other_words());
    case Move::kEditAny:
      ++tally_["edits any message"];
      return change(bot, before, other_words());
    case Move::kEditCommand:
      ++tally_["edits a command"];
      return change(bot, before, other_words());
    case Move::kIntoCommand:
      ++tally_["edits into a command"];
      return change(bot, before, commands_.front());
    case Move::kKeepEveryWord:
      ++tally_["edits and keeps every word"];
      return change(bot, before, before.text);
    case Move::kEditTwice:
      ++tally_["edits twice"];
      change(bot, before, other_words());
      return change(bot, before, other_words());
    case Move::kDeliverTwice:
      ++tally_["an edit comes twice"];
      change(bot, before, other_words());
      return change(bot, before, said_.back().text);
  }
}

void People::change(world::BotApi& bot, const Said& before, const std::string& text) {
  bot.edit(before.chat, before.message_id, text, now_);
  const auto edits = std::ranges::count_if(said_, [&](const Said& one) {
    return one.chat == before.chat && one.message_id == before.message_id && one.edit > 0;
  });
  said_.push_back({before.chat, before.message_id, text, static_cast<int>(edits) + 1});
}

}  // namespace daybook::sim
