#include "tools/importing.h"

#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "core/codec.h"
#include "core/directory.h"
#include "journal/key_check.h"
#include "journal/key_file.h"
#include "journal/layout.h"
#include "journal/rebuild.h"
#include "tools/verify_export.h"

namespace daybook {
namespace {

Result<void> refuse_partial(const ExportHead& head) {
  if (head.whole) return {};
  return Error{"it holds session " + std::to_string(head.session) +
                   " alone; its events are numbered within their own journal, so they cannot be "
                   "put into another: export with --all",
               ExitCode::kUsage};
}

// The whole file, for it is a journal's key store.
Result<std::string> read_key_store(const std::string& path, const std::string& journal_id) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  std::string store = std::move(bytes).str();
  const std::string header = KeyFile::header(journal_id);
  if (in.good() && store.starts_with(header)) return store;
  return Error{path + " is not the key store of this journal: it is the file keys in its directory",
               ExitCode::kUsage};
}

Result<Genesis> genesis_of(const ImportRequest& request, const ExportHead& head,
                           const std::string& seal_key) {
  auto genesis = new_genesis(false);
  if (!genesis) return genesis;
  if (!seal_key.empty()) genesis->seal_key = seal_key;
  genesis->identity = head.identity;
  if (!layout::is_locked(head.identity.format)) return genesis;
  if (request.keys.empty()) {
    return Error{"its words are encrypted: give the exported journal's file keys with --keys",
                 ExitCode::kUsage};
  }
  auto keys = read_key_store(request.keys, head.identity.id);
  if (!keys) return keys.error();
  genesis->keys = std::move(keys).value();
  return genesis;
}

// What is kept beside the events, made again from them; and their keys, looked for.
class Beside {
 public:
  explicit Beside(std::optional<KeyCheck> keys) : keys_(std::move(keys)) {}

  Result<std::vector<ExternalId>> take(const std::vector<StoredEvent>& stored) {
    std::vector<ExternalId> externals;
    for (const StoredEvent& one : stored) {
      const auto record = one.decode();
      if (!record) return record.error();
      if (keys_ && record->key != 0) keys_->hear(one.seq, record->record.session, record->key);
      const auto event = clear_from_record(record->record);
      if (!event) return event.error();
      directory_.apply(*event);
      if (auto external = external_id_of(*event)) externals.push_back(*std::move(external));
    }
    return externals;
  }
  [[nodiscard]] std::vector<Ref> refs() const {
    std::vector<Ref> refs;
    for (const auto& [id, row] : directory_.sessions())
      refs.push_back({first_place(row), id, row.head()});
    return refs;
  }
  [[nodiscard]] Result<void> refuse_other_keys(const std::string& path) {
    if (!keys_) return {};
    const auto finding = keys_->finish(nullptr);
    if (!finding) return finding.error();
    if (!finding->has_value()) return {};
    return Error{path + " is not the whole key store of this journal: at event " +
                     std::to_string((*finding)->seq) + ", " + (*finding)->what,
                 ExitCode::kUsage};
  }

 private:
  std::optional<KeyCheck> keys_;
  Directory directory_;
};

Result<std::optional<KeyCheck>> keys_of(const ImportRequest& request, const ExportHead& head) {
  if (!layout::is_locked(head.identity.format)) return std::optional<KeyCheck>();
  auto keys = KeyCheck::open(request.keys, head.identity.id);
  if (!keys) return keys.error();
  return std::optional<KeyCheck>(std::move(keys).value());
}

Result<Seq> add_all(const ImportRequest& request, const ExportHead& head,
                    const std::string& seal_key, Rebuilder& rebuilder) {
  auto keys = keys_of(request, head);
  if (!keys) return keys.error();
  Beside beside(std::move(keys).value());
  ExportCheck::Options options;
  if (!seal_key.empty()) options.seal_key = seal_key;
  options.on_commit = [&](const std::vector<StoredEvent>& events) -> Result<void> {
    auto externals = beside.take(events);
    if (!externals) return externals.error();
    return rebuilder.add(events, *externals);
  };
  options.whole_records = true;
  ExportCheck check(std::move(options));
  if (auto checked = check_export(request.file, check, request.progress); !checked) {
    return checked.error();
  }
  if (auto whole = beside.refuse_other_keys(request.keys); !whole) return whole.error();
  if (auto finished = rebuilder.finish(beside.refs()); !finished) return finished.error();
  return check.events();
}

}  // namespace

Result<Seq> import_journal(const ImportRequest& request) {
  const auto head = read_export_head(request.file);
  if (!head) return head.error();
  if (auto whole = refuse_partial(*head); !whole) return whole.error();
  std::string seal_key;
  if (!request.seal_key.empty()) {
    auto key = read_seal_key_file(request.seal_key);
    if (!key) return key.error();
    seal_key = std::move(key).value();
  }
  auto genesis = genesis_of(request, *head, seal_key);
  if (!genesis) return genesis.error();
  Seq events = 0;
  const auto made = rebuild_journal(request.directory, std::move(genesis).value(),
                                    [&](Rebuilder& rebuilder) -> Result<void> {
                                      auto added = add_all(request, *head, seal_key, rebuilder);
                                      if (!added) return added.error();
                                      events = *added;
                                      return {};
                                    });
  if (!made) return made.error();
  return events;
}

}  // namespace daybook
