// All the segments that a journal reads through, and the way through them in order.
//
// Law: a segment is opened when the journal is, so that one that is not there is known before
// anybody needs it; what needs it then gets an Error that names it, and everything else goes on: a
// walk that comes to a segment reads nothing of it before load().
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
  std::uint64_t last = 0;
  std::string path;  // where it was written to

  friend bool operator==(const SegmentPlace&, const SegmentPlace&) = default;
};

class Segments {
 public:
  // A segment is looked for at the remembered path; then in `directory`, the journal's own, so that
  // a journal can be moved together with its segments; then in the directory around: drafts and
  // replaced journals lie inside the journal's. The first that is the right one is taken.
  Segments(std::vector<SegmentPlace> places, const std::string& directory,
           std::string_view journal_id);
  Segments(const Segments&) = delete;
  Segments& operator=(const Segments&) = delete;

  [[nodiscard]] const std::vector<SegmentPlace>& places() const { return places_; }
  // What keeps each of the places from being read, and what helps; nullopt: nothing.
  [[nodiscard]] const std::optional<Error>& problem(std::size_t place) const {
    return opened_[place].problem;
  }
  // Null where there is a problem.
  [[nodiscard]] const Segment* segment(std::size_t place) const {
    return opened_[place].segment.get();
  }
  // The first problem there is.
  [[nodiscard]] std::optional<Error> trouble() const;
  // Every one of these events may lie in a segment.
  [[nodiscard]] bool cover(Seq first, Seq last) const;
  // The place where this key lies, or the first one above it; places().size() behind all.
  [[nodiscard]] std::size_t place_of(std::uint64_t key) const;

 private:
  struct Opened {
    std::unique_ptr<Segment> segment;
    std::optional<Error> problem;
  };

  static Opened open(const SegmentPlace& place, const std::string& path,
                     std::string_view journal_id);

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
  [[nodiscard]] bool there() const {
    return item_ != nullptr || place_ < segments_.places().size();
  }
  [[nodiscard]] std::uint64_t key() const {
    return item_ != nullptr ? item_->key : segments_.places()[place_].first;
  }
  // Before value() and next().
  Result<void> load();
  [[nodiscard]] std::string_view value() const { return blocks_.back()->value(*item_); }

 private:
  Result<void> enter(std::size_t block);

  const Segments& segments_;
  std::size_t place_ = 0;
  std::size_t block_ = 0;
  const Segment::Block::Item* item_ = nullptr;  // null: at the beginning of place_, or at the end
  std::vector<std::unique_ptr<Segment::Block>> blocks_;  // the last one is where it stands
};

}  // namespace daybook::store
