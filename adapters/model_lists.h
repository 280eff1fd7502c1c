// What providers say of their models: asked once a day, and written down when it is news.
//
// Law: it is a convenience. Nothing waits for it, a list that cannot be read changes nothing, and
// the catalogue in force is always the journal's.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.pb.h"
#include "core/ports.h"
#include "core/result.h"
#include "core/settings.h"

namespace daybook {

// Rows from what GET /models answers at OpenRouter, Gemini, vLLM, Groq, Mistral, llama.cpp and
// other servers of the same form, with sizes and prices where it tells them; OpenAI and some others
// tell ids alone. An Error says in plain words what is wrong with it.
Result<std::vector<ModelRow>> read_model_list(std::string_view body);

class ModelLists final : public Adapter {
 public:
  static constexpr Duration kEvery{24 * 3'600'000};
  static constexpr Duration kAfterFailure{3'600'000};
  // One that has other models, and knows the same of those that stayed, is written down no oftener.
  static constexpr Duration kOfNewModels{7 * 24 * 3'600'000};
  // Nor one that stays as it is, whose date tells that it still holds.
  static constexpr Duration kOfNoNews{14 * 24 * 3'600'000};
  static constexpr std::size_t kBodyBytesMax = 8u << 20;
  static constexpr std::size_t kRowsMax = 2'000;
  // Of all lists together, which are one event.
  static constexpr std::size_t kCatalogueBytesMax = 512u << 10;

  // `catalogue`: what is in force. `warn` hears a sentence when a list that was there cannot be
  // had, once until it can; a server without a list is none to be warned of.
  using Warn = std::function<void(std::string_view)>;
  ModelLists(const std::vector<ProviderSettings>& providers, CatalogueLoaded catalogue, Warn warn);

  [[nodiscard]] std::string_view name() const override { return "model lists"; }
  void on_event(const Event& event) override;
  std::optional<Due> due(const Moment& moment) override;
  std::vector<Fact> on_reply(CallId call, Reply reply, Time now) override;
  [[nodiscard]] Time wake_at(Time now) const override;
  [[nodiscard]] bool idle() const override { return true; }

 private:
  struct Listed {
    ProviderSettings settings;
    Url url;
    Time next{};  // when to ask; kNever: it is being asked
    int status = 0;
    std::string body;
    bool failed = false;  // the last time
  };

  [[nodiscard]] bool is_news(const Listed& listed, const std::vector<ModelRow>& rows,
                             Time now) const;
  void fail(Listed& listed, const std::string& why, Time now);
  static HttpCall call_for(const Listed& listed);

  CatalogueLoaded catalogue_;
  Warn warn_;
  std::vector<Listed> lists_;
  std::map<CallId, std::size_t> calls_;
  CallId next_call_ = 1;
  bool taking_in_ = true;
};

}  // namespace daybook
