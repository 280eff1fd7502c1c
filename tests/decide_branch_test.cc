// /undo, /redo, /retry, /fork, /branches, /switch, /save, /compact undo and edits: given what was
// said, when this is asked, then the model sees that.
#include <catch2/catch.hpp>
#include <string>

#include "core/context.h"
#include "core/decide.h"
#include "core/tree.h"
#include "tests/story.h"

namespace daybook::decide_branch_test {
namespace {

constexpr const char* kChat = "telegram:77";
constexpr std::int64_t kUser = 77;

struct Talk : testing::Story {
  Talk() {
    Fact approved;
    approved.mutable_pairing_approved()->set_user(kUser);
    approved.mutable_pairing_approved()->set_place(kChat);
    approved.mutable_pairing_approved()->set_owner(true);
    gateway->record(std::move(approved), now);
  }

  Seq write(const std::string& text, std::int64_t message_id = 0, std::int64_t reply_to = 0) {
    Fact fact;
    MessageReceived* body = fact.mutable_message_received();
    body->set_place(kChat);
    body->set_source("telegram:1");
    body->set_user(kUser);
    body->set_message_id(message_id);
    body->set_reply_to(reply_to);
    if (text.starts_with('/')) {
      const std::size_t space = text.find(' ');
      body->set_command(text.substr(1, space - 1));
      if (space != text.npos) fact.mutable_content()->set_arguments(text.substr(space + 1));
    }
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }

  Seq edit(const std::string& text, std::int64_t message_id) {
    Fact fact;
    fact.mutable_message_edited()->set_place(kChat);
    fact.mutable_message_edited()->set_source("telegram:1");
    fact.mutable_message_edited()->set_user(kUser);
    fact.mutable_message_edited()->set_message_id(message_id);
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }

  OpenTurn open() { return turn(kChat); }

  // Asks and is answered: "hello" by "re: hello".
  void exchange(const std::string& text, std::int64_t message_id = 0) {
    write(text, message_id);
    complete(open(), "re: " + text);
  }

  const SessionState& tree() {
    return gateway->session(gateway->directory().at(kChat)->id())->state();
  }

  // What the model would see, line by line, without the newest message of all.
  std::string way() {
    std::string text;
    for (const Entry& entry : tree().entries()) {
      text += (text.empty() ? "" : " | ") + gateway->text(entry.seq());
    }
    return text;
  }

  std::string told() { return last("NoticeIssued").content().text(); }

