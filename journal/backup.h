// A copy of a journal, made beside its writer.
//
// Law: what has a copy's name is whole. It is made under another name, synced, examined as verify()
// does, and renamed last, so that whatever dies on the way leaves a draft that the next attempt
// throws away. Its keys may lie elsewhere: without them it holds no words. How one is put back:
// journal/restoration.h. Rejected: copying the files; a commit in between would tear them.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.h"
#include "core/types.h"
#include "journal/verify.h"

namespace daybook {

struct BackupReport {
  Seq events = 0;
  std::uint64_t bytes = 0;  // of data.mdb
  std::string keys;         // where they are; empty: the words are in clear
};

// Copies the journal in `directory`, as of one moment, to `into`, which must not exist. May run
// beside the writer; pages that the copy still reads are not reused until it is done. `keys`: a
// file for the keys of the words, which must not exist; empty: `into`/keys.
Result<BackupReport> back_up(const std::string& directory, const std::string& into,
                             const std::string& keys, const VerifyProgress& progress = {});

}  // namespace daybook
