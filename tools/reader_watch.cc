#include "tools/reader_watch.h"

#include <algorithm>
#include <utility>

namespace daybook {
namespace {

bool holds(const std::vector<Latecomer>& list, int process) {
  return std::ranges::any_of(list, [&](const Latecomer& one) { return one.process == process; });
}

}  // namespace

std::vector<ReaderWatch::News> ReaderWatch::look(
    const std::function<std::vector<Latecomer>()>& latecomers, Time now) {
  std::vector<News> news;
  if (now < next_) return news;
  next_ = now + kEvery;
  std::vector<Latecomer> late = latecomers();
  std::erase_if(late, [](const Latecomer& one) { return one.commits <= kCommitsBehindMax; });
  for (const Latecomer& reader : late) {
    if (!holds(late_, reader.process)) news.push_back({reader, true});
  }
  for (const Latecomer& reader : late_) {
    if (!holds(late, reader.process)) news.push_back({reader, false});
  }
  late_ = std::move(late);
  return news;
}

std::string latecomer_sentence(const Latecomer& reader) {
  const std::string process = std::to_string(reader.process);
  return "process " + process + " reads the journal as it was " + std::to_string(reader.commits) +
         " commits ago: as long as it does, data.mdb grows; unless it is a backup at work, end it: "
         "kill " +
         process;
}

}  // namespace daybook
