// The loop that all providers share: when calls start and end, and what errors mean.
#include "adapters/provider.h"

#include <catch2/catch.hpp>

#include "adapters/provider_error.h"
#include "adapters/wire/utf8.h"
#include "tests/provider_driver.h"

namespace daybook::provider_test {

using provider_driver::Driver;
using provider_driver::Outcome;
using provider_driver::settings_for;

constexpr std::string_view kKey = "sk-canary-0123456789";

ProviderSettings remote(std::string name = "openrouter") {
  return settings_for(std::move(name), "openai", "https://openrouter.ai/api/v1");
}

std::string delta(const std::string& text) {
  return "data: {\"choices\":[{\"delta\":{\"content\":\"" + text + "\"}}]}\n\n";
}
const std::string kStop = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

TEST_CASE("a turn is due once, as one call that follows the settings", "[provider]") {
  Driver driver(remote());
  driver.start_turn();
  const auto call = driver.due_call();
  REQUIRE(call.has_value());
  const HttpCall& http = std::get<HttpCall>(call->what);
  REQUIRE(http.label == "openrouter chat");
  REQUIRE(http.origin == Origin{true, "openrouter.ai", 443});
  REQUIRE(http.method == "POST");
  REQUIRE(http.target.reveal() == "/api/v1/chat/completions");
  REQUIRE(http.pool == "provider openrouter");
  REQUIRE(http.stream);
  REQUIRE_FALSE(http.repeatable);
  REQUIRE(http.body_bytes_max == Provider::kStreamBytesMax);
  REQUIRE(http.deadlines.first_byte == std::chrono::seconds(120));
  REQUIRE(http.deadlines.idle == std::chrono::seconds(90));
  REQUIRE(http.deadlines.total == std::chrono::minutes(30));
  REQUIRE_FALSE(driver.due().has_value());
  REQUIRE(driver.adapter->wake_at(driver.now) == kNever);
  REQUIRE_FALSE(driver.adapter->idle());
}

TEST_CASE("a server on this machine may take ten minutes to begin", "[provider]") {
  Driver driver(settings_for("local", "openai", "http://localhost:1234/v1"));
  driver.start_turn();
  const auto call = driver.due_call();
  const HttpCall& http = std::get<HttpCall>(call->what);
  REQUIRE(http.deadlines.first_byte == std::chrono::minutes(10));
  REQUIRE_FALSE(http.origin.tls);
}

TEST_CASE("who thinks, and one's own server elsewhere, may be silent as long", "[provider]") {
  const auto silence = [](ProviderSettings settings, const std::string& thinking) {
    settings.insecure = true;
    Driver driver(settings);
    driver.prompts.value.thinking = thinking;
    driver.start_turn();
    const HttpCall http = std::get<HttpCall>(driver.due_call()->what);
    return std::pair(http.deadlines.first_byte, http.deadlines.idle);
  };
  const std::pair<Duration, Duration> slow(600'000, 600'000);
  CHECK(silence(remote(), "high") == slow);
  CHECK(silence(settings_for("lan", "openai", "http://192.168.1.10:1234/v1"), "") == slow);
  CHECK(silence(remote(), "off") == std::pair<Duration, Duration>(120'000, 90'000));
}

TEST_CASE("a good status with what is no answer says what it is", "[provider]") {
  const auto sent = [](const std::string& type, const std::string& body) {
    Driver driver(remote());
    return driver.answer({200, {{"content-type", type}}}, body, 7);
  };
  const Outcome page = sent("text/html; charset=utf-8", "<html>\n\nWelcome</html>");
  CHECK(page.failed().error() == PEER);
  CHECK(page.end->content().detail().find("text/html: check") != std::string::npos);
  const Outcome error = sent("text/plain", R"({"error":{"message":"no such path","code":404}})");
  CHECK(error.failed().error() == REQUEST);
  CHECK(error.end->content().detail() == "no such path");
  CHECK(sent("text/plain", delta("Some") + kStop).text == "Some");
  CHECK(sent("text/plain", delta("Some")).failed().error() == TRUNCATED);
}

TEST_CASE("chunks name their turn, attempt and cause", "[provider]") {
  Driver driver(remote());
  const Seq turn = driver.start_turn();
  const Seq retried = driver.retry(turn, 2);
  const auto call = driver.due_call();
  driver.reply(call->id, ReplyHead{200, {}});
  const auto facts = driver.reply(call->id, ReplyBody{delta("a") + delta("") + delta("b")});
  REQUIRE(facts.size() == 2);
  REQUIRE(facts[0].chunk_received().turn() == turn);
  REQUIRE(facts[0].chunk_received().attempt() == 2);
  REQUIRE(facts[0].chunk_received().kind() == TEXT);
  REQUIRE(facts[0].cause() == retried);
  REQUIRE(facts[0].session() == 7);
  REQUIRE(facts[1].content().text() == "b");
}

TEST_CASE("an ended attempt is not begun again before its fact is committed", "[provider]") {
  Driver driver(remote());
  const Seq turn = driver.start_turn();
  const auto call = driver.due_call();
  const auto facts =
      driver.reply(call->id, ReplyFailed{ReplyFailed::Reason::kConnect, false, "refused"});
  REQUIRE(facts.size() == 1);
  REQUIRE(driver.adapter->idle());
  REQUIRE_FALSE(driver.due().has_value());
  driver.commit(facts[0]);
  REQUIRE_FALSE(driver.due().has_value());
  driver.retry(turn, 2);
  REQUIRE(driver.due_call().has_value());
}

TEST_CASE("a retry waits for its time", "[provider]") {
  Driver driver(remote());
  const Seq turn = driver.start_turn();
  const auto call = driver.due_call();
  driver.reply(call->id, ReplyFailed{});
  Event event;
  event.mutable_turn_retried()->set_turn(turn);
  event.mutable_turn_retried()->set_attempt(2);
  event.mutable_turn_retried()->set_not_before(to_milliseconds(driver.now) + 500);
  driver.commit(event);
  REQUIRE_FALSE(driver.due().has_value());
  REQUIRE(driver.adapter->wake_at(driver.now) == driver.now + Duration(500));
  driver.now += Duration(500);
  REQUIRE(driver.due_call().has_value());
}

TEST_CASE("a turn that ended some other way takes its call with it", "[provider]") {
  for (const int way : {0, 1, 2}) {
    Driver driver(remote());
    const Seq turn = driver.start_turn();
    const auto call = driver.due_call();
    Event event;
    if (way == 0) event.mutable_turn_cancelled()->set_turn(turn);
    if (way == 1) event.mutable_turn_abandoned()->set_turn(turn);
    if (way == 2) event.mutable_turn_failed()->set_turn(turn);
    driver.commit(event);
    REQUIRE(driver.adapter->wake_at(driver.now) == driver.now);
    REQUIRE(std::get<Cancel>(*driver.due()).id == call->id);
    REQUIRE_FALSE(driver.due().has_value());
    REQUIRE(driver.reply(call->id, ReplyBody{delta("late")}).empty());
    REQUIRE(driver.adapter->idle());
  }
}

TEST_CASE("a superseded attempt is cancelled and the next one begins", "[provider]") {
  Driver driver(remote());
  const Seq turn = driver.start_turn();
  const auto first = driver.due_call();
  driver.reply(first->id, ReplyHead{200, {}});
  driver.retry(turn, 2);
  REQUIRE(std::get<Cancel>(*driver.due()).id == first->id);
  const auto second = driver.due_call();
  REQUIRE(second->id != first->id);
  REQUIRE(driver.reply(first->id, ReplyBody{delta("old")}).empty());
  driver.reply(second->id, ReplyHead{200, {}});
  const auto facts = driver.reply(second->id, ReplyBody{delta("new")});
  REQUIRE(facts.size() == 1);
  REQUIRE(facts[0].chunk_received().attempt() == 2);
}

TEST_CASE("a call of one turn is not touched by the end of another", "[provider]") {
  Driver driver(remote());
  const Seq one = driver.start_turn();
  const auto first = driver.due_call();
  driver.start_turn();
  const auto second = driver.due_call();
  driver.cancel(one);
  REQUIRE(std::get<Cancel>(*driver.due()).id == first->id);
  driver.reply(second->id, ReplyHead{200, {}});
  REQUIRE(driver.reply(second->id, ReplyBody{delta("a")}).size() == 1);
}

TEST_CASE("while nothing is taken in no turn begins, and a begun one goes on", "[provider]") {
  Driver driver(remote());
  driver.taking_in = false;
  const Seq turn = driver.start_turn();
  REQUIRE_FALSE(driver.due().has_value());
  REQUIRE(driver.adapter->wake_at(driver.now) == kNever);
  driver.retry(turn, 2);
  REQUIRE(driver.due_call().has_value());
}

TEST_CASE("turns of other providers are left alone", "[provider]") {
  Driver driver(remote("openai"));
  Event event;
  event.mutable_turn_started()->set_provider("openrouter");
  driver.commit(event);
  REQUIRE_FALSE(driver.due().has_value());
}

TEST_CASE("what cannot be asked fails as a fact, in plain words", "[provider]") {
  const auto failure_of = [](Driver& driver) {
    const Seq turn = driver.start_turn();
    const auto due = driver.due();
    const Fact fact = std::get<Fact>(*due);
    REQUIRE(fact.attempt_failed().turn() == turn);
    REQUIRE(fact.attempt_failed().attempt() == 1);
    REQUIRE_FALSE(driver.due().has_value());
    REQUIRE(driver.adapter->idle());
    return fact;
  };
  ProviderSettings keyless = remote();
  keyless.api_key = Secret();
  Driver without_key(keyless);
  const Fact no_key = failure_of(without_key);
  REQUIRE(no_key.attempt_failed().error() == SETTINGS);
  REQUIRE(no_key.content().detail().find("providers.openrouter.api_key") != std::string::npos);

  Driver bad_url(settings_for("mine", "openai", "gopher://x"));
  REQUIRE(failure_of(bad_url).attempt_failed().error() == SETTINGS);

  Driver plain(settings_for("mine", "openai", "http://models.example.org/v1"));
  REQUIRE(failure_of(plain).attempt_failed().error() == SETTINGS);

  Driver no_prompt(remote());
  no_prompt.prompts.error = Error{"the words were erased", ExitCode::kInternal};
  REQUIRE(failure_of(no_prompt).attempt_failed().error() == REQUEST);

  Driver no_words(remote());
  no_words.prompts.value.messages = {{Entry::USER, ""}};
  REQUIRE(failure_of(no_words).attempt_failed().error() == REQUEST);
}

TEST_CASE("a connection's failure has a class of its own", "[provider]") {
  using Reason = ReplyFailed::Reason;
  struct Case {
    Reason reason;
    ErrorClass before;
    ErrorClass after;
  };
  for (const Case& one :
       {Case{Reason::kResolve, NETWORK, TRUNCATED}, Case{Reason::kConnect, NETWORK, TRUNCATED},
        Case{Reason::kTls, NETWORK, TRUNCATED}, Case{Reason::kClosed, NETWORK, TRUNCATED},
        Case{Reason::kStalled, STALLED, STALLED}, Case{Reason::kProtocol, PEER, PEER},
        Case{Reason::kRefused, SETTINGS, SETTINGS}, Case{Reason::kUntrusted, UNSAFE, UNSAFE}}) {
    Driver driver(remote());
    const ReplyFailed failed{one.reason, true, "plain words"};
    const Outcome before = driver.stream("", 1, failed);
    REQUIRE(before.failed().error() == one.before);
    REQUIRE(before.end->content().detail() == "plain words");
    const Outcome after = driver.stream(delta("Some"), SIZE_MAX, failed);
    REQUIRE(after.failed().error() == one.after);
    REQUIRE(after.end->content().text() == "Some");
    const Outcome whole = driver.stream(delta("Some") + kStop, SIZE_MAX, failed);
    REQUIRE(whole.completed());
  }
}

TEST_CASE("comments alone are no answer and no error", "[provider]") {
  Driver driver(remote());
  const Outcome outcome = driver.stream(": ping\n\n: ping\n\n" + delta("a") + ": ping\n\n" + kStop);
  REQUIRE(outcome.completed());
  REQUIRE(outcome.facts.size() == 2);
  REQUIRE(driver.stream(": ping\n\n: ping\n\n").failed().error() == TRUNCATED);
}

TEST_CASE("a stream beyond the limits of its framing is the peer's fault", "[provider]") {
  Driver driver(remote());
  const Outcome outcome =
      driver.stream(delta("a") + "data: " + std::string(sse::kLineBytesMax + 1, 'x'), 65'536);
  REQUIRE(outcome.failed().error() == PEER);
  REQUIRE(outcome.end->content().text() == "a");
}

struct StatusCase {
  int status;
  std::string body;
  HeaderList headers;
  ErrorClass error;
  std::int64_t retry_after = 0;
};

std::string message_body(const std::string& message) {
  return "{\"error\":{\"message\":\"" + message + "\"}}";
}
std::string code_body(const std::string& code, const std::string& metadata = "{}") {
  return "{\"error\":{\"message\":\"x\",\"code\":\"" + code + "\",\"metadata\":" + metadata + "}}";
}

void expect(const std::vector<StatusCase>& cases) {
  for (const StatusCase& one : cases) {
    INFO(one.status << " " << one.body);
    Driver driver(remote());
    const Outcome outcome = driver.status(one.status, one.body, one.headers);
    REQUIRE(outcome.facts.size() == 1);
    REQUIRE(outcome.failed().error() == one.error);
    REQUIRE(outcome.failed().status() == one.status);
    REQUIRE(outcome.failed().retry_after() == one.retry_after);
    REQUIRE_FALSE(outcome.end->content().detail().empty());
  }
}

TEST_CASE("every status has its class", "[provider]") {
  for (const std::string& body :
       {std::string(), std::string("<html>no</html>"), message_body("x"), std::string("\xFF\xFE{"),
        std::string("{\"detail\":\"x\"}"), std::string("null")}) {
    expect({{400, body, {}, REQUEST},
            {401, body, {}, AUTH},
            {402, body, {}, FUNDS},
            {403, body, {}, AUTH},
            {404, body, {}, REQUEST},
            {408, body, {}, OVERLOAD},
            {409, body, {}, REQUEST},
            {413, body, {}, OVERFLOW},
            {422, body, {}, REQUEST},
            {429, body, {}, RATE},
            {500, body, {}, OVERLOAD},
            {502, body, {}, OVERLOAD},
            {503, body, {}, OVERLOAD},
            {504, body, {}, OVERLOAD},
            {524, body, {}, OVERLOAD},
            {529, body, {}, OVERLOAD},
            {301, body, {}, SETTINGS}});
  }
}

TEST_CASE("the words of an error refine its class", "[provider]") {
  const std::string in_flight = R"({"limit_source":"openrouter_in_flight_budget"})";
  const std::string spent =
      R"({"type":"error","error":{"type":"invalid_request_error","message":"x",)"
      R"("details":{"error_code":"enforced_spend_limit_reached"}}})";
  const std::string flagged = R"({"reasons":["violence"],"flagged_input":"x"})";
  const std::string too_long = R"({"error_type":"context_length_exceeded"})";
  // As remembered of Groq's free tier: the request by itself is over what a minute allows.
  const std::string groq =
      R"({"error":{"message":"Request too large for model `m` on tokens per minute (TPM): )"
      R"(Limit 6000, Requested 9000","type":"tokens","code":"rate_limit_exceeded"}})";
  expect({
      {402, code_body("x", in_flight), {{"retry-after", "3"}}, RATE, 3'000},
      {403, code_body("x", flagged), {}, REFUSED},
      {400, spent, {}, FUNDS},
      {429, spent, {}, FUNDS},
      {403, code_body("x", R"({"error_type":"content_policy_violation"})"), {}, REFUSED},
      {400, code_body("context_length_exceeded"), {}, OVERFLOW},
      {400, code_body("x", too_long), {}, OVERFLOW},
      {429, code_body("insufficient_quota"), {}, FUNDS},
      {429, message_body("Rate limit: too many tokens"), {}, RATE},
      {413, code_body("rate_limit_exceeded"), {}, OVERFLOW},
      {413, groq, {}, OVERFLOW},
      {413, message_body("Rate limit reached, too many tokens"), {}, RATE},
      {400, R"({"object":"error","message":"prompt is too long","code":400})", {}, OVERFLOW},
      {422, R"({"detail":[{"loc":["body"],"msg":"field required"}]})", {}, REQUEST},
  });
}

