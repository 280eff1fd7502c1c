// Codes are compared by digest: the journal holds no code outside the notice that showed it.
#include "adapters/access_facts.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "core/sha256.h"

namespace daybook {
namespace {

std::string plain_code(std::string_view code) {
  std::string out;
  for (const char c : code) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) out += static_cast<char>(std::toupper(byte));
  }
  return out;
}

}  // namespace

Event approve_user(const Directory& directory, std::int64_t user, std::string_view place,
                   std::string_view by) {
  Event fact;
  PairingApproved& approved = *fact.mutable_pairing_approved();
  approved.set_user(user);
  approved.set_place(std::string(place));
  approved.set_by(std::string(by));
  approved.set_owner(directory.owner() == 0);
  return fact;
}

Result<Event> approve_pairing(const Directory& directory, std::string_view code,
                              std::string_view by, Time now) {
  const Digest digest = sha256(plain_code(code));
  const PairingRow* row = directory.pairing_by_digest(view(digest));
  if (row == nullptr) {
    return Error{
        "no pairing request has this code; `daybook pair list` shows who is waiting, and "
        "the code stands in the notice that the stranger was shown",
        ExitCode::kUsage};
  }
  if (row->expires() <= to_milliseconds(now)) {
    return Error{"this pairing code has expired; ask for another message to get a new one",
                 ExitCode::kUsage};
  }
  return approve_user(directory, row->user(), row->place(), by);
}

Result<Event> revoke_access(const Directory& directory, std::int64_t user, std::string_view by) {
  const auto& allowed = directory.state().allowed();
  const bool known = std::find(allowed.begin(), allowed.end(), user) != allowed.end();
  if (!known && directory.pairing(user) == nullptr) {
    const std::string number = std::to_string(user);
    if (directory.may_talk("telegram", user)) {
      return Error{"user " + number +
                       " is let in by the settings; take it out of telegram.allow "
                       "or telegram.owner",
                   ExitCode::kUsage};
    }
    return Error{"user " + number + " has no access to revoke; `daybook pair list` shows who has",
                 ExitCode::kUsage};
  }
  Event fact;
  fact.mutable_access_revoked()->set_user(user);
  fact.mutable_access_revoked()->set_by(std::string(by));
  return fact;
}

}  // namespace daybook
