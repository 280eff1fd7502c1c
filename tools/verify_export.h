// `daybook verify FILE`: an export instead of a journal; and the small files that both need.
#pragma once

#include <string>

#include "core/result.h"
#include "journal/files.h"
#include "tools/tool.h"

namespace daybook {

struct VerifyExportRequest {
  std::string file;
  std::string seal_key;  // path of the journal's seal.key; empty: the seals cannot be checked
  std::string against;   // path of a checkpoint; empty: none
};

// Prints the verdict. An Error with kDamaged says what is wrong and in which line.
Result<void> verify_export(const Tool& tool, const VerifyExportRequest& request);

// What `daybook checkpoint` prints, or a copy of the file head.
Result<files::Checkpoint> read_checkpoint_file(const std::string& path);
// The 32 bytes of a seal.key.
Result<std::string> read_seal_key_file(const std::string& path);

}  // namespace daybook
