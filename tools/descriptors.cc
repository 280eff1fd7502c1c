#include "tools/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace daybook {
namespace {

constexpr rlim_t kWanted = 4'096;

}  // namespace

Result<void> claim_descriptors(std::string_view program, std::uint64_t least) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};  // no such limit here
  if (limit.rlim_cur < kWanted && limit.rlim_cur < limit.rlim_max) {
    rlimit more = limit;
    more.rlim_cur = std::min(kWanted, limit.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &more) == 0) limit = more;
  }
  if (limit.rlim_cur >= least) return {};
  return Error{std::string(program) + " may open " + std::to_string(limit.rlim_cur) +
                   " files at once and needs " + std::to_string(least) +
                   ": raise the limit, `ulimit -n 1024` or LimitNOFILE= of its unit",
               ExitCode::kSettings};
}

std::optional<bool> DescriptorWatch::look(Time now) {
  if (now < next_) return std::nullopt;
  next_ = now + kEvery;
  const int spare = ::open("/", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  const bool none = spare < 0 && (errno == EMFILE || errno == ENFILE);
  if (spare >= 0) ::close(spare);
  if (none == exhausted_) return std::nullopt;
  exhausted_ = none;
  return none;
}

}  // namespace daybook
