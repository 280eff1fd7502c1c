// `daybook verify` and `checkpoint`: is what we hold what was written?
//
// The examination runs in a child. LMDB trusts its pages, so whatever the checks before it miss,
// and a disk that fails under a map, kills the child alone; that is a finding, too.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

#include "core/laws.h"
#include "core/notation.h"
#include "journal/opening.h"
#include "journal/reading.h"
#include "journal/sweep.h"
#include "journal/verify.h"
#include "tools/figures.h"
#include "tools/in_child.h"
#include "tools/json_line.h"
#include "tools/progress.h"
#include "tools/tool.h"
#include "tools/verify_export.h"

namespace daybook {
namespace {

struct VerifyArguments {
  VerifyExportRequest shared;  // of an export and of the journal
  Seq since = 0;
  unsigned jobs = 0;  // 0: one a processor
  std::string keys;
};

void print_sound(const Tool& tool, const Verification& found) {
  for (const std::string& note : found.notes) {
    std::fprintf(stderr, "daybook: %s\n", note.c_str());
  }
  const std::string from =
      found.first > 1 ? " from event " + std::to_string(found.first) + " on" : "";
  print_line(green(tool, count_text(found.events, "event") + " and " +
                             count_text(found.seals, "seal") + from + ", all sound"));
}

void print_damage(const std::string& directory, const Verification& found) {
  const bool in_event = found.first_bad_seq != 0;
  const std::string place =
      in_event ? "event " + std::to_string(found.first_bad_seq) + ": " : std::string();
  std::fprintf(stderr, "daybook: the journal in %s is damaged: %s%s; %s%s %s sound\n%s\n",
               directory.c_str(), place.c_str(), found.what.c_str(),
               count_text(found.events, "event").c_str(), in_event ? " before that" : "",
               found.events == 1 ? "is" : "are", found.remedy.c_str());
}

void print_object(const Verification& found) {
  print_json({{"sound", found.sound()},
              {"first", found.first},
              {"events", found.events},
              {"seals", found.seals},
              {"sound_upto", found.sound_upto},
              {"first_bad_seq", found.first_bad_seq},
              {"what", found.what},
              {"remedy", found.remedy},
              {"notes", found.notes}});
}

ExitCode verify_journal(const Tool& tool, VerifyOptions options) {
  Laws laws;
  options.judge = &laws;
  Phases phases;
  options.progress = std::ref(phases);
  const auto found = verify(options);
  phases.end();
  if (!found) {
    std::fprintf(stderr, "daybook: %s\n", found.error().message.c_str());
    return found.error().code;
  }
  if (tool.json) {
    print_object(*found);
  } else if (found->sound()) {
    print_sound(tool, *found);
  } else {
    print_damage(options.directory, *found);
  }
  return found->sound() ? ExitCode::kOk : ExitCode::kDamaged;
}

// What a signal that ended the reader says of what it read.
Error ended_by(int signal, const std::string& directory) {
  const std::string name = std::string(::strsignal(signal)) + ", signal " + std::to_string(signal);
  if (signal == SIGBUS) {
    return {"reading the journal in " + directory + " failed (" + name +
                "): its file was cut short meanwhile, or the disk cannot read it; look at the "
                "system's log, then restore it from a backup",
            ExitCode::kDamaged};
  }
  if (signal == SIGSEGV || signal == SIGABRT || signal == SIGILL || signal == SIGFPE) {
    return {"the journal in " + directory + " is damaged so badly that reading it crashed (" +
                name +
                "); restore it from a backup, or copy what can be read with `daybook log --json`",
            ExitCode::kDamaged};
  }
  return {"verifying was ended before it was done (" + name + "): nothing is known, run it again",
          ExitCode::kUnavailable};
}

Result<void> run_verify(const Tool& tool, const VerifyArguments& arguments) {
  if (!arguments.shared.seal_key.empty()) {
    return Error{"--seal-key is for an export: the journal has its own beside it",
                 ExitCode::kUsage};
  }
  VerifyOptions options;
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  options.directory = *directory;
  options.since = arguments.since;
  options.keys = arguments.keys;
  options.jobs = arguments.jobs != 0
                     ? arguments.jobs
                     : std::clamp(std::thread::hardware_concurrency(), 1U, kSweepJobsMax);
  if (!arguments.shared.against.empty()) {
    auto checkpoint = read_checkpoint_file(arguments.shared.against);
    if (!checkpoint) return checkpoint.error();
    options.checkpoint = *std::move(checkpoint);
    options.checkpoint_name = "the checkpoint " + arguments.shared.against;
  }
  const Result<ChildEnd> end =
      run_in_child([&] { return verify_journal(tool, std::move(options)); });
  if (!end) return end.error();
  if (end->signal != 0) return ended_by(end->signal, *directory);
  if (end->code == ExitCode::kOk) return {};
  return Error{"", end->code};
}

Result<void> run_verify_export(const Tool& tool, const VerifyArguments& arguments) {
  const bool plain = arguments.since == 0 && arguments.jobs == 0 && arguments.keys.empty();
  if (plain) return verify_export(tool, arguments.shared);
  return Error{"--since, --jobs and --keys are for the journal: an export is judged whole",
               ExitCode::kUsage};
}

Result<void> run_checkpoint(const Tool& tool) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  auto opened = open_for_reading(*directory);
  if (!opened) return opened.error();
  Reading reading(*opened->environment);
  const auto seal = reading.last_seal();
  if (!seal) return seal.error();
  if (!seal->has_value()) {
    return Error{"the journal in " + *directory + " is empty: there is nothing to remember yet",
                 ExitCode::kUsage};
  }
  const auto last = reading.get_locked((*seal)->last);
  if (!last) return last.error();
  files::Checkpoint checkpoint;
  checkpoint.journal_id = opened->journal_id;
  checkpoint.head = {(*seal)->last, (*seal)->digest, {}};
  if (last->has_value()) checkpoint.head.time = (*last)->event.time;
  if (tool.json) {
    print_json({{"journal", hex(checkpoint.journal_id)},
                {"seq", checkpoint.head.seq},
                {"seal", hex(view(checkpoint.head.seal))},
                {"time", time_text(checkpoint.head.time)}});
  } else {
    print(files::format_checkpoint(checkpoint));
  }
  return {};
}

}  // namespace

