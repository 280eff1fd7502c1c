// What a disk may hold once the power is gone: what was synced, and any part of the rest.
//
// The model, harsher than any file system in use: every write that no sync of its file followed may
// be lost, kept, or torn at sectors of 512 bytes, whatever became of those before it; so may every
// name that was made, moved or removed and whose directory was not synced, but for the tearing. A
// file that grew without its data has zeros there. A sector is written whole or not at all.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/chance.h"
#include "tests/storm/seam.h"

namespace daybook::storm {

inline constexpr std::size_t kSectorBytes = 512;

enum class Fate { kLost, kKept, kTorn };

// Paths below the root; nullopt: a directory.
using Image = std::map<std::string, std::optional<std::string>>;

// Makes `root` hold this and nothing else. False: it could not.
bool lay_out(const Image& image, const std::string& root);

class Disk {
 public:
  void take(const Call& call);

  // How many things are not certain.
  [[nodiscard]] std::size_t uncertain() const;
  // What is there when those met these fates, in the order in which they were done. `chance` says
  // where the torn ones tear.
  [[nodiscard]] Image image(const std::vector<Fate>& fates, sim::Chance chance) const;

 private:
  static constexpr int kDirectory = -1;
  using Names = std::map<std::string, int>;  // to a file's number

  struct Pending {
    Call call;
    int file = kDirectory;
  };

  static bool is_name(const Pending& pending) { return pending.call.kind != Call::Kind::kWrite; }
  static void move_below(Names& names, const std::string& from, const std::string& to);
  static void apply_name(const Pending& pending, Names& names);
  void make_certain(const std::vector<bool>& which);
  void sync(const std::string& path);

  std::vector<std::string> files_;  // what is certain of each
  Names names_;                     // likewise
  Names live_;                      // as the program sees them
  std::vector<Pending> pending_;
};

}  // namespace daybook::storm
