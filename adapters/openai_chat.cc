// Chat completions. Fields are taken in the order they come, in one pass on demand. Reasoning text
// has three names in use; some servers send it under two at once, so the first that is not empty
// counts alone.
#include "adapters/openai_chat.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "adapters/chat_thoughts.h"

namespace daybook {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;
using simdjson::SUCCESS;

constexpr auto kRepaired = nlohmann::json::error_handler_t::replace;

Finish chat_finish(std::string_view reason) {
  for (const std::string_view full : {"length", "max_tokens", "model_length"}) {
    if (reason == full) return LENGTH;
  }
  if (reason == "content_filter") return FILTERED;
  if (reason == "tool_calls" || reason == "function_call") return TOOL_CALLS;
  return reason == "stop" ? STOP : FINISH_UNSPECIFIED;
}

bool broken_off(std::string_view reason) {
  return reason == "error" || reason == "abort" || reason == "aborted" ||
         reason == "insufficient_system_resource";
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
    if (field.key() == "cache_write_tokens") {
      usage.set_cache_write_tokens(json_count(field.value()));
    }
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

// What one delta says of one use of a tool.
struct ToolPiece {
  std::optional<std::uint64_t> index;
  std::string id;
  std::string name;
  std::string_view arguments;  // a JSON string, or a whole object
};

error_code read_chat_function(ondemand::value& value, ToolPiece& piece) {
  ondemand::object object;
  if (value.get_object().get(object) != SUCCESS) return SUCCESS;
  for (auto each : object) {
    ondemand::field field;
    if (const error_code error = std::move(each).get(field)) return error;
    if (field.key() == "name") piece.name = json_string(field.value());
    if (!(field.key() == "arguments")) continue;
    ondemand::object whole;
    if (field.value().get_object().get(whole) == SUCCESS) {
      if (const error_code error = whole.raw_json().get(piece.arguments)) return error;
    } else {
      piece.arguments = field.value().raw_json_token();
    }
  }
  return SUCCESS;
}

// Thoughts that a server left in the text: "<think>" before any other word, up to "</think>".
class ThoughtTags {
 public:
  // Moves thoughts out of `text`; what may yet become a tag is held back.
  void sort(std::string* reasoning, std::string* text);
  void finish(std::string* reasoning, std::string* text) const;

 private:
  enum class Stage { kBegin, kThoughts, kBehind, kText };
  static constexpr std::string_view kOpen = "<think>";
  static constexpr std::string_view kClose = "</think>";
  static constexpr const char* kBlanks = " \t\r\n";

  void begin();
  void think(std::string* reasoning);

  Stage stage_ = Stage::kBegin;
  std::string held_;
};

void ThoughtTags::begin() {
  const std::size_t at = held_.find_first_not_of(kBlanks);
  if (at == std::string::npos) return;
  const std::string_view words = std::string_view(held_).substr(at);
  if (words.starts_with(kOpen)) {
    held_.erase(0, at + kOpen.size());
    stage_ = Stage::kThoughts;
  } else if (!kOpen.starts_with(words)) {
    stage_ = Stage::kText;
  }
}

void ThoughtTags::think(std::string* reasoning) {
  const std::size_t end = held_.find(kClose);
  std::size_t thought = end;
  if (end == std::string::npos) {
    std::size_t kept = std::min(kClose.size() - 1, held_.size());
    while (!held_.ends_with(kClose.substr(0, kept))) --kept;
    thought = held_.size() - kept;
  } else {
    stage_ = Stage::kBehind;
  }
  reasoning->append(held_, 0, thought);
  held_.erase(0, end == std::string::npos ? thought : end + kClose.size());
}

void ThoughtTags::sort(std::string* reasoning, std::string* text) {
  if (stage_ == Stage::kText || text->empty()) return;
  held_ += *text;
  text->clear();
  if (stage_ == Stage::kBegin) begin();
  if (stage_ == Stage::kThoughts) think(reasoning);
  if (stage_ == Stage::kBehind) {
    held_.erase(0, held_.find_first_not_of(kBlanks));
    if (!held_.empty()) stage_ = Stage::kText;
  }
  if (stage_ == Stage::kText) *text = std::exchange(held_, std::string());
}

void ThoughtTags::finish(std::string* reasoning, std::string* text) const {
  *(stage_ == Stage::kThoughts ? reasoning : text) += held_;
}

class ChatDecoder final : public StreamDecoder {
 public:
  ChatDecoder(JsonBuffer& buffer, ThoughtsWanted wanted) : buffer_(buffer), thoughts_(wanted) {}

  void decode(std::string_view data, std::vector<Delta>& deltas, Answer& answer) override;
  void finish(std::vector<Delta>& deltas) override;

 private:
  error_code read(std::string_view data, std::vector<Delta>& deltas, Answer& answer);
  error_code top_field(ondemand::field& field, std::vector<Delta>& deltas, Answer& answer);
  error_code choices(ondemand::value& value, std::vector<Delta>& deltas, Answer& answer);
  error_code choice(ondemand::object& object, std::vector<Delta>& deltas, Answer& answer);
  error_code delta(ondemand::value& value, std::vector<Delta>& deltas, Answer& answer);
  error_code text_of(ondemand::value& value, JsonText& reader, std::string& text);
  error_code details_of(ondemand::value& value);
  error_code tool_calls(ondemand::value& value, std::vector<Delta>& deltas, Answer& answer);
  error_code tool_call(ondemand::object& object, std::vector<Delta>& deltas, Answer& answer);
  std::size_t place_of(const ToolPiece& piece, Answer& answer);
  void finished(ondemand::value& reason, Answer& answer);

  JsonBuffer& buffer_;
  KeptThoughts thoughts_;
  JsonText text_;
  JsonText reasoning_;
  ThoughtTags tags_;
  std::vector<JsonText> arguments_;              // by use
  std::map<std::uint64_t, std::size_t> places_;  // by the stream's own index: the newest use there
  bool wrong_ = false;                           // this event tells of an error
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
  Delta text{TEXT, {}};
  text_.finish(&text.text);
  tags_.sort(&reasoning.text, &text.text);
  tags_.finish(&reasoning.text, &text.text);
  if (!reasoning.text.empty()) deltas.push_back(std::move(reasoning));
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
  if (broken_off(reason)) {
    wrong_ = true;
    answer.trouble = Trouble{OVERLOAD, 0, 0, "the provider broke the answer off: " + reason};
    return;
  }
  answer.finish = chat_finish(reason);
  if (answer.finish == FINISH_UNSPECIFIED) {
    answer.finish = STOP;
    answer.odd_word = reason;
  }
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
    } else if (key == "reasoning_details") {
      error = details_of(field.value());
    } else if (key == "tool_calls") {
      error = tool_calls(field.value(), deltas, answer);
    } else if (key == "refusal") {
      answer.reason += json_string(field.value());
    }
    if (error != SUCCESS) return error;
  }
  tags_.sort(&reasoning.text, &text.text);
  thoughts_.add_text(reasoning.text);
  if (!answer.uses.empty()) {
    if (auto token = thoughts_.news()) answer.uses.front().token = *std::move(token);
  }
  if (!reasoning.text.empty()) deltas.push_back(std::move(reasoning));
  if (!text.text.empty()) deltas.push_back(std::move(text));
  return SUCCESS;
}

