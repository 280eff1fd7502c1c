// Budgets and /usage: what is said once, what stops, whose it is, and what nobody knows.
#include <catch2/catch.hpp>

#include "core/codec.h"
#include "core/decide.h"
#include "core/failure_text.h"
#include "core/model.h"
#include "core/money.h"
#include "core/spending.h"
#include "tests/telling.h"
#include "tools/replay.h"

namespace daybook::decide_budget_test {

using testing::Telling;

constexpr const char* kOwnersChat = "telegram:1";
constexpr std::int64_t kDay = 86'400'000;

struct Money : Telling {
  explicit Money(std::uint64_t all, std::uint64_t each = 0) {
    SettingsLoaded* body = rows.mutable_settings_loaded();
    body->set_telegram_owner(1);
    body->add_telegram_allow(78);
    limit(all, each);
  }
  void limit(std::uint64_t all, std::uint64_t each = 0) {
    rows.mutable_settings_loaded()->set_budget_nanodollars(all);
    rows.mutable_settings_loaded()->set_user_budget_nanodollars(each);
    record(rows);
  }
  // Says something and has it answered for so much.
  Seq spend(std::uint64_t nanodollars, std::int64_t user = kUser) {
    write("spend", ++message, user);
    return answer_for(nanodollars);
  }
  Seq answer_for(std::uint64_t nanodollars) {
    const OpenTurn open = running();
    Fact fact;
    fact.mutable_turn_completed()->set_turn(open.seq());
    fact.mutable_turn_completed()->set_attempt(open.attempt());
    fact.mutable_turn_completed()->set_finish(STOP);
    Usage* usage = fact.mutable_turn_completed()->mutable_usage();
    usage->set_reported(true);
    usage->set_prompt_tokens(10);
    usage->set_output_tokens(5);
    usage->set_cost_nanodollars(nanodollars);
    fact.mutable_content()->set_text("an answer");
    return record(std::move(fact));
  }
  [[nodiscard]] bool idle() {
    return !gateway->session(gateway->directory().at(kChat)->id())->busy();
  }
  int count(std::string_view kind) {
    int found = 0;
    for (Seq seq = 1; seq <= log.last(); ++seq) found += kind_name(event(seq)) == kind ? 1 : 0;
    return found;
  }
  std::string said() { return last("NoticeIssued").content().text(); }

