// Result<T>: a value or the reason there is none, spelled like std::expected (C++23), which the
// compiler of Debian 12 does not have under C++20.
//
// For what can fail through no fault of ours. An Error is one sentence for a person plus the exit
// code a main would end with.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "core/check.h"

namespace daybook {

// sysexits(3), the ones we use, and 1 for a check whose answer is no.
enum class ExitCode : int {
  kOk = 0,
  kFinding = 1,       // a verb that looks for something wrong found it
  kUsage = 64,        // wrong command line
  kDamaged = 65,      // the journal is damaged
  kUnavailable = 69,  // a service refuses us
  kInternal = 70,     // our bug
  kInputOutput = 74,  // disk or system call failed
  kBusy = 75,         // another daemon holds the journal
  kSettings = 78,     // a setting is wrong, or the journal needs a newer program
};

struct Error {
  std::string message;  // one plain sentence: what, where, how to mend it; no secrets
  ExitCode code = ExitCode::kInternal;

  friend bool operator==(const Error&, const Error&) = default;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose: `return value;` and `return Error{...};` read best.
  // NOLINTBEGIN(google-explicit-constructor)
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // The value; calling it on an error is our bug.
  T& value() & {
    DAYBOOK_CHECK(has_value(), "Result::value() on an error");
    return std::get<0>(state_);
  }
  const T& value() const& {
    DAYBOOK_CHECK(has_value(), "Result::value() on an error");
    return std::get<0>(state_);
  }
  T&& value() && {
    DAYBOOK_CHECK(has_value(), "Result::value() on an error");
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const {
    DAYBOOK_CHECK(!has_value(), "Result::error() on a value");
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): as above
  Result(Error error) : error_(std::move(error)), failed_(true) {}

  [[nodiscard]] bool has_value() const { return !failed_; }
  explicit operator bool() const { return has_value(); }
  [[nodiscard]] const Error& error() const {
    DAYBOOK_CHECK(failed_, "Result::error() on success");
    return error_;
  }

 private:
  Error error_;
  bool failed_ = false;
};

}  // namespace daybook
