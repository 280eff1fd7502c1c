// pwrite() through LMDB's own descriptor: closing a second one would drop its locks.
#include "journal/extension.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "journal/files.h"

namespace daybook {
namespace {

constexpr std::uint64_t kZerosBytes = 256u << 10;  // of one call

}  // namespace

Extension::Extension(const store::Environment& environment)
    : environment_(environment), used_bytes_(environment.used_bytes()) {}

void Extension::extend() {
  const std::uint64_t before = std::exchange(used_bytes_, environment_.used_bytes());
  const std::uint64_t grown = used_bytes_ - std::min(before, used_bytes_);
  in_a_row_ = grown == 0 ? 0 : std::min(in_a_row_ + 1, kInARow);
  if (failed_ || in_a_row_ < kInARow || grown > kGrownBytesMax) return;
  struct stat file {};
  if (::fstat(environment_.descriptor(), &file) != 0) return;
  const auto size = static_cast<std::uint64_t>(file.st_size);
  if (size >= used_bytes_ + grown) return;
  const std::uint64_t wanted = used_bytes_ + std::min(kCommits * grown, kBytesMax);
  const std::uint64_t upto = std::min<std::uint64_t>(wanted, environment_.map_bytes());
  if (size >= upto) return;
  if (files::free_bytes(environment_.directory()) < files::kEnoughSpaceBytes) return;
  failed_ = !write_zeros(std::max(size, used_bytes_), upto);
}

bool Extension::write_zeros(std::uint64_t from, std::uint64_t upto) const {
  const std::string zeros(std::min(upto - from, kZerosBytes), '\0');
  while (from < upto) {
    const auto piece = std::string_view(zeros).substr(0, upto - from);
    const ssize_t written =
        ::pwrite(environment_.descriptor(), piece.data(), piece.size(), static_cast<off_t>(from));
    if (written < 0 || static_cast<std::size_t>(written) != piece.size()) return false;
    from += piece.size();
  }
  return true;
}

}  // namespace daybook
