#include "tools/descriptors.h"

#include <sys/resource.h>

#include <algorithm>
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

}  // namespace daybook
