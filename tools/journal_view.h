// A journal opened for reading: the log, and the folds that a gateway makes of it. Never needs the
// daemon and never disturbs it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/gateway.h"
#include "core/log.h"
#include "core/result.h"
#include "journal/lmdb_log.h"
#include "tools/progress.h"
#include "tools/tool.h"

namespace daybook {

class JournalView {
 public:
  // An Error names the directory when there is no journal in it.
  static Result<std::unique_ptr<JournalView>> open(const std::string& directory);
  // The one that --data or the settings name.
  static Result<std::unique_ptr<JournalView>> open(const Tool& tool);
  JournalView(const JournalView&) = delete;
  JournalView& operator=(const JournalView&) = delete;

  [[nodiscard]] LmdbReader& log() { return *log_; }
  // Folded up to the head of the moment it was opened.
  [[nodiscard]] Gateway& gateway() { return *gateway_; }
  [[nodiscard]] const std::string& directory() const { return directory_; }

  // SessionErased whose keys are not known to be destroyed: what they name is read as erased all
  // the same. Due as long as no gateway and no `daybook erase` has seen to it.
  [[nodiscard]] const std::vector<Event>& erasures_due() const { return erasures_due_; }

  // A session's id, its place, or the beginning of exactly one place.
  Result<SessionId> find_session(std::string_view text);

  // Events first..last of these kinds, decoded. `visit` returns false to stop.
  Result<void> events(Seq first, Seq last, const KindSet& kinds,
                      const std::function<bool(const Event&)>& visit);
  // The same for a long way: only `worded` kinds come with their words, and who waits sees how far
  // it is (null: nobody).
  Result<void> fold(Seq first, Seq last, const KindSet& kinds, const KindSet& worded,
                    Progress* progress, const std::function<void(const Event&)>& visit);
  // An Error when there is none.
  Result<Event> event(Seq seq);
  Result<Session> session(SessionId id);

  // ---- as it was after event `upto`

  // An Error when it was not yet opened.
  Result<Session> session(SessionId id, Seq upto);
  Result<Directory> directory_at(Seq upto);
  // The newest event of this kind; nullopt: there was none.
  Result<std::optional<Event>> newest(std::uint8_t kind, Seq upto);

 private:
  JournalView() = default;
  Result<void> find_erasures_due();

  std::string directory_;
  std::unique_ptr<LmdbReader> log_;
  std::unique_ptr<Gateway> gateway_;
  std::vector<Event> erasures_due_;
};

// "1 erasure was ordered, and the keys of its words are not destroyed yet"
std::string erasures_due_text(std::size_t count);
inline constexpr const char* kErasuresDueRemedy =
    "start daybookd, or repeat `daybook erase`: either destroys them";

// Log::scan with progress, which may be null, between its steps.
Result<void> scan_in_steps(Log& log, Seq first, Seq last, const KindSet& kinds, Progress* progress,
                           const std::function<bool(const Record&)>& visit);

// "42" of "42"; 0 when it is not a positive whole number.
Seq parse_seq(std::string_view text);

}  // namespace daybook
