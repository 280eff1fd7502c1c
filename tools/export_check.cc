#include "tools/export_check.h"

#include <sys/types.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

#include "adapters/event_json.h"
#include "core/codec.h"
#include "core/notation.h"
#include "journal/layout.h"

namespace daybook {
namespace {

using Json = ExportJson;

Error wrong(std::string what) { return {std::move(what), ExitCode::kDamaged}; }

std::string event_name(Seq seq) { return "event " + std::to_string(seq); }

// What a program that does not know a field yet leaves out.
bool is_empty(const Json& value) {
  return value.is_null() || value == 0 || value == false || value == "" || value == Json::array();
}

// The first field that is told otherwise than the record has it; empty: none.
std::string first_difference(const Json& told, const Json& proven) {
  for (const auto& [name, value] : told.items()) {
    const auto found = proven.find(name);
    if (found == proven.end() ? !is_empty(value) : *found != value) return name;
  }
  for (const auto& [name, value] : proven.items()) {
    if (!told.contains(name) && !is_empty(value)) return name;
  }
  return {};
}

// A stream of lines, none longer than `bytes_max`.
class LineFile {
 public:
  explicit LineFile(const std::string& path)
      : file_(path == "-" ? stdin : std::fopen(path.c_str(), "re")) {}
  ~LineFile() {
    if (file_ != nullptr && file_ != stdin) std::fclose(file_);
  }
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  [[nodiscard]] bool opened() const { return file_ != nullptr; }
  [[nodiscard]] bool failed() const { return std::ferror(file_) != 0; }
  // False at the end. A line that is too long comes cut: it is none of ours.
  bool next(std::string& line) {
    line.clear();
    std::array<char, 65'536> piece;
    while (std::fgets(piece.data(), static_cast<int>(piece.size()), file_) != nullptr) {
      line += piece.data();
      if (line.ends_with('\n') || line.size() > kExportLineBytesMax) return true;
    }
    return !line.empty();
  }

