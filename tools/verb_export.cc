// `daybook export` and `import`: the journal, or a conversation, as a file for somebody else.
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "core/notation.h"
#include "tools/export_jsonl.h"
#include "tools/export_openai.h"
#include "tools/importing.h"
#include "tools/moment.h"
#include "tools/progress.h"
#include "tools/tool.h"
#include "tools/transcript.h"

namespace daybook {
namespace {

struct ExportOptions {
  std::string session;
  std::string at;
  bool all = false;
  std::string format = "jsonl";
  std::string output;
  bool no_redact = false;
  bool chain = false;
};

void note(const std::string& sentence) { std::fprintf(stderr, "daybook: %s\n", sentence.c_str()); }

// Secrets in force where settings can be read; what looks like one in any case.
Redactor redactor_of(const Tool& tool) {
  auto loaded = tool.settings();
  if (loaded) return Redactor(loaded->settings.values.secrets());
  note("the settings cannot be read, so only what looks like a secret is taken out (" +
       loaded.error().message + ")");
  return Redactor();
}

// And how far they go.
struct Chosen {
  std::vector<SessionId> sessions;
  Seq upto = kToTheEnd;
};

Result<Chosen> chosen_by(JournalView& view, const ExportOptions& options) {
  Chosen chosen;
  if (options.all) {
    for (const auto& [id, row] : view.gateway().directory().sessions()) {
      chosen.sessions.push_back(id);
    }
    return chosen;
  }
  auto moment = session_then(view, options.session, options.at);
  if (!moment) return moment.error();
  return Chosen{{moment->session}, moment->upto};
}

// None where the export itself runs over the terminal.
std::unique_ptr<Progress> progress_of(const char* what, std::uint64_t total,
                                      const ExportOptions& options) {
  if (options.output.empty() && isatty(STDOUT_FILENO) != 0) return nullptr;
  return std::make_unique<Progress>(what, total);
}

// A session's part of a page, an example file, ...
Result<std::string> part_of(JournalView& view, SessionId session, Seq upto,
                            const std::string& format, const Redactor* redactor) {
  if (format == "openai") return openai_examples(view, session, redactor, upto);
  auto transcript = transcript_of(view, session, redactor, upto);
  if (!transcript) return transcript.error();
  return format == "md" ? markdown_of(*transcript) : html_section(*transcript);
}

Result<void> write_parts(JournalView& view, const Chosen& chosen, const ExportOptions& options,
                         const Redactor* redactor, OutputFile& out) {
  const auto& sessions = chosen.sessions;
  const bool page = options.format == "html";
  const auto* row =
      sessions.size() == 1 ? view.gateway().directory().session(sessions[0]) : nullptr;
  if (page) out.write(html_begin(row == nullptr ? "Daybook" : row->place()));
  auto progress = progress_of("exporting sessions", sessions.size(), options);
  std::uint64_t done = 0;
  for (const SessionId session : sessions) {
    auto part = part_of(view, session, chosen.upto, options.format, redactor);
    if (!part) return part.error();
    out.write(*part);
    if (progress) progress->reached(++done);
  }
  if (page) out.write(html_end());
  return {};
}

void report_jsonl(const Tool& tool, const ExportOptions& options, const JsonlReport& report) {
  if (report.withheld > 0) {
    note(std::to_string(report.withheld) +
         " events hold what looks like a secret: their hashes stand for them, so the seals still "
         "verify, and the file cannot be imported; --no-redact exports all of it");
  }
  if (options.output.empty()) return;
  if (tool.json) {
    const nlohmann::ordered_json object = {
        {"file", options.output}, {"events", report.events}, {"withheld", report.withheld}};
    print_line(object.dump());
  } else {
    print_line(std::to_string(report.events) + " events to " + options.output +
               "; `daybook verify " + options.output + "` judges it");
  }
}

Result<void> write_jsonl(const Tool& tool, JournalView& view, const Chosen& chosen,
                         const ExportOptions& options, const Redactor* redactor) {
  auto out = OutputFile::open(options.output);
  if (!out) return out.error();
  auto progress = progress_of("exporting", view.log().last(), options);
  const auto reached = [&](Seq seq) {
    if (progress) progress->reached(seq);
  };
  const JsonlRequest request{options.all ? 0 : chosen.sessions.front(), options.chain, redactor,
                             reached, chosen.upto};
  auto report = export_jsonl(view, request, **out);
  progress.reset();
  if (!report) return report.error();
  if (auto finished = (*out)->finish(); !finished) return finished;
  report_jsonl(tool, options, *report);
  return {};
}

Result<void> run_export(const Tool& tool, const ExportOptions& options) {
  if (options.all != options.session.empty()) {
    return Error{"name a session (`daybook sessions` lists them) or write --all, not both",
                 ExitCode::kUsage};
  }
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  auto view = JournalView::open(*directory);
  if (!view) return view.error();
  auto chosen = chosen_by(**view, options);
  if (!chosen) return chosen.error();
  const Redactor redactor = options.no_redact ? Redactor() : redactor_of(tool);
  const Redactor* used = options.no_redact ? nullptr : &redactor;
  if (options.format == "jsonl") {
    return write_jsonl(tool, **view, *chosen, options, used);
  }
  auto out = OutputFile::open(options.output);
  if (!out) return out.error();
  if (auto written = write_parts(**view, *chosen, options, used, **out); !written) return written;
  if (auto finished = (*out)->finish(); !finished) return finished;
  if (options.output.empty()) return {};
  const std::size_t sessions = chosen->sessions.size();
  const std::string count = std::to_string(sessions);
  print_line(tool.json
                 ? nlohmann::ordered_json{{"file", options.output}, {"sessions", sessions}}.dump()
                 : count + (count == "1" ? " session to " : " sessions to ") + options.output);
  return {};
}

// ---- import

struct ImportOptions {
  std::string file;
  std::string seal_key;
  std::string keys;
};

Result<void> run_import(const Tool& tool, const ImportOptions& options) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  Phases phases;
  const auto events = import_journal(
      {options.file, *directory, options.seal_key, options.keys,
       [&](std::uint64_t bytes, std::uint64_t of) { phases("importing bytes", bytes, of); }});
  phases.end();
  if (!events) return events.error();
  const bool same = !options.seal_key.empty();
  if (tool.json) {
    const nlohmann::ordered_json object = {
        {"journal", *directory}, {"events", *events}, {"same_seals", same}};
    print_line(object.dump());
    return {};
  }
  print_line(std::to_string(*events) + " events in " + *directory + ", record for record; " +
             (same ? "the seals are the old ones, so its checkpoints still hold"
                   : "sealed anew: the seals vouch for it from now on (--seal-key keeps the old)"));
  return {};
}

}  // namespace

