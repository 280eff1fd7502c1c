// `daybook prompt`: what a model was sent, rebuilt and compared with the digest recorded then.
#include "core/sha256.h"
#include "tools/command_line.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
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

void print_prompt_json(const Event& turn, const Prompt& prompt, const std::string& digest,
                       bool same) {
  JsonLine messages = JsonLine::array();
  for (const PromptMessage& message : prompt.messages) {
    messages.push_back(
        {{"role", message.role == Entry::USER ? "user" : "assistant"}, {"text", message.text}});
  }
  print_json({{"turn", turn.seq()},
              {"session", turn.session()},
              {"model", prompt.model},
              {"provider", turn.turn_started().provider()},
              {"system", prompt.system},
              {"messages", std::move(messages)},
              {"sha256", digest},
              {"recorded_sha256", hex(turn.turn_started().sha256())},
              {"same", same}});
}

void print_prompt_text(const Tool& tool, const Event& turn, const Prompt& prompt) {
  const TurnStarted& started = turn.turn_started();
  print_line(bold(tool, "turn " + std::to_string(turn.seq()) + ", model " + prompt.model + " of " +
                            started.provider() + ", policy " + started.policy() + ", " +
                            std::to_string(started.tokens()) + " tokens"));
  print_line(dimmed(tool, "-- system"));
  print_line(terminal_text(prompt.system));
  for (const PromptMessage& message : prompt.messages) {
    print_line(dimmed(tool, message.role == Entry::USER ? "-- user" : "-- assistant"));
    print_line(terminal_text(message.text));
  }
}

Result<void> run_prompt(const Tool& tool, const std::string& what, Seq turn_seq,
                        const std::string& at) {
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
  auto prompt = prompt_of(*turn, (*view)->gateway());
  if (!prompt) return prompt.error();
  const auto digest = canonical_sha256(*prompt);
  const std::string_view bytes(reinterpret_cast<const char*>(digest.data()), digest.size());
  const bool same = bytes == turn->turn_started().sha256();
  if (tool.json) {
    print_prompt_json(*turn, *prompt, hex(bytes), same);
  } else {
    print_prompt_text(tool, *turn, *prompt);
    print_line(dimmed(tool, "-- sha256 " + hex(bytes) + (same ? ", as recorded" : "")));
  }
  if (same) return {};
  return Error{"the prompt of turn " + std::to_string(turn->seq()) +
                   " cannot be rebuilt: its SHA-256 differs from the recorded " +
                   hex(turn->turn_started().sha256()) + "; run `daybook verify`",
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
  verb->add_flag("--json", tool.json, "as a JSON object");
  verb->callback([&tool, what, turn, at] {
    tool.chosen = [&tool, what, turn, at] { return run_prompt(tool, *what, *turn, *at); };
  });
}

}  // namespace daybook
