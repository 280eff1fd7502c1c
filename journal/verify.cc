// The order of an examination: what must hold for the next step to be readable comes first.
#include "journal/verify.h"

#include <algorithm>
#include <utility>

#include "journal/key_check.h"
#include "journal/layout.h"
#include "journal/opening.h"
#include "journal/pages.h"
#include "journal/reading.h"
#include "journal/record.h"
#include "journal/sweep.h"
#include "journal/tables.h"

namespace daybook {
namespace {

using store::Visit;

// A writer that commits twice between two looks at the file; never seen to win more than once.
constexpr int kPageLooksMax = 100;

using PageDamages = std::vector<PageFile::Damage>;

class Examination {
 public:
  explicit Examination(const VerifyOptions& options)
      : options_(options), data_(options.directory + "/" + files::kData) {}

  Result<Verification> run() {
    if (const auto interrupted = interrupted_restore(options_.directory)) return *interrupted;
    if (!files::exists(data_)) return open_for_reading(options_.directory).error();
    for (const auto step :
         {&Examination::judge_file, &Examination::open, &Examination::judge_leaves,
          &Examination::judge_pages, &Examination::judge_identity, &Examination::judge_chain,
          &Examination::judge_keys, &Examination::judge_created, &Examination::judge_tables}) {
      const Result<void> done = (this->*step)();
      if (!done) return done.error();
      if (!found_.sound()) break;
    }
    return std::move(found_);
  }

 private:
  Result<void> judge_file();
  Result<void> open();
  Result<void> judge_pages();
  Result<void> judge_identity();
  Result<void> judge_created();
  Result<void> judge_chain();
  Result<void> judge_keys();
  Result<void> judge_tables();

  std::optional<PageDamages> look_at_pages(const PageFile& file, std::uint64_t transaction);
  void look_at_leaves(const PageFile& file, PageDamages& damages);
  Result<void> judge_leaves();
  void take_pages(const PageFile& file, const PageDamages& damages);
  [[nodiscard]] PageFile::Progress page_progress() const;
  Result<Seq> last_event();
  Result<Swept> walk(SweepOptions& options);
  Result<void> open_keys();
  Result<std::vector<KeyId>> keys_of(bool done);
  std::optional<ChainWalk::Damage> hear(const ClearBlock& block, std::size_t count);
  Result<void> gather_checkpoints();
  Result<void> find_start();
  Result<void> judge_old_checkpoints();
  void damaged(Seq seq, std::string what);
  [[nodiscard]] std::string segment_of(Seq seq) const;
  void restore(std::string why);

  const VerifyOptions& options_;
  std::string data_;
  Verification found_;

