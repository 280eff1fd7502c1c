// A conversation as a fold: loaded from its chain it equals the one folded live.
#include "core/session.h"

#include <catch2/catch.hpp>

#include "core/directory.h"
#include "tests/events.h"

namespace daybook::session_test {

namespace told = daybook::testing;

// Records events as the gateway would: prev from the directory, folded everywhere.
struct Book {
  told::Told history;
  Directory directory;
  Session session;
  Seq seq = 0;

  Seq add(Event event) {
    event.set_seq(++seq);
    event.set_session(1);
    if (const SessionRow* row = directory.session(1); row != nullptr) {
      event.set_prev(event.has_chunk_received() ? row->last_chunk() : row->head());
    }
    directory.apply(event);
    session.apply(event);
    history.tell(event);
    return seq;
  }
  Session loaded() {
    const SessionRow* row = directory.session(1);
    Result<Session> result = Session::load(1, row->head(), row->last_chunk(), history);
    REQUIRE(result);
    return *result;
  }
};

Event opened() {
  Event event;
  event.mutable_session_opened()->set_place("console:local");
  return event;
}

TEST_CASE("a session loaded from its chain equals the one that was folded live", "[core]") {
  Book book;
  const auto same = [&] {
    CHECK(book.loaded().state().SerializeAsString() == book.session.state().SerializeAsString());
  };
  book.add(opened());
  same();
  const Seq message = book.add(told::message_received({}, "console:local", "hi"));
  same();
  const Seq turn = book.add(told::turn_started({}, "console:local", message));
  same();
  book.add(told::chunk({}, turn, 1, "hel"));
  book.add(told::chunk({}, turn, 1, "lo"));
  same();
  const Seq waiting = book.add(told::message_received({}, "console:local", "and?"));
  book.add(told::chunk({}, turn, 1, "!"));
  CHECK(book.loaded().state().open().last_chunk() == book.seq);
  book.add(told::turn_completed({}, turn, "hello!"));
  same();
  CHECK(book.session.state().waiting(0).seq() == waiting);
  book.add(told::turn_started({}, "console:local", waiting));
  same();
}

TEST_CASE("a message is an entry once its turn starts, and its answer once it ends", "[core]") {
  Book book;
  book.add(opened());
  const Seq message = book.add(told::message_received({}, "console:local", "hi"));
  CHECK(book.session.state().entries_size() == 0);
  CHECK(book.session.state().waiting_size() == 1);
  const Seq turn = book.add(told::turn_started({}, "console:local", message));
  REQUIRE(book.session.state().entries_size() == 1);
  CHECK(book.session.state().waiting_size() == 0);
  CHECK(book.session.busy());
  const Seq answer = book.add(told::turn_completed({}, turn, "hello"));
  REQUIRE(book.session.state().entries_size() == 2);
  CHECK(book.session.state().entries(1).seq() == answer);
  CHECK(book.session.state().entries(1).role() == Entry::ASSISTANT);
  CHECK_FALSE(book.session.busy());
}

TEST_CASE("the text so far is the chunks of this attempt, in order", "[core]") {
  Book book;
  book.add(opened());
  const Seq message = book.add(told::message_received({}, "console:local", "hi"));
  const Seq turn = book.add(told::turn_started({}, "console:local", message));
  book.add(told::chunk({}, turn, 1, "void"));
  book.add(told::turn_retried({}, turn, 2));
  book.add(told::chunk({}, turn, 2, "a "));
  Event thought = told::chunk({}, turn, 2, "hidden");
  thought.mutable_chunk_received()->set_kind(REASONING);
  book.add(std::move(thought));
  book.add(told::chunk({}, turn, 2, "b"));
  CHECK(text_so_far(book.session.state().open().last_chunk(), book.history) == "a b");
}

TEST_CASE("a reset forgets entries, summary and what waits", "[core]") {
  Book book;
  book.add(opened());
  const Seq message = book.add(told::message_received({}, "console:local", "hi"));
  const Seq turn = book.add(told::turn_started({}, "console:local", message));
  book.add(told::turn_completed({}, turn, "hello"));
  book.add(told::message_received({}, "console:local", "later"));
  Event reset;
  reset.mutable_session_reset();
  book.add(std::move(reset));
  CHECK(book.session.state().entries_size() == 0);
  CHECK(book.session.state().waiting_size() == 0);
}

TEST_CASE("a broken chain is damage, not a shorter conversation", "[core]") {
  told::Told history;
  Event orphan = told::message_received(told::at(9, 0, 1), "console:local", "hi");
  orphan.set_prev(5);
  history.tell(orphan);
  const Result<Session> loaded = Session::load(1, 9, 0, history);
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().code == ExitCode::kDamaged);
}

}  // namespace daybook::session_test
