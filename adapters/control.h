// The control socket: how `daybook` talks to a running daybookd. AF_UNIX, mode 0600, one JSON
// object a line in both directions; a request is answered by any number of event lines and one
// last line, {"done":true,...} or {"error":"a sentence","code":N}.
//
//   {"verb":"status"}                            {"done":true,"status":{...}}
//   {"verb":"say","place":"terminal:default","text":"hello"}
//                                                that session's events (adapters/event_json.h) from
//                                                the message on, until what it caused has ended
//   {"verb":"pair","action":"list"}              {"done":true,"pairings":[...],"allowed":[...]}
//   {"verb":"pair","action":"approve","code":"..."} / "revoke","user":1, {"verb":"reload"},
//   {"verb":"fork","session":3,"at":42,"place":"terminal:idea"}
//                                                the event, once it is durable
//   {"verb":"erase","event":7} / "session":1 / "before":MILLISECONDS    each KeysDestroyed
// Law: what changes something is answered once the journal has it, and refused while the disk is
// full. One request at a time per connection. Terminals have no deliveries: they read the events.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/json_document.h"
#include "core/directory.h"
#include "core/ports.h"
#include "core/result.h"

namespace daybook {

// What the daemon lends to the control socket. Must outlive it.
class ControlHost {
 public:
  virtual ~ControlHost() = default;
  // One JSON object.
  [[nodiscard]] virtual std::string status_json() const = 0;
  // Reads the settings anew; the facts to record. An Error leaves the old settings in force.
  virtual Result<std::vector<Event>> reload() = 0;
  // What of the last reload is not in force before a restart; empty: nothing.
  [[nodiscard]] virtual std::string reload_note() const { return {}; }
  // What is to be forgotten, session by session; all but one argument are 0. The facts to record.
  virtual Result<std::vector<Event>> erase(SessionId session, Seq event, std::int64_t before) = 0;
  [[nodiscard]] virtual const Directory& directory() const = 0;
  // The disk is full: what is recorded now is durable nobody knows when.
  [[nodiscard]] virtual bool waiting_for_space() const = 0;
  // core/fork.h. The fact to record.
  virtual Result<Event> fork(SessionId parent, Seq at, std::string_view place) = 0;
};

class Control final : public Adapter {
 public:
  static constexpr std::size_t kConnectionsMax = 32;
  static constexpr std::size_t kLineBytesMax = 256u << 10;
  static constexpr std::size_t kOutputBytesMax = 8u << 20;  // a slower reader is disconnected
  static constexpr Duration kListenRetry{5'000};
  static constexpr Duration kWritePatience{2'000};  // a longer write holds up no stop

  Control(std::string path, ControlHost& host) : path_(std::move(path)), host_(host) {}

  [[nodiscard]] std::string_view name() const override { return "control"; }
  void on_event(const Event& event) override;
  std::optional<Due> due(const Moment& moment) override;
  std::vector<Fact> on_reply(CallId call, Reply reply, Time now) override;
  [[nodiscard]] Time wake_at(Time now) const override;
  [[nodiscard]] bool idle() const override;
  [[nodiscard]] bool is_local() const override { return true; }

  // Why nobody, or nobody else, can connect; empty when listening.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  // A request that waits for the journal.
  enum class Waiting { kNothing, kSay, kPair, kReload, kFork, kErase };

  // A fact handed over and not yet seen committed, and who asked for it. Outlives the connection,
  // so that the next fact is never taken for this one.
  struct Expected {
    CallId connection = 0;
    Waiting what = Waiting::kNothing;
    std::string place;      // kSay, kFork
    std::int64_t user = 0;  // kPair
    SessionId session = 0;  // kErase: of this one
    Seq erasure = 0;        // kErase, once recorded: its SessionErased
    bool more = false;      // kErase: another one of this request follows
  };

  struct Connection {
    CallId id = 0;
    std::string input;
    std::string output;
    CallId writing = 0;  // the WriteCall under way
    Time write_began{};
    bool fell_behind = false;  // does not read: to be cancelled
    bool input_ended = false;
    bool closing = false;  // after what is in output
    bool close_sent = false;
    Waiting waiting = Waiting::kNothing;
    std::string place;  // kSay
    Seq message = 0;    // kSay, once recorded
    SessionId session = 0;
    Seq turn = 0;        // that answers the message
    Seq compaction = 0;  // that the message asked for
    bool stops = false;  // it is a /stop
    Seq last_word = 0;   // its end, from which the notice about it follows
  };

  std::vector<Fact> serve(Connection& connection, Time now);
  std::vector<Fact> answer(Connection& connection, std::string_view line, Time now);
  std::vector<Fact> say(Connection& connection, std::string_view place, std::string_view text,
                        std::string_view line, Time now);
  std::vector<Fact> pair(Connection& connection, std::string_view action, std::string_view code,
                         std::int64_t user, Time now);
  std::vector<Fact> reload(Connection& connection);
  std::vector<Fact> fork(Connection& connection, const JsonValue& request);
  std::vector<Fact> erase(Connection& connection, SessionId session, Seq event,
                          std::int64_t before);
  void expect(Connection& connection, Waiting what, std::string_view place, std::int64_t user);
  void list_pairings(Connection& connection, Time now);

  static bool recorded(const Expected& expected, const Event& event);
  void learn_erasure(const Event& event);
  void accept(CallId connection);
  void begin_answer(Connection& connection, const Event& event, bool more);
  static bool settles(Connection& connection, const Event& event);
  static void follow(Connection& connection, const Event& event);
  static void send(Connection& connection, std::string_view line);
  static void done(Connection& connection, std::string_view line);
  static void refuse(Connection& connection, const Error& error);
  static bool stuck(const Connection& connection, Time now);
  std::optional<Due> write_due(Connection& connection);

  std::string path_;
  ControlHost& host_;
  JsonReader reader_{kLineBytesMax};
  std::map<CallId, Connection> connections_;
  std::vector<CallId> unwanted_;  // beyond the limit: to be closed
  CallId next_call_ = 1;
  CallId listening_ = 0;
  Time listen_at_{};
  std::string trouble_;
  bool taking_in_ = true;
  Time now_{};                     // of the last due()
  std::vector<Fact> unread_;       // of requests that waited behind another one
  std::deque<Expected> expected_;  // oldest first
};

}  // namespace daybook
