// `daybook audit`: proof of handling, row by row, and a sum.
#include <unistd.h>

#include "core/money.h"
#include "core/notation.h"
#include "tools/audit.h"
#include "tools/control_client.h"
#include "tools/figures.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/spent_text.h"
#include "tools/tool.h"

namespace daybook {
namespace {

struct AuditOptions {
  std::string since;
  std::string until;
  std::string patience;
  bool quiet = false;
};

std::string when(Time time) {
  const std::string text = time_text(time);
  return text.substr(0, 10) + " " + text.substr(11, 8);
}

// "message 78", "messages 78 79"
std::string screens_text(const std::vector<std::int64_t>& ids) {
  if (ids.empty()) return {};
  std::string text = ids.size() == 1 ? ", message" : ", messages";
  for (const std::int64_t id : ids) text += " " + std::to_string(id);
  return text;
}

std::string outcome_text(const Handled& handled) {
  if (handled.outcome == handled.kind && handled.by == handled.seq) {
    return handled.kind + (handled.reason.empty() ? "" : " " + handled.reason);
  }
  std::string text;
  if (!handled.outcome.empty()) text = handled.outcome + " " + std::to_string(handled.by);
  if (!handled.reason.empty()) text += " " + handled.reason;
  if (handled.turn != 0) text += " by " + handled.model + " of " + handled.provider;
  if (handled.spent.calls > 0) {
    text += ", " + count_text(handled.spent.prompt_tokens + handled.spent.output_tokens, "token");
    text += handled.spent.unpriced_calls == handled.spent.calls
                ? std::string(", no price")
                : ", " + money_text(handled.spent.nanodollars());
  }
  text += screens_text(handled.message_ids);
  if (handled.ambiguous > 0) text += ", " + count_text(handled.ambiguous) + " ambiguous";
  if (handled.given_up) text += ", given up showing it";
  if (!handled.outcome.empty()) text += ", after " + duration_text(handled.until - handled.time);
  return text;
}

class Printer final : public AuditReader {
 public:
  Printer(const Tool& tool, JournalView& view, bool quiet)
      : tool_(tool), view_(view), quiet_(quiet) {}

  void on_handled(const Handled& handled) override {
    if (quiet_ && !handled.unaccounted) return;
    if (tool_.json) {
      print_handled_json(handled);
      return;
    }
    std::string text = handled.place;
    if (handled.user != 0) text += " user " + std::to_string(handled.user);
    if (!handled.command.empty()) text += " /" + handled.command;
    text += ": ";
    const std::string outcome = outcome_text(handled);
    if (handled.open.empty()) {
      text += outcome;
    } else {
      text += (handled.unaccounted ? "UNACCOUNTED FOR: " : "open: ") + handled.open;
      if (!outcome.empty()) text += ";" + (outcome.starts_with(" ") ? outcome : " " + outcome);
    }
    text = row(handled.seq, handled.time, text);
    print_line(handled.unaccounted ? red(tool_, text) : text);
  }

  void on_ambiguous(const AmbiguousPost& post) override {
    if (quiet_) return;
    if (tool_.json) {
      print_json({{"ambiguous", post.post},
                  {"time", time_text(post.time)},
                  {"place", post.place},
                  {"source", post.source},
                  {"part", post.part},
                  {"found", post.found}});
      return;
    }
    print_line(row(post.post, post.time,
                   post.place + ": ambiguous post of " + std::to_string(post.source) + ", part " +
                       std::to_string(post.part) + ": it may be on the screen, says event " +
                       std::to_string(post.found)));
  }

  void on_gap(const Event& gap) override {
    const UpdatesGap& body = gap.updates_gap();
    const Time asked = from_milliseconds(body.last_asked());
    const Time time = from_milliseconds(gap.time());
    if (quiet_) return;
    if (tool_.json) {
      print_json({{"gap", gap.seq()},
                  {"time", time_text(time)},
                  {"source", body.source()},
                  {"last_asked", time_text(asked)}});
      return;
    }
    print_line(row(gap.seq(), time,
                   body.source() + ": UpdatesGap, not asked since " + when(asked) + " (" +
                       duration_text(time - asked) + "); what it did not keep that long is lost"));
  }

