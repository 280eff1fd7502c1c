// `daybook prompt`: what a model was sent, rebuilt and compared with the digest recorded then.
#include <algorithm>

#include "core/codec.h"
#include "core/residency.h"
#include "core/sha256.h"
#include "tools/command_line.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/residency_json.h"
#include "tools/subject.h"
#include "tools/tool.h"

namespace daybook {
namespace {

// The turn that any of its events names, or the session's newest one at that moment.
Result<Event> find_turn(JournalView& view, const SessionMoment& moment, Seq turn) {
  const std::string session = std::to_string(moment.session);
  if (turn != 0) {
    auto event = view.event(turn);
    if (!event) return event.error();
    auto subject = find_subject(view, *event);
    if (subject && subject->has_turn_started() && subject->session() == moment.session) {
      return subject;
    }
    return Error{"event " + std::to_string(turn) + " is no turn of session " + session +
                     "; `daybook log " + session + " --kind TurnStarted` lists them",
                 ExitCode::kUsage};
  }
  Seq head = view.gateway().directory().session(moment.session)->head();
  while (head != 0) {
    auto event = view.event(head);
    if (!event) return event.error();
    if (event->has_turn_started() && head <= moment.upto) return event;
    head = event->prev();
  }
  return Error{"session " + session + " had no turn up to event " + std::to_string(moment.upto) +
                   ", so no model saw a prompt",
               ExitCode::kUsage};
}

// The attempt of this turn that begins here with a prompt of its own; 0: none does.
std::uint32_t attempt_with(const Event& event, Seq turn) {
  const TurnRetried& retried = event.turn_retried();
  const StepStarted& step = event.step_started();
  if (event.has_step_started() && step.turn() == turn) return step.attempt();
  return retried.turn() == turn && retried.has_prompt() ? retried.attempt() : 0;
}

Seq turn_with(const Event& recorded) {
  return recorded.has_turn_started() ? recorded.seq() : turn_of(recorded);
}

// The event that records the prompt of this attempt, 0: of the last one.
Result<Event> find_attempt(JournalView& view, Event turn, std::uint32_t attempt) {
  if (attempt == 1) return turn;
  Seq head = view.gateway().directory().session(turn.session())->head();
  while (head > turn.seq()) {
    auto event = view.event(head);
    if (!event) return event.error();
    const std::uint32_t number = attempt_with(*event, turn.seq());
    if (number != 0 && (attempt == 0 || number <= attempt)) return event;
    head = event->prev();
  }
  return turn;
}

std::string role_of(const PromptMessage& message) {
  if (!message.result_of.empty()) return "tool";
  return message.role == Entry::USER ? "user" : "assistant";
}

JsonLine rules_json(const TurnStarted& turn) {
  JsonLine rules = JsonLine::array();
  for (const std::string& rule : turn.provenance()) rules.push_back(rule);
  return rules;
}

void print_prompt_json(const Event& recorded, const RebuiltPrompt& rebuilt,
                       const std::string& digest, bool same, bool erased) {
  const Prompt& prompt = rebuilt.built.prompt;
  JsonLine messages = JsonLine::array();
  for (const PromptMessage& message : prompt.messages) {
    messages.push_back({{"role", role_of(message)}, {"text", message.text}});
    for (const ToolRequest& request : message.requests) {
      messages.back()["requests"].push_back(
          {{"id", request.id}, {"tool", request.tool}, {"arguments", request.arguments}});
    }
    if (!message.result_of.empty()) messages.back()["result_of"] = message.result_of;
    if (message.cache_mark) messages.back()["cache_mark"] = true;
  }
  const TurnStarted& turn = prompt_record(recorded);
  print_json({{"turn", turn_with(recorded)},
              {"session", recorded.session()},
              {"model", prompt.model},
              {"provider", turn.provider()},
              {"policy", turn.policy()},
              {"provenance", rules_json(turn)},
              {"tokens", turn.tokens()},
              {"budget", turn.budget()},
              {"reused_tokens", turn.reused_tokens()},
              {"cache_minutes", prompt.cache_minutes},
              {"system", prompt.system},
              {"messages", std::move(messages)},
              {"residency", residency_json(rebuilt.state, turn)},
              {"sha256", digest},
              {"recorded_sha256", hex(turn.sha256())},
              {"same", same},
              {"erased", erased}});
}

// Where each entry is, and by which rules.
void print_residency(const Tool& tool, const SessionState& session, const TurnStarted& turn) {
  std::string rules;
  for (const std::string& rule : turn.provenance()) rules += (rules.empty() ? "" : ", ") + rule;
  if (!rules.empty()) print_line(dimmed(tool, "-- by " + rules));
  for (const ResidencyRun& run : residency_runs(session, residency_of(session, turn))) {
    print_line(dimmed(tool, "-- " + residency_text(run)));
  }
}

void print_prompt_text(const Tool& tool, const Event& recorded, const RebuiltPrompt& rebuilt) {
  const Prompt& prompt = rebuilt.built.prompt;
  const TurnStarted& started = prompt_record(recorded);
  const Seq turn = turn_with(recorded);
  std::string head = "turn " + std::to_string(turn);
  const std::uint32_t attempt = attempt_with(recorded, turn);
  if (attempt != 0) head += ", attempt " + std::to_string(attempt);
  if (recorded.has_step_started()) {
    head += ", step " + std::to_string(recorded.step_started().step());
  }
  head += ", model " + prompt.model + " of " + started.provider() + ", policy " + started.policy() +
          ", " + std::to_string(started.tokens()) + " tokens";
  if (started.rules() != 0) {
    head += " of " + std::to_string(started.budget()) + ", " +
            std::to_string(started.reused_tokens()) + " as in the prompt before";
  }
  print_line(bold(tool, head));
  print_residency(tool, rebuilt.state, started);
  const auto marked = [&](bool mark) {
    if (!mark) return std::string();
    return ", and up to its end to be cached for " + std::to_string(prompt.cache_minutes) + " min";
  };
  print_line(dimmed(tool, "-- system" + marked(prompt.cache_minutes > 0)));
  print_line(terminal_text(prompt.system));
  for (const PromptMessage& message : prompt.messages) {
    const std::string of = message.result_of.empty() ? "" : " " + message.result_of;
    print_line(
        dimmed(tool, "-- " + role_of(message) + terminal_text(of) + marked(message.cache_mark)));
    if (message.plain() || !message.text.empty()) print_line(terminal_text(message.text));
    for (const ToolRequest& request : message.requests) {
      print_line(dimmed(tool, terminal_text("-- asks " + request.tool + " " + request.id)));
      print_line(terminal_text(request.arguments));
    }
  }
  if (prompt.tools.empty()) return;
  std::string names;
  for (const ToolDefinition& one : prompt.tools) names += " " + std::string(one.name);
  print_line(dimmed(tool, "-- tools" + names + (prompt.tools_closed ? ", closed" : "")));
}

// What stands in place of erased words, an answer or a tool's words included.
bool has_erased_words(const Prompt& prompt) {
  const auto& messages = prompt.messages;
  return std::any_of(messages.begin(), messages.end(), [](const PromptMessage& message) {
    return message.text.find(kErasedText) != std::string::npos;
  });
}

Result<void> run_prompt(const Tool& tool, const std::string& what, Seq turn_seq,
                        std::uint32_t attempt, const std::string& at) {
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  auto moment = session_moment_of(**view, what);
  if (!moment) return moment.error();
  if (!at.empty()) {
    auto upto = moment_of(**view, at, moment->session);
    if (!upto) return upto.error();
    moment->upto = *upto;
  }
  auto turn = find_turn(**view, *moment, turn_seq);
  if (!turn) return turn.error();
  turn = find_attempt(**view, *std::move(turn), attempt);
  if (!turn) return turn.error();
  auto rebuilt = rebuild_prompt(*turn, (*view)->gateway());
  if (!rebuilt) return rebuilt.error();
  const Prompt& prompt = rebuilt->built.prompt;
  const auto digest = canonical_sha256(prompt);
  const std::string_view bytes(reinterpret_cast<const char*>(digest.data()), digest.size());
  const std::string& recorded = prompt_record(*turn).sha256();
  const bool same = bytes == recorded;
  auto erasure = (*view)->newest(Event::kSessionErased, (*view)->log().last());
  if (!erasure) return erasure.error();
  const bool since = erasure->has_value() && (*erasure)->seq() > turn->seq();
  const bool erased = !same && since && has_erased_words(prompt);
  if (tool.json) {
    print_prompt_json(*turn, *rebuilt, hex(bytes), same, erased);
  } else {
    print_prompt_text(tool, *turn, *rebuilt);
    print_line(dimmed(tool, "-- sha256 " + hex(bytes) + (same ? ", as recorded" : "")));
  }
  if (erased && !tool.json) {
    print_line("Words of it are erased, so it cannot be compared with the recorded " +
               hex(recorded) + ".");
  }
  if (same || erased) return {};
  return Error{"the prompt of turn " + std::to_string(turn->seq()) +
                   " cannot be rebuilt: its SHA-256 differs from the recorded " + hex(recorded) +
                   "; run `daybook verify`",
               ExitCode::kDamaged};
}

}  // namespace

void add_prompt(CLI::App& app, Tool& tool) {
  CLI::App* verb =
      add_verb(app, "prompt", Group::kRead, "what a model was sent, rebuilt to the byte",
               "daybook prompt telegram:12345 --turn 42");
  const auto what = std::make_shared<std::string>();  // lives as long as the callback
  const auto turn = std::make_shared<Seq>(0);
  verb->add_option("session", *what, "a session's number, place, or its beginning")->required();
  const auto at = std::make_shared<std::string>();
  verb->add_option("--turn", *turn, "the turn's number, or any of its events; otherwise the newest")
      ->check(whole_number());
  verb->add_option("--at", *at, std::string("the newest turn at ") + kMomentHelp)
      ->excludes("--turn");
  const auto attempt = std::make_shared<std::uint32_t>(0);
  verb->add_option("--attempt", *attempt,
                   "which of its attempts, where they differ; otherwise the last");
  verb->add_flag("--json", tool.json, "as a JSON object");
  verb->callback([&tool, what, turn, attempt, at] {
    tool.chosen = [&tool, what, turn, attempt, at] {
      return run_prompt(tool, *what, *turn, *attempt, *at);
    };
  });
}

}  // namespace daybook
