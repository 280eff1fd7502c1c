// `daybook erase`: shows what would go, asks, has it done, and looks for the words in every file.
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>

#include "core/codec.h"
#include "core/notation.h"
#include "tools/control_client.h"
#include "tools/erasing.h"
#include "tools/figures.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/progress.h"
#include "tools/terminal.h"
#include "tools/tool.h"
#include "tools/writing.h"

namespace daybook {
namespace {

struct EraseArguments {
  std::string what;
  std::string before;
  bool yes = false;
};

// A session that goes on from another one and reads, through it, something that goes.
struct LosingFork {
  SessionId session = 0;
  std::string place;
  SessionId parent = 0;
};

// What goes, counted, and the words that must be nowhere afterwards.
struct Inventory {
  std::vector<Event> facts;
  std::size_t due = 0;     // erasures that were ordered before
  bool news = false;       // more is asked for than was before
  std::size_t events = 0;  // with words
  std::size_t messages = 0;
  std::size_t answers = 0;
  std::size_t summaries = 0;
  std::vector<Seq> seqs;            // with words, or with such as are erased
  std::map<SessionId, Seq> oldest;  // event with words that goes, by session
  std::vector<LosingFork> forks;
  bool reaches_all = true;  // false: a file of archived chunks is not there
  std::string instead;      // a sentence: what was named is not what goes
  Residue words;
};

Result<ErasureOrder> read_order(JournalView& view, const EraseArguments& arguments) {
  ErasureOrder order;
  if (arguments.what.empty() == arguments.before.empty()) {
    return Error{"erase takes a session, the number of an event, or --before TIME",
                 ExitCode::kUsage};
  }
  if (!arguments.before.empty()) {
    const auto time = parse_time(arguments.before, wall_clock());
    if (!time) {
      return Error{"--before " + escaped(arguments.before, 40) +
                       " is no time; write 2026-02-03T04:05:06Z, 2026-02-03, or how long ago: 90d",
                   ExitCode::kUsage};
    }
    order.before = to_milliseconds(*time);
    return order;
  }
  // A session's number is that of its first event.
  const Seq seq = parse_seq(arguments.what);
  if (seq != 0 && view.gateway().directory().session(seq) == nullptr) {
    order.event = seq;
    return order;
  }
  auto session = view.find_session(arguments.what);
  if (session) {
    order.session = *session;
  } else if (arguments.what.find("@m") != std::string::npos) {
    auto seq_of_it = moment_of(view, arguments.what);
    if (!seq_of_it) return seq_of_it.error();
    order.event = *seq_of_it;
  } else {
    return session.error();
  }
  return order;
}

void count_event(const Event& event, Inventory* inventory) {
  if (event.has_message_received()) ++inventory->messages;
  if (event.has_turn_started()) {
    ++(event.turn_started().kind() == ANSWER ? inventory->answers : inventory->summaries);
  }
  const Content& content = event.content();
  if (!event.has_content()) return;
  inventory->seqs.push_back(event.seq());
  if (content.erased()) return;
  ++inventory->events;
  inventory->oldest.try_emplace(event.session(), event.seq());
  for (const std::string* words :
       {&content.text(), &content.raw(), &content.detail(), &content.quoted()}) {
    inventory->words.expect_gone(*words, event.seq());
  }
  // Those of a command stand in its text; alone they may be a model's name, which stays in clear.
  if (event.has_message_received()) return;
  inventory->words.expect_gone(content.arguments(), event.seq());
}

// Whoever was forked from a session, directly or not, reads its chain up to there.
std::vector<LosingFork> forks_that_lose(JournalView& view, const Inventory& inventory) {
  std::vector<LosingFork> forks;
  Gateway& gateway = view.gateway();
  for (const auto& [id, row] : gateway.directory().sessions()) {
    auto first = gateway.clear_event(id);
    const SessionId parent = first ? first->session_forked().parent() : 0;
    Seq upto = id;
    bool loses = false;
    while (first && first->has_session_forked() && !loses) {
      const SessionForked& forked = first->session_forked();
      upto = std::min<Seq>(upto, forked.at());
      const auto oldest = inventory.oldest.find(forked.parent());
      loses = oldest != inventory.oldest.end() && oldest->second <= upto;
      first = gateway.clear_event(forked.parent());
    }
    if (loses) forks.push_back({id, row.place(), parent});
  }
  return forks;
}

// "Event 57 (ReplyPosted) shows event 40: that one goes"
std::string instead_text(JournalView& view, Seq named) {
  const auto event = named == 0 ? std::nullopt : view.gateway().clear_event(named);
  if (!event || shown_by(*event) == named) return {};
  return "Event " + std::to_string(named) + " (" + kind_name(*event) + ") shows event " +
         std::to_string(shown_by(*event)) + ": that one goes";
}

// What is asked for, and what was and is still due: both go.
Result<Inventory> take_inventory(JournalView& view, const ErasureOrder& order) {
  Inventory inventory;
  inventory.instead = instead_text(view, order.event);
  std::optional<Phases> phases(std::in_place);
  (*phases)("finding what goes");
  auto facts = plan_erasures(view.gateway(), view.log(), order);
  if (!facts) return facts.error();
  inventory.facts = std::move(facts).value();
  std::vector<Event> all = view.erasures_due();
  inventory.due = all.size();
  const NamedEvents due(all);
  all.insert(all.end(), inventory.facts.begin(), inventory.facts.end());
  // The keys of what is due may be there, and so its words.
  if (auto shown = view.log().treat_as_erased({}); !shown) return shown.error();
  // Chunks that are archived out of reach: what is said of their answers is said in the end.
  inventory.reaches_all = view.log().warnings().empty();
  const KindSet kinds = inventory.reaches_all ? all_kinds() : all_but_chunks();
  const NamedEvents named(all);
  std::uint64_t total = 0;
  for (const auto& stretch : named.stretches()) total += stretch.last - stretch.first + 1;
  std::uint64_t before = 0;
  for (const auto& stretch : named.stretches()) {
    auto seen = view.events(stretch.first, stretch.last, kinds, [&](const Event& event) {
      (*phases)("reading what goes", before + event.seq() - stretch.first, total);
      if (!named.hold(event.session(), event.seq())) return true;
      inventory.news = inventory.news || !due.hold(event.session(), event.seq());
      count_event(event, &inventory);
      return true;
    });
    if (!seen) return seen.error();
    before += stretch.last - stretch.first + 1;
  }
  phases.reset();
  inventory.forks = forks_that_lose(view, inventory);
  return inventory;
}

std::string inventory_text(const Inventory& inventory) {
  const std::string summaries = inventory.summaries == 1
                                    ? ", 1 summary"
                                    : ", " + count_text(inventory.summaries) + " summaries";
  return count_text(inventory.messages, "message") + ", " +
         count_text(inventory.answers, "answer") +
         (inventory.summaries > 0 ? summaries : std::string()) + "; words of " +
         count_text(inventory.events, "event") + " in " +
         count_text(inventory.facts.size(), "session");
}

// "session 57 at terminal:idea, a fork of 12, session 60 at ..."
std::string forks_text(const std::vector<LosingFork>& forks) {
  std::string text;
  for (const LosingFork& fork : forks) {
    text += (text.empty() ? "session " : ", session ") + std::to_string(fork.session) + " at " +
            fork.place + ", a fork of " + std::to_string(fork.parent);
  }
  return terminal_text(text);
}

Result<void> confirm(const EraseArguments& arguments, const Inventory& inventory) {
  if (arguments.yes) return {};
  const std::string forks = forks_text(inventory.forks);
  if (isatty(STDIN_FILENO) == 0) {
    return Error{"nobody is there to ask: add --yes to erase " + inventory_text(inventory) +
                     (forks.empty() ? "" : "; who reads some of it and loses that: " + forks) +
                     (inventory.instead.empty() ? "" : ". " + inventory.instead),
                 ExitCode::kUsage};
  }
  if (!inventory.instead.empty()) print_line(inventory.instead + ".");
  print_line("This erases " + inventory_text(inventory) + ".");
  if (inventory.due > 0) print_line(erasures_due_text(inventory.due) + ": this does it.");
  if (!forks.empty()) print_line("Who reads some of it and loses that: " + forks + ".");
  print_line("No key of them will exist any more; backups made earlier keep theirs.");
  const auto sure = ask_yes_no("Erase them for ever?", false);
  if (sure.value_or(false)) return {};
  return Error{"nothing was erased", ExitCode::kUsage};
}

Result<void> carry_out(const std::string& directory, const ErasureOrder& order, bool news) {
  Phases phases;
  phases("destroying the keys");
  auto told = ask_daemon(directory, {{"verb", "erase"},
                                     {"session", order.session},
                                     {"event", order.event},
                                     {"before", order.before}});
  if (!told) return told.error();
  if (told->has_value()) return {};
  using Facts = Result<std::vector<Event>>;
  auto recorded = record_all_offline(directory, false, [&](Gateway& gateway, LmdbLog& log) {
    return news ? plan_erasures(gateway, log, order) : Facts(std::vector<Event>());
  });
  if (!recorded) return recorded.error();
  return {};
}

Result<Residue::Search> prove(const std::string& directory, const Inventory& inventory) {
  auto view = JournalView::open(directory);
  if (!view) return view.error();
  if (auto shown = (*view)->log().treat_as_erased({}); !shown) return shown.error();
  std::optional<Phases> phases(std::in_place);
  (*phases)("reading what went");
  std::uint64_t read = 0;
  for (const Seq seq : inventory.seqs) {
    (*phases)("reading what went", ++read, inventory.seqs.size());
    auto event = (*view)->event(seq);
    if (!event) return event.error();
    if (event->content().erased()) continue;
    return Error{"event " + std::to_string(seq) + " can still be read", ExitCode::kInternal};
  }
  auto readable = readable_below((*view)->log(), directory, inventory.seqs);
  if (!readable) return readable.error();
  if (!readable->empty()) {
    return Error{"words of event " + std::to_string(readable->front().event) +
                     " can still be read in " + readable->front().file + ": delete it",
                 ExitCode::kDamaged};
  }
  phases.reset();
  if (inventory.events == 0) return Residue::Search();
  auto search = inventory.words.search(directory);
  if (!search) return search;
  if (search->found.empty()) return search;
  const Residue::Found& first = search->found.front();
  return Error{"words of event " + std::to_string(first.event) + " still stand in clear in " +
                   first.file +
                   ": an unknown command of an older version, or a copy of our own making; "
                   "records never change, so only a new journal is without them",
               ExitCode::kDamaged};
}

void tell(const Tool& tool, const std::string& directory, const Inventory& inventory,
          const Residue::Search& search) {
  const bool nothing = inventory.events == 0;
  if (tool.json) {
    JsonLine forks = JsonLine::array();
    for (const LosingFork& fork : inventory.forks) {
      forks.push_back({{"session", fork.session}, {"place", fork.place}, {"parent", fork.parent}});
    }
    print_json({{"erased", inventory.events},
                {"messages", nothing ? 0 : inventory.messages},
                {"answers", nothing ? 0 : inventory.answers},
                {"summaries", nothing ? 0 : inventory.summaries},
                {"sessions", nothing ? 0 : inventory.facts.size()},
                {"forks", std::move(forks)},
                {"erased_before", inventory.seqs.size() - inventory.events},
                {"files_searched", search.files},
                {"bytes_searched", search.bytes}});
    return;
  }
  if (!inventory.instead.empty()) print_line(inventory.instead + ".");
  if (nothing && inventory.seqs.empty()) {
    print_line("Nothing is left there to erase.");
  } else if (nothing) {
    print_line("Nothing is left there to erase: the words of " +
               count_text(inventory.seqs.size(), "event") + " are gone, and no copy below " +
               terminal_text(directory) + " has them.");
  } else {
    print_line("Erased: " + inventory_text(inventory) + ".");
    if (!inventory.forks.empty()) {
      print_line("Who read some of it and lost that: " + forks_text(inventory.forks) + ".");
    }
    print_line("Their words are in none of the " + count_text(search.files, "file") + " of " +
               terminal_text(directory) + ".");
    if (!inventory.reaches_all) {
      print_line(
          "A file of archived chunks is out of reach and was not looked through; no key of those "
          "words is left.");
    }
    if (inventory.words.has_short()) {
      print_line(
          "Words of fewer than 8 bytes, which chance writes, too, were not looked for: no "
          "key of them is left.");
    }
  }
}

Result<void> run_erase(const Tool& tool, const EraseArguments& arguments) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  auto view = JournalView::open(*directory);
  if (!view) return view.error();
  if (!(*view)->log().locked()) {
    return Error{"the journal in " + *directory +
                     " keeps its words in clear (journal.encrypt was false when it was made), and "
                     "records never change: nothing in it can be erased",
                 ExitCode::kUsage};
  }
  auto order = read_order(**view, arguments);
  if (!order) return order.error();
  auto inventory = take_inventory(**view, *order);
  if (!inventory) return inventory.error();
  const bool nothing = inventory->events == 0;
  if (!nothing) {
    if (auto sure = confirm(arguments, *inventory); !sure) return sure;
  }
  view->reset();
  if (!nothing || inventory->due > 0) {
    if (auto done = carry_out(*directory, *order, inventory->news); !done) return done;
  }
  auto search = prove(*directory, *inventory);
  if (!search) return search.error();
  tell(tool, *directory, *inventory, *search);
  return {};
}

}  // namespace

void add_erase(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(
      app, "erase", Group::kKeep, "forget what was said: destroys the keys of its words, for ever",
      "daybook erase 4711; daybook erase telegram:12345; daybook erase --before 90d --yes");
  const auto arguments = std::make_shared<EraseArguments>();  // lives as long as the callback
  verb->add_option(
      "what", arguments->what,
      "a message or answer by its number or as telegram:12345@m77, or a session by its "
      "number or place");
  verb->add_option("--before", arguments->before, "all that was said before a time");
  verb->add_flag("--yes", arguments->yes, "do not ask");
  verb->add_flag("--json", tool.json, "what was erased as a JSON object");
  verb->callback([&tool, arguments] {
    tool.chosen = [&tool, arguments] { return run_erase(tool, *arguments); };
  });
}

}  // namespace daybook