error_code ChatDecoder::details_of(ondemand::value& value) {
  ondemand::array array;
  if (value.get_array().get(array) != SUCCESS) return SUCCESS;
  std::string_view json;
  if (const error_code error = array.raw_json().get(json)) return error;
  thoughts_.add_details(json);
  return SUCCESS;
}

error_code ChatDecoder::tool_calls(ondemand::value& value, std::vector<Delta>& deltas,
                                   Answer& answer) {
  ondemand::array array;
  if (value.get_array().get(array) != SUCCESS) return SUCCESS;
  for (auto each : array) {
    ondemand::object object;
    if (const error_code error = each.get_object().get(object)) return error;
    if (const error_code error = tool_call(object, deltas, answer)) return error;
  }
  return SUCCESS;
}

error_code ChatDecoder::tool_call(ondemand::object& object, std::vector<Delta>& deltas,
                                  Answer& answer) {
  ToolPiece piece;
  for (auto each : object) {
    ondemand::field field;
    if (const error_code error = std::move(each).get(field)) return error;
    const ondemand::raw_json_string key = field.key();
    if (key == "index") {
      std::uint64_t index = 0;
      if (field.value().get_uint64().get(index) == SUCCESS) piece.index = index;
    } else if (key == "id") {
      piece.id = json_string(field.value());
    } else if (key == "function") {
      if (const error_code error = read_chat_function(field.value(), piece)) return error;
    }
  }
  const std::size_t place = place_of(piece, answer);
  if (place == kToolUsesMax) {
    answer.trouble = Trouble{
        PEER, 0, 0, "it asks for more than " + std::to_string(kToolUsesMax) + " tools at once"};
    return SUCCESS;
  }
  ToolUse& use = answer.uses[place];
  Delta delta{TOOL_USE, {}, place + 1, use.name.empty() ? piece.name : std::string()};
  if (use.id.empty()) use.id = piece.id;
  if (use.name.empty()) use.name = piece.name;
  std::string more;
  if (piece.arguments.starts_with('{')) {
    more = piece.arguments;
  } else if (piece.arguments.starts_with('"') &&
             !arguments_[place].append(piece.arguments, &more)) {
    return simdjson::STRING_ERROR;
  }
  delta.text = append_arguments(&use, more);
  if (!delta.text.empty() || !delta.name.empty()) deltas.push_back(std::move(delta));
  return SUCCESS;
}