void add_verify(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "verify", Group::kProve,
                            "check every page, record, seal, key and table of the journal, or an "
                            "export of it",
                            "daybook verify --against monday.txt; daybook verify talk.jsonl "
                            "--seal-key seal.key");
  const auto arguments = std::make_shared<VerifyArguments>();  // lives as long as the callback
  verb->add_option("file", arguments->shared.file, "an export to judge in place of the journal");
  verb->add_option("--against", arguments->shared.against,
                   "a checkpoint taken earlier: it must still hold what it did then");
  verb->add_option("--since", arguments->since, "begin with the commit of this event");
  verb->add_option("--jobs", arguments->jobs, "threads (default: one a processor)")
      ->check(CLI::Range(1U, kSweepJobsMax));
  verb->add_option("--keys", arguments->keys, "the keys of the words, if not beside the journal");
  verb->add_option("--seal-key", arguments->shared.seal_key,
                   "of an export: seal.key of the journal it was made from");
  verb->add_flag("--json", tool.json, "the verdict as a JSON object");
  verb->callback([&tool, arguments] {
    tool.chosen = [&tool, arguments] {
      return arguments->shared.file.empty() ? run_verify(tool, *arguments)
                                            : run_verify_export(tool, *arguments);
    };
  });
}

void add_checkpoint(CLI::App& app, Tool& tool) {
  CLI::App* verb =
      add_verb(app, "checkpoint", Group::kProve,
               "print how far the journal reaches, to keep elsewhere and verify against",
               "daybook checkpoint > monday.txt");
  verb->add_flag("--json", tool.json, "as a JSON object; --against reads the other form");
  verb->callback([&tool] { tool.chosen = [&tool] { return run_checkpoint(tool); }; });
}

}  // namespace daybook
