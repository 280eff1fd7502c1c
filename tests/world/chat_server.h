// Two kinds of model server in one: any path that ends in /chat/completions speaks OpenAI's stream
// (with OpenRouter's comments), models/X:streamGenerateContent?alt=sse speaks Gemini's. The answer
// is a function of the last user message, so that a checker knows every word of it beforehand.
//
// Tools are spoken of as chat completions do: a script may ask for one, results must stand beside
// their calls.
//
// Not modelled: answers that do not stream, Gemini's tools, images.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/world/exchange.h"

namespace daybook::world {

// What the model says to this: the words of the question's first 40 bytes and twelve numbered
// words, or N of them where the text holds "words:N". No blank at either end.
std::string answer_for(std::string_view text);

// How one answer goes.
struct ChatScript {
  int status = 200;  // another one: `body` verbatim, no stream
  std::string body{};
  Headers headers{};
  Duration first{0};      // between head and first delta
  Duration each{0};       // between deltas
  std::size_t words = 1;  // in a delta
  bool comments = false;  // ": OPENROUTER PROCESSING" before the first delta
  std::size_t split = 0;  // body bytes in a chunk; 0: an event is a chunk
  bool usage = true;
  bool finish = true;      // false: the stream ends without a reason
  bool done = true;        // "data: [DONE]"
  std::string look_for{};  // asks journal_search for this instead of answering, where it may
  int error_after = -1;    // deltas before an error inside the stream; -1: none
  Ending ending{};

  static ChatScript refusal(int status, std::string body, Headers headers = {});
};

struct ChatRequest {
  ExchangeId exchange = 0;
  Time at{};
  std::string target;
  Headers headers;
  std::string body;
  std::string model;
  std::string system;
  std::vector<std::pair<std::string, std::string>> messages;  // role, text; system apart
  bool tools = false;                                         // offered, and not closed
  bool finished = false;                                      // every byte of the response left
  bool dropped = false;                                       // the client closed first
};

// The last of the user's messages: what is answered.
const std::string& question_of(const ChatRequest& request);

class ChatServer : public Server {
 public:
  // Requests must carry this key; empty: any.
  explicit ChatServer(std::string key = {}) : key_(std::move(key)) {}

  void request(ExchangeId exchange, const HttpRequest& request, Time now) override;
  void gone(ExchangeId exchange, Time now) override;
  std::vector<Output> poll(Time now) override;
  [[nodiscard]] Time wake_at() const override { return outbox_.wake_at(); }

  // How to answer the nth request (from 1). Without one: at once and whole.
  using Director = std::function<ChatScript(const ChatRequest& request, int nth)>;
  void direct(Director director) { director_ = std::move(director); }

  // What GET /models answers.
  void list_models(std::string body) { models_ = std::move(body); }

  [[nodiscard]] const std::vector<ChatRequest>& requests() const { return requests_; }
  [[nodiscard]] std::size_t streaming() const;  // answers under way
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  bool read_openai(const HttpRequest& request, ChatRequest* into);
  bool read_gemini(const HttpRequest& request, ChatRequest* into);
  void refuse(ExchangeId exchange, int status, std::string_view body, Time now);

  std::string key_;
  std::string models_ = R"({"object":"list","data":[{"id":"m","object":"model"}]})";
  Director director_;
  std::vector<ChatRequest> requests_;
  std::vector<std::string> violations_;
  Outbox outbox_;
};

}  // namespace daybook::world
