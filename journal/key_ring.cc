// Pools, runs, and ciphers kept ready.
#include "journal/key_ring.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/check.h"

namespace daybook {
namespace {

using crypto::Cipher;
using crypto::Key;
using crypto::Salt;

Key key_of(const Salt& salt) {
  std::string bytes(crypto::kKeyBytes, '\0');
  std::memcpy(bytes.data(), salt.data(), salt.size());
  return Key(bytes);
}

Salt salt_of(const Key& key) {
  Salt salt;
  std::memcpy(salt.data(), key.reveal().data(), salt.size());
  return salt;
}

Key unlocking(const Key& session_key, KeyId id, const Key& wrapped, const Salt& salt) {
  return crypto::working_key(crypto::unwrapped(session_key, id, wrapped), salt);
}

}  // namespace

Result<std::unique_ptr<KeyRing>> KeyRing::open(const std::string& directory,
                                               std::string_view journal_id, bool writable) {
  Result<KeyFile> file = KeyFile::open(directory + "/" + files::kKeys, journal_id, writable);
  if (!file) return file.error();
  auto ring = std::make_unique<KeyRing>(std::move(*file));
  const Result<void> learnt = ring->learn();
  if (!learnt) return learnt.error();
  ring->durable_ = ring->learnt_;
  ring->next_ = ring->learnt_ + 1;
  if (!writable || ring->half_destroyed_.empty()) return ring;
  const store::Status finished = ring->destroy(std::exchange(ring->half_destroyed_, {}));
  if (!finished.ok()) return finished.error("cannot write the keys in", directory);
  return ring;
}

// Runs and sessions' keys that the file has and we have not.
Result<void> KeyRing::learn() {
  const Result<KeyId> last = file_.last();
  if (!last) return last.error();
  const Result<void> scanned = file_.scan(learnt_ + 1, [this](KeyId id, const KeyEntry& entry) {
    if (entry.kind == KeyEntry::Kind::kRun) salts_[id] = salt_of(entry.key);
    if (entry.kind == KeyEntry::Kind::kSession) sessions_[entry.owner] = {id, entry.key};
    const bool destroyed = entry.kind == KeyEntry::Kind::kDestroyed;
    if (destroyed && entry.key.reveal() != crypto::Key().reveal()) half_destroyed_.push_back(id);
  });
  if (!scanned) return scanned.error();
  learnt_ = *last;
  return {};
}

Error KeyRing::missing(SessionId session, KeyId id) const {
  return {"the key store has not all that unlocks key " + std::to_string(id) + " of session " +
              std::to_string(session) + ": restore it from a backup",
          ExitCode::kDamaged};
}

void KeyRing::treat_as_destroyed(std::vector<KeyId> ids) {
  const std::lock_guard lock(mutex_);
  to_be_destroyed_ = std::move(ids);
  ciphers_.clear();
}

Result<bool> KeyRing::unlock(SessionId session, KeyId id, Seq seq, std::string& content) {
  const std::lock_guard lock(mutex_);
  auto found = ciphers_.find(id);
  if (found == ciphers_.end()) {
    const Result<std::optional<Key>> key = working_key_of(session, id);
    if (!key) return key.error();
    if (!*key) return false;
    if (ciphers_.size() >= kCiphersMax) ciphers_.clear();
    found = ciphers_.emplace(id, std::make_unique<Cipher>(**key)).first;
  }
  found->second->apply(seq, content.data(), content.size());
  return true;
}

Result<std::optional<Key>> KeyRing::disclose(SessionId session, KeyId id) {
  const std::lock_guard lock(mutex_);
  return working_key_of(session, id);
}

Result<std::optional<Key>> KeyRing::working_key_of(SessionId session, KeyId id) {
  if (std::binary_search(to_be_destroyed_.begin(), to_be_destroyed_.end(), id)) {
    return std::optional<Key>();
  }
  const Result<KeyEntry> entry = file_.read(id);
  if (!entry) return entry.error();
  if (entry->kind == KeyEntry::Kind::kDestroyed) return std::optional<Key>();
  if (entry->kind != KeyEntry::Kind::kData) return missing(session, id);
  const auto run = static_cast<KeyId>(entry->owner);
  if (!salts_.contains(run) || !sessions_.contains(session)) {
    // A writer beside us has begun a run or a session since we looked.
    const Result<void> learnt = learn();
    if (!learnt) return learnt.error();
  }
  const auto salt = salts_.find(run);
  const auto owner = sessions_.find(session);
  if (salt == salts_.end() || owner == sessions_.end()) return missing(session, id);
  return std::optional<Key>(unlocking(owner->second.key, id, entry->key, salt->second));
}

KeyUse KeyRing::Hold::take(SessionId session, Seq turn) { return ring_.take(session, turn); }

void KeyRing::Hold::tell(const KeyUse& use, Seq seq, std::string_view plaintext) const {
  if (ring_.watcher_) ring_.watcher_(use, seq, plaintext);
}

KeyUse KeyRing::take(SessionId session, Seq turn) {
  CHECK(run_id_ != 0, "a run begins before the first key is taken");
  if (turn == 0) {
    alone_ = assign(session);
    return {alone_.id, alone_.cipher.get()};
  }
  const std::pair whose(session, turn);
  // Turns that are over are forgotten like this; one that goes on is given a second key.
  if (turns_.size() >= kCiphersMax && !turns_.contains(whose)) turns_.clear();
  Assigned& held = turns_[whose];
  if (held.cipher == nullptr) held = assign(session);
  return {held.id, held.cipher.get()};
}

KeyRing::Assigned KeyRing::assign(SessionId session) {
  const Key& owner = session_key(session);
  if (pool_.empty()) draw_pool();
  const Drawn drawn = std::move(pool_.front());
  pool_.pop_front();
  const Key key = unlocking(owner, drawn.id, drawn.wrapped, salts_.at(run_id_));
  return {drawn.id, std::make_unique<Cipher>(key)};
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): it leaves with what is returned
}

