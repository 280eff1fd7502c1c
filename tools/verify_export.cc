#include "tools/verify_export.h"

#include "journal/files.h"
#include "tools/export_check.h"
#include "tools/json_line.h"
#include "tools/progress.h"

namespace daybook {
namespace {

constexpr std::size_t kSealKeyBytes = 32;

std::string scope_text(const ExportHead& head) {
  return head.whole ? "the whole journal" : "session " + std::to_string(head.session) + " alone";
}

void print_verdict(const Tool& tool, const ExportCheck& check, bool sealed, bool against) {
  if (tool.json) {
    print_json({{"sound", true},
                {"seals_checked", sealed},
                {"checkpoint_met", against},
                {"scope", check.head().whole ? "journal" : "session"},
                {"session", check.head().session},
                {"events", check.events()},
                {"commits", check.commits()},
                {"withheld", check.withheld()},
                {"unread", check.unread()},
                {"last", check.last()}});
    return;
  }
  std::string line = scope_text(check.head()) + ": " + std::to_string(check.events()) +
                     " events in " + std::to_string(check.commits()) + " commits, ";
  line += sealed ? "every seal matches" : "in agreement with themselves";
  if (against) line += sealed ? ", up to the checkpoint and beyond" : "";
  print_line(line);
  if (check.withheld() > 0) {
    print_line(std::to_string(check.withheld()) +
               " events are withheld: their hashes hold, their words here prove nothing");
  }
  if (check.unread() > 0) {
    print_line(std::to_string(check.unread()) +
               " events have words that nobody here can read: their records hold");
  }
  if (!check.head().whole && !check.unbroken()) {
    print_line(
        "other sessions' commits lie between, so that whole commits at the end could be missing "
        "unseen; export with --chain to close that");
  }
  if (sealed && check.head().identity.created_seal.empty()) {
    print_line("nothing vouches for when the journal was made");
  }
  if (!sealed) {
    print_line(
        "the seals were not checked: give the journal's key with --seal-key FILE. Without it, "
        "whoever wrote this file may have made it up");
  }
}

}  // namespace

Result<files::Checkpoint> read_checkpoint_file(const std::string& path) {
  const auto text = files::read_small(path);
  if (!text) return text.error();
  if (!text->has_value()) return Error{"there is no " + path, ExitCode::kUsage};
  const auto checkpoint = files::parse_checkpoint(**text);
  if (checkpoint) return *checkpoint;
  return Error{path +
                   " is no checkpoint: `daybook checkpoint > FILE` makes one, and so is a copy of "
                   "the file head in the journal's directory",
               ExitCode::kUsage};
}

Result<std::string> read_seal_key_file(const std::string& path) {
  const auto key = files::read_small(path);
  if (!key) return key.error();
  if (!key->has_value() || (*key)->size() != kSealKeyBytes) {
    return Error{path +
                     " is no seal key: it is the file seal.key in the journal's directory, 32 "
                     "bytes",
                 ExitCode::kUsage};
  }
  return **key;
}

Result<void> verify_export(const Tool& tool, const VerifyExportRequest& request) {
  ExportCheck::Options options;
  if (!request.seal_key.empty()) {
    auto key = read_seal_key_file(request.seal_key);
    if (!key) return key.error();
    options.seal_key = std::move(key).value();
  }
  if (!request.against.empty()) {
    const auto checkpoint = read_checkpoint_file(request.against);
    if (!checkpoint) return checkpoint.error();
    options.checkpoint = *checkpoint;
  }
  ExportCheck check(std::move(options));
  Phases phases;
  const auto checked =
      check_export(request.file, check,
                   [&](std::uint64_t bytes, std::uint64_t of) { phases("verifying", bytes, of); });
  phases.end();
  if (!checked) return checked.error();
  print_verdict(tool, check, !request.seal_key.empty(), !request.against.empty());
  return {};
}

}  // namespace daybook
