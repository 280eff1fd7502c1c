// A story (tests/story.h) written to a journal on the disk, in small commits, for tools to read.
#pragma once

#include <string>

#include "tests/journal_place.h"
#include "tests/story.h"

namespace daybook::testing {

// As the story's gateway recorded it; `per_commit` events share a seal.
inline void write_story(Story& story, const journal_place::Place& place, std::size_t per_commit,
                        bool encrypt = false) {
  story.commit();
  LmdbLog::Options options = place.options();
  options.encrypt = encrypt;
  journal_place::DiskLog disk(std::move(options));
  Batch batch;
  const auto flush = [&] {
    disk.log().append(std::exchange(batch, Batch()));
    disk.settle();
  };
  REQUIRE(story.log.scan(1, story.log.last(), all_kinds(), [&](const Record& record) {
    batch.records.push_back(record);
    const auto event = from_record(record);
    REQUIRE(event);
    if (auto external = external_id_of(*event)) batch.externals.push_back(*external);
    if (batch.records.size() == per_commit) flush();
    return true;
  }));
  if (!batch.records.empty()) flush();
}

}  // namespace daybook::testing
