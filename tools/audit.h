// Proof of handling: for every inbound message what became of it, every post that may be on a
// screen twice, every gap, every start that no stop came before.
//
// Law: one pass, and no memory but of what is open. A message is told of when all that was owed for
// it is done, so rows come in the order in which things were finished, what one event finished in
// the order of the journal; what is still open comes at the end and is judged there. Screens are
// judged by the fold that pays them (core/delivery.h), not by a second idea of what "shown" means.
#pragma once

#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/delivery.h"
#include "core/events.pb.h"
#include "core/log.h"
#include "core/types.h"
#include "core/usage.h"

namespace daybook {

// An open message or answer of a running gateway may take this long.
inline constexpr Duration kAuditPatience{3'600'000};

// What became of one inbound event, or of a notice that no message asked for.
struct Handled {
  Seq seq = 0;
  std::string kind;  // MessageReceived, MessageRefused, ...
  Time time{};
  SessionId session = 0;
  std::string place;
  std::int64_t user = 0;
  std::int64_t message_id = 0;  // the channel's
  std::string command;

  std::string outcome;  // the kind of the event that settled it; empty: none has
  Seq by = 0;           // that event
  std::string reason;   // of a refusal or a failure
  Seq turn = 0;
  bool held = false;  // it came late and waits for others like it, or for the owner
  std::string model;
  std::string provider;
  Spent spent;
  std::vector<std::int64_t> message_ids;  // that show the answer
  std::uint32_t ambiguous = 0;            // posts of it
  bool given_up = false;                  // the answer could not be shown, and that is recorded
  Time until{};                           // of the last event about it
  std::string open;                       // what is still owed; empty: nothing
  bool unaccounted = false;               // and nobody will pay it
};

// A post of which nobody can tell whether it is on the screen.
struct AmbiguousPost {
  Seq post = 0;    // its PostAttempted
  Seq source = 0;  // the turn or notice
  std::uint32_t part = 0;
  std::string place;
  Seq found = 0;  // the DeliveryDelayed or GatewayStarted that says so
  Time time{};
};

struct AuditSum {
  std::map<std::string, std::uint64_t> outcomes;  // by kind of the settling event
  std::uint64_t messages = 0;
  std::uint64_t open = 0;
  std::uint64_t unaccounted = 0;
  std::uint64_t given_up = 0;
  std::uint64_t ambiguous = 0;
  std::uint64_t gaps = 0;
  std::uint64_t crashes = 0;
  Spent spent;
};

// Who is told, row by row.
class AuditReader {
 public:
  virtual ~AuditReader() = default;
  virtual void on_handled(const Handled& handled) = 0;
  virtual void on_ambiguous(const AmbiguousPost& post) = 0;
  virtual void on_gap(const Event& gap) = 0;
  // A GatewayStarted that no GatewayStopped came before.
  virtual void on_crash(const Event& started) = 0;
};

class Audit {
 public:
  // What came before `since` or after event `until` is not told of, but what became later of what
  // came between is. `reader` must outlive it.
  Audit(Time since, AuditReader& reader, Seq until = std::numeric_limits<Seq>::max())
      : since_(since), until_(until), reader_(reader) {}

  // The kinds it reads, and those whose words it needs.
  static KindSet kinds();
  static KindSet worded();
  // All that matters of what lies before `since`.
  static KindSet kinds_before();

  void apply(const Event& event);

  // At the end of the journal: is a gateway running, what time is it, how long may open things
  // take, and which turn is open in a session (0: none)?
  struct End {
    bool running = false;
    Time now{};
    Duration patience = kAuditPatience;
    std::function<Seq(SessionId)> open_turn;
  };
  AuditSum finish(const End& end);

 private:
  using Post = std::pair<Seq, std::uint32_t>;  // source, part

  [[nodiscard]] bool is_told_of(const Event& event) const;
  void take_in(const Event& event);
  void settle_edit(const Event& next);
  void asks_again(const Event& event);
  void begin(const Event& event);
  void wait_again(const TurnCancelled& cancelled);
  void end_turn(const Event& event);
  void issue(const Event& event);
  void drop_waiting(const Event& event);
  void follow_posts(const Event& event);
  void lose_posts(const Event& event);
  void ambiguous(const Event& found, const Post& post, Seq attempted);
  void start(const Event& event);
  void close_shown(const Event& event);
  void own(Seq source, Seq message);
  void settle(Seq message, const Event& by);
  void tell(Seq message);
  void tell_others(const Handled& handled);
  void hand_over();
  void judge(Handled* handled, const End& end);
  Handled* owner_of(Seq source);

  const Time since_;
  const Seq until_;
  AuditReader& reader_;
  AuditSum sum_;
  Deliveries owed_;
  UsageFold usage_;
  bool running_ = false;
  std::map<Seq, Handled> told_;               // by the event that is applied
  std::map<Seq, Handled> open_;               // by message, or by the notice that none asked for
  Seq edited_ = 0;                            // MessageEdited, of which nothing has followed yet
  std::map<Seq, Seq> again_;                  // message -> the /retry that asks it once more
  std::map<Seq, Seq> owners_;                 // source -> entry of open_
  std::map<Seq, std::vector<Seq>> sources_;   // the other way round
  std::map<Seq, std::vector<Seq>> together_;  // turn -> the messages it answers besides its owner
  std::map<Seq, Seq> summaries_;              // turn of a summary -> message
  std::map<Seq, Seq> compactions_;            // -> message
  std::map<Post, Seq> posts_;                 // without an outcome -> PostAttempted
  std::set<Seq> ended_;                       // sources whose text is whole
};

}  // namespace daybook
