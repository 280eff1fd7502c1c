#include "tools/export_jsonl.h"

#include <algorithm>
#include <utility>

#include "core/codec.h"
#include "tools/export_file.h"
#include "tools/withholding.h"

namespace daybook {
namespace {

KindSet attempt_kinds() {
  KindSet kinds;
  for (const int kind :
       {Event::kChunkReceived, Event::kTurnCompleted, Event::kAttemptFailed, Event::kTurnFailed,
        Event::kTurnRetried, Event::kTurnCancelled, Event::kTurnAbandoned, Event::kStepCompleted}) {
    kinds.set(static_cast<std::size_t>(kind));
  }
  return kinds;
}

class JsonlWriter {
 public:
  JsonlWriter(JournalView& view, const JsonlRequest& request, OutputFile& out)
      : view_(view),
        request_(request),
        out_(out),
        stored_(view.log().stored()),
        last_(view.log().last()),
        withholding_(request.redactor) {}

  Result<JsonlReport> run() {
    for (const auto step : {&JsonlWriter::choose, &JsonlWriter::learn, &JsonlWriter::write_head,
                            &JsonlWriter::write_commits}) {
      if (const Result<void> done = (this->*step)(); !done) return done.error();
    }
    out_.write(write_line(ExportEnd{written_, report_.events, report_.withheld, seal_}));
    return report_;
  }

 private:
  [[nodiscard]] bool whole() const { return request_.session == 0; }

  Result<void> choose() {
    if (whole()) return {};
    auto events = events_of(view_, request_.session, request_.upto);
    if (!events) return events.error();
    chosen_ = std::move(events).value();
    return {};
  }

  [[nodiscard]] bool is_chosen(Seq seq) const {
    return whole() || std::binary_search(chosen_.begin(), chosen_.end(), seq);
  }

  Result<void> learn() {
    if (request_.redactor == nullptr) return {};
    Result<void> read;
    if (whole()) {
      read = view_.events(1, last_, attempt_kinds(), [this](const Event& event) {
        withholding_.learn(event);
        return true;
      });
    }
    for (const Seq seq : chosen_) {
      const auto event = view_.event(seq);
      if (!event) return event.error();
      withholding_.learn(*event);
    }
    withholding_.learnt();
    return read;
  }

  Result<void> write_head() {
    auto identity = stored_.identity();
    if (!identity) return identity.error();
    ExportHead head{whole(), std::move(identity).value(), request_.session, ""};
    if (!whole()) {
      head.place = view_.gateway().directory().session(request_.session)->place();
    }
    out_.write(write_line(head));
    return {};
  }

  Result<void> write_commits() {
    const bool all = whole() || request_.chain;
    Seq next = whole() ? 1 : chosen_.front();
    std::size_t at = 0;
    while (next != 0 && next <= last_) {
      auto commit = stored_.commit_of(next);
      if (!commit) return commit.error();
      if (!commit->has_value()) break;
      if (auto done = write_commit(**commit); !done) return done;
      if (request_.progress) request_.progress(written_);
      while (at < chosen_.size() && chosen_[at] <= written_) ++at;
      next = all ? written_ + 1 : at < chosen_.size() ? chosen_[at] : 0;
    }
    return {};
  }

  Result<void> write_commit(const StoredCommit& commit) {
    ExportCommit line{commit.first, commit.last, std::nullopt, {}, commit.seal};
    if (written_ + 1 != commit.first) line.before = commit.before;
    bool others = false;
    std::optional<Error> failed;
    auto read = stored_.events(commit.first, commit.last, [&](const StoredEvent& stored) {
      line.hashes.emplace_back();
      if (!is_chosen(stored.seq)) {
        line.hashes.back() = stored.hash();
        others = true;
      } else if (const auto done = write_event(stored); !done) {
        failed = done.error();
      }
      return !failed.has_value();
    });
    if (!read) return read;
    if (failed) return *failed;
    if (!others) line.hashes.clear();
    out_.write(write_line(line));
    written_ = commit.last;
    seal_ = commit.seal;
    return {};
  }

  Result<void> write_event(const StoredEvent& stored) {
    auto event = view_.event(stored.seq);
    if (!event) return event.error();
    const bool withheld = withholding_.redact(&*event);
    std::optional<crypto::Key> key;
    if (!withheld && event->has_content()) {
      auto disclosed = key_of(stored);
      if (!disclosed) return disclosed.error();
      key = *disclosed;
    }
    out_.write(write_line(*event, stored, key, withheld));
    ++report_.events;
    report_.withheld += withheld ? 1 : 0;
    return {};
  }

  Result<std::optional<crypto::Key>> key_of(const StoredEvent& stored) {
    const auto decoded = stored.decode();
    if (!decoded) return decoded.error();
    return view_.log().disclose(decoded->record.session, decoded->key);
  }

  JournalView& view_;
  const JsonlRequest& request_;
  OutputFile& out_;
  StoredReading stored_;
  Seq last_;
  Withholding withholding_;
  std::vector<Seq> chosen_;  // of a session
  Seq written_ = 0;          // the last event of the last commit written
  Digest seal_{};
  JsonlReport report_;
};

}  // namespace

Result<JsonlReport> export_jsonl(JournalView& view, const JsonlRequest& request, OutputFile& out) {
  return JsonlWriter(view, request, out).run();
}

}  // namespace daybook
