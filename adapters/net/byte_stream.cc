// Pipes, sockets and terminals are libuv streams and take one path; files take the other.
#include "adapters/net/byte_stream.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace daybook {
namespace {

// A peer that only stopped sending still reads; one that closed does not.
bool peer_is_gone(int descriptor) {
  pollfd state{descriptor, POLLOUT, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

bool write_whole(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::write(descriptor, bytes.data(), bytes.size());
    if (size <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

}  // namespace

struct ByteStream::Write {
  uv_write_t raw{};
  CallId id = 0;
  std::string bytes;
};

Result<std::unique_ptr<ByteStream>> ByteStream::open(uv_loop_t* loop, int descriptor, CallId id,
                                                     Owner* owner) {
  auto opened = std::make_unique<ByteStream>(id, owner);
  const uv_handle_type type = uv_guess_handle(descriptor);
  int code = 0;
  if (type == UV_TTY) {
    code = opened->terminal_.open(
        opened.get(), [&](uv_tty_t* raw) { return uv_tty_init(loop, raw, descriptor, 0); });
  } else if (type == UV_FILE) {
    opened->file_ = descriptor;
    code =
        opened->turn_.open(opened.get(), [&](uv_idle_t* raw) { return uv_idle_init(loop, raw); });
  } else {
    opened->pipe_.open(opened.get(), [&](uv_pipe_t* raw) { return uv_pipe_init(loop, raw, 0); });
    code = uv_pipe_open(opened->pipe_.get(), descriptor);
  }
  if (code == 0) return opened;
  return Error{"descriptor " + std::to_string(descriptor) +
                   " could not be opened as a stream: " + uv_strerror(code),
               ExitCode::kInputOutput};
}

std::unique_ptr<ByteStream> ByteStream::accept(uv_stream_t* listener, CallId id, Owner* owner) {
  auto accepted = std::make_unique<ByteStream>(id, owner);
  accepted->pipe_.open(accepted.get(),
                       [&](uv_pipe_t* raw) { return uv_pipe_init(listener->loop, raw, 0); });
  if (uv_accept(listener, accepted->stream()) != 0) return nullptr;
  return accepted;
}

uv_stream_t* ByteStream::stream() const {
  if (pipe_) return pipe_.stream();
  return terminal_ ? terminal_.stream() : nullptr;
}

int ByteStream::descriptor() const {
  uv_os_fd_t found = -1;
  if (stream() == nullptr) return -1;
  uv_fileno(reinterpret_cast<const uv_handle_t*>(stream()), &found);
  return found;
}

void ByteStream::read() {
  if (turn_) {
    uv_idle_start(turn_.get(), on_turn);
    return;
  }
  const auto allocate = [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
    auto* self = static_cast<ByteStream*>(handle->data);
    if (self == nullptr) return;
    self->buffer_.resize(kReadBytes);
    *buffer = uv_buf_init(self->buffer_.data(), kReadBytes);
  };
  uv_read_start(stream(), allocate, on_read);
}

void ByteStream::stop_reading() {
  if (turn_) {
    uv_idle_stop(turn_.get());
  } else {
    uv_read_stop(stream());
  }
}

void ByteStream::on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
  auto* self = static_cast<ByteStream*>(stream->data);
  if (self == nullptr || size == 0) return;
  if (size > 0) {
    self->owner_->on_stream_bytes(self->id_, {buffer->base, static_cast<std::size_t>(size)});
    return;
  }
  uv_read_stop(stream);
  self->owner_->on_stream_end(self->id_, size != UV_EOF || peer_is_gone(self->descriptor()));
}

void ByteStream::on_turn(uv_idle_t* turn) {
  auto* self = static_cast<ByteStream*>(turn->data);
  if (self != nullptr) self->read_file();
}

void ByteStream::read_file() {
  buffer_.resize(kReadBytes);
  const ssize_t size = ::read(file_, buffer_.data(), buffer_.size());
  if (size > 0) {
    owner_->on_stream_bytes(id_, {buffer_.data(), static_cast<std::size_t>(size)});
    return;
  }
  uv_idle_stop(turn_.get());
  owner_->on_stream_end(id_, false);
}

bool ByteStream::write(CallId write, std::string bytes) {
  if (turn_) {
    owner_->on_written(id_, write, write_whole(file_, bytes));
    return true;
  }
  if (uv_stream_get_write_queue_size(stream()) + bytes.size() > kUnsentBytesMax) return false;
  auto request = std::make_unique<Write>();
  request->id = write;
  request->bytes = std::move(bytes);
  request->raw.data = request.get();
  const uv_buf_t buffer =
      uv_buf_init(request->bytes.data(), static_cast<unsigned>(request->bytes.size()));
  if (uv_write(&request->raw, stream(), &buffer, 1, on_write) != 0) {
    owner_->on_written(id_, write, false);
    return true;
  }
  static_cast<void>(request.release());  // libuv's until on_write
  return true;
}

void ByteStream::on_write(uv_write_t* request, int status) {
  const std::unique_ptr<Write> write(static_cast<Write*>(request->data));
  auto* self = static_cast<ByteStream*>(request->handle->data);
  if (self != nullptr) self->owner_->on_written(self->id_, write->id, status == 0);
}

void ByteStream::close() {
  pipe_.close();
  terminal_.close();
  turn_.close();
  if (file_ > STDERR_FILENO) ::close(file_);
  file_ = -1;
}

}  // namespace daybook
