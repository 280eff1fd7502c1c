// One look before the events and one after them; between them it is noted who uses what.
#include "journal/key_check.h"

#include <algorithm>
#include <utility>

namespace daybook {
namespace {

std::string name_of(KeyId key) { return "key " + std::to_string(key); }

bool holds(const std::vector<KeyId>& keys, KeyId key) {
  return std::binary_search(keys.begin(), keys.end(), key);
}

}  // namespace

Result<KeyCheck> KeyCheck::open(const std::string& path, std::string_view journal_id) {
  Result<KeyFile> file = KeyFile::open(path, journal_id, false);
  if (!file) return file.error();
  KeyCheck check(path, std::move(*file));
  Result<Contents> before = check.look();
  if (!before) return before.error();
  check.gone_ = std::move(before->destroyed);
  return check;
}

Result<KeyCheck::Contents> KeyCheck::look() const {
  const Result<KeyId> last = file_.last();
  if (!last) return last.error();
  Contents contents;
  contents.destroyed.resize(std::size_t{*last} + 1);
  const Result<void> scanned = file_.scan(1, [&](KeyId id, const KeyEntry& entry) {
    if (entry.kind == KeyEntry::Kind::kRun) contents.runs.push_back(id);
    if (entry.kind == KeyEntry::Kind::kSession) contents.sessions.push_back(entry.owner);
    const bool destroyed = entry.kind == KeyEntry::Kind::kDestroyed;
    if (destroyed && id < contents.destroyed.size()) contents.destroyed[id] = true;
  });
  if (!scanned) return scanned.error();
  std::sort(contents.sessions.begin(), contents.sessions.end());
  return contents;
}

void KeyCheck::tell(Seq seq, std::string what, bool destroyed) {
  if (found_ && found_->seq <= seq) return;
  found_ = Finding{seq, std::move(what), destroyed};
}

bool KeyCheck::exists(KeyId key) {
  if (key <= last_) return true;
  const Result<KeyId> last = file_.last();
  if (last) last_ = *last;
  return key <= last_;
}

void KeyCheck::hear_new(Seq seq, SessionId session, KeyId key) {
  if (key >= uses_.size()) {
    if (!exists(key)) return tell(seq, name_of(key) + " is missing from " + path_);
    uses_.resize(std::size_t{last_} + 1);
  }
  Use& use = uses_[key];
  if (use.first == 0) use = {session, seq};
  if (use.session == session) return;
  tell(seq, name_of(key) + " locks words of session " + std::to_string(use.session) + " already");
}

Result<std::optional<KeyCheck::Finding>> KeyCheck::finish(const Erasures* erasures) {
  const Result<Contents> now = look();
  if (!now) return now.error();
  for (std::size_t key = 1; key < uses_.size(); ++key) {
    if (uses_[key].first == 0) continue;
    const Result<void> judged = judge_entry(static_cast<KeyId>(key), *now, erasures);
    if (!judged) return judged.error();
  }
  return found_;
}

Result<void> KeyCheck::judge_entry(KeyId key, const Contents& now, const Erasures* erasures) {
  const Use& use = uses_[key];
  const Result<KeyEntry> entry = file_.read(key);
  if (!entry && entry.error().code != ExitCode::kDamaged) return entry.error();
  if (!entry) {
    tell(use.first, name_of(key) + " is missing from " + path_ + " or damaged there");
  } else if (entry->kind == KeyEntry::Kind::kDestroyed) {
    const bool before = key < gone_.size() && gone_[key];
    const bool asked = erasures == nullptr || holds(erasures->asked, key);
    if (before && !asked)
      tell(use.first, name_of(key) + " was destroyed, and no event asked", true);
  } else if (entry->kind != KeyEntry::Kind::kData) {
    tell(use.first, name_of(key) + " of " + path_ + " is no key of words");
  } else if (erasures != nullptr && holds(erasures->done, key)) {
    tell(use.first, "its words were erased, and " + name_of(key) + " is there again");
  } else if (!holds(now.runs, static_cast<KeyId>(entry->owner))) {
    tell(use.first, "the run of " + name_of(key) + " is missing from " + path_);
  } else if (!std::binary_search(now.sessions.begin(), now.sessions.end(), use.session)) {
    tell(use.first, "the key of session " + std::to_string(use.session) + " is missing from " +
                        path_ + " or damaged there");
  }
  return {};
}

}  // namespace daybook
