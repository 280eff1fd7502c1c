// `daybook search`: where was that said?
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/codec.h"
#include "core/notation.h"
#include "tools/moment.h"
#include "tools/progress.h"
#include "tools/searching.h"
#include "tools/tool.h"

namespace daybook {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kSnippetBytes = 200;

struct SearchOptions {
  std::vector<std::string> words;
  std::string session;
  std::string since;
  std::string until;
  std::size_t count = 0;
};

// A word that came with blanks in it was quoted for the shell: a phrase.
std::string query_text(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    const bool phrase =
        word.find_first_of(" \t\n") != std::string::npos && word.find('"') == std::string::npos;
    text += phrase ? " \"" + word + "\"" : " " + word;
  }
  return text;
}

std::string highlighted(const Tool& tool, const Snippet& snippet) {
  std::string out;
  std::size_t at = 0;
  for (const SearchHit& hit : snippet.hits) {
    out += terminal_text(snippet.text.substr(at, hit.offset - at));
    const std::string found = terminal_text(snippet.text.substr(hit.offset, hit.bytes));
    out += tool.colour ? "\x1b[1;31m" + found + "\x1b[0m" : found;
    at = hit.offset + hit.bytes;
  }
  return out + terminal_text(snippet.text.substr(at));
}

// The line of `daybook log` with the day before it and the snippet in place of fields and words.
std::string find_line(const Tool& tool, const Event& event, const Snippet& snippet) {
  Event bare = event;
  bare.clear_content();
  const auto& reflection = *bare.GetReflection();
  const auto* body =
      reflection.GetOneofFieldDescriptor(bare, bare.GetDescriptor()->FindOneofByName("body"));
  reflection.MutableMessage(&bare, body)->Clear();
  const std::string day = time_text(from_milliseconds(event.time())).substr(0, 10);
  return dimmed(tool, day + " " + notation(bare)) + " \"" + highlighted(tool, snippet) + "\"";
}

std::string find_json(const Event& event, const Snippet& snippet, const Directory& directory) {
  const SessionRow* row = directory.session(event.session());
  const Json object = {{"seq", event.seq()},
                       {"time", time_text(from_milliseconds(event.time()))},
                       {"session", event.session()},
                       {"kind", kind_name(event)},
                       {"place", row == nullptr ? "" : row->place()},
                       {"snippet", snippet.text},
                       {"text", event.content().text()}};
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<SearchScope> scope_of(const SearchOptions& options, JournalView& view) {
  SearchScope scope;
  scope.threads = std::max(1U, std::thread::hardware_concurrency());
  if (!options.session.empty()) {
    auto session = view.find_session(options.session);
    if (!session) return session.error();
    scope.session = *session;
  }
  auto until = until_of(view, options.until, scope.session);
  if (!until) return until.error();
  scope.last = *until;
  if (!options.since.empty()) {
    auto since = parse_since(options.since, wall_clock());
    if (!since) return since.error();
    auto before = seq_at(view.log(), *since - Duration(1));
    if (!before) return before.error();
    scope.first = *before + 1;
  }
  return scope;
}

Result<void> run_search(const Tool& tool, const SearchOptions& options) {
  const auto query = SearchQuery::parse(query_text(options.words));
  if (!query) {
    return Error{"there is nothing to look for; write a word: daybook search invoice",
                 ExitCode::kUsage};
  }
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  auto scope = scope_of(options, **view);
  if (!scope) return scope.error();
  std::optional<Progress> progress(std::in_place, "searching", scope->last);
  auto found = search_journal((*view)->log(), *query, *scope,
                              [&](Seq done) { progress->reached(std::min(done, scope->last)); });
  progress.reset();
  if (!found) return found.error();
  if (found->empty() && tool.colour) std::fprintf(stderr, "daybook: nothing was found\n");
  const std::size_t left_out =
      options.count > 0 && found->size() > options.count ? found->size() - options.count : 0;
  for (std::size_t i = left_out; i < found->size(); ++i) {
    const Event& event = (*found)[i];
    const Snippet snippet = snippet_of(event.content().text(), *query, kSnippetBytes);
    print_line(tool.json ? find_json(event, snippet, (*view)->gateway().directory())
                         : find_line(tool, event, snippet));
  }
  return {};
}

}  // namespace

void add_search(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "search", Group::kRead, "find what was said, by its words",
                            "daybook search invoice 'next week' --since 30d");
  const auto options = std::make_shared<SearchOptions>();  // lives as long as the callback
  verb->add_option("text", options->words,
                   "words that must all be there, or quoted phrases; case does not matter")
      ->required();
  verb->add_option("--session", options->session, "only in this one: number, place, or beginning");
  verb->add_option("--since", options->since, "only from this time on: 2026-02-03, 10m, 2h");
  verb->add_option("--until", options->until, std::string("only up to ") + kMomentHelp);
  verb->add_option("-n,--count", options->count, "only the newest N");
  verb->add_flag("--json", tool.json, "one JSON object a line");
  verb->callback(
      [&tool, options] { tool.chosen = [&tool, options] { return run_search(tool, *options); }; });
}

}  // namespace daybook
