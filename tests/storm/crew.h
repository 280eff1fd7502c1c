// Runs numbered cases in child processes: one that dies is a bad case, and the next child goes on
// after it. A place in memory for them all.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace daybook::storm {

// Removed when it dies. In memory where there is such a place: nothing here needs a disk.
class Place {
 public:
  Place();
  ~Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  [[nodiscard]] const std::string& root() const { return root_; }
  // For what is laid out anew for every case.
  [[nodiscard]] std::string other() const { return root_ + "-after"; }

 private:
  std::string root_;
};

class Crew {
 public:
  static constexpr std::size_t kCounts = 8;

  // `name` precedes every complaint that is printed.
  explicit Crew(std::string name);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // `work` goes through the cases from the number it is given, in a child; begin() and end() are
  // called around each.
  void run(const std::function<void(std::uint64_t from)>& work);
  void begin(std::uint64_t number);
  // Empty: it was good.
  void end(const std::string& complaint);
  void count(std::size_t which, std::uint64_t more = 1);

  [[nodiscard]] std::uint64_t cases() const { return shared_->cases; }
  [[nodiscard]] std::uint64_t bad() const { return shared_->bad; }
  [[nodiscard]] std::uint64_t counted(std::size_t which) const { return shared_->counts[which]; }

 private:
  static constexpr std::uint64_t kTold = 20;  // complaints that are printed

  struct Shared {
    std::uint64_t at = 0;
    std::uint64_t cases = 0;
    std::uint64_t bad = 0;
    std::uint64_t counts[kCounts] = {};
  };

  void complain(const std::string& complaint);

  std::string name_;
  Shared* shared_;
};

}  // namespace daybook::storm
