// This process's stdin and stdout, and unix sockets: what StdioCall, ListenCall and WriteCall mean.
//
// Law: each stream speaks under one id, in order, and says ReplyEnd once when its other side stops.
// A connection whose peer only stopped sending may still be written to, until WriteCall::close or
// a cancel; one whose peer is gone is closed. An accepted connection's id is the listener's top 16
// bits, then bit 47, then a counter, so that it finds the same adapter and meets no call of its.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "adapters/net/byte_stream.h"
#include "adapters/net/replies.h"
#include "core/ports.h"

namespace daybook {

struct StdioDescriptors {
  int input = 0;
  int output = 1;
};

class LocalStreams : private ByteStream::Owner {
 public:
  static constexpr std::size_t kConnectionsMax = 64;
  // Of stdin, read and not yet taken: it is read on only when somebody took them.
  static constexpr std::size_t kUntakenBytesMax = 1u << 20;
  static constexpr CallId kConnectionBit = CallId{1} << 47;
  static constexpr CallId kAdapterBits = CallId{0xFFFF} << 48;

  LocalStreams(Reactor& reactor, Replies& replies, StdioDescriptors stdio);
  ~LocalStreams() override;
  LocalStreams(const LocalStreams&) = delete;
  LocalStreams& operator=(const LocalStreams&) = delete;

  void start(CallId id, const StdioCall& call);
  void start(CallId id, const ListenCall& call);
  void start(CallId id, WriteCall call);
  // Ends a listener, a stream or a connection; of a write only the reply. Unknown ids do nothing.
  void cancel(CallId id);
  // While true stdin is not read: who types faster than the journal writes has to wait.
  void hold_input(bool hold);
  // What was read so far has been taken.
  void input_taken();
  // Frees what ended since; only outside the loop's callbacks.
  void sweep() { ended_.clear(); }

 private:
  struct Listener {
    LocalStreams* owner = nullptr;
    CallId id = 0;
    std::string path;
    UvHandle<uv_pipe_t> pipe;
  };

  struct PendingWrite {
    CallId stream = 0;
    bool close = false;  // after it
    bool wanted = true;  // its reply
  };

  void on_stream_bytes(CallId stream, std::string_view bytes) override;
  void on_stream_end(CallId stream, bool gone) override;
  void on_written(CallId stream, CallId write, bool done) override;

  static void on_connection(uv_stream_t* raw, int status);
  void accept(const Listener& listener);
  void give_up(CallId listener, int status);
  void resume_input();
  ByteStream* writable(CallId stream) const;
  void drop(CallId stream);
  void drop_output(CallId stream);
  void fail_writes(CallId stream);

  Reactor& reactor_;
  Replies& replies_;
  const StdioDescriptors stdio_;
  std::map<CallId, std::unique_ptr<Listener>> listeners_;
  std::map<CallId, std::unique_ptr<ByteStream>> streams_;  // read from; connections: both ways
  std::map<CallId, std::unique_ptr<ByteStream>> outputs_;  // stdout, by the id of its StdioCall
  std::map<CallId, PendingWrite> writes_;                  // the kernel has not all of it yet
  std::vector<std::unique_ptr<ByteStream>> ended_;
  CallId accepted_ = 0;
  std::set<CallId> paused_;  // of streams_: not read at present
  std::size_t untaken_bytes_ = 0;
  bool hold_input_ = false;
};

}  // namespace daybook
