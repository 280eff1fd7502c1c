// One local stream of bytes: a terminal, a pipe, a unix socket, or a plain file.
//
// Law: what is read is handed up in order until the end, and every write is answered once, when the
// kernel has its bytes or will not take them. Descriptors 0 to 2 are never closed.
// A plain file cannot be polled: it is read a block per iteration of the loop and written at once.
#pragma once

#include <uv.h>

#include <memory>
#include <string>
#include <string_view>

#include "adapters/net/uv_handle.h"
#include "core/ports.h"
#include "core/result.h"

namespace daybook {

class ByteStream {
 public:
  static constexpr std::size_t kReadBytes = 64u << 10;
  static constexpr std::size_t kUnsentBytesMax = 16u << 20;

  // Called from the loop; the stream must live until the loop has returned.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_stream_bytes(CallId stream, std::string_view bytes) = 0;
    // The other side sends no more; `gone`: nor does it read.
    virtual void on_stream_end(CallId stream, bool gone) = 0;
    virtual void on_written(CallId stream, CallId write, bool done) = 0;
  };

  // Takes the descriptor over. `id` is what the owner is told.
  static Result<std::unique_ptr<ByteStream>> open(uv_loop_t* loop, int descriptor, CallId id,
                                                  Owner* owner);
  // The next connection of a listening pipe; null if there is none.
  static std::unique_ptr<ByteStream> accept(uv_stream_t* listener, CallId id, Owner* owner);

  ByteStream(CallId id, Owner* owner) : id_(id), owner_(owner) {}
  ~ByteStream() { close(); }
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  void read();
  // Until the next read().
  void stop_reading();
  // False: too much is unsent already; nothing was taken.
  bool write(CallId write, std::string bytes);
  // Nothing more is told to the owner.
  void close();

  // -1 for a file.
  [[nodiscard]] int descriptor() const;

 private:
  struct Write;

  uv_stream_t* stream() const;
  static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer);
  static void on_write(uv_write_t* request, int status);
  static void on_turn(uv_idle_t* turn);
  void read_file();

  const CallId id_;
  Owner* owner_;
  UvHandle<uv_pipe_t> pipe_;
  UvHandle<uv_tty_t> terminal_;
  UvHandle<uv_idle_t> turn_;  // paces a file
  int file_ = -1;
  std::string buffer_;
};

}  // namespace daybook
