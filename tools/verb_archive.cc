// `daybook archive`: chunks of answers that are over leave data.mdb for files of their own.
#include <filesystem>

#include "core/codec.h"
#include "core/events.pb.h"
#include "core/notation.h"
#include "journal/archive.h"
#include "journal/layout.h"
#include "tools/figures.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/progress.h"
#include "tools/tool.h"

namespace daybook {
namespace {

static_assert(layout::kArchivedKind == Event::kChunkReceived);

// The newest event of that time; no further than where the oldest turn that is open began.
Result<Seq> last_to_archive(const std::string& directory, const std::string& before) {
  const auto time = parse_time(before, wall_clock());
  if (!time) {
    return Error{"--before " + escaped(before, 40) +
                     " is no time; write 2026-02-03T04:05:06Z, 2026-02-03, or how long ago: 90d",
                 ExitCode::kUsage};
  }
  auto view = JournalView::open(directory);
  if (!view) return view.error();
  auto upto = seq_at((*view)->log(), *time);
  if (!upto) return upto.error();
  for (const auto& [id, row] : (*view)->gateway().directory().sessions()) {
    if (row.open_turn() != 0) *upto = std::min(*upto, row.open_turn());
  }
  return upto;
}

Result<void> run_archive(const Tool& tool, const std::string& into, const std::string& before) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  std::error_code unknown;
  const auto place = std::filesystem::absolute(into, unknown).lexically_normal();
  if (into.empty() || unknown ||
      (std::filesystem::exists(place, unknown) && !std::filesystem::is_directory(place, unknown))) {
    return Error{"\"" + escaped(into, 200) + "\" is no directory: name one for the file of chunks",
                 ExitCode::kUsage};
  }
  auto upto = last_to_archive(*directory, before);
  if (!upto) return upto.error();
  Phases phases;
  const auto archived = archive({*directory, place.string(), *upto, std::ref(phases)});
  phases.end();
  if (!archived) return archived.error();
  if (tool.json) {
    print_json({{"chunks", archived->chunks},
                {"segment", archived->path},
                {"bytes_before", archived->bytes_before},
                {"bytes_after", archived->bytes_after}});
    return {};
  }
  if (archived->chunks == 0) {
    print_line("There are no chunks of that time in data.mdb that could be moved.");
    return {};
  }
  print_line("Moved " + count_text(archived->chunks, "chunk") + " to " +
             terminal_text(archived->path) +
             ", and verified both. data.mdb: " + bytes_text(archived->bytes_before) + " before, " +
             bytes_text(archived->bytes_after) + " now.");
  print_line("The journal needs that file from now on: back it up as you do data.mdb.");
  return {};
}

}  // namespace

void add_archive(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "archive", Group::kKeep,
                            "move the chunks of old answers out of data.mdb, while no gateway runs",
                            "daybook archive --before 90d /mnt/archive");
  const auto into = std::make_shared<std::string>();  // lives as long as the callback
  const auto before = std::make_shared<std::string>();
  verb->add_option("directory", *into, "where the file goes; made when it is not there")
      ->required();
  verb->add_option("--before", *before, "chunks older than this: 2026-02-03, or 90d")->required();
  verb->add_flag("--json", tool.json, "what was moved as a JSON object");
  verb->callback([&tool, into, before] {
    tool.chosen = [&tool, into, before] { return run_archive(tool, *into, *before); };
  });
}

}  // namespace daybook