 private:
  std::FILE* file_;
};

}  // namespace

Result<void> ExportCheck::take(std::string_view line) {
  if (ended_) return wrong("something follows its last line");
  auto read = read_line(line);
  if (!read) return read.error();
  if (auto* head = std::get_if<ExportHead>(&*read)) {
    if (head_) return wrong("a second export begins in it");
    head_ = std::move(*head);
    if (auto made = judge_created(); !made) return made;
    const std::string wanted = options_.checkpoint ? options_.checkpoint->journal_id : "";
    if (wanted.empty() || wanted == head_->identity.id) return {};
    return wrong("the checkpoint was taken of another journal, " + hex(wanted));
  }
  if (!head_) return wrong("its first line does not say what it holds");
  if (auto* event = std::get_if<ExportEvent>(&*read)) return take_event(std::move(*event));
  if (const auto* commit = std::get_if<ExportCommit>(&*read)) return take_commit(*commit);
  return take_end(std::get<ExportEnd>(*read));
}

Result<void> ExportCheck::judge_created() const {
  const JournalIdentity& told = head_->identity;
  if (!options_.seal_key || told.created_seal.empty()) return {};
  const Digest expected = layout::created_seal(
      *options_.seal_key, told.id, static_cast<std::uint64_t>(to_milliseconds(told.created)));
  if (told.created_seal == view(expected)) return {};
  return wrong(
      "the seal of when the journal was made does not match: one of them was changed, or "
      "the key is another journal's");
}

Result<void> ExportCheck::take_event(ExportEvent event) {
  const Seq seq = event.stored.seq;
  if (seq <= last_seq_) return wrong(event_name(seq) + " is out of order");
  last_seq_ = seq;
  ++events_;
  if (event.hash && options_.whole_records) {
    return wrong(event_name(seq) +
                 " is withheld, for it holds a secret: export with --no-redact to have all of it");
  }
  if (event.hash) {
    ++withheld_;
    shown_.push_back({seq, *event.hash, std::nullopt, false});
  } else {
    if (auto judged = judge_record(event); !judged) return judged;
    shown_.push_back({seq, event.stored.hash(), event.stored.seal(), true});
  }
  Result<void> chained = judge_chain(event.fields, seq);
  if (chained && options_.on_commit) stored_.push_back(std::move(event.stored));
  return chained;
}

Result<void> ExportCheck::judge_record(const ExportEvent& told) {
  auto stored = told.stored.decode();
  if (!stored) return stored.error();
  Record& record = stored->record;
  const bool locked = stored->key != 0 && !record.content.empty();
  if (locked && told.key) {
    const crypto::Cipher cipher(*told.key);
    cipher.apply(record.seq, record.content.data(), record.content.size());
  }
  const bool unread = locked && !told.key;
  unread_ += unread ? 1 : 0;
  // Nobody has the key of what was erased, and then the line says so in the place of its words.
  const auto said = told.fields.find("erased");
  record.erased = unread && said != told.fields.end() && *said == true;
  if (record.erased) record.content.clear();
  const bool clear = unread && !record.erased;
  auto event = clear ? clear_from_record(record) : from_record(record);
  if (!event) return wrong(event_name(record.seq) + ": its key is another's");
  if (event->has_journal_restored()) epoch_ = event->journal_restored().epoch();
  Json proven = Json::parse(event_json(*event), nullptr, false);
  proven["prev"] = event->prev();
  const std::string field = first_difference(told.fields, proven);
  if (field.empty()) return {};
  return wrong(event_name(record.seq) + ": \"" + escaped(field, 40) +
               "\" is not what its record says");
}

// Of a session, nothing may be left out of the chain; its first event may continue another's.
Result<void> ExportCheck::judge_chain(const Json& fields, Seq seq) {
  if (head_->whole) return {};
  const auto found = fields.find("prev");
  const bool number = found != fields.end() && found->is_number_unsigned();
  const Seq prev = number ? found->get<Seq>() : 0;
  if (prev != 0 && !seen_.empty() && !seen_.contains(prev)) {
    return wrong(event_name(prev) + ", which " + event_name(seq) + " follows, is missing");
  }
  seen_.insert(seq);
  return {};
}

Result<void> ExportCheck::take_commit(const ExportCommit& commit) {
  if (commit.first <= last_) return wrong("a commit is out of order");
  const bool follows = commit.first == last_ + 1;
  if (!follows && head_->whole) {
    return wrong("events " + std::to_string(last_ + 1) + " to " + std::to_string(commit.first - 1) +
                 " are missing");
  }
  if (!follows && !commit.before) return wrong("a commit does not say which seal it follows");
  if (follows && commit.before && seal_ && *commit.before != *seal_) {
    return wrong("the commit of " + event_name(commit.first) + " follows another seal");
  }
  if (!follows && commits_ > 0) unbroken_ = false;
  const auto hashes = hashes_of(commit);
  if (!hashes) return hashes.error();
  if (auto judged = judge_inner_seals(commit); !judged) return judged;
  if (auto judged = judge_seal(commit, *hashes); !judged) return judged;
  if (auto judged = judge_checkpoint(commit); !judged) return judged;
  const bool complete = shown_.size() == hashes->size();
  last_ = commit.last;
  seal_ = commit.seal;
  ++commits_;
  shown_.clear();
  if (options_.on_commit && complete) {
    if (auto done = options_.on_commit(stored_); !done) return done;
  }
  stored_.clear();
  return {};
}

Result<std::vector<Digest>> ExportCheck::hashes_of(const ExportCommit& commit) const {
  std::vector<Digest> hashes;
  hashes.reserve(commit.last - commit.first + 1);
  std::size_t shown = 0;
  for (Seq seq = commit.first; seq <= commit.last; ++seq) {
    const bool here = shown < shown_.size() && shown_[shown].seq == seq;
    const auto& told =
        commit.hashes.empty() ? std::optional<Digest>() : commit.hashes[seq - commit.first];
    if (!here && !told) return wrong(event_name(seq) + " is missing");
    if (here && told && *told != shown_[shown].hash) {
      return wrong(event_name(seq) + " does not have the hash that its commit says");
    }
    hashes.push_back(here ? shown_[shown].hash : *told);
    shown += here ? 1 : 0;
  }
  if (shown < shown_.size()) {
    return wrong(event_name(shown_[shown].seq) + " is in no commit");
  }
  return hashes;
}

// Those that records carry.
Result<void> ExportCheck::judge_inner_seals(const ExportCommit& commit) {
  const bool known = (head_->identity.format & layout::kFormatSealsInside) != 0;
  for (const Shown& one : shown_) {
    const bool ends = one.seq == commit.last;
    if (one.seal && !(known && ends && *one.seal == commit.seal)) {
      return wrong(event_name(one.seq) + " carries another seal than its commit has");
    }
    inside_ = inside_ || one.seal.has_value();
    if (ends && one.whole && inside_ && !one.seal) {
      return wrong(event_name(one.seq) + " ends a commit without the seal that earlier ones carry");
    }
  }
  return {};
}

Result<void> ExportCheck::judge_seal(const ExportCommit& commit,
                                     const std::vector<Digest>& hashes) {
  if (!options_.seal_key) return {};
  std::optional<Digest> before = commit.first == last_ + 1 ? seal_ : std::nullopt;
  if (commit.first == 1) before = layout::first_seal(*options_.seal_key, head_->identity.id);
  if (!before) before = commit.before;
  if (!before) return wrong("a commit does not say which seal it follows");
  std::vector<const Digest*> pointers;
  pointers.reserve(hashes.size());
  for (const Digest& hash : hashes) pointers.push_back(&hash);
  if (layout::next_seal(*options_.seal_key, *before, commit.first, pointers) == commit.seal) {
    return {};
  }
  return wrong("the seal of events " + std::to_string(commit.first) + " to " +
               std::to_string(commit.last) +
               " does not match: one of them was changed, or the key is another journal's");
}

Result<void> ExportCheck::judge_checkpoint(const ExportCommit& commit) {
  if (!options_.checkpoint) return {};
  const Seq wanted = options_.checkpoint->head.seq;
  if (commit.last == wanted) {
    met_checkpoint_ = true;
    if (commit.seal == options_.checkpoint->head.seal) return {};
    return wrong("the seal of " + event_name(wanted) + " is not the one of the checkpoint");
  }
  if (commit.first > wanted || commit.last < wanted) return {};
  return wrong("no commit ends at " + event_name(wanted) + ", where the checkpoint was taken");
}

Result<void> ExportCheck::take_end(const ExportEnd& end) {
  if (!shown_.empty()) return wrong(event_name(shown_.front().seq) + " is in no commit");
  const bool same = end.last == last_ && end.events == events_ && end.withheld == withheld_ &&
                    (commits_ == 0 || end.seal == seal_);
  if (!same) return wrong("its last line counts something else than what is there");
  ended_ = true;
  return judge_epoch();
}

// A session does not hold the events that raise it.
Result<void> ExportCheck::judge_epoch() const {
  const std::uint64_t told = head_->identity.epoch;
  if (!head_->whole || told == epoch_) return {};
  return wrong("its first line says that it is of epoch " + std::to_string(told) +
               ", and its events say " + std::to_string(epoch_));
}

Result<void> ExportCheck::finish() const {
  if (!head_) return wrong("it is empty");
  if (!ended_) return wrong("it was cut short: its last line is missing");
  if (options_.checkpoint && !met_checkpoint_) {
    return Error{"it holds no commit that ends at " + event_name(options_.checkpoint->head.seq) +
                     ", where the checkpoint was taken; export the whole journal, or the session "
                     "with --chain, after that",
                 ExitCode::kUsage};
  }
  return {};
}

Result<ExportHead> read_export_head(const std::string& path) {
  LineFile file(path);
  if (!file.opened()) return files::system_error("read", path, errno);
  std::string line;
  file.next(line);
  auto read = read_line(line);
  if (auto* head = read ? std::get_if<ExportHead>(&*read) : nullptr) return *head;
  return Error{path + " is no export of daybook's", ExitCode::kUsage};
}

Result<void> check_export(const std::string& path, ExportCheck& check, const BytesRead& progress) {
  LineFile file(path);
  if (!file.opened()) return files::system_error("read", path, errno);
  std::error_code unknown;
  std::uint64_t of = std::filesystem::file_size(path, unknown);
  if (unknown) of = 0;
  std::string line;
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;
  while (file.next(line)) {
    ++number;
    bytes += line.size();
    if (progress) progress(bytes, of);
    const Result<void> taken = check.take(line);
    if (taken) continue;
    return Error{path + ", line " + std::to_string(number) + ": " + taken.error().message,
                 taken.error().code};
  }
  if (file.failed()) return files::system_error("read", path, errno);
  Result<void> finished = check.finish();
  if (finished) return finished;
  return Error{path + ": " + finished.error().message, finished.error().code};
}

}  // namespace daybook
