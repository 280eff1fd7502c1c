// The settings are written anew at every start, so that a test may change them between two.
#include "tests/world/daemon_world.h"

#include <algorithm>
#include <cstdio>

#include "core/check.h"

namespace daybook::world {

DaemonWorld::DaemonWorld(std::string binary_directory)
    : binary_directory_(std::move(binary_directory)), bot_(kToken), chat_(kKey) {
  std::string allowed;
  for (std::int64_t user = kUser; user < kUser + 60; ++user) {
    allowed += (allowed.empty() ? "" : ", ") + std::to_string(user);
  }
  set("agent", "model = \"fake:m\"\nsystem_prompt = \"Be brief.\"");
  set("telegram", "token = " + toml_string(kToken) + "\napi_root = " + toml_string(bot_.url()) +
                      "\nallow = [" + allowed + "]\nedit_interval = \"500ms\"\nedit_chars = 10");
  set("providers.fake", "kind = \"openai\"\nbase_url = " + toml_string(chat_.url() + "/v1") +
                            "\napi_key = " + toml_string(kKey));
  set("log", "level = \"debug\"");
}

void DaemonWorld::set(const std::string& table, std::string lines) {
  std::erase_if(tables_, [&](const auto& row) { return row.first == table; });
  tables_.emplace_back(table, std::move(lines));
}

void DaemonWorld::write_settings() {
  std::string text;
  for (const auto& [table, lines] : tables_) text += "[" + table + "]\n" + lines + "\n\n";
  // A daemon that starts may be reading it at this moment: it sees the old one or the new one.
  const std::string fresh = directory_.write("config.toml.new", text);
  config_ = directory_.path() + "/config.toml";
  DAYBOOK_CHECK(std::rename(fresh.c_str(), config_.c_str()) == 0, "it lies in a folder of ours");
}

std::vector<std::string> DaemonWorld::daemon_arguments() const {
  return {binary_directory_ + "/daybookd", "--config", config_, "--data", data()};
}

Environment DaemonWorld::environment(const Environment& more) const {
  Environment all = {{"HOME", directory_.path()}, {"PATH", "/usr/bin:/bin"}, {"LANG", "C.UTF-8"}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Process& DaemonWorld::start(const Environment& more) {
  daemon_.reset();
  write_settings();
  // Whoever waits for the screen learns of the daemon's end too.
  daemon_ = std::make_unique<Process>(daemon_arguments(), environment(more),
                                      [this] { bot_.server().with([] {}); });
  return *daemon_;
}

Finished DaemonWorld::run_daemon(std::vector<std::string> arguments) {
  write_settings();
  std::vector<std::string> all = daemon_arguments();
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run_program(all, environment({}));
}

Finished DaemonWorld::tool(std::vector<std::string> arguments) {
  write_settings();
  std::vector<std::string> all = {binary_directory_ + "/daybook"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  all.insert(all.end(), {"--config", config_, "--data", data()});
  return run_program(all, environment({}));
}

std::int64_t DaemonWorld::say(std::int64_t chat, std::string_view text) {
  return bot_.with([&](BotApi& api) { return api.say(chat, text, real_now()); });
}

bool DaemonWorld::wait_shown(std::int64_t chat, const std::string& text,
                             std::chrono::seconds patience) {
  return bot_.wait([&](const BotApi& api) { return api.shows(chat, text) > 0; }, patience);
}

bool DaemonWorld::wait_answered(std::int64_t chat, std::string_view question,
                                std::chrono::seconds patience) {
  return wait_shown(chat, answer_for(question), patience);
}

bool DaemonWorld::wait_or_end(const std::function<bool(const BotApi&)>& condition) {
  return bot_.wait([&](const BotApi& api) { return !daemon_->running() || condition(api); });
}

std::vector<std::string> DaemonWorld::screen(std::int64_t chat) {
  std::vector<std::string> texts;
  bot_.with([&](BotApi& api) {
    for (const ChatMessage& message : api.screen(chat)) texts.push_back(message.text);
  });
  return texts;
}

std::vector<std::string> DaemonWorld::violations() {
  std::vector<std::string> all = bot_.server().wire_violations();
  const auto add = [&](std::vector<std::string> more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  add(chat_.server().wire_violations());
  add(bot_.with([](BotApi& api) { return api.violations(); }));
  add(chat_.with([](ChatServer& server) { return server.violations(); }));
  return all;
}

}  // namespace daybook::world
