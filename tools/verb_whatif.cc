// `daybook whatif`: one past turn once more, with another model, policy or system prompt, on a
// branch of its own. The chat it comes from never hears of it.
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "core/context.h"
#include "core/directory.h"
#include "core/evaluation.h"
#include "core/model.h"
#include "core/money.h"
#include "core/notation.h"
#include "core/policy.h"
#include "core/tokens.h"
#include "core/usage.h"
#include "tools/columns.h"
#include "tools/control_client.h"
#include "tools/figures.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/progress.h"
#include "tools/spent_text.h"
#include "tools/subject.h"
#include "tools/terminal.h"
#include "tools/tool.h"

namespace daybook {
namespace {

using Json = ControlClient::Json;

constexpr std::string_view kBranchPlaces = "terminal:";
constexpr std::size_t kSaidBytesMax = 60u << 10;

struct WhatifOptions {
  std::string session;
  std::string turn;
  std::string model;
  std::string policy;
  std::string system;  // a file, until its words are read
  bool yes = false;
};

// An answer as the journal has it.
struct Answered {
  TurnStarted prompt;  // the last one: of whoever answered
  std::string text;
  std::string fault;  // why it is none, or not whole
  Spent spent;
  Duration took{};
};

// What is to be asked again.
struct Question {
  Event turn;  // its TurnStarted
  Seq at = 0;  // behind this event the branch begins
  std::string text;
};

bool is_answer_turn(const Event& event) {
  return event.has_turn_started() && event.turn_started().kind() == ANSWER;
}

Result<Event> turn_named(JournalView& view, SessionId session, const std::string& name) {
  if (name.empty()) {
    for (Seq seq = view.gateway().directory().session(session)->head(); seq != 0;) {
      const auto event = view.event(seq);
      if (!event) return event.error();
      if (is_answer_turn(*event)) return *event;
      seq = event->prev();
    }
    return Error{"nothing was asked there yet", ExitCode::kUsage};
  }
  const Seq seq = parse_seq(name);
  if (seq == 0) return Error{"--turn takes the number of an event: --turn 42", ExitCode::kUsage};
  const auto event = view.event(seq);
  if (!event) return event.error();
  auto subject = find_subject(view, *event);
  if (!subject) return subject.error();
  if (!is_answer_turn(*subject)) {
    return Error{"event " + name +
                     " belongs to no turn that answers somebody; `daybook log` lists "
                     "them",
                 ExitCode::kUsage};
  }
  return subject;
}

// A turn that answers once more begins where the question is said already; the branch begins where
// it was not.
Result<Event> first_turn_for(JournalView& view, Event turn) {
  const auto& answers = turn.turn_started().answers();
  const std::vector<Seq> asked(answers.begin(), answers.end());
  Event first = std::move(turn);
  for (Seq seq = first.prev(); seq != 0 && !asked.empty() && seq > asked.front();) {
    auto event = view.event(seq);
    if (!event) return event.error();
    seq = event->prev();
    const auto& other = event->turn_started().answers();
    if (is_answer_turn(*event) &&
        std::equal(asked.begin(), asked.end(), other.begin(), other.end()))
      first = *std::move(event);
  }
  return first;
}

Result<Question> question_of(JournalView& view, const Event& turn) {
  Question question;
  question.turn = turn;
  for (const Seq message : turn.turn_started().answers()) {
    const std::string text = view.gateway().text(message);
    if (!question.text.empty()) question.text += "\n\n";
    question.text += text;
  }
  if (question.text.empty()) {
    return Error{"what turn " + std::to_string(turn.seq()) +
                     " answers was erased: it cannot be "
                     "asked again",
                 ExitCode::kUsage};
  }
  if (question.text.size() > kSaidBytesMax) {
    return Error{"what turn " + std::to_string(turn.seq()) +
                     " answers is longer than 60 KiB, the "
                     "most that can be said through the daemon",
                 ExitCode::kUsage};
  }
  const auto first = first_turn_for(view, turn);
  if (!first) return first.error();
  question.at = first->prev();
  return question;
}

Result<Answered> answer_of(JournalView& view, const Event& turn) {
  Answered answered;
  answered.prompt = turn.turn_started();
  answered.fault = "(it has not ended yet)";
  UsageFold usage;
  const auto catalogue = view.newest(Event::kCatalogueLoaded, turn.seq());
  if (!catalogue) return catalogue.error();
  if (catalogue->has_value()) static_cast<void>(usage.apply(**catalogue));
  KindSet kinds;
  for (const int kind :
       {Event::kCatalogueLoaded, Event::kTurnStarted, Event::kTurnRetried, Event::kAttemptFailed,
        Event::kStepStarted, Event::kStepCompleted, Event::kTurnCompleted, Event::kTurnFailed,
        Event::kTurnCancelled, Event::kTurnAbandoned}) {
    kinds.set(static_cast<std::size_t>(kind));
  }
  const auto read = view.events(turn.seq(), view.log().last(), kinds, [&](const Event& event) {
    const bool its_own = event.seq() == turn.seq() || subject_of(event) == turn.seq();
    if (!its_own && !event.has_catalogue_loaded()) return true;
    if (const auto call = usage.apply(event)) answered.spent.add(call->spent);
    if (event.turn_retried().has_prompt()) answered.prompt = event.turn_retried().prompt();
    if (event.has_step_started()) answered.prompt = event.step_started().prompt();
    if (!ends_turn(event)) return true;
    answered.text = event.content().text();
    answered.fault = event.content().detail();
    answered.took = Duration(event.time() - turn.time());
    return false;
  });
  if (!read) return read.error();
  return answered;
}

std::string model_text(const Answered& answered) {
  return answered.prompt.model() + " of " + answered.prompt.provider();
}

// ---- what it would cost

// The limits that the branch will have.
void give_limits(const Directory& now, const ResolvedModel& model, TurnStarted* turn) {
  const SettingsLoaded& settings = now.settings();
  turn->set_rules(now.rules());
  turn->set_settings(now.settings_seq());
  turn->set_model(model.model);
  turn->set_provider(model.provider);
  turn->set_window_percent(settings.context_window_percent());
  turn->set_messages_max(settings.max_history_messages());
  turn->set_context_tokens_max(settings.context_tokens_max());
  turn->set_calibration(now.calibration(model.provider, model.model));
  set_policy_limits(settings, turn);
  set_window(model, turn);
}

// "about 1,200 tokens, and with an answer as long as the recorded one about $0.0031"
std::string price_before(JournalView& view, const WhatifOptions& options, const Event& turn,
                         const Answered& recorded, const ResolvedModel& model) {
  Gateway& gateway = view.gateway();
  TurnStarted asked = turn.turn_started();
  std::uint64_t tokens = asked.tokens();
  const auto rebuilt = rebuild_prompt(turn, gateway);
  if (rebuilt) {
    give_limits(gateway.directory(), model, &asked);
    tokens = tokens_under(options.policy, rebuilt->state, asked, gateway);
  }
  if (!options.system.empty()) {
    const std::uint64_t before = estimate_tokens(gateway.text(system_event(asked)));
    tokens = tokens - std::min(tokens, before) + estimate_tokens(options.system);
  }
  std::string text = "about " + count_text(tokens, "token");
  const CallFacts facts{model.provider, model.model, static_cast<std::uint32_t>(tokens),
                        static_cast<std::uint32_t>(recorded.spent.output_tokens)};
  const Spent spent = spent_by(facts, Usage(), gateway.directory().catalogue(), true);
  if (spent.unpriced_calls > 0) return text + "; its price is not known";
  const bool said = recorded.spent.output_tokens > 0;
  text += said ? ", and with an answer as long as the recorded one about "
               : ", which alone, for nothing was answered to compare with, cost about ";
  return text + money_text(spent.nanodollars());
}

// ---- asking

struct Said {
  Seq turn = 0;
  bool changed = false;  // the branch's model or a setting of its
  std::string told;      // by the gateway itself
};

// Says something there and waits for what comes of it.
Result<Said> say(ControlClient& client, const std::string& place, const std::string& text,
                 const std::string& progress_text) {
  auto asked = client.ask({{"verb", "say"}, {"place", place}, {"text", text}});
  if (!asked) return asked.error();
  Said said;
  Progress progress(progress_text, 0);
  std::uint64_t bytes = 0;
  while (true) {
    const auto line = client.next();
    if (!line) return line.error();
    if (ControlClient::is_last(*line)) return said;
    const std::string kind = line->value("kind", "");
    if (kind == "TurnStarted" && said.turn == 0) said.turn = line->value("seq", Seq{0});
    if (kind == "ModelSwitched" || kind == "SettingChanged") said.changed = true;
    if (kind == "NoticeIssued") said.told += line->value("text", "");
    if (kind == "ChunkReceived") progress.reached(bytes += line->value("text", "").size());
  }
}

Result<std::string> words_in(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) return Error{"--system: " + path + " cannot be read", ExitCode::kUsage};
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  text.erase(0, text.find_first_not_of(" \t\r\n"));
  if (text.empty() || text.size() > kSaidBytesMax) {
    return Error{"--system: " + path + " is empty or longer than 60 KiB", ExitCode::kUsage};
  }
  return text;
}

// Where the turn is asked once more.
struct Place {
  std::string directory;
  std::string name;  // of a terminal

