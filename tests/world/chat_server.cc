// An answer is made in three steps: the events of the stream with their times, the same as HTTP
// chunks, and the cut. Each step knows nothing of the next one.
#include "tests/world/chat_server.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace daybook::world {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kBadKey =
    R"({"error":{"message":"Incorrect API key provided.","type":"invalid_request_error",)"
    R"("param":null,"code":"invalid_api_key"}})";
constexpr std::string_view kBadGeminiKey =
    R"({"error":{"code":400,"message":"API key not valid. Please pass a valid API key.",)"
    R"("status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",)"
    R"("reason":"API_KEY_INVALID","domain":"googleapis.com"}]}})";

// Bytes of the body with the time they leave.
struct Event {
  Time at{};
  std::string text;
};

std::vector<std::string> deltas_of(const std::string& answer, std::size_t words) {
  std::vector<std::string> deltas;
  std::size_t begin = 0;
  std::size_t seen = 0;
  for (std::size_t i = 0; i <= answer.size(); ++i) {
    const bool end = i == answer.size();
    if (!end && answer[i] != ' ') continue;
    if (++seen % std::max<std::size_t>(words, 1) != 0 && !end) continue;
    deltas.push_back(answer.substr(begin, i - begin));
    begin = i;
  }
  return deltas;
}

std::string openai_event(const ChatRequest& request, const std::string& id, Json choice,
                         const Json& more = Json::object()) {
  Json chunk = {{"id", id},
                {"object", "chat.completion.chunk"},
                {"created", to_milliseconds(request.at) / 1000},
                {"model", request.model}};
  chunk["choices"] = choice.is_null() ? Json::array() : Json::array({std::move(choice)});
  chunk.update(more);
  return "data: " + chunk.dump() + "\n\n";
}

Json openai_choice(const Json& delta, const Json& finish) {
  return {{"index", 0}, {"delta", delta}, {"finish_reason", finish}};
}

std::vector<Json> words_of(const std::vector<std::string>& deltas) {
  std::vector<Json> all;
  for (const std::string& delta : deltas) all.push_back({{"content", delta}});
  return all;
}

// A word, the call, and its arguments in pieces.
std::vector<Json> call_of(const ChatRequest& request, const std::string& words) {
  const std::string arguments = Json({{"query", words}}).dump();
  const auto call = [](Json one) {
    one["index"] = 0;
    return Json({{"tool_calls", Json::array({std::move(one)})}});
  };
  std::vector<Json> all = {{{"content", "Looking."}}};
  all.push_back(call({{"id", "call_" + std::to_string(request.exchange)},
                      {"type", "function"},
                      {"function", {{"name", "journal_search"}, {"arguments", ""}}}}));
  for (std::size_t at = 0; at < arguments.size(); at += 5) {
    all.push_back(call({{"function", {{"arguments", arguments.substr(at, 5)}}}}));
  }
  return all;
}

// What is wrong with how calls and results stand in a request; empty: nothing.
std::string unpaired(const Json& messages) {
  std::vector<std::string> owed;
  for (const Json& message : messages) {
    const bool result = message.value("role", "") == "tool";
    if (!result && !owed.empty()) return "a call without its result: " + owed.front();
    if (result) {
      const std::string id = message.value("tool_call_id", "");
      const auto found = std::find(owed.begin(), owed.end(), id);
      if (found == owed.end()) return "a result without its call: " + id;
      owed.erase(found);
    }
    if (!message.contains("tool_calls")) continue;
    for (const Json& call : message["tool_calls"]) owed.push_back(call.value("id", ""));
  }
  return owed.empty() ? "" : "a call without its result: " + owed.front();
}

std::vector<Event> openai_events(const ChatRequest& request, const ChatScript& script,
                                 const std::vector<Json>& deltas, const std::string& finish) {
  const std::string id = "gen-" + std::to_string(request.exchange);
  std::vector<Event> events;
  Time at = request.at;
  if (script.comments) events.push_back({at, ": OPENROUTER PROCESSING\n\n"});
  at += script.first;
  const auto add = [&](Json choice, const Json& more = Json::object()) {
    events.push_back({at, openai_event(request, id, std::move(choice), more)});
  };
  add(openai_choice({{"role", "assistant"}, {"content", ""}}, nullptr));
  for (std::size_t i = 0; i < deltas.size(); ++i) {
    if (static_cast<int>(i) == script.error_after) {
      add(openai_choice({{"content", ""}}, "error"),
          {{"error",
            {{"code", "server_error"},
             {"message", "Provider disconnected unexpectedly"},
             {"metadata", {{"error_type", "provider_unavailable"}}}}}});
      return events;
    }
    add(openai_choice(deltas[i], nullptr));
    at += script.each;
  }
  if (script.finish) add(openai_choice(Json::object(), finish));
  if (script.usage) {
    add(nullptr, {{"usage",
                   {{"prompt_tokens", 7 * request.messages.size()},
                    {"completion_tokens", deltas.size()},
                    {"total_tokens", 7 * request.messages.size() + deltas.size()}}}});
  }
  if (script.done) events.push_back({at, "data: [DONE]\n\n"});
  return events;
}

