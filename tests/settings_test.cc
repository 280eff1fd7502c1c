// Laws of settings: layers, ranges, refusals, masks, near names and addresses.
#include "core/settings.h"

#include <rapidcheck.h>
#include <algorithm>
#include <catch2/catch.hpp>

#include "core/policy.h"
#include "core/route.h"
#include "core/settings_keys.h"

namespace daybook::settings_test {

using Values = std::vector<SettingEntry>;

SettingEntry user(const std::string& key, SettingValue value) {
  return {key, std::move(value), Layer::kUser, "/c.toml", 3};
}

LoadedSettings resolved(const Values& entries) {
  auto loaded = resolve_settings(entries);
  if (!loaded) FAIL(loaded.error().message);
  return std::move(*loaded);
}

std::string refusal(const Values& entries) {
  const auto loaded = resolve_settings(entries);
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().code == ExitCode::kSettings);
  return loaded.error().message;
}

SettingRow row(const LoadedSettings& loaded, const std::string& key) {
  for (const SettingRow& each : loaded.rows) {
    if (each.key == key) return each;
  }
  FAIL("no row " << key);
  return {};
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string random_word(std::size_t bytes_max) {
  const auto size = *rc::gen::inRange<std::size_t>(1, bytes_max);
  return *rc::gen::container<std::string>(size, rc::gen::inRange('!', '~'));
}

TEST_CASE("nothing written gives the documented defaults", "[settings]") {
  const Settings values = resolved({}).values;
  CHECK(values.agent.model == "echo");
  CHECK_FALSE(values.agent.model_chosen);
  CHECK_FALSE(values.agent.system_prompt.empty());
  CHECK(values.agent.max_history_messages == 50);
  CHECK(values.agent.context_window_percent == 80);
  CHECK(values.telegram.token.empty());
  CHECK(values.telegram.api_root == "https://api.telegram.org");
  CHECK_FALSE(values.telegram.edit_interval);
  CHECK(values.telegram.edit_chars == 100);
  CHECK(values.journal.commit_interval == Duration(1));
  CHECK(values.shutdown.grace == Duration(5'000));
  CHECK(values.log.level == "info");
  CHECK(values.log.format == "text");
  CHECK(values.secrets().empty());
}

TEST_CASE("the latest layer wins key by key, in whatever order entries come", "[settings]") {
  const Values entries = {{"agent.model", "d", Layer::kCommandLine, "--model", 0},
                          {"agent.model", "a", Layer::kSystem, "/etc/c", 1},
                          {"log.level", "warn", Layer::kEnvironment, "DAYBOOK_LOG_LEVEL", 0},
                          {"log.level", "debug", Layer::kUser, "/c", 9},
                          {"agent.max_history_messages", std::int64_t{7}, Layer::kProject, "/p", 2},
                          {"agent.max_history_messages", std::int64_t{9}, Layer::kUser, "/c", 2}};
  const LoadedSettings loaded = resolved(entries);
  CHECK(loaded.values.agent.model == "d");
  CHECK(loaded.values.agent.model_chosen);
  CHECK(loaded.values.log.level == "warn");
  CHECK(loaded.values.agent.max_history_messages == 7);
  CHECK(row(loaded, "agent.model").layer == Layer::kCommandLine);
  CHECK(row(loaded, "agent.model").origin == "--model");
  CHECK(row(loaded, "agent.max_history_messages").origin == "/p:2");
  CHECK(row(loaded, "agent.context_window_percent").layer == Layer::kBuiltIn);
  Values reversed(entries.rbegin(), entries.rend());
  CHECK(resolved(reversed).values.agent.model == "d");
}

TEST_CASE("within one layer the later entry wins", "[settings]") {
  CHECK(resolved({user("agent.model", "a"), user("agent.model", "b")}).values.agent.model == "b");
}

TEST_CASE("an unknown key names file, line, key and the nearest key", "[settings]") {
  CHECK(refusal({user("agent.modle", "x")}) ==
        "/c.toml:3: there is no setting agent.modle; did you mean agent.model?");
  CHECK(holds(refusal({user("telegram.tokn", "x")}), "did you mean telegram.token?"));
  CHECK(holds(refusal({user("model", "x")}), "did you mean agent.model?"));
  CHECK(holds(refusal({user("providers.local.baseurl", "x")}), "providers.local.base_url?"));
  CHECK(holds(refusal({user("provider.local.base_url", "x")}), "providers.local.base_url?"));
  CHECK(holds(refusal({user("wholly.unlike", "x")}), "daybook config lists them all"));
  CHECK(holds(refusal({user("providers.Big.kind", "echo")}), "there is no setting"));
}

TEST_CASE("a project file may set only what cannot redirect or open anything", "[settings]") {
  for (const SettingKey& key : setting_keys()) {
    const std::string name(key.name);
    const bool harmless = name.starts_with("agent.") || name.starts_with("log.");
    INFO(name);
    CHECK(key.project == harmless);
  }
  const std::string sentence =
      refusal({{"telegram.allow", std::vector<std::int64_t>{1}, Layer::kProject, "/p", 4}});
  CHECK(holds(sentence, "/p:4: telegram.allow may not be set by a project file"));
}

TEST_CASE("numbers outside their range are refused and the ends accepted", "[settings]") {
  struct Range {
    const char* key;
    std::int64_t least, most;
  };
  for (const Range range : {Range{"agent.context_window_percent", 1, 100},
                            Range{"agent.max_history_messages", 1, 10'000},
                            Range{"agent.keep_last", 1, 1'000},
                            Range{"agent.reset_threshold", 1'000, 100'000'000},
                            Range{"agent.incremental_budget", 1'000, 100'000'000},
                            Range{"agent.context_tokens_max", 0, 100'000'000},
                            Range{"telegram.edit_chars", 1, 4'096},
                            Range{"agent.cut_keep_last", 1, 1'000},
                            Range{"agent.cut_last_bytes", 256, 16'777'216},
                            Range{"agent.continuation_bytes", 0, 4'096},
                            Range{"agent.answer_tokens", 1, 100'000'000},
                            Range{"agent.legacy_percent", 1, 100},
                            Range{"agent.legacy_last_percent", 1, 100},
                            Range{"agent.legacy_spare_tokens", 1, 100'000'000},
                            Range{"agent.part_entries", 2, 1'000},
                            Range{"agent.part_tokens", 1, 100'000'000},
                            Range{"agent.parts_percent", 1, 100},
                            Range{"agent.part_tokens_min", 1, 100'000'000},
                            Range{"agent.route_memory_percent", 90, 100},
                            Range{"agent.route_explore_percent", 0, 100},
                            Range{"telegram.edit_interval", 500, 3'600'000}}) {
    INFO(range.key);
    CHECK(resolve_settings({user(range.key, range.least)}));
    CHECK(resolve_settings({user(range.key, range.most)}));
    CHECK(holds(refusal({user(range.key, range.least - 1)}), range.key));
    CHECK(holds(refusal({user(range.key, range.most + 1)}), range.key));
  }
}

TEST_CASE("a weight is a number of two places, with a fraction or without", "[settings]") {
  const std::string key = "agent.name_weight";
  const auto hundredths = [&](const SettingEntry& entry) {
    return resolved({entry}).values.agent.tuning.name_weight();
  };
  CHECK(hundredths(user(key, 2.75)) == 275);
  CHECK(hundredths(user(key, std::int64_t{100})) == 10'000);
  CHECK(hundredths(user(key, 0.0)) == 0);
  CHECK(hundredths({key, "0.05", Layer::kEnvironment, "DAYBOOK_AGENT_NAME_WEIGHT", 0}) == 5);
  for (const SettingEntry& bad : {user(key, -0.5), user(key, 100.5), user(key, std::string("2"))}) {
    CHECK(holds(refusal({bad}), "agent.name_weight must be a number from 0 to 100 such as 2.5"));
  }
  CHECK(toml_spelling(SettingKind::kWeight, SettingValue(std::int64_t{5})) == "0.05");
  CHECK(toml_spelling(SettingKind::kWeight, SettingValue(std::int64_t{400})) == "4.0");
}

TEST_CASE("a ladder is a list of numbers that fall", "[settings]") {
  using Rungs = std::vector<std::int64_t>;
  const std::string key = "agent.legacy_keep_last";
  const auto rungs = [&](const SettingEntry& entry) {
    const LoadedSettings loaded = resolved({entry});
    const auto& kept = loaded.values.agent.tuning.legacy_keep_last();
    return Rungs(kept.begin(), kept.end());
  };
  CHECK(rungs(user(key, Rungs{20, 10, 1})) == Rungs{20, 10, 1});
  CHECK(rungs(user(key, std::int64_t{5})) == Rungs{5});
  CHECK(rungs({key, "30, 2", Layer::kCommandLine, "--set", 0}) == Rungs{30, 2});
  for (const Rungs& bad : {Rungs{}, Rungs{3, 3}, Rungs{1, 2}, Rungs{5, 0}, Rungs{1'001},
                           Rungs{17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}}) {
    INFO(bad.size());
    CHECK(holds(refusal({user(key, bad)}), "each less than the one before, not "));
  }
  CHECK(holds(refusal({user(key, Rungs{1, 2})}),
              "agent.legacy_keep_last must be a list of 1 to 16 whole numbers from 1000 down to 1, "
              "each less than the one before, not [1, 2]."));
}

TEST_CASE("ladders and weights are recorded where they are not the usual ones", "[settings]") {
  using Rungs = std::vector<std::int64_t>;
  CHECK_FALSE(settings_loaded(resolved({}).values).settings_loaded().has_tuning());
  PolicyTuning tuning = usual_tuning();
  const auto recorded = [](const SettingEntry& entry) {
    return settings_loaded(resolved({entry}).values).settings_loaded().tuning().DebugString();
  };
  tuning.set_distance_weight(10);
  CHECK(recorded(user("agent.distance_weight", 0.1)) == tuning.DebugString());
  tuning = usual_tuning();
  tuning.mutable_cut_bytes()->Clear();
  tuning.add_cut_bytes(256);
  CHECK(recorded(user("agent.cut_bytes", Rungs{256})) == tuning.DebugString());
  tuning = usual_tuning();
  tuning.set_legacy_last_percent(100);
  CHECK(recorded(user("agent.legacy_last_percent", std::int64_t{100})) == tuning.DebugString());
}

TEST_CASE("what routes believe by is recorded where it is not the usual", "[settings]") {
  CHECK_FALSE(settings_loaded(resolved({}).values).settings_loaded().has_route_tuning());
  const Event loaded = settings_loaded(resolved({user("agent.route_caution", 0.0)}).values);
  RouteTuning tuning = usual_route_tuning();
  tuning.set_caution(0);
  CHECK(route_tuning_of(loaded.settings_loaded()).DebugString() == tuning.DebugString());
  CHECK(route_tuning_of(SettingsLoaded()).caution() == 50);
}

TEST_CASE("money is a number of dollars, with a fraction or without", "[settings]") {
  const auto nanodollars = [](const SettingEntry& entry) {
    const auto loaded = resolve_settings({entry});
    REQUIRE(loaded);
    return loaded->values.budget.daily_nanodollars;
  };
  const std::string key = "budget.daily_usd";
  CHECK(nanodollars(user(key, 2.5)) == 2'500'000'000);
  CHECK(nanodollars(user(key, std::int64_t{3})) == 3'000'000'000);
  CHECK(nanodollars(user(key, 0.1)) == 100'000'000);
  CHECK(nanodollars({key, "0.25", Layer::kEnvironment, "DAYBOOK_BUDGET_DAILY_USD", 0}) ==
        250'000'000);
  for (const SettingEntry& bad :
       {user(key, -1.0), user(key, 1'000'000.5), user(key, std::string("2.5"))}) {
    CHECK(holds(refusal({bad}), "a number of dollars from 0 to 1000000 such as 2.5"));
  }
  CHECK(toml_spelling(SettingKind::kMoney, SettingValue(std::int64_t{2'050'000'000})) == "2.05");
  CHECK(toml_spelling(SettingKind::kMoney, SettingValue(std::int64_t{0})) == "0.0");
}

TEST_CASE("durations are texts with a unit or whole milliseconds", "[settings]") {
  const auto grace = [](SettingValue value) {
    return resolved({user("shutdown.grace", std::move(value))}).values.shutdown.grace;
  };
  CHECK(grace("1s") == Duration(1'000));
  CHECK(grace("500ms") == Duration(500));
  CHECK(grace("2m") == Duration(120'000));
  CHECK(grace("0s") == Duration(0));
  CHECK(grace(std::int64_t{250}) == Duration(250));
  for (const char* bad :
       {"", "s", "1", "-1s", "1.5s", "1 s", "1d", "99999999999999999999s", "9999999999999999h"}) {
    INFO(bad);
    CHECK(holds(refusal({user("shutdown.grace", bad)}), "shutdown.grace must be a time"));
  }
}

TEST_CASE("environment and command line speak in strings, files do not", "[settings]") {
  const auto from = [](Layer layer, const std::string& key, const std::string& value) {
    return resolve_settings({{key, value, layer, "DAYBOOK_X", 0}});
  };
  for (const Layer layer : {Layer::kEnvironment, Layer::kCommandLine}) {
    CHECK(from(layer, "agent.max_history_messages", "12")->values.agent.max_history_messages == 12);
    CHECK(from(layer, "shutdown.grace", "1500")->values.shutdown.grace == Duration(1'500));
    CHECK(from(layer, "telegram.allow", "2, 1,2")->values.telegram.allow ==
          std::vector<std::int64_t>{1, 2});
  }
  CHECK_FALSE(from(Layer::kUser, "agent.max_history_messages", "12"));
}

TEST_CASE("user names in telegram.allow are refused with the reason", "[settings]") {
  const std::string sentence =
      refusal({user("telegram.allow", std::vector<std::string>{"12", "@alice"})});
  CHECK(holds(sentence, "telegram.allow lists \"@alice\""));
  CHECK(holds(sentence, "taken by somebody else"));
  CHECK(resolved({user("telegram.allow", std::vector<std::int64_t>{-100200, 7})})
            .values.telegram.allow == std::vector<std::int64_t>{-100200, 7});
}

TEST_CASE("plain http goes to this machine, elsewhere only when said so", "[settings]") {
  const std::string key = "providers.box.base_url";
  CHECK(resolve_settings({user(key, "http://127.0.0.1:1/v1")}));
  CHECK(resolve_settings({user(key, "http://[::1]:1/v1")}));
  CHECK(holds(refusal({user(key, "http://box.lan/v1")}), "providers.box.insecure = true"));
  CHECK(resolve_settings({user(key, "http://box.lan/v1"), user("providers.box.insecure", true)}));
  CHECK(resolve_settings({user("telegram.api_root", "http://localhost:8081")}));
  CHECK(holds(refusal({user("telegram.api_root", "http://box.lan")}), "telegram.api_root"));
  CHECK(resolved({user(key, "https://box.lan/v1//")}).values.provider("box")->base_url ==
        "https://box.lan/v1");
  CHECK_FALSE(resolve_settings({user(key, "https://box.lan/v1?key=1")}));
}

TEST_CASE("the built-in providers are always there and keep their kind", "[settings]") {
  const Settings values = resolved({}).values;
  for (const char* name : {"openrouter", "openai", "gemini"}) {
    REQUIRE(values.provider(name) != nullptr);
    CHECK_FALSE(values.provider(name)->usable());
    CHECK(parse_url(values.provider(name)->base_url));
  }
  CHECK(values.provider("echo")->usable());
  CHECK(holds(refusal({user("providers.openai.kind", "gemini")}), "providers.openai.kind"));
  CHECK(holds(refusal({user("providers.box.kind", "opnai")}), "did you mean openai?"));
}

TEST_CASE("a provider of one's own needs a server, and a key unless it is nearby", "[settings]") {
  const auto own = [](Values entries) { return *resolved(entries).values.provider("box"); };
  CHECK(own({user("providers.box.base_url", "http://localhost:1")}).usable());
  CHECK_FALSE(own({user("providers.box.base_url", "https://box.example")}).usable());
  CHECK(own({user("providers.box.base_url", "https://box.example"),
             user("providers.box.api_key", "k")})
            .usable());
  CHECK(own({user("providers.box.kind", "echo")}).usable());
  CHECK(own({user("providers.box.kind", "gemini"), user("providers.box.api_key", "k")}).usable());
  CHECK(
      holds(refusal({user("providers.opnai.api_key", "k")}), "/c.toml:3: providers.opnai has no"));
}

TEST_CASE("a proxy is plain http with host and port", "[settings]") {
  CHECK(resolved({user("network.proxy", "http://proxy:3128/")}).values.network.proxy ==
        "http://proxy:3128");
  for (const char* bad : {"https://proxy:1", "http://proxy:1/x", "socks5://p:1", "proxy:1"}) {
    CHECK(holds(refusal({user("network.proxy", bad)}), "network.proxy"));
  }
}

TEST_CASE("the first key at hand picks the model when nobody chose one", "[settings]") {
  const auto model = [](Values entries) { return resolved(entries).values.agent.model; };
  const auto openai = user("providers.openai.api_key", "k");
  const auto gemini = user("providers.gemini.api_key", "k");
  CHECK(model({openai}).starts_with("openai:"));
  CHECK(model({openai, gemini}) == "gemini/gemini-2.5-flash");
  CHECK(model({openai, gemini, user("agent.model", "echo")}) == "echo");
}

TEST_CASE("rows name every key once, sorted, and spell values as TOML", "[settings]") {
  const LoadedSettings loaded = resolved({user("telegram.allow", std::vector<std::int64_t>{2, 1}),
                                          user("shutdown.grace", std::int64_t{90'000}),
                                          user("agent.system_prompt", "a \"b\"\n\\")});
  CHECK(std::is_sorted(loaded.rows.begin(), loaded.rows.end(),
                       [](const auto& left, const auto& right) { return left.key < right.key; }));
  for (const SettingKey& key : setting_keys()) {
    if (provider_of_key(key.name).empty()) row(loaded, std::string(key.name));
  }
  for (const char* name : {"echo", "gemini", "openai", "openrouter"}) {
    for (const std::string& key : provider_keys(name)) row(loaded, key);
  }
  CHECK(row(loaded, "telegram.allow").value == "[1, 2]");
  CHECK(row(loaded, "shutdown.grace").value == "\"90s\"");
  CHECK(row(loaded, "agent.system_prompt").value == R"("a \"b\"\n\\")");
  CHECK(row(loaded, "agent.model").value == "\"echo\"");
}

TEST_CASE("masking never reveals more than the end of a long secret", "[settings]") {
  CHECK(masked("") == "");
  CHECK(masked("short") == "********");
  CHECK(masked("0123456789012345678901f3a") == "********1f3a");
  CHECK(rc::check("at most four characters, and of nothing short", [] {
    const std::string secret = random_word(80);
    const std::string mask = masked(secret);
    RC_ASSERT(mask.starts_with("********"));
    RC_ASSERT(mask.size() <= 12u);
    RC_ASSERT(secret.size() >= 24u || mask == "********");
  }));
}

TEST_CASE("no error text and no row quotes a secret, wherever it was written", "[settings]") {
  const std::string canary = "sk-canary-0123456789-abcdefghij";
  for (const SettingKey& key : setting_keys()) {
    std::string name(key.name);
    const std::size_t at = name.find("NAME");
    if (at != std::string::npos) name.replace(at, 4, "box");
    INFO(name);
    for (const std::string& value : {canary, canary + " x", "https://u:" + canary + "@h/",
                                     "http://far/" + canary, "@" + canary, canary + "\x01"}) {
      const auto loaded = resolve_settings({user(name, value)});
      if (loaded) continue;
      CHECK_FALSE(holds(loaded.error().message, canary));
    }
  }
  CHECK_FALSE(holds(refusal({user("telegram." + canary, "x")}), canary));
  const LoadedSettings loaded = resolved(
      {user("telegram.token", "123456:" + canary), user("providers.openai.api_key", canary)});
  for (const SettingRow& each : loaded.rows) CHECK_FALSE(holds(each.value, canary));
  CHECK_FALSE(holds(settings_loaded(loaded.values).SerializeAsString(), canary));
  CHECK(loaded.values.secrets().size() == 2);
}

TEST_CASE("SettingsLoaded carries every setting that decisions and prompts read", "[settings]") {
  const Event event = settings_loaded(
      resolved({user("agent.model", "echo"), user("telegram.owner", std::int64_t{5}),
                user("telegram.allow", std::vector<std::int64_t>{9, 3}),
                user("agent.system_prompt", "Be brief."),
                user("providers.aaa.base_url", "http://localhost:1"),
                user("providers.aaa.models", std::vector<std::string>{"m"})})
          .values);
  const SettingsLoaded& body = event.settings_loaded();
  CHECK(event.content().text() == "Be brief.");
  CHECK(event.content().detail().empty());  // a summary is asked for in the usual words
  const auto own = resolved({user("agent.summary_prompt", "Two lines.")}).values;
  CHECK(settings_loaded(own).content().detail() == "Two lines.");
  CHECK(body.model() == "echo");
  CHECK(body.model_chosen());
  CHECK(body.max_history_messages() == 50);
  CHECK(body.context_window_percent() == 80);
  CHECK(body.policy() == "window");
  CHECK(body.context_tokens_max() == 200'000);
  CHECK(body.reset_threshold() == 32'000);
  CHECK(body.incremental_budget() == 16'000);
  CHECK(body.keep_last() == 8);
  CHECK(body.cache_minutes() == 5);
  CHECK(body.fallbacks_size() == 0);
  CHECK(body.route() == "fixed");
  CHECK(body.recovery() == "restart");
  CHECK(body.auto_resume() == 0);
  CHECK_FALSE(body.branch_summary());
  CHECK(body.budget_nanodollars() == 0);
  CHECK(body.user_budget_nanodollars() == 0);
  CHECK(body.telegram_owner() == 5);
  CHECK(body.telegram_allow(0) == 3);
  CHECK(body.attempts_max() == 3);
  REQUIRE(body.providers_size() == 5);
  CHECK(body.providers(0).name() == "aaa");
  CHECK(body.providers(0).usable());
  CHECK(body.providers(0).models(0) == "m");
  for (int i = 1; i < body.providers_size(); ++i) {
    CHECK(body.providers(i - 1).name() < body.providers(i).name());
  }
}

TEST_CASE("the table of keys is sorted and every default passes its own check", "[settings]") {
  const auto& keys = setting_keys();
  CHECK(std::is_sorted(keys.begin(), keys.end(),
                       [](const auto& left, const auto& right) { return left.name < right.name; }));
  for (const SettingKey& key : keys) {
    INFO(key.name);
    CHECK_FALSE(key.meaning.empty());
    CHECK(find_setting_key(key.name) == (key.name.find("NAME") == key.name.npos ? &key : nullptr));
    const bool unset = key.initial == SettingValue(std::string());
    if (!key.initial || unset) continue;
    SettingValue written = *key.initial;
    if (key.kind == SettingKind::kWeight) {
      written = static_cast<double>(std::get<std::int64_t>(written)) / 100;
    }
    CHECK(*checked_value(key, user(std::string(key.name), written)) == *key.initial);
  }
}

TEST_CASE("text that is not UTF-8 is refused", "[settings]") {
  for (const char* bad : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\xe2\x82"}) {
    CHECK(holds(refusal({user("agent.system_prompt", bad)}), "UTF-8"));
  }
  CHECK(resolve_settings({user("agent.system_prompt", "\xe2\x82\xac \xf0\x9f\x98\x80")}));
}

TEST_CASE("the nearest name is within a slip or a few, and symmetric", "[settings]") {
  CHECK(nearest("statsu", {"start", "status"}) == "status");
  CHECK(nearest("status", {"start", "status"}) == "status");
  CHECK(nearest("x", {"y"}).empty());
  CHECK(nearest("", {"y"}).empty());
  CHECK(rc::check("what is near one way is near the other way", [] {
    const std::string left = random_word(12);
    const std::string right = random_word(12);
    RC_ASSERT(nearest(left, {right}).empty() == nearest(right, {left}).empty());
    RC_ASSERT(nearest(left, {right, left}) == left);
  }));
  CHECK(rc::check("two neighbours swapped are one slip", [] {
    std::string word = *rc::gen::container<std::string>(6, rc::gen::inRange('a', 'z'));
    std::string slip = word;
    std::swap(slip[2], slip[3]);
    RC_ASSERT(nearest(slip, {word}) == word);
  }));
}

TEST_CASE("an address is read into origin and path", "[settings]") {
  const auto url = parse_url("HTTPS://Api.Example.com/v1/x?y=1");
  REQUIRE(url);
  CHECK(url->origin == Origin{true, "api.example.com", 443});
  CHECK(url->path == "/v1/x?y=1");
  CHECK(parse_url("http://h")->origin == Origin{false, "h", 80});
  CHECK(parse_url("http://h")->path.empty());
  CHECK(parse_url("http://h?a")->path == "/?a");
  CHECK(parse_url("http://[::1]:8080/")->origin == Origin{false, "::1", 8080});
}

TEST_CASE("addresses that an API has no use for are refused unquoted", "[settings]") {
  for (const std::string& bad : {std::string(),
                                 std::string("h"),
                                 std::string("ftp://h"),
                                 std::string("https://"),
                                 std::string("https://u:secret@h"),
                                 std::string("https://h#f"),
                                 std::string("https://h /"),
                                 std::string("https://h\n"),
                                 std::string("https://h:0"),
                                 std::string("https://h:65536"),
                                 std::string("https://h:"),
                                 std::string("https://h:x"),
                                 std::string("https://::1/"),
                                 std::string("https://[::1"),
                                 std::string("https://[fe80::1%25eth0]"),
                                 std::string("https://[1.2.3.4]"),
                                 std::string("https://[1:2:3:4:5:6:7:8:9]"),
                                 std::string("https://-h"),
                                 std::string("https://a..b"),
                                 std::string("https://\xc3\xa4.de"),
                                 "https://" + std::string(64, 'a'),
                                 "https://h/" + std::string(2'048, 'a')}) {
    INFO(bad);
    const auto url = parse_url(bad);
    REQUIRE_FALSE(url);
    CHECK_FALSE(holds(url.error().message, "secret"));
  }
}

TEST_CASE("loopback is this machine and nothing that looks like it", "[settings]") {
  for (const char* host : {"localhost", "LocalHost", "models.localhost", "127.0.0.1", "127.255.0.9",
                           "::1", "0:0::1"}) {
    CHECK(is_loopback(host));
  }
  for (const char* host :
       {"127.evil.com", "127.0.0.1.evil.com", "127.1", "1270.0.0.1", "10.0.0.1", "::", "::2",
        "1::1", "localhost.evil.com", "notlocalhost", ".localhost", "", "::127.0.0.1"}) {
    INFO(host);
    CHECK_FALSE(is_loopback(host));
  }
}

TEST_CASE("what is recorded of a provider's key tells it from others and says nothing of it",
          "[settings]") {
  const auto mark_of = [](const std::string& key, std::string_view seal_key) {
    std::vector<SettingEntry> entries;
    if (!key.empty()) entries.push_back({"providers.openai.api_key", key, Layer::kUser, "f", 1});
    const auto loaded = resolve_settings(entries);
    REQUIRE(loaded);
    const Event fact = settings_loaded(loaded->values, seal_key);
    CHECK((key.empty() || fact.SerializeAsString().find(key) == std::string::npos));
    for (const ProviderRow& row : fact.settings_loaded().providers()) {
      if (row.name() == "openai") return row.key_mark();
    }
    return ~std::uint64_t{0};
  };
  CHECK(mark_of("sk-one", "seal") != 0);
  CHECK(mark_of("sk-one", "seal") == mark_of("sk-one", "seal"));
  CHECK(mark_of("sk-one", "seal") != mark_of("sk-two", "seal"));
  CHECK(mark_of("sk-one", "seal") != mark_of("sk-one", "other seal"));
  CHECK(mark_of("", "seal") == 0);
  CHECK(mark_of("sk-one", "") == 0);
}

}  // namespace daybook::settings_test
