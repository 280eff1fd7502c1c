// The journal's directory and the small files beside data.mdb: daemon.lock (one writer), seal.key
// (32 random bytes), keys (journal/key_file.h), head (where the chain stood, the checkpoint that
// shows a cut tail).
//
// Law: a file appears whole or not at all: written under another name, synced, renamed, and the
// directory synced. Everything is 0600 in a directory of 0700, close-on-exec, never a symbolic
// link and never another user's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/sha256.h"
#include "core/types.h"

namespace daybook::files {

inline constexpr const char* kData = "data.mdb";
inline constexpr const char* kSealKey = "seal.key";
inline constexpr const char* kKeys = "keys";
inline constexpr const char* kHead = "head";
inline constexpr const char* kLock = "daemon.lock";
// Where a new journal is made before it is moved into place. Left over from a crash it is deleted.
inline constexpr const char* kCreating = "creating.tmp";
// Files of events that were moved out of data.mdb begin so (journal/segment.h).
inline constexpr const char* kSegmentPrefix = "chunks-";
// Where a smaller data.mdb is made before it takes the place of the present one. The same.
inline constexpr const char* kCompacting = "compacting.tmp";
inline constexpr std::size_t kSmallFileBytesMax = 4'096;
// Less free space than this: no new work is taken in, until there is enough again.
inline constexpr std::uint64_t kLowSpaceBytes = 64u << 20;
inline constexpr std::uint64_t kEnoughSpaceBytes = 80u << 20;

// Closes what it holds.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool valid() const { return number_ >= 0; }

 private:
  int number_;
};

// "daybook", or "1000" where it has no name.
std::string user_name(std::uint32_t user);
// "cannot <what> <path>: <errno's text>", ExitCode::kInputOutput. Where permission is denied,
// whose the file is and how that is mended.
Error system_error(std::string_view what, const std::string& path, int error_number);

// A directory that is ours. With `create` it and its parents are made where they are missing, and
// permissions wider than 0700 are taken away.
Result<void> prepare_directory(const std::string& directory, bool create);

// Held until it dies. kBusy names the process that has it.
Result<Descriptor> lock_directory(const std::string& directory);

[[nodiscard]] bool exists(const std::string& path);
// Another file than the one that is open. False where there is none.
[[nodiscard]] bool another_lies_at(const std::string& path, int descriptor);
// A regular file of ours, not readable by others, of at least `bytes_min`.
Result<void> check_file(const std::string& path, std::uint64_t bytes_min);
// nullopt: there is none.
Result<std::optional<std::string>> read_small(const std::string& path);
Result<void> replace(const std::string& directory, const char* name, std::string_view bytes);
// All of it, where the descriptor stands.
Result<void> write_all(int descriptor, const std::string& path, std::string_view bytes);
Result<void> move_into_place(const std::string& from, const std::string& to);
Result<void> sync_directory(const std::string& directory);
// Names in the directory that begin so, in order; none when it is not there.
Result<std::vector<std::string>> names_in(const std::string& directory, std::string_view prefix);
// The flat directory and what is in it; nothing when it is not there.
Result<void> remove_flat(const std::string& directory);

// Where the chain stood when the file was written.
struct Head {
  Seq seq = 0;
  Digest seal{};
  Time time{};

  friend bool operator==(const Head&, const Head&) = default;
};
std::string format_head(const Head& head);
std::optional<Head> parse_head(std::string_view text);

// A head that says whose it is, to be kept elsewhere.
struct Checkpoint {
  std::string journal_id;  // as bytes; empty: of a head file, which does not say
  Head head;

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};
std::string format_checkpoint(const Checkpoint& checkpoint);
// A head file's text is one, too.
std::optional<Checkpoint> parse_checkpoint(std::string_view text);

// nullopt: there is no such file.
Result<std::optional<Head>> read_head(const std::string& directory);

// From the system's generator.
Result<std::string> random_bytes(std::size_t count);
Result<std::string> read_seal_key(const std::string& directory);

// 0 when it cannot be told; the largest number when the file system does not count its blocks.
std::uint64_t free_bytes(const std::string& directory);
// What to say about the file system it lies on; nullopt when it is a known local one.
std::optional<std::string> doubt_about_file_system(const std::string& directory);

}  // namespace daybook::files
