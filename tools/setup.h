// What the steps of `daybook setup` share, and the two that have files of their own.
//
// Law: a step ends in one of three ways: done or skipped (go on), an Error that makes the rest
// pointless, or left() because the person went.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "core/settings.h"
#include "tools/services.h"
#include "tools/web.h"

namespace daybook {

// The person pressed Ctrl-C or ended the input: no words, and no failure.
Error left();
bool is_left(const Error& error);

// One indented line, with nothing in it that could move the cursor.
void say(std::string_view sentence);

// Waits for a message to the bot and asks whether its sender is to be the owner. Through the
// running daemon if there is one: it has the polls.
Result<void> find_owner(const Settings& settings, Web& web, const BotIdentity& bot);

// Offers to start daybookd as a service of the user, unless it runs already. `config`: the settings
// file when it is not the usual one, which the service would not read.
Result<void> offer_service(const Settings& settings, const std::string& config);

}  // namespace daybook
