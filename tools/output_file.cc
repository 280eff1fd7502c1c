#include "tools/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "journal/files.h"

namespace daybook {
namespace {

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<std::unique_ptr<OutputFile>> OutputFile::open(const std::string& path) {
  if (path.empty() || path == "-") {
    return std::unique_ptr<OutputFile>(new OutputFile(stdout, "", ""));
  }
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0 && !S_ISREG(found.st_mode)) {
    return Error{path + " is no regular file; let the shell write there: > " + path,
                 ExitCode::kInputOutput};
  }
  std::string draft = path + ".XXXXXX";
  const int descriptor = ::mkostemp(draft.data(), O_CLOEXEC);  // mode 0600
  if (descriptor < 0) return files::system_error("write", path, errno);
  std::FILE* file = ::fdopen(descriptor, "w");
  if (file == nullptr) {
    ::close(descriptor);
    ::unlink(draft.c_str());
    return files::system_error("write", path, ENOMEM);
  }
  return std::unique_ptr<OutputFile>(new OutputFile(file, path, draft));
}

OutputFile::~OutputFile() {
  if (draft_.empty()) return;
  std::fclose(file_);
  ::unlink(draft_.c_str());
}

void OutputFile::write(std::string_view bytes) {
  // A failure is remembered by the stream and told by finish().
  static_cast<void>(std::fwrite(bytes.data(), 1, bytes.size(), file_));
}

Result<void> OutputFile::finish() {
  const std::string name = path_.empty() ? "the standard output" : path_;
  if (std::fflush(file_) != 0 || std::ferror(file_) != 0) {
    return files::system_error("write", name, errno);
  }
  if (path_.empty()) return {};
  if (::fsync(::fileno(file_)) != 0) return files::system_error("write", name, errno);
  Result<void> moved = files::move_into_place(draft_, path_);
  if (!moved) return moved;
  draft_.clear();
  std::fclose(file_);
  return files::sync_directory(directory_of(path_));
}

}  // namespace daybook
