// `daybook replay` and `verify`: is what we hold what happened, and would it happen again?
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/event_json.h"
#include "core/notation.h"
#include "journal/verify.h"
#include "tools/figures.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/replay.h"
#include "tools/tool.h"
#include "tools/verify_export.h"

namespace daybook {
namespace {

Result<void> run_check(const Tool& tool, JournalView& view, Seq until) {
  auto report = replay_check(view.log(), until);
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
  auto past = state_at(view.log(), until);
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

int verify_in_child(const std::string& directory) {
  VerifyOptions options;
  options.directory = directory;
  auto found = verify(options);
  if (!found) {
    std::fprintf(stderr, "daybook: %s\n", found.error().message.c_str());
    return static_cast<int>(found.error().code);
  }
  const std::string events = std::to_string(found->events) + " events";
  if (found->sound()) {
    print_line(events + " and " + std::to_string(found->seals) + " seals, all sound");
    std::fflush(stdout);
    return 0;
  }
  const std::string place =
      found->first_bad_seq == 0 ? "" : "event " + std::to_string(found->first_bad_seq) + ": ";
  std::fprintf(stderr, "daybook: the journal in %s is damaged: %s%s; %s before that are sound\n",
               directory.c_str(), place.c_str(), found->what.c_str(), events.c_str());
  return static_cast<int>(ExitCode::kDamaged);
}

// LMDB trusts its pages, so a damaged file may crash whoever reads it: that is a finding, too.
Result<void> run_verify(const Tool& tool) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) return Error{"cannot start a process to verify in", ExitCode::kInputOutput};
  if (child == 0) {
    const int code = verify_in_child(*directory);
    std::fflush(stderr);
    _exit(code);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (WIFEXITED(status)) return Error{"", static_cast<ExitCode>(WEXITSTATUS(status))};
  return Error{"the journal in " + *directory +
                   " is damaged so badly that reading it crashed; restore a backup, or copy what "
                   "can be read with `daybook log --json`",
               ExitCode::kDamaged};
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

void add_verify(CLI::App& app, Tool& tool) {
  CLI::App* verb =
      add_verb(app, "verify", Group::kProve, "check every record and the chain of seals",
               "daybook verify; daybook verify talk.jsonl --seal-key seal.key");
  const auto request = std::make_shared<VerifyExportRequest>();  // lives as long as the callback
  verb->add_option("file", request->file, "an export to judge in place of the journal");
  verb->add_option("--seal-key", request->seal_key, "of the journal it was exported from");
  verb->add_option("--against", request->against,
                   "a copy of the journal's file head: the export must reach it");
  verb->add_flag("--json", tool.json, "the verdict about an export as a JSON object");
  verb->callback([&tool, request] {
    tool.chosen = [&tool, request] {
      return request->file.empty() ? run_verify(tool) : verify_export(tool, *request);
    };
  });
}

}  // namespace daybook
