// daybook_sim --seed N | --seed A..B [--runs M] [--log]: simulated worlds, one a seed. Prints each
// that went wrong with its seed, and at the end how often each fault fired. Every seed runs twice,
// with plenty of memory and with next to none: both must give the same journal. --log prints it.
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>

#include "core/notation.h"
#include "tests/sim/simulation.h"

namespace daybook::sim {
namespace {

struct Wish {
  std::uint64_t first = 1;
  std::uint64_t runs = 1;
  bool log = false;
};

bool read_number(std::string_view text, std::uint64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc{} && end == text.data() + text.size();
}

bool read_seeds(std::string_view text, Wish* wish) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) return read_number(text, &wish->first);
  std::uint64_t last = 0;
  if (!read_number(text.substr(0, dots), &wish->first) ||
      !read_number(text.substr(dots + 2), &last) || last < wish->first) {
    return false;
  }
  wish->runs = last - wish->first + 1;
  return true;
}

bool read_arguments(int count, char** arguments, Wish* wish) {
  for (int i = 1; i < count; ++i) {
    const std::string_view name = arguments[i];
    if (name == "--log") {
      wish->log = true;
    } else if (i + 1 == count) {
      return false;
    } else if (name == "--seed") {
      if (!read_seeds(arguments[++i], wish)) return false;
    } else if (name != "--runs" || !read_number(arguments[++i], &wish->runs)) {
      return false;
    }
  }
  return true;
}

bool run_one(std::uint64_t seed, bool log, Tally* tally, Report* sums) {
  Simulation simulation(seed, {.scarce_memory = true});
  Report report = simulation.run();
  if (log) {
    for (const Event& event : simulation.journal()) std::printf("%s\n", notation(event).c_str());
  }
  if (Simulation(seed).run().trace != report.trace) {
    report.complaints.emplace_back("with memory to spare the same seed gave another journal");
  }
  for (const auto& [name, times] : report.tally) (*tally)[name] += times;
  sums->events += report.events;
  sums->ambiguous += report.ambiguous;
  sums->extra += report.extra;
  for (const std::string& complaint : report.complaints) {
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), complaint.c_str());
  }
  return report.complaints.empty();
}

int run_all(const Wish& wish) {
  Tally tally;
  Report sums;
  std::uint64_t bad = 0;
  for (std::uint64_t seed = wish.first; seed < wish.first + wish.runs; ++seed) {
    bad += run_one(seed, wish.log, &tally, &sums) ? 0 : 1;
  }
  for (const auto& [name, times] : tally) {
    std::printf("%8llu  %s\n", static_cast<unsigned long long>(times), name.c_str());
  }
  std::printf(
      "%llu seeds from %llu, %llu bad; %llu events, %llu ambiguous posts, %llu extra "
      "messages\n",
      static_cast<unsigned long long>(wish.runs), static_cast<unsigned long long>(wish.first),
      static_cast<unsigned long long>(bad), static_cast<unsigned long long>(sums.events),
      static_cast<unsigned long long>(sums.ambiguous), static_cast<unsigned long long>(sums.extra));
  return bad == 0 ? 0 : 1;
}

}  // namespace
}  // namespace daybook::sim

int main(int count, char** arguments) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  daybook::sim::Wish wish;
  if (!daybook::sim::read_arguments(count, arguments, &wish)) {
    std::fprintf(stderr, "usage: daybook_sim --seed N | --seed A..B [--runs M] [--log]\n");
    return 64;
  }
  return daybook::sim::run_all(wish);
}
