// The ports through which the pure core meets the world: Adapter, Transport, and what they
// exchange. (The journal's port is core/log.h.)
//
// An adapter turns bytes into facts and committed events into calls; it holds no truth. It is asked
// one question, due(), and everything it answers is either a fact to record, a call to start or a
// call to cancel. A transport carries calls out and hands back replies; nothing acts inside a
// callback: replies queue until the gateway's turn takes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "core/events.pb.h"
#include "core/result.h"
#include "core/secret.h"
#include "core/sha256.h"
#include "core/types.h"

namespace daybook {

// An adapter's own number for a call of its; the gateway keeps those of two adapters apart. Never
// reused within a process. Below 2^48.
using CallId = std::uint64_t;

struct Origin {
  bool tls = true;
  std::string host;  // lower case, no brackets around an IPv6 literal, at most 253 bytes
  std::uint16_t port = 443;

  friend bool operator==(const Origin&, const Origin&) = default;
  friend auto operator<=>(const Origin&, const Origin&) = default;
};

struct CallHeader {
  std::string name;
  Secret value;
};

struct Deadlines {
  Duration connect{10'000};     // DNS and TCP
  Duration handshake{10'000};   // TLS
  Duration first_byte{60'000};  // from the request's last byte to the response's first
  Duration idle{90'000};        // between two bytes of the response
  Duration total{900'000};
};

// One HTTP/1.1 exchange. The target may hold a token, so it is a Secret: logs name `label` alone.
struct HttpCall {
  std::string label;  // "telegram sendMessage", "openrouter chat"
  Origin origin;
  std::string method = "POST";
  Secret target;                    // origin-form, "/v1/chat/completions"
  std::vector<CallHeader> headers;  // besides Host, User-Agent, Content-Length
  std::string body;
  Deadlines deadlines;
  // connections are shared only within one pool name: polls must not block sends
  std::string pool;
  // doing it twice does no harm: may be retried once if a kept-alive connection dies before any
  // response byte
  bool repeatable = false;
  std::size_t body_bytes_max = 16u << 20;
  // hand over body bytes as they come; else once: all, or what there is of one that is kTooLarge
  bool stream = false;
};

// The process's own stdin and stdout. Replies: ReplyBody for what is read, ReplyEnd at end of
// input.
struct StdioCall {};

// An AF_UNIX listener, mode 0600. Replies: ReplyHead when it listens, and ReplyAccepted for each
// connection, which then speaks under the id it was given; ReplyFailed when it listens no more.
struct ListenCall {
  std::string path;  // at most 107 bytes
};

// Bytes for a stream opened before (stdio, or an accepted connection). Reply, under this call's own
// id: ReplyEnd when the kernel has them.
struct WriteCall {
  CallId stream = 0;
  std::string bytes;
  bool close = false;  // after the bytes
};

struct Call {
  CallId id = 0;
  std::variant<HttpCall, StdioCall, ListenCall, WriteCall> what;
};

// A call is no longer wanted; no reply for it will be handed over any more. Unknown or finished ids
// do nothing.
struct Cancel {
  CallId id = 0;
};

struct ReplyHead {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
};
struct ReplyBody {
  std::string bytes;
};
// The whole response arrived, by HTTP's own framing.
struct ReplyEnd {};
struct ReplyAccepted {
  // chosen by the transport, at or above 2^47 so that it cannot meet an adapter's own
  CallId connection = 0;
};
struct ReplyFailed {
  enum class Reason {
    kResolve,
    kConnect,
    kTls,        // the handshake, or what came after it
    kUntrusted,  // the peer's certificate was not accepted, or what we trust cannot be read
    kClosed,     // the peer closed before the response was whole
    kStalled,    // a deadline
    kProtocol,   // not HTTP as we accept it
    kTooLarge,   // a limit of ours
    kRefused,    // by our own rules: plain http to a foreign host, a socket path too long
  };
  Reason reason = Reason::kClosed;
  // the last byte of the request was given to the kernel: the peer may have acted on it
  bool handed_over = false;
  std::string detail;  // plain words for a person, no secrets
};
using Reply = std::variant<ReplyHead, ReplyBody, ReplyEnd, ReplyAccepted, ReplyFailed>;

// seq, time and prev are filled in when it is recorded; session too, unless it is set.
using Fact = Event;
using Due = std::variant<Fact, Call, Cancel>;

// What due() may rely on.
struct Moment {
  Time now{};
  // every fact of this adapter is durable and was shown to it: what it knows of itself is current
  bool settled = true;
  // false while stopping, or when the journal is behind or full: start no poll and no turn
  bool taking_in = true;
  // the process is about to end: show at once what there is
  bool hurry = false;
};

class Adapter {
 public:
  virtual ~Adapter() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;

  // A committed event, in order, each once. Work and offsets (gateway.h) have folded it in already.
  virtual void on_event(const Event& event) = 0;

  // The next thing to do at this moment, or nothing. Asked again until it says nothing, so it must
  // not repeat itself.
  virtual std::optional<Due> due(const Moment& moment) = 0;

  // A piece of a call's reply; ReplyEnd and ReplyFailed are the last (but see ListenCall). Returns
  // the facts that follow.
  virtual std::vector<Fact> on_reply(CallId call, Reply reply, Time now) = 0;

  // When due() should be asked again though nothing happens; kNever if it need not.
  [[nodiscard]] virtual Time wake_at(Time now) const = 0;

  // Nothing is under way, and nothing owed, that a stop should wait for.
  [[nodiscard]] virtual bool idle() const = 0;
  // The same for a stop at `until`: what is owed and cannot be done by then holds nothing up.
  [[nodiscard]] virtual bool idle_by(Time /*until*/) const { return idle(); }

  // Nothing it starts is seen outside this machine or outlives the process, so it may be asked
  // before what a dead process left open is settled.
  [[nodiscard]] virtual bool is_local() const { return false; }
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual void start(Call call) = 0;
  virtual void cancel(CallId call) = 0;
  // Replies since the last call, in order.
  virtual std::vector<std::pair<CallId, Reply>> take_replies() = 0;
};

struct Marks;
struct PromptMemo;

// Any event by seq, durable or in flight; nullopt beyond the end.
class History {
 public:
  virtual ~History() = default;
  virtual std::optional<Event> event(Seq seq) = 0;
  // The same; its words may be missing. Cheaper where only facts are read.
  virtual std::optional<Event> clear_event(Seq seq) { return event(seq); }
  // The events from `head` back along prev, down to but without `until`, newest first; words may be
  // missing. An Error when an event is.
  virtual Result<std::vector<Event>> chain(Seq head, Seq until);
  // Its content's text alone; empty where there is none. Cheaper where only words are read.
  virtual std::string text(Seq seq) {
    const std::optional<Event> found = event(seq);
    return found ? found->content().text() : std::string();
  }
  // What a model is told of it: the text, and for a message what stands before it (core/told.h).
  virtual std::string told(Seq seq);
  // SHA-256 of what is told. Cheaper than that where it was asked for before.
  virtual Digest told_sha256(Seq seq);
  // What is kept of the digest of this session's last prompt (core/context.h); null: nothing is.
  virtual PromptMemo* prompt_memo(SessionId) { return nullptr; }
  // What is kept of the marks of texts (core/relevance.h), by seq; null: nothing is.
  virtual std::unordered_map<Seq, Marks>* marks_memo() { return nullptr; }
};

}  // namespace daybook
