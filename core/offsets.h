// The last update recorded of each source, in order of record (ids restart at random after an idle
// week, so never a maximum), and when the source was last asked. Committed events only: what a
// channel confirms to its source is computed from here.
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
  // When the source last gave an answer that is on record, be it an update or nothing new.
  [[nodiscard]] std::optional<Time> asked(std::string_view source) const;

 private:
  struct Row {
    Last last;  // of no update: 0
    Time asked{};
  };
  std::map<std::string, Row, std::less<>> rows_;
};

}  // namespace daybook