// Servers differ: an id that is new begins a use, whatever its index; without one the index tells,
// and without either it is the last one. kToolUsesMax: there is no room for it.
std::size_t ChatDecoder::place_of(const ToolPiece& piece, Answer& answer) {
  const auto same = std::find_if(answer.uses.begin(), answer.uses.end(), [&](const ToolUse& use) {
    return !piece.id.empty() && use.id == piece.id;
  });
  if (same != answer.uses.end()) return static_cast<std::size_t>(same - answer.uses.begin());
  if (piece.id.empty() && piece.index && places_.contains(*piece.index)) {
    return places_[*piece.index];
  }
  const bool goes_on = piece.id.empty() && !piece.index && piece.name.empty();
  if (goes_on && !answer.uses.empty()) return answer.uses.size() - 1;
  if (answer.uses.size() == kToolUsesMax) return kToolUsesMax;
  answer.uses.emplace_back();
  arguments_.emplace_back();
  if (piece.index) places_[*piece.index] = answer.uses.size() - 1;
  return answer.uses.size() - 1;
}

std::string_view chat_role(Entry::Role role) { return role == Entry::USER ? "user" : "assistant"; }

// Words, and behind them a mark to cache what is told up to their end.
nlohmann::json marked_content(const std::string& text, const Prompt& prompt) {
  nlohmann::json mark = {{"type", "ephemeral"}};
  if (prompt.cache_minutes >= 60) mark["ttl"] = "1h";  // else five minutes
  return nlohmann::json::array(
      {{{"type", "text"}, {"text", text}, {"cache_control", std::move(mark)}}});
}

nlohmann::json chat_message(const PromptMessage& message, ThoughtsWanted wanted) {
  if (!message.result_of.empty()) {
    return {{"role", "tool"}, {"tool_call_id", message.result_of}, {"content", message.text}};
  }
  nlohmann::json sent = {{"role", chat_role(message.role)}, {"content", message.text}};
  if (message.requests.empty()) return sent;
  if (message.text.empty()) sent["content"] = nullptr;
  add_thoughts(wanted, message.requests.front().token, &sent);
  for (const ToolRequest& request : message.requests) {
    sent["tool_calls"].push_back(
        {{"id", request.id},
         {"type", "function"},
         {"function", {{"name", request.tool}, {"arguments", sent_arguments(request)}}}});
  }
  return sent;
}

