// Tokens and money: which calls count, for whom, at whose price, and what of it is a guess.
#include "core/usage.h"

#include <catch2/catch.hpp>

#include "core/model.h"
#include "core/spending.h"
#include "tests/story.h"
#include "tests/telling.h"
#include "tools/prices.h"
#include "tools/spent_text.h"

namespace daybook::usage_test {

using testing::Telling;

CatalogueLoaded table(std::uint64_t input, std::uint64_t output) {
  CatalogueLoaded prices;
  ModelRow* row = prices.add_rows();
  row->set_id("openai/gpt-4o-mini");
  row->set_input_nanodollars(input);
  row->set_output_nanodollars(output);
  return prices;
}

std::vector<UsageFold::Call> calls_of(testing::Story& story, UsageFold fold = UsageFold()) {
  std::vector<UsageFold::Call> calls;
  for (Seq seq = 1; seq <= story.log.last(); ++seq) {
    if (auto call = fold.apply(story.event(seq))) calls.push_back(*std::move(call));
  }
  return calls;
}

Usage reported(std::uint64_t prompt, std::uint64_t output, std::uint64_t nanodollars = 0) {
  Usage usage;
  usage.set_reported(true);
  usage.set_prompt_tokens(prompt);
  usage.set_output_tokens(output);
  usage.set_cost_nanodollars(nanodollars);
  return usage;
}

TEST_CASE("what was reported is taken, what was not is estimated and said to be", "[usage]") {
  const CallFacts call{"openai", "gpt-4o-mini", 10, 4};
  const Spent told = spent_by(call, reported(31, 7), table(100, 1'000), false);
  CHECK(told.prompt_tokens == 31);
  CHECK(told.output_tokens == 7);
  CHECK(told.reported_calls == 1);
  CHECK(told.estimated_tokens == 0);
  CHECK(told.computed_nanodollars == 10'100);
  const Spent guessed = spent_by(call, Usage(), table(100, 1'000), false);
  CHECK(guessed.prompt_tokens == 10);
  CHECK(guessed.output_tokens == 4);
  CHECK(guessed.reported_calls == 0);
  CHECK(guessed.estimated_tokens == 14);
  CHECK(guessed.computed_nanodollars == 5'000);
}

TEST_CASE("the provider's own price goes before ours unless all is computed anew", "[usage]") {
  const CallFacts call{"openrouter", "openai/gpt-4o-mini", 0, 0};
  const Usage usage = reported(31, 7, 777);
  CHECK(spent_by(call, usage, table(100, 1'000), false).said_nanodollars == 777);
  CHECK(spent_by(call, usage, table(100, 1'000), false).computed_nanodollars == 0);
  const Spent anew = spent_by(call, usage, table(100, 1'000), true);
  CHECK(anew.said_nanodollars == 0);
  CHECK(anew.computed_nanodollars == 10'100);
}

TEST_CASE("a model without a row has no price, echo and free variants cost nothing", "[usage]") {
  const Usage usage = reported(31, 7);
  CHECK(spent_by({"ollama", "llama", 0, 0}, usage, table(1, 1), false).unpriced_calls == 1);
  CHECK(spent_by({"echo", "echo", 0, 0}, usage, table(1, 1), false).unpriced_calls == 0);
  const Spent free =
      spent_by({"openrouter", "openai/gpt-4o-mini:free", 0, 0}, usage, table(1, 1), false);
  CHECK(free.unpriced_calls == 0);
  CHECK(free.nanodollars() == 0);
}

TEST_CASE("an attempt counts once its answer had begun, and once only", "[usage]") {
  Telling told;
  told.write("Tell me.", 501);
  told.fail_attempt(RATE, 429, 0, "slow down");  // nothing was said: nothing is owed
  told.chunk(told.running(), "Twelve letter");
  told.fail_attempt(TRUNCATED, 0, 0, "");
  told.chunk(told.running(), "and again");
  told.answer("and again", 31, 7);
  const auto calls = calls_of(told);
  REQUIRE(calls.size() == 2);
  CHECK_FALSE(calls[0].completed);
  CHECK(calls[0].spent.reported_calls == 0);
  CHECK(calls[1].completed);
  CHECK(calls[1].spent.prompt_tokens == 31);
  CHECK(calls[1].user == Telling::kUser);
  CHECK(calls[1].place == Telling::kChat);
}

TEST_CASE("what a crash or a person cut short counts by the words that came", "[usage]") {
  Telling told;
  told.write("Tell me.", 501);
  told.chunk(told.running(), "eight ch");
  told.commit();
  told.crash();
  told.chunk(told.running(), "four");
  told.write("/stop", 502);
  const auto calls = calls_of(told);
  REQUIRE(calls.size() == 2);
  CHECK(calls[0].facts.output_tokens == 2);
  CHECK(calls[1].facts.output_tokens == 1);
  CHECK(calls[1].facts.prompt_tokens == calls[0].facts.prompt_tokens);
}

TEST_CASE("who went on and said nothing is not charged what was said before", "[usage]") {
  Event event;
  TurnCancelled* body = event.mutable_turn_cancelled();
  body->set_last_chunk(5);
  body->set_tokens(700);
  CHECK(call_end(event)->tokens == 700);
  body->set_earlier_bytes(2'800);
  CHECK(call_end(event)->tokens == 0);
  body->set_said_tokens(30);
  CHECK(call_end(event)->tokens == 30);
  body->clear_earlier_bytes();  // its words were destroyed
  body->set_tokens(0);
  CHECK(call_end(event)->tokens == 30);
}

TEST_CASE("a summary is charged to whoever asked for it", "[usage]") {
  Telling told;
  for (const int nth : {1, 2, 3}) {
    told.write("Tell me.", 500 + nth);
    told.answer("Well." + std::string(200, 'x'), 10, 1);
  }
  told.write("/compact", 510);
  told.answer("They talked.", 40, 3);
  const auto calls = calls_of(told);
  REQUIRE(calls.size() == 4);
  CHECK(calls[3].user == Telling::kUser);
  CHECK(calls[3].spent.prompt_tokens == 40);
}

TEST_CASE("the price is that of the catalogue in force when the call ended", "[usage]") {
  Telling told;
  told.write("Tell me.", 501);
  told.answer("Well.", 10, 1);
  Event rows;
  *rows.mutable_catalogue_loaded() = table(5, 7);
  told.record(rows);
  told.write("Again.", 502);
  told.answer("Well.", 10, 1);
  const auto calls = calls_of(told);
  REQUIRE(calls.size() == 2);
  CHECK(calls[0].spent.computed_nanodollars == 10 * 150 + 600);
  CHECK(calls[1].spent.computed_nanodollars == 57);
  const auto anew = calls_of(told, UsageFold(table(1, 1)));
  CHECK(anew[0].spent.computed_nanodollars == 11);
  CHECK(anew[1].spent.computed_nanodollars == 11);
}

TEST_CASE("a price table is read as it is written", "[usage]") {
  const CatalogueLoaded& shipped = built_in_catalogue();
  const auto again = parse_prices(prices_text(shipped), "prices");
  REQUIRE(again);
  CHECK(again->rows_size() == shipped.rows_size());
  CHECK(prices_text(*again) == prices_text(shipped));
  const auto own = parse_prices("# mine\n\nid=x input_nanodollars=3 # cheap\n", "prices");
  REQUIRE(own);
  CHECK(own->rows(0).input_nanodollars() == 3);
  CHECK(own->rows(0).output_nanodollars() == 0);
}

TEST_CASE("a bad price table names file, line and word", "[usage]") {
  const auto wrong = [](std::string_view text) {
    const auto read = parse_prices(text, "prices");
    REQUIRE_FALSE(read);
    return read.error().message;
  };
  CHECK(wrong("id=x\nid=y input_nanodollar=3\n") ==
        "prices:2: \"input_nanodollar=3\" is no field of a row; did you mean input_nanodollars=?");
  CHECK(wrong("id=x input_nanodollars=cheap\n") ==
        "prices:1: input_nanodollars wants a whole number, not \"cheap\"");
  CHECK(wrong("id=x context_tokens=99999999999\n").find("whole number") != std::string::npos);
  CHECK(wrong("input_nanodollars=3\n") == "prices:1: the row names no model: id=MODEL");
  CHECK(wrong("# nothing\n").find("holds no price") != std::string::npos);
}

TEST_CASE("tokens and money say where they come from", "[usage]") {
  Spent spent;
  CHECK(token_text(spent).empty());
  CHECK(price_text(spent).empty());
  spent = spent_by({"openai", "gpt-4o-mini", 0, 0}, reported(1'310, 34, 217'000), {}, false);
  CHECK(token_text(spent) == "1,310 in, 34 out, as reported");
  CHECK(price_text(spent) == "$0.000217, as the provider said");
  spent.add(spent_by({"openai", "gpt-4o-mini", 10, 4}, Usage(), table(100, 1'000), false));
  spent.add(spent_by({"ollama", "llama", 1, 1}, Usage(), {}, false));
  CHECK(token_text(spent) == "1,321 in, 39 out, 16 of them estimated, 3 calls");
  CHECK(price_text(spent) ==
        "$0.000222, $0.000217 of it as the provider said, 1 call without a price");
  CHECK(spent_json(spent)["unpriced_calls"] == 1);
}

TEST_CASE("a price of 0 is a price: a row of one's own that names it goes before ours", "[usage]") {
  const auto own = parse_prices("id=gpt-oss-20b input_nanodollars=0\n", "models");
  REQUIRE(own);
  const CatalogueLoaded prices = catalogue_of(CatalogueLoaded(), *own);
  const CallFacts call{"attic", "openai/gpt-oss-20b", 0, 0};
  CHECK(spent_by(call, reported(31, 7), built_in_catalogue(), false).nanodollars() > 0);
  CHECK(spent_by(call, reported(31, 7), prices, false).nanodollars() == 0);
  CHECK(spent_by(call, reported(31, 7), prices, false).unpriced_calls == 0);
  // One that says nothing of a price leaves it to others.
  const auto sizes = parse_prices("id=gpt-oss-20b context_tokens=8192\n", "models");
  REQUIRE(sizes);
  const CatalogueLoaded sized = catalogue_of(CatalogueLoaded(), *sizes);
  CHECK(spent_by(call, reported(31, 7), sized, false).nanodollars() > 0);
}

TEST_CASE("what is on this machine is free, unless a row of one's own says otherwise", "[usage]") {
  const CatalogueLoaded local = catalogue_of(CatalogueLoaded(), CatalogueLoaded(), {"attic"});
  for (const char* model : {"openai/gpt-oss-20b", "unheard-of"}) {
    const Spent spent = spent_by({"attic", model, 0, 0}, reported(31, 7), local, false);
    CHECK(spent.nanodollars() == 0);
    CHECK(spent.unpriced_calls == 0);
  }
  const CallFacts elsewhere{"openrouter", "openai/gpt-oss-20b", 0, 0};
  CHECK(spent_by(elsewhere, reported(31, 7), local, false).nanodollars() > 0);
  const auto own = parse_prices("id=gpt-oss-20b input_nanodollars=3\n", "models");
  REQUIRE(own);
  const CatalogueLoaded priced = catalogue_of(CatalogueLoaded(), *own, {"attic"});
  CHECK(spent_by({"attic", "gpt-oss-20b", 0, 0}, reported(31, 7), priced, false).nanodollars() ==
        93);
}

TEST_CASE("a prompt above the limit of a row costs what the row says of long ones", "[usage]") {
  const auto prices = parse_prices(
      "id=x input_nanodollars=2 output_nanodollars=3 long_from_tokens=100 "
      "long_input_nanodollars=20 long_output_nanodollars=30\n",
      "models");
  REQUIRE(prices);
  CallFacts call{"p", "x", 0, 0};
  CHECK(spent_by(call, reported(100, 1), *prices, false).nanodollars() == 203);
  CHECK(spent_by(call, reported(101, 1), *prices, false).nanodollars() == 2'050);
  call.prompt_tokens = 101;
  CHECK(spent_by(call, Usage(), *prices, true).nanodollars() == 2'020);
  call.summed = true;  // of many calls nobody knows which were long
  CHECK(spent_by(call, reported(1'000, 1), *prices, false).nanodollars() == 2'003);
  const CallFacts haiku{"anthropic", "claude-haiku-5-5", 0, 0};
  const Spent dear = spent_by(haiku, reported(150'000, 0), built_in_catalogue(), false);
  CHECK(dear.nanodollars() == 150'000 * 500);
}

TEST_CASE("tokens that a provider had kept cost what its row says of them", "[usage]") {
  const auto prices = parse_prices(
      "id=x input_nanodollars=10 output_nanodollars=3 cached_nanodollars=1 long_from_tokens=100 "
      "long_input_nanodollars=20\nid=y input_nanodollars=10\n",
      "models");
  REQUIRE(prices);
  Usage usage = reported(100, 0);
  usage.set_cached_tokens(90);
  CHECK(spent_by({"p", "x", 0, 0}, usage, *prices, false).nanodollars() == 10 * 10 + 90);
  CHECK(spent_by({"p", "y", 0, 0}, usage, *prices, false).nanodollars() == 1'000);
  usage.set_prompt_tokens(101);  // where tokens cost twice as much, these do so too
  CHECK(spent_by({"p", "x", 0, 0}, usage, *prices, false).nanodollars() == 11 * 20 + 90 * 2);
  usage.set_cached_tokens(500);  // more than there are
  CHECK(spent_by({"p", "x", 0, 0}, usage, *prices, false).nanodollars() == 101 * 2);
}

// What nobody sees of an attempt.
void stream_unseen(Telling* told) {
  for (const ChunkKind kind : {REASONING, TOOL_USE}) {
    Fact fact;
    fact.mutable_chunk_received()->set_turn(told->running().seq());
    fact.mutable_chunk_received()->set_attempt(told->running().attempt());
    fact.mutable_chunk_received()->set_kind(kind);
    fact.set_cause(told->running().attempt_seq());
    if (kind == REASONING) fact.mutable_content()->set_text("one two three four");
    if (kind == TOOL_USE) fact.mutable_content()->set_arguments(" five");
    told->record(std::move(fact));
  }
}

TEST_CASE("what an attempt thought and asked tools for counts when it was cut short", "[usage]") {
  const std::string way = GENERATE("failed", "stopped", "crashed");
  Telling told;
  told.write("Tell me.", 501);
  stream_unseen(&told);
  told.chunk(told.running(), "word");
  told.commit();
  if (way == "failed") told.fail_attempt(STALLED, 0, 0, "");
  if (way == "stopped") told.write("/stop", 502);
  if (way == "crashed") told.crash();
  const auto calls = calls_of(told);
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].facts.output_tokens == (way == "failed" ? 5 : 6));  // that names no words
  CHECK(spent_of(told.gateway->directory().spending().today(kEverybody, told.now)) ==
        calls[0].spent);
}

TEST_CASE("where usage was reported nothing is estimated beside it", "[usage]") {
  Telling told;
  told.write("Tell me.", 501);
  stream_unseen(&told);
  Fact fact;
  AttemptFailed* failed = fact.mutable_attempt_failed();
  failed->set_turn(told.running().seq());
  failed->set_attempt(1);
  failed->set_error(REQUEST);
  *failed->mutable_usage() = reported(31, 7);
  told.record(std::move(fact));
  CHECK(told.last("AttemptFailed").attempt_failed().unseen_tokens() == 0);
  CHECK(told.last("TurnFailed").turn_failed().unseen_tokens() == 0);
  CHECK(calls_of(told)[0].spent.output_tokens == 7);
}

}  // namespace daybook::usage_test
