// All the segments that a journal reads through, and the way through them in order.
//
// Law: a segment is opened when the journal is, so that one that is not there is known before
// anybody needs it; what needs it then gets an Error that names it, and everything else goes on.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/types.h"
#include "journal/segment.h"

namespace daybook::store {

// As the journal remembers it.
struct SegmentPlace {
  std::uint64_t first = 0;  // keys
  std::uint64_t last = 0;   // what the file holds behind it is not part of the journal
  std::string path;         // where it was written to

  friend bool operator==(const SegmentPlace&, const SegmentPlace&) = default;
};

class Segments {
 public:
  // A file of the same name in `directory`, the journal's own, goes before the remembered path, so
  // that a journal can be moved together with its segments. A draft of a journal lies in a
  // directory inside that one, so what is around it is looked into, too.
  Segments(std::vector<SegmentPlace> places, const std::string& directory,
           std::string_view journal_id);
  Segments(const Segments&) = delete;
  Segments& operator=(const Segments&) = delete;

  [[nodiscard]] const std::vector<SegmentPlace>& places() const { return places_; }
  // What keeps each of the places from being read; nullopt: nothing.
  [[nodiscard]] const std::optional<Error>& problem(std::size_t place) const {
    return opened_[place].problem;
  }
  // Null where there is a problem.
  [[nodiscard]] const Segment* segment(std::size_t place) const {
    return opened_[place].segment.get();
  }
  // Every one of these events may lie in a segment.
  [[nodiscard]] bool cover(Seq first, Seq last) const;
  // The place where this key lies, or the first one above it; places().size() behind all.
  [[nodiscard]] std::size_t place_of(std::uint64_t key) const;

 private:
  struct Opened {
    std::unique_ptr<Segment> segment;
    std::optional<Error> problem;
  };

  std::vector<SegmentPlace> places_;  // ascending
  std::vector<Opened> opened_;
};

// Entries in order. Values are good as long as it lives.
class SegmentWalk {
 public:
  explicit SegmentWalk(const Segments& segments) : segments_(segments) {}
  SegmentWalk(const SegmentWalk&) = delete;
  SegmentWalk& operator=(const SegmentWalk&) = delete;

  // The first entry whose key is not below `key`.
  Result<void> seek(std::uint64_t key);
  Result<void> next();
  // False behind the last one.
  [[nodiscard]] bool there() const { return item_ != nullptr; }
  [[nodiscard]] std::uint64_t key() const { return item_->key; }
  [[nodiscard]] std::string_view value() const { return blocks_.back()->value(*item_); }

 private:
  Result<void> enter(std::size_t place, std::size_t block);

  const Segments& segments_;
  std::size_t place_ = 0;
  std::size_t block_ = 0;
  const Segment::Block::Item* item_ = nullptr;
  std::vector<std::unique_ptr<Segment::Block>> blocks_;  // the last one is where it stands
};

}  // namespace daybook::store
