// Chat completions. Fields are taken in the order they come, in one pass on demand. Reasoning text
// has three names in use; some servers send it under two at once, so the first that is not empty
// counts alone.
#include "adapters/openai_chat.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/check.h"

namespace daybook {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;
using simdjson::SUCCESS;

Finish chat_finish(std::string_view reason) {
  if (reason == "length") return LENGTH;
  if (reason == "content_filter") return FILTERED;
  if (reason == "tool_calls" || reason == "function_call") return TOOL_CALLS;
  return STOP;
}

std::uint64_t chat_nanodollars(ondemand::value& value) {
  double dollars = 0;
  constexpr double kDollarsMost = 1e9;
  if (value.get_double().get(dollars) != SUCCESS || !(dollars > 0)) return 0;
  return static_cast<std::uint64_t>(std::llround(std::min(dollars, kDollarsMost) * 1e9));
}

// prompt_tokens_details and completion_tokens_details.
error_code read_chat_details(ondemand::value& value, Usage& usage) {
  ondemand::object details;
  if (value.get_object().get(details) != SUCCESS) return SUCCESS;
  for (auto each : details) {
    ondemand::field field;
    if (const error_code error = std::move(each).get(field)) return error;
    if (field.key() == "cached_tokens") usage.set_cached_tokens(json_count(field.value()));
    if (field.key() == "reasoning_tokens") usage.set_reasoning_tokens(json_count(field.value()));
  }
  return SUCCESS;
}

error_code read_chat_usage(ondemand::value& value, Usage& usage) {
  ondemand::object object;
  if (value.get_object().get(object) != SUCCESS) return SUCCESS;
  usage.set_reported(true);
  for (auto each : object) {
    ondemand::field field;
    if (const error_code error = std::move(each).get(field)) return error;
    const ondemand::raw_json_string key = field.key();
    if (key == "prompt_tokens") {
      usage.set_prompt_tokens(json_count(field.value()));
    } else if (key == "completion_tokens") {
      usage.set_output_tokens(json_count(field.value()));
    } else if (key == "cached_tokens" || key == "prompt_cache_hit_tokens") {
      usage.set_cached_tokens(json_count(field.value()));
    } else if (key == "cost") {
      usage.set_cost_nanodollars(chat_nanodollars(field.value()));
    } else if (key == "prompt_tokens_details" || key == "completion_tokens_details") {
      if (const error_code error = read_chat_details(field.value(), usage)) return error;
    }
  }
  return SUCCESS;
}

class ChatDecoder final : public StreamDecoder {
 public:
  explicit ChatDecoder(JsonBuffer& buffer) : buffer_(buffer) {}

  void decode(std::string_view data, std::vector<Delta>& deltas, Answer& answer) override;
  void finish(std::vector<Delta>& deltas) override;

 private:
  error_code read(std::string_view data, std::vector<Delta>& deltas, Answer& answer);
  error_code top_field(ondemand::field& field, std::vector<Delta>& deltas, Answer& answer);
  error_code choices(ondemand::value& value, std::vector<Delta>& deltas, Answer& answer);
  error_code choice(ondemand::object& object, std::vector<Delta>& deltas, Answer& answer);
  error_code delta(ondemand::value& value, std::vector<Delta>& deltas, Answer& answer);
  error_code text_of(ondemand::value& value, JsonText& reader, std::string& text);
  void finished(ondemand::value& reason, Answer& answer);

