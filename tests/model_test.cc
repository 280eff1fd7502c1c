// Laws of model names: which rule fits, sizes, and the sentences of a refusal.
#include "core/model.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "core/settings.h"

namespace daybook::model_test {

struct Given {
  bool openrouter = false;
  bool openai = false;
  bool gemini = false;
};

SettingsLoaded settings(Given keys) {
  std::vector<SettingEntry> entries = {
      {"providers.local.base_url", "http://127.0.0.1:8080/v1", Layer::kUser, "f", 1},
      {"providers.local.models", std::vector<std::string>{"tiny"}, Layer::kUser, "f", 2},
      {"providers.acme.base_url", "https://acme.example/v1", Layer::kUser, "f", 3}};
  const auto key = [&entries](bool given, const std::string& name) {
    if (!given) return;
    entries.push_back({"providers." + name + ".api_key", "k", Layer::kUser, "f", 4});
  };
  key(keys.openrouter, "openrouter");
  key(keys.openai, "openai");
  key(keys.gemini, "gemini");
  const auto loaded = resolve_settings(entries);
  REQUIRE(loaded);
  return settings_loaded(loaded->values).settings_loaded();
}

ResolvedModel resolved(std::string_view name, Given keys = {true, true, true}) {
  const auto model = resolve_model(name, settings(keys), built_in_catalogue());
  INFO(name);
  if (!model) FAIL(model.error().message);
  return *model;
}

std::string refusal(std::string_view name, Given keys = {}) {
  const auto model = resolve_model(name, settings(keys), built_in_catalogue());
  INFO(name);
  REQUIRE_FALSE(model);
  return model.error().message;
}

using Answer = std::pair<std::string, std::string>;
Answer answer(std::string_view name) {
  const ResolvedModel model = resolved(name);
  return {model.provider, model.model};
}

TEST_CASE("a name resolves by the first rule that fits", "[model]") {
  CHECK(answer("gemini/gemini-2.5-flash") == Answer{"gemini", "gemini-2.5-flash"});
  CHECK(answer("gemini-2.5-pro") == Answer{"gemini", "gemini-2.5-pro"});
  CHECK(answer("openai:gpt-4o") == Answer{"openai", "gpt-4o"});
  CHECK(answer("local:llama3:8b") == Answer{"local", "llama3:8b"});
  CHECK(answer("openrouter:a/b") == Answer{"openrouter", "a/b"});
  CHECK(answer("openrouter/anthropic/claude-opus-5.5") ==
        Answer{"openrouter", "anthropic/claude-opus-5.5"});
  CHECK(answer("anthropic/claude-opus-5.5") == Answer{"openrouter", "anthropic/claude-opus-5.5"});
  CHECK(answer("openai/gpt-4o") == Answer{"openrouter", "openai/gpt-4o"});
  CHECK(answer("meta-llama/llama-4-maverick:free") ==
        Answer{"openrouter", "meta-llama/llama-4-maverick:free"});
  CHECK(answer("gpt-4o") == Answer{"openrouter", "gpt-4o"});
  CHECK(answer("google/gemini-2.5-pro") == Answer{"openrouter", "google/gemini-2.5-pro"});
  CHECK(answer("echo") == Answer{"echo", "echo"});
  CHECK(answer("echo:slow") == Answer{"echo", "slow"});
  CHECK(answer("Echo") == Answer{"echo", "echo"});
  CHECK(answer("OpenAI:gpt-4o") == Answer{"openai", "gpt-4o"});
}

TEST_CASE("sizes come from the catalogue, dots and dashes alike", "[model]") {
  for (const char* name :
       {"openai:gpt-4o", "openai/gpt-4o", "openai/gpt-4o:nitro", "acme/gpt-4o"}) {
    CHECK(resolved(name).context_tokens == 128'000);
    CHECK(resolved(name).output_tokens == 16'384);
  }
  CHECK(resolved("anthropic/claude-opus-4.5").context_tokens == 200'000);
  CHECK(resolved("anthropic/claude-opus-4-5").context_tokens == 200'000);
  CHECK(resolved("gemini-2.5-flash").context_tokens == 1'048'576);
}

TEST_CASE("of two rows of one bare name the one that is named goes first", "[model]") {
  CatalogueLoaded catalogue;
  const auto add = [&](const char* id, std::uint32_t tokens) {
    ModelRow* row = catalogue.add_rows();
    row->set_id(id);
    row->set_context_tokens(tokens);
    row->set_source(std::string(kOwnRows));
  };
  add("qwen3:8b", 8'192);
  add("qwen3:32b", 40'960);
  add("b/m", 1);
  add("a/m:free", 2);
  add("a/m", 3);
  const auto size = [&](const char* model) {
    return catalogue_row("ollama", model, catalogue)->context_tokens();
  };
  CHECK(size("qwen3:8b") == 8'192);
  CHECK(size("qwen3:32b") == 40'960);
  CHECK(size("QWEN3:32B") == 40'960);
  CHECK(size("qwen3") == 8'192);  // either may be meant
  CHECK(size("b/m") == 1);
  CHECK(size("a/m") == 3);
  CHECK(size("m:free") == 2);
}

TEST_CASE("a model nobody knows gets careful sizes", "[model]") {
  CHECK(resolved("meta-llama/unheard-of").context_tokens == 128'000);
  CHECK(resolved("meta-llama/unheard-of").output_tokens == 4'096);
  CHECK(resolved("local:unheard-of").context_tokens == 8'192);
  CHECK(resolved("echo").context_tokens == 32'000);
}

TEST_CASE("a provider without a key is one sentence that names the setting", "[model]") {
  CHECK(refusal("anthropic/claude-opus-5.5") ==
        "OpenRouter has no key: set providers.openrouter.api_key (or OPENROUTER_API_KEY).");
  CHECK(refusal("openai/gpt-4o", {.openai = true}) ==
        "OpenRouter has no key: set providers.openrouter.api_key (or OPENROUTER_API_KEY), or use "
        "openai:gpt-4o.");
  CHECK(refusal("google/gemini-2.5-pro", {.gemini = true}) ==
        "OpenRouter has no key: set providers.openrouter.api_key (or OPENROUTER_API_KEY), or use "
        "gemini/gemini-2.5-pro.");
  CHECK(refusal("gemini-2.5-flash") ==
        "Gemini has no key: set providers.gemini.api_key (or GEMINI_API_KEY).");
  CHECK(refusal("acme:big") == "acme has no key: set providers.acme.api_key.");
}

TEST_CASE("the way that a refusal offers resolves", "[model]") {
  const Given keys{.openai = true};
  const std::string sentence = refusal("openai/gpt-4o", keys);
  const std::string way = sentence.substr(sentence.find("use ") + 4);
  CHECK(resolved(way.substr(0, way.size() - 1), keys).provider == "openai");
}

TEST_CASE("an unknown provider is answered with the nearest one", "[model]") {
  CHECK(refusal("opnai:gpt-4o") == "There is no provider opnai: did you mean openai?");
  CHECK(refusal("zzz:x") ==
        "There is no provider zzz (there are acme, echo, gemini, local, openai, openrouter).");
}

TEST_CASE("what is no name is refused", "[model]") {
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("a\n"), std::string(201, 'a'),
        std::string(":x"), std::string("openai:"), std::string("gemini/"), std::string("echo:fast"),
        std::string("\xc3\xa4")}) {
    CHECK_FALSE(refusal(name, {true, true, true}).empty());
  }
}

std::string default_with(Given keys) {
  const SettingsLoaded loaded = settings(keys);
  return default_model({loaded.providers().begin(), loaded.providers().end()});
}

TEST_CASE("without a chosen model the first key decides, else echo", "[model]") {
  CHECK(default_with({true, true, true}) == "gemini/gemini-2.5-flash");
  CHECK(default_with({true, true, false}) == "openrouter/google/gemini-2.5-flash");
  CHECK(default_with({false, true, false}) == "openai:gpt-4o-mini");
  CHECK(default_with({}) == "echo");
}

TEST_CASE("every default and every offered name resolves", "[model]") {
  for (const Given keys : {Given{}, Given{true, false, false}, Given{false, true, false},
                           Given{false, false, true}, Given{true, true, true}}) {
    resolved(default_with(keys), keys);
    const auto names = known_models(settings(keys), built_in_catalogue());
    CHECK(std::count(names.begin(), names.end(), "echo:slow") == 1);
    CHECK(std::count(names.begin(), names.end(), "local:tiny") == 1);
    for (const std::string& name : names) resolved(name, keys);
  }
}

TEST_CASE("the shipped catalogue is dated and every row is whole and findable", "[model]") {
  CHECK(built_in_catalogue().date().size() == 10);
  for (const ModelRow& row : built_in_catalogue().rows()) {
    INFO(row.id());
    CHECK(row.output_nanodollars() >= row.input_nanodollars());
    CHECK(row.output_tokens() <= row.context_tokens());
    CHECK(resolved("openrouter:" + row.id()).context_tokens == row.context_tokens());
  }
}

TEST_CASE("a model is found at another provider by what both call it", "[model]") {
  const SettingsLoaded all = settings({true, true, true});
  const auto at = [&](const char* provider, const char* name) {
    const auto found = model_at(provider, name, all, built_in_catalogue());
    return found ? *found : found.error().message;
  };
  CHECK(at("openrouter", "openai:gpt-4o") == "openai/gpt-4o");
  CHECK(at("gemini", "google/gemini-2.5-pro") == "gemini/gemini-2.5-pro");
  CHECK(at("local", "openai:gpt-4o") == "local:tiny");
  CHECK(at("echo", "openai:gpt-4o") == "echo");
  CHECK(at("acme", "openai:gpt-4o").find("acme has no key") == 0);
  CHECK(at("nowhere", "echo").find("There is no provider nowhere") == 0);
}

TEST_CASE("the nearest models are those whose own name is nearest", "[model]") {
  const auto near =
      nearest_models("opnai:gpt4o", settings({true, true, true}), built_in_catalogue());
  REQUIRE_FALSE(near.empty());
  CHECK(near.size() <= 3);
  CHECK(std::find(near.begin(), near.end(), "openai:gpt-4o") != near.end());
  CHECK(nearest_models("zzzzzzzzzzzz", settings({}), built_in_catalogue()).empty());
}

TEST_CASE("settings that name what nobody has, or what its provider does not list", "[model]") {
  SettingsLoaded of = settings({true, true, true});
  of.set_model("local:boat");
  of.set_summary_model("local:gone");
  of.add_fallbacks("nowhere:x");
  of.add_fallbacks("local:tiny");
  CatalogueLoaded catalogue = built_in_catalogue();
  const auto keys_of = [&] {
    std::vector<std::string> keys;
    for (const ModelTrouble& one : model_troubles(of, catalogue)) keys.push_back(one.key);
    return keys;
  };
  CHECK(keys_of() == std::vector<std::string>{"agent.fallbacks"});
  ModelRow* listed = catalogue.add_rows();
  listed->set_id("boat");
  listed->set_source("local");
  CHECK(keys_of() == std::vector<std::string>{"agent.summary_model", "agent.fallbacks"});
  CHECK(model_troubles(of, catalogue).front().text ==
        "agent.summary_model, local:gone: The list of local does not have it, which may be old. "
        "Near it: local:tiny, local:boat.");
}

}  // namespace daybook::model_test
