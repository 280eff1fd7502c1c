// What the owner is told when the disk runs low, and when there is room again. Whoever owns nothing
// yet hears it from the log and from `daybook status`.
#include <utility>

#include "core/decide.h"

namespace daybook {

namespace {

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

std::string low_sentence(const SpaceRanLow& low) {
  return "⚠ The disk that holds " + low.directory() +
         " is nearly full: " + mebibytes(low.free_bytes()) + " are free. Until there are " +
         mebibytes(low.enough_bytes()) +
         " I take in no new messages and start no new answers; what is under way goes on. "
         "Messages sent meanwhile wait at Telegram, for a day at most.";
}

std::string recovered_sentence(const SpaceRecovered& recovered) {
  return "The disk that holds " + recovered.directory() +
         " has room again: " + mebibytes(recovered.free_bytes()) +
         " are free. I take in messages as before.";
}

}  // namespace

Decisions decide_space(const State& state, const Event& event) {
  const std::string owner = state.directory.owner_place();
  if (owner.empty()) return {};
  return {notice_at(state, owner,
                    event.has_space_ran_low() ? low_sentence(event.space_ran_low())
                                              : recovered_sentence(event.space_recovered()),
                    "space")};
}

}  // namespace daybook
