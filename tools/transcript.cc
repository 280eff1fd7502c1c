#include "tools/transcript.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/codec.h"
#include "core/notation.h"
#include "core/session.h"

namespace daybook {
namespace {

using Item = TranscriptItem;

class TranscriptWriter {
 public:
  TranscriptWriter(JournalView& view, const Redactor* redactor)
      : view_(view), redactor_(redactor) {}

  Result<Transcript> write(SessionId session, Seq upto) {
    auto chain = chain_of(view_, session, upto);
    if (!chain) return chain.error();
    Transcript transcript;
    transcript.session = session;
    transcript.place = view_.gateway().directory().session(session)->place();
    for (const Event& clear : *chain) {
      auto item = item_of(clear);
      if (!item) return item.error();
      if (!item->text.empty() || !item->note.empty()) {
        transcript.items.push_back(std::move(item).value());
      }
    }
    std::stable_sort(
        transcript.items.begin(), transcript.items.end(),
        [this](const Item& one, const Item& other) { return place_of(one) < place_of(other); });
    return transcript;
  }

 private:
  // A message stands where its waiting ended.
  [[nodiscard]] Seq place_of(const Item& item) const {
    const auto turn = settled_.find(item.seq);
    return turn == settled_.end() ? item.seq : turn->second;
  }

  [[nodiscard]] std::string shown(const std::string& text) const {
    return redactor_ == nullptr ? text : redactor_->clean(text);
  }

  Result<Item> item_of(const Event& clear) {
    Item item;
    item.seq = clear.seq();
    item.time = from_milliseconds(clear.time());
    if (clear.has_turn_started()) {
      turns_[clear.seq()] = clear.turn_started();
      for (const Seq asked : clear.turn_started().answers()) {
        settled_.try_emplace(asked, clear.seq());
      }
    }
    for (const Seq dropped : clear.queue_cleared().dropped()) settled_[dropped] = clear.seq();
    if (clear.turn_retried().has_prompt()) {
      turns_[clear.turn_retried().turn()] = clear.turn_retried().prompt();
    }
    const bool words = clear.has_message_received() || ends_turn(clear);
    auto event = words ? view_.event(clear.seq()) : Result<Event>(clear);
    if (!event) return event.error();
    if (event->has_message_received()) {
      fill_message(*event, &item);
    } else if (ends_turn(*event)) {
      fill_answer(*event, &item);
    } else {
      fill_mark(*event, &item);
    }
    return item;
  }

  void fill_message(const Event& event, Item* item) const {
    const MessageReceived& message = event.message_received();
    if (!message.command().empty()) return;
    item->kind = Item::Kind::kMessage;
    const std::string& name = event.content().name();
    item->who = name.empty() ? "You" : shown(name);
    item->text = shown(event.content().text());
    for (const Attachment& attachment : message.attachments()) {
      item->note += (item->note.empty() ? "" : ", ") + attachment.kind() + " attached";
    }
    item->note += quoted_in(event.content(), *item);
  }

  [[nodiscard]] std::string quoted_in(const Content& content, const Item& item) const {
    if (content.quoted().empty()) return {};
    std::string note = item.note.empty() ? "in reply" : ", in reply";
    if (!content.quoted_name().empty()) note += " to " + escaped(shown(content.quoted_name()));
    return note + ": \"" + escaped(shown(content.quoted())) + "\"";
  }

  void fill_answer(const Event& event, Item* item) {
    const TurnStarted& turn = turns_[ended_turn(event)];
    if (turn.kind() != ANSWER) return;  // shown where it takes effect
    item->kind = Item::Kind::kAnswer;
    item->who = turn.model();
    item->text = shown(event.content().text());
    item->reasoning = shown(reasoning_before(last_chunk_of(event)));
    item->note = outcome_of(event);
  }

  std::string outcome_of(const Event& event) const {
    if (event.turn_cancelled().for_message() != 0) return "cut short by what follows";
    if (event.has_turn_cancelled()) return "stopped";
    if (!event.has_turn_completed()) {
      const std::string detail = shown(event.content().detail());
      return detail.empty() ? "given up" : detail;
    }
    const TurnCompleted& completed = event.turn_completed();
    std::string note;
    if (completed.usage().reported()) {
      note = std::to_string(completed.usage().prompt_tokens()) + " tokens in, " +
             std::to_string(completed.usage().output_tokens()) + " out";
    }
    if (completed.finish() == LENGTH)
      note += note.empty() ? "cut at its limit" : ", cut at its limit";
    if (completed.finish() == FILTERED) {
      const std::string why = shown(event.content().detail());
      note += std::string(note.empty() ? "" : ", ") + "filtered" + (why.empty() ? "" : ": " + why);
    }
    return note;
  }

  std::string reasoning_before(Seq last_chunk) {
    std::string text;
    for (const Seq seq : chunks_before(last_chunk, view_.gateway())) {
      const auto clear = view_.gateway().clear_event(seq);
      if (!clear || clear->chunk_received().kind() != REASONING) continue;
      if (const auto event = view_.gateway().event(seq)) text += event->content().text();
    }
    return text;
  }

  // The new words of a message, which are a message themselves.
  void fill_edited(const Event& event, Item* item) {
    const auto edited = view_.gateway().event(event.message_replaced().by());
    if (!edited) return;
    item->kind = Item::Kind::kMessage;
    const std::string& name = edited->content().name();
    item->who = name.empty() ? "You" : shown(name);
    item->text = shown(edited->content().text());
    item->note = "in place of message " + std::to_string(event.message_replaced().replaced());
    item->note += quoted_in(edited->content(), *item);
  }

  void fill_mark(const Event& event, Item* item) {
    if (event.has_message_replaced()) {
      fill_edited(event, item);
    } else if (event.has_leaf_moved()) {
      const Seq to = event.leaf_moved().to();
      item->text = to == 0 ? "It goes on from the beginning."
                           : "It goes on behind event " + std::to_string(to) + ".";
    } else if (event.has_compaction_undone()) {
      item->text = "From here on the messages stand for themselves again, not their summary.";
    } else if (event.has_session_reset()) {
      item->text = "A new conversation begins.";
    } else if (event.has_session_forked()) {
      item->text = "From here on it goes another way than in session " +
                   std::to_string(event.session_forked().parent()) + ".";
    } else if (event.has_model_switched()) {
      item->text = "The model is now " + event.model_switched().model() + ".";
    } else if (event.has_compaction_completed()) {
      const bool branch = event.compaction_completed().granularity() == BRANCH;
      item->text = branch ? "From here on the model knows a summary of the branch that was left."
                          : "From here on a summary stands for what was said before.";
      const auto summary = view_.gateway().event(summary_text(event));
      if (summary) item->reasoning = shown(summary->content().text());
    }
  }

  JournalView& view_;
  const Redactor* redactor_;
  std::map<Seq, TurnStarted> turns_;
  std::map<Seq, Seq> settled_;  // message -> the first turn that answers it, or what dropped it
};

}  // namespace

Result<Transcript> transcript_of(JournalView& view, SessionId session, const Redactor* redactor,
                                 Seq upto) {
  return TranscriptWriter(view, redactor).write(session, upto);
}

std::string minute_text(Time time) {
  const std::string text = time_text(time);
  return text.substr(0, 10) + " " + text.substr(11, 5) + " UTC";
}

std::string_view fence_mark(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  if (!line.starts_with("```") && !line.starts_with("~~~")) return {};
  return line.substr(0, std::min(line.find_first_not_of(line[0]), line.size()));
}

}  // namespace daybook
