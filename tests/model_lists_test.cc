// What providers say of their models: read, weighed against what is known, written down as news.
#include "adapters/model_lists.h"

#include <catch2/catch.hpp>
#include <random>

#include "core/model.h"

namespace daybook::model_lists_test {

const std::string kOpenrouter = R"({"data":[
  {"id":"openai/gpt-4o","context_length":128000,
   "pricing":{"prompt":"0.0000025","completion":"0.00001"},
   "top_provider":{"context_length":100000,"max_completion_tokens":16384}},
  {"id":"vendor/new.model","context_length":64000,"top_provider":{"context_length":null},
   "pricing":{"prompt":"0.0000000375","completion":"-1"}},
  {"id":"no sizes","context_length":1},
  {"id":"vendor/none"}]})";

std::vector<ModelRow> rows_in(const std::string& body) {
  const auto rows = read_model_list(body);
  REQUIRE(rows);
  return *rows;
}

TEST_CASE("sizes and prices are read as each server writes them", "[models]") {
  const auto rows = rows_in(kOpenrouter);
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].id() == "openai/gpt-4o");
  CHECK(rows[0].context_tokens() == 100'000);  // what the best provider of it takes
  CHECK(rows[0].output_tokens() == 16'384);
  CHECK(rows[0].input_nanodollars() == 2'500);
  CHECK(rows[0].output_nanodollars() == 10'000);
  CHECK(rows[1].id() == "vendor/new.model");
  CHECK(rows[1].context_tokens() == 64'000);
  CHECK(rows[1].input_nanodollars() == 38);
  CHECK_FALSE(rows[1].has_output_nanodollars());  // -1: nobody knows
  CHECK(rows[2].id() == "vendor/none");
  CHECK_FALSE(says_anything(rows[2]));
  const auto free = rows_in(R"({"data":[{"id":"vendor/given","context_length":64000,
      "pricing":{"prompt":"0","completion":"0"}}]})");
  REQUIRE(free.size() == 1);
  CHECK(names_price(free[0]));
  CHECK_FALSE(free[0].has_cached_nanodollars());
  const auto caching = rows_in(R"({"data":[{"id":"vendor/keeps","context_length":64000,
      "pricing":{"prompt":"0.000003","completion":"0.000015","input_cache_read":"0.0000003"}}]})");
  CHECK(caching[0].cached_nanodollars() == 300);
  CHECK(free[0].input_nanodollars() == 0);

  const auto gemini = rows_in(R"({"models":[{"name":"models/gemini-2.5-flash",
      "inputTokenLimit":1048576,"outputTokenLimit":65536}]})");
  REQUIRE(gemini.size() == 1);
  CHECK(gemini[0].id() == "gemini-2.5-flash");
  CHECK(gemini[0].context_tokens() == 1'048'576);

  for (const char* field : {R"("max_model_len":4096)", R"("context_window":4096)",
                            R"("max_context_length":4096)", R"("meta":{"n_ctx_train":4096})"}) {
    const auto one = rows_in(R"({"data":[{"id":"m",)" + std::string(field) + "}]}");
    REQUIRE(one.size() == 1);
    CHECK(one[0].context_tokens() == 4'096);
  }
  // Ids alone: llama.cpp, LM Studio, OpenAI itself.
  const auto bare = rows_in(R"({"object":"list","data":[{"id":"mistral","object":"model"},
      {"id":"llama3.2"},{"id":"llama3.2"},{"id":"n","context_length":-5}]})");
  REQUIRE(bare.size() == 3);
  CHECK(bare[0].id() == "llama3.2");
  for (const ModelRow& row : bare) CHECK_FALSE(says_anything(row));
}

