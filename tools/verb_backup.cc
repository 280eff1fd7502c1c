// `daybook backup` and `restore`: a copy of the journal beside its writer, and one put back.
#include <fstream>

#include "core/codec.h"
#include "core/erasure.h"
#include "core/notation.h"
#include "journal/backup.h"
#include "journal/restoration.h"
#include "tools/figures.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/progress.h"
#include "tools/tool.h"
#include "tools/writing.h"

namespace daybook {
namespace {

struct RestoreArguments {
  std::string backup;
  std::string keys;
  std::string erasures;
  std::string until;
  bool keep_erased_words = false;
};

Result<void> run_backup(const Tool& tool, const std::string& into, const std::string& keys) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  const Time began = wall_clock();
  Phases phases;
  auto report = back_up(*directory, into, keys, std::ref(phases));
  phases.end();
  if (!report) return report.error();
  if (tool.json) {
    print_json({{"events", report->events},
                {"bytes", report->bytes},
                {"directory", into},
                {"keys", report->keys}});
    return {};
  }
  print_line("Copied " + count_text(report->events, "event") + ", " + bytes_text(report->bytes) +
             ", to " + terminal_text(into) + " in " + duration_text(wall_clock() - began) +
             ", and verified the copy.");
  if (!report->keys.empty()) {
    print_line(
        "The keys of its words are in " + terminal_text(report->keys) +
        ": who has both can read everything, and what is erased later stays readable there.");
  } else if (!keys.empty()) {
    print_line("The journal keeps its words in clear: there are no keys, and " +
               terminal_text(keys) + " was not made.");
  }
  return {};
}

// ---- erasures to do again

struct ToldErasure {
  std::string journal;  // its id, in hex
  Event fact;
};

// 0 where there is none; false: it is no number.
bool read_number(const JsonLine& line, const char* name, std::uint64_t* number) {
  const auto found = line.find(name);
  if (found == line.end()) return true;
  if (!found->is_number_unsigned()) return false;
  *number = found->get<std::uint64_t>();
  return true;
}

bool read_ranges(const JsonLine& line, SessionErased* erased) {
  const auto ranges = line.find("ranges");
  if (ranges == line.end() || !ranges->is_array()) return false;
  for (const JsonLine& one : *ranges) {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    if (!one.is_object() || !read_number(one, "first", &first)) return false;
    if (!read_number(one, "last", &last)) return false;
    Range* range = erased->add_ranges();
    range->set_first(first);
    range->set_last(last);
  }
  return true;
}

// nullopt: it is not as `daybook log --json` writes it.
std::optional<ToldErasure> read_erasure(const JsonLine& line) {
  ToldErasure told;
  std::uint64_t session = 0;
  std::uint64_t of = 0;
  SessionErased* erased = told.fact.mutable_session_erased();
  if (!read_number(line, "session", &session) || !read_number(line, "of", &of)) return std::nullopt;
  if (!read_ranges(line, erased)) return std::nullopt;
  told.fact.set_session(session);
  erased->set_of(of);
  const auto journal = line.find("journal");
  if (journal != line.end() && journal->is_string()) told.journal = journal->get<std::string>();
  return told;
}

Result<std::vector<ToldErasure>> read_erasures(const std::string& path) {
  std::vector<ToldErasure> erasures;
  if (path.empty()) return erasures;
  std::ifstream file(path);
  if (!file) return Error{"cannot read " + path, ExitCode::kInputOutput};
  std::size_t number = 0;
  for (std::string text; std::getline(file, text);) {
    ++number;
    const JsonLine line = JsonLine::parse(text, nullptr, false);
    const auto kind = line.is_object() ? line.find("kind") : line.end();
    const bool named = line.is_object() && kind != line.end() && kind->is_string();
    if (named && *kind != "SessionErased") continue;
    auto told = named ? read_erasure(line) : std::nullopt;
    if (!told) {
      return Error{path + ":" + std::to_string(number) +
                       " tells of no event; such a file is made with `daybook log --json --kind "
                       "SessionErased`",
                   ExitCode::kUsage};
    }
    erasures.push_back(std::move(*told));
  }
  return erasures;
}

// Numbers mean nothing outside their journal, and what is destroyed in error is gone.
Result<void> refuse_foreign(const std::vector<ToldErasure>& erasures, LmdbReader& log,
                            const std::string& path) {
  const auto identity = log.stored().identity();
  if (!identity) return identity.error();
  for (const ToldErasure& told : erasures) {
    if (told.journal == hex(identity->id)) continue;
    return Error{path + " tells of an erasure in " +
                     (told.journal.empty() ? "a journal that it does not name"
                                           : "the journal " + escaped(told.journal, 40)) +
                     ", and the backup is of " + hex(identity->id) +
                     ": make it with `daybook log --json --kind SessionErased` of that one",
                 ExitCode::kUsage};
  }
  return {};
}

Result<std::vector<Event>> erasures_in(Log& log) {
  std::vector<Event> erasures;
  const KindSet kinds = KindSet().set(Event::kSessionErased);
  auto scanned = log.scan(1, log.last(), kinds, [&](const Record& record) {
    auto event = from_record(record);
    if (event) erasures.push_back(std::move(event).value());
    return true;
  });
  if (!scanned) return scanned.error();
  return erasures;
}

// What of it lies at or before `upto`; nullopt: nothing.
std::optional<Event> clipped(const Event& erasure, Seq upto) {
  Event fact;
  fact.set_session(erasure.session());
  fact.mutable_session_erased()->set_of(erasure.session_erased().of());
  for (const Range& range : erasure.session_erased().ranges()) {
    if (range.first() > upto || erasure.session() > upto) continue;
    Range* kept = fact.mutable_session_erased()->add_ranges();
    kept->set_first(range.first());
    kept->set_last(std::min<Seq>(range.last(), upto));
  }
  if (fact.session_erased().ranges_size() == 0) return std::nullopt;
  return fact;
}

struct Known {
  std::vector<Event> facts;  // to record again
  std::size_t again = 0;
};

Result<Known> gather(const Restoration& restoration, const std::vector<ToldErasure>& told,
                     const std::string& file) {
  Known known;
  const auto take = [&](const Event& erasure, Seq upto) {
    auto fact = clipped(erasure, upto);
    if (fact) known.facts.push_back(std::move(*fact));
  };
  if (restoration.replaced()) {
    auto log = LmdbReader::open(*restoration.replaced());
    if (!log) return log.error();
    const auto erasures = erasures_in(**log);
    if (!erasures) return erasures.error();
    const Seq upto = std::min(restoration.common(), restoration.upto());
    for (const Event& erasure : *erasures) take(erasure, upto);
  }
  if (!file.empty()) {
    auto log = LmdbReader::open(restoration.draft());
    if (!log) return log.error();
    const Result<void> ours = refuse_foreign(told, **log, file);
    if (!ours) return ours.error();
    for (const ToldErasure& one : told) take(one.fact, restoration.upto());
  }
  return known;
}

bool names_same(const Event& one, const Event& other) {
  if (one.session() != other.session()) return false;
  const auto& mine = one.session_erased().ranges();
  const auto& theirs = other.session_erased().ranges();
  return std::equal(mine.begin(), mine.end(), theirs.begin(), theirs.end(),
                    [](const Range& a, const Range& b) {
                      return a.first() == b.first() && a.last() == b.last();
                    });
}

std::vector<Erased> words_of(const std::vector<Event>& erasures) {
  std::vector<Erased> words;
  for (const Event& erasure : erasures) {
    for (const Range& range : erasure.session_erased().ranges()) {
      words.push_back({erasure.session(), range.first(), range.last()});
    }
  }
  return words;
}

// The restored journal's own erasures are carried out again, since its keys may be older than it,
// and so may be those of what it replaces.
Result<std::vector<Event>> facts_of(Restoration& restoration, Known* known, Log& log) {
  std::vector<Event> facts(1);
  facts[0].mutable_journal_restored()->set_epoch(restoration.epoch());
  facts[0].mutable_journal_restored()->set_upto(restoration.upto());
  auto own = erasures_in(log);
  if (!own) return own.error();
  for (const Event& erasure : *own) {
    Event destroyed;
    destroyed.set_session(erasure.session());
    destroyed.mutable_keys_destroyed()->set_of(erasure.seq());
    facts.push_back(std::move(destroyed));
  }
  for (const Event& fact : known->facts) {
    const bool there = std::any_of(own->begin(), own->end(),
                                   [&](const Event& one) { return names_same(one, fact); });
    if (there) continue;
    own->push_back(fact);
    facts.push_back(fact);
    ++known->again;
  }
  restoration.forget(words_of(*own));
  return facts;
}

void tell(const Tool& tool, const Restoration& restoration, const std::string& directory,
          const Known& known, bool from_file) {
  if (tool.json) {
    print_json({{"upto", restoration.upto()},
                {"epoch", restoration.epoch()},
                {"erasures", known.again},
                {"erasures_unknown", !restoration.replaced() && !from_file},
                {"replaced", restoration.replaced().has_value()},
                {"kept_in", restoration.replaced() ? restoration.aside() : ""}});
    return;
  }
  print_line("Restored " + count_text(restoration.upto(), "event") + " to " +
             terminal_text(directory) + ", as epoch " + std::to_string(restoration.epoch()) +
             ". Nothing that was being answered or sent then is taken up again.");
  if (known.again > 0) {
    print_line(count_text(known.again, "erasure") + " made later " +
               (known.again == 1 ? "was" : "were") + " done again.");
  }
  if (restoration.replaced()) {
    print_line("The journal it replaces is kept in " + terminal_text(restoration.aside()) +
               ": `daybook restore` puts it back; delete it when you have no more use for it.");
  }
  const std::string told = restoration.replaced() ? "the replaced journal" : "";
  const std::string both =
      told + (!told.empty() && from_file ? " and " : "") + (from_file ? "the --erasures file" : "");
  print_line("Erasures made after event " + std::to_string(restoration.upto()) +
             (both.empty() ? " are not known: --erasures FILE tells of them."
                           : " are known as far as they stand in " + both + "."));
}

Error brings_back(std::size_t keys, const std::string& directory) {
  return {"the backup would bring erased words back: " + count_text(keys, "key") + " of them " +
              (keys == 1 ? "was" : "were") + " destroyed in " + directory +
              ", whose events cannot be read; give the erasures made since with --erasures FILE, "
              "or say --keep-erased-words",
          ExitCode::kUsage};
}

// A time or a message is looked up in the draft: only there are the backup's keys where a reader
// looks for them.
void set_until(Restoration::Options* options, const std::string& until) {
  options->until = parse_seq(until);
  if (until.empty() || options->until != 0) return;
  options->moment = [until](const std::string& draft) -> Result<Seq> {
    const auto view = JournalView::open(draft);
    if (!view) return view.error();
    return moment_of(**view, until);
  };
}

Result<void> run_restore(const Tool& tool, const RestoreArguments& arguments) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  Phases phases;
  phases("looking at the backup");
  Restoration::Options options{arguments.backup, arguments.keys, *directory, 0, std::ref(phases)};
  set_until(&options, arguments.until);
  const auto told = read_erasures(arguments.erasures);
  if (!told) return told.error();
  auto restoration = Restoration::prepare(options);
  if (!restoration) return restoration.error();
  phases("looking for erasures");
  auto known = gather(**restoration, *told, arguments.erasures);
  if (!known) return known.error();
  phases("recording the restore");
  auto recorded = record_all_offline((*restoration)->draft(), false, [&](Gateway&, LmdbLog& log) {
    return facts_of(**restoration, &*known, log);
  });
  if (!recorded) return recorded.error();
  const auto back = (*restoration)->keys_brought_back();
  if (!back) return back.error();
  if (*back > 0 && !arguments.keep_erased_words) return brings_back(*back, *directory);
  phases("putting it in place");
  if (auto done = (*restoration)->finish(); !done) return done;
  phases.end();
  tell(tool, **restoration, *directory, *known, !arguments.erasures.empty());
  return {};
}

}  // namespace

