// `daybook log`: the journal, one line an event.
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <deque>

#include "adapters/event_json.h"
#include "core/codec.h"
#include "core/notation.h"
#include "core/search_text.h"
#include "core/sha256.h"
#include "tools/command_line.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/progress.h"
#include "tools/terminal.h"
#include "tools/tool.h"

namespace daybook {
namespace {

// How often a following reader looks for more; the daemon knows nothing of it.
constexpr int kFollowMilliseconds = 100;

struct LogOptions {
  std::string session;
  std::vector<std::string> kinds;
  std::string since;
  std::string until;
  std::string text;
  std::size_t count = 0;
  bool follow = false;
};

struct LogFilter {
  KindSet kinds = all_kinds();
  std::optional<SessionId> session;
  Time since{};
  std::optional<Seq> until;
  std::optional<SearchQuery> words;

  [[nodiscard]] bool takes(const Event& event) const {
    if (session.has_value() && event.session() != *session) return false;
    if (event.time() < to_milliseconds(since)) return false;
    return !words.has_value() || says(event.content());
  }
  [[nodiscard]] bool takes_all() const {
    return kinds.all() && !session.has_value() && since == Time() && !words.has_value();
  }

 private:
  [[nodiscard]] bool says(const Content& content) const {
    std::string scratch;
    return words->matches(content.text() + "\n" + content.name() + "\n" + content.arguments() +
                              "\n" + content.detail(),
                          scratch);
  }
};

Result<LogFilter> make_filter(const LogOptions& options, JournalView& view) {
  LogFilter filter;
  if (!options.session.empty()) {
    auto session = view.find_session(options.session);
    if (!session) return session.error();
    filter.session = *session;
  }
  if (!options.kinds.empty()) filter.kinds.reset();
  for (const std::string& name : options.kinds) {
    const std::uint8_t kind = kind_of(name);
    if (kind == 0) {
      std::vector<std::string> names;
      for (int number = 1; number < 256; ++number) {
        const std::string known = kind_name(static_cast<std::uint8_t>(number));
        if (kind_of(known) != 0) names.push_back(known);
      }
      const std::string close = nearest(name, names);
      return Error{"there is no kind of event " + escaped(name, 40) +
                       (close.empty() ? "" : "; did you mean " + close + "?"),
                   ExitCode::kUsage};
    }
    filter.kinds.set(kind);
  }
  if (!options.since.empty()) {
    auto since = parse_since(options.since, wall_clock());
    if (!since) return since.error();
    filter.since = *since;
  }
  if (!options.until.empty()) {
    const auto until = moment_of(view, options.until, filter.session.value_or(0));
    if (!until) return until.error();
    filter.until = *until;
  }
  if (!options.text.empty()) {
    filter.words = SearchQuery::parse(options.text);
    if (!filter.words) {
      return Error{"--text \"" + escaped(options.text, 40) + "\" names no word to look for",
                   ExitCode::kUsage};
    }
  }
  return filter;
}

// It may be done again in a journal that is put back, and must be of that one.
std::string erasure_json(const Event& event, const std::string& journal) {
  JsonLine line = JsonLine::parse(event_json(event), nullptr, false);
  line["journal"] = journal;
  return line.dump(-1, ' ', false, JsonLine::error_handler_t::replace);
}

// Lines, and the day above those that were written in it.
class Printer {
 public:
  Printer(const Tool& tool, std::string journal) : tool_(tool), journal_(std::move(journal)) {}

  void operator()(const Event& event) {
    if (tool_.json) {
      print_line(event.has_session_erased() ? erasure_json(event, journal_) : event_json(event));
      return;
    }
    std::string day = time_text(from_milliseconds(event.time())).substr(0, 10);
    if (day != day_) print_line(bold(tool_, "-- " + day + " UTC"));
    day_ = std::move(day);
    const std::string line = notation(event);
    print_line(event.has_chunk_received() ? dimmed(tool_, line) : line);
  }

