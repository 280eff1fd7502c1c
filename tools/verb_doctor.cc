// `daybook doctor`: everything that can be wrong with an installation, one line each.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/model.h"
#include "core/notation.h"
#include "journal/files.h"
#include "tools/control_client.h"
#include "tools/doctor_journal.h"
#include "tools/services.h"
#include "tools/tool.h"

namespace daybook {
namespace {

constexpr Duration kPollPatience{3'000};
constexpr Duration kPeerClockSlackMax{30'000};

// Prints findings as they come and remembers whether one was bad.
class Report {
 public:
  explicit Report(const Tool& tool) : tool_(tool) {}

  void add(const Finding& finding) {
    const bool bad = finding.grade == Finding::Grade::kBad;
    bad_ = bad_ || bad;
    tool_.json ? print_json(finding) : print_text(finding);
    std::fflush(stdout);
  }
  [[nodiscard]] bool bad() const { return bad_; }
  [[nodiscard]] Result<void> result() const {
    if (!bad_) return {};
    return Error{"", ExitCode::kFinding};
  }

 private:
  static std::string mark(Finding::Grade grade) {
    if (grade == Finding::Grade::kBad) return "bad";
    return grade == Finding::Grade::kNote ? "note" : "ok";
  }

  static void print_json(const Finding& finding) {
    const nlohmann::ordered_json object = {
        {"grade", mark(finding.grade)}, {"what", finding.what}, {"remedy", finding.remedy}};
    print_line(object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  }

  void print_text(const Finding& finding) const {
    std::string head = mark(finding.grade);
    head.resize(6, ' ');
    const bool red = tool_.colour && finding.grade == Finding::Grade::kBad;
    print(red ? "\x1b[31m" + head + "\x1b[0m" : head);
    print_line(terminal_text(finding.what));
    if (!finding.remedy.empty())
      print_line(dimmed(tool_, "      " + terminal_text(finding.remedy)));
  }

  const Tool& tool_;
  bool bad_ = false;
};

void examine_journal(const std::string& directory, const Findings& findings) {
  if (!files::exists(directory + "/" + files::kData) &&
      !files::exists(directory + "/" + files::kHead)) {
    findings(
        note("there is no journal in " + directory + " yet", "daybookd makes it at its start"));
    return;
  }
  const auto wrong = examine_files(directory, findings);
  auto view = JournalView::open(directory);
  if (!view) {
    const Error& error = view.error();
    const bool told = std::any_of(wrong.begin(), wrong.end(), [&](const std::string& path) {
      return is_about(error.message, path);
    });
    if (!told) findings(bad(error));
    return;
  }
  findings(
      good("journal in " + directory + ", " + std::to_string((*view)->log().last()) + " events"));
  for (const std::string& warning : (*view)->log().warnings()) findings(bad(warning, ""));
  const Directory& known = (*view)->gateway().directory();
  examine_clock(known.time(), wall_clock(), findings);
  examine_lists(known.catalogue(), wall_clock(), findings);
  examine_contents(**view, findings);
}

// Whether it runs. `ill`: something of its journal is to be mended.
bool examine_daemon(const std::string& directory, bool ill, const Findings& findings) {
  auto client = ControlClient::connect(control_socket_path(directory));
  if (!client) {
    findings(bad(client.error()));
    return false;
  }
  if (!client->has_value()) {
    findings(note("daybookd does not run on this journal",
                  std::string(ill ? "mend what is bad above, then " : "") +
                      "start it: daybookd, or systemctl --user start daybook"));
    return false;
  }
  auto asked = (*client)->ask({{"verb", "status"}});
  auto answer = asked ? (*client)->finish() : asked.error();
  if (!answer) {
    findings(bad(answer.error()));
    return true;
  }
  const auto& status = (*answer)["status"];
  findings(good("daybookd runs, pid " + status["pid"].dump()));
  const std::string version = status.value("version", std::string(DAYBOOK_VERSION));
  if (version != DAYBOOK_VERSION) {
    findings(note("it is version " + version + ", this tool " DAYBOOK_VERSION,
                  "restart it after an upgrade"));
  }
  if (!status.contains("trouble")) return true;
  for (const auto& trouble : status["trouble"]) {
    if (trouble.is_string()) findings(bad(trouble.get<std::string>(), ""));
  }
  return true;
}

// By the clock of whoever just answered.
void examine_peer_clock(const Web& web, const std::string& peer, const Findings& findings) {
  const auto ahead = web.peer_ahead();
  if (!ahead || (*ahead < kPeerClockSlackMax && -*ahead < kPeerClockSlackMax)) return;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*ahead).count();
  findings(bad("the clock is " + std::to_string(std::abs(seconds)) + " s " +
                   (seconds > 0 ? "behind " : "ahead of ") + peer + "'s",
               "set the clock: timedatectl set-ntp true"));
}

void examine_polls(Web& web, const Settings& settings, bool running, const Findings& findings) {
  auto webhook = webhook_of(web, settings, settings.telegram.token);
  if (!webhook) {
    findings(bad(webhook.error()));
    return;
  }
  if (!webhook->empty()) {
    findings(bad("a webhook is set for this bot, so Telegram refuses polls",
                 "`daybook setup` offers to remove it"));
    return;
  }
  if (running) return;  // what is in its way it says itself
  auto others = somebody_polls(web, settings, settings.telegram.token, kPollPatience);
  if (!others) {
    findings(bad(others.error()));
  } else if (*others) {
    findings(bad("another program polls with this bot's token",
                 "stop it, or give each a bot of its own: two would take each other's messages"));
  } else {
    findings(good("nobody else polls for it"));
  }
}

void examine_telegram(Web& web, const Settings& settings, bool running, const Findings& findings) {
  if (settings.telegram.token.empty()) {
    findings(note("no Telegram token is set (telegram.token)", "`daybook setup` asks for one"));
    return;
  }
  auto bot = check_bot(web, settings, settings.telegram.token);
  if (!bot) {
    findings(bad(bot.error()));
    return;
  }
  findings(good("Telegram knows the bot: https://t.me/" + bot->username));
  examine_peer_clock(web, "Telegram", findings);
  examine_polls(web, settings, running, findings);
}

void examine_providers(Web& web, const Settings& settings, const Findings& findings) {
  bool any = false;
  for (const ProviderSettings& provider : settings.providers) {
    if (provider.kind == "echo" || !provider.usable()) continue;
    any = true;
    auto checked = check_key(web, provider);
    if (!checked) {
      findings(bad(checked.error()));
    } else if (*checked == KeyFinding::kUnknown) {
      findings(note("provider " + provider.name + " answers, but does not tell about its key"));
    } else {
      findings(good("provider " + provider.name +
                    (provider.api_key.empty() ? " answers" : " takes our key")));
    }
    examine_peer_clock(web, provider.name, findings);
  }
  if (!any) {
    findings(
        note("no provider key is set; the offline echo answers", "`daybook setup` asks for one"));
  }
}

void examine_models(const Settings& settings, const Findings& findings) {
  const Event loaded = settings_loaded(settings);
  const auto model =
      resolve_model(settings.agent.model, loaded.settings_loaded(), built_in_catalogue());
  if (model) {
    findings(
        good("model " + settings.agent.model + " is " + model->model + " at " + model->provider));
  }
  for (const ModelTrouble& trouble :
       model_troubles(loaded.settings_loaded(), built_in_catalogue())) {
    findings(bad(trouble.text, "daybook config set " + trouble.key + " NAME"));
  }
}

Result<void> run_doctor(const Tool& tool, bool offline) {
  Report report(tool);
  const Findings findings = [&](const Finding& finding) { report.add(finding); };
  auto loaded = tool.settings();
  if (!loaded) {
    findings(bad(loaded.error()));
    return report.result();
  }
  for (const std::string& file : loaded->files) findings(good("settings in " + file));
  if (loaded->files.empty())
    findings(note("there is no settings file", "`daybook setup` writes one"));
  for (const std::string& warning : loaded->warnings) findings(note(warning));
  const Settings& settings = loaded->settings.values;
  examine_journal(settings.journal.dir, findings);
  const bool running = examine_daemon(settings.journal.dir, report.bad(), findings);
  examine_models(settings, findings);
  if (offline) return report.result();
  Web web(settings);
  examine_telegram(web, settings, running, findings);
  examine_providers(web, settings, findings);
  return report.result();
}

}  // namespace

void add_doctor(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "doctor", Group::kRun, "look for everything that may be wrong",
                            "daybook doctor --offline");
  const auto offline = std::make_shared<bool>(false);  // lives as long as the callback
  verb->add_flag("--offline", *offline, "ask neither Telegram nor providers");
  verb->add_flag("--json", tool.json, "one JSON object a finding");
  verb->callback(
      [&tool, offline] { tool.chosen = [&tool, offline] { return run_doctor(tool, *offline); }; });
}

}  // namespace daybook
