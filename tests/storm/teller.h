// Tells a story to a real journal, one commit at a time, and notes what it was told in return.
//
// Law: the same story makes the same calls in the same order. The writer thread is held before a
// commit until all that belongs to the next one waits, and after each until its news was heard.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "journal/lmdb_log.h"
#include "tests/storm/story.h"
#include "tests/storm/trace.h"

namespace daybook::storm {

// Which words a key's stream covered at an event's place. A key is known by its stream over zeros.
class Covered {
 public:
  // Hears of every lock. `others`: what was covered elsewhere too, not changed; may be null.
  KeyWatcher watcher(const Covered* others = nullptr);
  // Something was covered by what had covered other words.
  [[nodiscard]] bool reused() const { return reused_; }

 private:
  std::unordered_map<std::string, std::string> words_;
  std::mutex mutex_;
  bool reused_ = false;
};

// How it ended. Neither: it was told to the end.
struct Ending {
  std::optional<Error> refused;  // by open()
  std::optional<Error> stopped;
  int healed = 0;  // how often there was no room until it was made

  [[nodiscard]] bool whole() const { return !refused && !stopped; }
};

class Teller {
 public:
  // All must outlive it. The journal lies in `journal` below the recorder's root.
  Teller(const Story& story, Recorder& recorder, Covered& covered)
      : story_(story), recorder_(recorder), covered_(covered) {}

  Ending tell();

 private:
  LmdbLog::Options options();
  bool open();
  void close();
  bool tell_group(const std::vector<Batch>& group);
  Log::Progress hear();
  void await_the_gate();
  void hold_at_the_gate();

  const Story& story_;
  Recorder& recorder_;
  Covered& covered_;
  Ending ending_;
  Seq durable_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool news_ = false;
  bool closing_ = false;
  bool gate_shut_ = false;
  bool at_gate_ = false;
  std::unique_ptr<LmdbLog> log_;  // last: its thread uses the above
};

}  // namespace daybook::storm
