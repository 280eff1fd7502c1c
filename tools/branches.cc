#include "tools/branches.h"

#include <algorithm>
#include <map>
#include <utility>

namespace daybook {
namespace {

using Forks = std::map<SessionId, std::vector<Relative>>;  // by parent

void add_forks(const Forks& forks, SessionId parent, std::size_t depth,
               std::vector<Relative>* family) {
  const auto found = forks.find(parent);
  if (found == forks.end()) return;
  for (const Relative& fork : found->second) {
    family->push_back(fork);
    family->back().depth = depth;
    family->back().last_child = &fork == &found->second.back();
    add_forks(forks, fork.session, depth + 1, family);
  }
}

}  // namespace

Result<std::vector<Relative>> family_of(JournalView& view, SessionId session, Seq upto) {
  Forks forks;
  std::map<SessionId, SessionId> parents;
  Progress progress("reading", upto);
  auto read = view.fold(
      1, upto, KindSet().set(Event::kSessionForked), KindSet(), &progress, [&](const Event& event) {
        const SessionForked& forked = event.session_forked();
        parents[event.session()] = forked.parent();
        forks[forked.parent()].push_back({event.session(), forked.parent(), forked.at(), 0, true});
      });
  if (!read) return read.error();
  for (auto& [parent, children] : forks) {
    std::sort(children.begin(), children.end(), [](const Relative& one, const Relative& other) {
      return std::pair(one.at, one.session) < std::pair(other.at, other.session);
    });
  }
  SessionId root = session;
  for (auto up = parents.find(root); up != parents.end(); up = parents.find(root)) {
    root = up->second;
  }
  std::vector<Relative> family = {{root, 0, 0, 0, true}};
  add_forks(forks, root, 1, &family);
  return family;
}

}  // namespace daybook
