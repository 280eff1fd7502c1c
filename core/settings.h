// Settings: validated values with the layer each came from. Pure: whoever reads files, environment
// and command line hands over flat (key, value) entries.
//
// Layers, later ones win: built-in < /etc/daybook/config.toml < ~/.config/daybook/config.toml <
// nearest .daybook/config.toml < environment < command line. A project file may set only agent.*
// and log.*: a cloned repository must not redirect keys or open the bot. An unknown key, bad value
// or a forbidden one is an Error with kSettings that names file, line, key and the nearest key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/events.pb.h"
#include "core/ports.h"
#include "core/result.h"
#include "core/secret.h"
#include "core/types.h"

namespace daybook {

enum class Layer { kBuiltIn, kSystem, kUser, kProject, kEnvironment, kCommandLine };
std::string_view layer_name(Layer layer);

// One setting as somebody wrote it.
struct SettingEntry {
  std::string key;  // "agent.model", "providers.local.base_url"
  std::variant<std::string, std::int64_t, double, bool, std::vector<std::string>,
               std::vector<std::int64_t>>
      value;
  Layer layer = Layer::kBuiltIn;
  std::string file;        // or the variable's or option's name
  std::uint32_t line = 0;  // 0: none
};

struct ProviderSettings {
  std::string name;
  std::string kind;      // openai | gemini | echo
  std::string base_url;  // without a trailing slash
  Secret api_key;
  std::vector<std::string> models;
  bool insecure = false;  // plain http to a host that is not this machine
  bool needs_key = true;

  [[nodiscard]] bool usable() const { return !needs_key || !api_key.empty(); }
};

struct Settings {
  struct {
    std::string model;
    bool model_chosen = false;  // somebody set it; otherwise picked from the keys at hand
    std::string system_prompt;
    std::uint32_t max_history_messages = 50;
    std::uint32_t context_window_percent = 80;
    bool auto_compact = true;
    std::uint32_t auto_resume = 0;  // core/decide_continue.cc
    bool branch_summary = false;    // core/parts.h
    std::uint32_t compact_percent = 75;
    std::string summary_model;             // empty: the conversation's own
    std::string summary_prompt;            // what it is asked for, core/summarising.h
    std::uint32_t context_tokens_max = 0;  // 0: none
    std::string policy;                    // core/policy.h
    std::uint32_t reset_threshold = 0;
    std::uint32_t incremental_budget = 0;
    std::uint32_t keep_last = 0;
    PolicyTuning tuning;
    std::uint32_t cache_minutes = 0;     // 0: no cache marks, core/context.h
    std::vector<std::string> fallbacks;  // models, in the order they go on
    std::string route;                   // core/route.h
    RouteTuning route_tuning;
    std::string recovery;            // core/decide.h, settle_cut_off()
    std::vector<std::string> tools;  // that models may use, core/tools.h
    std::uint32_t max_steps = 8;     // how often one turn may
    Duration stale_after{0};         // from then on a message comes late; 0: never
  } agent;
  struct {
    std::uint64_t daily_nanodollars = 0;  // 0: none
    std::uint64_t user_daily_nanodollars = 0;
  } budget;
  struct {
    std::string mode = "wait";  // core/decide_queue.cc
  } queue;
  struct {
    Duration idle{0};  // 0: no conversation closes by itself
    bool model_titles = false;
  } sessions;
  struct {
    Secret token;
    std::string api_root = "https://api.telegram.org";
    std::vector<std::int64_t> allow;
    std::int64_t owner = 0;
    // unset: 1 s in private chats, 3 s in groups; never below 500 ms
    std::optional<Duration> edit_interval;
    std::uint32_t edit_chars = 100;
  } telegram;
  // always there: openrouter, openai, gemini, echo; then the user's own
  std::vector<ProviderSettings> providers;
  struct {
    std::string dir;
    Duration commit_interval{1};
    bool encrypt = true;  // of a journal that is made
  } journal;
  struct {
    std::string file;  // the user's own rows; empty: none
    bool refresh = true;
  } catalogue;
  struct {
    std::string ca_file;  // empty: the system's bundle
  } tls;
  struct {
    std::string proxy;  // "http://host:port"; empty: none
  } network;
  struct {
    std::string level = "info";
    std::string format = "text";  // text | json
  } log;
  struct {
    Duration grace{5'000};
  } shutdown;
  struct {
    std::uint32_t max_turns = 0;  // late turns that need no asking; 0: all
  } recovery;

  [[nodiscard]] const ProviderSettings* provider(std::string_view name) const;
  // Every secret in force, for the redactor.
  [[nodiscard]] std::vector<Secret> secrets() const;
};

// One row of `daybook config`.
struct SettingRow {
  std::string key;
  std::string value;  // as TOML would spell it; secrets masked ("********1f3a")
  Layer layer = Layer::kBuiltIn;
  std::string origin;  // "file:line", the variable's name, or empty
};

struct LoadedSettings {
  Settings values;
  std::vector<SettingRow> rows;  // every key, by name
};

// Validates and merges; entries in any order.
Result<LoadedSettings> resolve_settings(const std::vector<SettingEntry>& entries);

// The closest known key or name, for "did you mean"; empty when nothing is close.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// What goes into the journal: no secrets. content.text is the system prompt. `seal_key`: the
// journal's, under which a provider's key has a mark; empty: none has.
Event settings_loaded(const Settings& settings, std::string_view seal_key = {});

// http(s)://host[:port][/path]. Refuses userinfo, fragments, control characters, hosts over 253
// bytes, IPv6 zones.
struct Url {
  Origin origin;
  std::string path;  // "" or "/..."; with the query
};
Result<Url> parse_url(std::string_view text);

// localhost and what ends in .localhost: names that mean this machine, whatever a resolver says
// (RFC 6761 §6.3).
bool is_localhost(std::string_view host);

// Those names, 127.0.0.0/8, ::1.
bool is_loopback(std::string_view host);

}  // namespace daybook
