// What a reader is still owed, and when: posts, edits, splits, and the one ambiguous state.
#include "core/delivery.h"

#include <rapidcheck.h>
#include <algorithm>
#include <catch2/catch.hpp>

#include "core/work.h"
#include "tests/events.h"

namespace daybook::delivery_test {

namespace told = daybook::testing;
using Kind = DeliveryAction::Kind;

const std::string kPlace = "telegram:7";
const ChannelRules kRules;

bool nobody(std::string_view) { return false; }

// Plays a channel that does at once what it is asked, and tells the deliveries so.
struct Screen {
  Deliveries deliveries;
  ChannelRules rules;
  Seq seq = 1;
  std::int64_t now = 0;
  std::map<std::int64_t, std::string> messages;
  std::int64_t next_message = 100;

  Seq apply(Event event) {
    deliveries.apply(event);
    return event.seq();
  }
  Event next() { return told::at(seq++, now, 1); }
  std::optional<DeliveryAction> due() const {
    return deliveries.due("telegram", rules, from_milliseconds(now), nobody);
  }
  void carry_out(const DeliveryAction& action) {
    if (action.kind == Kind::kAttempt) {
      apply(told::post_attempted(next(), action.source, action.part, action.attempt));
      return;
    }
    Event event = next();
    if (action.kind == Kind::kWithdraw) {
      event.mutable_delivery_delayed()->set_source(action.source);
      event.mutable_delivery_delayed()->set_part(action.part);
      event.mutable_delivery_delayed()->set_post(true);
    } else if (action.kind == Kind::kGiveUp) {
      event.mutable_delivery_failed()->set_source(action.source);
      event.mutable_delivery_failed()->set_part(action.part);
    } else if (action.kind == Kind::kPost) {
      messages[next_message] = action.text;
      event.mutable_reply_posted()->set_source(action.source);
      event.mutable_reply_posted()->set_part(action.part);
      event.mutable_reply_posted()->set_message_id(next_message++);
      event.mutable_reply_posted()->set_digest(action.digest);
      event.mutable_reply_posted()->set_characters(action.characters);
    } else {
      REQUIRE(action.message_id != 0);
      const bool gone = action.kind == Kind::kDelete;
      if (gone) {
        messages.erase(action.message_id);
      } else {
        messages[action.message_id] = action.text;
      }
      event.mutable_reply_edited()->set_source(action.source);
      event.mutable_reply_edited()->set_part(action.part);
      event.mutable_reply_edited()->set_digest(action.digest);
      event.mutable_reply_edited()->set_characters(action.characters);
      event.mutable_reply_edited()->set_gone(gone);
    }
    apply(std::move(event));
  }
  // Does everything due until nothing is owed, jumping to the next time something is.
  void settle() {
    for (int i = 0; i < 1000; ++i) {
      if (const auto action = due(); action) {
        carry_out(*action);
        continue;
      }
      const Time wake = deliveries.wake_at("telegram", rules, from_milliseconds(now));
      if (wake == kNever) return;
      now = std::max(now + 1, to_milliseconds(wake));
    }
    FAIL("deliveries never settle");
  }
};

TEST_CASE("what is a file is one post where files are sent, and messages elsewhere", "[core]") {
  Screen screen;
  Event event = screen.next();
  event.mutable_notice_issued()->set_place(kPlace);
  event.mutable_notice_issued()->set_file_name("talk.md");
  const std::string text(10'000, 'x');
  event.mutable_content()->set_text(text);
  const Seq source = screen.apply(std::move(event));
  SECTION("files") {
    screen.rules.sends_files = true;
    screen.carry_out(*screen.due());
    // The same after a restart: its one attempt is not known to have been shown.
    WorkState saved;
    screen.deliveries.save(&saved);
    REQUIRE(saved.deliveries_size() == 1);
    CHECK(saved.deliveries(0).file_name() == "talk.md");
    const auto post = screen.due();
    REQUIRE(post);
    CHECK(post->kind == Kind::kPost);
    CHECK(post->source == source);
    CHECK(post->file_name == "talk.md");
    CHECK(post->text == text);
    screen.carry_out(*post);
    CHECK(screen.messages.size() == 1);
  }
  SECTION("none") {
    const auto first = screen.due();
    REQUIRE(first);
    CHECK(first->file_name.empty());
    screen.settle();
    CHECK(screen.messages.size() == 3);
  }
  CHECK(screen.deliveries.open().empty());
}

TEST_CASE("a first chunk is attempted, then posted, at once", "[core]") {
  Screen screen;
  const Seq turn = screen.apply(told::turn_started(screen.next(), kPlace, 0));
  CHECK_FALSE(screen.due());
  screen.apply(told::chunk(screen.next(), turn, 1, "Hel"));
  auto action = screen.due();
  REQUIRE(action);
  CHECK(action->kind == Kind::kAttempt);
  CHECK(action->attempt == 1);
  screen.carry_out(*action);
  action = screen.due();
  REQUIRE(action);
  CHECK(action->kind == Kind::kPost);
  CHECK(action->text == "Hel");
}

TEST_CASE("growth is edited once an interval, and what is whole soon after", "[core]") {
  Screen screen;
  const Seq turn = screen.apply(told::turn_started(screen.next(), kPlace, 0));
  screen.apply(told::chunk(screen.next(), turn, 1, "a"));
  screen.carry_out(*screen.due());
  screen.carry_out(*screen.due());
  screen.apply(told::chunk(screen.next(), turn, 1, std::string(150, 'b')));
  screen.now = 999;
  CHECK_FALSE(screen.due());
  screen.now = 1000;
  REQUIRE(screen.due());
  screen.carry_out(*screen.due());
  screen.apply(told::chunk(screen.next(), turn, 1, "c"));
  screen.now = 2000;
  CHECK_FALSE(screen.due());  // one character waits a quarter longer
  screen.now = 2250;
  CHECK(screen.due());
  screen.now = 1500;
  screen.apply(told::turn_completed(screen.next(), turn, "a" + std::string(150, 'b') + "cd"));
  REQUIRE(screen.due());
  CHECK(screen.due()->last);
}

TEST_CASE("the last edit equals the whole text and closes the delivery", "[core]") {
  Screen screen;
  const Seq turn = screen.apply(told::turn_started(screen.next(), kPlace, 0));
  screen.apply(told::chunk(screen.next(), turn, 1, "one "));
  screen.settle();
  screen.apply(told::turn_completed(screen.next(), turn, "one two"));
  screen.settle();
  REQUIRE(screen.messages.size() == 1);
  CHECK(screen.messages.begin()->second == "one two");
  CHECK(screen.deliveries.open().empty());
}

TEST_CASE("an answer that is not whole says so", "[core]") {
  const auto shown = [](Finish finish, const std::string& text, const std::string& detail) {
    Screen screen;
    const Seq turn = screen.apply(told::turn_started(screen.next(), kPlace, 0));
    Event end = told::turn_completed(screen.next(), turn, text);
    end.mutable_turn_completed()->set_finish(finish);
    end.mutable_content()->set_detail(detail);
    screen.apply(std::move(end));
    screen.settle();
    REQUIRE(screen.messages.size() == 1);
    return screen.messages.begin()->second;
  };
  CHECK(shown(STOP, "one", "") == "one");
  CHECK(shown(LENGTH, "one", "") == "one");  // a notice says so: decide_continue.cc
  CHECK(shown(LENGTH, "", "") == "(The model used up its length before it said anything.)");
  CHECK(shown(FILTERED, "one", "SAFETY") == "one\n\n(The provider broke it off: SAFETY.)");
  CHECK(shown(FILTERED, "one", "") == "one\n\n(The provider broke it off.)");
}

TEST_CASE("what has nothing to be seen is no message", "[core]") {
  for (const char* nothing : {"\u3000\u3000", "\u200b", "\ufeff\n", "\u00a0", "\x1b"}) {
    Screen screen;
    const Seq turn = screen.apply(told::turn_started(screen.next(), kPlace, 0));
    screen.apply(told::chunk(screen.next(), turn, 1, nothing));
    CHECK_FALSE(screen.due());
    screen.apply(told::turn_completed(screen.next(), turn, nothing));
    screen.settle();
    REQUIRE(screen.messages.size() == 1);
    CHECK(screen.messages.begin()->second == "(The model gave an empty answer.)");
  }
}

TEST_CASE("a retried answer takes over the message of the first attempt", "[core]") {
  Screen screen;
  const Seq turn = screen.apply(told::turn_started(screen.next(), kPlace, 0));
  screen.apply(told::chunk(screen.next(), turn, 1, "half an ans"));
  screen.settle();
  screen.apply(told::turn_retried(screen.next(), turn, 2));
  screen.settle();
  CHECK(screen.messages.begin()->second == "half an ans");  // never edited to nothing
  screen.apply(told::turn_completed(screen.next(), turn, "whole"));
  screen.settle();
  REQUIRE(screen.messages.size() == 1);
  CHECK(screen.messages.begin()->second == "whole");
}

TEST_CASE("an answer that makes way for a message ends as it stands, and nobody stopped it",
          "[core]") {
  const auto cut = [](Screen& screen, Seq turn, const std::string& text) {
    Event event = screen.next();
    event.mutable_turn_cancelled()->set_turn(turn);
    event.mutable_turn_cancelled()->set_for_message(99);
    event.mutable_content()->set_text(text);
    screen.apply(std::move(event));
    screen.settle();
    CHECK(screen.deliveries.open().empty());
  };
  Screen begun;
  const Seq turn = begun.apply(told::turn_started(begun.next(), kPlace, 0));
  begun.apply(told::chunk(begun.next(), turn, 1, "Once upon"));
  begun.settle();
  cut(begun, turn, "Once upon");
  REQUIRE(begun.messages.size() == 1);
  CHECK(begun.messages.begin()->second == "Once upon");

  Screen silent;
  cut(silent, silent.apply(told::turn_started(silent.next(), kPlace, 0)), "");
  CHECK(silent.messages.empty());

  Screen anew;
  const Seq retried = anew.apply(told::turn_started(anew.next(), kPlace, 0));
  anew.apply(told::chunk(anew.next(), retried, 1, "Once upon"));
  anew.settle();
  anew.apply(told::turn_retried(anew.next(), retried, 2));
  cut(anew, retried, " ");
  CHECK(anew.messages.empty());
}

TEST_CASE("messages that became surplus are deleted", "[core]") {
  Screen screen;
  const Seq turn = screen.apply(told::turn_started(screen.next(), kPlace, 0));
  screen.apply(told::chunk(screen.next(), turn, 1, std::string(5000, 'x')));
  screen.settle();
  CHECK(screen.messages.size() == 2);
  screen.apply(told::turn_retried(screen.next(), turn, 2));
  screen.apply(told::turn_completed(screen.next(), turn, "short"));
  screen.settle();
  REQUIRE(screen.messages.size() == 1);
  CHECK(screen.messages.begin()->second == "short");
  CHECK(screen.deliveries.open().empty());
}

TEST_CASE("a surplus part that was never posted holds nothing up", "[core]") {
  for (const bool attempted : {true, false}) {
    Screen screen;
    const Seq turn = screen.apply(told::turn_started(screen.next(), kPlace, 0));
    screen.apply(told::chunk(screen.next(), turn, 1, std::string(5000, 'x')));
    screen.carry_out(*screen.due());
    screen.carry_out(*screen.due());
    screen.now = 1'000;
    screen.carry_out(*screen.due());  // the second part's attempt, committed and not sent
    if (!attempted) {
      Event delayed = screen.next();
      delayed.mutable_delivery_delayed()->set_source(turn);
      delayed.mutable_delivery_delayed()->set_part(1);
      delayed.mutable_delivery_delayed()->set_post(true);
      screen.apply(std::move(delayed));
    }
    screen.apply(told::turn_retried(screen.next(), turn, 2));
    screen.apply(told::turn_completed(screen.next(), turn, "short"));
    screen.settle();
    CHECK(screen.messages.begin()->second == "short");
    CHECK(screen.deliveries.open().empty());
  }
}

TEST_CASE("an attempt without an outcome is posted again after a restart, and bounded", "[core]") {
  Screen screen;
  const Seq notice = screen.apply(told::notice_issued(screen.next(), kPlace, "hello"));
  for (std::uint32_t crash = 1; crash <= kAmbiguousPostsMax; ++crash) {
    auto action = screen.due();
    REQUIRE(action);
    CHECK(action->kind == Kind::kAttempt);
    CHECK(action->attempt == crash);
    screen.carry_out(*action);
    Event restarted = screen.next();
    restarted.mutable_gateway_started()->set_recovery(true);
    screen.apply(std::move(restarted));
  }
  REQUIRE(screen.due());
  CHECK(screen.due()->kind == Kind::kGiveUp);
  CHECK_FALSE(screen.deliveries.settled("telegram"));
  CHECK(screen.deliveries.open().count(notice) == 1);
  screen.carry_out(*screen.due());
  CHECK_FALSE(screen.due());
  CHECK(screen.deliveries.open().count(notice) == 0);
}

TEST_CASE("an answer that grows is given up at once when its posts are, and closes when it ends",
          "[core]") {
  Screen screen;
  const Seq turn = screen.apply(told::turn_started(screen.next(), kPlace, 0));
  screen.apply(told::chunk(screen.next(), turn, 1, "Hel"));
  for (std::uint32_t post = 1; post <= kAmbiguousPostsMax; ++post) {
    screen.carry_out(*screen.due());
    Event unknown = screen.next();
    unknown.mutable_delivery_delayed()->set_source(turn);
    unknown.mutable_delivery_delayed()->set_post(true);
    unknown.mutable_delivery_delayed()->set_ambiguous(true);
    screen.apply(std::move(unknown));
  }
  REQUIRE(screen.due());
  CHECK(screen.due()->kind == Kind::kGiveUp);
  screen.carry_out(*screen.due());
  CHECK_FALSE(screen.due());
  screen.apply(told::turn_completed(screen.next(), turn, "Hello"));
  CHECK_FALSE(screen.due());
  CHECK(screen.deliveries.open().empty());
}

TEST_CASE("a tool that opens the journal settles no post of the daemon", "[core]") {
  Screen screen;
  screen.apply(told::notice_issued(screen.next(), kPlace, "hello"));
  screen.carry_out(*screen.due());
  Event opened = screen.next();
  opened.mutable_gateway_started()->set_recovery(false);
  screen.apply(std::move(opened));
  REQUIRE(screen.due());
  CHECK(screen.due()->kind == Kind::kPost);
}

TEST_CASE("a refused post ends its delivery and no other", "[core]") {
  Screen screen;
  const Seq first = screen.apply(told::notice_issued(screen.next(), kPlace, "one"));
  screen.apply(told::notice_issued(screen.next(), "telegram:8", "two"));
  screen.carry_out(*screen.due());
  Event failed = screen.next();
  failed.mutable_delivery_failed()->set_source(first);
  screen.apply(std::move(failed));
  REQUIRE(screen.due());
  CHECK(screen.due()->place == "telegram:8");
}

TEST_CASE("a delayed post waits and needs a new attempt", "[core]") {
  Screen screen;
  const Seq notice = screen.apply(told::notice_issued(screen.next(), kPlace, "one"));
  screen.carry_out(*screen.due());
  Event delayed = screen.next();
  delayed.mutable_delivery_delayed()->set_source(notice);
  delayed.mutable_delivery_delayed()->set_post(true);
  delayed.mutable_delivery_delayed()->set_not_before(5000);
  screen.apply(std::move(delayed));
  CHECK_FALSE(screen.due());
  CHECK(screen.deliveries.wake_at("telegram", kRules, from_milliseconds(0)) ==
        from_milliseconds(5000));
  screen.now = 5000;
  REQUIRE(screen.due());
  CHECK(screen.due()->kind == Kind::kAttempt);
  CHECK(screen.due()->attempt == 2);
}

// How the first post of a delivery may end without being known to be on the screen.
Event delayed_post(Event event, Seq source, std::int64_t not_before, bool ambiguous) {
  DeliveryDelayed* delayed = event.mutable_delivery_delayed();
  delayed->set_source(source);
  delayed->set_post(true);
  delayed->set_not_before(not_before);
  delayed->set_ambiguous(ambiguous);
  return event;
}

TEST_CASE("a post that waits holds back later ones of its chat, and of no other", "[core]") {
  for (const bool ambiguous : {false, true}) {
    INFO(ambiguous);
    Screen screen;
    const Seq first = screen.apply(told::notice_issued(screen.next(), kPlace, "first"));
    screen.apply(told::notice_issued(screen.next(), kPlace, "second"));
    screen.carry_out(*screen.due());
    screen.apply(delayed_post(screen.next(), first, 5'000, ambiguous));
    screen.apply(told::notice_issued(screen.next(), "telegram:8", "other"));
    std::vector<std::string> order;
    while (const auto action = screen.due()) {
      if (action->kind == Kind::kPost) order.push_back(action->text);
      screen.carry_out(*action);
    }
    CHECK(order == std::vector<std::string>{"other"});
    const Time wake = screen.deliveries.wake_at("telegram", kRules, from_milliseconds(screen.now));
    CHECK(wake == from_milliseconds(5'000));
    screen.now = 5'000;
    while (const auto action = screen.due()) {
      if (action->kind == Kind::kPost) order.push_back(action->text);
      screen.carry_out(*action);
    }
    CHECK(order == std::vector<std::string>{"other", "first", "second"});
    CHECK(screen.deliveries.open().empty());
  }
}

TEST_CASE("what is refused or given up holds nothing back any more", "[core]") {
  for (const bool refused : {true, false}) {
    INFO(refused);
    Screen screen;
    const Seq first = screen.apply(told::notice_issued(screen.next(), kPlace, "first"));
    screen.apply(told::notice_issued(screen.next(), kPlace, "second"));
    for (std::uint32_t post = 1; post <= kAmbiguousPostsMax; ++post) {
      screen.now = 10'000 * post;
      REQUIRE(screen.due());
      CHECK(screen.due()->source == first);
      screen.carry_out(*screen.due());
      if (!refused) {
        screen.apply(delayed_post(screen.next(), first, screen.now + 10'000, true));
        continue;
      }
      Event failed = screen.next();
      failed.mutable_delivery_failed()->set_source(first);
      screen.apply(std::move(failed));
      break;
    }
    screen.settle();
    REQUIRE(screen.messages.size() == 1);
    CHECK(screen.messages.begin()->second == "second");
    CHECK(screen.deliveries.open().empty());
  }
}

TEST_CASE("a post that can never leave does not silence its chat", "[core]") {
  Screen screen;
  const Seq first = screen.apply(told::notice_issued(screen.next(), kPlace, "first"));
  screen.apply(told::notice_issued(screen.next(), kPlace, "second"));
  for (std::uint32_t delay = 0; delay < kHoldingDelaysMax; ++delay) {
    REQUIRE(screen.due());
    REQUIRE(screen.due()->source == first);
    screen.carry_out(*screen.due());
    screen.apply(delayed_post(screen.next(), first, screen.now + 30'000, false));
    if (delay + 1 < kHoldingDelaysMax) REQUIRE_FALSE(screen.due());
    screen.now += delay + 1 < kHoldingDelaysMax ? 30'000 : 0;
  }
  REQUIRE(screen.due());
  CHECK(screen.due()->text == "second");
}

TEST_CASE("all of an answer stands above what is said after it, which an edit needs not wait for",
          "[core]") {
  Screen screen;
  const Seq turn = screen.apply(told::turn_started(screen.next(), kPlace, 0));
  screen.apply(told::chunk(screen.next(), turn, 1, std::string(4'000, 'x')));
  screen.carry_out(*screen.due());
  screen.carry_out(*screen.due());
  screen.apply(told::turn_completed(screen.next(), turn, std::string(5'000, 'x')));
  screen.apply(told::notice_issued(screen.next(), kPlace, "said after it"));
  CHECK_FALSE(screen.due());
  screen.settle();
  REQUIRE(screen.messages.size() == 3);
  CHECK(screen.messages.at(101) == std::string(904, 'x'));
  CHECK(screen.messages.at(102) == "said after it");
  const Seq next = screen.apply(told::turn_started(screen.next(), kPlace, 0));
  screen.apply(told::chunk(screen.next(), next, 1, "Once"));
  screen.settle();
  const Seq late = screen.apply(told::notice_issued(screen.next(), kPlace, "late"));
  screen.carry_out(*screen.due());
  screen.apply(delayed_post(screen.next(), late, screen.now + 60'000, false));
  screen.apply(told::turn_completed(screen.next(), next, "Once upon a time"));
  screen.now += 1'000;
  REQUIRE(screen.due());
  CHECK(screen.due()->kind == Kind::kEdit);
}

TEST_CASE("whole answers go before first posts, and those before growth", "[core]") {
  Screen screen;
  const Seq growing = screen.apply(told::turn_started(screen.next(), "telegram:1", 0));
  screen.apply(told::chunk(screen.next(), growing, 1, "a"));
  screen.carry_out(*screen.due());
  screen.carry_out(*screen.due());
  screen.apply(told::chunk(screen.next(), growing, 1, std::string(200, 'a')));
  const Seq first = screen.apply(told::turn_started(screen.next(), "telegram:2", 0));
  screen.apply(told::chunk(screen.next(), first, 1, "b"));
  screen.apply(told::notice_issued(screen.next(), "telegram:3", "c"));
  screen.now = 10'000;
  std::vector<std::string> order;
  while (const auto action = screen.due()) {
    if (action->kind != Kind::kAttempt) order.push_back(action->place);
    screen.carry_out(*action);
  }
  CHECK(order == std::vector<std::string>{"telegram:3", "telegram:2", "telegram:1"});
}

TEST_CASE("a snapshot plus the tail is the whole fold", "[core]") {
  Work whole;
  Work begun;
  told::Told history;
  std::vector<Event> events;
  const auto add = [&](Event event) {
    history.tell(event);
    events.push_back(std::move(event));
  };
  add(told::turn_started(told::at(1, 0, 1), kPlace, 0));
  add(told::chunk(told::at(2, 0, 1), 1, 1, "a "));
  Event second = told::chunk(told::at(3, 0, 1), 1, 1, "b");
  second.set_prev(2);
  add(std::move(second));
  add(told::notice_issued(told::at(4, 0, 1), kPlace, "note"));
  add(told::post_attempted(told::at(5, 0, 1), 4, 0, 1));
  add(told::turn_completed(told::at(6, 0, 1), 1, "a b"));
  for (std::size_t cut = 0; cut <= events.size(); ++cut) {
    Work folded;
    for (std::size_t i = 0; i < cut; ++i) folded.apply(events[i]);
    Work restored = Work::restore(folded.save(), history);
    Work whole_again;
    for (const Event& event : events) whole_again.apply(event);
    for (const Event& event : events) restored.apply(event);
    CHECK(restored.save().SerializeAsString() == whole_again.save().SerializeAsString());
    for (const auto& [source, delivery] : whole_again.deliveries.open()) {
      CHECK(restored.deliveries.open().at(source).text == delivery.text);
    }
  }
}

TEST_CASE("parts joined give the text, fit the limit, and never cut a code point", "[core]") {
  rc::check("split", [] {
    const auto pieces = *rc::gen::container<std::vector<std::string>>(
        rc::gen::element<std::string>("a", "ü", "€", "😀", " ", "\n", "\n\n", ". ", "word", "  "));
    std::string text = "x";
    for (const std::string& piece : pieces) text += piece;
    const auto limit = static_cast<std::size_t>(*rc::gen::inRange(2, 12));
    std::string joined;
    for (const std::string_view part : split_text(text, limit)) {
      RC_ASSERT((static_cast<unsigned char>(part.front()) & 0xC0) != 0x80);
      const std::size_t first = part.find_first_not_of(" \n");
      RC_ASSERT(first != part.npos);
      const std::string_view shown = part.substr(first, part.find_last_not_of(" \n") + 1 - first);
      const auto characters = std::count_if(shown.begin(), shown.end(), [](char byte) {
        return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
      });
      RC_ASSERT(static_cast<std::size_t>(characters) <= limit);
      joined += part;
    }
    RC_ASSERT(joined == text);
  });
}

TEST_CASE("white space that a part begins with is not cut off to end the part before", "[core]") {
  const std::string text = "one two \n\n\n\n\n\nb";
  const auto before = split_text(text, 9);
  const std::string longer = text + "end. ";
  const auto after = split_text(longer, 9);
  REQUIRE(before.size() == 2);
  REQUIRE(after.size() > 2);
  CHECK(before[0] == after[0]);
}

TEST_CASE("text that grows never moves an earlier cut", "[core]") {
  rc::check("stable", [] {
    const auto words = *rc::gen::container<std::vector<std::string>>(
        rc::gen::element<std::string>("alpha ", "b", "\n", "ü ", "end. "));
    std::string text;
    std::vector<std::string> before;
    for (const std::string& word : words) {
      text += word;
      const auto parts = split_text(text, 9);
      for (std::size_t i = 0; i + 1 < before.size(); ++i) {
        if (i + 1 < parts.size()) RC_ASSERT(std::string(parts[i]) == before[i]);
      }
      before.assign(parts.begin(), parts.end());
    }
  });
}

}  // namespace daybook::delivery_test
