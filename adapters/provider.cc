// The common loop. An attempt lives in attempts_ from its call until its last reply; its turn stays
// in started_ until an event moves the turn on, so that a fact on its way to the disk cannot start
// it again.
#include "adapters/provider.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "adapters/echo.h"
#include "adapters/gemini.h"
#include "adapters/openai_chat.h"
#include "adapters/wire/utf8.h"
#include "core/check.h"
#include "core/session.h"
#include "core/tokens.h"

namespace daybook {
namespace {

constexpr std::size_t kNameBytesMax = 200;

template <class... Cases>
struct ReplyCases : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
ReplyCases(Cases...) -> ReplyCases<Cases...>;

bool succeeded(int status) { return status >= 200 && status < 300; }

std::string type_of(const HeaderList& headers) {
  std::string type(header_value(headers, "content-type").substr(0, 64));
  for (char& c : type) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return type.substr(0, type.find_first_of("; "));
}

ErrorClass class_of_failure(ReplyFailed::Reason reason, bool began) {
  switch (reason) {
    case ReplyFailed::Reason::kStalled:
      return STALLED;
    case ReplyFailed::Reason::kProtocol:
    case ReplyFailed::Reason::kTooLarge:
      return PEER;
    case ReplyFailed::Reason::kRefused:
      return SETTINGS;
    case ReplyFailed::Reason::kUntrusted:
      return UNSAFE;
    case ReplyFailed::Reason::kResolve:
    case ReplyFailed::Reason::kConnect:
    case ReplyFailed::Reason::kTls:
    case ReplyFailed::Reason::kClosed:
      break;
  }
  return began ? TRUNCATED : NETWORK;
}

}  // namespace

Provider::Provider(ProviderSettings settings, std::unique_ptr<Dialect> dialect, const Work& work,
                   Prompts& prompts)
    : settings_(std::move(settings)),
      url_(parse_url(settings_.base_url)),
      dialect_(std::move(dialect)),
      work_(work),
      prompts_(prompts) {
  if (!settings_.api_key.empty()) secrets_.push_back(settings_.api_key);
}

// ---- what is due

bool Provider::busy(Seq turn) const {
  const auto open = work_.calls.open().find(turn);
  if (open == work_.calls.open().end()) return true;
  if (!taking_in_ && open->second.attempt() <= 1) return true;
  const auto started = started_.find(turn);
  return started != started_.end() && started->second >= open->second.attempt();
}

std::optional<Due> Provider::due(const Moment& moment) {
  if (!cancels_.empty()) {
    const Cancel cancel{cancels_.front()};
    cancels_.pop_front();
    return cancel;
  }
  taking_in_ = moment.taking_in;
  const OpenTurn* turn =
      work_.calls.due(settings_.name, moment.now, [this](Seq seq) { return busy(seq); });
  if (turn == nullptr) return std::nullopt;
  return start(*turn);
}

Time Provider::wake_at(Time now) const {
  if (!cancels_.empty()) return now;
  return work_.calls.wake_at(settings_.name, [this](Seq seq) { return busy(seq); });
}

bool Provider::idle() const {
  const auto running = [](const auto& entry) { return entry.second.stage == Stage::kRunning; };
  return cancels_.empty() && std::none_of(attempts_.begin(), attempts_.end(), running);
}

std::optional<Trouble> Provider::obstacle() const {
  Trouble trouble;
  trouble.error = SETTINGS;
  if (!settings_.usable()) {
    trouble.detail = "no key is set for the provider " + settings_.name + ": set providers." +
                     settings_.name + ".api_key";
    return trouble;
  }
  if (!url_) {
    trouble.detail = "providers." + settings_.name + ".base_url: " + url_.error().message;
    return trouble;
  }
  const Origin& origin = url_->origin;
  if (!origin.tls && !is_loopback(origin.host) && !settings_.insecure) {
    trouble.detail = "providers." + settings_.name +
                     ".base_url would send the key over plain http: use https, or set insecure";
    return trouble;
  }
  return std::nullopt;
}

Due Provider::start(const OpenTurn& turn) {
  started_[turn.seq()] = turn.attempt();
  Attempt attempt;
  attempt.turn = turn.seq();
  attempt.number = turn.attempt();
  attempt.cause = turn.attempt_seq();
  attempt.session = turn.session();
  if (const auto trouble = obstacle()) return failure(attempt, *trouble);
  Result<Prompt> prompt = prompts_.prompt(turn.seq());
  if (!prompt) {
    const bool ours = prompt.error().code == ExitCode::kSettings;
    return failure(attempt, {ours ? SETTINGS : REQUEST, 0, 0, prompt.error().message});
  }
  attempt.tools = !prompt->tools.empty() && !prompt->tools_closed;
  Result<ProviderRequest> request = dialect_->request(*prompt);
  if (!request) return failure(attempt, {REQUEST, 0, 0, request.error().message});
  const bool thinks = !prompt->thinking.empty() && prompt->thinking != "off";
  return call_for(std::move(request).value(), std::move(attempt), thinks);
}

Call Provider::call_for(ProviderRequest request, Attempt attempt, bool thinks) {
  HttpCall http;
  http.label = settings_.name + " chat";
  http.origin = url_->origin;
  http.target = Secret(url_->path + request.target);
  http.headers = std::move(request.headers);
  http.body = std::move(request.body);
  const bool slow = thinks || is_loopback(http.origin.host) || !http.origin.tls;
  http.deadlines.first_byte = slow ? kSilenceSlow : kFirstByte;
  http.deadlines.idle = slow ? kSilenceSlow : kIdle;
  http.deadlines.total = kTotal;
  http.pool = "provider " + settings_.name;
  http.body_bytes_max = kStreamBytesMax;
  http.stream = true;
  attempt.decoder = dialect_->decoder();
  const CallId id = next_call_++;
  attempts_.emplace(id, std::move(attempt));
  return Call{id, std::move(http)};
}

// ---- what was committed

void Provider::close(Seq turn, std::uint32_t below) {
  const auto started = started_.find(turn);
  if (started == started_.end()) return;
  if (started->second < below) started_.erase(started);
  for (auto each = attempts_.begin(); each != attempts_.end();) {
    const Attempt& attempt = each->second;
    const bool over = attempt.turn == turn && attempt.number < below;
    // An answered call is left to end by itself: its connection can serve again.
    if (!over || attempt.stage == Stage::kAnswered) {
      ++each;
      continue;
    }
    cancels_.push_back(each->first);
    each = attempts_.erase(each);
  }
}

void Provider::on_event(const Event& event) {
  constexpr std::uint32_t kAll = UINT32_MAX;
  if (event.has_turn_completed()) close(event.turn_completed().turn(), kAll);
  if (event.has_turn_failed()) close(event.turn_failed().turn(), kAll);
  if (event.has_turn_cancelled()) close(event.turn_cancelled().turn(), kAll);
  if (event.has_turn_abandoned()) close(event.turn_abandoned().turn(), kAll);
  if (event.has_turn_retried()) {
    close(event.turn_retried().turn(), event.turn_retried().attempt());
  }
  if (event.has_step_started()) close(event.step_started().turn(), event.step_started().attempt());
}

// ---- what came back

std::vector<Fact> Provider::on_reply(CallId call, Reply reply, Time now) {
  const auto found = attempts_.find(call);
  if (found == attempts_.end()) return {};
  Attempt& attempt = found->second;
  Facts facts;
  bool last = false;
  std::visit(ReplyCases{
                 [&](ReplyHead& head) { on_head(attempt, std::move(head)); },
                 [&](ReplyBody& body) { on_body(attempt, body.bytes, facts); },
                 [&](ReplyEnd&) {
                   last = true;
                   on_end(attempt, now, facts);
                 },
                 [&](ReplyFailed& failed) {
                   last = true;
                   on_failure(attempt, failed, now, facts);
                 },
                 [&](ReplyAccepted&) { CHECK(false, "an HTTP call is never accepted"); },
             },
             reply);
  if (attempt.stage == Stage::kBroken && !last) cancels_.push_back(call);
  if (attempt.stage == Stage::kBroken || last) attempts_.erase(found);
  return facts;
}

void Provider::on_head(Attempt& attempt, ReplyHead head) {
  attempt.status = head.status;
  attempt.headers = std::move(head.headers);
  const std::string type = type_of(attempt.headers);
  attempt.streaming = succeeded(attempt.status) && type.find("json") == std::string::npos;
  attempt.doubtful = attempt.streaming && !type.empty() && type != "text/event-stream";
  for (const std::string_view name : {"x-generation-id", "x-request-id"}) {
    if (!attempt.answer.request_id.empty()) break;
    attempt.answer.request_id = header_value(attempt.headers, name);
  }
}

void Provider::on_body(Attempt& attempt, const std::string& bytes, Facts& facts) {
  if (attempt.stage != Stage::kRunning) return;
  if (!attempt.streaming || attempt.doubtful) {
    const bool whole = succeeded(attempt.status) && !attempt.doubtful;
    const std::size_t most = whole ? kBodyBytesMax : kErrorBodyBytesMax;
    const std::size_t room = most - std::min(most, attempt.body.size());
    if (whole && bytes.size() > room) {
      const std::string limit = std::to_string(kBodyBytesMax);
      return fail(attempt, {PEER, 0, 0, "the answer is longer than " + limit + " bytes"}, facts);
    }
    attempt.body.append(bytes, 0, room);
  }
  if (!attempt.streaming) return;
  attempt.events.feed(bytes);
  while (const auto event = attempt.events.next()) {
    decode(attempt, event->data, facts);
    if (attempt.stage != Stage::kRunning) return;
  }
  if (attempt.events.wrong()) {
    fail(attempt, {PEER, attempt.status, 0, std::string(attempt.events.error())}, facts);
  }
}

void Provider::on_end(Attempt& attempt, Time now, Facts& facts) {
  if (attempt.stage != Stage::kRunning) return;
  if (!succeeded(attempt.status)) {
    fail(attempt, http_trouble(attempt.status, attempt.headers, attempt.body, now), facts);
    return;
  }
  if (!attempt.streaming) {
    decode(attempt, attempt.body, facts);
  } else if (const auto event = attempt.events.finish()) {
    decode(attempt, event->data, facts);
  } else if (attempt.doubtful && !attempt.began) {
    return on_doubtful(attempt, facts);
  }
  settle(attempt, {TRUNCATED, 0, 0, "the answer ended before its end was marked"}, facts);
}

// A good status, another type than asked for, and no event of a stream.
void Provider::on_doubtful(Attempt& attempt, Facts& facts) {
  const std::size_t first = attempt.body.find_first_not_of(" \t\r\n");
  const bool json =
      first != std::string::npos && (attempt.body[first] == '{' || attempt.body[first] == '[');
  if (json) decode(attempt, attempt.body, facts);
  settle(attempt,
         {PEER, 0, 0, "it sent " + type_of(attempt.headers) + ": check the provider's base_url"},
         facts);
}

void Provider::on_failure(Attempt& attempt, const ReplyFailed& failure, Time now, Facts& facts) {
  if (attempt.stage != Stage::kRunning) return;
  if (attempt.status != 0 && !succeeded(attempt.status)) {
    fail(attempt, http_trouble(attempt.status, attempt.headers, attempt.body, now), facts);
    return;
  }
  const bool whole = attempt.answer.finish != FINISH_UNSPECIFIED;
  if (failure.reason == ReplyFailed::Reason::kTooLarge && attempt.began && !whole) {
    return cut_off(attempt, facts);
  }
  settle(attempt, {class_of_failure(failure.reason, attempt.began), 0, 0, failure.detail}, facts);
}

void Provider::decode(Attempt& attempt, std::string_view data, Facts& facts) {
  deltas_.clear();
  attempt.decoder->decode(data, deltas_, attempt.answer);
  add_chunks(attempt, facts);
  if (attempt.answer.trouble) {
    fail(attempt, *attempt.answer.trouble, facts);
  } else if (attempt.full) {
    cut_off(attempt, facts);
  } else if (attempt.answer.ended && attempt.answer.finish != FINISH_UNSPECIFIED) {
    complete(attempt, facts);
  }
}

// False: there is no room for any of it.
bool Provider::take_in(Attempt& attempt, Delta& delta) {
  if (attempt.full) return false;
  std::size_t room = kAnswerBytesMax;  // of one event
  if (delta.kind == TEXT) room = kAnswerBytesMax - attempt.text.size();
  if (delta.kind == REASONING) room = std::min(room, kReasoningBytesMax - attempt.reasoning_bytes);
  attempt.full = delta.text.size() > room;
  if (attempt.full) delta.text.resize(text_prefix(delta.text, room).size());
  if (attempt.full && delta.text.empty()) return false;
  if (delta.kind == TEXT) attempt.text += delta.text;
  if (delta.kind == REASONING) attempt.reasoning_bytes += delta.text.size();
  attempt.began = true;
  return true;
}

void Provider::add_chunks(Attempt& attempt, Facts& facts) {
  for (Delta& delta : deltas_) {
    if (!take_in(attempt, delta)) break;
    Fact& fact = add_fact(attempt, facts);
    ChunkReceived& chunk = *fact.mutable_chunk_received();
    if (delta.kind == TOOL_USE) {
      chunk.set_call(static_cast<std::uint32_t>(delta.use));
      fact.mutable_content()->set_name(clean_words(delta.name, secrets_, kNameBytesMax));
      fact.mutable_content()->set_arguments(std::move(delta.text));
    } else {
      fact.mutable_content()->set_text(std::move(delta.text));
    }
    chunk.set_turn(attempt.turn);
    chunk.set_attempt(attempt.number);
    chunk.set_kind(delta.kind);
  }
  deltas_.clear();
}

Fact& Provider::add_fact(const Attempt& attempt, Facts& facts) const {
  Fact& fact = facts.emplace_back();
  fact.set_session(attempt.session);
  fact.set_cause(attempt.cause);
  return fact;
}

// Nothing more comes: whole if the provider said so, otherwise `otherwise`.
void Provider::settle(Attempt& attempt, Trouble otherwise, Facts& facts) {
  if (attempt.stage != Stage::kRunning) return;
  if (attempt.answer.finish != FINISH_UNSPECIFIED) {
    complete(attempt, facts);
  } else {
    fail(attempt, std::move(otherwise), facts);
  }
}

template <typename Body>
void Provider::tell_answer(const Attempt& attempt, Body& body) const {
  const Answer& answer = attempt.answer;
  body.set_turn(attempt.turn);
  body.set_attempt(attempt.number);
  body.set_finish(answer.finish);
  *body.mutable_usage() = answer.usage;
  body.set_model(clean_words(answer.model, secrets_, kNameBytesMax));
  body.set_request_id(clean_words(answer.request_id, secrets_, kNameBytesMax));
  body.set_tokens(estimate_tokens(attempt.text));
}

// It asks for tools: the turn goes on.
void Provider::complete_step(Attempt& attempt, Facts& facts) {
  settle_tool_uses(&attempt.answer.uses);
  for (const ToolUse& use : attempt.answer.uses) {
    Fact& fact = add_fact(attempt, facts);
    ToolRequested& requested = *fact.mutable_tool_requested();
    requested.set_turn(attempt.turn);
    requested.set_attempt(attempt.number);
    requested.set_call_id(use.id);
    requested.set_tool(clean_words(use.name, secrets_, kToolNameBytesMax));
    requested.set_cut(use.cut);
    fact.mutable_content()->set_arguments(use.arguments);
    if (!use.token.empty()) fact.mutable_content()->set_raw(use.token);
  }
  Fact& fact = add_fact(attempt, facts);
  tell_answer(attempt, *fact.mutable_step_completed());
  fact.mutable_content()->set_text(std::move(attempt.text));
}

void Provider::complete(Attempt& attempt, Facts& facts) {
  deltas_.clear();
  attempt.decoder->finish(deltas_);
  add_chunks(attempt, facts);
  if (attempt.answer.trouble) return fail(attempt, *attempt.answer.trouble, facts);
  if (attempt.full) attempt.answer.finish = LENGTH;
  const Answer& answer = attempt.answer;
  const bool refused = answer.finish == FILTERED || !answer.reason.empty();
  if (refused && attempt.text.empty()) {
    const std::string why = answer.reason.empty() ? "the provider filtered it" : answer.reason;
    fail(attempt, {answer.stumbled ? PEER : REFUSED, 0, 0, why}, facts);
    return;
  }
  const bool says_nothing = attempt.text.empty() && !answer.uses.empty();
  if (says_nothing && !attempt.tools) {
    return fail(attempt, {PEER, 0, 0, "it asks for tools, which it may not use, and says nothing"},
                facts);
  }
  attempt.stage = Stage::kAnswered;
  if (attempt.tools && !answer.uses.empty()) return complete_step(attempt, facts);
  Fact& fact = add_fact(attempt, facts);
  tell_answer(attempt, *fact.mutable_turn_completed());
  fact.mutable_content()->set_text(std::move(attempt.text));
  const std::string& word = refused ? answer.reason : answer.odd_word;
  if (!word.empty()) fact.mutable_content()->set_detail(clean_words(word, secrets_));
}

// It is longer than we take. What came of it is an answer and may be gone on with; to ask again
// would cost the same once more.
void Provider::cut_off(Attempt& attempt, Facts& facts) {
  attempt.answer.finish = LENGTH;
  attempt.answer.reason.clear();
  attempt.answer.odd_word = "it is longer than this program takes";
  attempt.answer.uses.clear();
  complete(attempt, facts);
  attempt.stage = Stage::kBroken;
}

void Provider::fail(Attempt& attempt, Trouble trouble, Facts& facts) {
  attempt.stage = Stage::kBroken;
  if (trouble.status == 0 && !succeeded(attempt.status)) trouble.status = attempt.status;
  facts.push_back(failure(attempt, trouble));
}

Fact Provider::failure(const Attempt& attempt, const Trouble& trouble) const {
  Fact fact;
  fact.set_session(attempt.session);
  fact.set_cause(attempt.cause);
  fact.mutable_content()->set_text(attempt.text);
  fact.mutable_content()->set_detail(clean_words(trouble.detail, secrets_));
  AttemptFailed& failed = *fact.mutable_attempt_failed();
  failed.set_turn(attempt.turn);
  failed.set_attempt(attempt.number);
  failed.set_error(trouble.error);
  failed.set_status(trouble.status);
  failed.set_retry_after(trouble.retry_after);
  failed.set_missing_model(trouble.missing_model);
  failed.set_model_alone(trouble.model_alone);
  if (attempt.answer.usage.reported()) *failed.mutable_usage() = attempt.answer.usage;
  return fact;
}

// ---- shared by the dialects

Result<std::vector<PromptMessage>> merged_messages(const Prompt& prompt) {
  std::vector<PromptMessage> merged;
  for (const PromptMessage& message : prompt.messages) {
    if (message.text.empty() && message.plain()) {
      if (!merged.empty()) merged.back().cache_mark |= message.cache_mark;
      continue;
    }
    const bool joins = !merged.empty() && merged.back().role == message.role && message.plain() &&
                       merged.back().plain();
    if (joins) {
      merged.back().text += "\n\n" + message.text;
      merged.back().cache_mark = message.cache_mark;
    } else {
      merged.push_back(message);
    }
  }
  if (merged.empty() || merged.back().role != Entry::USER) {
    return Error{"there are no words of yours to send to the model", ExitCode::kUsage};
  }
  return merged;
}

std::optional<double> temperature_of(const Prompt& prompt) {
  double value = 0;
  const char* const end = prompt.temperature.data() + prompt.temperature.size();
  const auto [stopped, error] = std::from_chars(prompt.temperature.data(), end, value);
  if (prompt.temperature.empty() || error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

std::unique_ptr<Adapter> make_provider(const ProviderSettings& settings, const Work& work,
                                       Prompts& prompts) {
  if (settings.kind == "echo") return std::make_unique<Echo>(settings.name, work, prompts);
  std::unique_ptr<Dialect> dialect;
  if (settings.kind == "gemini") {
    dialect = std::make_unique<Gemini>(settings);
  } else {
    CHECK(settings.kind == "openai", "settings allow the kinds openai, gemini and echo alone");
    dialect = std::make_unique<OpenAiChat>(settings);
  }
  return std::make_unique<Provider>(settings, std::move(dialect), work, prompts);
}

}  // namespace daybook