  // Reads all of it again from the journal, and finds the same.
  void check_refolds() {
    commit();
    const SessionRow* row = gateway->directory().at(kChat);
    const auto again = Session::load(row->id(), row->head(), row->last_chunk(), *gateway);
    REQUIRE(again);
    CHECK(again->state().SerializeAsString() == tree().SerializeAsString());
  }
};

TEST_CASE("/undo takes the last message and its answer back, /redo brings them again", "[core]") {
  Talk talk;
  talk.exchange("one");
  talk.exchange("two");
  talk.write("/undo");
  CHECK(talk.way() == "one | re: one");
  CHECK(talk.told().find("two") != std::string::npos);
  CHECK(talk.last("NoticeIssued").notice_issued().quotes_size() == 1);
  talk.write("/undo");
  CHECK(talk.way().empty());
  talk.write("/redo");
  CHECK(talk.way() == "one | re: one");
  talk.write("/redo");
  CHECK(talk.way() == "one | re: one | two | re: two");
  talk.write("/redo");
  CHECK(talk.told() == "There is nothing to bring back.");
  talk.check_refolds();
}

TEST_CASE("/undo n takes n messages back and says when there are fewer", "[core]") {
  Talk talk;
  for (const char* text : {"one", "two", "three"}) talk.exchange(text);
  talk.write("/undo 4");
  CHECK(talk.told().find("only 3 messages") != std::string::npos);
  CHECK(talk.tree().entries_size() == 6);
  talk.write("/undo x");
  CHECK(talk.told().find("takes a number") != std::string::npos);
  talk.write("/undo 2");
  CHECK(talk.way() == "one | re: one");
  talk.check_refolds();
}

TEST_CASE("after /undo another branch begins, and what is said there forgets the /redo", "[core]") {
  Talk talk;
  talk.exchange("one");
  talk.exchange("two");
  talk.write("/undo");
  talk.exchange("other");
  CHECK(talk.way() == "one | re: one | other | re: other");
  talk.write("/redo");
  CHECK(talk.told() == "There is nothing to bring back.");
  const auto branches = branches_of(talk.tree());
  REQUIRE(branches.size() == 2);
  CHECK(branches[0].entries == 4);
  talk.check_refolds();
}

TEST_CASE("/undo stops the answer that runs and takes it back with its message", "[core]") {
  Talk talk;
  talk.exchange("one");
  talk.write("two");
  talk.chunk(talk.open(), "half");
  talk.write("/undo");
  CHECK(talk.way() == "one | re: one");
  CHECK(talk.last("TurnCancelled").content().text() == "half");
  CHECK_FALSE(talk.tree().has_open());
  talk.write("/redo");
  CHECK(talk.way() == "one | re: one | two | half");
  talk.check_refolds();
}

TEST_CASE("/retry answers the last message once more and keeps the first answer aside", "[core]") {
  Talk talk;
  talk.exchange("one");
  const Seq said = talk.tree().entries(0).seq();
  talk.write("/retry echo:slow");
  const OpenTurn turn = talk.open();
  CHECK(turn.model() == "slow");
  REQUIRE(turn.answers_size() == 1);
  CHECK(turn.answers(0) == said);
  CHECK(talk.way() == "one");
  talk.complete(turn, "better");
  CHECK(talk.way() == "one | better");
  CHECK(talk.tree().aside_size() == 1);
  CHECK(talk.tree().waiting_size() == 0);
  talk.write("two");
  CHECK(talk.open().model() != "slow");
  talk.check_refolds();
}

TEST_CASE("/retry by a model that is not there changes nothing", "[core]") {
  Talk talk;
  talk.exchange("one");
  talk.write("/retry nowhere:thing");
  CHECK(talk.told().find("Nothing was changed") != std::string::npos);
  CHECK(talk.way() == "one | re: one");
  Talk silent;
  silent.write("/retry");
  CHECK(silent.told() == "There is nothing to answer once more.");
}

TEST_CASE("/fork goes on behind the message that is replied to, which it includes", "[core]") {
  Talk talk;
  talk.exchange("one", 10);
  talk.exchange("two", 11);
  talk.write("/fork", 12, 10);
  CHECK(talk.way() == "one");
  talk.write("/switch 2");
  CHECK(talk.way() == "one | re: one | two | re: two");
  talk.write("/fork 2");
  CHECK(talk.way() == "one | re: one");
  talk.write("/fork", 13, 999);
  CHECK(talk.told().find("not part of this conversation") != std::string::npos);
  talk.write("/fork");
  CHECK(talk.told().find("how many messages to leave out") != std::string::npos);
  talk.check_refolds();
}

TEST_CASE("/fork in reply to an answer goes on behind the answer", "[core]") {
  Talk talk;
  talk.exchange("one", 10);
  Fact posted;
  posted.mutable_reply_posted()->set_source(talk.last("TurnStarted").seq());
  posted.mutable_reply_posted()->set_message_id(20);
  talk.gateway->record(std::move(posted), talk.now);
  talk.exchange("two", 11);
  talk.write("/fork", 12, 20);
  CHECK(talk.way() == "one | re: one");
}

TEST_CASE("/branches shows every way it went, /switch goes there by number or name", "[core]") {
  Talk talk;
  talk.exchange("one");
  talk.write("/save Rome");
  talk.write("/reset");
  talk.exchange("two");
  talk.write("/branches");
  const std::string list = talk.told();
  CHECK(list.find("1. Rome: \u201cone\u201d, 2 messages") != std::string::npos);
  CHECK(list.find("2. \u201ctwo\u201d, 2 messages \u2190 here") != std::string::npos);
  talk.write("/switch 1");
  CHECK(talk.way() == "one | re: one");
  talk.exchange("more");
  talk.write("/switch 2");
  CHECK(talk.way() == "one | re: one | more | re: more");  // the one that grew is the newest now
  talk.write("/switch 1");
  CHECK(talk.way() == "two | re: two");
  talk.write("/switch rome");
  CHECK(talk.way() == "one | re: one");  // where it was saved
  talk.write("/switch 7");
  CHECK(talk.told().find("no such branch") != std::string::npos);
  talk.write("/switch");
  CHECK(talk.told().find("/branches lists them") != std::string::npos);
  talk.check_refolds();
}

TEST_CASE("a name leads to where it was given last, and is shown there alone", "[core]") {
  Talk talk;
  talk.exchange("one");
  talk.write("/save alpha");
  talk.exchange("two");
  talk.write("/undo");
  talk.exchange("three");
  talk.write("/branches");
  CHECK(talk.told() ==
        "Branches, the oldest first; /switch goes to one:\n"
        "1. \u201ctwo\u201d, 4 messages\n"
        "2. \u201cthree\u201d, 4 messages \u2190 here\n"
        "alpha: behind \u201cone\u201d, more was said after it");
  talk.write("/switch alpha");
  CHECK(talk.way() == "one | re: one");
  talk.write("/switch alpha");
  CHECK(talk.told() == "You are on that branch.");
  talk.write("/switch 3");
  talk.write("/save beta");
  talk.write("/save Alpha");
  talk.write("/branches");
  CHECK(talk.told() ==
        "Branches, the oldest first; /switch goes to one:\n"
        "1. \u201ctwo\u201d, 4 messages\n"
        "2. beta, Alpha: \u201cthree\u201d, 4 messages \u2190 here");
  CHECK(talk.last("NoticeIssued").notice_issued().quotes_size() == 4);
  talk.check_refolds();
}

TEST_CASE("what is saved while it is answered is saved with its answer", "[core]") {
  Talk talk;
  talk.write("one");
  talk.write("/save alpha");
  talk.complete(talk.open(), "re: one");
  talk.exchange("two");
  talk.write("/switch alpha");
  CHECK(talk.way() == "one | re: one");
}

TEST_CASE("/branches has pages, the newest on the first", "[core]") {
  Talk talk;
  for (int i = 1; i <= 23; ++i) {
    talk.exchange("talk " + std::to_string(i));
    talk.write("/reset");
  }
  talk.exchange("talk 24");
  talk.write("/branches");
  CHECK(talk.told().find("\n4. ") == std::string::npos);
  CHECK(talk.told().find("\n5. \u201ctalk 5\u201d") != std::string::npos);
  CHECK(talk.told().find("\n24. \u201ctalk 24\u201d") != std::string::npos);
  CHECK(talk.told().ends_with("\nPage 1 of 2; /branches page 2 has older ones."));
  talk.write("/branches page 2");
  CHECK(talk.told().find("\n1. \u201ctalk 1\u201d") != std::string::npos);
  CHECK(talk.told().ends_with("\n4. \u201ctalk 4\u201d, 2 messages"));
  talk.write("/branches page 3");
  CHECK(talk.told() == "There is no page 3: here are 2.");
  talk.write("/branches 2");
  CHECK(talk.told().find("/branches page 2") != std::string::npos);
}

TEST_CASE("/save wants a name that is none of a number", "[core]") {
  Talk talk;
  talk.write("/save trip");
  CHECK(talk.told().find("Nothing was said") != std::string::npos);
  talk.exchange("one");
  talk.write("/save");
  CHECK(talk.told().find("takes the name") != std::string::npos);
  talk.write("/save 12");
  CHECK(talk.told().find("more than a number") != std::string::npos);
  talk.write("/save " + std::string(65, 'x'));
  CHECK(talk.told().find("at most 64 bytes") != std::string::npos);
}

TEST_CASE("an edited message is answered anew, on a branch beside the old one", "[core]") {
  Talk talk;
  talk.exchange("one", 10);
  talk.exchange("two", 11);
  talk.edit("two, but better", 11);
  CHECK(talk.way() == "one | re: one | two, but better");
  talk.complete(talk.open(), "indeed");
  CHECK(talk.way() == "one | re: one | two, but better | indeed");
  CHECK(branches_of(talk.tree()).size() == 2);
  talk.edit("one, but first", 10);
  CHECK(talk.way() == "one, but first");
  talk.complete(talk.open(), "as you say");
  talk.edit("one, once more", 10);
  CHECK(talk.way() == "one, once more");
  talk.check_refolds();
}

TEST_CASE("an edit of what was said on another branch goes on there, and says so", "[core]") {
  Talk talk;
  talk.exchange("one", 10);
  talk.write("/reset");
  talk.exchange("two", 11);
  const Seq edited = talk.edit("uno", 10);
  CHECK(talk.kinds_after(edited) == "MessageReplaced NoticeIssued TurnStarted");
  CHECK(talk.told().find("on another branch") != std::string::npos);
  CHECK(talk.way() == "uno");
  talk.complete(talk.open(), "re: uno");
  talk.edit("due", 11);
  CHECK(talk.way() == "due");
  talk.check_refolds();
}

TEST_CASE("an edit that changes no word, is a command or of something else, asks nothing",
          "[core]") {
  Talk talk;
  talk.exchange("one", 10);
  talk.write("/help", 11);
  for (const auto& [text, id] : {std::pair<const char*, int>{"one", 10},
                                 {"/reset", 10},
                                 {"  ", 10},
                                 {"what", 11},
                                 {"what", 500}}) {
    const Seq edited = talk.edit(text, id);
    CHECK(talk.kinds_after(edited).empty());
  }
  CHECK(talk.way() == "one | re: one");
}

TEST_CASE("an edit of what was said very long ago is recorded and asks nothing", "[core]") {
  Talk talk;
  talk.exchange("one", 10);
  for (int i = 0; i < 5'000; ++i) talk.write("/whoami");
  const Seq edited = talk.edit("uno", 10);
  CHECK(talk.kinds_after(edited).empty());
  CHECK(talk.way() == "one | re: one");
}

TEST_CASE("an edit of what is being answered stops that answer", "[core]") {
  Talk talk;
  talk.write("one", 10);
  talk.chunk(talk.open(), "half");
  const Seq edited = talk.edit("uno", 10);
  CHECK(talk.kinds_after(edited) == "TurnCancelled MessageReplaced TurnStarted");
  CHECK(talk.way() == "uno");
  CHECK(talk.open().answers(0) == edited);
  talk.check_refolds();
}

TEST_CASE("an edit of what waits takes its place in the queue", "[core]") {
  Talk talk;
  talk.write("one", 10);
  talk.write("two", 11);
  talk.write("three", 12);
  const Seq edited = talk.edit("zwei", 11);
  CHECK(talk.kinds_after(edited) == "MessageReplaced");
  talk.complete(talk.open(), "re: one");
  CHECK(talk.way() == "one | re: one | zwei");
  talk.complete(talk.open(), "re: zwei");
  CHECK(talk.way() == "one | re: one | zwei | re: zwei | three");
  talk.check_refolds();
}

TEST_CASE("an edit goes before what waits: it comes from earlier", "[core]") {
  Talk talk;
  talk.exchange("one", 10);
  talk.write("two", 11);
  talk.write("three", 12);
  talk.edit("uno", 10);
  CHECK(talk.way() == "uno");
  talk.complete(talk.open(), "re: uno");
  CHECK(talk.way() == "uno | re: uno | three");
}

TEST_CASE("moves survive a crash, and so does the turn that a /retry began", "[core]") {
  Talk talk;
  talk.exchange("one");
  talk.exchange("two");
  talk.write("/undo");
  talk.write("/retry");
  talk.commit();
  const std::string before = talk.way();
  talk.crash();
  CHECK(talk.way() == before);
  CHECK(talk.open().attempt() == 2);
  talk.complete(talk.open(), "again");
  CHECK(talk.way() == "one | again");
}

TEST_CASE("the prompt of every turn can be made again, whatever moved since", "[core]") {
  Talk talk;
  talk.exchange("one", 10);
  talk.exchange("two", 11);
  talk.write("/undo");
  talk.exchange("three", 12);
  talk.edit("uno", 10);
  talk.complete(talk.open(), "re: uno");
  talk.write("/switch 1");
  talk.exchange("four");
  talk.commit();
  int turns = 0;
  for (Seq seq = 1; seq <= talk.log.last(); ++seq) {
    const Event event = talk.event(seq);
    if (!event.has_turn_started()) continue;
    ++turns;
    const Result<Prompt> prompt = prompt_of(event, *talk.gateway);
    REQUIRE(prompt);
    const auto digest = canonical_sha256(*prompt);
    CHECK(std::string(digest.begin(), digest.end()) == event.turn_started().sha256());
    CHECK(prompt->messages.back().role == Entry::USER);
  }
  CHECK(turns == 5);
}

TEST_CASE("/compact undo shows the model the messages again", "[core]") {
  Talk talk;
  for (const char* text : {"one", "two", "three", "four"}) talk.exchange(text);
  talk.write("/compact undo");
  CHECK(talk.told().find("no summary here") != std::string::npos);
  talk.write("/compact");
  talk.complete(talk.open(), "in short");
  REQUIRE(talk.tree().summary() != 0);
  talk.write("/compact undo");
  CHECK(talk.tree().summary() == 0);
  CHECK(talk.told().find("4 of them") != std::string::npos);
  talk.write("five");
  const Result<Prompt> prompt = prompt_of(talk.last("TurnStarted"), *talk.gateway);
  REQUIRE(prompt);
  CHECK(prompt->messages.size() == 9);
  talk.check_refolds();
}

TEST_CASE("a summary is left with its branch and is there again with it", "[core]") {
  Talk talk;
  for (const char* text : {"one", "two", "three", "four"}) talk.exchange(text);
  talk.write("/compact");
  talk.complete(talk.open(), "in short");
  const Seq summary = talk.tree().summary();
  REQUIRE(summary != 0);
  talk.write("/undo 4");
  CHECK(talk.tree().summary() == 0);
  talk.write("/redo");
  CHECK(talk.tree().summary() == summary);
  talk.check_refolds();
}

TEST_CASE("/undo takes back what waits before what is answered", "[core]") {
  Talk talk;
  talk.write("one");
  const Seq waits = talk.write("two");
  talk.write("/undo");
  CHECK(talk.open().answers_size() == 1);
  CHECK(talk.tree().waiting_size() == 0);
  CHECK(talk.told().find("before it was answered: 1 message") != std::string::npos);
  talk.write("three");
  talk.write("/undo 2");
  CHECK_FALSE(talk.tree().has_open());
  CHECK(talk.way().empty());
  CHECK(talk.kinds_after(waits).find("LeafMoved") != std::string::npos);
  talk.check_refolds();
}

TEST_CASE("a compaction that waits and a message behind it begin one turn, not two", "[core]") {
  Talk talk;
  for (const char* text : {"one", "two", "three"}) talk.exchange(text + std::string(200, 'x'));
  talk.write("four");
  talk.write("/compact");
  talk.write("five");
  talk.write("/fork 1");
  CHECK(talk.open().kind() == SUMMARY);
  const Seq ended = talk.complete(talk.open(), "in short");
  CHECK(talk.kinds_after(ended) == "CompactionCompleted NoticeIssued TurnStarted");
  CHECK(talk.open().kind() == ANSWER);
  talk.complete(talk.open(), "re: five");
  CHECK(talk.tree().waiting_size() == 0);
  talk.check_refolds();
}

TEST_CASE("what a summary ends with is asked again in the open", "[core]") {
  Talk talk;
  talk.exchange("one " + std::string(200, 'x'));
  for (const char* text : {"lost", "mislaid"}) {
    talk.write(text);
    talk.fail(talk.open(), REFUSED);
  }
  for (const char* text : {"three", "four"}) talk.exchange(text);
  talk.write("/compact");
  talk.complete(talk.open(), "one, and what was lost");
  REQUIRE(talk.tree().summary() != 0);
  talk.write("/undo 3");
  talk.write("/retry");
  const Result<Prompt> prompt = prompt_of(talk.last("TurnStarted"), *talk.gateway);
  REQUIRE(prompt);
  CHECK(prompt->messages.back().text == "lost");
}

TEST_CASE("a /retry that is refused moves nothing", "[core]") {
  const std::string why = GENERATE("no such model", "no room");
  Talk talk;
  talk.exchange("one");
  const Seq leaf = leaf_of(talk.tree());
  Fact fact = testing::Story::settings();
  if (why == "no room") fact.mutable_settings_loaded()->set_context_tokens_max(3);
  if (why == "no such model") fact.mutable_settings_loaded()->set_model("nowhere:x");
  talk.gateway->record(std::move(fact), talk.now);
  const Seq asked = talk.write("/retry");
  CHECK(talk.kinds_after(asked).find("TurnStarted") == std::string::npos);
  CHECK(leaf_of(talk.tree()) == leaf);
  CHECK(talk.way() == "one | re: one");
  CHECK(talk.tree().waiting().empty());
  if (why == "no such model") CHECK(talk.kinds_after(asked) == "NoticeIssued");
  talk.check_refolds();
}

TEST_CASE("under older rules none of this is known, and an edit is only recorded", "[core]") {
  Talk talk;
  Event started;
  started.mutable_gateway_started()->set_rules(2);
  talk.gateway->record(std::move(started), talk.now);
  talk.exchange("one", 10);
  talk.write("/undo");
  CHECK(talk.told().find("There is no command /undo") != std::string::npos);
  const Seq edited = talk.edit("uno", 10);
  CHECK(talk.kinds_after(edited).empty());
  CHECK(talk.event(edited).message_edited().tokens() == 0);
  CHECK(talk.way() == "one | re: one");
}

}  // namespace
}  // namespace daybook::decide_branch_test
