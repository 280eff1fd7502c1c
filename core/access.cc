#include "core/access.h"

#include <algorithm>
#include <cctype>

#include "core/sha256.h"

namespace daybook {

namespace {

// What remains of an inbound fact whose sender may not talk.
template <typename Inbound>
Fact refusal_of(const Fact& fact, const Inbound& inbound, MessageRefused::Reason reason,
                std::string_view kind) {
  Fact refused;
  refused.set_cause(fact.cause());
  refused.mutable_content()->set_name(fact.content().name());
  MessageRefused* body = refused.mutable_message_refused();
  body->set_place(inbound.place());
  body->set_source(inbound.source());
  body->set_update_id(inbound.update_id());
  body->set_external_id(inbound.external_id());
  body->set_user(inbound.user());
  body->set_reason(reason);
  body->set_update_kind(std::string(kind));
  return refused;
}

}  // namespace

Fact admitted(const Directory& directory, Fact fact) {
  const auto may_talk = [&](const auto& inbound) {
    return directory.may_talk(inbound.place(), inbound.user());
  };
  if (fact.has_message_received() && !may_talk(fact.message_received())) {
    const bool group = fact.message_received().group();
    return refusal_of(fact, fact.message_received(),
                      group ? MessageRefused::CROWD : MessageRefused::STRANGER, "");
  }
  // No pairing begins with these: whoever edits has written before.
  if (fact.has_message_edited() && !may_talk(fact.message_edited())) {
    return refusal_of(fact, fact.message_edited(), MessageRefused::CROWD, "edited_message");
  }
  if (fact.has_button_pressed() && !may_talk(fact.button_pressed())) {
    return refusal_of(fact, fact.button_pressed(), MessageRefused::CROWD, "callback_query");
  }
  return fact;
}

std::string pairing_code(std::string_view entropy, Seq refused) {
  // Without 0, O, 1 and I, which people mistake for one another.
  constexpr std::string_view kLetters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  const Digest digest = hmac_sha256(entropy, "pairing " + std::to_string(refused));
  std::string code;
  for (int i = 0; i < 8; ++i) code += kLetters[digest[static_cast<std::size_t>(i)] % 32];
  return code;
}

Result<Fact> approve_code(const Directory& directory, std::string_view code, std::string_view by,
                          Time now) {
  std::string upper(code);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  const Digest digest = sha256(upper);
  const PairingRow* row = directory.pairing_by_digest(view(digest));
  if (row == nullptr) {
    return Error{"no one was given the code " + upper + ": see `daybook pair list`",
                 ExitCode::kUsage};
  }
  if (row->expires() < to_milliseconds(now)) {
    return Error{"the code " + upper +
                     " is more than an hour old: let them write to the bot again for a new one",
                 ExitCode::kUsage};
  }
  return approve_user(directory, row->user(), row->place(), by);
}

Fact approve_user(const Directory& directory, std::int64_t user, std::string_view place,
                  std::string_view by) {
  Fact fact;
  PairingApproved* approved = fact.mutable_pairing_approved();
  approved->set_user(user);
  approved->set_place(std::string(place));
  approved->set_by(std::string(by));
  approved->set_owner(directory.owner() == 0);
  return fact;
}

Result<Fact> revoke_user(const Directory& directory, std::int64_t user, std::string_view by) {
  const auto& allowed = directory.state().allowed();
  if (std::find(allowed.begin(), allowed.end(), user) == allowed.end()) {
    const auto& configured = directory.settings().telegram_allow();
    const bool by_settings =
        std::find(configured.begin(), configured.end(), user) != configured.end();
    return Error{
        by_settings ? "user " + std::to_string(user) +
                          " is let in by telegram.allow: take the id out of the settings"
                    : "user " + std::to_string(user) + " was never let in: see `daybook pair list`",
        ExitCode::kUsage};
  }
  Fact fact;
  fact.mutable_access_revoked()->set_user(user);
  fact.mutable_access_revoked()->set_by(std::string(by));
  return fact;
}

}  // namespace daybook
