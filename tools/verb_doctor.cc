// `daybook doctor`: everything that can be wrong with an installation, one line each.
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/model.h"
#include "tools/control_client.h"
#include "tools/journal_view.h"
#include "tools/services.h"
#include "tools/tool.h"

namespace daybook {
namespace {

constexpr std::uint64_t kSpaceBytesLow = 256u << 20;

// Prints findings and remembers the first bad one for the exit code.
class Findings {
 public:
  explicit Findings(const Tool& tool) : tool_(tool) {}

  void good(const std::string& text) { line("ok    ", text); }
  void note(const std::string& text) { line("note  ", text); }
  void bad(const Error& error) {
    line(tool_.colour ? "\x1b[31mbad   \x1b[0m" : "bad   ", error.message);
    if (worst_ == ExitCode::kOk) worst_ = error.code;
  }
  [[nodiscard]] Result<void> result() const {
    if (worst_ == ExitCode::kOk) return {};
    return Error{"", worst_};
  }

 private:
  static void line(const std::string& mark, const std::string& text) {
    print(mark);
    print_line(terminal_text(text));
    std::fflush(stdout);
  }

  const Tool& tool_;
  ExitCode worst_ = ExitCode::kOk;
};

void examine_journal(const std::string& directory, Findings& findings) {
  struct stat there {};
  if (stat((directory + "/data.mdb").c_str(), &there) != 0) {
    findings.note("no journal in " + directory + " yet; daybookd makes it when it starts");
    return;
  }
  auto view = JournalView::open(directory);
  if (!view) {
    findings.bad(view.error());
    return;
  }
  findings.good("journal in " + directory + ", " + std::to_string((*view)->log().last()) +
                " events; `daybook verify` checks each");
  struct statvfs disk {};
  if (statvfs(directory.c_str(), &disk) != 0) return;
  const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  if (free < kSpaceBytesLow) {
    findings.bad({"only " + std::to_string(free >> 20) + " MiB are free on the disk of " +
                      directory + "; make space before it is full",
                  ExitCode::kInputOutput});
  } else {
    findings.good(std::to_string(free >> 20) + " MiB free on the journal's disk");
  }
}

void examine_daemon(const std::string& directory, Findings& findings) {
  auto client = ControlClient::connect(control_socket_path(directory));
  if (!client) {
    findings.bad(client.error());
  } else if (!client->has_value()) {
    findings.note("daybookd does not run on this journal");
  } else if (auto asked = (*client)->ask({{"verb", "status"}}); !asked) {
    findings.bad(asked.error());
  } else if (auto status = (*client)->finish(); !status) {
    findings.bad(status.error());
  } else {
    findings.good("daybookd runs, pid " + (*status)["status"]["pid"].dump());
  }
}

void examine_telegram(Web& web, const Settings& settings, Findings& findings) {
  const Secret& token = settings.telegram.token;
  if (token.empty()) {
    findings.note("no Telegram token is set (telegram.token): `daybook setup` asks for one");
    return;
  }
  auto bot = check_bot(web, settings, token);
  if (!bot) {
    findings.bad(bot.error());
    return;
  }
  findings.good("Telegram knows the bot: https://t.me/" + bot->username);
  auto webhook = webhook_of(web, settings, token);
  if (!webhook) {
    findings.bad(webhook.error());
  } else if (!webhook->empty()) {
    findings.bad(
        {"a webhook is set for this bot, so Telegram refuses polls: `daybook setup` "
         "offers to remove it",
         ExitCode::kUnavailable});
  }
}

void examine_providers(Web& web, const Settings& settings, Findings& findings) {
  bool any = false;
  for (const ProviderSettings& provider : settings.providers) {
    if (provider.kind == "echo" || !provider.usable()) continue;
    any = true;
    auto checked = check_key(web, provider);
    if (!checked) {
      findings.bad(checked.error());
    } else if (*checked == KeyFinding::kUnknown) {
      findings.note("provider " + provider.name + " answers, but does not tell about its key");
    } else {
      findings.good("provider " + provider.name +
                    (provider.api_key.empty() ? " answers" : " takes our key"));
    }
  }
  if (!any) findings.note("no provider key is set; the offline echo answers");
  const Event loaded = settings_loaded(settings);
  const auto model =
      resolve_model(settings.agent.model, loaded.settings_loaded(), built_in_catalogue());
  if (model) {
    findings.good("model " + settings.agent.model + " is " + model->model + " at " +
                  model->provider);
  } else {
    findings.bad({model.error().message, ExitCode::kSettings});
  }
}

Result<void> run_doctor(const Tool& tool, bool offline) {
  Findings findings(tool);
  auto loaded = tool.settings();
  if (!loaded) {
    findings.bad(loaded.error());
    return findings.result();
  }
  for (const std::string& file : loaded->files) findings.good("settings in " + file);
  if (loaded->files.empty()) findings.note("no settings file; `daybook setup` writes one");
  for (const std::string& warning : loaded->warnings) findings.note(warning);
  const Settings& settings = loaded->settings.values;
  examine_journal(settings.journal.dir, findings);
  examine_daemon(settings.journal.dir, findings);
  if (offline) return findings.result();
  Web web(settings);
  examine_telegram(web, settings, findings);
  examine_providers(web, settings, findings);
  return findings.result();
}

}  // namespace

void add_doctor(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "doctor", Group::kRun, "look for everything that may be wrong",
                            "daybook doctor --offline");
  const auto offline = std::make_shared<bool>(false);  // lives as long as the callback
  verb->add_flag("--offline", *offline, "ask neither Telegram nor providers");
  verb->callback(
      [&tool, offline] { tool.chosen = [&tool, offline] { return run_doctor(tool, *offline); }; });
}

}  // namespace daybook
