// Google's generateContent, streamed: POST {base}/models/{model}:streamGenerateContent?alt=sse.
//
// Law: finishReason alone makes an answer whole, for this protocol has no other end marker; usage
// is cumulative, so the last one counts. The key travels in a header, never in the address.
#pragma once

#include <memory>

#include "adapters/json_text.h"
#include "adapters/provider.h"

namespace daybook {

class Gemini final : public Dialect {
 public:
  explicit Gemini(ProviderSettings settings) : settings_(std::move(settings)) {}

  Result<ProviderRequest> request(const Prompt& prompt) const override;
  std::unique_ptr<StreamDecoder> decoder() override;

 private:
  ProviderSettings settings_;
  JsonBuffer buffer_;  // one event at a time, whichever stream it belongs to
};

}  // namespace daybook
