// Two limits, so that a disk that breathes around one of them is not told of again and again.
#include "tools/space_watch.h"

#include "adapters/wire/utf8.h"
#include "journal/files.h"

namespace daybook {

std::optional<Event> SpaceWatch::look(bool low, const std::string& directory,
                                      const std::function<std::uint64_t()>& free_bytes, Time now) {
  if (now < next_) return std::nullopt;
  next_ = now + kEvery;
  const std::uint64_t free = free_bytes();
  Event fact;
  if (!low && free < files::kLowSpaceBytes) {
    SpaceRanLow& body = *fact.mutable_space_ran_low();
    body.set_directory(utf8::repair(directory));
    body.set_free_bytes(free);
    body.set_enough_bytes(files::kEnoughSpaceBytes);
    was_full_ = false;
    return fact;
  }
  if ((low || was_full_) && free >= files::kEnoughSpaceBytes) {
    fact.mutable_space_recovered()->set_directory(utf8::repair(directory));
    fact.mutable_space_recovered()->set_free_bytes(free);
    was_full_ = false;
    return fact;
  }
  return std::nullopt;
}

}  // namespace daybook
