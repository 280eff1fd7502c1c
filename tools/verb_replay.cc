// `daybook replay`: would it happen again?
#include "adapters/event_json.h"
#include "core/notation.h"
#include "tools/figures.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/progress.h"
#include "tools/replay.h"
#include "tools/tool.h"

namespace daybook {
namespace {

Result<void> run_check(const Tool& tool, JournalView& view, Seq until) {
  Phases phases;
  const Seq last = until == 0 ? view.log().last() : until;
  auto report = replay_check(view.log(), until,
                             [&](Seq reached) { phases("deciding again", reached, last); });
  phases.end();
  if (!report) return report.error();
  if (tool.json) {
    print_json({{"events", report->events},
                {"facts", report->facts},
                {"decisions", report->decisions},
                {"snapshots", report->snapshots},
                {"skipped", report->skipped},
                {"erased", report->erased},
                {"divergence", report->divergence}});
    if (report->divergence.empty()) return {};
  }
  if (!report->divergence.empty()) {
    return Error{report->divergence, ExitCode::kDamaged};
  }
  print_line(std::to_string(report->events) + " events, " + std::to_string(report->decisions) +
             " decisions, identical");
  if (report->erased > 0) {
    print_line(std::to_string(report->erased) +
               " of the decisions were skipped: the words they followed from are erased");
  }
  if (report->skipped > 0) {
    print_line(std::to_string(report->skipped) +
               " events of kinds that this version does not know were skipped");
  }
  return {};
}

void print_state_line(const Tool& tool, const std::string& name,
                      const google::protobuf::Message& state) {
  if (!tool.json) {
    print_line(terminal_text(name + " " + notation_fields(state)));
    return;
  }
  JsonLine object = {{"state", std::string(state.GetDescriptor()->name())}};
  object.update(JsonLine::parse(message_json(state), nullptr, false));
  print_json(object);
}

// What was known after that event: who talked, what was open.
Result<void> print_state(const Tool& tool, JournalView& view, Seq until) {
  Phases phases;
  const Seq last = until == 0 ? view.log().last() : until;
  auto past = state_at(view.log(), until, [&](Seq reached) { phases("folding", reached, last); });
  phases.end();
  if (!past) return past.error();
  Gateway& gateway = *past->gateway;
  const Directory& directory = gateway.directory();
  const std::string time = time_text(directory.time());
  if (tool.json) {
    print_json({{"state", "DirectoryState"},
                {"seq", directory.seq()},
                {"time", time},
                {"model", directory.settings().model()},
                {"sessions", directory.sessions().size()}});
  } else {
    print_line(bold(tool, "after event " + std::to_string(directory.seq()) + ", " + time));
    print_line("model " + directory.settings().model() + ", " +
               count_text(directory.sessions().size(), "session"));
  }
  for (const auto& [id, row] : directory.sessions()) {
    const Session* session = gateway.session(id);
    if (session == nullptr) return gateway.stopped().value_or(Error{"a session is missing"});
    print_state_line(tool, "session", session->state());
  }
  for (const auto& [seq, turn] : gateway.work().calls.open()) {
    print_state_line(tool, "open turn", turn);
  }
  for (const auto& [source, delivery] : gateway.work().deliveries.open()) {
    print_state_line(tool, "delivery", delivery.state);
  }
  return {};
}

Result<void> run_replay(const Tool& tool, const std::string& until, bool check) {
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  Seq last = 0;
  if (!until.empty()) {
    auto moment = moment_of(**view, until);
    if (!moment) return moment.error();
    last = *moment;
  }
  return check ? run_check(tool, **view, last) : print_state(tool, **view, last);
}

}  // namespace

void add_replay(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "replay", Group::kProve,
                            "fold the journal again; with --check decide again and compare",
                            "daybook replay --check; daybook replay --until 42");
  const auto until = std::make_shared<std::string>();  // lives as long as the callback
  const auto check = std::make_shared<bool>(false);
  verb->add_option("--until", *until, std::string("stop after ") + kMomentHelp);
  verb->add_flag("--check", *check, "make every decision again and name the first that differs");
  verb->add_flag("--json", tool.json, "as JSON objects");
  verb->callback([&tool, until, check] {
    tool.chosen = [&tool, until, check] { return run_replay(tool, *until, *check); };
  });
}

}  // namespace daybook
