// The key store held against the events: what locks a record's words can be had, or an erasure says
// why not.
//
// Law: a key that is missing, damaged, another session's, gone though nothing says so, or there
// again after it was destroyed, is told with the first event that it locks. open() before the
// events are walked, hear() for each of them, finish() afterwards; a writer may draw and destroy
// keys meanwhile. Needs no session's key: it unlocks nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/types.h"
#include "journal/key_file.h"

namespace daybook {

class KeyCheck {
 public:
  struct Finding {
    Seq seq = 0;
    std::string what;        // as a sentence without its end
    bool destroyed = false;  // somebody did it who knows of an event that is not here
  };
  // Ascending.
  struct Erasures {
    std::vector<KeyId> asked;  // what locks the words that are to be forgotten
    std::vector<KeyId> done;   // those of them whose destruction is an event
  };

  // An Error with kDamaged: it is missing or another journal's.
  static Result<KeyCheck> open(const std::string& path, std::string_view journal_id);

  // Of an event whose words are locked.
  void hear(Seq seq, SessionId session, KeyId key) {
    const bool known = key < uses_.size() && uses_[key].first != 0 && uses_[key].session == session;
    if (!known) hear_new(seq, session, key);
  }

  // `erasures`: of the events heard; null: nobody knows of any, so a destroyed key is believed.
  Result<std::optional<Finding>> finish(const Erasures* erasures);

 private:
  struct Use {
    SessionId session = 0;
    Seq first = 0;  // 0: nothing
  };
  // What was destroyed, and whose keys and which runs there are.
  struct Contents {
    std::vector<bool> destroyed;  // by id
    std::vector<KeyId> runs;      // ascending
    std::vector<SessionId> sessions;
  };

  KeyCheck(std::string path, KeyFile file) : path_(std::move(path)), file_(std::move(file)) {}

  void hear_new(Seq seq, SessionId session, KeyId key);
  [[nodiscard]] Result<Contents> look() const;
  void tell(Seq seq, std::string what, bool destroyed = false);
  [[nodiscard]] bool exists(KeyId key);
  Result<void> judge_entry(KeyId key, const Contents& now, const Erasures* erasures);

  std::string path_;
  KeyFile file_;
  KeyId last_ = 0;          // of the file, when it was looked at last
  std::vector<bool> gone_;  // destroyed before the events were walked
  std::vector<Use> uses_;   // by id
  std::optional<Finding> found_;
};

}  // namespace daybook
