#include "journal/pieces.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace daybook {
namespace {

struct PieceWork {
  store::Environment& environment;
  const KeyMaker& keys;
  Seq first;
  Seq last;
  const KindSet& kinds;
  const PieceVisitor& visitor;
  std::size_t pieces;

  std::atomic<std::size_t> next{0};
  std::mutex mutex{};
  std::size_t done = 0;
  std::optional<Error> failed{};

  void fail(const Error& error) {
    const std::lock_guard lock(mutex);
    if (!failed) failed = error;
    next = pieces;
  }
};

// Takes pieces until none is left.
void take_pieces(PieceWork& work) {
  const Result<std::unique_ptr<KeyRing>> keys = work.keys();
  if (!keys) return work.fail(keys.error());
  Reading reading(work.environment, keys->get());
  for (std::size_t piece = work.next++; piece < work.pieces; piece = work.next++) {
    const Seq begin = work.first + piece * kPieceEvents;
    const Seq end = std::min(work.last, begin + kPieceEvents - 1);
    const Result<void> scanned = reading.scan(begin, end, work.kinds, [&](const Record& record) {
      work.visitor.visit(piece, record);
      return true;
    });
    if (!scanned) return work.fail(scanned.error());
    const std::lock_guard lock(work.mutex);
    ++work.done;
    if (work.visitor.progress) work.visitor.progress(work.done);
  }
}

}  // namespace

Result<void> scan_pieces(store::Environment& environment, const KeyMaker& keys, Seq first, Seq last,
                         const KindSet& kinds, unsigned threads, const PieceVisitor& visitor) {
  first = std::max<Seq>(first, 1);
  PieceWork work{environment, keys, first, last, kinds, visitor, pieces_of(first, last)};
  const std::size_t wanted = std::min<std::size_t>(threads, work.pieces);
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < wanted; ++i) {
    others.emplace_back([&] { take_pieces(work); });
  }
  take_pieces(work);
  for (std::thread& other : others) other.join();
  if (work.failed) return *work.failed;
  return {};
}

}  // namespace daybook
