// A journal made again from its stored events: the records byte for byte, the seals computed anew
// and put where they were, in a commit's last record or in the table, ids and refs beside them.
//
// Law: nothing is there until all of it is, durable. With the key and id of the journal it came
// from, the seals are the same ones, so that its checkpoints still hold; with others they vouch
// only for what happens from now on.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "journal/opening.h"
#include "journal/reading.h"
#include "journal/stored.h"

namespace daybook {

class Rebuilder {
 public:
  Rebuilder(store::Environment& environment, std::string seal_key, const std::string& journal_id);

  // The next commit, whole: its events, and the external ids among them.
  Result<void> add(const std::vector<StoredEvent>& events,
                   const std::vector<ExternalId>& externals);
  // Refs as they are after the last event.
  Result<void> finish(const std::vector<Ref>& refs);

  // Of the last commit that was added.
  [[nodiscard]] const Reading::Seal& sealed() const { return sealed_; }

 private:
  store::Status put(const std::vector<StoredEvent>& events,
                    const std::vector<ExternalId>& externals);
  store::Status put_value(std::uint64_t key, std::string_view value);
  Result<void> commit();

  store::Environment& environment_;
  std::string seal_key_;
  Reading::Seal sealed_;
  std::optional<store::WriteTransaction> transaction_;
  std::size_t uncommitted_ = 0;
};

// Takes the writer's lock. An Error when there is, or ever was, a journal in the directory.
// `write` adds the commits and finishes.
Result<void> rebuild_journal(const std::string& directory, Genesis genesis,
                             const std::function<Result<void>(Rebuilder&)>& write);

}  // namespace daybook
