// Names and bytes kept apart: a file is a number, and names point at it.
#include "tests/storm/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/check.h"

namespace daybook::storm {
namespace {

namespace fs = std::filesystem;
using Kind = Call::Kind;

std::string parent_of(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

void write_into(std::string& bytes, std::uint64_t offset, std::string_view piece) {
  if (bytes.size() < offset + piece.size()) bytes.resize(offset + piece.size());
  bytes.replace(offset, piece.size(), piece);
}

void write_torn(std::string& bytes, const Call& call, sim::Chance& chance) {
  const std::uint64_t end = call.offset + call.bytes.size();
  for (std::uint64_t at = call.offset; at < end;) {
    const std::uint64_t next = std::min(end, (at / kSectorBytes + 1) * kSectorBytes);
    const auto piece = std::string_view(call.bytes).substr(at - call.offset, next - at);
    if (chance.below(2) == 0) write_into(bytes, at, piece);
    at = next;
  }
  if (bytes.size() < end && chance.below(2) == 0) bytes.resize(end);
}

bool lay_out_file(const std::string& path, std::string_view bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const ssize_t written = ::write(file, bytes.data(), bytes.size());
  ::close(file);
  return written == static_cast<ssize_t>(bytes.size());
}

}  // namespace

bool lay_out(const Image& image, const std::string& root) {
  std::error_code failure;
  fs::remove_all(root, failure);
  bool done = fs::create_directory(root, failure);
  for (const auto& [path, bytes] : image) {
    if (bytes) {
      done = done && lay_out_file(root + path, *bytes);
    } else {
      done = done && fs::create_directory(root + path, failure);
      fs::permissions(root + path, fs::perms::owner_all, failure);
    }
  }
  return done;
}

void Disk::move_below(Names& names, const std::string& from, const std::string& to) {
  Names moved;
  for (auto name = names.lower_bound(from); name != names.end() && name->first.starts_with(from);) {
    moved[to + name->first.substr(from.size())] = name->second;
    name = names.erase(name);
  }
  names.merge(moved);
}

void Disk::apply_name(const Pending& pending, Names& names) {
  const Call& call = pending.call;
  if (call.kind == Kind::kCreate || call.kind == Kind::kMakeDirectory) {
    names[call.path] = pending.file;
  } else if (call.kind == Kind::kRename) {
    names.erase(call.path);
    names[call.target] = pending.file;
    if (pending.file == kDirectory) move_below(names, call.path + "/", call.target + "/");
  } else {
    names.erase(call.path);
  }
}

void Disk::take(const Call& call) {
  if (call.kind == Kind::kSync) return sync(call.path);
  Pending pending{call, kDirectory};
  if (call.kind == Kind::kCreate) {
    pending.file = static_cast<int>(files_.size());
    files_.emplace_back();
  } else if (call.kind != Kind::kMakeDirectory && call.kind != Kind::kRemoveDirectory) {
    CHECK(live_.contains(call.path), "what is changed has been made");
    pending.file = live_[call.path];
  }
  CHECK(call.kind != Kind::kTruncate, "nothing of the journal is ever cut");
  if (is_name(pending)) apply_name(pending, live_);
  pending_.push_back(std::move(pending));
}

void Disk::make_certain(const std::vector<bool>& which) {
  std::vector<Pending> left;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    Pending& pending = pending_[i];
    if (!which[i]) {
      left.push_back(std::move(pending));
    } else if (is_name(pending)) {
      apply_name(pending, names_);
    } else {
      write_into(files_[static_cast<std::size_t>(pending.file)], pending.call.offset,
                 pending.call.bytes);
    }
  }
  pending_.swap(left);
}

void Disk::sync(const std::string& path) {
  const auto found = live_.find(path);
  const bool directory = path.empty() || found == live_.end() || found->second == kDirectory;
  std::vector<bool> which(pending_.size());
  std::set<std::string> moved;  // a name that is gone for certain was there before
  for (std::size_t i = pending_.size(); i-- > 0;) {
    const Pending& pending = pending_[i];
    const Call& call = pending.call;
    if (!is_name(pending)) {
      which[i] = !directory && pending.file == found->second;
      continue;
    }
    if (!directory) continue;
    which[i] = parent_of(call.path) == path || moved.contains(call.path) ||
               (call.kind == Kind::kRename && parent_of(call.target) == path);
    if (which[i] && call.kind == Kind::kRename) moved.insert(call.path);
  }
  make_certain(which);
}

std::size_t Disk::uncertain() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      pending_, [](const Pending& pending) { return !pending.call.durable; }));
}

Image Disk::image(const std::vector<Fate>& fates, sim::Chance chance) const {
  Names names = names_;
  std::map<int, std::string> changed;
  std::size_t next = 0;
  for (const Pending& pending : pending_) {
    const Fate fate = pending.call.durable ? Fate::kKept : fates[next++];
    if (fate == Fate::kLost) continue;
    if (is_name(pending)) {
      apply_name(pending, names);
      continue;
    }
    const std::string& certain = files_[static_cast<std::size_t>(pending.file)];
    std::string& bytes = changed.try_emplace(pending.file, certain).first->second;
    if (fate == Fate::kTorn) {
      write_torn(bytes, pending.call, chance);
    } else {
      write_into(bytes, pending.call.offset, pending.call.bytes);
    }
  }
  Image image;
  for (const auto& [path, file] : names) {
    const std::string parent = parent_of(path);
    if (!parent.empty() && !image.contains(parent)) continue;  // nothing leads to it
    if (file == kDirectory) {
      image[path] = std::nullopt;
      continue;
    }
    const auto found = changed.find(file);
    image[path] = found == changed.end() ? files_[static_cast<std::size_t>(file)] : found->second;
  }
  return image;
}

}  // namespace daybook::storm
