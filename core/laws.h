// What holds between events, judged over their clear facts alone: whoever verifies a journal needs
// no key to its words.
//
//     time never goes back; a session's first event opens it
//     prev of a chunk is the chunk before it in its attempt, prev of any other event the session's
//       event before it, chunks skipped
//     a session has one turn at a time; a turn ends once; what belongs to a turn lies between its
//       start and its end, chunks and outcomes in its current attempt
//     what is posted or edited is a turn or notice of the same session
//     what is erased was said before, and what is said to be destroyed was asked for
//     each restore raises the epoch
//
// Law: a journal that this program wrote never breaks one, and an event of a kind it does not know
// breaks none but those of time and prev. Rejected: deciding again and comparing, which is
// `daybook replay --check`; it reads words, and costs ten times as much.
#pragma once

#include <array>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/events.pb.h"
#include "core/judge.h"
#include "core/types.h"

namespace daybook {

class Laws final : public RecordJudge {
 public:
  void begin(Seq first) override {
    first_ = first;
    epoch_ = first == 1 ? 1 : 0;
  }
  bool judge(const RecordView& event, std::string& complaint) override;
  [[nodiscard]] ExternalId external(const RecordView& event) const override;
  [[nodiscard]] std::vector<Erasure> erasures() const override;
  [[nodiscard]] std::vector<Ref> refs() const override;
  [[nodiscard]] std::uint64_t epoch() const override { return epoch_; }
  [[nodiscard]] std::string judge(const Snapshot& snapshot) const override;

 private:
  // A session, as far as the laws go.
  struct Talk {
    SessionId id = 0;
    std::string place;
    Seq head = 0;  // its newest event that is no chunk
    Seq turn = 0;  // open; 0: none
    std::uint32_t attempt = 0;
    Seq attempt_seq = 0;
    Seq last_chunk = 0;      // of the attempt
    std::string chunk_body;  // of a text chunk of the attempt
    Seq last_source = 0;     // the newest turn or notice
    bool head_known = true;  // false: it began before `first`, and nothing has told yet
    bool turn_known = true;
  };

  bool continues(const RecordView& event);
  std::string judge_any(const RecordView& event);
  std::string judge_chunk(const RecordView& event);
  std::string judge_place(const RecordView& event, Talk*& talk);
  std::string judge_body(const RecordView& event, Talk* talk);
  std::string judge_started(const RecordView& event, Talk* talk);
  std::string judge_retried(const RecordView& event, Talk* talk);
  std::string judge_step(const RecordView& event, Talk* talk);
  std::string judge_notice(const RecordView& event, Talk* talk);
  std::string judge_erased(const RecordView& event);
  std::string judge_destroyed(const RecordView& event);
  std::string judge_restored(const RecordView& event);
  template <typename Body>
  std::string judge_outcome(const RecordView& event, Talk* talk, bool ends);
  template <typename Body>
  std::string judge_tool(const RecordView& event, Talk* talk);
  template <typename Body>
  std::string judge_delivery(const RecordView& event, const Talk* talk) const;

  Talk* talk_of(SessionId id);
  Talk* find_talk(SessionId id);
  std::string belongs(Talk* talk, Seq turn, std::uint32_t attempt, Seq last_chunk) const;
  static std::string ends_with(const Talk& talk, Seq last_chunk);
  void begin_attempt(Talk* talk, Seq seq, std::uint32_t attempt);
  void add_source(Seq seq, Talk* talk);
  [[nodiscard]] bool is_source(Seq seq, SessionId session) const;

  Seq first_ = 1;
  Time time_{};
  std::uint64_t epoch_ = 1;
  std::unordered_map<SessionId, Talk> talks_;
  // By the low bits of their ids: sessions that answer at once come in turn.
  std::array<Talk*, 64> recent_{};
  // Turns and notices with their sessions, ascending.
  std::vector<std::pair<Seq, SessionId>> sources_;
  // The one that was read last, read into again: the largest of all bodies.
  TurnStarted started_;
  // By the SessionErased that asked.
  std::map<Seq, std::vector<Erasure>> erasures_;
};

}  // namespace daybook
