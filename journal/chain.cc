// One pass over events and seals side by side, a transaction a block.
#include "journal/chain.h"

#include <cstring>
#include <utility>

#include "journal/layout.h"

namespace daybook {
namespace {

using store::Cursor;
using store::Status;
using store::Table;
using store::Visit;

constexpr std::size_t kWalkBlockEvents = 1'000;

std::string range_text(Seq first, Seq last) {
  return std::to_string(first) + " to " + std::to_string(last);
}

}  // namespace

ChainWalk::ChainWalk(store::Environment& environment, std::string seal_key, Reading::Seal from)
    : environment_(environment),
      seal_key_(std::move(seal_key)),
      sealed_(from),
      next_(from.last + 1) {}

std::optional<ChainWalk::Damage> ChainWalk::run(const std::function<void(Seq)>& progress) {
  for (bool end = false; !end;) {
    std::optional<Damage> damage = walk_block(end);
    if (damage) return damage;
    if (progress) progress(sealed_.last);
  }
  return std::nullopt;
}

std::optional<ChainWalk::Damage> ChainWalk::walk_block(bool& end) {
  Visit visit(environment_);
  Status status = visit.begin();
  if (!status.ok()) return Damage{next_, status.text()};
  Cursor events(visit, Table::kEvents);
  Cursor seals(visit, Table::kSeals);
  Status seal_found = seals.seek(sealed_.last + 1);

  const std::uint64_t stop_after = events_ + kWalkBlockEvents;
  for (status = events.seek(record::key_of(next_)); status.ok(); status = events.next()) {
    std::optional<Damage> damage = take_value(events.number(), events.value(), seals, seal_found);
    if (damage) return damage;
    if (events_ >= stop_after && !decoder_.open()) return std::nullopt;
  }
  if (!status.not_found()) return Damage{next_, status.text()};
  end = true;
  return judge_end(seals, seal_found);
}

std::optional<ChainWalk::Damage> ChainWalk::take_value(std::uint64_t key, std::string_view value,
                                                       Cursor& seals, Status& seal_found) {
  const Seq seq = record::seq_of(key);
  if (seq != next_) return Damage{next_, "it is missing"};
  record::hash_part(hash_, key, value);
  const auto answer = decoder_.feed(key, value, event_);
  if (answer == record::Decoder::Answer::kMore) return std::nullopt;
  if (answer == record::Decoder::Answer::kDamaged) {
    return Damage{seq, std::string(decoder_.problem())};
  }
  hashes_.push_back(hash_.finish());
  hash_ = Sha256();
  ++events_;
  ++next_;
  if (!seal_found.ok() || seals.number() != seq) return std::nullopt;
  std::optional<Damage> damage = take_seal(seq, seals.value());
  if (!damage) seal_found = seals.next();
  return damage;
}

std::optional<ChainWalk::Damage> ChainWalk::take_seal(Seq last, std::string_view digest) {
  const Seq first = sealed_.last + 1;
  std::vector<const Digest*> hashes;
  hashes.reserve(hashes_.size());
  for (const Digest& hash : hashes_) hashes.push_back(&hash);
  const Digest expected = layout::next_seal(seal_key_, sealed_.digest, first, hashes);
  if (digest != view(expected)) {
    return Damage{first, "the seal of events " + range_text(first, last) + " does not match"};
  }
  if (checkpoint_ && checkpoint_->last == last && checkpoint_->digest != expected) {
    return Damage{first, "the chain is not the one whose head was written down"};
  }
  if (checkpoint_ && checkpoint_->last >= first && checkpoint_->last < last) {
    return Damage{first, "no commit ends at the head that was written down"};
  }
  sealed_ = {last, expected};
  hashes_.clear();
  ++seals_;
  return std::nullopt;
}

std::optional<ChainWalk::Damage> ChainWalk::judge_end(Cursor& seals, Status seal_found) {
  if (decoder_.open()) return Damage{next_, "one of its parts is missing"};
  if (seal_found.ok()) {
    return Damage{next_,
                  "events " + range_text(next_, seals.number()) + " are missing: the tail was cut"};
  }
  if (!seal_found.not_found()) return Damage{next_, seal_found.text()};
  if (sealed_.last + 1 != next_) {
    return Damage{sealed_.last + 1,
                  "no seal covers events " + range_text(sealed_.last + 1, next_ - 1)};
  }
  if (checkpoint_ && checkpoint_->last > sealed_.last) {
    return Damage{
        next_, "events " + range_text(next_, checkpoint_->last) + " are missing: the tail was cut"};
  }
  return std::nullopt;
}

}  // namespace daybook
