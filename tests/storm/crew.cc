// Shared memory for the sums, pipes for nothing: a child prints for itself.
#include "tests/storm/crew.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "core/check.h"

namespace daybook::storm {

namespace fs = std::filesystem;

Place::Place() {
  const fs::path memory = "/dev/shm";
  std::string name = (fs::exists(memory) ? memory : fs::temp_directory_path()) / "daybook-XXXXXX";
  CHECK(::mkdtemp(name.data()) != nullptr, "a test may make a directory for itself");
  root_ = name;
}

Place::~Place() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
  fs::remove_all(other(), ignored);
}

Crew::Crew(std::string name) : name_(std::move(name)) {
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED, "a page of memory can be had");
  shared_ = static_cast<Shared*>(memory);  // all zeros, as they begin
}

Crew::~Crew() { ::munmap(shared_, sizeof(Shared)); }

void Crew::run(const std::function<void(std::uint64_t from)>& work) {
  for (std::uint64_t from = 0;;) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    CHECK(child >= 0, "a process can be had");
    if (child == 0) {
      work(from);
      std::fflush(nullptr);
      ::_exit(0);
    }
    int status = 0;
    CHECK(::waitpid(child, &status, 0) == child, "a child ends");
    if (status == 0) return;
    ++shared_->cases;
    complain(WIFSIGNALED(status) ? "died of signal " + std::to_string(WTERMSIG(status))
                                 : "ended with " + std::to_string(WEXITSTATUS(status)));
    from = shared_->at + 1;
  }
}

void Crew::begin(std::uint64_t number) { shared_->at = number; }

void Crew::end(const std::string& complaint) {
  ++shared_->cases;
  if (!complaint.empty()) complain(complaint);
}

void Crew::count(std::size_t which, std::uint64_t more) { shared_->counts[which] += more; }

void Crew::complain(const std::string& complaint) {
  if (++shared_->bad > kTold) return;
  std::printf("%s, case %llu: %s\n", name_.c_str(), static_cast<unsigned long long>(shared_->at),
              complaint.c_str());
}

}  // namespace daybook::storm
