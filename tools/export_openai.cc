#include "tools/export_openai.h"

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "core/context.h"
#include "core/told.h"

namespace daybook {
namespace {

using Json = nlohmann::ordered_json;

class ExampleWriter {
 public:
  ExampleWriter(JournalView& view, const Redactor* redactor) : view_(view), redactor_(redactor) {}

  Result<std::string> write(SessionId session, Seq upto) {
    auto chain = chain_of(view_, session, upto);
    if (!chain) return chain.error();
    for (const Event& event : *chain) {
      if (const auto taken = take(event); !taken) return taken.error();
    }
    finish();
    return lines_;
  }

 private:
  // nullopt: they were erased, and what stands in their place is no example of anything.
  Result<std::optional<std::string>> words_of(Seq seq) {
    const auto event = view_.event(seq);
    if (!event) return event.error();
    if (event->content().erased()) return std::optional<std::string>();
    const std::string text = told_text(*event);
    return std::optional(redactor_ == nullptr ? text : redactor_->clean(text));
  }

  Result<void> take(const Event& event) {
    // What follows was said behind something else.
    if (event.has_session_reset() || event.has_leaf_moved() || event.has_message_replaced()) {
      finish();
    }
    if (event.has_turn_started()) turns_[event.seq()] = event.turn_started();
    if (!event.has_turn_completed() || event.turn_completed().finish() != STOP) return {};
    const auto turn = turns_.find(event.turn_completed().turn());
    if (turn == turns_.end() || turn->second.kind() != ANSWER) return {};
    return add(turn->second, event.seq());
  }

  Result<void> add(const TurnStarted& turn, Seq answer) {
    if (system_event(turn) != system_) finish();
    auto said = said_in(turn, answer);
    if (!said) return said.error();
    // What follows was said behind words that are gone.
    if (said->empty()) finish();
    if (said->empty()) return {};
    if (messages_.empty() && turn.settings() != 0) {
      auto system = words_of(system_event(turn));
      if (!system) return system.error();
      system_ = system_event(turn);
      if (*system && !(*system)->empty()) push("system", **system);
    }
    for (std::size_t i = 0; i < said->size(); ++i) {
      push(i + 1 < said->size() ? "user" : "assistant", (*said)[i]);
    }
    answered_ = true;
    return {};
  }

  // What it answers, and the answer; nothing where any of it was erased.
  Result<std::vector<std::string>> said_in(const TurnStarted& turn, Seq answer) {
    std::vector<Seq> seqs(turn.answers().begin(), turn.answers().end());
    seqs.push_back(answer);
    std::vector<std::string> said;
    for (const Seq seq : seqs) {
      auto words = words_of(seq);
      if (!words) return words.error();
      if (!*words) return std::vector<std::string>();
      said.push_back(**std::move(words));
    }
    return said;
  }

  void push(const char* role, const std::string& text) {
    messages_.push_back({{"role", role}, {"content", text}});
  }

  void finish() {
    if (answered_) {
      const Json example = {{"messages", std::move(messages_)}};
      lines_ += example.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    }
    messages_ = Json::array();
    answered_ = false;
    system_ = 0;
  }

  JournalView& view_;
  const Redactor* redactor_;
  std::map<Seq, TurnStarted> turns_;
  Json messages_ = Json::array();
  bool answered_ = false;
  Seq system_ = 0;
  std::string lines_;
};

}  // namespace

Result<std::string> openai_examples(JournalView& view, SessionId session, const Redactor* redactor,
                                    Seq upto) {
  return ExampleWriter(view, redactor).write(session, upto);
}

}  // namespace daybook
