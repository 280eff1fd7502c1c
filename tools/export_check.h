// Judges an export line by line: `daybook verify FILE`, and the first half of `import`.
//
// Without the seal key it can say that the file agrees with itself: every record is whole, the
// words printed beside it are the words in it, every hash is there, no event of the chain is
// missing. With the key it recomputes every seal, so that nothing the key's owner did not seal
// passes; a checkpoint taken before binds the owner, too. journal/FORMAT.md argues this.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/result.h"
#include "journal/files.h"
#include "tools/export_file.h"

namespace daybook {

class ExportCheck {
 public:
  struct Options {
    std::optional<std::string> seal_key;
    std::optional<files::Checkpoint> checkpoint;
    bool whole_records = false;  // a withheld event is wrong, too
    // Of a commit whose events all stand in the file, after it was judged.
    std::function<Result<void>(const std::vector<StoredEvent>&)> on_commit;
  };

  explicit ExportCheck(Options options) : options_(std::move(options)) {}

  // The next line. An Error with kDamaged: what is wrong; do not go on.
  Result<void> take(std::string_view line);
  // After the last line.
  Result<void> finish() const;

  // After the first line.
  [[nodiscard]] const ExportHead& head() const { return head_.value(); }
  [[nodiscard]] Seq events() const { return events_; }
  [[nodiscard]] Seq withheld() const { return withheld_; }
  // Events whose words are locked and come without their key: erased, most likely.
  [[nodiscard]] Seq unread() const { return unread_; }
  [[nodiscard]] std::uint64_t commits() const { return commits_; }
  // True while every commit from the first to the last event is there, hashes at least.
  [[nodiscard]] bool unbroken() const { return unbroken_; }
  [[nodiscard]] Seq last() const { return last_; }

 private:
  Result<void> take_event(ExportEvent event);
  Result<void> judge_record(const ExportEvent& event);
  Result<void> judge_created() const;
  Result<void> judge_epoch() const;
  Result<void> judge_chain(const ExportJson& fields, Seq seq);
  Result<void> take_commit(const ExportCommit& commit);
  Result<void> judge_inner_seals(const ExportCommit& commit);
  Result<std::vector<Digest>> hashes_of(const ExportCommit& commit) const;
  Result<void> judge_seal(const ExportCommit& commit, const std::vector<Digest>& hashes);
  Result<void> judge_checkpoint(const ExportCommit& commit);
  Result<void> take_end(const ExportEnd& end);

  struct Shown {
    Seq seq = 0;
    Digest hash{};
    std::optional<Digest> seal;  // that its record carries
    bool whole = false;          // its record is there
  };

  Options options_;
  std::optional<ExportHead> head_;
  std::vector<Shown> shown_;         // events since the last commit line
  std::vector<StoredEvent> stored_;  // their bytes, when somebody wants them
  std::set<Seq> seen_;               // of a session: what prev may point to
  Seq last_seq_ = 0;
  Seq last_ = 0;  // of the last commit
  std::optional<Digest> seal_;
  Seq events_ = 0;
  Seq withheld_ = 0;
  Seq unread_ = 0;
  std::uint64_t epoch_ = 1;  // as the events say
  std::uint64_t commits_ = 0;
  bool unbroken_ = true;
  bool inside_ = false;  // a record carried its commit's seal
  bool met_checkpoint_ = false;
  bool ended_ = false;
};

// Of an export's first line.
Result<ExportHead> read_export_head(const std::string& path);

// How many bytes of how many were read; of 0: that is not known.
using BytesRead = std::function<void(std::uint64_t bytes, std::uint64_t of)>;

// Feeds a whole file; the Error names the line. "-": stdin.
Result<void> check_export(const std::string& path, ExportCheck& check, const BytesRead& progress);

}  // namespace daybook