void add_export(CLI::App& app, Tool& tool) {
  CLI::App* verb =
      add_verb(app, "export", Group::kKeep, "a conversation or everything, as a file to hand on",
               "daybook export telegram:12345 --format html --output talk.html");
  const auto options = std::make_shared<ExportOptions>();  // lives as long as the callback
  verb->add_option("session", options->session, "a session's number, place, or its beginning");
  CLI::Option* all =
      verb->add_flag("--all", options->all, "every session; with jsonl the whole journal");
  verb->add_option("--at", options->at, std::string("of a session: up to ") + kMomentHelp)
      ->excludes(all);
  verb->add_option("--format", options->format,
                   "jsonl: with proof, for `verify` and `import`; md, html: to read; openai: to "
                   "train a model (default jsonl)")
      ->check(CLI::IsMember({"jsonl", "md", "html", "openai"}));
  verb->add_option("--output", options->output, "a new file, mode 0600; otherwise stdout");
  verb->add_flag("--no-redact", options->no_redact, "leave in what looks like a token or key");
  verb->add_flag("--chain", options->chain,
                 "jsonl of a session: hashes of all that lies between, up to the newest seal");
  verb->add_flag("--json", tool.json, "say what was written as a JSON object");
  verb->callback(
      [&tool, options] { tool.chosen = [&tool, options] { return run_export(tool, *options); }; });
}

void add_import(CLI::App& app, Tool& tool) {
  CLI::App* verb =
      add_verb(app, "import", Group::kKeep, "make a journal from an export of a whole one",
               "daybook import all.jsonl --data new --seal-key old/seal.key --keys old/keys");
  const auto options = std::make_shared<ImportOptions>();  // lives as long as the callback
  verb->add_option("file", options->file, "what `export --all --no-redact` wrote")->required();
  verb->add_option("--seal-key", options->seal_key,
                   "the exported journal's seal.key: then its checkpoints still hold");
  verb->add_option("--keys", options->keys, "its file keys, where its words are encrypted");
  verb->add_flag("--json", tool.json, "as a JSON object");
  verb->callback(
      [&tool, options] { tool.chosen = [&tool, options] { return run_import(tool, *options); }; });
}

}  // namespace daybook
