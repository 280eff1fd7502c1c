// The last update recorded of each source, in order of record (ids restart at random after an idle
// week, so never a maximum). Committed events only: what a channel confirms to its source is
// computed from here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/events.pb.h"
#include "core/state.pb.h"
#include "core/types.h"

namespace daybook {

class Offsets {
 public:
  static Offsets restore(const WorkState& state);
  void save(WorkState* state) const;

  void apply(const Event& event);

  struct Last {
    std::int64_t update_id = 0;
    Time time{};

    friend bool operator==(const Last&, const Last&) = default;
  };
  // nullopt: nothing of this source was ever recorded.
  [[nodiscard]] std::optional<Last> last(std::string_view source) const;

 private:
  std::map<std::string, Last, std::less<>> last_;
};

}  // namespace daybook
