// Every event is a whole GenerateContentResponse that holds the new parts alone; candidates,
// content and parts may each be missing. A reply that is no stream is one such object, or an array
// of them.
#include "adapters/gemini.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace daybook {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;
using simdjson::SUCCESS;

Finish gemini_finish(std::string_view reason) {
  if (reason.empty() || reason == "FINISH_REASON_UNSPECIFIED") return FINISH_UNSPECIFIED;
  if (reason == "STOP") return STOP;
  if (reason == "MAX_TOKENS") return LENGTH;
  // SAFETY, RECITATION, BLOCKLIST and their like: the provider did not say all it would.
  return FILTERED;
}

// The model's or its server's mistake (Gemini API, FinishReason). That of OTHER is a guess.
bool stumbles(std::string_view reason) {
  constexpr std::string_view kReasons[] = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL",
                                           "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE", "OTHER"};
  return std::find(std::begin(kReasons), std::end(kReasons), reason) != std::end(kReasons);
}

class GeminiDecoder final : public StreamDecoder {
 public:
  explicit GeminiDecoder(JsonBuffer& buffer) : buffer_(buffer) {}

  void decode(std::string_view data, std::vector<Delta>& deltas, Answer& answer) override;
  void finish(std::vector<Delta>& deltas) override;

 private:
  // What is being filled by the event at hand.
  struct Output {
    std::vector<Delta>& deltas;
    Answer& answer;
  };

  error_code read(std::string_view data, Output output);
  error_code response(ondemand::object& object, Output output);
  error_code candidates(ondemand::value& value, Output output);
  error_code candidate(ondemand::object& object, Output output);
  error_code content(ondemand::value& value, Output output);
  error_code parts(ondemand::value& value, Output output);
  error_code part(ondemand::object& object, Output output);
  error_code function_call(ondemand::value& value, ToolUse& use);
  void add_use(ToolUse use, Output output);
  error_code usage(ondemand::value& value, Usage& into);
  error_code feedback(ondemand::value& value, Answer& answer);

  JsonBuffer& buffer_;
  JsonText text_;
  JsonText reasoning_;
  bool wrong_ = false;  // this event tells of an error
};

void GeminiDecoder::decode(std::string_view data, std::vector<Delta>& deltas, Answer& answer) {
  if (data.find_first_not_of(" \r\n\t") == std::string_view::npos) return;
  const std::size_t before = deltas.size();
  wrong_ = false;
  const error_code error = read(data, {deltas, answer});
  if (error == SUCCESS && !wrong_) return;
  if (auto named = body_trouble(data)) {
    answer.trouble = std::move(named);
  } else if (error != SUCCESS) {
    deltas.resize(before);
    answer.trouble = Trouble{PEER, 0, 0, "it sent JSON that cannot be read as Gemini's answer"};
  }
}

void GeminiDecoder::finish(std::vector<Delta>& deltas) {
  Delta reasoning{REASONING, {}};
  reasoning_.finish(&reasoning.text);
  if (!reasoning.text.empty()) deltas.push_back(std::move(reasoning));
  Delta text{TEXT, {}};
  text_.finish(&text.text);
  if (!text.text.empty()) deltas.push_back(std::move(text));
}

error_code GeminiDecoder::read(std::string_view data, Output output) {
  ondemand::document document;
  if (const error_code error = buffer_.iterate(data, &document)) return error;
  ondemand::object object;
  ondemand::array array;
  if (document.get_array().get(array) != SUCCESS) {
    if (const error_code error = document.get_object().get(object)) return error;
    return response(object, output);
  }
  for (auto each : array) {
    if (const error_code error = each.get_object().get(object)) return error;
    if (const error_code error = response(object, output)) return error;
  }
  return SUCCESS;
}

error_code GeminiDecoder::response(ondemand::object& object, Output output) {
  for (auto each : object) {
    ondemand::field field;
    if (const error_code error = std::move(each).get(field)) return error;
    const ondemand::raw_json_string key = field.key();
    error_code error = SUCCESS;
    if (key == "candidates") {
      error = candidates(field.value(), output);
    } else if (key == "usageMetadata") {
      error = usage(field.value(), output.answer.usage);
    } else if (key == "promptFeedback") {
      error = feedback(field.value(), output.answer);
    } else if (key == "modelVersion") {
      if (output.answer.model.empty()) output.answer.model = json_string(field.value());
    } else if (key == "responseId") {
      if (output.answer.request_id.empty()) output.answer.request_id = json_string(field.value());
    } else if (key == "error") {
      wrong_ |= !field.value().is_null();
    }
    if (error != SUCCESS) return error;
  }
  return SUCCESS;
}

