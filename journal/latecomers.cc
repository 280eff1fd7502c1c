#include "journal/latecomers.h"

#include <unistd.h>

#include <algorithm>
#include <map>

namespace daybook {

std::vector<Latecomer> latecomers(store::Environment& environment) {
  std::map<int, std::uint64_t> oldest;
  for (const store::Environment::Reader& reader : environment.readers()) {
    if (reader.process == ::getpid()) continue;
    const auto [seen, first] = oldest.emplace(reader.process, reader.transaction);
    if (!first) seen->second = std::min(seen->second, reader.transaction);
  }
  std::vector<Latecomer> late;
  if (oldest.empty()) return late;
  const std::uint64_t newest = environment.transaction();
  for (const auto& [process, transaction] : oldest) {
    if (transaction < newest) late.push_back({process, newest - transaction});
  }
  return late;
}

}  // namespace daybook
