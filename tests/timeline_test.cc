// A turn's time is accounted for to the millisecond, in told stories and in simulated worlds; and
// any event of a turn leads to it.
#include "tools/timeline.h"

#include <catch2/catch.hpp>

#include "core/codec.h"
#include "core/directory.h"
#include "tests/sim/simulation.h"
#include "tests/telling.h"
#include "tools/subject.h"

namespace daybook::timeline_test {

using testing::Telling;

struct Laid {
  explicit Laid(Log& log) {
    testing::lay_down(log, place);
    auto opened = JournalView::open(place.directory());
    REQUIRE(opened);
    view = *std::move(opened);
  }
  Event event(Seq seq) { return *view->event(seq); }

  journal_place::Place place;
  std::unique_ptr<JournalView> view;
};

// With the message that asked for it, or from the subject on.
Timeline timeline_of(JournalView& view, const Event& subject) {
  const Seq message = subject.has_turn_started() && subject.turn_started().answers_size() > 0
                          ? subject.turn_started().answers(0)
                          : subject.notice_issued().answers();
  std::optional<Event> asked;
  if (message != 0) asked = *view.event(message);
  Timeline timeline(subject, asked ? &*asked : nullptr);
  const auto settled = walk_subject(view, subject, asked ? message : subject.seq(),
                                    [&](const Event& event, Time before) {
                                      timeline.apply(event, before);
                                      return true;
                                    });
  REQUIRE(settled);
  timeline.finish(*settled);
  return timeline;
}

Duration sum_of(const Timeline& timeline) {
  Duration sum{};
  for (const Span& span : timeline.spans()) sum += span.length;
  return sum;
}

std::string spans_of(const Timeline& timeline) {
  std::string text;
  for (const Span& span : timeline.spans()) {
    text += std::to_string(span.length.count()) + " " + span.what + "\n";
  }
  return text;
}

TEST_CASE("waiting, retrying, streaming and showing each take their part of the time",
          "[timeline]") {
  Telling told;
  told.write("One?", 501);
  const Seq first = told.running().seq();
  told.pass(100);
  told.write("Two?", 502);
  told.pass(300);
  told.answer("One.");
  told.post(first, "One.", 503);
  const Seq second = told.running().seq();
  told.pass(50);
  told.fail_attempt(OVERLOAD, 503, 4'000, "busy");
  told.pass(4'600);
  told.chunk(told.running(), "T");
  told.pass(20);
  told.chunk(told.running(), "w");
  told.pass(70);
  told.chunk(told.running(), "o");
  told.commit();
  told.pass(10);
  told.answer("Two.");
  told.pass(900);
  told.post(second, "Two.", 504);
  Laid laid(told.log);
  const Timeline timeline = timeline_of(*laid.view, laid.event(second));
  CHECK(timeline.settled());
  CHECK(spans_of(timeline) ==
        "300 in the queue\n"
        "50 no answer, attempt 1\n"
        "4000 pause before attempt 2\n"
        "600 to the first token, attempt 2\n"
        "100 the answer came, attempt 2\n"
        "900 until all was shown\n");
  CHECK(sum_of(timeline) == timeline.ended() - timeline.began());
  REQUIRE(timeline.waited_for().size() == 1);
  CHECK(ended_turn(timeline.waited_for()[0]) == first);
  REQUIRE(timeline.attempts().size() == 2);
  const Attempt& last = timeline.attempts()[1];
  CHECK(last.chunks == 3);
  CHECK(last.gaps.count == 2);
  CHECK(last.gaps.longest == Duration(70));
  CHECK(last.gaps.before == last.last_chunk);
  CHECK(timeline.attempts()[0].status == 503);
  CHECK(timeline.attempts()[0].detail == "busy");
}

TEST_CASE("a crash divides an attempt into life and absence", "[timeline]") {
  Telling told;
  told.write("One?", 501);
  const Seq turn = told.running().seq();
  told.pass(100);
  told.chunk(told.running(), "O");
  told.commit();
  told.pass(40);
  told.attempt_post(turn);  // the last sign of life
  told.pass(60'000);
  told.crash();
  told.pass(500);
  told.answer("One.");
  told.post(turn, "One.", 502);
  Laid laid(told.log);
  const Timeline timeline = timeline_of(*laid.view, laid.event(turn));
  CHECK(spans_of(timeline) ==
        "100 to the first token, attempt 1\n"
        "40 the answer came, attempt 1\n"
        "60000 the gateway was down\n"
        "500 the whole answer at once, attempt 2\n");
  REQUIRE(timeline.parts().size() == 1);
  CHECK(timeline.parts()[0].ambiguous == 1);
  CHECK(timeline.parts()[0].posts == 2);
  CHECK(timeline.attempts()[0].ended_by == "GatewayStarted");
}

TEST_CASE("a pause that a person ends lasts as long as it did", "[timeline]") {
  Telling told;
  told.write("One?", 501);
  const Seq turn = told.running().seq();
  told.pass(100);
  told.fail_attempt(RATE, 429, 30'000, "slow down");
  told.pass(5'000);
  told.write("/stop", 502);
  told.post(turn, "(stopped)", 503);
  Laid laid(told.log);
  const Timeline timeline = timeline_of(*laid.view, laid.event(turn));
  CHECK(spans_of(timeline) ==
        "100 no answer, attempt 1\n"
        "5000 pause before attempt 2\n");
}

TEST_CASE("in every simulated world the spans of each turn add up to its time", "[timeline]") {
  for (const std::uint64_t seed : {11, 12, 13}) {
    sim::Simulation simulation(seed);
    simulation.run();
    MemoryLog log;
    Batch batch;
    for (const Event& event : simulation.journal()) batch.records.push_back(to_record(event));
    log.append(std::move(batch));
    log.commit_all();
    Laid laid(log);
    for (Seq seq = 1; seq <= log.last(); ++seq) {
      const Event event = laid.event(seq);
      const Seq about = subject_of(event);
      if (about != 0) {
        const auto subject = find_subject(*laid.view, event);
        REQUIRE(subject);
        CHECK(subject->seq() == about);
      }
      if (!event.has_turn_started() && !event.has_notice_issued()) continue;
      const Timeline timeline = timeline_of(*laid.view, event);
      INFO("seed " << seed << ", event " << seq);
      CHECK(timeline.settled());
      CHECK(sum_of(timeline) == timeline.ended() - timeline.began());
      CHECK((!timeline.is_turn() || timeline.end() != nullptr));
    }
  }
}

TEST_CASE("a message leads to what answered it", "[timeline]") {
  Telling told;
  const Seq asked = told.write("One?", 501);
  const Seq turn = told.running().seq();
  const Seq waits = told.write("Two?", 502);
  const Seq reset = told.write("/reset", 503);
  const Seq notice = told.last("NoticeIssued").seq();
  const Seq again = told.write("Three?", 504);
  const Seq second = told.running().seq();
  const Seq stop = told.write("/stop", 505);
  const Seq model = told.write("/model echo", 506);
  const Seq switched = told.last("NoticeIssued").seq();
  Laid laid(told.log);
  const auto subject = [&](Seq seq) {
    const auto found = find_subject(*laid.view, laid.event(seq));
    return found ? found->seq() : Seq{0};
  };
  CHECK(subject(asked) == turn);
  CHECK(subject(asked - 1) == turn);  // the SessionOpened
  CHECK(subject(waits) == 0);         // dropped by the reset
  CHECK(subject(reset) == notice);
  CHECK(subject(again) == second);
  CHECK(subject(stop) == second);
  CHECK(subject(model) == switched);
  CHECK(subject(switched - 1) == switched);  // the ModelSwitched
  CHECK(subject(1) == 0);
}

TEST_CASE("causes lead outwards and effects follow in order", "[timeline]") {
  Telling told;
  const Seq asked = told.write("One?", 501);
  const Seq waits = told.write("Two?", 502);
  const Seq turn = told.running().seq();
  told.chunk(told.running(), "O");
  const Seq end = told.answer("One.");
  const Seq second = told.running().seq();
  told.post(turn, "One.", 503);
  Laid laid(told.log);
  const auto effects = [&](Seq seq) {
    std::vector<Seq> seqs;
    const auto followed = each_effect(*laid.view, laid.event(seq),
                                      [&](const Event& next) { seqs.push_back(next.seq()); });
    REQUIRE(followed);
    return seqs;
  };
  CHECK(effects(asked) == std::vector<Seq>{turn});
  CHECK(effects(waits) == std::vector<Seq>{second});
  CHECK(effects(end) == std::vector<Seq>{second});
  CHECK(effects(turn).size() == 3);  // the chunk and the posts; ends of a story have no cause
  const auto causes = causes_of(*laid.view, laid.event(second));
  REQUIRE(causes);
  REQUIRE(causes->size() == 1);
  CHECK(causes->front().seq() == end);
}

}  // namespace daybook::timeline_test