std::vector<Event> gemini_events(const ChatRequest& request, const ChatScript& script,
                                 const std::vector<std::string>& deltas) {
  std::vector<Event> events;
  Time at = request.at + script.first;
  for (std::size_t i = 0; i < deltas.size(); ++i) {
    if (static_cast<int>(i) == script.error_after) {
      const Json error = {
          {"error", {{"code", 503}, {"message", "overloaded"}, {"status", "UNAVAILABLE"}}}};
      events.push_back({at, "data: " + error.dump() + "\r\n\r\n"});
      return events;
    }
    Json candidate = {{"content", {{"role", "model"}, {"parts", {{{"text", deltas[i]}}}}}},
                      {"index", 0}};
    if (script.finish && i + 1 == deltas.size()) candidate["finishReason"] = "STOP";
    Json whole = {{"candidates", {candidate}},
                  {"modelVersion", request.model},
                  {"responseId", "r" + std::to_string(request.exchange)}};
    if (script.usage) {
      whole["usageMetadata"] = {{"promptTokenCount", 7 * request.messages.size()},
                                {"candidatesTokenCount", i + 1},
                                {"totalTokenCount", 7 * request.messages.size() + i + 1}};
    }
    events.push_back({at, "data: " + whole.dump() + "\r\n\r\n"});
    at += script.each;
  }
  return events;
}

std::vector<Piece> to_pieces(const ChatScript& script, std::vector<Event> events, Time now) {
  Headers headers = script.headers;
  headers.emplace_back("Cache-Control", "no-cache");
  std::vector<Piece> pieces;
  pieces.push_back({now, http_chunked_head(script.status, "text/event-stream", headers)});
  for (const Event& event : events) {
    const std::size_t step = script.split == 0 ? event.text.size() : script.split;
    for (std::size_t i = 0; i < event.text.size(); i += step) {
      pieces.push_back({event.at, http_chunk(std::string_view(event.text).substr(i, step))});
    }
  }
  pieces.push_back({events.empty() ? now : events.back().at, http_chunk({})});
  return pieces;
}

bool blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace

std::string answer_for(std::string_view text) {
  std::size_t words = 12;
  if (const std::size_t at = text.find("words:"); at != std::string_view::npos) {
    words = static_cast<std::size_t>(std::atoi(std::string(text.substr(at + 6, 6)).c_str()));
  }
  std::size_t end = std::min<std::size_t>(text.size(), 40);
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
  std::string answer = "Re";
  for (char c : text.substr(0, end)) {
    if (!blank(c)) {
      answer += answer == "Re" ? std::string(" ") + c : std::string(1, c);
    } else if (!answer.ends_with(' ')) {
      answer += ' ';
    }
  }
  while (answer.ends_with(' ')) answer.pop_back();
  answer += ':';
  for (std::size_t i = 1; i <= words; ++i) {
    // Two- and four-byte characters, so that an odd split has something to split.
    answer += i % 7 == 0 ? " \U0001F600" : i % 5 == 0 ? " w\u00F6rd" : " word";
    answer += std::to_string(i);
  }
  return answer;
}

const std::string& question_of(const ChatRequest& request) {
  const auto asked = std::find_if(request.messages.rbegin(), request.messages.rend(),
                                  [](const auto& message) { return message.first == "user"; });
  return asked == request.messages.rend() ? request.messages.back().second : asked->second;
}

ChatScript ChatScript::refusal(int status, std::string body, Headers headers) {
  ChatScript script;
  script.status = status;
  script.body = std::move(body);
  script.headers = std::move(headers);
  return script;
}

