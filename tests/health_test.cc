// Providers that are better not asked: pauses, broken ones, and the turn that finds out.
#include "core/health.h"

#include <catch2/catch.hpp>

#include "tests/events.h"

namespace daybook::health_test {

constexpr const char* kProvider = "p";

struct Doctor {
  Health health;
  Seq seq = 100;
  Time now = from_milliseconds(1'000'000);

  Event event() { return testing::at(++seq, to_milliseconds(now), 1); }

  Seq start() {
    health.apply(testing::turn_started(event(), "console:local", 1), kProvider);
    return seq;
  }
  void fail(ErrorClass error, std::int64_t retry_after = 0) {
    Event failed = event();
    failed.mutable_attempt_failed()->set_error(error);
    failed.mutable_attempt_failed()->set_retry_after(retry_after);
    health.apply(failed, kProvider);
  }
  void complete(Seq turn) { health.apply(testing::turn_completed(event(), turn, ""), kProvider); }
  [[nodiscard]] bool free(Duration later = Duration(0)) const {
    return !health.obstacle(kProvider, now + later).has_value();
  }
  // The first whole second from now on at which it may be asked.
  [[nodiscard]] std::int64_t free_after() const {
    for (std::int64_t second = 0; second < 100'000; ++second) {
      if (free(Duration(second * 1'000))) return second;
    }
    return -1;
  }
};

TEST_CASE("the pause that a provider asks for goes before any other", "[health]") {
  Doctor doctor;
  doctor.fail(RATE, 17'000);
  CHECK(doctor.free_after() == 17);
  doctor.fail(OVERLOAD, 3'000);
  CHECK(doctor.free_after() == 3);
  const auto obstacle = doctor.health.obstacle(kProvider, doctor.now);
  CHECK(obstacle->why() == PassedModel::RESTS);
  CHECK(obstacle->event() == doctor.seq);
  CHECK(obstacle_text(*obstacle, OVERLOAD) == "rests until 00:16:43 UTC (OVERLOAD, event 102)");
}

TEST_CASE("no to one request is no pause, no for today is one", "[health]") {
  Doctor busy;
  busy.fail(OVERLOAD, kNotThisRequest);
  CHECK(busy.free());
  busy.fail(RATE, kNotThisRequest);
  CHECK(busy.free_after() == 10);
  for (int i = 0; i < 3; ++i) busy.fail(OVERLOAD, kNotThisRequest);
  CHECK(busy.health.obstacle(kProvider, busy.now)->why() == PassedModel::BROKEN);
  Doctor spent;
  spent.fail(RATE, kNotToday);
  CHECK(spent.free_after() == kFundsRest.count() / 1'000);
  CHECK(spent.health.obstacle(kProvider, spent.now)->why() == PassedModel::RESTS);
}

TEST_CASE("one that limits our rate rests longer each time, up to a limit", "[health]") {
  Doctor doctor;
  std::vector<std::int64_t> rests;
  for (int i = 0; i < 8; ++i) {
    doctor.fail(RATE);
    rests.push_back(doctor.health.row(kProvider)->until() - to_milliseconds(doctor.now));
  }
  CHECK(rests == std::vector<std::int64_t>{5'000, 10'000, 20'000, 40'000, 80'000, 160'000, 300'000,
                                           300'000});
}

TEST_CASE("five failures in a row break a provider, four and an answer do not", "[health]") {
  Doctor doctor;
  for (int i = 0; i < 4; ++i) doctor.fail(NETWORK);
  CHECK(doctor.free());
  doctor.complete(doctor.start());
  for (int i = 0; i < 4; ++i) doctor.fail(NETWORK);
  CHECK(doctor.free());
  doctor.fail(STALLED);
  CHECK_FALSE(doctor.free());
  CHECK(doctor.free_after() == 30);
  CHECK(doctor.health.obstacle(kProvider, doctor.now)->why() == PassedModel::BROKEN);
}

TEST_CASE("when a broken one has rested, one turn finds out, and the others wait for it",
          "[health]") {
  Doctor doctor;
  for (int i = 0; i < 5; ++i) doctor.fail(NETWORK);
  doctor.now += kBrokenFor;
  CHECK(doctor.free());
  const Seq trial = doctor.start();
  CHECK_FALSE(doctor.free());
  SECTION("it answers: all may ask") {
    doctor.complete(trial);
    CHECK(doctor.free());
    doctor.fail(NETWORK);
    CHECK(doctor.free());
  }
  SECTION("it fails: it is left alone for twice as long") {
    doctor.fail(NETWORK);
    CHECK(doctor.free_after() == 60);
  }
  SECTION("somebody stops it: the next one finds out") {
    Event cancelled = doctor.event();
    cancelled.mutable_turn_cancelled()->set_turn(trial);
    doctor.health.apply(cancelled, kProvider);
    CHECK(doctor.free());
  }
  SECTION("it goes on with another provider: the next one finds out") {
    Event retried = testing::turn_retried(doctor.event(), trial, 2);
    retried.mutable_turn_retried()->mutable_prompt()->set_provider("q");
    doctor.health.apply(retried, kProvider);
    CHECK(doctor.free());
  }
}

TEST_CASE("a key that is not accepted rests until settings are loaded", "[health]") {
  Doctor doctor;
  doctor.fail(AUTH);
  CHECK_FALSE(doctor.free(kKeyRest - Duration(1)));
  CHECK(doctor.free(kKeyRest));
  Event loaded = doctor.event();
  loaded.mutable_settings_loaded();
  doctor.health.apply(loaded, "");
  CHECK(doctor.free());
  doctor.fail(FUNDS);
  CHECK_FALSE(doctor.free(kFundsRest - Duration(1)));
}

TEST_CASE("who says no has answered: that is no trouble of the provider", "[health]") {
  Doctor doctor;
  for (int i = 0; i < 4; ++i) doctor.fail(NETWORK);
  for (const ErrorClass error : {REFUSED, REQUEST, OVERFLOW}) doctor.fail(error);
  for (int i = 0; i < 4; ++i) doctor.fail(NETWORK);
  CHECK(doctor.free());
  CHECK_FALSE(is_providers_trouble(REFUSED));
  CHECK(needs_somebody(UNSAFE));
}

TEST_CASE("who says no works again, but a key and funds are not tried by a wrong request",
          "[health]") {
  const ErrorClass no = GENERATE(REFUSED, REQUEST, OVERFLOW);
  Doctor doctor;
  for (int i = 0; i < 5; ++i) doctor.fail(NETWORK);
  doctor.fail(no);
  CHECK(doctor.free());
  CHECK(doctor.health.row(kProvider) == nullptr);
  for (const ErrorClass trouble : {AUTH, FUNDS, UNSAFE}) {
    Doctor other;
    other.fail(trouble);
    other.fail(no);
    CHECK(other.free() == (no == REFUSED));
    // It is the same trouble still, which the owner was told of.
    other.fail(trouble);
    CHECK(other.health.row(kProvider)->failures() == (no == REFUSED ? 1 : 2));
  }
}

TEST_CASE("a pause that was asked for holds though somebody else is told no", "[health]") {
  Doctor doctor;
  doctor.fail(RATE, 17'000);
  doctor.fail(REQUEST);
  CHECK(doctor.free_after() == 17);
  doctor.now += Duration(17'000);
  doctor.fail(REQUEST);
  CHECK(doctor.health.row(kProvider) == nullptr);
}

TEST_CASE("what our own settings lack says nothing of a provider", "[health]") {
  Doctor doctor;
  for (int i = 0; i < 5; ++i) doctor.fail(NETWORK);
  doctor.fail(SETTINGS);
  CHECK_FALSE(doctor.free());
}

}  // namespace daybook::health_test