error_code GeminiDecoder::candidates(ondemand::value& value, Output output) {
  ondemand::array array;
  if (value.get_array().get(array) != SUCCESS) return SUCCESS;
  bool first = true;
  for (auto each : array) {
    ondemand::object object;
    if (const error_code error = each.get_object().get(object)) return error;
    if (!std::exchange(first, false)) continue;
    if (const error_code error = candidate(object, output)) return error;
  }
  return SUCCESS;
}

error_code GeminiDecoder::candidate(ondemand::object& object, Output output) {
  Answer& answer = output.answer;
  std::string reason;
  std::string words;
  for (auto each : object) {
    ondemand::field field;
    if (const error_code error = std::move(each).get(field)) return error;
    const ondemand::raw_json_string key = field.key();
    if (key == "content") {
      if (const error_code error = content(field.value(), output)) return error;
    } else if (key == "finishReason") {
      reason = json_string(field.value());
    } else if (key == "finishMessage") {
      words = json_string(field.value());
    }
  }
  if (answer.finish != FINISH_UNSPECIFIED) return SUCCESS;
  answer.finish = gemini_finish(reason);
  answer.stumbled = stumbles(reason);
  if (answer.finish == FILTERED) answer.reason = words.empty() ? reason : reason + ": " + words;
  return SUCCESS;
}

error_code GeminiDecoder::content(ondemand::value& value, Output output) {
  ondemand::object object;
  if (value.get_object().get(object) != SUCCESS) return SUCCESS;
  for (auto each : object) {
    ondemand::field field;
    if (const error_code error = std::move(each).get(field)) return error;
    if (!(field.key() == "parts")) continue;
    if (const error_code error = parts(field.value(), output)) return error;
  }
  return SUCCESS;
}

error_code GeminiDecoder::parts(ondemand::value& value, Output output) {
  ondemand::array array;
  if (value.get_array().get(array) != SUCCESS) return SUCCESS;
  for (auto each : array) {
    ondemand::object object;
    if (const error_code error = each.get_object().get(object)) return error;
    if (const error_code error = part(object, output)) return error;
  }
  return SUCCESS;
}

error_code GeminiDecoder::part(ondemand::object& object, Output output) {
  std::string_view token;
  bool thought = false;
  std::optional<ToolUse> use;
  std::string signature;
  for (auto each : object) {
    ondemand::field field;
    if (const error_code error = std::move(each).get(field)) return error;
    if (field.key() == "text") {
      token = field.value().raw_json_token();
    } else if (field.key() == "thought") {
      thought = field.value().raw_json_token().starts_with("true");
    } else if (field.key() == "thoughtSignature") {
      signature = json_string(field.value());
    } else if (field.key() == "functionCall") {
      if (const error_code error = function_call(field.value(), use.emplace())) return error;
    }
  }
  if (use) {
    // One that is too long to be kept is better missing than cut.
    if (signature.size() <= kToolTokenBytesMax) use->token = std::move(signature);
    add_use(*std::move(use), output);
  }
  if (!token.starts_with('"')) return SUCCESS;
  Delta delta{thought ? REASONING : TEXT, {}};
  JsonText& reader = thought ? reasoning_ : text_;
  if (!reader.append(token, &delta.text)) return simdjson::STRING_ERROR;
  if (!delta.text.empty()) output.deltas.push_back(std::move(delta));
  return SUCCESS;
}

// {"id"?, "name", "args"?}: whole in one part.
error_code GeminiDecoder::function_call(ondemand::value& value, ToolUse& use) {
  ondemand::object object;
  if (value.get_object().get(object) != SUCCESS) return SUCCESS;
  std::string_view arguments = "{}";
  for (auto each : object) {
    ondemand::field field;
    if (const error_code error = std::move(each).get(field)) return error;
    if (field.key() == "id") use.id = json_string(field.value());
    if (field.key() == "name") use.name = json_string(field.value());
    if (!(field.key() == "args")) continue;
    ondemand::object whole;
    if (field.value().get_object().get(whole) != SUCCESS) continue;
    if (const error_code error = whole.raw_json().get(arguments)) return error;
  }
  append_arguments(&use, arguments);
  return SUCCESS;
}

