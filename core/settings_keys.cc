// The rows, and how a key is found among them.
#include "core/settings_keys.h"

#include <algorithm>

#include "core/policy.h"
#include "core/route.h"
#include "core/summarising.h"
#include "core/tools.h"

namespace daybook {
namespace {

constexpr std::string_view kProvidersPrefix = "providers.";
constexpr std::string_view kProviderRowPrefix = "providers.NAME.";
constexpr std::size_t kProviderNameBytesMax = 32;
constexpr std::int64_t kSecond = 1'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
constexpr std::int64_t kSystemPromptBytesMax = 32'768;
constexpr std::int64_t kWordSettingBytesMax = 200;
constexpr std::int64_t kPathBytesMax = 1'024;
constexpr std::int64_t kTokensMost = 100'000'000;
constexpr std::int64_t kAddressBytesMax = 1'024;
constexpr std::int64_t kMoneyMost = 1'000'000'000'000'000;  // a million dollars
constexpr std::int64_t kEntriesMost = 1'000;
constexpr std::int64_t kCutBytesLeast = 256;
constexpr std::int64_t kCutBytesMost = 16 << 20;
constexpr std::int64_t kContinuationBytesMost = 4'096;
constexpr std::int64_t kWeightMost = 10'000;  // hundredths

constexpr std::string_view kSystemPrompt =
    "You are a helpful assistant in a chat. Answer in the language you are spoken to, plainly and "
    "briefly; say so when you do not know.";

SettingValue setting_text(std::string_view text) { return std::string(text); }
SettingValue setting_number(std::int64_t number) { return number; }
SettingValue setting_ladder(const google::protobuf::RepeatedField<std::uint32_t>& counts) {
  return std::vector<std::int64_t>(counts.begin(), counts.end());
}

std::vector<SettingKey> agent_rows() {
  using enum SettingKind;
  return {
      {"agent.auto_compact", kSwitch, SettingValue(true), 0, 0, "", true,
       "whether older messages are summarised before a prompt has no room for them"},
      {"agent.auto_resume", kNumber, setting_number(0), 0, 20, "", true,
       "how often in a row an answer that a limit ended goes on by itself; 0 is never"},
      {"agent.branch_summary", kSwitch, SettingValue(false), 0, 0, "", true,
       "whether a branch that is left by /switch or /load is summarised for the one gone to"},
      {"agent.compact_percent", kNumber, setting_number(75), 10, 100, "", true,
       "how full a prompt may get, of what it may hold, until older messages are summarised"},
      {"agent.context_tokens_max", kNumber, setting_number(kContextTokensMax), 0, kTokensMost, "",
       true, "how many tokens a prompt may take, however large the window; 0 is no such limit"},
      {"agent.context_window_percent", kNumber, setting_number(80), 1, 100, "", true,
       "how much of the model's context window a prompt may fill"},
      {"agent.fallbacks", kWords, SettingValue(std::vector<std::string>{}), 0, kWordSettingBytesMax,
       "", true, "the models that go on, in this order, where the one that is wanted cannot"},
      {"agent.incremental_budget", kNumber, setting_number(kIncrementalBudget), 1'000, kTokensMost,
       "", true, "how many tokens of the conversation the policy incremental packs"},
      {"agent.keep_last", kNumber, setting_number(kKeepLast), 1, 1'000, "", true,
       "how many of the newest messages the policies reset and incremental take first"},
      {"agent.max_history_messages", kNumber, setting_number(50), 1, 10'000, "", true,
       "how many earlier messages the policy window takes"},
      {"agent.max_steps", kNumber, setting_number(kMaxSteps), 1, 100, "", true,
       "how often one answer may use tools before it has to be given"},
      {"agent.model", kWord, std::nullopt, 1, kWordSettingBytesMax, "", true,
       "the model a new conversation starts with"},
      {"agent.policy", kChoice, setting_text(kDefaultPolicy), 0, 0,
       "full|window|legacy|reset|incremental", true,
       "what a prompt takes of a long conversation; /policy in a chat sets its own"},
      {"agent.prompt_cache", kChoice, setting_text("5m"), 0, 0, "off|5m|1h", true,
       "how long a provider that takes cache marks keeps what it read of a prompt"},
      {"agent.recovery", kChoice, setting_text("restart"), 0, 0, "restart|continue|ask", true,
       "what becomes of an answer that a restart of the gateway cut off"},
      {"agent.reset_threshold", kNumber, setting_number(kResetThreshold), 1'000, kTokensMost, "",
       true, "how many tokens a prompt may take before the policy reset begins anew"},
      {"agent.route", kChoice, setting_text("fixed"), 0, 0, "fixed|learned", true,
       "whether the model and its fallbacks are asked in order, or by what they achieved so far"},
      {"agent.stale_after", kDuration, setting_number(1'800 * kSecond), 0, 604'800 * kSecond, "",
       true,
       "how old a message may be when it is first seen and still be answered by itself; 0 is any"},
      {"agent.summary_model", kWord, setting_text(""), 0, kWordSettingBytesMax, "", true,
       "the model that summarises; empty: the conversation's own"},
      {"agent.summary_prompt", kText, setting_text(kSummaryPrompt), 0, kSystemPromptBytesMax, "",
       true, "what is asked of a summary; that it is made of data is said before it"},
      {"agent.system_prompt", kText, setting_text(kSystemPrompt), 0, kSystemPromptBytesMax, "",
       true, "what the model is told before every conversation"},
      {"agent.tools", kWords, SettingValue(std::vector<std::string>{}), 0, kWordSettingBytesMax,
       "journal_search", true,
       "the tools that models may use: journal_search, which finds what was said in the chat"},
  };
}

SettingKey agent_weight(std::string_view name, std::uint32_t hundredths, std::string_view meaning) {
  return {name,   SettingKind::kWeight, setting_number(hundredths), 0, kWeightMost, "", true,
          meaning};
}

SettingKey agent_number(std::string_view name, std::uint32_t usual, std::int64_t least,
                        std::int64_t most, std::string_view meaning) {
  return {name, SettingKind::kNumber, setting_number(usual), least, most, "", true, meaning};
}

// PolicyTuning, core/policy.h: what there is room for.
std::vector<SettingKey> room_rows() {
  const PolicyTuning& usual = usual_tuning();
  return {
      agent_number("agent.answer_tokens", usual.answer_tokens(), 1, kTokensMost,
                   "how many tokens of a window that it shares with the prompt are kept for the "
                   "answer at most; never more than half of it, or than the model can say"),
      agent_number("agent.legacy_last_percent", usual.legacy_last_percent(), 1, 100,
                   "to how much of the window the policy legacy cuts each message that is "
                   "answered; 100 is not at all"),
      agent_number("agent.legacy_percent", usual.legacy_percent(), 1, 100,
                   "how much the policy legacy may fill of what the answer leaves of the window"),
      agent_number("agent.legacy_spare_tokens", usual.legacy_spare_tokens(), 1, kTokensMost,
                   "how many tokens the policy legacy leaves free besides the answer's"),
      agent_number("agent.part_entries", usual.part_entries(), 2, kEntriesMost,
                   "how many messages the policy incremental has summarised at a time"),
      agent_number("agent.part_tokens", usual.part_tokens(), 1, kTokensMost,
                   "from how many tokens on it has fewer messages summarised"),
      agent_number("agent.part_tokens_min", usual.part_tokens_min(), 1, kTokensMost,
                   "fewer tokens are not worth a summary of a part or of a branch"),
      agent_number("agent.parts_percent", usual.parts_percent(), 1, 100,
                   "how much such summaries may take of the room that the last few leave"),
  };
}

// RouteTuning, core/route.h.
std::vector<SettingKey> route_rows() {
  const RouteTuning& usual = usual_route_tuning();
  return {
      agent_weight("agent.route_caution", usual.caution(),
                   "how many deviations a model is believed worse than it did on average"),
      agent_number("agent.route_explore_percent", usual.explore_percent(), 0, 100,
                   "of the turns for which a fallback is believed better, how many ask the model "
                   "that is wanted all the same"),
      agent_weight("agent.route_margin", usual.margin(),
                   "by how much a fallback has to be believed better to be asked first"),
      agent_number("agent.route_memory_percent", usual.memory_percent(), 90, 100,
                   "how much earlier outcomes still weigh when one more is known"),
      agent_weight("agent.route_prior", usual.prior(),
                   "how many outcomes, half of them good, a model begins with"),
  };
}

// PolicyTuning, core/policy.h: ladders and weights.
std::vector<SettingKey> tuning_rows() {
  using enum SettingKind;
  const PolicyTuning& usual = usual_tuning();
  return {
      {"agent.continuation_bytes", kNumber, setting_number(usual.continuation_bytes()), 0,
       kContinuationBytesMost, "", true,
       "a message longer than this says what to do, even if it reads like \"go on\""},
      {"agent.cut_bytes", kLadder, setting_ladder(usual.cut_bytes()), kCutBytesLeast, kCutBytesMost,
       "", true,
       "what is left of each text, one after the other, when not even the newest few fit"},
      {"agent.cut_keep_last", kNumber, setting_number(usual.cut_keep_last()), 1, kEntriesMost, "",
       true, "how many of the newest messages are kept when texts are cut"},
      {"agent.cut_last_bytes", kNumber, setting_number(usual.cut_last_bytes()), kCutBytesLeast,
       kCutBytesMost, "", true,
       "what is left of the very newest message at least, until nothing else helps"},
      agent_weight("agent.distance_weight", usual.distance_weight(),
                   "what the policy incremental takes off for every message between"),
      {"agent.legacy_keep_last", kLadder, setting_ladder(usual.legacy_keep_last()), 1, kEntriesMost,
       "", true, "how many of the newest messages the policy legacy tries, one after the other"},
      agent_weight("agent.name_weight", usual.name_weight(),
                   "what a name counts for the policy incremental that the question has too"),
      agent_weight("agent.number_weight", usual.number_weight(),
                   "what a number counts for the policy incremental that the question has too"),
      {"agent.overflow_keep_last", kLadder, setting_ladder(usual.overflow_keep_last()), 1,
       kEntriesMost, "", true,
       "how many of the newest messages are sent, one after the other, when a provider finds a "
       "prompt too long"},
      agent_weight(
          "agent.reference_weight", usual.reference_weight(),
          "what an address, a mention or quoted words count for the policy incremental that "
          "the question has too"),
  };
}

std::vector<SettingKey> gateway_rows() {
  using enum SettingKind;
  return {
      {"budget.daily_usd", kMoney, setting_number(0), 0, kMoneyMost, "", false,
       "how many dollars all may spend in a day, UTC; 0 is no such limit"},
      {"budget.user_daily_usd", kMoney, setting_number(0), 0, kMoneyMost, "", false,
       "how many dollars one person may spend in a day, UTC; 0 is no such limit"},
      {"catalogue.file", kPath, setting_text(""), 0, kPathBytesMax, "", false,
       "a file of models with their sizes and prices, which go before all others"},
      {"catalogue.refresh", kSwitch, SettingValue(true), 0, 0, "", false,
       "whether providers are asked once a day which models they have"},
      {"journal.commit_interval", kDuration, setting_number(1), 0, 10 * kSecond, "", false,
       "the least time between the beginnings of two commits"},
      {"journal.dir", kPath, std::nullopt, 1, kPathBytesMax, "", false,
       "the folder of the journal"},
      {"journal.encrypt", kSwitch, SettingValue(true), 0, 0, "", false,
       "whether words are encrypted in a journal that is made; one that is there stays as it is"},
      {"log.format", kChoice, setting_text("text"), 0, 0, "text|json", true, "how log lines look"},
      {"log.level", kChoice, setting_text("info"), 0, 0, "trace|debug|info|warn|error|off", true,
       "the least severe log lines that are written"},
      {"network.proxy", kUrl, setting_text(""), 0, kAddressBytesMax, "", false,
       "an HTTP proxy for every outgoing connection, http://host:port"},
  };
}

std::vector<SettingKey> provider_rows_of_table() {
  using enum SettingKind;
  return {
      {"providers.NAME.api_key", kSecret, setting_text(""), 0, 0, "", false, "the key"},
      {"providers.NAME.api_key_file", kPath, setting_text(""), 1, kPathBytesMax, "", false,
       "a file that holds the key and that only you can read"},
      {"providers.NAME.base_url", kUrl, setting_text(""), 1, kAddressBytesMax, "", false,
       "where the API is, up to and without /chat/completions"},
      {"providers.NAME.insecure", kSwitch, SettingValue(false), 0, 0, "", false,
       "allow plain http:// to another machine"},
      {"providers.NAME.kind", kChoice, setting_text("openai"), 0, 0, "openai|gemini|echo", false,
       "the protocol it speaks; openai is any chat-completions server"},
      {"providers.NAME.models", kWords, SettingValue(std::vector<std::string>{}), 0,
       kWordSettingBytesMax, "", false, "the models to offer in /models"},
  };
}

std::vector<SettingKey> conversation_rows() {
  using enum SettingKind;
  return {
      {"queue.mode", kChoice, setting_text("wait"), 0, 0, "wait|collect|steer|interrupt", false,
       "what becomes of messages that come while an answer is written; /set queue in a chat sets "
       "its own"},
      {"recovery.max_turns", kNumber, setting_number(10), 0, 10'000, "", false,
       "how many conversations are answered after an absence before the owner is asked; 0 is all"},
      {"sessions.idle", kDuration, setting_number(0), 0, 366 * kDay, "", false,
       "a conversation in which nothing is said for so long is closed; 0 is never"},
      {"sessions.titles", kChoice, setting_text("words"), 0, 0, "words|model", false,
       "what a conversation is called: its first words, or what agent.summary_model makes of it"},
  };
}

std::vector<SettingKey> telegram_rows() {
  using enum SettingKind;
  return {
      {"shutdown.grace", kDuration, setting_number(5 * kSecond), 0, 600 * kSecond, "", false,
       "how long open answers may go on when the gateway is told to stop"},
      {"telegram.allow", kIds, SettingValue(std::vector<std::int64_t>{}), 0, 0, "", false,
       "numeric ids of users and groups that may talk without pairing"},
      {"telegram.api_root", kUrl, setting_text("https://api.telegram.org"), 1, kAddressBytesMax, "",
       false, "where the Bot API is"},
      {"telegram.edit_chars", kNumber, setting_number(100), 1, 4'096, "", false,
       "a growing answer is shown again after this many new characters"},
      {"telegram.edit_interval", kDuration, std::nullopt, 500, 3'600 * kSecond, "", false,
       "the least time between two edits of a message; 1s in private chats and 3s in groups"},
      {"telegram.owner", kNumber, setting_number(0), 0, (std::int64_t{1} << 52) - 1, "", false,
       "numeric id of the owner, whose chat gets alarms; 0 is the first one approved"},
      {"telegram.token", kSecret, setting_text(""), 0, 0, "", false, "the bot's token"},
      {"tls.ca_file", kPath, setting_text(""), 0, kPathBytesMax, "", false,
       "certificates to trust instead of the system's"},
  };
}

bool provider_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool valid_provider_name(std::string_view name) {
  return !name.empty() && name.size() <= kProviderNameBytesMax && name[0] != '-' &&
         std::all_of(name.begin(), name.end(), provider_name_character);
}

std::string last_part(std::string_view key) {
  const std::size_t dot = key.rfind('.');
  return std::string(dot == std::string_view::npos ? key : key.substr(dot + 1));
}

// "providers.local.baseurl" -> "local", also when the first word is misspelt.
std::string_view middle_part(std::string_view key) {
  const std::size_t first = key.find('.');
  const std::size_t last = key.rfind('.');
  return first == last ? std::string_view{} : key.substr(first + 1, last - first - 1);
}

}  // namespace

const std::vector<SettingKey>& setting_keys() {
  static const std::vector<SettingKey> kRows = [] {
    std::vector<SettingKey> rows;
    for (const auto& group :
         {agent_rows(), room_rows(), route_rows(), tuning_rows(), gateway_rows(),
          provider_rows_of_table(), conversation_rows(), telegram_rows()}) {
      rows.insert(rows.end(), group.begin(), group.end());
    }
    std::sort(rows.begin(), rows.end(),
              [](const SettingKey& one, const SettingKey& other) { return one.name < other.name; });
    return rows;
  }();
  return kRows;
}

std::string_view provider_of_key(std::string_view key) {
  if (!key.starts_with(kProvidersPrefix)) return {};
  key.remove_prefix(kProvidersPrefix.size());
  const std::size_t dot = key.find('.');
  return dot == std::string_view::npos ? std::string_view{} : key.substr(0, dot);
}

const SettingKey* find_setting_key(std::string_view key) {
  std::string row_name(key);
  const std::string_view provider = provider_of_key(key);
  if (!provider.empty()) {
    if (!valid_provider_name(provider)) return nullptr;
    row_name = std::string(kProviderRowPrefix);
    row_name += key.substr(kProvidersPrefix.size() + provider.size() + 1);
  }
  for (const SettingKey& row : setting_keys()) {
    if (row.name == row_name) return &row;
  }
  return nullptr;
}

std::vector<std::string> provider_keys(std::string_view provider) {
  std::vector<std::string> keys;
  for (const SettingKey& row : setting_keys()) {
    if (!row.name.starts_with(kProviderRowPrefix)) continue;
    keys.push_back(std::string(kProvidersPrefix) + std::string(provider) + "." +
                   std::string(row.name.substr(kProviderRowPrefix.size())));
  }
  return keys;
}

std::string nearest_setting_key(std::string_view key) {
  std::vector<std::string> whole;
  std::vector<std::string> parts;
  for (const SettingKey& row : setting_keys()) {
    if (row.name.starts_with(kProviderRowPrefix)) continue;
    whole.emplace_back(row.name);
    parts.push_back(last_part(row.name));
  }
  const std::string_view provider = middle_part(key);
  if (valid_provider_name(provider)) {
    for (const std::string& name : provider_keys(provider)) whole.push_back(name);
  }
  std::string close = nearest(key, whole);
  if (!close.empty()) return close;
  const std::string part = nearest(last_part(key), parts);
  const auto found = std::find(parts.begin(), parts.end(), part);
  return found == parts.end() ? "" : whole[static_cast<std::size_t>(found - parts.begin())];
}

}  // namespace daybook