  Fact rows = telegram_settings("openai:gpt-4o-mini");
  std::int64_t message = 500;
};

TEST_CASE("at four fifths of a day's budget it is said once, to the owner", "[budget]") {
  Money told(1'000'000'000);
  told.spend(790'000'000);
  CHECK(told.count("BudgetNeared") == 0);
  const Seq over = told.spend(20'000'000);
  CHECK(told.kinds_after(over) == "BudgetNeared NoticeIssued");
  CHECK(told.last("NoticeIssued").notice_issued().place() == kOwnersChat);
  CHECK(told.said() == "Four fifths are spent of today's budget for all, $1.00 ($0.810000 spent).");
  const BudgetNeared neared = told.last("BudgetNeared").budget_neared();
  CHECK(neared.whose() == "all");
  CHECK(neared.spent_nanodollars() == 810'000'000);
  CHECK(told.kinds_after(told.spend(10'000'000)).empty());
}

TEST_CASE("a budget that is spent stops the next message and says until when", "[budget]") {
  Money told(1'000'000'000);
  const Seq spent = told.spend(1'200'000'000);
  CHECK(told.kinds_after(spent) == "BudgetSpent NoticeIssued");
  const Seq asked = told.write("more?", 600);
  CHECK(told.kinds_after(asked) == "NoticeIssued");
  CHECK(told.said() ==
        "⚠ Nothing was sent: today's budget for all is spent. It begins anew "
        "at 2026-02-04T00:00 UTC.");
  CHECK(told.idle());
  told.write("and now?", 601);
  CHECK(told.count("BudgetSpent") == 1);  // the owner hears of it once
  told.pass(kDay);
  told.write("good morning", 602);
  CHECK_FALSE(told.idle());
}

TEST_CASE("what waits for an answer that spends the rest is stopped, too", "[budget]") {
  Money told(1'000'000'000);
  told.write("first", 501);
  const Seq waits = told.write("second", 502);
  told.answer_for(1'000'000'000);
  CHECK(told.idle());
  CHECK(told.last("NoticeIssued").notice_issued().answers() == waits);
}

TEST_CASE("a stop survives a restart and an erasure, and ends when the budget is raised",
          "[budget]") {
  Money told(1'000'000'000);
  told.spend(1'200'000'000);
  told.commit();
  told.crash();
  told.write("more?", 600);
  CHECK(told.idle());
  told.limit(2'000'000'000);
  told.write("more?", 601);
  CHECK_FALSE(told.idle());
  told.answer_for(900'000'000);
  CHECK(told.count("BudgetSpent") == 2);  // another budget
}

TEST_CASE("a person's budget stops that person, who is told, and the owner hears of it",
          "[budget]") {
  Money told(0, 1'000'000'000);
  const Seq near = told.spend(850'000'000);
  CHECK(told.kinds_after(near) == "BudgetNeared NoticeIssued");
  CHECK(told.last("NoticeIssued").notice_issued().place() == Telling::kChat);
  const Seq spent = told.spend(200'000'000);
  CHECK(told.kinds_after(spent) == "BudgetSpent NoticeIssued NoticeIssued");
  CHECK(told.last("NoticeIssued").notice_issued().place() == kOwnersChat);
  CHECK(told.last("BudgetSpent").budget_spent().whose() == "telegram:77");
  told.write("more?", 600);
  CHECK(told.idle());
  told.write("me too?", 601, 78);
  CHECK_FALSE(told.idle());
}

TEST_CASE("in a group nobody reads how much who spent, but the owner does", "[budget]") {
  Money told(0, 1'000'000'000);
  told.spend(850'000'000, 78);  // whose private chat this is not
  CHECK(told.said() == "Four fifths are spent of today's budget for telegram:78.");
  const Seq spent = told.spend(200'000'000, 78);
  REQUIRE(told.kinds_after(spent) == "BudgetSpent NoticeIssued NoticeIssued");
  CHECK(told.said().find("telegram:78, $1.00 ($1.05 spent)") != std::string::npos);
  CHECK(told.event(spent + 2).notice_issued().place() == Telling::kChat);
  CHECK(told.event(spent + 2).content().text() ==
        "⚠ Spent: today's budget for telegram:78. Until 00:00 UTC no model is asked for it.");
  told.write("more?", 600, 78);
  CHECK(told.said() ==
        "⚠ Nothing was sent: today's budget for telegram:78 is spent. It begins anew at "
        "2026-02-04T00:00 UTC.");
  const std::vector<std::pair<const char*, bool>> places = {{"telegram:78", true},
                                                            {"telegram:78/7", true},
                                                            {"telegram:-100", false},
                                                            {"telegram:780", false}};
  for (const auto& [place, alone] : places) {
    INFO(place);
    told.say("more?", place, 78);
    CHECK((told.said().find("$1.05 spent") != std::string::npos) == alone);
  }
}

TEST_CASE("settings that take a provider away hand nothing on when the budget is spent",
          "[budget]") {
  Money told(2'000'000'000);
  SettingsLoaded* body = told.rows.mutable_settings_loaded();
  ProviderRow spare = body->providers(1);
  spare.set_name("spare");
  *body->add_providers() = spare;
  body->add_fallbacks("spare:gpt-4o-mini");
  told.limit(2'000'000'000);
  told.spend(1'200'000'000);
  told.write("more?", 600);
  body->mutable_providers(1)->set_usable(false);
  told.limit(1'000'000'000);  // which lowers the budget at once
  CHECK(told.idle());
  CHECK(told.last("TurnFailed").turn_failed().error() == SETTINGS);
}

TEST_CASE("who asks once more pays for it, not who had asked first", "[budget]") {
  Money told(0, 1'000'000'000);
  told.spend(100'000'000, Telling::kUser);
  told.write("/retry", ++told.message, 78);
  told.answer_for(1'000'000'000);
  CHECK(told.last("BudgetSpent").budget_spent().whose() == account_of(Telling::kChat, 78));
  // Who has nothing left stops nothing and moves nothing.
  const Seq asked = told.write("/retry", ++told.message, 78);
  CHECK(told.kinds_after(asked).find("LeafMoved") == std::string::npos);
  CHECK(told.said().find("Nothing was sent") != std::string::npos);
  told.write("/retry", ++told.message, Telling::kUser);
  CHECK_FALSE(told.idle());
}

TEST_CASE("no attempt follows one that spent the rest", "[budget]") {
  Money told(1'000'000'000);
  told.rows.mutable_settings_loaded()->add_fallbacks("openai:gpt-4o");
  told.limit(1'000'000'000);
  told.write("ask", 501);
  Fact fact;
  AttemptFailed* failed = fact.mutable_attempt_failed();
  failed->set_turn(told.running().seq());
  failed->set_attempt(1);
  failed->set_error(TRUNCATED);
  failed->mutable_usage()->set_reported(true);
  failed->mutable_usage()->set_cost_nanodollars(1'500'000'000);
  const Seq seq = told.record(std::move(fact));
  CHECK(told.kinds_after(seq) == "BudgetSpent NoticeIssued TurnFailed");
  CHECK(told.last("TurnFailed").content().detail().find("It begins anew at") != std::string::npos);
}

TEST_CASE("a summary is not made when the budget is spent", "[budget]") {
  Money told(1'000'000'000);
  for (int i = 0; i < 3; ++i) told.spend(100'000'000);
  told.spend(900'000'000);
  const Seq asked = told.write("/compact", 600);
  CHECK(told.kinds_after(asked) == "CompactionStarted CompactionFailed NoticeIssued");
  CHECK(told.idle());
}

TEST_CASE("a summary counts, and is on the account of who asked for it", "[budget]") {
  Money told(0);
  for (int i = 0; i < 4; ++i) told.spend(100, 78);
  told.write("/compact", 600);
  REQUIRE(told.running().kind() == SUMMARY);
  told.answer_for(7'000);
  const Spending& spending = told.gateway->directory().spending();
  CHECK(spending.month("telegram:77", told.now).said_nanodollars() == 7'000);
  CHECK(spending.month("telegram:78", told.now).said_nanodollars() == 400);
}

TEST_CASE("a price that nobody knows is said, not guessed", "[budget]") {
  Money told(1'000'000'000);
  told.write("/model openai:no-such-row", 501);
  told.write("ask", 502);
  told.answer("answer", 10, 5);
  told.write("/usage", 503);
  CHECK(told.said().find("1 call, 10 tokens in, 5 out, whose price nobody knows") !=
        std::string::npos);
  told.write("/model openai:gpt-4o-mini", 504);
  told.message = 600;
  told.spend(900'000'000);
  CHECK(told.said() ==
        "Four fifths are spent of today's budget for all, $1.00 ($0.900000 spent, and 1 call whose "
        "price nobody knows).");
}

TEST_CASE("/usage tells a guest of this chat and that person alone, the owner of all", "[budget]") {
  Money told(0);
  told.spend(1'000'000'000);
  told.spend(500'000'000, 78);
  told.write("/usage", 600);
  const std::string guest = told.said();
  CHECK(guest.find("This chat: 2 calls, 20 tokens in, 10 out, $1.50") == 0);
  CHECK(guest.find("You today: 1 call, 10 tokens in, 5 out, $1.00") != std::string::npos);
  CHECK(guest.find("Prompts began like the one before: ") != std::string::npos);
  CHECK(guest.find("All today") == std::string::npos);
  told.write("/usage", 601, 1);
  const std::string owner = told.said();
  CHECK(owner.find("You today: nothing") != std::string::npos);
  CHECK(owner.find("All today: 2 calls, 20 tokens in, 10 out, $1.50") != std::string::npos);
  CHECK(owner.find("  openai:gpt-4o-mini: 2 calls") != std::string::npos);
}

TEST_CASE("a replay decides of budgets as it was decided", "[budget]") {
  Money told(1'000'000'000, 500'000'000);
  told.spend(450'000'000);
  told.spend(100'000'000);
  told.write("more?", 600);
  told.spend(460'000'000, 78);
  told.write("more?", 601, 78);
  told.commit();
  const auto replayed = replay_check(told.log, 0);
  REQUIRE(replayed);
  CHECK(replayed->divergence == "");
}

TEST_CASE("what a crash cut off counts before anything is asked again", "[budget]") {
  Money told(1'000'000);
  told.spend(900'000);
  told.write("more", ++told.message);
  std::string words;
  for (int word = 0; word < 400; ++word) words += "word ";
  told.chunk(told.running(), words);
  told.commit();
  told.crash();
  CHECK(told.idle());
  const Event abandoned = told.last("TurnAbandoned");
  CHECK(abandoned.content().detail().find("is spent") != std::string::npos);
  CHECK(abandoned.content().text() == words);
}

TEST_CASE("a server on this machine costs nothing, and /usage says so", "[budget]") {
  Money told(1'000'000'000);
  ProviderRow* near = told.rows.mutable_settings_loaded()->add_providers();
  near->set_name("near");
  near->set_kind("openai");
  near->set_base_url("http://127.0.0.1:8080/v1");
  near->set_usable(true);
  told.rows.mutable_settings_loaded()->set_model("near:openai/gpt-oss-20b");
  told.limit(1'000'000'000);
  Fact prices;
  *prices.mutable_catalogue_loaded() = catalogue_of(CatalogueLoaded(), CatalogueLoaded(),
                                                    local_providers(told.rows.settings_loaded()));
  told.record(std::move(prices));
  told.write("hello", 501);
  told.answer("well", 10'000'000, 10'000'000);
  CHECK(told.count("BudgetSpent") == 0);
  told.write("/usage", 502);
  CHECK(told.said().find("out, " + money_text(0) + "\n") != std::string::npos);
  CHECK(told.said().find("nobody knows") == std::string::npos);
}

TEST_CASE("several that one turn would answer are refused once", "[budget]") {
  Money money(1'000, 0);
  money.rows.mutable_settings_loaded()->set_queue_mode("collect");
  money.limit(1'000);
  money.write("one", ++money.message);
  money.write("two", ++money.message);
  money.write("three", ++money.message);
  const Seq spent = money.answer_for(2'000);
  REQUIRE(money.idle());
  int refusals = 0;
  for (Seq seq = spent; seq <= money.log.last(); ++seq) {
    refusals += money.event(seq).notice_issued().topic() == "budget" &&
                money.event(seq).notice_issued().answers() != 0;
  }
  CHECK(refusals == 1);
  CHECK(money.last("QueueCleared").queue_cleared().dropped_size() == 1);
  CHECK(money.gateway->session(money.gateway->directory().at(Money::kChat)->id())
            ->state()
            .waiting()
            .empty());
}

TEST_CASE("what will not be asked for want of money interrupts nothing", "[budget]") {
  Money money(0, 1'000);
  money.rows.mutable_settings_loaded()->set_queue_mode("interrupt");
  money.limit(0, 1'000);
  money.spend(2'000, 78);
  money.write("one", ++money.message);
  const Seq running = money.running().seq();
  money.write("two", ++money.message, 78);
  CHECK(money.running().seq() == running);
  money.write("three", ++money.message);
  CHECK(money.running().seq() != running);
}

}  // namespace daybook::decide_budget_test