  bool pages_judged_ = false;
  std::optional<PageFile> file_;  // null: its pages were judged while somebody wrote
  PageFile::Events event_pages_;
  std::string page_complaint_;  // of a table without which events can be read
  std::optional<Opened> opened_;
  Reading::Seal from_;
  std::vector<ChainWalk::Checkpoint> checkpoints_;
  std::optional<TableCheck> tables_;
  std::optional<KeyCheck> keys_;
  std::string keys_complaint_;
};

// ---- what to do next

void Examination::restore(std::string why) {
  found_.remedy = std::move(why) + " Stop the gateway, keep a copy of " + options_.directory +
                  " as it is, and restore it from a backup";
}

void Examination::damaged(Seq seq, std::string what) {
  found_.first_bad_seq = seq;
  found_.what = std::move(what);
  if (found_.sound_upto == 0) {
    restore("Nothing in it can be vouched for.");
    found_.remedy += ".";
  } else {
    restore("It is good up to event " + std::to_string(found_.sound_upto) + ".");
    found_.remedy +=
        " that reaches further, or one of then; `daybook log` still reads what is good.";
  }
  const std::string segment = segment_of(seq);
  if (segment.empty()) return;
  found_.remedy += " Events from there on were archived into " + segment +
                   ": if there is another copy of that file, put it in its place first, and verify "
                   "again; it may be all that is damaged.";
}

// Where events around this one were archived to; empty: nowhere.
std::string Examination::segment_of(Seq seq) const {
  const store::Segments* const segments = opened_ ? opened_->environment->segments() : nullptr;
  if (segments == nullptr || seq == 0) return {};
  const std::size_t place = segments->place_of(record::key_of(seq));
  if (place == segments->places().size()) return {};
  const bool behind = record::seq_of(segments->places()[place].first) > seq + kPreflightEvents;
  return behind ? "" : segments->places()[place].path;
}

// ---- the file, without LMDB

Result<void> Examination::judge_file() {
  Result<PageFile> file = PageFile::open(data_);
  if (!file) return file.error();
  std::string complaint = file->judge_metas();
  if (!complaint.empty()) {
    damaged(0, std::move(complaint));
    return {};
  }
  // Unless somebody writes: pages that one transaction frees, the next but one may overwrite.
  const std::uint64_t transaction = file->newest();
  const std::optional<PageDamages> damages = look_at_pages(*file, transaction);
  if (!damages || file->newest() > transaction + 1) return {};
  pages_judged_ = true;
  take_pages(*file, *damages);
  file_.emplace(*std::move(file));
  return {};
}

Result<void> Examination::open() {
  Result<Opened> opened = open_for_reading(options_.directory);
  if (!opened) return opened.error();
  opened_.emplace(std::move(*opened));
  const store::Segments* segments = opened_->environment->segments();
  // No damage to the journal: what it needs lies elsewhere.
  const auto trouble = segments == nullptr ? std::optional<Error>() : segments->trouble();
  if (trouble) return *trouble;
  if (!opened_->seal_key.empty()) return {};
  return files::read_seal_key(options_.directory).error();
}

// The leaves of the events are most of the file. Whoever walks over all events from the file judges
// them on the way; whoever reads some through LMDB has to know all of them beforehand.
Result<void> Examination::judge_leaves() {
  const bool on_the_way = options_.since <= 1 && opened_->environment->segments() == nullptr;
  if (!file_ || on_the_way) return {};
  PageDamages damages;
  look_at_leaves(*file_, damages);
  pages_judged_ = file_->newest() <= event_pages_.transaction + 1;
  if (pages_judged_) take_pages(*file_, damages);
  file_.reset();
  return {};
}

// A read transaction holds the pages of its tree in place.
Result<void> Examination::judge_pages() {
  for (int looks = 0; !pages_judged_ && looks < kPageLooksMax; ++looks) {
    Visit visit(*opened_->environment);
    const store::Status status = visit.begin();
    if (!status.ok()) return status.error("cannot read the journal in", options_.directory);
    const Result<PageFile> file = PageFile::open(data_);
    if (!file) return file.error();
    std::optional<PageDamages> damages = look_at_pages(*file, visit.transaction());
    if (!damages) continue;
    if (damages->empty()) look_at_leaves(*file, *damages);
    pages_judged_ = true;
    take_pages(*file, *damages);
  }
  if (pages_judged_) return {};
  return Error{"the gateway writes faster than the pages of " + data_ +
                   " can be looked at: stop it, or verify again later",
               ExitCode::kUnavailable};
}

PageFile::Progress Examination::page_progress() const {
  return [this](std::uint64_t pages, std::uint64_t of) {
    if (options_.progress) options_.progress("verifying pages", pages, of);
  };
}

std::optional<PageDamages> Examination::look_at_pages(const PageFile& file,
                                                      std::uint64_t transaction) {
  auto damages = file.judge_tree(transaction, event_pages_, page_progress());
  const auto of_events = [](const PageFile::Damage& damage) { return damage.table == "events"; };
  // Leaves that were found before a damage lie before it.
  if (damages && std::any_of(damages->begin(), damages->end(), of_events)) {
    look_at_leaves(file, *damages);
  }
  return damages;
}

// What is wrong with one of them comes first.
void Examination::look_at_leaves(const PageFile& file, PageDamages& damages) {
  auto damage = file.judge_leaves(event_pages_, options_.jobs, page_progress());
  if (damage) damages.insert(damages.begin(), *std::move(damage));
}

void Examination::take_pages(const PageFile& file, const PageDamages& damages) {
  for (const PageFile::Damage& damage : damages) {
    const std::string what = file.describe(damage.table, damage.what);
    const bool events = damage.table == "events";
    if (events || damage.table == "seals" || damage.table.empty() || damage.table == "meta") {
      const bool named = events || damage.table == "seals";
      const Seq first = events ? record::seq_of(damage.last_key + 1) : damage.last_key + 1;
      damaged(named ? std::max<Seq>(first, 1) : 0, what);
      return;
    }
    if (page_complaint_.empty()) page_complaint_ = what;
  }
}

// ---- the chain

Result<void> Examination::judge_identity() {
  if (!options_.checkpoint || options_.checkpoint->journal_id.empty()) return {};
  const std::string& wanted = options_.checkpoint->journal_id;
  if (wanted == opened_->journal_id) return {};
  found_.what = options_.checkpoint_name + " is of journal " + hex(wanted) + ", and this one is " +
                hex(opened_->journal_id);
  found_.remedy =
      "Give the checkpoint that was taken of this journal. If it was, then another journal was put "
      "in its place: restore yours from a backup.";
  return {};
}

// Journals that were made before it was have nothing that vouches for it.
Result<void> Examination::judge_created() {
  Reading reading(*opened_->environment);
  const auto seal = reading.meta(layout::kMetaCreatedSeal);
  if (!seal) return seal.error();
  const auto created = reading.meta(layout::kMetaCreated);
  if (!created) return created.error();
  const bool whole = created->has_value() && (*created)->size() == sizeof(std::uint64_t);
  if (!seal->has_value() || !whole) return {};
  const Digest expected =
      layout::created_seal(opened_->seal_key, opened_->journal_id, record::load_u64(**created));
  if (**seal == view(expected)) return {};
  damaged(0, "the journal says that it was made at another time than its seal vouches for");
  return {};
}

Result<void> Examination::gather_checkpoints() {
  const Result<std::optional<files::Head>> head = files::read_head(options_.directory);
  if (!head) return head.error();
  const auto add = [this](const files::Head& known, const std::string& source) {
    if (known.seq > 0) checkpoints_.push_back({{known.seq, known.seal}, source});
  };
  if (head->has_value()) add(**head, "the head file");
  if (options_.checkpoint) add(options_.checkpoint->head, options_.checkpoint_name);
  if (head->has_value() || options_.checkpoint) return {};
  found_.notes.push_back(
      options_.directory + "/" + files::kHead +
      " is missing, so a cut tail would not show. Give a checkpoint with --against; the gateway "
      "writes the file again when it starts.");
  return {};
}

Result<void> Examination::find_start() {
  from_ = {0, layout::first_seal(opened_->seal_key, opened_->journal_id)};
  found_.first = 1;
  if (options_.since <= 1) return {};
  Reading reading(*opened_->environment);
  const Result<Seq> last = reading.last();
  if (!last) return last.error();
  if (options_.since > *last) {
    return Error{"there is no event " + std::to_string(options_.since) + "; the journal in " +
                     options_.directory + " ends at " + std::to_string(*last),
                 ExitCode::kUsage};
  }
  const Result<std::optional<Reading::Seal>> before = reading.seal_before(options_.since);
  if (!before) return before.error();
  if (!before->has_value()) return {};
  from_ = **before;
  found_.first = from_.last + 1;
  return {};
}

// Those that lie before the start: the seal must stand there as it is known.
Result<void> Examination::judge_old_checkpoints() {
  Reading reading(*opened_->environment);
  for (const ChainWalk::Checkpoint& checkpoint : checkpoints_) {
    const Reading::Seal& known = checkpoint.seal;
    if (known.last > from_.last || !found_.sound()) continue;
    const Result<std::optional<Reading::Seal>> seal = reading.seal_at(known.last);
    if (!seal) return seal.error();
    if (seal->has_value() && (*seal)->last == known.last && (*seal)->digest == known.digest) {
      continue;
    }
    damaged(known.last, "the chain is not the one that " + checkpoint.source + " knows");
  }
  return {};
}

Result<void> Examination::judge_chain() {
  Result<void> done = gather_checkpoints();  // before the end is looked for: it may only lie behind
  if (done) done = find_start();
  if (done) done = judge_old_checkpoints();
  if (!done || !found_.sound()) return done;

  SweepOptions sweep_options;
  sweep_options.seal_key = opened_->seal_key;
  sweep_options.from = from_;
  sweep_options.checkpoints = checkpoints_;
  sweep_options.jobs = options_.jobs;
  sweep_options.range_events = options_.range_events;
  if (file_) {
    sweep_options.file = &*file_;
    sweep_options.pages = &event_pages_;
  }
  RecordJudge* const judge = options_.judge;
  if (page_complaint_.empty()) {
    tables_.emplace(*opened_->environment, judge, from_.last);
    tables_->begin();
  }
  done = open_keys();
  if (!done) return done;
  if (judge != nullptr) judge->begin(from_.last + 1);
  if (judge != nullptr || keys_) {
    sweep_options.judge = [this](const ClearBlock& block, std::size_t count) {
      return hear(block, count);
    };
  }
  const Result<Seq> last = last_event();
  if (!last) return last.error();
  sweep_options.progress = [this, &last](Seq covered) {
    if (options_.progress) options_.progress("verifying events", covered, std::max(covered, *last));
  };
  Result<Swept> swept = walk(sweep_options);
  if (!swept) return swept.error();
  found_.events = swept->covered - from_.last;
  found_.seals = swept->seals;
  found_.sound_upto = swept->covered;
  if (!found_.sound()) return {};
  // Behind damage, nothing says that LMDB could read what is asked for.
  const auto lost =
      tables_ && !swept->damage ? tables_->judge_externals(swept->covered) : std::nullopt;
  if (lost) {
    found_.events = lost->seq - 1 - from_.last;
    found_.sound_upto = lost->seq - 1;
    swept->damage = ChainWalk::Damage{lost->seq, lost->what};
  }
  if (swept->damage) damaged(swept->damage->seq, swept->damage->what);
  return {};
}

Result<Seq> Examination::last_event() {
  if (!file_) return Reading(*opened_->environment).last();
  if (event_pages_.leaves.empty()) return Seq{0};
  PageFile::Walk walk(*file_, event_pages_);
  std::uint64_t last = 0;
  bool there = walk.seek(event_pages_.leaves.back().first_key);
  for (; there; there = walk.next()) last = record::load_u64(walk.key());
  return record::seq_of(last);
}

// Where somebody wrote meanwhile, the pages are judged anew and the rest is walked through LMDB.
Result<Swept> Examination::walk(SweepOptions& options) {
  Swept swept = sweep(*opened_->environment, options);
  if (!swept.outrun) return swept;
  pages_judged_ = false;
  file_.reset();
  found_.sound_upto = swept.covered;
  const Result<void> judged = judge_pages();
  if (!judged) return judged.error();
  if (!page_complaint_.empty()) tables_.reset();
  if (!found_.sound()) return swept;
  options.file = nullptr;
  options.pages = nullptr;
  options.from = swept.reached;
  Swept rest = sweep(*opened_->environment, options);
  rest.seals += swept.seals;
  return rest;
}

std::optional<ChainWalk::Damage> Examination::hear(const ClearBlock& block, std::size_t count) {
  std::string complaint;
  for (std::size_t i = 0; i < count; ++i) {
    const RecordView event = block.at(i);
    const KeyId key = block.key_at(i);
    if (keys_ && key != 0) keys_->hear(event.seq, event.session, key);
    if (options_.judge == nullptr) continue;
    const bool sound =
        tables_ ? tables_->hear(event, complaint) : options_.judge->judge(event, complaint);
    if (!sound) return ChainWalk::Damage{event.seq, std::move(complaint)};
  }
  return std::nullopt;
}

// ---- the keys

Result<void> Examination::open_keys() {
  if (!layout::is_locked(opened_->format)) return {};
  const std::string beside = options_.directory + "/" + files::kKeys;
  Result<KeyCheck> keys =
      KeyCheck::open(options_.keys.empty() ? beside : options_.keys, opened_->journal_id);
  if (keys) {
    keys_.emplace(*std::move(keys));
  } else if (keys.error().code == ExitCode::kDamaged) {
    keys_complaint_ = keys.error().message;
  } else {
    return keys.error();
  }
  return {};
}

// Of all words that the events heard ask to be erased; `done`: that they say are.
Result<std::vector<KeyId>> Examination::keys_of(bool done) {
  std::vector<Erased> words;
  for (const RecordJudge::Erasure& erasure : options_.judge->erasures()) {
    if (done && !erasure.done) continue;
    Erased heard = erasure.words;
    heard.first = std::max(heard.first, from_.last + 1);
    if (heard.first <= heard.last) words.push_back(heard);
  }
  return Reading(*opened_->environment).keys_of(std::move(words));
}

Result<void> Examination::judge_keys() {
  bool destroyed = false;
  std::optional<KeyCheck::Erasures> erasures;
  if (keys_ && options_.judge != nullptr) {
    Result<std::vector<KeyId>> asked = keys_of(false);
    if (!asked) return asked.error();
    Result<std::vector<KeyId>> done = keys_of(true);
    if (!done) return done.error();
    erasures = {*std::move(asked), *std::move(done)};
    if (erasures->asked.size() > erasures->done.size()) {
      found_.notes.push_back(
          "An erasure was ordered that nothing says is carried out: the keys of its words may "
          "still be there. Start the gateway, or repeat the erasure.");
    }
  }
  if (keys_) {
    const auto finding = keys_->finish(erasures ? &*erasures : nullptr);
    if (!finding) return finding.error();
    if (!finding->has_value()) return {};
    found_.first_bad_seq = (*finding)->seq;
    found_.what = (*finding)->what;
    destroyed = (*finding)->destroyed;
  }
  if (!keys_) found_.what = keys_complaint_;
  if (found_.sound()) return {};
  found_.remedy = "All events are sound; it is their words that cannot be read as they should. ";
  if (destroyed) {
    found_.remedy +=
        "If this is a copy, or what a restore replaced, they were erased in the journal that took "
        "its place, and nothing is to be done. Otherwise: ";
  }
  found_.remedy +=
      "Stop the gateway and put back the file keys that belongs to them, from the newest backup; "
      "or "
      "name it with --keys, if it lies elsewhere.";
  return {};
}

// ---- the small tables

Result<void> Examination::judge_tables() {
  if (!page_complaint_.empty()) {
    found_.what = std::move(page_complaint_);
    restore("All events are sound, but to write on would lose some.");
    found_.remedy += ".";
    return {};
  }
  const std::optional<TableCheck::Finding> finding = tables_->finish(found_.sound_upto);
  if (!finding) return {};
  found_.what = finding->what;
  if (finding->rewritten) {
    found_.remedy =
        "All events are sound, and this is made of them: start the gateway, stop it in order, and "
        "verify again; what is still there then, restore from a backup.";
    return {};
  }
  restore("All events are sound, but the gateway would go on from a wrong place.");
  found_.remedy += ".";
  return {};
}

}  // namespace

Result<Verification> verify(const VerifyOptions& options) { return Examination(options).run(); }

}  // namespace daybook