void GeminiDecoder::add_use(ToolUse use, Output output) {
  if (output.answer.uses.size() == kToolUsesMax) {
    output.answer.trouble = Trouble{
        PEER, 0, 0, "it asks for more than " + std::to_string(kToolUsesMax) + " tools at once"};
    return;
  }
  output.answer.uses.push_back(std::move(use));
  const ToolUse& added = output.answer.uses.back();
  output.deltas.push_back({TOOL_USE, added.arguments, output.answer.uses.size(), added.name});
}

error_code GeminiDecoder::usage(ondemand::value& value, Usage& into) {
  ondemand::object object;
  if (value.get_object().get(object) != SUCCESS) return SUCCESS;
  std::uint64_t prompt = 0, tools = 0, cached = 0, candidate_tokens = 0, thoughts = 0;
  for (auto each : object) {
    ondemand::field field;
    if (const error_code error = std::move(each).get(field)) return error;
    const ondemand::raw_json_string key = field.key();
    if (key == "promptTokenCount") prompt = json_count(field.value());
    if (key == "toolUsePromptTokenCount") tools = json_count(field.value());
    if (key == "cachedContentTokenCount") cached = json_count(field.value());
    if (key == "candidatesTokenCount") candidate_tokens = json_count(field.value());
    if (key == "thoughtsTokenCount") thoughts = json_count(field.value());
  }
  into.set_reported(true);
  into.set_prompt_tokens(prompt + tools);
  into.set_cached_tokens(cached);
  into.set_output_tokens(candidate_tokens + thoughts);
  into.set_reasoning_tokens(thoughts);
  return SUCCESS;
}

error_code GeminiDecoder::feedback(ondemand::value& value, Answer& answer) {
  ondemand::object object;
  if (value.get_object().get(object) != SUCCESS) return SUCCESS;
  std::string reason;
  std::string words;
  for (auto each : object) {
    ondemand::field field;
    if (const error_code error = std::move(each).get(field)) return error;
    if (field.key() == "blockReason") reason = json_string(field.value());
    if (field.key() == "blockReasonMessage") words = json_string(field.value());
  }
  if (reason.empty()) return SUCCESS;
  answer.finish = FILTERED;
  answer.reason = "the prompt was blocked: " + reason + (words.empty() ? "" : ": " + words);
  return SUCCESS;
}

// A model's name is a path segment of the address.
std::string gemini_path_segment(std::string_view name) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out;
  for (const char c : name) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

// What Google says to send for calls that another model made: from Gemini 3 on the first call of a
// step is refused without a signature (Gemini API, "Thought signatures", frequent questions).
constexpr std::string_view kForeignSignature = "skip_thought_signature_validator";

bool wants_signatures(std::string_view model) {
  return !model.starts_with("gemini-1") && !model.starts_with("gemini-2");
}