TEST_CASE("a model that a key may not ask is like one that is not there", "[provider]") {
  const std::string openai =
      R"({"error":{"message":"Project `p` does not have access to model `gpt-5`",)"
      R"("type":"invalid_request_error","param":null,"code":"model_not_found"}})";
  for (const std::string& body :
       {openai, code_body("model_not_found"), message_body("You have no access to the model x."),
        message_body("You do not have permission to use this model."),
        message_body("Model gpt-5 does not exist or you may not use it")}) {
    INFO(body);
    Driver driver(remote());
    const Outcome outcome = driver.status(403, body);
    CHECK(outcome.failed().error() == REQUEST);
    CHECK(outcome.failed().status() == 403);
  }
  expect({{403, message_body("Your key was revoked."), {}, AUTH},
          {403, code_body("permission_denied"), {}, AUTH},
          {403, message_body("The model's input was flagged: not allowed"), {}, REFUSED}});
}

TEST_CASE("a model that is not there is told from a request that is wrong", "[provider]") {
  const auto missing = [](int status, const std::string& body) {
    return Driver(remote()).status(status, body).failed().missing_model();
  };
  CHECK(missing(404, R"({"error":"model 'x' not found"})"));
  CHECK(
      missing(404, R"({"type":"error","error":{"type":"not_found_error","message":"model: x"}})"));
  CHECK(missing(400, message_body("x/y is not a valid model ID")));
  CHECK(missing(400, message_body("Model Not Exist")));
  CHECK(missing(400, message_body("Invalid model: x")));
  CHECK(missing(400, message_body("* GenerateContentRequest.model: unexpected model name format")));
  CHECK(missing(400, code_body("model_not_found")));
  CHECK(missing(403, code_body("model_not_found")));
  CHECK_FALSE(missing(400, message_body("messages: at least one is required")));
  CHECK_FALSE(missing(422, message_body("temperature is not valid for this model")));
  CHECK_FALSE(missing(401, message_body("no such model, no such key")));
}

