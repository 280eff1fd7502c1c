// A journal as long use leaves it, made by the gateway itself: rounds of up to twenty conversations
// that are answered at once, nine events in ten a chunk of an answer, every answer posted and
// edited.
//
// Law: the same extent gives the same records but for their times, so that two runs measure the
// same work.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/events.pb.h"
#include "core/log.h"
#include "core/ports.h"
#include "journal/lmdb_log.h"

namespace daybook::bench {

// Says which one and ends the program: a benchmark that goes on measures something else.
void require(bool condition, const char* what);

// For a gateway that nobody is connected to.
class NoTransport final : public Transport {
 public:
  void start(Call) override {}
  void cancel(CallId) override {}
  std::vector<std::pair<CallId, Reply>> take_replies() override { return {}; }
};

// The daemon's own log, for who can wait for the disk.
class WaitingLog {
 public:
  explicit WaitingLog(const std::string& directory);
  [[nodiscard]] LmdbLog& log() { return *log_; }
  // Until all that was appended is durable.
  void wait();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<LmdbLog> log_;
};

struct Extent {
  Seq events = 1'000'000;
  int sessions = 200;
  bool turns_open = true;  // those of the last round are not finished
  int chunks_per_turn = 68;
  int words_per_chunk = 1;

  friend bool operator==(const Extent&, const Extent&) = default;
};

inline constexpr int kRoundTurns = 20;
inline constexpr std::int64_t kFirstChat = 1'000;  // chats of the sessions, ascending
inline constexpr std::int64_t kBot = 123'456;

struct Filled {
  std::int64_t last_update_id = 0;
  std::vector<std::int64_t> open_chats;
};

// `settle` waits until the log has made durable what was queued.
Filled fill(Log& log, const Extent& extent, const std::function<void()>& settle);

// A journal in this directory, by the daemon's own log.
Filled write_journal(const std::string& directory, const Extent& extent);

// The events of such a journal, from memory.
std::vector<Event> typical_events(const Extent& extent);

}  // namespace daybook::bench
