// Asking Telegram and providers whether what the settings say works: one call each, for setup and
// doctor. Errors are plain sentences (kUnavailable) and never hold the token or key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.h"
#include "core/settings.h"
#include "tools/web.h"

namespace daybook {

struct BotIdentity {
  std::int64_t id = 0;
  std::string username;
};
// Bot API getMe.
Result<BotIdentity> check_bot(Web& web, const Settings& settings, const Secret& token);

// The address of a webhook somebody set; empty: none. While there is one, polls are refused.
Result<std::string> webhook_of(Web& web, const Settings& settings, const Secret& token);
// Keeps what waits.
Result<void> remove_webhook(Web& web, const Settings& settings, const Secret& token);

struct FirstMessage {
  std::int64_t user = 0;
  std::string name;
  std::string place;
};
// One poll of at most `patience`; confirms nothing, so the daemon sees the message again. nullopt:
// nobody wrote in a private chat yet.
Result<std::optional<FirstMessage>> first_message(Web& web, const Settings& settings,
                                                  const Secret& token, Duration patience);

// One call that needs the key and costs nothing.
Result<void> check_key(Web& web, const ProviderSettings& provider);

// "openrouter", "openai" or "gemini", by how the key begins; empty when that says nothing.
std::string provider_of_key_text(std::string_view key);

}  // namespace daybook