TEST_CASE("what may be asked in a day is used up until its reset", "[provider]") {
  const std::int64_t ahead = 7 * 3'600'000;
  const std::string reset = std::to_string(to_milliseconds(Driver(remote()).now) + ahead);
  const std::string free = "Rate limit exceeded: free-models-per-day. Add 10 credits";
  const std::string told = R"({"error":{"message":")" + free +
                           R"(","code":429,"metadata":{"headers":{"X-RateLimit-Reset":")" + reset +
                           R"("}}}})";
  const HeaderList headers = {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", reset}};
  const HeaderList left = {{"x-ratelimit-remaining", "9"}, {"x-ratelimit-reset", reset}};
  expect({{429, told, {}, FUNDS, ahead},
          {429, message_body(free), headers, FUNDS, ahead},
          {429, message_body(free), {}, FUNDS, kNotToday},
          {429, message_body("slower"), headers, RATE, ahead},
          {429, message_body("slower"), left, RATE, 0},
          {503, message_body("busy"), headers, OVERLOAD, 0},
          {429, code_body("insufficient_quota"), {{"x-should-retry", "false"}}, FUNDS, -2}});
  // Models that cost something may be asked.
  CHECK(Driver(remote()).status(429, told).failed().model_alone());
}

TEST_CASE("the provider's wait is passed on, whatever its spelling", "[provider]") {
  const std::string words = message_body("Rate limit. Please try again in 6m0s.");
  expect({
      {429, "", {{"retry-after", "12"}}, RATE, 12'000},
      {429, "", {{"retry-after-ms", "250"}, {"retry-after", "9"}}, RATE, 250},
      {429,
       "",
       {{"retry-after", "Fri, 20 Nov 2026 10:00:05 GMT"},
        {"date", "Fri, 20 Nov 2026 10:00:00 GMT"}},
       RATE,
       5'000},
      {429, "", {{"retry-after", "1" + std::string(30, '0')}}, RATE, 3'600'000},
      {429, "", {{"retry-after", "-7"}}, RATE, 0},
      {429, "", {{"retry-after", "whenever"}}, RATE, 0},
      {503, "", {{"retry-after", "2"}}, OVERLOAD, 2'000},
      {429, words, {}, RATE, 360'000},
      {503, "", {{"x-should-retry", "false"}}, OVERLOAD, kNotThisRequest},
      {429, "", {{"x-should-retry", "false"}, {"retry-after", "9"}}, RATE, kNotThisRequest},
  });
}

TEST_CASE("overflow is known by its many wordings, and not mistaken for a rate", "[provider]") {
  for (const auto* message :
       {"prompt is too long: 210000 tokens > 200000 maximum",
        "Your input exceeds the context window of this model.",
        "This model's maximum context length is 8192 tokens. However, you requested 9000",
        "The input token count (1200000) exceeds the maximum number of tokens allowed",
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens",
        "Please reduce the length of the messages or completion",
        "the request exceeds the available context size, try increasing it",
        "Input length 131393 exceeds the maximum allowed input length of 131040 tokens",
        "Prompt too long; exceeded max context length by 4 tokens", "Too many tokens"}) {
    INFO(message);
    REQUIRE(means_overflow(message));
  }
  for (const auto* message : {"Rate limit reached: too many tokens per minute", "", "too long",
                              "Too many requests: token limit exceeded", "invalid model",
                              "Throttling error: Too many tokens, please wait"}) {
    INFO(message);
    REQUIRE_FALSE(means_overflow(message));
  }
}

TEST_CASE("a peer's words are cut, escaped and valid before they are kept", "[provider]") {
  REQUIRE(clean_words("a\x1b[31mred\x07\nline\x7f", {}) == "a\\x1b[31mred\\x07 line\\x7f");
  REQUIRE(clean_words("c1 \xC2\x9B end", {}) == "c1 \\x9b end");
  REQUIRE(clean_words(std::string("nul\0byte", 8), {}) == "nul\\x00byte");
  REQUIRE(clean_words("bad \xFF byte", {}) == "bad \uFFFD byte");
  const std::string cut = clean_words(std::string(499, 'a') + "\u20ac\u20ac", {});
  REQUIRE(cut == std::string(499, 'a'));
  REQUIRE(clean_words(std::string(9'999'999, '\x01'), {}).size() <= kDetailBytesMax);
}

TEST_CASE("a key echoed by the peer reaches no fact", "[provider]") {
  const std::string key(kKey);
  const auto clean = [&](const Outcome& outcome) {
    for (const Fact& fact : outcome.facts) {
      const std::string bytes = fact.SerializeAsString();
      REQUIRE(bytes.find(key) == std::string::npos);
      REQUIRE(bytes.find("canary-01234567") == std::string::npos);
    }
  };
  Driver driver(remote());
  for (const std::string& body :
       {"{\"error\":{\"message\":\"bad Authorization: Bearer " + key + "\"}}",
        "{\"error\":{\"code\":\"" + key + "\"}}", "Bearer " + key, "<pre>" + key + key + "</pre>",
        "cut off in the key " + key.substr(0, key.size() - 1), std::string(490, 'a') + key,
        key.substr(0, 9) + key}) {
    clean(driver.status(401, body));
    clean(driver.status(500, body));
  }
  clean(driver.stream("data: {\"error\":{\"message\":\"" + key + "\"}}\n\n"));
  clean(driver.stream("data: {\"id\":\"" + key + "\",\"model\":\"x" + key + "\"}\n\n" + kStop));
  clean(driver.answer({200, {{"x-generation-id", key}}}, kStop));
  clean(driver.stream("", 1, ReplyFailed{ReplyFailed::Reason::kProtocol, true, "saw " + key}));
}

TEST_CASE("the label of a call holds no key", "[provider]") {
  for (const auto* kind : {"openai", "gemini"}) {
    Driver driver(settings_for("mine", kind, "https://example.org"));
    driver.start_turn();
    const auto call = driver.due_call();
    const HttpCall& http = std::get<HttpCall>(call->what);
    REQUIRE(http.label.find(kKey) == std::string::npos);
    REQUIRE(http.target.reveal().find(kKey) == std::string::npos);
    REQUIRE(http.body.find(kKey) == std::string::npos);
    REQUIRE(http.pool.find(kKey) == std::string::npos);
  }
}

TEST_CASE("an error body is read up to a limit", "[provider]") {
  Driver driver(remote());
  const Outcome outcome = driver.status(500, std::string(1'000'000, 'x'));
  REQUIRE(outcome.failed().error() == OVERLOAD);
  REQUIRE(outcome.end->content().detail() == std::string(kDetailBytesMax, 'x'));
  const Outcome broken = driver.answer({429, {{"retry-after", "2"}}}, "half", SIZE_MAX,
                                       ReplyFailed{ReplyFailed::Reason::kClosed, true, "closed"});
  REQUIRE(broken.failed().error() == RATE);
  REQUIRE(broken.failed().retry_after() == 2'000);
}

TEST_CASE("an error wrapped in an error is unwrapped", "[provider]") {
  Driver driver(remote());
  const Outcome outcome = driver.status(
      400, R"({"error":{"message":"{\"error\":{\"message\":\"prompt is too long\"}}"}})");
  REQUIRE(outcome.failed().error() == OVERFLOW);
  REQUIRE(outcome.end->content().detail() == "prompt is too long");
}

// What came of an answer that was longer than we take.
void expect_cut(const Outcome& outcome, const std::string& text) {
  REQUIRE(outcome.completed());
  CHECK(outcome.end->turn_completed().finish() == LENGTH);
  CHECK(outcome.text == text);
  CHECK(outcome.end->content().text() == text);
}

TEST_CASE("an answer longer than an event may hold ends at its length", "[provider]") {
  Driver driver(remote());
  const std::string half(Provider::kAnswerBytesMax / 2, 'a');
  expect_cut(driver.stream(delta(half) + delta(half) + delta("b") + kStop), half + half);
  // The rest is neither waited for nor paid.
  CHECK(std::holds_alternative<Cancel>(*driver.due()));
  CHECK(driver.adapter->idle());
  const std::string whole = half + half.substr(1) + "\u20ac";
  expect_cut(driver.answer({200, {{"content-type", "application/json"}}},
                           R"({"choices":[{"message":{"content":")" + whole +
                               R"("},"finish_reason":"stop"}]})"),
             half + half.substr(1));
}

