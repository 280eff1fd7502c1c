// Looks at the free space of the journal's file system and says when it has become a fact: too
// little, or enough again.
//
// Law: no fact is given that the journal already holds, so a restart while space is low tells
// nobody twice. Of a disk that was full nothing can be recorded before it is not, so that one is
// told of once it has room. A daemon that does nothing uses no space, so only one that waits for
// room wakes up to look.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/events.pb.h"
#include "core/types.h"

namespace daybook {

class SpaceWatch {
 public:
  static constexpr Duration kEvery{5'000};

  // `low`: what the journal says. `free_bytes` is asked at most once in kEvery.
  std::optional<Event> look(bool low, const std::string& directory,
                            const std::function<std::uint64_t()>& free_bytes, Time now);

  // A commit met a full disk: the next fact says that there is room again, or little.
  void met_full_disk() { was_full_ = true; }

  // When look() should be asked though nothing happens; kNever if it need not.
  [[nodiscard]] Time wake_at(bool low) const { return low || was_full_ ? next_ : kNever; }

 private:
  Time next_{};
  bool was_full_ = false;
};

}  // namespace daybook