void add_backup(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(
      app, "backup", Group::kKeep, "copy the journal, while the gateway runs, and verify the copy",
      "daybook backup /mnt/backup/daybook-monday --keys ~/daybook-keys-monday");
  const auto into = std::make_shared<std::string>();  // lives as long as the callback
  const auto keys = std::make_shared<std::string>();
  verb->add_option("directory", *into, "where to; must not exist")->required();
  verb->add_option("--keys", *keys, "put the keys of the words into this file instead");
  verb->add_flag("--json", tool.json, "what was copied as a JSON object");
  verb->callback([&tool, into, keys] {
    tool.chosen = [&tool, into, keys] { return run_backup(tool, *into, *keys); };
  });
}

void add_restore(CLI::App& app, Tool& tool) {
  CLI::App* verb =
      add_verb(app, "restore", Group::kKeep, "put a backup back in place, while no gateway runs",
               "daybook restore /mnt/backup/daybook-monday --until 4711");
  const auto arguments = std::make_shared<RestoreArguments>();  // lives as long as the callback
  verb->add_option("directory", arguments->backup, "the backup")->required();
  verb->add_option("--keys", arguments->keys, "where the keys of its words are, if elsewhere");
  verb->add_option("--until", arguments->until,
                   std::string("leave out every commit that ends after ") + kMomentHelp);
  verb->add_option("--erasures", arguments->erasures,
                   "lines of `daybook log --json` that tell of erasures made since");
  verb->add_flag("--keep-erased-words", arguments->keep_erased_words,
                 "bring words back that were erased since, where nothing tells which");
  verb->add_flag("--json", tool.json, "what was restored as a JSON object");
  verb->callback([&tool, arguments] {
    tool.chosen = [&tool, arguments] { return run_restore(tool, *arguments); };
  });
}

}  // namespace daybook
