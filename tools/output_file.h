// Where an export goes: stdout, or a file that appears whole or not at all.
//
// Law: the file is written under another name, mode 0600, synced and renamed into place by
// finish(); without it nothing is left behind. What is there already under its name is replaced
// only then.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace daybook {

class OutputFile {
 public:
  // `path` empty or "-": stdout.
  static Result<std::unique_ptr<OutputFile>> open(const std::string& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  // Once, after the last byte. An Error when any of them could not be written.
  Result<void> finish();

 private:
  OutputFile(std::FILE* file, std::string path, std::string draft)
      : file_(file), path_(std::move(path)), draft_(std::move(draft)) {}

  std::FILE* file_;
  std::string path_;   // empty: stdout
  std::string draft_;  // empty: stdout, or finished
};

}  // namespace daybook
