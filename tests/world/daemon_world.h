// Everything a process-level test needs around build/daybookd: a fake Bot API, a fake model server,
// a settings file and a data directory, all of the test's own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/world/bot_api.h"
#include "tests/world/chat_server.h"
#include "tests/world/process.h"
#include "tests/world/socket_server.h"

namespace daybook::world {

class DaemonWorld {
 public:
  // Secrets that must appear nowhere but on the wire.
  static constexpr const char* kToken = "123456:CANARY-bot-token-x7Qp2mZr9Lk4Vt";
  static constexpr const char* kKey = "CANARY-model-key-5cT8wY1nB6sD3fG0";
  // Users (and their private chats) that may talk: kUser to kUser + 59.
  static constexpr std::int64_t kUser = 101;

  // Where the programs were built.
  explicit DaemonWorld(std::string binary_directory);

  // Lines of the settings file in place of the usual ones, by table: set("shutdown", "grace =
  // \"200ms\""). The usual tables are agent, telegram, providers.fake, log.
  void set(const std::string& table, std::string lines);

  [[nodiscard]] Hosted<BotApi>& bot() { return bot_; }
  [[nodiscard]] Hosted<ChatServer>& chat() { return chat_; }
  [[nodiscard]] const std::string& directory() const { return directory_.path(); }
  [[nodiscard]] std::string data() const { return directory_.path() + "/data"; }

  // Starts a daemon; kills one that runs still.
  Process& start(const Environment& more = {});
  // A further daemon beside it, run to its end.
  Finished run_daemon(std::vector<std::string> arguments = {});
  // build/daybook VERB... with this world's settings and data.
  Finished tool(std::vector<std::string> arguments);
  [[nodiscard]] Process& daemon() { return *daemon_; }

  std::int64_t say(std::int64_t chat, std::string_view text);
  // Waits until the chat shows exactly this, somewhere.
  bool wait_shown(std::int64_t chat, const std::string& text,
                  std::chrono::seconds patience = kPatience);
  // Waits until the question's whole answer is on the screen.
  bool wait_answered(std::int64_t chat, std::string_view question,
                     std::chrono::seconds patience = kPatience);
  // Waits until the condition holds or the daemon has ended.
  bool wait_or_end(const std::function<bool(const BotApi&)>& condition);
  // What the bot's messages in this chat show now.
  std::vector<std::string> screen(std::int64_t chat);
  // What any fake has to complain about.
  std::vector<std::string> violations();

  static std::string toml_string(std::string_view text) { return '"' + std::string(text) + '"'; }

 private:
  void write_settings();
  [[nodiscard]] std::vector<std::string> daemon_arguments() const;
  [[nodiscard]] Environment environment(const Environment& more) const;

  std::string binary_directory_;
  TemporaryDirectory directory_;
  Hosted<BotApi> bot_;
  Hosted<ChatServer> chat_;
  std::vector<std::pair<std::string, std::string>> tables_;
  std::string config_;
  std::unique_ptr<Process> daemon_;  // null until start()
};

}  // namespace daybook::world
