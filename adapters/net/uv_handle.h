// One owner for any libuv handle, and libuv's close-callback rule kept in one place.
//
// Law: a handle's memory outlives its owner until the loop has run the close callback; after
// close() no callback finds an owner (`data` is null), so nothing freed is ever reached.
// Rejected: handles as members of their users, which must then outlive the loop's next turn.
#pragma once

#include <uv.h>

#include <memory>
#include <utility>

namespace daybook {

template <typename Handle>
class UvHandle {
 public:
  UvHandle() = default;
  UvHandle(UvHandle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  UvHandle& operator=(UvHandle&& other) noexcept {
    if (this != &other) {
      close();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  UvHandle(const UvHandle&) = delete;
  UvHandle& operator=(const UvHandle&) = delete;
  ~UvHandle() { close(); }

  // `initialise(handle)` is libuv's init function for it; its code is returned, and on failure
  // there is no handle. Callbacks find `owner` in the handle's data.
  template <typename Initialise>
  int open(void* owner, const Initialise& initialise) {
    close();
    auto fresh = std::make_unique<Handle>();
    const int code = initialise(fresh.get());
    if (code != 0) return code;
    handle_ = fresh.release();
    handle_->data = owner;
    return 0;
  }

  void close() {
    if (handle_ == nullptr) return;
    auto* base = reinterpret_cast<uv_handle_t*>(std::exchange(handle_, nullptr));
    base->data = nullptr;
    uv_close(base, [](uv_handle_t* closed) {
      const std::unique_ptr<Handle> freed(reinterpret_cast<Handle*>(closed));
    });
  }

  void set_owner(void* owner) { handle_->data = owner; }
  explicit operator bool() const { return handle_ != nullptr; }
  [[nodiscard]] Handle* get() const { return handle_; }
  [[nodiscard]] uv_stream_t* stream() const { return reinterpret_cast<uv_stream_t*>(handle_); }

 private:
  Handle* handle_ = nullptr;
};

}  // namespace daybook
