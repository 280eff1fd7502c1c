// What of it is not in the journal (who waits for an answer) stands in a note beside it.
#include "bench/kept_journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace daybook::bench {
namespace {

namespace fs = std::filesystem;

Seq events_wanted() {
  const char* events = std::getenv("DAYBOOK_BENCH_EVENTS");
  return events != nullptr ? std::stoull(events) : 1'000'000;
}

}  // namespace

KeptJournal::KeptJournal() : events_(events_wanted()) {
  const char* kept = std::getenv("DAYBOOK_BENCH_JOURNAL");
  path_ = kept != nullptr ? kept : temporary_.path() + "/journal";
  const std::string note = path_ + ".note";
  if (std::ifstream in(note); in) {
    in >> filled_.last_update_id;
    for (std::int64_t chat = 0; in >> chat;) filled_.open_chats.push_back(chat);
    return;
  }
  filled_ = write_journal(path_, {events_, 200, true});
  std::ofstream out(note);
  out << filled_.last_update_id;
  for (const std::int64_t chat : filled_.open_chats) out << ' ' << chat;
}

void KeptJournal::copy_to(const std::string& place) const {
  fs::create_directories(place);
  fs::permissions(place, fs::perms::owner_all);
  fs::copy(path_, place, fs::copy_options::recursive);
  for (const auto& file : fs::directory_iterator(place)) {
    const int descriptor = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
    require(descriptor >= 0 && ::fsync(descriptor) == 0, "fsync");
    ::close(descriptor);
  }
}

const KeptJournal& kept_journal() {
  static const KeptJournal journal;
  return journal;
}

}  // namespace daybook::bench