  void on_crash(const Event& started) override {
    if (quiet_) return;
    const Time time = from_milliseconds(started.time());
    const auto sign = view_.event(started.seq() - 1);
    const Time before = sign ? from_milliseconds(sign->time()) : time;
    if (tool_.json) {
      print_json({{"restart", started.seq()},
                  {"time", time_text(time)},
                  {"last_sign", time_text(before)},
                  {"down_ms", (time - before).count()}});
      return;
    }
    print_line(row(started.seq(), time,
                   "GatewayStarted without a stop before it; the last sign was " +
                       duration_text(time - before) + " earlier"));
  }

 private:
  static std::string row(Seq seq, Time time, const std::string& text) {
    return terminal_text(right(std::to_string(seq), 7) + "  " + when(time) + "  " + text);
  }

  static void print_handled_json(const Handled& handled) {
    JsonLine line = {{"seq", handled.seq},
                     {"kind", handled.kind},
                     {"time", time_text(handled.time)},
                     {"session", handled.session},
                     {"place", handled.place},
                     {"user", handled.user},
                     {"message_id", handled.message_id},
                     {"command", handled.command},
                     {"outcome", handled.outcome},
                     {"by", handled.by},
                     {"reason", handled.reason},
                     {"turn", handled.turn},
                     {"model", handled.model},
                     {"provider", handled.provider},
                     {"message_ids", handled.message_ids},
                     {"ambiguous", handled.ambiguous},
                     {"given_up", handled.given_up},
                     {"took_ms", (handled.until - handled.time).count()},
                     {"open", handled.open},
                     {"unaccounted", handled.unaccounted}};
    line["spent"] = spent_json(handled.spent);
    print_json(line);
  }