  JsonBuffer& buffer_;
  JsonText text_;
  JsonText reasoning_;
  bool wrong_ = false;  // this event tells of an error
};

void ChatDecoder::decode(std::string_view data, std::vector<Delta>& deltas, Answer& answer) {
  if (data == "[DONE]") {
    answer.ended = true;
    return;
  }
  if (data.find_first_not_of(" \r\n\t") == std::string_view::npos) return;
  const std::size_t before = deltas.size();
  wrong_ = false;
  const error_code error = read(data, deltas, answer);
  if (error == SUCCESS && !wrong_) return;
  const bool unnamed = answer.trouble.has_value();
  if (auto named = body_trouble(data)) answer.trouble = std::move(named);
  if (error == SUCCESS || (answer.trouble && !unnamed)) return;
  deltas.resize(before);
  answer.trouble = Trouble{PEER, 0, 0, "it sent JSON that cannot be read as a chat completion"};
}

void ChatDecoder::finish(std::vector<Delta>& deltas) {
  Delta reasoning{REASONING, {}};
  reasoning_.finish(&reasoning.text);
  if (!reasoning.text.empty()) deltas.push_back(std::move(reasoning));
  Delta text{TEXT, {}};
  text_.finish(&text.text);
  if (!text.text.empty()) deltas.push_back(std::move(text));
}

error_code ChatDecoder::read(std::string_view data, std::vector<Delta>& deltas, Answer& answer) {
  ondemand::document document;
  if (const error_code error = buffer_.iterate(data, &document)) return error;
  ondemand::object object;
  if (const error_code error = document.get_object().get(object)) return error;
  for (auto each : object) {
    ondemand::field field;
    if (const error_code error = std::move(each).get(field)) return error;
    if (const error_code error = top_field(field, deltas, answer)) return error;
  }
  return SUCCESS;
}

error_code ChatDecoder::top_field(ondemand::field& field, std::vector<Delta>& deltas,
                                  Answer& answer) {
  const ondemand::raw_json_string key = field.key();
  if (key == "choices") return choices(field.value(), deltas, answer);
  if (key == "usage") return read_chat_usage(field.value(), answer.usage);
  if (key == "id") {
    if (answer.request_id.empty()) answer.request_id = json_string(field.value());
  } else if (key == "model") {
    if (answer.model.empty()) answer.model = json_string(field.value());
  } else if (key == "error" || key == "message" || key == "detail") {
    wrong_ |= !field.value().is_null();
  } else if (key == "x_groq") {
    ondemand::value usage;
    const bool there = field.value()["usage"].get(usage) == SUCCESS;
    return there ? read_chat_usage(usage, answer.usage) : SUCCESS;
  }
  return SUCCESS;
}

error_code ChatDecoder::choices(ondemand::value& value, std::vector<Delta>& deltas,
                                Answer& answer) {
  ondemand::array array;
  if (value.get_array().get(array) != SUCCESS) return SUCCESS;
  bool first = true;
  for (auto each : array) {
    ondemand::object object;
    if (const error_code error = each.get_object().get(object)) return error;
    // One answer was asked for; a second one would be another text.
    if (!std::exchange(first, false)) continue;
    if (const error_code error = choice(object, deltas, answer)) return error;
  }
  return SUCCESS;
}

error_code ChatDecoder::choice(ondemand::object& object, std::vector<Delta>& deltas,
                               Answer& answer) {
  for (auto each : object) {
    ondemand::field field;
    if (const error_code error = std::move(each).get(field)) return error;
    const ondemand::raw_json_string key = field.key();
    if (key == "delta" || key == "message") {
      if (const error_code error = delta(field.value(), deltas, answer)) return error;
    } else if (key == "finish_reason") {
      finished(field.value(), answer);
    } else if (key == "error") {
      wrong_ |= !field.value().is_null();
    }
  }
  return SUCCESS;
}

void ChatDecoder::finished(ondemand::value& value, Answer& answer) {
  const std::string reason = json_string(value);
  if (reason.empty() || answer.finish != FINISH_UNSPECIFIED) return;
  if (reason == "error") {
    wrong_ = true;
    answer.trouble = Trouble{OVERLOAD, 0, 0, "the provider broke the answer off with an error"};
    return;
  }
  answer.finish = chat_finish(reason);
  if (answer.finish == FILTERED && answer.reason.empty()) answer.reason = reason;
}

error_code ChatDecoder::text_of(ondemand::value& value, JsonText& reader, std::string& text) {
  const std::string_view token = value.raw_json_token();
  if (!token.starts_with('"')) return SUCCESS;
  return reader.append(token, &text) ? SUCCESS : simdjson::STRING_ERROR;
}

error_code ChatDecoder::delta(ondemand::value& value, std::vector<Delta>& deltas, Answer& answer) {
  ondemand::object object;
  if (value.get_object().get(object) != SUCCESS) return SUCCESS;
  Delta text{TEXT, {}};
  Delta reasoning{REASONING, {}};
  for (auto each : object) {
    ondemand::field field;
    if (const error_code error = std::move(each).get(field)) return error;
    const ondemand::raw_json_string key = field.key();
    error_code error = SUCCESS;
    if (key == "content") {
      error = text_of(field.value(), text_, text.text);
    } else if (key == "reasoning" || key == "reasoning_content" || key == "reasoning_text") {
      if (reasoning.text.empty()) error = text_of(field.value(), reasoning_, reasoning.text);
    } else if (key == "refusal") {
      answer.reason += json_string(field.value());
    }
    if (error != SUCCESS) return error;
  }
  if (!reasoning.text.empty()) deltas.push_back(std::move(reasoning));
  if (!text.text.empty()) deltas.push_back(std::move(text));
  return SUCCESS;
}

std::string_view chat_role(Entry::Role role) { return role == Entry::USER ? "user" : "assistant"; }

}  // namespace

Result<ProviderRequest> OpenAiChat::request(const Prompt& prompt) const {
  auto merged = merged_messages(prompt);
  if (!merged) return merged.error();
  nlohmann::json messages = nlohmann::json::array();
  if (!prompt.system.empty()) {
    messages.push_back({{"role", "system"}, {"content", prompt.system}});
  }
  for (const PromptMessage& message : *merged) {
    messages.push_back({{"role", chat_role(message.role)}, {"content", message.text}});
  }
  nlohmann::json body = {{"model", prompt.model},
                         {"messages", std::move(messages)},
                         {"stream", true},
                         {"stream_options", {{"include_usage", true}}}};
  const bool openrouter = settings_.name == "openrouter";
  if (prompt.output_tokens_max > 0) {
    const bool newer = openrouter || settings_.name == "openai";
    body[newer ? "max_completion_tokens" : "max_tokens"] = prompt.output_tokens_max;
  }
  ProviderRequest request;
  request.target = "/chat/completions";
  request.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  request.headers.push_back({"Content-Type", Secret("application/json")});
  request.headers.push_back({"Accept", Secret("text/event-stream")});
  if (!settings_.api_key.empty()) {
    request.headers.push_back(
        {"Authorization", Secret("Bearer " + std::string(settings_.api_key.reveal()))});
  }
  if (openrouter) request.headers.push_back({"X-OpenRouter-Title", Secret("Daybook")});
  return request;
}

std::unique_ptr<StreamDecoder> OpenAiChat::decoder() {
  return std::make_unique<ChatDecoder>(buffer_);
}

}  // namespace daybook
