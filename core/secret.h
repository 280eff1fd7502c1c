// Secret: a token or key. It cannot be printed, compared with ==, or formatted; it is wiped when it
// dies.
//
// Reading it takes an explicit reveal(), which a reviewer can grep for: only the wire writers and
// the redactor call it.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace daybook {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      wipe();
      text_ = other.text_;
    }
    return *this;
  }
  // Copied, then wiped: moving a short string would leave its bytes behind.
  // NOLINTNEXTLINE(performance-move-constructor-init)
  Secret(Secret&& other) noexcept : text_(other.text_) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      text_ = other.text_;
      other.wipe();
    }
    return *this;
  }
  ~Secret() { wipe(); }

  [[nodiscard]] bool empty() const { return text_.empty(); }
  // Valid while this object lives.
  [[nodiscard]] std::string_view reveal() const { return text_; }

 private:
  void wipe() {
    volatile char* bytes = text_.data();
    for (std::size_t i = 0; i < text_.size(); ++i) bytes[i] = 0;
    text_.clear();
  }

  std::string text_;
};

}  // namespace daybook
