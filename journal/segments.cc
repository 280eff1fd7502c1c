// Which file, which block, which entry.
#include "journal/segments.h"

#include <algorithm>

#include "core/check.h"
#include "journal/record.h"

namespace daybook::store {
namespace {

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

Segments::Segments(std::vector<SegmentPlace> places, const std::string& directory,
                   std::string_view journal_id)
    : places_(std::move(places)) {
  for (const SegmentPlace& place : places_) {
    std::string path = place.path;
    for (const char* around : {"/../", "/"}) {
      const std::string beside = directory + around + name_of(place.path);
      if (files::exists(beside)) path = beside;
    }
    Opened opened;
    Result<std::unique_ptr<Segment>> segment = Segment::open(path, journal_id);
    if (!segment) {
      opened.problem = segment.error();
    } else if ((*segment)->first() != place.first || (*segment)->last() < place.last) {
      opened.problem =
          Error{path + " holds other events than the journal says it does", ExitCode::kDamaged};
    } else {
      opened.segment = std::move(*segment);
    }
    opened_.push_back(std::move(opened));
  }
}

std::size_t Segments::place_of(std::uint64_t key) const {
  const auto found = std::lower_bound(
      places_.begin(), places_.end(), key,
      [](const SegmentPlace& place, std::uint64_t wanted) { return place.last < wanted; });
  return static_cast<std::size_t>(found - places_.begin());
}

bool Segments::cover(Seq first, Seq last) const {
  std::size_t place = place_of(record::key_of(first));
  for (; place < places_.size() && record::seq_of(places_[place].first) <= first; ++place) {
    const Seq end = record::seq_of(places_[place].last);
    if (last <= end) return true;
    first = end + 1;
  }
  return false;
}

Result<void> SegmentWalk::enter(std::size_t place, std::size_t block) {
  item_ = nullptr;
  if (place < segments_.places().size() && segments_.segment(place) != nullptr &&
      block == segments_.segment(place)->blocks()) {
    ++place;
    block = 0;
  }
  if (place == segments_.places().size()) return {};
  if (segments_.problem(place)) return *segments_.problem(place);
  auto read = std::make_unique<Segment::Block>();
  Result<void> done = segments_.segment(place)->read(block, *read);
  if (!done) return done;
  place_ = place;
  block_ = block;
  blocks_.push_back(std::move(read));
  item_ = blocks_.back()->items.data();
  if (item_->key > segments_.places()[place].last) return enter(place + 1, 0);
  return {};
}

Result<void> SegmentWalk::seek(std::uint64_t key) {
  const std::size_t place = segments_.place_of(key);
  const bool readable = place < segments_.places().size() && segments_.segment(place) != nullptr;
  Result<void> done = enter(place, readable ? segments_.segment(place)->block_of(key) : 0);
  while (done && item_ != nullptr && item_->key < key) done = next();
  return done;
}

Result<void> SegmentWalk::next() {
  CHECK(item_ != nullptr, "there is an entry to go on from");
  const Segment::Block& block = *blocks_.back();
  const bool more = ++item_ != block.items.data() + block.items.size();
  if (more && item_->key <= segments_.places()[place_].last) return {};
  return more ? enter(place_ + 1, 0) : enter(place_, block_ + 1);
}

}  // namespace daybook::store
