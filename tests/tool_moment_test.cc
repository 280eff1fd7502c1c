// Moments, figures and progress: the small words that the reading verbs share.
#include <catch2/catch.hpp>

#include <array>
#include <cstdio>

#include "core/money.h"
#include "tests/telling.h"
#include "tools/figures.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/progress.h"

namespace daybook::tool_moment_test {

using testing::Telling;

struct Laid {
  explicit Laid(Telling& told) {
    testing::lay_down(told.log, place);
    auto opened = JournalView::open(place.directory());
    REQUIRE(opened);
    view = *std::move(opened);
  }

  journal_place::Place place;
  std::unique_ptr<JournalView> view;
};

TEST_CASE("a time is the newest event at or before it", "[moment]") {
  Telling told;
  told.write("one", 501);
  told.pass(1'000);
  told.answer("two");
  const Laid laid(told);
  Log& log = laid.view->log();
  for (Seq seq = 1; seq <= log.last(); ++seq) {
    const Time time = (**log.get(seq)).time;
    Seq newest = seq;
    while (newest < log.last() && (**log.get(newest + 1)).time == time) ++newest;
    CHECK(*seq_at(log, time) == newest);
    CHECK(*seq_at(log, time + Duration(1)) == newest);
    CHECK(*seq_at(log, time - Duration(1)) < seq);
  }
  CHECK(*seq_at(log, Time()) == 0);
  CHECK(*seq_at(log, kNever) == log.last());
}

TEST_CASE("a moment is an event, a time or a message, with or without its session", "[moment]") {
  Telling told;
  const Seq asked = told.write("one", 501);
  told.pass(1'000);
  const Seq turn = told.running().seq();
  const Seq answered = told.answer("two");
  told.post(turn, "two", 502);
  const Laid laid(told);
  JournalView& view = *laid.view;
  const SessionId session = *view.find_session("telegram:77");
  CHECK(*moment_of(view, "3") == 3);
  CHECK(*moment_of(view, "m501", session) == asked);
  CHECK(*moment_of(view, "telegram:77@m502") == view.log().last());
  CHECK(*moment_of(view, "2026-02-03T04:05:06.500Z") == turn);
  CHECK(*moment_of(view, "2026-02-03T04:05:07Z") == view.log().last());
  CHECK(answered < view.log().last());
  const auto named = session_moment_of(view, "telegram:77@m501");
  REQUIRE(named);
  CHECK(named->session == session);
  CHECK(named->upto == asked);
  CHECK(named->event);
  CHECK_FALSE(session_moment_of(view, "telegram:77")->event);
  CHECK(session_moment_of(view, "77")->upto == view.log().last());
  for (const std::string bad :
       {"m501", "m9", "soon", "", "nowhere@3", "telegram:77@m9", "99999", "telegram:77@99999"}) {
    INFO(bad);
    CHECK_FALSE(moment_of(view, bad));
  }
}

TEST_CASE("a session's past is the fold of its chain up to then", "[moment]") {
  Telling told;
  std::vector<std::string> states;
  const auto note = [&] {
    const SessionRow* row = told.gateway->directory().at(Telling::kChat);
    states.resize(told.log.last() + 1);
    if (row != nullptr) {
      states.back() = told.gateway->session(row->id())->state().SerializeAsString();
    }
  };
  told.write("one", 501);
  note();
  told.write("two", 502);
  note();
  told.chunk(told.running(), "so ");
  told.commit();
  note();
  told.chunk(told.running(), "far");
  told.commit();
  note();
  told.answer("so far");
  note();
  told.write("/model echo", 503);
  note();
  told.answer("and on");
  note();
  const Laid laid(told);
  const SessionId session = *laid.view->find_session("telegram:77");
  for (Seq seq = 1; seq < states.size(); ++seq) {
    if (states[seq].empty()) continue;
    const auto past = laid.view->session(session, seq);
    REQUIRE(past);
    INFO(seq);
    CHECK(past->state().SerializeAsString() == states[seq]);
  }
  CHECK_FALSE(laid.view->session(session, session - 1));
  CHECK(laid.view->directory_at(session - 1)->sessions().empty());
  CHECK(laid.view->directory_at(session)->sessions().size() == 1);
}

TEST_CASE("the newest event of a kind is found from any moment", "[moment]") {
  Telling told;
  const Seq again = told.record(Telling::telegram_settings("echo"));
  const Laid laid(told);
  CHECK((*laid.view->newest(Event::kSettingsLoaded, again))->seq() == again);
  CHECK((*laid.view->newest(Event::kSettingsLoaded, again - 1))->seq() < again);
  CHECK_FALSE(laid.view->newest(Event::kSettingsLoaded, 1)->has_value());
}

TEST_CASE("figures read as people write them", "[moment]") {
  CHECK(count_text(0) == "0");
  CHECK(count_text(1'204'000) == "1,204,000");
  CHECK(count_text(1, "turn") == "1 turn");
  CHECK(count_text(2, "turn") == "2 turns");
  CHECK(bytes_text(1'023) == "1023 B");
  CHECK(bytes_text(1'536) == "1.5 KiB");
  CHECK(bytes_text(std::uint64_t{4} << 30) == "4.0 GiB");
  CHECK(bytes_text(1'048'575) == "1.0 MiB");
  CHECK(duration_text(Duration(28)) == "28 ms");
  CHECK(duration_text(Duration(9'214)) == "9.214 s");
  CHECK(duration_text(Duration(723'000)) == "12 min 03 s");
  CHECK(duration_text(Duration(11'100'000)) == "3 h 05 min");
  CHECK(duration_text(Duration(183'600'000)) == "2 d 03 h");
  CHECK(duration_text(Duration(-28)) == "-28 ms");
  CHECK(money_text(0) == "$0");
  CHECK(money_text(217'000) == "$0.000217");
  CHECK(money_text(150) == "$0.0000001");
  CHECK(money_text(12'340'000'000) == "$12.34");
  CHECK(share_text(1, 3) == "33 %");
  CHECK(share_text(1, 0).empty());
  CHECK(right("7", 3) == "  7");
  CHECK(left("7", 3) == "7  ");
}

TEST_CASE("progress is silent for a second, then a line that goes away", "[moment]") {
  using Clock = Progress::Clock;
  std::FILE* output = std::tmpfile();
  REQUIRE(output != nullptr);
  const Clock::time_point start{};
  {
    Progress progress("reading", 1'000, output, start);
    progress.reached(100, start + std::chrono::milliseconds(900));
    CHECK(std::ftell(output) == 0);
    progress.reached(250, start + std::chrono::seconds(1));
    progress.reached(251, start + std::chrono::milliseconds(1'050));
    progress.hide();
    progress.reached(500, start + std::chrono::seconds(2));
    progress.silence();
    progress.reached(900, start + std::chrono::seconds(3));
  }
  {
    // Of work that has taken a while already.
    Progress later("cutting", 0, output, start + std::chrono::seconds(5), start);
    later.reached(0, start + std::chrono::seconds(5));
  }
  std::array<char, 400> text{};
  std::rewind(output);
  const std::size_t bytes = std::fread(text.data(), 1, text.size(), output);
  std::fclose(output);
  CHECK(std::string(text.data(), bytes) ==
        "\r\x1b[Kreading 250 of 1000 (25 %), 4 s left\r\x1b[K"
        "\r\x1b[Kreading 500 of 1000 (50 %), 3 s left\r\x1b[K"
        "\r\x1b[Kcutting\r\x1b[K");
}

TEST_CASE("a line of JSON keeps the order of its keys", "[moment]") {
  const JsonLine line = {{"seq", 1}, {"kind", "x"}, {"a", true}};
  CHECK(line.dump() == R"({"seq":1,"kind":"x","a":true})");
}

}  // namespace daybook::tool_moment_test
