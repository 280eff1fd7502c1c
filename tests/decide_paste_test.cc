// A long paste, cut by its client: one turn answers all pieces, whatever the mode of the queue.
#include <catch2/catch.hpp>
#include <string>

#include "core/decide_conversation.h"
#include "core/late.h"
#include "tests/away_story.h"

namespace daybook::decide_paste_test {
namespace {

using testing::Away;
using testing::kOwner;

// Of two-byte letters, so that bytes are not letters.
std::string piece(std::size_t letters = kPieceLettersMin) {
  std::string text;
  while (text.size() < 2 * letters) text += "\u00e9";
  return text;
}

constexpr std::int64_t kGroup = -100;
constexpr std::int64_t kAnna = 5;

struct Desk : Away {
  explicit Desk(const std::string& mode = "wait") {
    Fact fact = with_limit("", 0);
    fact.mutable_settings_loaded()->set_queue_mode(mode);
    gateway->record(std::move(fact), now);
    commit();
  }
  Seq paste(const std::string& text) { return write(text, 0); }
  void pass(std::int64_t milliseconds) { now += Duration(milliseconds); }
  // What is due now and no later.
  void gather() {
    commit();
    Gatherer gatherer(gateway->work());
    while (auto due = gatherer.due(Moment{now})) {
      gateway->record(std::get<Fact>(std::move(*due)), now);
      commit();
      gatherer.on_event(last("DeadlinePassed"));
    }
  }
  std::vector<Seq> answered(std::int64_t chat = kOwner) {
    const OpenTurn open = turn("telegram:" + std::to_string(chat));
    return {open.answers().begin(), open.answers().end()};
  }
  void answer(std::int64_t chat = kOwner) {
    complete(turn("telegram:" + std::to_string(chat)), "yes");
    commit();
  }
};

using Seqs = std::vector<Seq>;

TEST_CASE("pieces of a long message are one turn, and a shorter one is the last", "[paste]") {
  Desk desk;
  const Seq first = desk.paste(piece());
  CHECK(desk.kinds_after(first) == "MessageHeld");
  desk.pass(1'000);
  const Seq second = desk.paste(piece());
  CHECK(desk.kinds_after(second) == "MessageHeld");
  desk.pass(1'000);
  desk.gather();
  CHECK_FALSE(desk.state().has_open());
  const Seq third = desk.paste("the end");
  desk.gather();
  CHECK(desk.answered() == Seqs{first, second, third});
  CHECK(desk.kinds_after(third) == "MessageHeld DeadlinePassed TurnStarted");
  CHECK_FALSE(desk.last("TurnStarted").turn_started().has_preface());
  desk.check_refold();
  desk.answer();
  const Seq other = desk.paste("another thing");
  CHECK(desk.answered() == Seqs{other});
  desk.check_replay();
}

TEST_CASE("a long message that nothing follows is answered when the wait is over", "[paste]") {
  Desk desk;
  const Seq first = desk.paste(piece());
  desk.pass(kPiecePause.count() - 1);
  desk.gather();
  CHECK_FALSE(desk.state().has_open());
  desk.pass(1);
  desk.gather();
  CHECK(desk.answered() == Seqs{first});
  desk.answer();
  CHECK(desk.state().waiting().empty());
  desk.check_replay();
}

TEST_CASE("what is shorter than a piece is answered at once", "[paste]") {
  Desk desk;
  const Seq first = desk.paste(piece(kPieceLettersMin - 1));
  CHECK(desk.answered() == Seqs{first});
}

TEST_CASE("a process that dies while it waits answers all pieces", "[paste]") {
  Desk desk;
  const Seq first = desk.paste(piece());
  desk.commit();
  desk.crash();
  const Seq second = desk.paste(piece());
  desk.commit();
  desk.crash();
  desk.pass(kPiecePause.count());
  desk.gather();
  CHECK(desk.answered() == Seqs{first, second});
  desk.check_replay();
}

TEST_CASE("pieces that come while an answer is written are one turn in every mode", "[paste]") {
  const std::string mode = GENERATE("wait", "collect", "steer", "interrupt");
  Desk desk(mode);
  desk.paste("one");
  desk.chunk(desk.turn("telegram:77"), "half");
  const Seq first = desk.paste(piece());
  // Who is cut at once is cut by now.
  if (mode != "interrupt") desk.chunk(desk.turn("telegram:77"), " more");
  const Seq second = desk.paste("the end");
  if (mode == "wait" || mode == "collect") desk.complete(desk.turn("telegram:77"), "1");
  desk.gather();
  CHECK(desk.answered() == Seqs{first, second});
  desk.check_replay();
}

TEST_CASE("what others write meanwhile is theirs, and waits for its turn", "[paste]") {
  Desk desk;
  const Seq first = desk.write(piece(), 0, kGroup, kOwner);
  const Seq hers = desk.write("and me?", 0, kGroup, kAnna);
  desk.gather();
  CHECK_FALSE(desk.state(kGroup).has_open());
  const Seq second = desk.write("the end", 0, kGroup, kOwner);
  desk.gather();
  CHECK(desk.answered(kGroup) == Seqs{first, second});
  desk.answer(kGroup);
  CHECK(desk.answered(kGroup) == Seqs{hers});
  desk.check_replay();
}

TEST_CASE("two who paste at once get an answer each", "[paste]") {
  Desk desk;
  const Seq his = desk.write(piece(), 0, kGroup, kOwner);
  const Seq hers = desk.write(piece(), 0, kGroup, kAnna);
  const Seq his_end = desk.write("his end", 0, kGroup, kOwner);
  desk.gather();
  CHECK_FALSE(desk.state(kGroup).has_open());
  const Seq her_end = desk.write("her end", 0, kGroup, kAnna);
  desk.pass(kPiecePause.count());
  desk.gather();
  CHECK(desk.answered(kGroup) == Seqs{his, his_end});
  desk.answer(kGroup);
  CHECK(desk.answered(kGroup) == Seqs{hers, her_end});
  desk.check_replay();
}

TEST_CASE("/stop drops a message that is not whole yet", "[paste]") {
  Desk desk;
  desk.paste(piece());
  desk.paste("/stop");
  CHECK(desk.last("NoticeIssued").content().text() ==
        "Nothing is running. 1 message that waited is not answered any more.");
  desk.pass(kPiecePause.count());
  desk.gather();
  CHECK_FALSE(desk.state().has_open());
  CHECK(desk.state().held_until() == 0);
  desk.check_replay();
}

TEST_CASE("pieces of which one is edited are one turn still", "[paste]") {
  const bool answering = GENERATE(false, true);
  Desk desk;
  const Seq first = desk.paste(piece());
  desk.paste(answering ? "the end" : piece());
  if (answering) desk.gather();
  CHECK(desk.state().has_open() == answering);
  const Seq edit = desk.edit("another end", 0);
  desk.pass(kPiecePause.count());
  desk.gather();
  CHECK(desk.answered() == Seqs{first, edit});
  desk.check_replay();
}

TEST_CASE("a restored journal gives up what waited for more", "[paste]") {
  Desk desk;
  desk.paste(piece());
  Fact restored;
  restored.mutable_journal_restored()->set_epoch(2);
  desk.gateway->record(std::move(restored), desk.now);
  desk.pass(kPiecePause.count());
  desk.gather();
  CHECK_FALSE(desk.state().has_open());
  CHECK(desk.state().waiting().empty());
  CHECK(desk.last("NoticeIssued").notice_issued().topic() == "late");
}

TEST_CASE("/undo takes all pieces back: they are one message", "[paste]") {
  const bool answered = GENERATE(true, false);
  Desk desk;
  desk.write("before", 0);
  desk.answer();
  if (!answered) desk.write("running", 0);
  desk.paste(piece());
  desk.paste(piece());
  desk.paste("the end");
  desk.gather();
  if (answered) desk.answer();
  const int entries = desk.state().entries_size();
  desk.write("/undo", 0);
  CHECK(desk.state().waiting_size() == 0);
  // Before it was answered, nothing of it was said yet.
  CHECK(desk.state().entries_size() == (answered ? 2 : entries));
  CHECK(entries == (answered ? 6 : 3));
  desk.check_refold();
}

}  // namespace
}  // namespace daybook::decide_paste_test