TEST_CASE("a stream may be far longer than what it says", "[provider]") {
  Driver driver(remote());
  const std::string padding(400, 'x');
  std::string body;
  for (int token = 0; token < 40'000; ++token) {
    body += R"(data: {"id":")" + padding +
            R"(","choices":[{"delta":{"reasoning":"ab"}}]})"
            "\n\n";
  }
  REQUIRE(body.size() > 16u << 20);
  const Outcome outcome = driver.stream(body + delta("Said.") + kStop, 65'536);
  REQUIRE(outcome.completed());
  CHECK(outcome.end->turn_completed().finish() == STOP);
  CHECK(outcome.text == "Said.");
  CHECK(outcome.reasoning.size() == 80'000);
}

TEST_CASE("a stream over its limit ends with what came of it", "[provider]") {
  using Reason = ReplyFailed::Reason;
  Driver driver(remote());
  const ReplyFailed failed{Reason::kTooLarge, true, "too long"};
  expect_cut(driver.stream(delta("Some"), SIZE_MAX, failed), "Some");
  const std::string called =
      R"(data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":)"
      R"({"name":"journal_search","arguments":"{"}}]}}]})"
      "\n\n";
  driver.prompts.value.tools = tools();
  expect_cut(driver.stream(delta("Some") + called, SIZE_MAX, failed), "Some");
  const Outcome silent = driver.stream(": ping\n\n", SIZE_MAX, failed);
  CHECK(silent.failed().error() == PEER);
}

TEST_CASE("thoughts are bounded apart from what is said", "[provider]") {
  Driver driver(remote());
  const std::string thought(Provider::kAnswerBytesMax, 't');
  const std::string event = R"(data: {"choices":[{"delta":{"reasoning":")" + thought + "\"}}]}\n\n";
  std::string body;
  for (std::size_t bytes = 0; bytes < Provider::kReasoningBytesMax; bytes += thought.size()) {
    body += event;
  }
  const Outcome whole = driver.stream(body + delta("Said.") + kStop);
  REQUIRE(whole.completed());
  CHECK(whole.end->turn_completed().finish() == STOP);
  CHECK(whole.reasoning.size() == Provider::kReasoningBytesMax);
  const Outcome more = driver.stream(body + event + delta("Said.") + kStop);
  expect_cut(more, "");
  CHECK(more.reasoning.size() == Provider::kReasoningBytesMax);
}

TEST_CASE("an answer that is no stream is gathered up to a limit", "[provider]") {
  Driver driver(remote());
  const std::string body(Provider::kBodyBytesMax + 1, ' ');
  const Outcome outcome = driver.answer({200, {{"content-type", "application/json"}}}, body);
  CHECK(outcome.failed().error() == PEER);
  CHECK(outcome.end->content().detail().find("longer than 16777216 bytes") != std::string::npos);
}

}  // namespace daybook::provider_test