nlohmann::json gemini_parts(const PromptMessage& message, bool signatures) {
  nlohmann::json parts = nlohmann::json::array();
  if (!message.result_of.empty()) {
    parts.push_back({{"functionResponse",
                      {{"id", message.result_of},
                       {"name", message.tool},
                       {"response", {{"result", message.text}}}}}});
    return parts;
  }
  if (!message.text.empty()) parts.push_back({{"text", message.text}});
  for (const ToolRequest& request : message.requests) {
    nlohmann::json part = {
        {"functionCall",
         {{"id", request.id},
          {"name", request.tool},
          {"args", nlohmann::json::parse(sent_arguments(request), nullptr, false)}}}};
    const bool first = &request == &message.requests.front();
    // What begins so is another provider's: a signature is base64.
    if (!request.token.empty() && !request.token.starts_with('{')) {
      part["thoughtSignature"] = request.token;
    } else if (signatures && first) {
      part["thoughtSignature"] = kForeignSignature;
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

// Results of one step are one content.
void add_gemini_content(const PromptMessage& message, bool joins, bool signatures,
                        nlohmann::json* contents) {
  nlohmann::json parts = gemini_parts(message, signatures);
  if (joins) {
    for (nlohmann::json& part : parts) contents->back()["parts"].push_back(std::move(part));
    return;
  }
  contents->push_back(
      {{"role", message.role == Entry::USER ? "user" : "model"}, {"parts", std::move(parts)}});
}

void add_gemini_tools(const Prompt& prompt, nlohmann::json* body) {
  if (prompt.tools.empty()) return;
  nlohmann::json declarations = nlohmann::json::array();
  for (const ToolDefinition& tool : prompt.tools) {
    declarations.push_back(
        {{"name", tool.name},
         {"description", tool.description},
         {"parameters", nlohmann::json::parse(tool.parameters, nullptr, false)}});
  }
  (*body)["tools"] = nlohmann::json::array({{{"functionDeclarations", std::move(declarations)}}});
  if (prompt.tools_closed) {
    (*body)["toolConfig"] = {{"functionCallingConfig", {{"mode", "NONE"}}}};
  }
}

// In tenths: 25 of "gemini-2.5-pro"; 0: the name tells none.
int gemini_generation(std::string_view model) {
  constexpr std::string_view kFamily = "gemini-";
  const std::size_t at = model.find(kFamily);
  if (at == model.npos) return 0;
  const std::string_view rest = model.substr(at + kFamily.size());
  const auto digit = [&](std::size_t index) {
    const bool there = index < rest.size() && rest[index] >= '0' && rest[index] <= '9';
    return there ? rest[index] - '0' : 0;
  };
  return digit(0) * 10 + (rest.size() > 1 && rest[1] == '.' ? digit(2) : 0);
}

// Others refuse a request that speaks of thinking.
bool gemini_thinks(std::string_view model) {
  const auto named = [model](std::string_view word) { return model.find(word) != model.npos; };
  const int generation = gemini_generation(model);
  return named("gemini-") && !named("-image") && !named("-tts") &&
         (generation == 0 || generation >= 25);
}

// Models before the third generation take a budget of tokens, later ones a level (Gemini API,
// thinkingConfig). None of these can be told in the other's words. What is called pro always
// thinks.
nlohmann::json gemini_thinking(const Prompt& prompt) {
  const std::string& level = prompt.thinking;
  const int generation = gemini_generation(prompt.model);
  const bool pro = prompt.model.find("-pro") != std::string::npos;
  const bool flash = prompt.model.find("flash") != std::string::npos;
  if (generation != 0 && generation < 30) {
    constexpr int kLeastOfPro = 128;
    const int least = pro ? kLeastOfPro : 0;
    const int tokens = level == "off"      ? least
                       : level == "low"    ? 1'024
                       : level == "medium" ? 8'192
                                           : 24'576;
    return {{"thinkingBudget", tokens}};
  }
  // The first pro of the third generation knows two levels.
  const char* const middle = generation == 30 && pro ? "HIGH" : "MEDIUM";
  return {{"thinkingLevel", level == "off"      ? (flash ? "MINIMAL" : "LOW")
                            : level == "low"    ? "LOW"
                            : level == "medium" ? middle
                                                : "HIGH"}};
}

}  // namespace

Result<ProviderRequest> Gemini::request(const Prompt& prompt) const {
  auto merged = merged_messages(prompt);
  if (!merged) return merged.error();
  nlohmann::json contents = nlohmann::json::array();
  const bool signatures = wants_signatures(prompt.model);
  // A window may begin with an answer, which this protocol refuses.
  if (merged->front().role != Entry::USER) {
    add_gemini_content({Entry::USER, "(Earlier messages are left out.)"}, false, signatures,
                       &contents);
  }
  bool result = false;
  for (const PromptMessage& message : *merged) {
    const bool joins = result && !message.result_of.empty();
    add_gemini_content(message, joins, signatures, &contents);
    result = !message.result_of.empty();
  }
  nlohmann::json body = {{"contents", std::move(contents)}};
  if (!prompt.system.empty()) {
    body["systemInstruction"] = {{"parts", nlohmann::json::array({{{"text", prompt.system}}})}};
  }
  add_gemini_tools(prompt, &body);
  nlohmann::json generation = nlohmann::json::object();
  if (prompt.output_tokens_max > 0) generation["maxOutputTokens"] = prompt.output_tokens_max;
  if (const auto temperature = temperature_of(prompt)) generation["temperature"] = *temperature;
  if (!prompt.thinking.empty() && gemini_thinks(prompt.model)) {
    generation["thinkingConfig"] = gemini_thinking(prompt);
  }
  if (!generation.empty()) body["generationConfig"] = std::move(generation);
  ProviderRequest request;
  request.target =
      "/models/" + gemini_path_segment(prompt.model) + ":streamGenerateContent?alt=sse";
  request.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  request.headers.push_back({"Content-Type", Secret("application/json")});
  request.headers.push_back({"Accept", Secret("text/event-stream")});
  if (!settings_.api_key.empty()) {
    request.headers.push_back({"x-goog-api-key", settings_.api_key});
  }
  return request;
}

std::unique_ptr<StreamDecoder> Gemini::decoder() {
  return std::make_unique<GeminiDecoder>(buffer_);
}

}  // namespace daybook
