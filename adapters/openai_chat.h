// POST {base}/chat/completions: OpenRouter, OpenAI and every server that speaks like them (vLLM,
// llama.cpp, LM Studio, Ollama, DeepSeek, Groq, Mistral, xAI).
//
// Law: finish_reason alone makes an answer whole; [DONE] only says that nothing follows. Whatever
// may be absent, null or empty somewhere is accepted everywhere; a whole reply is read by the same
// code as a delta. A delta costs no allocation besides its own text, but for thoughts that are to
// be given back (adapters/chat_thoughts.h).
#pragma once

#include <memory>
#include <string>

#include "adapters/json_text.h"
#include "adapters/provider.h"

namespace daybook {

class OpenAiChat final : public Dialect {
 public:
  explicit OpenAiChat(ProviderSettings settings) : settings_(std::move(settings)) {}

  Result<ProviderRequest> request(const Prompt& prompt) const override;
  std::unique_ptr<StreamDecoder> decoder() override;

 private:
  ProviderSettings settings_;
  JsonBuffer buffer_;  // one event at a time, whichever stream it belongs to
};

}  // namespace daybook