void ChatServer::request(ExchangeId exchange, const HttpRequest& request, Time now) {
  ChatRequest row{exchange, now, request.target, request.headers, request.body, {}, {}, {}};
  const bool gemini = request.path().find(":streamGenerateContent") != std::string_view::npos;
  if (!key_.empty()) {
    const bool right = gemini || !request.header("x-goog-api-key").empty()
                           ? request.header("x-goog-api-key") == key_
                           : request.header("authorization") == "Bearer " + key_;
    if (!right) return refuse(exchange, gemini ? 400 : 401, gemini ? kBadGeminiKey : kBadKey, now);
  }
  if (request.method == "GET" && request.path().ends_with("/models")) {
    return refuse(exchange, 200, models_, now);
  }
  if (!(gemini ? read_gemini(request, &row) : read_openai(request, &row))) {
    violations_.push_back("not a request that a model server understands: " + request.target);
    return refuse(exchange, 400, R"({"error":{"message":"bad request","code":400}})", now);
  }
  requests_.push_back(row);
  const ChatScript script =
      director_ ? director_(row, static_cast<int>(requests_.size())) : ChatScript{};
  if (script.status != 200) {
    outbox_.send(exchange,
                 {{now + script.first,
                   http_response(script.status, "application/json", script.body, script.headers)}},
                 script.ending);
    return;
  }
  const std::vector<std::string> deltas = deltas_of(answer_for(question_of(row)), script.words);
  const bool looks = row.tools && !script.look_for.empty();
  std::vector<Event> events =
      gemini  ? gemini_events(row, script, deltas)
      : looks ? openai_events(row, script, call_of(row, script.look_for), "tool_calls")
              : openai_events(row, script, words_of(deltas), "stop");
  outbox_.send(exchange, to_pieces(script, std::move(events), now), script.ending);
}

void ChatServer::refuse(ExchangeId exchange, int status, std::string_view body, Time now) {
  outbox_.send(exchange, {{now, http_response(status, "application/json", body)}});
}

void ChatServer::gone(ExchangeId exchange, Time) {
  outbox_.drop(exchange);
  for (ChatRequest& row : requests_) {
    if (row.exchange == exchange && !row.finished) row.dropped = true;
  }
}

std::vector<Output> ChatServer::poll(Time now) {
  std::vector<Output> outputs = outbox_.take(now);
  for (const Output& output : outputs) {
    if (output.after != Output::After::kDone) continue;
    for (ChatRequest& row : requests_) row.finished |= row.exchange == output.exchange;
  }
  return outputs;
}

std::size_t ChatServer::streaming() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      requests_, [this](const ChatRequest& row) { return outbox_.holds(row.exchange); }));
}

bool ChatServer::read_openai(const HttpRequest& request, ChatRequest* into) {
  const Json body = Json::parse(request.body, nullptr, false);
  if (request.method != "POST" || !request.path().ends_with("/chat/completions") ||
      !body.is_object() || !body.value("stream", false) || !body.contains("messages")) {
    return false;
  }
  into->model = body.value("model", "");
  for (const Json& message : body["messages"]) {
    const std::string role = message.value("role", "");
    const Json& content = message.contains("content") ? message["content"] : Json();
    const std::string text = content.is_string() ? content.get<std::string>() : "";
    if (role == "system") {
      into->system = text;
    } else {
      into->messages.emplace_back(role, text);
    }
  }
  into->tools = body.contains("tools") && body.value("tool_choice", "") != "none";
  if (const std::string wrong = unpaired(body["messages"]); !wrong.empty()) {
    violations_.push_back(wrong);
  }
  if (into->model.empty() || into->messages.empty()) return false;
  const auto& [role, text] = into->messages.back();
  return role == "tool" || (role == "user" && !text.empty());
}

bool ChatServer::read_gemini(const HttpRequest& request, ChatRequest* into) {
  const Json body = Json::parse(request.body, nullptr, false);
  const std::string_view path = request.path();
  const std::size_t name = path.find("/models/");
  if (request.method != "POST" || !request.target.ends_with("?alt=sse") || !body.is_object() ||
      name == std::string_view::npos || !body.contains("contents")) {
    return false;
  }
  into->model = path.substr(name + 8, path.find(':', name) - name - 8);
  for (const Json& content : body["contents"]) {
    std::string text;
    for (const Json& part : content.value("parts", Json::array())) text += part.value("text", "");
    into->messages.emplace_back(content.value("role", ""), text);
  }
  if (body.contains("systemInstruction")) {
    into->system = body["systemInstruction"]["parts"][0].value("text", "");
  }
  return !into->messages.empty() && into->messages.front().first == "user" &&
         into->messages.back().first == "user";
}

}  // namespace daybook::world
