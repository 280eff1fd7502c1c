#include "core/sessions.h"

#include <algorithm>
#include <string>
#include <utility>

namespace daybook {

namespace {

// A message of a repeated field, its pointer and what the heap adds; a session with its place,
// usage and open turn, and the nodes that hold it.
constexpr std::size_t kItemBytes = 72;
constexpr std::size_t kSessionBytes = 768;

Seq newest_of(const SessionRow& row) { return std::max(row.head(), row.last_chunk()); }

// Reading one event of a chain takes about as long as parsing eight entries of a snapshot.
std::size_t worth_saving(const SessionState& state, const SessionLimits& limits) {
  const int entries = state.entries_size() + state.aside_size();
  return std::max(limits.grown_events, static_cast<std::size_t>(entries) / 8);
}

}  // namespace

std::size_t bytes_of(const SessionState& state) {
  const auto items = static_cast<std::size_t>(state.entries_size()) +
                     static_cast<std::size_t>(state.aside_size()) +
                     static_cast<std::size_t>(state.waiting_size()) +
                     4 * static_cast<std::size_t>(state.conversations_size());
  return kSessionBytes + items * kItemBytes;
}

const Session* Sessions::held(SessionId id) const {
  const auto found = held_.find(id);
  return found == held_.end() ? nullptr : &found->second.session;
}

Result<const Session*> Sessions::get(const SessionRow& row) {
  if (const auto found = held_.find(row.id()); found != held_.end()) {
    order_.splice(order_.begin(), order_, found->second.place);
    return &found->second.session;
  }
  Result<SessionState> base = saved(row);
  if (!base) return base.error();
  const Result<std::vector<Event>> chain = history_.chain(row.head(), base->seq());
  if (!chain) return chain.error();
  ++counts_.loaded;
  if (base->id() != 0) ++counts_.from_snapshot;
  Result<Session> loaded = Session::resume(row.id(), *std::move(base), *chain, row.last_chunk());
  if (!loaded) return loaded.error();
  Held& held = hold(row.id(), *std::move(loaded));
  held.unsaved = chain->size();
  return &held.session;
}

// An empty state unless there is a snapshot that this program wrote of this very session.
Result<SessionState> Sessions::saved(const SessionRow& row) {
  Result<std::optional<Snapshot>> found = log_.snapshot(kProjection, row.id());
  if (!found) return found.error();
  const std::optional<Snapshot>& snapshot = *found;
  if (!snapshot || snapshot->version != kVersion || snapshot->seq > newest_of(row)) {
    return SessionState();
  }
  SessionState state;
  const bool parsed = state.ParseFromString(snapshot->state);
  if (!parsed || state.id() != row.id() || state.seq() != snapshot->seq) return SessionState();
  return state;
}

void Sessions::begin(SessionId id) {
  if (!held_.contains(id)) hold(id, Session());
}

Sessions::Held& Sessions::hold(SessionId id, Session session) {
  order_.push_front(id);
  Held& held = held_[id];
  held.session = std::move(session);
  held.place = order_.begin();
  weigh(held);
  return held;
}

void Sessions::weigh(Held& held) {
  bytes_ -= held.bytes;
  held.bytes = bytes_of(held.session.state());
  bytes_ += held.bytes;
}

void Sessions::apply(const Event& event) {
  const auto found = held_.find(event.session());
  if (found == held_.end()) return;
  Held& held = found->second;
  held.session.apply(event);
  if (event.has_chunk_received()) return;
  weigh(held);
  ++held.unsaved;
  if (held.grown || held.unsaved < worth_saving(held.session.state(), limits_)) return;
  held.grown = true;
  grown_.push_back(found->first);
}

void Sessions::save(Held& held, std::vector<Snapshot>* snapshots) {
  const SessionState& state = held.session.state();
  snapshots->push_back(
      {std::string(kProjection), state.id(), kVersion, state.seq(), state.SerializeAsString()});
  held.unsaved = 0;
}

void Sessions::settle(Seq durable, std::vector<Snapshot>* snapshots) {
  for (const SessionId id : std::exchange(grown_, {})) {
    Held& held = held_.at(id);
    held.grown = false;
    save(held, snapshots);
  }
  for (auto oldest = order_.end(); bytes_ > limits_.bytes_max && oldest != order_.begin();) {
    --oldest;
    Held& held = held_.at(*oldest);
    const SessionState& state = held.session.state();
    if (state.has_open() || state.seq() > durable) continue;
    if (4 * held.unsaved >= worth_saving(state, limits_)) save(held, snapshots);
    bytes_ -= held.bytes;
    ++counts_.let_go;
    held_.erase(*oldest);
    oldest = order_.erase(oldest);
  }
}

}  // namespace daybook