  [[nodiscard]] std::string place() const { return std::string(kBranchPlaces) + name; }
};

// Makes the branch differ as it was wanted, and in neither model nor policy otherwise. What the
// gateway refuses is an Error in its words.
Result<void> set_up(const Place& there, ControlClient& client, const WhatifOptions& options) {
  std::vector<std::string> commands = {"/model " + options.model, "/policy " + options.policy};
  if (!options.system.empty()) commands.push_back("/system " + options.system);
  for (const std::string& command : commands) {
    const auto said = say(client, there.place(), command, "setting up");
    if (!said) return said.error();
    if (!said->changed) return Error{said->told, ExitCode::kUsage};
  }
  return {};
}

// A name that no conversation has.
std::string free_name(const Directory& directory, Seq turn) {
  const std::string name = "whatif-" + std::to_string(turn);
  for (int more = 1;; ++more) {
    std::string tried = more == 1 ? name : name + "-" + std::to_string(more);
    if (directory.at(std::string(kBranchPlaces) + tried) == nullptr) return tried;
  }
}

// ---- telling

std::string facts_of(const Answered& answered) {
  std::string text = model_text(answered);
  if (answered.spent.calls > 0) {
    text += "\n" + token_text(answered.spent);
    const std::string price = price_text(answered.spent);
    if (!price.empty()) text += "\n" + price;
  }
  return text + "\n" + duration_text(answered.took) + "\n";
}

std::string words_of(const Answered& answered) {
  if (answered.fault.empty()) return answered.text;
  return answered.text + (answered.text.empty() ? "" : "\n") + answered.fault;
}

void print_both(const Tool& tool, const Question& question, const Answered& recorded,
                const Answered& other, const std::string& name) {
  print_line(bold(tool, terminal_text(question.text)));
  print_line("");
  const std::string left = facts_of(recorded) + "\n" + words_of(recorded);
  const std::string right = facts_of(other) + "\n" + words_of(other);
  for (const std::string& line : side_by_side(left, right, line_width())) {
    print_line(terminal_text(line));
  }
  print_line("");
  print_line(dimmed(tool, "It stands at " + std::string(kBranchPlaces) + name + "; `daybook chat " +
                              name + "` goes on there."));
}

JsonLine answered_json(const Answered& answered) {
  JsonLine line = {{"model", model_text(answered)}, {"text", answered.text}};
  if (!answered.fault.empty()) line["fault"] = answered.fault;
  line["milliseconds"] = answered.took.count();
  line.update(spent_json(answered.spent));
  return line;
}

Result<bool> confirmed(const Tool& tool, const WhatifOptions& options, const std::string& model,
                       const std::string& price) {
  const std::string sentence = "This asks " + model + ": " + price;
  if (options.yes) {
    if (!tool.json) print_line(terminal_text(sentence));
    return true;
  }
  if (isatty(STDIN_FILENO) == 0) {
    return Error{sentence + " Say --yes to do it: nobody can be asked here.", ExitCode::kUsage};
  }
  print_line(terminal_text(sentence));
  return ask_yes_no("Go on?", false).value_or(false);
}

Result<void> ask_and_tell(const Tool& tool, const WhatifOptions& options, const Question& question,
                          const Answered& recorded, const Place& there, ControlClient& client) {
  const Json fork = {{"verb", "fork"},
                     {"session", question.turn.session()},
                     {"at", question.at},
                     {"place", there.place()}};
  if (const auto asked = client.ask(fork); !asked) return asked.error();
  if (const auto forked = client.finish(); !forked) return forked.error();
  if (const auto ready = set_up(there, client, options); !ready) return ready.error();
  const auto said = say(client, there.place(), question.text, "answered, bytes");
  if (!said) return said.error();
  if (said->turn == 0) return Error{said->told, ExitCode::kUsage};
  const auto view = JournalView::open(there.directory);
  if (!view) return view.error();
  const auto turn = (*view)->event(said->turn);
  if (!turn) return turn.error();
  const auto other = answer_of(**view, *turn);
  if (!other) return other.error();
  if (!tool.json) {
    print_both(tool, question, recorded, *other, there.name);
    return {};
  }
  print_json({{"turn", question.turn.seq()},
              {"question", question.text},
              {"recorded", answered_json(recorded)},
              {"place", there.place()},
              {"again_turn", said->turn},
              {"again", answered_json(*other)}});
  return {};
}

Result<void> run_whatif(const Tool& tool, WhatifOptions options) {
  if (options.model.empty() && options.policy.empty() && options.system.empty()) {
    return Error{"say what shall be different: --model, --policy or --system", ExitCode::kUsage};
  }
  if (!options.system.empty()) {
    auto words = words_in(options.system);
    if (!words) return words.error();
    options.system = *std::move(words);
  }
  if (!options.policy.empty() && !is_policy(options.policy)) {
    return Error{"--policy: there is no policy '" + options.policy + "'", ExitCode::kUsage};
  }
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  const std::string directory = (*view)->directory();
  const auto session = (*view)->find_session(options.session);
  if (!session) return session.error();
  const auto turn = turn_named(**view, *session, options.turn);
  if (!turn) return turn.error();
  const auto question = question_of(**view, *turn);
  if (!question) return question.error();
  const auto recorded = answer_of(**view, *turn);
  if (!recorded) return recorded.error();
  const Directory& now = (*view)->gateway().directory();
  if (options.model.empty()) {
    options.model = recorded->prompt.provider() + ":" + recorded->prompt.model();
  }
  if (options.policy.empty()) options.policy = recorded->prompt.policy();
  const auto model = resolve_model(options.model, now.settings(), now.catalogue());
  if (!model) {
    const std::string near = near_models_text(options.model, now.settings(), now.catalogue());
    return Error{model.error().message + near, ExitCode::kUsage};
  }
  auto client = ControlClient::connect(control_socket_path(directory));
  if (!client) return client.error();
  if (!client->has_value()) {
    return Error{"daybookd does not run on " + directory + ", and only it asks models; start it",
                 ExitCode::kUnavailable};
  }
  const std::string price = price_before(**view, options, *turn, *recorded, *model) + "." +
                            unlisted_text(*model, options.model, now.settings(), now.catalogue());
  const auto agreed = confirmed(tool, options, model->model + " of " + model->provider, price);
  if (!agreed) return agreed.error();
  if (!*agreed) return {};
  const Place there{directory, free_name(now, turn->seq())};
  view->reset();  // what is asked takes a while, and a reader holds pages
  return ask_and_tell(tool, options, *question, *recorded, there, **client);
}

}  // namespace

void add_whatif(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "whatif", Group::kTalk,
                            "a past turn once more, with another model, policy or system prompt",
                            "daybook whatif telegram:12345 --turn 42 --model openai:gpt-4o");
  const auto options = std::make_shared<WhatifOptions>();  // lives as long as the callback
  verb->add_option("session", options->session, "a session's number, place, or its beginning")
      ->required();
  verb->add_option("--turn", options->turn,
                   "of this turn, or of this event's; otherwise the newest");
  verb->add_option("--model", options->model, "who answers this time");
  verb->add_option("--policy", options->policy, "what the prompt takes of the conversation");
  verb->add_option("--system", options->system, "a file that holds the system prompt");
  verb->add_flag("--yes", options->yes, "do not ask whether it may cost that much");
  verb->add_flag("--json", tool.json, "both answers as one JSON object");
  verb->callback(
      [&tool, options] { tool.chosen = [&tool, options] { return run_whatif(tool, *options); }; });
}

}  // namespace daybook