const Key& KeyRing::session_key(SessionId session) {
  auto found = sessions_.find(session);
  if (found == sessions_.end()) {
    const Key key = Key::random();
    const KeyId id = allocate({KeyEntry::Kind::kSession, session, key});
    found = sessions_.emplace(session, SessionKey{id, key}).first;
  }
  return found->second.key;
}

KeyId KeyRing::allocate(const KeyEntry& entry) {
  const KeyId id = next_++;
  CHECK(next_ != 0, "a journal has at most 2^32 keys");
  pending_ += KeyFile::encode(id, entry);
  return id;
}

void KeyRing::draw_pool() {
  pool_drawn_ = std::clamp(2 * pool_drawn_, kPoolFirst, kPoolMost);
  for (std::size_t i = 0; i < pool_drawn_; ++i) {
    const Key wrapped = Key::random();
    const KeyId id = allocate({KeyEntry::Kind::kData, run_id_, wrapped});
    pool_.push_back({id, wrapped});
  }
}

store::Status KeyRing::destroy(const std::vector<KeyId>& ids) {
  const std::lock_guard lock(mutex_);
  ciphers_.clear();
  return file_.destroy(ids);
}

void KeyRing::begin_run() {
  const std::lock_guard lock(mutex_);
  // What is not durable was never used by anything committed: as if it had not been drawn.
  pending_.clear();
  next_ = durable_ + 1;
  std::erase_if(sessions_, [this](const auto& one) { return one.second.id >= next_; });
  std::erase_if(salts_, [this](const auto& one) { return one.first >= next_; });
  pool_.clear();
  turns_.clear();
  pool_drawn_ = 0;
  const Salt salt = crypto::random_salt();
  run_id_ = allocate({KeyEntry::Kind::kRun, 0, key_of(salt)});
  salts_[run_id_] = salt;
  ++run_;
}

store::Status KeyRing::make_durable(KeyId upto) {
  if (upto <= durable_) return store::Status();
  std::string bytes;
  {
    const std::lock_guard lock(mutex_);
    bytes = pending_;
  }
  // Not under the lock: the loop must not wait for a disk.
  const store::Status written = file_.write(durable_ + 1, bytes);
  if (!written.ok()) return written;
  const std::lock_guard lock(mutex_);
  pending_.erase(0, bytes.size());
  durable_ += static_cast<KeyId>(bytes.size() / KeyFile::kEntryBytes);
  return written;
}

store::Status KeyRing::refill() {
  KeyId upto = 0;
  {
    const std::lock_guard lock(mutex_);
    const bool used = next_ > run_id_ + 1;
    if (!used || pool_.size() > pool_drawn_ / 2) return store::Status();
    draw_pool();
    upto = next_ - 1;
  }
  return make_durable(upto);
}

}  // namespace daybook
