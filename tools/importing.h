// A journal made from an export of a whole one.
//
// Law: byte for byte the same records, or nothing. The numbers of events are part of their bytes,
// so a session alone cannot be joined to another journal, and a journal is never imported over one
// that is there. An export with withheld events is not whole.
#pragma once

#include <string>

#include "core/result.h"
#include "core/types.h"
#include "tools/export_check.h"

namespace daybook {

struct ImportRequest {
  std::string file;
  std::string directory;
  std::string seal_key;  // path of the exported journal's; empty: sealed anew under a new one
  std::string keys;      // path of its key store; needed where words are encrypted
  BytesRead progress;
};

// How many events. An Error when the file does not hold or the directory is not free: then nothing
// was made.
Result<Seq> import_journal(const ImportRequest& request);

}  // namespace daybook
