// Asking Telegram and providers whether what the settings say works: one call each, for setup and
// doctor. Errors are plain sentences (kUnavailable) and never hold the token or key.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
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
// Whether somebody else polls with this token: one poll of at most `patience`, confirming nothing.
// It takes their poll away, and they ours when they come back; so never while our own daemon runs.
Result<bool> somebody_polls(Web& web, const Settings& settings, const Secret& token,
                            Duration patience);

// Keeps what waits.
Result<void> remove_webhook(Web& web, const Settings& settings, const Secret& token);

struct FirstMessage {
  std::int64_t user = 0;
  std::string name;
  std::string place;
  std::string text;
};
// The newest message of anybody but `passed_over` in a private chat, by one poll of at most
// `patience`. It confirms nothing, so the daemon sees the message again. nullopt: nobody wrote yet.
Result<std::optional<FirstMessage>> first_message(Web& web, const Settings& settings,
                                                  const std::set<std::int64_t>& passed_over,
                                                  Duration patience);

enum class KeyFinding {
  kWorks,
  kUnknown,  // the server is there, and has no page that would tell
};
// One call that needs the key and costs nothing. A key that is refused is an Error.
Result<KeyFinding> check_key(Web& web, const ProviderSettings& provider);

// Whose key it is by how it begins, "openrouter", "openai" or "gemini"; empty when that says
// nothing. Others than OpenAI, too, have keys that begin with "sk-".
std::string provider_of_key_text(std::string_view key);

}  // namespace daybook