TEST_CASE("what is no list is an error, and no bytes are more than that", "[models]") {
  for (const char* body : {"", "{}", "[]", "null", R"({"data":{}})", "<html>", R"({"data":[)"}) {
    INFO(body);
    CHECK_FALSE(read_model_list(body));
  }
  CHECK(rows_in(R"({"data":[null,1,"x",[],{"id":5},{"id":"no word","context_length":5},{"id":""},
      {"id":")" +
                std::string(201, 'm') + R"("}]})")
            .empty());
  std::string many = R"({"data":[)";
  for (std::size_t i = 0; i < ModelLists::kRowsMax + 5; ++i) {
    many += R"({"id":"m)" + std::to_string(i) + "\"},";
  }
  many.back() = ']';
  CHECK(rows_in(many + "}").size() == ModelLists::kRowsMax);
  std::minstd_rand random(7);
  for (int round = 0; round < 2'000; ++round) {
    std::string body = kOpenrouter;
    for (int flips = 0; flips < 3; ++flips) {
      body[random() % body.size()] = static_cast<char>(random() % 256);
    }
    const auto rows = read_model_list(body);
    if (rows) CHECK(rows->size() <= 4);
  }
}

TEST_CASE("the user's own rows go first, then the provider's list, then what we ship", "[models]") {
  CatalogueLoaded own;
  CatalogueLoaded catalogue = catalogue_of(CatalogueLoaded(), own);
  const auto shipped = catalogue_row("openrouter", "openai/gpt-4o-mini", catalogue);
  REQUIRE(shipped);
  ModelRow listed;
  listed.set_id("openai/gpt-4o-mini");
  listed.set_context_tokens(1'000);
  catalogue = with_list(catalogue, "openrouter", {listed}, Time{});
  CHECK(catalogue_row("openrouter", "openai/gpt-4o-mini", catalogue)->context_tokens() == 1'000);
  // What the list does not say, others do.
  CHECK(catalogue_row("openrouter", "openai/gpt-4o-mini", catalogue)->input_nanodollars() ==
        shipped->input_nanodollars());
  ModelRow& mine = *own.add_rows();
  mine.set_id("gpt-4o-mini");
  mine.set_context_tokens(2'000);
  mine.set_input_nanodollars(7);
  catalogue = catalogue_of(catalogue, own);
  const auto row = catalogue_row("openrouter", "openai/gpt-4o-mini", catalogue);
  CHECK(row->context_tokens() == 2'000);
  CHECK(row->input_nanodollars() == 7);
  CHECK(row->output_nanodollars() == 0);  // prices are a pair
  // A list survives a start, and so does what was learnt when.
  CHECK(catalogue_of(catalogue, CatalogueLoaded()).lists_size() == 1);
  CHECK(
      catalogue_row("openrouter", "openai/gpt-4o-mini", catalogue_of(catalogue, CatalogueLoaded()))
          ->context_tokens() == 1'000);
}

TEST_CASE("a list that is much older than what we ship yields to it, where we ship anything",
          "[models]") {
  CatalogueLoaded shipped = catalogue_of(CatalogueLoaded(), CatalogueLoaded());
  shipped.set_date("2026-11-10");
  std::vector<ModelRow> rows(3);
  rows[0].set_id("openai/gpt-4o-mini");
  rows[1].set_id("vendor/unheard-of");
  rows[2].set_id("openai/gpt-4o-mini:free");
  for (ModelRow& row : rows) row.set_context_tokens(1'000);
  const Time old = from_milliseconds(1'791'072'000'000);    // 2026-10-04
  const Time fresh = from_milliseconds(1'792'195'200'000);  // 2026-10-17
  const auto size = [&](const char* provider, const char* model, Time listed) {
    const CatalogueLoaded catalogue = with_list(shipped, provider, rows, listed);
    return catalogue_row(provider, model, catalogue)->context_tokens();
  };
  CHECK(size("openrouter", "openai/gpt-4o-mini", fresh) == 1'000);
  CHECK(size("openrouter", "openai/gpt-4o-mini", old) == 128'000);
  // Where it alone knows the model, or names it more exactly, and of a server of the user's own.
  CHECK(size("openrouter", "vendor/unheard-of", old) == 1'000);
  CHECK(size("openrouter", "openai/gpt-4o-mini:free", old) == 1'000);
  CHECK(size("attic", "openai/gpt-4o-mini", old) == 1'000);
  // What is taken from a list that is old by now says so.
  const CatalogueLoaded catalogue = with_list(shipped, "openrouter", rows, fresh);
  const auto told = [&](const char* model, Time now) {
    return old_list_text("openrouter", model, catalogue, now);
  };
  CHECK(told("vendor/unheard-of", fresh + kListFresh).empty());
  CHECK(told("vendor/unheard-of", fresh + kListFresh + Duration(1)) ==
        " What openrouter said of it is of 2026-10-17.");
  CHECK(told("openai/gpt-4o", fresh + kListFresh * 2).empty());
}

TEST_CASE("a row of a list without numbers hides nobody's numbers", "[models]") {
  const CatalogueLoaded without = catalogue_of(CatalogueLoaded(), CatalogueLoaded(), {"attic"});
  CatalogueLoaded catalogue = without;
  std::vector<ModelRow> rows(3);
  rows[0].set_id("gpt-4o-mini");
  rows[1].set_id("openai/gpt-4o-mini");
  rows[2].set_id("unheard-of");
  for (const char* provider : {"openai", "openrouter", "attic", "acme"}) {
    catalogue = with_list(catalogue, provider, rows, Time{});
  }
  for (const char* provider : {"openai", "openrouter", "attic", "acme", "gemini"}) {
    for (const char* model :
         {"gpt-4o-mini", "openai/gpt-4o-mini", "gpt-4o-mini:free", "unheard-of"}) {
      INFO(provider << " " << model);
      const auto row = catalogue_row(provider, model, catalogue);
      const auto before = catalogue_row(provider, model, without);
      REQUIRE(row.has_value() == before.has_value());
      if (row) CHECK(row->SerializeAsString() == before->SerializeAsString());
      CHECK(
          old_list_text(provider, model, catalogue, from_milliseconds(1'791'072'000'000)).empty());
    }
  }
}

TEST_CASE("what a server of the user's own lists is said of that server alone", "[models]") {
  ModelRow listed;
  listed.set_id("gpt-oss-20b");
  listed.set_context_tokens(4'096);
  const CatalogueLoaded catalogue =
      with_list(catalogue_of(CatalogueLoaded(), CatalogueLoaded()), "attic", {listed}, Time{});
  CHECK(catalogue_row("attic", "gpt-oss-20b", catalogue)->context_tokens() == 4'096);
  CHECK(catalogue_row("openrouter", "openai/gpt-oss-20b", catalogue)->context_tokens() == 131'072);
  CHECK_FALSE(catalogue_row("attic", "unheard-of", catalogue));
}

// Asks and answers, at times that the test tells.
struct Asking {
  Time now = from_milliseconds(1'000'000'000'000);
  std::vector<std::string> warnings;
  ModelLists lists;

  explicit Asking(CatalogueLoaded catalogue = catalogue_of(CatalogueLoaded(), CatalogueLoaded()),
                  ProviderSettings asked = provider())
      : lists({std::move(asked)}, std::move(catalogue),
              [this](std::string_view sentence) { warnings.emplace_back(sentence); }) {}

  static ProviderSettings provider() {
    ProviderSettings settings;
    settings.name = "openrouter";
    settings.kind = "openai";
    settings.base_url = "https://openrouter.ai/api/v1";
    settings.api_key = Secret("sk");
    return settings;
  }

  std::optional<Call> asked() {
    Moment moment;
    moment.now = now;
    std::optional<Due> due = lists.due(moment);
    if (!due) return std::nullopt;
    return std::get<Call>(*due);
  }

  std::vector<Fact> answered(CallId call, const std::string& body, int status = 200) {
    CHECK(lists.on_reply(call, ReplyHead{status, {}}, now).empty());
    CHECK(lists.on_reply(call, ReplyBody{body}, now).empty());
    std::vector<Fact> facts = lists.on_reply(call, ReplyEnd{}, now);
    for (const Fact& fact : facts) lists.on_event(fact);
    return facts;
  }
};

TEST_CASE("a provider is asked once a day, and what is news is written down", "[models]") {
  Asking asking;
  const auto call = asking.asked();
  REQUIRE(call);
  const auto& http = std::get<HttpCall>(call->what);
  CHECK(http.method == "GET");
  CHECK(http.target.reveal() == "/api/v1/models");
  CHECK_FALSE(asking.asked());
  const auto facts = asking.answered(call->id, kOpenrouter);
  REQUIRE(facts.size() == 1);
  const CatalogueLoaded& loaded = facts[0].catalogue_loaded();
  CHECK(loaded.lists(0).provider() == "openrouter");
  CHECK(catalogue_row("openrouter", "vendor/new.model", loaded)->context_tokens() == 64'000);
  CHECK_FALSE(asking.asked());
  CHECK(asking.lists.wake_at(asking.now) == asking.now + ModelLists::kEvery);

  // The same again is no news, but for its date after two weeks; a model more is, after a week;
  // another price is at once.
  asking.now += ModelLists::kEvery;
  CHECK(asking.answered(asking.asked()->id, kOpenrouter).empty());
  const std::string more = kOpenrouter.substr(0, kOpenrouter.rfind("{\"id\":\"vendor/none")) +
                           R"({"id":"one/more","context_length":5000}]})";
  asking.now += ModelLists::kEvery;
  CHECK(asking.answered(asking.asked()->id, more).empty());
  asking.now += ModelLists::kOfNewModels;
  CHECK(asking.answered(asking.asked()->id, more).size() == 1);
  std::string dearer = more;
  dearer.replace(dearer.find("0.0000025"), 9, "0.0000026");
  asking.now += ModelLists::kEvery;
  CHECK(asking.answered(asking.asked()->id, dearer).size() == 1);
  asking.now += ModelLists::kOfNoNews - Duration(1);
  CHECK(asking.answered(asking.asked()->id, dearer).empty());
  asking.now += ModelLists::kEvery;
  const auto still = asking.answered(asking.asked()->id, dearer);
  REQUIRE(still.size() == 1);
  CHECK(still[0].catalogue_loaded().lists(0).time() == to_milliseconds(asking.now));
}

TEST_CASE("a server on this machine that was started with another model is heard the next day",
          "[models]") {
  ProviderSettings local;
  local.name = "local";
  local.kind = "openai";
  local.base_url = "http://127.0.0.1:8080/v1";
  local.needs_key = false;
  Asking asking(CatalogueLoaded(), local);
  CHECK(asking.answered(asking.asked()->id, R"({"data":[{"id":"llama3.2"}]})").size() == 1);
  asking.now += ModelLists::kEvery;
  CHECK(asking.answered(asking.asked()->id, R"({"data":[{"id":"llama3.2"}]})").empty());
  asking.now += ModelLists::kEvery;
  const auto facts = asking.answered(asking.asked()->id, R"({"data":[{"id":"mistral"}]})");
  REQUIRE(facts.size() == 1);
  REQUIRE(facts[0].catalogue_loaded().rows_size() == 1);
  CHECK(facts[0].catalogue_loaded().rows(0).id() == "mistral");
}

TEST_CASE("what is too long with the lists of others is not kept", "[models]") {
  std::vector<ModelRow> rows;
  for (std::size_t i = 0; i < ModelLists::kRowsMax; ++i) {
    rows.emplace_back().set_id(std::to_string(i) + std::string(190, 'x'));
  }
  Asking asking(with_list(CatalogueLoaded(), "attic", rows, Time{}));
  std::string list = R"({"data":[)";
  for (const ModelRow& row : rows) list += R"({"id":")" + row.id() + "\"},";
  list.back() = ']';
  CHECK(asking.answered(asking.asked()->id, list + "}").empty());
  REQUIRE(asking.warnings.size() == 1);
  asking.now += ModelLists::kAfterFailure;
  CHECK(asking.answered(asking.asked()->id, kOpenrouter).size() == 1);
}

TEST_CASE("a start goes on from what the journal says was asked", "[models]") {
  Asking asking;
  const auto facts = asking.answered(asking.asked()->id, kOpenrouter);
  REQUIRE(facts.size() == 1);
  Asking again(facts[0].catalogue_loaded());
  again.now = asking.now + Duration(1'000);
  CHECK_FALSE(again.asked());
  again.now = asking.now + ModelLists::kEvery;
  CHECK(again.asked());
}

TEST_CASE("a failure is tried again in an hour and changes nothing", "[models]") {
  Asking asking;
  for (const int status : {500, 401}) {
    CHECK(asking.answered(asking.asked()->id, kOpenrouter, status).empty());
    CHECK_FALSE(asking.asked());
    asking.now += ModelLists::kAfterFailure;
  }
  CHECK(asking.answered(asking.asked()->id, "<html>").empty());
  asking.now += ModelLists::kAfterFailure;
  const CallId call = asking.asked()->id;
  CHECK(asking.lists.on_reply(call, ReplyFailed{}, asking.now).empty());
  CHECK(asking.lists.wake_at(asking.now) == asking.now + ModelLists::kAfterFailure);
  // It is said once, until it works again.
  REQUIRE(asking.warnings.size() == 1);
  CHECK(asking.warnings[0].starts_with("openrouter did not list its models: HTTP 500;"));
  asking.now += ModelLists::kAfterFailure;
  CHECK(asking.answered(asking.asked()->id, kOpenrouter).size() == 1);
  asking.now += ModelLists::kEvery;
  CHECK(asking.answered(asking.asked()->id, "<html>").empty());
  CHECK(asking.warnings.size() == 2);
}

TEST_CASE("a server that has no list is asked again tomorrow, and nobody is warned", "[models]") {
  Asking asking;
  CHECK(asking.answered(asking.asked()->id, "", 404).empty());
  CHECK(asking.lists.wake_at(asking.now) == asking.now + ModelLists::kEvery);
  CHECK(asking.warnings.empty());
}

TEST_CASE("nobody is asked without a key, in the clear, or in vain", "[models]") {
  const auto asks = [](ProviderSettings settings) {
    ModelLists lists({std::move(settings)}, CatalogueLoaded(), [](std::string_view) {});
    return lists.due(Moment{}).has_value();
  };
  CHECK(asks(Asking::provider()));
  ProviderSettings keyless = Asking::provider();
  keyless.api_key = Secret();
  CHECK_FALSE(asks(keyless));
  ProviderSettings plain = Asking::provider();
  plain.base_url = "http://example.org/v1";
  CHECK_FALSE(asks(plain));
  ProviderSettings openai = Asking::provider();
  openai.name = "openai";
  openai.base_url = "https://api.openai.com/v1";
  CHECK(asks(openai));
  Asking asking(CatalogueLoaded(), openai);
  const auto http = std::get<HttpCall>(asking.asked()->what);
  CHECK(http.target.reveal() == "/v1/models");
  REQUIRE(http.headers.size() == 2);
  CHECK(http.headers[1].name == "Authorization");
  CHECK(http.headers[1].value.reveal() == "Bearer sk");
  ProviderSettings echo = Asking::provider();
  echo.kind = "echo";
  CHECK_FALSE(asks(echo));
  Moment stopping;
  stopping.taking_in = false;
  ModelLists lists({Asking::provider()}, CatalogueLoaded(), [](std::string_view) {});
  CHECK_FALSE(lists.due(stopping));
  CHECK(lists.wake_at(Time{}) == kNever);
}

}  // namespace daybook::model_lists_test
