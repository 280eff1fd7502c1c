// Providers that are better not asked: pauses, broken ones, and the turn that finds out; and what
// is believed of models.
#include "core/health.h"

#include <catch2/catch.hpp>

#include "core/context.h"
#include "core/decide.h"
#include "core/route.h"
#include "tests/events.h"
#include "tests/two_models.h"

namespace daybook::health_test {

using testing::TwoModels;

constexpr const char* kElsewhere = "console:elsewhere";
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

TEST_CASE("who asks a broken one before its time finds out nothing new", "[health]") {
  Doctor doctor;
  for (int i = 0; i < 5; ++i) doctor.fail(OVERLOAD);
  doctor.now += Duration(10'000);
  for (int i = 0; i < 4; ++i) doctor.fail(OVERLOAD);
  CHECK(doctor.free_after() == 20);
  doctor.fail(OVERLOAD, 90'000);
  CHECK(doctor.free_after() == 90);
  doctor.now += Duration(90'000);
  doctor.start();
  doctor.fail(OVERLOAD);
  CHECK(doctor.free_after() == 2 * kBrokenFor.count() / 1'000 * 2);
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

TEST_CASE("an answer that began after the failure ends a pause, an older one does not",
          "[health]") {
  Doctor doctor;
  const Seq older = doctor.start();
  doctor.fail(FUNDS, 3'600'000);
  doctor.complete(older);
  CHECK_FALSE(doctor.free());
  doctor.complete(doctor.start());
  CHECK(doctor.free());
}

TEST_CASE("what our own settings lack says nothing of a provider", "[health]") {
  Doctor doctor;
  for (int i = 0; i < 5; ++i) doctor.fail(NETWORK);
  doctor.fail(SETTINGS);
  CHECK_FALSE(doctor.free());
}

// Nobody stands in, and somebody owns it.
struct Alone : TwoModels {
  static constexpr const char* kOwner = "telegram:1";

  Alone() : TwoModels(std::vector<std::string>{}) {
    rows.mutable_settings_loaded()->set_telegram_owner(1);
    rows.mutable_settings_loaded()->add_telegram_allow(7);  // kGuest
    load();
  }

  // What follows a failure that ends the turn.
  std::string fail_for_good(ErrorClass error, std::int32_t status,
                            const std::string& place = kPlace) {
    say("hello", place, place == kOwner ? 1 : 0);
    return kinds_after(fail_status(error, status, 0, "", place, status == 404));
  }
};

TEST_CASE("what only the owner can mend is told to the owner where nobody stands in, once",
          "[route]") {
  Alone story;
  CHECK(story.fail_for_good(AUTH, 401) == "NoticeIssued TurnFailed");
  const Event told = story.last("NoticeIssued");
  CHECK(told.notice_issued().place() == Alone::kOwner);
  CHECK(told.content().text() == "⚠ main refused our key. Nobody answers in its place.");
  story.now += kKeyRest;
  CHECK(story.fail_for_good(AUTH, 401) == "TurnFailed");
  story.now += kKeyRest;
  CHECK(story.fail_for_good(FUNDS, 402) == "NoticeIssued TurnFailed");
  CHECK(story.last("NoticeIssued").content().text() ==
        "⚠ main has no funds left. Nobody answers in its place.");
  story.now += kFundsRest;
  CHECK(story.fail_for_good(FUNDS, 402) == "TurnFailed");
  story.now += kFundsRest;
  story.say("hello");
  story.complete(story.turn(), "well");
  CHECK(story.fail_for_good(AUTH, 403) == "NoticeIssued TurnFailed");
  CHECK(story.last("NoticeIssued").content().text() ==
        "⚠ main would not let us. Nobody answers in its place.");
  story.now += kKeyRest;
  CHECK(story.fail_for_good(REQUEST, 400) == "TurnFailed");
  story.check_again();
}

TEST_CASE("an owner who reads the failure is not told it twice", "[route]") {
  Alone story;
  CHECK(story.fail_for_good(AUTH, 401, Alone::kOwner) == "TurnFailed");
  story.now += kKeyRest;
  CHECK(story.fail_for_good(AUTH, 401) == "TurnFailed");  // the owner knows
}

TEST_CASE("the owner is told of the last fallback that refuses, too", "[route]") {
  TwoModels story;
  story.rows.mutable_settings_loaded()->set_telegram_owner(1);
  story.load();
  story.say("hello");
  story.fail_status(AUTH, 401);
  REQUIRE(story.asked() == "spare:s");
  const Seq failed = story.fail_status(AUTH, 401);
  CHECK(story.kinds_after(failed) == "NoticeIssued TurnFailed");
  CHECK(story.last("NoticeIssued").content().text() ==
        "⚠ spare refused our key. Nobody answers in its place.");
}

TEST_CASE("a server that says how long to wait is asked after that, sooner or later", "[route]") {
  TwoModels story;
  const std::int64_t pause = GENERATE(100, 17'000);
  story.say("hello");
  story.fail_status(RATE, 429, pause);
  CHECK(story.turn().not_before() == to_milliseconds(story.now) + pause);
}

TEST_CASE("a model that does not exist is named with those that look like it", "[route]") {
  Alone story;
  const bool wrong = GENERATE(true, false);
  Event lists;
  for (const char* id : {"m", "boat-large", "boat-small"}) {
    ModelRow* row = lists.mutable_catalogue_loaded()->add_rows();
    row->set_id(id);
    row->set_source("main");
    row->set_context_tokens(8'000);
  }
  story.gateway->record(std::move(lists), story.now);
  story.say(wrong ? "/model main:boat-larg" : "/model main:boat-large");
  CHECK(story.fail_for_good(REQUEST, 404) == "TurnFailed");
  const std::string why = story.last("TurnFailed").content().detail();
  INFO(why);
  CHECK((why.find(" Near it: main:boat-large") != std::string::npos) == wrong);
  CHECK(why.find("main:boat-large, main:boat-large") == std::string::npos);
  CHECK(story.fail_for_good(REQUEST, 413) == "TurnFailed");
  CHECK(story.last("TurnFailed").content().detail().find("Near it") == std::string::npos);
}

TEST_CASE("where nobody stands in, the pause that a model asked for is waited out", "[route]") {
  Alone story;
  story.say("hello");
  story.fail_status(RATE, 429, 60'000);
  story.now += Duration(10'000);
  const Seq asked = story.say("hello", kElsewhere);
  CHECK(story.kinds_after(asked) == "NoticeIssued TurnStarted");
  CHECK(story.last("NoticeIssued").content().text() ==
        "main asked for a pause until 00:17:40 UTC; the answer follows then.");
  const std::int64_t until = to_milliseconds(story.now) + 50'000;
  CHECK(story.turn(kElsewhere).not_before() == until);
  story.commit();
  story.crash();
  CHECK(story.turn(kElsewhere).not_before() == until);
  // Another model of it may be asked, and so may this one when nothing is left of the pause.
  story.say("/model main:other", "console:third");
  story.say("hello", "console:third");
  CHECK(story.turn("console:third").not_before() == 0);
  story.now += Duration(50'000);
  story.say("hello", "console:fourth");
  CHECK(story.turn("console:fourth").not_before() == 0);
  story.check_again();
}

// ---- nobody is asked

// A guest's chat.
constexpr const char* kGuest = "telegram:7";

TEST_CASE("while a key is refused nobody is asked, and what is said is kept", "[health]") {
  Alone story;
  story.fail_for_good(AUTH, 401);
  const Seq first = story.say("are you there?", kGuest, 7);
  CHECK(story.kinds_after(first).ends_with("NoticeIssued"));
  const Event told = story.last("NoticeIssued");
  CHECK(told.notice_issued().answers() == first);
  CHECK(told.content().text() ==
        "\u26A0 Your message is kept but was not sent: main refused our key, so nobody is asked "
        "before 00:26:40 UTC. From then on /retry answers it. Whoever runs this bot was told.");
  CHECK(route_lines([&] {
          Route route;
          *route.add_passed() = told.notice_issued().passed();
          return route;
        }()) == std::vector<std::string>{"main:m is left alone since it failed, event 8, until "
                                         "1970-01-01T00:26:40.000Z"});
  story.say("hello?", kGuest, 7);
  const Seq retried = story.say("/retry", kGuest, 7);
  CHECK(story.kinds_after(retried) == "NoticeIssued");
  CHECK(story.last("NoticeIssued").content().text() == told.content().text());
  story.commit();
  story.crash();
  const Seq after = story.say("and now?", kGuest, 7);
  CHECK(story.kinds_after(after) == "NoticeIssued");
  CHECK(story.idle(kGuest));
  SECTION("once the pause is over, one of them finds out") {
    story.now += kKeyRest;
    story.say("/retry", kGuest, 7);
  }
  SECTION("settings that are loaded end it") {
    story.load();
    story.say("/retry", kGuest, 7);
  }
  REQUIRE_FALSE(story.idle(kGuest));
  CHECK(story.turn(kGuest).answers(0) == after);
  story.commit();
  const auto prompt = story.gateway->prompt(story.turn(kGuest).seq());
  REQUIRE(prompt);
  std::string said;
  for (const PromptMessage& message : prompt->messages) said += message.text + "|";
  CHECK(said.find("are you there?") != std::string::npos);
  CHECK(said.find("hello?") != std::string::npos);
  CHECK(said.ends_with("and now?|"));
  story.complete(story.turn(kGuest), "well");
  CHECK(story.gateway->directory().health().row("main") == nullptr);
  story.check_again();
}

TEST_CASE("the owner's /retry asks at once, and its answer ends the pause", "[health]") {
  Alone story;
  story.fail_for_good(AUTH, 401, Alone::kOwner);
  story.say("and now?", Alone::kOwner, 1);
  CHECK(story.last("NoticeIssued").content().text() ==
        "\u26A0 Your message is kept but was not sent: main refused our key, so nobody is asked "
        "before 00:26:40 UTC. /retry asks at once, and what you mend counts once the settings are "
        "read anew.");
  CHECK(story.idle(Alone::kOwner));
  story.say("/retry", Alone::kOwner, 1);
  REQUIRE_FALSE(story.idle(Alone::kOwner));
  const bool works = GENERATE(true, false);
  if (works) {
    story.complete(story.turn(Alone::kOwner), "well");
  } else {
    story.fail_status(AUTH, 401, 0, "", Alone::kOwner);
  }
  const Seq said = story.say("hello", kGuest, 7);
  CHECK(story.kinds_after(said).ends_with(works ? "TurnStarted" : "NoticeIssued"));
  story.check_again();
}

TEST_CASE("a pause longer than anybody waits is not asked through, nor is one of all models",
          "[health]") {
  const bool alone = GENERATE(true, false);
  TwoModels story(alone ? std::vector<std::string>{} : std::vector<std::string>{"spare:s"});
  story.say("hello");
  story.fail_status(RATE, 429, 600'000);
  if (!alone) story.fail_status(RATE, 429, 900'000);
  REQUIRE(story.idle());
  const Seq again = story.say("again", kElsewhere);
  CHECK(story.kinds_after(again).ends_with("NoticeIssued"));
  const Event told = story.last("NoticeIssued");
  CHECK(told.notice_issued().passed().provider() == "main");
  CHECK(told.content().text().find("main asked for a pause, so nobody is asked before 00:26:40") !=
        std::string::npos);
  story.say("/compact", kElsewhere);
  CHECK(story.idle(kElsewhere));
  // What is left of it is waited out, by who asks then.
  story.now += Duration(400'000);
  story.say("and now?", kElsewhere);
  CHECK_FALSE(story.idle(kElsewhere));
  story.check_again();
}

TEST_CASE("one that failed often is asked all the same where nobody stands in", "[health]") {
  TwoModels story(std::vector<std::string>{});
  for (int message = 0; message < 8; ++message) {
    story.say("hello");
    REQUIRE_FALSE(story.idle());
    story.wear_out(OVERLOAD);
    REQUIRE(story.idle());
    story.now += Duration(8'000);
  }
  CHECK(story.gateway->directory().health().row("main")->until() > to_milliseconds(story.now));
  story.say("and now?");
  story.complete(story.turn(), "well");
  CHECK(story.gateway->directory().health().row("main") == nullptr);
  story.check_again();
}

TEST_CASE("another key or another address is another provider", "[health]") {
  TwoModels story(std::vector<std::string>{});
  ProviderRow* row = story.rows.mutable_settings_loaded()->mutable_providers(1);
  REQUIRE(row->name() == "main");
  row->set_key_mark(1);
  story.load();
  story.say("hello");
  story.fail_status(RATE, 429, 900'000);
  story.load();
  story.say("again");
  CHECK(story.idle());
  SECTION("another key") { row->set_key_mark(2); }
  SECTION("another address") { row->set_base_url("https://other.example"); }
  story.load();
  story.say("and now?");
  CHECK_FALSE(story.idle());
  story.check_again();
}

TEST_CASE("an answer does not go on by itself while its model rests, and stays whole", "[health]") {
  Alone story;
  story.rows.mutable_settings_loaded()->set_recovery("continue");
  story.load();
  story.say("hello", kGuest, 7);
  story.chunk(story.turn(kGuest), "well, ");
  story.fail_for_good(AUTH, 401);
  story.commit();
  story.crash();
  CHECK(story.idle(kGuest));
  const std::string told = story.last("NoticeIssued").content().text();
  CHECK(told.find("The answer stays as it is: main refused our key") != std::string::npos);
  CHECK(told.find("From then on /continue goes on.") != std::string::npos);
  story.say("/continue", kGuest, 7);
  CHECK(story.last("NoticeIssued").content().text() == told);
  story.now += kKeyRest;
  story.say("/continue", kGuest, 7);
  CHECK(story.turn(kGuest).continues() != 0);
  story.check_again();
}

TEST_CASE("messages that waited together are kept together, and told of once", "[health]") {
  Alone story;
  story.rows.mutable_settings_loaded()->set_queue_mode("collect");
  story.load();
  story.say("one", kGuest, 7);
  const Seq two = story.say("two", kGuest, 7);
  const Seq three = story.say("three", kGuest, 7);
  const Seq failed = story.fail_status(AUTH, 401, 0, "", kGuest);
  CHECK(story.kinds_after(failed) == "NoticeIssued TurnFailed NoticeIssued");
  const NoticeIssued told = story.last("NoticeIssued").notice_issued();
  CHECK(std::vector<Seq>(told.keeps().begin(), told.keeps().end()) == std::vector<Seq>{two, three});
  story.load();
  story.say("/retry", kGuest, 7);
  CHECK(story.turn(kGuest).answers(0) == three);
  story.commit();
  const auto prompt = story.gateway->prompt(story.turn(kGuest).seq());
  REQUIRE(prompt);
  CHECK(prompt->messages.size() >= 3);
  story.check_again();
}

TEST_CASE("a quota of one model leaves the others of its provider alone", "[health]") {
  TwoModels story({"main:other"});
  story.say("hello");
  Fact fact;
  fact.mutable_attempt_failed()->set_turn(story.turn().seq());
  fact.mutable_attempt_failed()->set_attempt(1);
  fact.mutable_attempt_failed()->set_error(FUNDS);
  fact.mutable_attempt_failed()->set_status(429);
  fact.mutable_attempt_failed()->set_retry_after(kNotToday);
  fact.mutable_attempt_failed()->set_model_alone(true);
  story.gateway->record(std::move(fact), story.now);
  CHECK(story.asked() == "main:other");
  story.complete(story.turn(), "well");
  story.say("again");
  CHECK(story.asked() == "main:other");
  const Health& health = story.gateway->directory().health();
  CHECK(health.row("main") == nullptr);
  REQUIRE(health.row("main", "m") != nullptr);
  story.say("/status", kElsewhere);
  CHECK(story.last("NoticeIssued").content().text().find("main:m rests until") !=
        std::string::npos);
  story.complete(story.turn(), "well");
  story.now += kFundsRest;
  story.say("and now");
  CHECK(story.asked() == "main:m");
  story.complete(story.turn(), "well");
  CHECK(health.row("main", "m") == nullptr);
  story.check_again();
}

TEST_CASE("a moment is told with its date where it is not today's", "[health]") {
  const Time noon = from_milliseconds(12 * 3'600'000);
  CHECK(clock_text(noon, noon) == "12:00:00 UTC");
  CHECK(clock_text(noon + kAskedRestMax, noon) == "1970-01-02 12:00:00 UTC");
  AttemptFailed failed;
  failed.set_error(FUNDS);
  CHECK_FALSE(is_quota(failed));
  failed.set_retry_after(kNotToday);
  CHECK(is_quota(failed));
}

}  // namespace daybook::health_test