 private:
  const Tool& tool_;
  std::string journal_;  // its id, in hex
  std::string day_;
};

// The last `count` that pass; 0: all of them, printed as they come.
Result<void> print_events(const Tool& tool, Printer& printer, JournalView& view,
                          const LogFilter& filter, std::size_t count) {
  Seq first = 1;
  const Seq last = filter.until.value_or(view.log().last());
  if (count > 0 && filter.takes_all() && last > count) first = last - count + 1;
  std::deque<Event> kept;
  std::optional<Progress> progress(std::in_place, "reading", last);
  std::optional<Error> damaged;
  auto scanned =
      scan_in_steps(view.log(), first, last, filter.kinds, &*progress, [&](const Record& record) {
        auto event = from_record(record);
        if (!event) damaged = event.error();
        if (!event || !filter.takes(*event)) return event.has_value();
        if (count == 0) {
          tool.paged ? progress->silence() : progress->hide();
          printer(*event);
        } else {
          kept.push_back(*std::move(event));
          if (kept.size() > count) kept.pop_front();
        }
        return Interruption::caught() == 0;
      });
  progress.reset();
  for (const Event& event : kept) printer(event);
  if (damaged) return *damaged;
  return scanned;
}

// Sleeps; true: whoever reads stdout went away, which is noticed without writing.
bool reader_left() {
  pollfd output{STDOUT_FILENO, 0, 0};
  return poll(&output, 1, kFollowMilliseconds) > 0 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

Result<JournalRestored> newest_restoration(JournalView& view) {
  const auto event = view.newest(Event::kJournalRestored, view.log().last());
  if (!event) return event.error();
  return event->has_value() ? (*event)->journal_restored() : JournalRestored();
}

// The journal was archived or restored meanwhile. A restored one is another from some event on.
Result<void> open_again(std::unique_ptr<JournalView>& view, Seq* next) {
  const auto before = newest_restoration(*view);
  if (!before) return before.error();
  const std::string directory = view->directory();
  view.reset();  // LMDB: never twice in one process
  auto opened = JournalView::open(directory);
  if (!opened) return opened.error();
  view = *std::move(opened);
  const auto now = newest_restoration(*view);
  if (!now) return now.error();
  if (now->epoch() != before->epoch()) *next = std::min<Seq>(*next, now->upto() + 1);
  return {};
}

// Until Ctrl-C, or until nobody reads any more.
Result<void> follow_events(Printer& printer, std::unique_ptr<JournalView>& view,
                           const LogFilter& filter, Seq from) {
  Seq next = from;
  while (Interruption::caught() == 0) {
    flush_output();
    if (view->log().replaced()) {
      const Result<void> opened = open_again(view, &next);
      if (!opened) return opened.error();
    }
    const Seq last = view->log().last();
    if (last < next) {
      if (reader_left()) break;
      continue;
    }
    auto scanned = view->events(next, last, filter.kinds, [&](const Event& event) {
      if (filter.takes(event)) printer(event);
      return Interruption::caught() == 0;
    });
    if (!scanned) return scanned;
    next = last + 1;
  }
  return {};
}

// Ctrl-C is how following ends; any other signal means what it always means.
Result<void> print_and_follow(const Tool& tool, Printer& printer,
                              std::unique_ptr<JournalView>& view, const LogFilter& filter,
                              std::size_t count) {
  const Interruption interruption;
  const Seq last = view->log().last();
  auto done = print_events(tool, printer, *view, filter, count);
  if (done) done = follow_events(printer, view, filter, last + 1);
  if (Interruption::caught() != SIGINT) Interruption::obey();
  return done;
}

Result<void> run_log(const Tool& tool, const LogOptions& options) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  auto view = JournalView::open(*directory);
  if (!view) return view.error();
  auto filter = make_filter(options, **view);
  if (!filter) return filter.error();
  const auto identity = (*view)->log().stored().identity();
  if (!identity) return identity.error();
  Printer printer(tool, hex(identity->id));
  if (options.follow) return print_and_follow(tool, printer, *view, *filter, options.count);
  return print_events(tool, printer, **view, *filter, options.count);
}

}  // namespace

void add_log(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "log", Group::kRead, "print the journal, one line an event",
                            "daybook log telegram:12345 -n 20 -f");
  const auto options = std::make_shared<LogOptions>();  // lives as long as the callback
  verb->add_option("session", options->session, "a session's number, place, or its beginning");
  CLI::Option* const follow =
      verb->add_flag("-f,--follow", options->follow, "wait for more and print it as it comes");
  verb->add_option("-n,--count", options->count, "only the last N that match")
      ->check(whole_number());
  verb->add_option("--kind", options->kinds, "only this kind, as in events.proto; repeatable");
  verb->add_option("--since", options->since, "only from this time on: 2026-02-03, 10m, 2h");
  verb->add_option("--until", options->until, std::string("only up to ") + kMomentHelp)
      ->excludes(follow);
  verb->add_option("--text", options->text, "only events that say all of these words");
  verb->add_flag("--json", tool.json, "one JSON object a line");
  verb->callback([&tool, options] {
    tool.live = tool.live || options->follow;
    tool.chosen = [&tool, options] { return run_log(tool, *options); };
  });
}

}  // namespace daybook