void add_chat_tools(const Prompt& prompt, nlohmann::json* body) {
  for (const ToolDefinition& tool : prompt.tools) {
    (*body)["tools"].push_back(
        {{"type", "function"},
         {"function",
          {{"name", tool.name},
           {"description", tool.description},
           {"parameters", nlohmann::json::parse(tool.parameters, nullptr, false)}}}});
  }
  if (prompt.tools_closed) (*body)["tool_choice"] = "none";
}

// The model's name without its vendor's.
std::string_view chat_family(const Prompt& prompt) {
  const std::string_view whole = prompt.model;
  return whole.substr(whole.rfind('/') + 1);
}

// "o1", "o3-mini" and their like, before GPT-5.
bool of_o_series(std::string_view model) {
  return model.starts_with("o1") || model.starts_with("o3") || model.starts_with("o4");
}

// Models that think refuse every temperature but 1; GPT-6 takes it while it does not think. That
// those of the o series refuse it, too, is a guess.
bool takes_temperature(const Prompt& prompt) {
  const std::string_view model = chat_family(prompt);
  if (model.starts_with("gpt-6")) return prompt.thinking == "off";
  return !model.starts_with("gpt-5") && !of_o_series(model);
}

// Mistral refuses the field, OpenRouter ignores it; both tell of usage unasked.
bool asks_for_usage(const ProviderSettings& settings) {
  if (settings.name == "openrouter") return false;
  const auto url = parse_url(settings.base_url);
  return !url || !url->origin.host.ends_with("mistral.ai");
}

// What a model is told of how long it is to think; empty: nothing, since it does not think and
// would refuse the request.
std::string chat_effort(const Prompt& prompt) {
  const std::string_view model = chat_family(prompt);
  constexpr std::string_view kThoughtless[] = {"gpt-3", "gpt-4", "chatgpt-", "llama-"};
  for (const std::string_view family : kThoughtless) {
    if (model.starts_with(family)) return {};
  }
  if (prompt.thinking != "off") return prompt.thinking;
  // Models before GPT-5.1 cannot leave it altogether.
  if (of_o_series(model)) return "low";
  const bool first = model.starts_with("gpt-5") && !model.starts_with("gpt-5.");
  return first ? "minimal" : "none";
}

}  // namespace

Result<ProviderRequest> OpenAiChat::request(const Prompt& prompt) const {
  auto merged = merged_messages(prompt);
  if (!merged) return merged.error();
  nlohmann::json messages = nlohmann::json::array();
  if (!prompt.system.empty()) {
    messages.push_back({{"role", "system"}, {"content", prompt.system}});
  }
  const ThoughtsWanted wanted = thoughts_wanted(settings_);
  const bool marks = prompt.cache_minutes > 0;
  if (marks && !messages.empty()) messages[0]["content"] = marked_content(prompt.system, prompt);
  for (const PromptMessage& message : *merged) {
    messages.push_back(chat_message(message, wanted));
    const bool marked = marks && message.cache_mark && !message.text.empty();
    if (marked) messages.back()["content"] = marked_content(message.text, prompt);
  }
  nlohmann::json body = {
      {"model", prompt.model}, {"messages", std::move(messages)}, {"stream", true}};
  if (asks_for_usage(settings_)) body["stream_options"] = {{"include_usage", true}};
  add_chat_tools(prompt, &body);
  const bool openrouter = settings_.name == "openrouter";
  if (prompt.output_tokens_max > 0) {
    const bool newer = openrouter || settings_.name == "openai";
    body[newer ? "max_completion_tokens" : "max_tokens"] = prompt.output_tokens_max;
  }
  if (!prompt.thinking.empty() && openrouter) {
    // It knows what each model takes.
    body["reasoning"] = {{"effort", prompt.thinking == "off" ? "none" : prompt.thinking}};
  } else if (const std::string effort = chat_effort(prompt); !effort.empty()) {
    body["reasoning_effort"] = effort;
  }
  const auto temperature = temperature_of(prompt);
  if (temperature && takes_temperature(prompt)) body["temperature"] = *temperature;
  ProviderRequest request;
  request.target = "/chat/completions";
  request.body = body.dump(-1, ' ', false, kRepaired);
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
  return std::make_unique<ChatDecoder>(buffer_, thoughts_wanted(settings_));
}

}  // namespace daybook
