// The built-in model.
#include "adapters/echo.h"

#include <catch2/catch.hpp>

#include "tests/provider_driver.h"

namespace daybook::echo_test {

using provider_driver::Driver;

ProviderSettings settings() {
  ProviderSettings settings;
  settings.name = "echo";
  settings.kind = "echo";
  settings.needs_key = false;
  return settings;
}

// The facts of one round of the loop: until due() says nothing.
std::vector<Fact> round_of(Driver& driver) {
  std::vector<Fact> facts;
  while (auto next = driver.due()) facts.push_back(std::get<Fact>(std::move(*next)));
  return facts;
}

std::vector<Fact> speech(Driver& driver) {
  std::vector<Fact> facts;
  for (auto more = round_of(driver); !more.empty(); more = round_of(driver)) {
    facts.insert(facts.end(), more.begin(), more.end());
  }
  return facts;
}

std::string words_of(const std::vector<Fact>& facts) {
  std::string text;
  for (const Fact& fact : facts) {
    if (fact.has_chunk_received()) text += fact.content().text();
  }
  return text;
}

TEST_CASE("echo says back what it heard and what it is, a word a chunk", "[echo]") {
  Driver driver(settings());
  driver.prompts.value.model = "echo";
  const Seq turn = driver.start_turn();
  const auto facts = speech(driver);
  REQUIRE(words_of(facts) ==
          "You said: \"Hello there\". (I am echo, the built-in offline model; set a provider key "
          "or run `daybook setup` for a real one.)");
  REQUIRE(facts[0].content().text() == "You ");
  REQUIRE(facts[0].cause() == turn);
  REQUIRE(facts[0].session() == 7);
  const Fact& last = facts.back();
  REQUIRE(last.turn_completed().turn() == turn);
  REQUIRE(last.turn_completed().attempt() == 1);
  REQUIRE(last.turn_completed().finish() == STOP);
  REQUIRE(last.turn_completed().model() == "echo");
  REQUIRE_FALSE(last.turn_completed().usage().reported());
  REQUIRE(last.content().text() == words_of(facts));
  REQUIRE(driver.adapter->idle());
}

TEST_CASE("the pieces of any text join to the text, each within a limit", "[echo]") {
  for (const std::string& text :
       {std::string("a  b\n\nc\t"), std::string(" lead"), std::string(3'000, 'x'),
        std::string(500, ' '), std::string(299, 'x') + "\U0001F600\U0001F600 y", std::string()}) {
    Driver driver(settings());
    driver.prompts.value.messages = {{Entry::USER, text}};
    driver.start_turn();
    const auto facts = speech(driver);
    REQUIRE(words_of(facts) == echo_answer(driver.prompts.value, ANSWER));
    for (const Fact& fact : facts) {
      if (!fact.has_chunk_received()) continue;
      REQUIRE_FALSE(fact.content().text().empty());
      REQUIRE(fact.content().text().size() <= Echo::kWordBytesMax);
      Event copy;
      REQUIRE(copy.ParseFromString(fact.SerializeAsString()));
    }
  }
}

TEST_CASE("one round of the loop takes a limited number of words", "[echo]") {
  Driver driver(settings());
  std::string text;
  for (int i = 0; i < 100; ++i) text += "word ";
  driver.prompts.value.messages = {{Entry::USER, text}};
  driver.start_turn();
  REQUIRE(round_of(driver).size() == Echo::kChunksPerRound);
  REQUIRE(driver.adapter->wake_at(driver.now) == driver.now);
  REQUIRE(round_of(driver).size() == Echo::kChunksPerRound);
}

TEST_CASE("the slow model says ten words a second", "[echo]") {
  Driver driver(settings());
  driver.prompts.value.model = "slow";
  driver.start_turn();
  REQUIRE(round_of(driver).size() == 1);
  REQUIRE(round_of(driver).empty());
  REQUIRE(driver.adapter->wake_at(driver.now) == driver.now + Echo::kSlowWord);
  driver.now += Echo::kSlowWord;
  REQUIRE(round_of(driver).size() == 1);
  driver.now += std::chrono::seconds(1);
  REQUIRE(round_of(driver).size() == 10);
  REQUIRE_FALSE(driver.adapter->idle());
}

TEST_CASE("a new attempt starts over from the first word", "[echo]") {
  Driver driver(settings());
  driver.prompts.value.model = "slow";
  const Seq turn = driver.start_turn();
  const auto first = round_of(driver);
  driver.now += std::chrono::seconds(1);
  round_of(driver);
  const Seq retried = driver.retry(turn, 2);
  const auto again = round_of(driver);
  REQUIRE(again.size() == 1);
  REQUIRE(again[0].content().text() == first[0].content().text());
  REQUIRE(again[0].chunk_received().attempt() == 2);
  REQUIRE(again[0].cause() == retried);
}

TEST_CASE("a cancelled speech stops at once", "[echo]") {
  Driver driver(settings());
  driver.prompts.value.model = "slow";
  const Seq turn = driver.start_turn();
  round_of(driver);
  driver.cancel(turn);
  driver.now += std::chrono::seconds(10);
  REQUIRE(round_of(driver).empty());
  REQUIRE(driver.adapter->idle());
  REQUIRE(driver.adapter->wake_at(driver.now) == kNever);
}

TEST_CASE("an answer on its way to the disk is not begun again", "[echo]") {
  Driver driver(settings());
  driver.start_turn();
  const auto facts = speech(driver);
  REQUIRE(round_of(driver).empty());
  REQUIRE(driver.adapter->wake_at(driver.now) == kNever);
  driver.commit(facts.back());
  REQUIRE(round_of(driver).empty());
}

TEST_CASE("two speeches take turns", "[echo]") {
  Driver driver(settings());
  const Seq one = driver.start_turn();
  const Seq two = driver.start_turn();
  const auto facts = round_of(driver);
  REQUIRE(facts[0].chunk_received().turn() == one);
  REQUIRE(facts[1].chunk_received().turn() == two);
  REQUIRE(facts[2].chunk_received().turn() == one);
}

TEST_CASE("while nothing is taken in a turn does not begin, but goes on", "[echo]") {
  Driver driver(settings());
  driver.prompts.value.model = "slow";
  driver.taking_in = false;
  driver.start_turn();
  REQUIRE(round_of(driver).empty());
  REQUIRE(driver.adapter->wake_at(driver.now) == kNever);
  driver.taking_in = true;
  REQUIRE(round_of(driver).size() == 1);
  driver.taking_in = false;
  driver.now += Echo::kSlowWord;
  REQUIRE(round_of(driver).size() == 1);
}

TEST_CASE("a summary tells how much was said and by whom", "[echo]") {
  Prompt prompt;
  prompt.messages = {{Entry::USER,
                      "Summarise this conversation.\n\nUser: first thing\nAssistant: yes\n"
                      "and more\nUser: last thing\nAssistant: no"}};
  REQUIRE(echo_answer(prompt, SUMMARY) ==
          "A conversation of 4 lines. The user began with \"first thing\" and last said "
          "\"last thing\".");
  prompt.messages = {{Entry::USER, "alone"}};
  REQUIRE(echo_answer(prompt, SUMMARY) ==
          "A conversation of 1 line. The user began with \"alone\" and last said \"alone\".");
  REQUIRE(echo_answer(Prompt{}, SUMMARY) == "A conversation of 0 lines.");
  Driver driver(settings());
  driver.start_turn(SUMMARY);
  REQUIRE(words_of(speech(driver)).starts_with("A conversation of 1 line."));
}

TEST_CASE("a prompt that cannot be made fails the attempt once", "[echo]") {
  Driver driver(settings());
  driver.prompts.error = Error{"the words were erased"};
  const Seq turn = driver.start_turn();
  const auto facts = speech(driver);
  REQUIRE(facts.size() == 1);
  REQUIRE(facts[0].attempt_failed().turn() == turn);
  REQUIRE(facts[0].attempt_failed().error() == REQUEST);
  REQUIRE(facts[0].content().detail() == "the words were erased");
}

}  // namespace daybook::echo_test
