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
    const std::string beside = directory + "/" + name_of(place.path);
    const std::string around = directory + "/../" + name_of(place.path);
    Opened opened = open(place, place.path, journal_id);
    for (const std::string* path : {&beside, &around}) {
      if (opened.segment != nullptr || !files::exists(*path)) continue;
      Opened other = open(place, *path, journal_id);
      if (other.segment != nullptr) opened = std::move(other);
    }
    opened_.push_back(std::move(opened));
  }
}

Segments::Opened Segments::open(const SegmentPlace& place, const std::string& path,
                                std::string_view journal_id) {
  const auto unreadable = [](const std::string& what, ExitCode code) {
    return Error{"archived chunks cannot be read: " + what +
                     "; mount the disk it lies on, or put the file beside data.mdb",
                 code};
  };
  Opened opened;
  Result<std::unique_ptr<Segment>> segment = Segment::open(path, journal_id);
  if (!segment) {
    opened.problem = unreadable(segment.error().message, segment.error().code);
  } else if ((*segment)->first() != place.first || (*segment)->last() != place.last) {
    opened.problem = unreadable(path +
                                    " holds other events than the journal says it does: put back "
                                    "the file that was there",
                                ExitCode::kDamaged);
  } else {
    opened.segment = std::move(*segment);
  }
  return opened;
}

std::optional<Error> Segments::trouble() const {
  for (const Opened& one : opened_) {
    if (one.problem) return one.problem;
  }
  return std::nullopt;
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

Result<void> SegmentWalk::enter(std::size_t block) {
  if (segments_.problem(place_)) return *segments_.problem(place_);
  auto read = std::make_unique<Segment::Block>();
  Result<void> done = segments_.segment(place_)->read(block, *read);
  if (!done) return done;
  block_ = block;
  blocks_.push_back(std::move(read));
  item_ = blocks_.back()->items.data();
  return {};
}

Result<void> SegmentWalk::load() {
  CHECK(there(), "there is an entry to load");
  return item_ != nullptr ? Result<void>() : enter(0);
}

Result<void> SegmentWalk::seek(std::uint64_t key) {
  place_ = segments_.place_of(key);
  item_ = nullptr;
  if (!there() || key <= segments_.places()[place_].first) return {};
  const Segment* segment = segments_.segment(place_);
  Result<void> done = enter(segment == nullptr ? 0 : segment->block_of(key));
  while (done && item_ != nullptr && item_->key < key) done = next();
  return done;
}

Result<void> SegmentWalk::next() {
  CHECK(item_ != nullptr, "there is an entry to go on from");
  const Segment::Block& block = *blocks_.back();
  if (++item_ != block.items.data() + block.items.size()) return {};
  if (block_ + 1 < segments_.segment(place_)->blocks()) return enter(block_ + 1);
  item_ = nullptr;
  ++place_;
  return {};
}

}  // namespace daybook::store