  const Tool& tool_;
  JournalView& view_;
  const bool quiet_;
};

struct Verdict {
  AuditSum sum;
  std::size_t erasures_due = 0;
};

void print_sum(const Tool& tool, const Verdict& verdict, bool running, Duration patience) {
  const AuditSum& sum = verdict.sum;
  if (tool.json) {
    JsonLine outcomes = JsonLine::object();
    for (const auto& [kind, count] : sum.outcomes) outcomes[kind] = count;
    print_json({{"sum", sum.messages},
                {"outcomes", std::move(outcomes)},
                {"open", sum.open},
                {"unaccounted", sum.unaccounted},
                {"given_up", sum.given_up},
                {"ambiguous", sum.ambiguous},
                {"gaps", sum.gaps},
                {"restarts", sum.crashes},
                {"erasures_due", verdict.erasures_due},
                {"running", running},
                {"patience_ms", patience.count()},
                {"spent", spent_json(sum.spent)}});
    return;
  }
  std::string text = count_text(sum.messages, "message");
  const char* between = ": ";
  for (const auto& [kind, count] : sum.outcomes) {
    text += between + count_text(count) + " " + kind;
    between = ", ";
  }
  print_line(bold(tool, text));
  print_line(count_text(sum.open) + " open, " + count_text(sum.unaccounted) + " unaccounted for, " +
             count_text(sum.given_up, "answer") + " never shown; " +
             count_text(sum.ambiguous, "ambiguous post") + ", " + count_text(sum.gaps, "gap") +
             ", " + count_text(sum.crashes, "restart") + " without a stop");
  if (sum.spent.calls > 0) print_line(token_text(sum.spent) + "; " + price_text(sum.spent));
  if (verdict.erasures_due > 0) print_line(red(tool, erasures_due_text(verdict.erasures_due)));
}

Result<void> read_into(Audit& audit, JournalView& view, Seq first, Seq last, const KindSet& kinds,
                       bool quiet) {
  // Rows on a terminal show by themselves how far it is.
  std::optional<Progress> progress;
  if (quiet || isatty(STDOUT_FILENO) == 0) progress.emplace("auditing", last);
  return view.fold(first, last, kinds, Audit::worded(), progress ? &*progress : nullptr,
                   [&](const Event& event) { audit.apply(event); });
}

Result<bool> gateway_runs(const JournalView& view) {
  auto client = ControlClient::connect(control_socket_path(view.directory()));
  if (!client) return client.error();
  return client->has_value();
}

Result<void> run_audit(const Tool& tool, const AuditOptions& options) {
  const Time now = wall_clock();
  Audit::End end;
  end.now = now;
  if (!options.patience.empty()) {
    const auto back = parse_time(options.patience, now);
    if (!back.has_value()) {
      return Error{
          "--patience " + escaped(options.patience, 40) + " is no duration; write 10m or 2h",
          ExitCode::kUsage};
    }
    end.patience = now - *back;
  }
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  const Directory& directory = (*view)->gateway().directory();
  Time since{};
  Seq first = 1;
  if (!options.since.empty()) {
    auto parsed = parse_since(options.since, now);
    if (!parsed) return parsed.error();
    since = *parsed;
    auto before = seq_at((*view)->log(), since - Duration(1));
    if (!before) return before.error();
    first = *before + 1;
  }
  auto until = until_of(**view, options.until);
  if (!until) return until.error();
  Printer printer(tool, **view, options.quiet);
  Audit audit(since, printer, *until);
  auto scanned = read_into(audit, **view, 1, first - 1, Audit::kinds_before(), options.quiet);
  if (scanned) {
    scanned = read_into(audit, **view, first, directory.seq(), Audit::kinds(), options.quiet);
  }
  if (!scanned) return scanned;
  auto running = gateway_runs(**view);
  if (!running) return running.error();
  end.running = *running;
  end.open_turn = [&directory](SessionId session) {
    const SessionRow* row = directory.session(session);
    return row == nullptr ? Seq{0} : row->open_turn();
  };
  const Verdict verdict{audit.finish(end), (*view)->erasures_due().size()};
  const AuditSum& sum = verdict.sum;
  print_sum(tool, verdict, end.running, end.patience);
  const std::string due = verdict.erasures_due == 0
                              ? std::string()
                              : erasures_due_text(verdict.erasures_due) + ": " + kErasuresDueRemedy;
  if (sum.unaccounted == 0 && due.empty()) return {};
  if (sum.unaccounted == 0) return Error{due, ExitCode::kFinding};
  return Error{(due.empty() ? "" : due + "; ") + count_text(sum.unaccounted, "message") +
                   " of the journal in " + (*view)->directory() + " cannot be accounted for" +
                   (end.running ? ", and more than " + duration_text(end.patience) +
                                      " have passed or nothing will follow"
                                : "; start daybookd, which takes up what is open"),
               ExitCode::kFinding};
}

}  // namespace

void add_audit(CLI::App& app, Tool& tool) {
  CLI::App* verb =
      add_verb(app, "audit", Group::kProve,
               "what became of every message; exit code 1 if anything is unaccounted for",
               "daybook audit --since 1d; daybook audit -q --json");
  const auto options = std::make_shared<AuditOptions>();  // lives as long as the callback
  verb->add_option("--since", options->since, "only from this time on: 2026-02-03, 10m, 2h, 30d");
  verb->add_option(
      "--until", options->until,
      std::string("only what came up to ") + kMomentHelp + "; what became of it later counts");
  verb->add_option("--patience", options->patience,
                   "how long a running gateway may take over a message (1h)");
  verb->add_flag("-q,--quiet", options->quiet, "only what is unaccounted for, and the sum");
  verb->add_flag("--json", tool.json, "one JSON object a line, the sum last");
  verb->callback(
      [&tool, options] { tool.chosen = [&tool, options] { return run_audit(tool, *options); }; });
}

}  // namespace daybook
