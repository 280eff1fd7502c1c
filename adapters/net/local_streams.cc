// Streams are found by id in every callback rather than held by pointer: one that was closed in the
// meantime is simply not there.
#include "adapters/net/local_streams.h"

#include <utility>

#include "adapters/net/unix_socket.h"

namespace daybook {
namespace {

constexpr int kListenBacklog = 16;

}  // namespace

LocalStreams::LocalStreams(Reactor& reactor, Replies& replies, StdioDescriptors stdio)
    : reactor_(reactor), replies_(replies), stdio_(stdio) {}

LocalStreams::~LocalStreams() = default;

void LocalStreams::start(CallId id, const StdioCall&) {
  auto input = ByteStream::open(reactor_.loop(), stdio_.input, id, this);
  auto output = ByteStream::open(reactor_.loop(), stdio_.output, id, this);
  if (!input || !output) {
    const Error& error = input ? output.error() : input.error();
    replies_.fail(id, ReplyFailed::Reason::kClosed, false, error.message);
    return;
  }
  if (hold_input_) {
    paused_.insert(id);
  } else {
    (*input)->read();
  }
  streams_[id] = std::move(*input);
  outputs_[id] = std::move(*output);
}

void LocalStreams::start(CallId id, const ListenCall& call) {
  auto listener = std::make_unique<Listener>();
  listener->owner = this;
  listener->id = id;
  listener->path = call.path;
  listener->pipe.open(listener.get(),
                      [&](uv_pipe_t* raw) { return uv_pipe_init(reactor_.loop(), raw, 0); });
  if (auto bound = bind_private(listener->pipe.get(), call.path); !bound) {
    replies_.fail(id, ReplyFailed::Reason::kRefused, false, bound.error().message);
    return;
  }
  const int code = uv_listen(listener->pipe.stream(), kListenBacklog, on_connection);
  if (code != 0) {
    replies_.fail(id, ReplyFailed::Reason::kRefused, false,
                  "cannot listen at " + call.path + ": " + uv_strerror(code));
    return;
  }
  listeners_[id] = std::move(listener);
  replies_.push(id, ReplyHead{});
}

// After an error libuv tries again at once, and never comes back from it when no descriptor is left
// and none of its own to spare (RLIMIT_NOFILE below what is open): only an end of the listener ends
// that.
void LocalStreams::on_connection(uv_stream_t* raw, int status) {
  const auto* listener = static_cast<Listener*>(raw->data);
  if (listener == nullptr) return;
  if (status == 0) return listener->owner->accept(*listener);
  listener->owner->give_up(listener->id, status);
}

void LocalStreams::give_up(CallId listener, int status) {
  const std::string path = listeners_.at(listener)->path;
  listeners_.erase(listener);
  replies_.fail(listener, ReplyFailed::Reason::kRefused, false,
                "cannot listen at " + path + ": " + uv_strerror(status));
}

void LocalStreams::accept(const Listener& listener) {
  const CallId id = (listener.id & kAdapterBits) | kConnectionBit | ++accepted_;
  auto stream = ByteStream::accept(listener.pipe.stream(), id, this);
  if (stream == nullptr) return;
  if (!peer_may_enter(stream->descriptor()) || streams_.size() >= kConnectionsMax) {
    stream->close();
    return;
  }
  replies_.push(listener.id, ReplyAccepted{id});
  stream->read();
  streams_[id] = std::move(stream);
}

ByteStream* LocalStreams::writable(CallId stream) const {
  for (const auto* streams : {&outputs_, &streams_}) {
    const auto found = streams->find(stream);
    if (found != streams->end()) return found->second.get();
  }
  return nullptr;
}

void LocalStreams::start(CallId id, WriteCall call) {
  ByteStream* stream = writable(call.stream);
  // After its output has failed stdin may still be read, but is nothing to write to.
  const bool is_connection = (call.stream & kConnectionBit) != 0;
  if (stream == nullptr || (!is_connection && !outputs_.contains(call.stream))) {
    replies_.fail(id, ReplyFailed::Reason::kClosed, false, "the stream to write to is closed");
    return;
  }
  writes_[id] = {call.stream, call.close, true};
  if (stream->write(id, std::move(call.bytes))) return;
  writes_.erase(id);
  replies_.fail(id, ReplyFailed::Reason::kTooLarge, false,
                "more than 16 MiB wait for a reader that does not read");
  drop_output(call.stream);
}

void LocalStreams::on_written(CallId stream, CallId write, bool done) {
  const auto found = writes_.find(write);
  if (found == writes_.end()) return;
  const PendingWrite pending = found->second;
  writes_.erase(found);
  if (pending.wanted && done) replies_.push(write, ReplyEnd{});
  if (pending.wanted && !done) {
    replies_.fail(write, ReplyFailed::Reason::kClosed, false, "the reader has gone");
  }
  if (pending.close || !done) drop_output(stream);
}

void LocalStreams::on_stream_bytes(CallId stream, std::string_view bytes) {
  replies_.push(stream, ReplyBody{std::string(bytes)});
  if ((stream & kConnectionBit) != 0) return;
  untaken_bytes_ += bytes.size();
  if (!hold_input_ && untaken_bytes_ < kUntakenBytesMax) return;
  streams_.at(stream)->stop_reading();
  paused_.insert(stream);
}

void LocalStreams::hold_input(bool hold) {
  hold_input_ = hold;
  resume_input();
}

void LocalStreams::input_taken() {
  untaken_bytes_ = 0;
  resume_input();
}

void LocalStreams::resume_input() {
  if (hold_input_ || untaken_bytes_ >= kUntakenBytesMax) return;
  for (const CallId stream : std::exchange(paused_, {})) {
    if (const auto found = streams_.find(stream); found != streams_.end()) found->second->read();
  }
}

void LocalStreams::on_stream_end(CallId stream, bool gone) {
  replies_.push(stream, ReplyEnd{});
  const bool connection = (stream & kConnectionBit) != 0;
  if (connection && gone) drop(stream);
}

void LocalStreams::fail_writes(CallId stream) {
  std::erase_if(writes_, [&](const auto& entry) {
    const auto& [id, write] = entry;
    if (write.stream != stream) return false;
    if (write.wanted) {
      replies_.fail(id, ReplyFailed::Reason::kClosed, false, "the stream was closed before it");
    }
    return true;
  });
}

// A connection goes as a whole; of stdin and stdout only the latter.
void LocalStreams::drop_output(CallId stream) {
  const auto output = outputs_.find(stream);
  if (output == outputs_.end()) return drop(stream);
  output->second->close();
  ended_.push_back(std::move(output->second));
  outputs_.erase(output);
  fail_writes(stream);
}

void LocalStreams::drop(CallId stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  found->second->close();
  ended_.push_back(std::move(found->second));
  streams_.erase(found);
  fail_writes(stream);
}

void LocalStreams::cancel(CallId id) {
  listeners_.erase(id);
  const auto write = writes_.find(id);
  if (write != writes_.end()) write->second.wanted = false;
  if (outputs_.contains(id)) drop_output(id);
  drop(id);
}

}  // namespace daybook
