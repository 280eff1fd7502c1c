// A copy of a journal, put back in place.
//
// Law: what has a journal's name is whole. It is made under another name, synced, examined as
// verify() does, and moved into place last, so that whatever dies on the way leaves a draft that
// the next attempt throws away, or goes on with. What it replaces is kept.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/log.h"
#include "core/result.h"
#include "core/types.h"
#include "journal/files.h"
#include "journal/verify.h"

namespace daybook {

// The directories of journals that restores replaced, the newest last.
std::vector<std::string> replaced_journals(const std::string& directory);

// A journal on its way back: a whole one in a directory inside the target's, not yet in place.
class Restoration {
 public:
  static constexpr const char* kDraft = "restoring.tmp";
  // What was in place before, and is kept: of the first restore. That of the next is `replaced-1`.
  static constexpr const char* kReplaced = "replaced";

  struct Options {
    std::string backup;
    std::string keys;       // empty: `backup`/keys
    std::string directory;  // of the journal to be
    Seq until = 0;          // 0: all of it; otherwise the last commit that ends there or before
    VerifyProgress progress = {};
    // Asked for `until` when the draft holds all of the backup, to be looked up there.
    std::function<Result<Seq>(const std::string& draft)> moment = {};
  };

  // Takes the lock of `directory`, copies, examines, cuts, and raises the epoch. What an earlier
  // attempt left behind is thrown away. kBusy: a daemon runs on `directory`.
  static Result<std::unique_ptr<Restoration>> prepare(const Options& options);
  // Use prepare().
  Restoration(Options options, files::Descriptor lock)
      : options_(std::move(options)), lock_(std::move(lock)) {}
  // A draft holds words and their keys: it goes with it, unless parts of it are in place already.
  ~Restoration();
  Restoration(const Restoration&) = delete;
  Restoration& operator=(const Restoration&) = delete;

  // The draft: a journal like any other, to be opened and written to before it is put in place.
  [[nodiscard]] std::string draft() const { return options_.directory + "/" + kDraft; }
  [[nodiscard]] Seq upto() const { return upto_; }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  // The directory of the journal it replaces; nullopt: there is none that can be read.
  [[nodiscard]] const std::optional<std::string>& replaced() const { return replaced_; }
  // Where it is kept, or what was of it.
  [[nodiscard]] const std::string& aside() const { return aside_; }
  // Up to here both have the same events; 0 when nothing is replaced.
  [[nodiscard]] Seq common() const { return common_; }

  // Keys of its words that were destroyed in the store beside which no journal could be read:
  // erasures of which nobody told. To be asked when the known ones are done again.
  [[nodiscard]] Result<std::size_t> keys_brought_back() const;

  // These go from every journal that was replaced as well, when it is put in place.
  void forget(std::vector<Erased> words) { forgotten_ = std::move(words); }

  // Puts it in place; what was there moves to aside(). The draft is closed by then.
  Result<void> finish();

 private:
  Result<void> copy();
  Result<void> look_up();
  [[nodiscard]] std::string key_file() const;
  [[nodiscard]] Result<void> refuse_without_keys() const;
  [[nodiscard]] Error told_of_the_backup(const Verification& found) const;
  Result<void> choose_aside();
  Result<void> compare();
  Result<void> find_cut();
  Result<void> cut();
  Result<void> cut_and_raise();
  Result<void> move_aside();
  Result<void> put(const char* name);

  Options options_;
  std::string aside_;
  bool finishing_ = false;
  files::Descriptor lock_;
  Seq upto_ = 0;
  Seq common_ = 0;
  std::uint64_t epoch_ = 0;
  std::uint32_t format_ = 0;  // with nothing archived
  std::optional<std::string> replaced_;
  std::vector<Erased> forgotten_;
};

}  // namespace daybook
