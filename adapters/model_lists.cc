#include "adapters/model_lists.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "adapters/json_document.h"
#include "core/model.h"

namespace daybook {
namespace {

constexpr std::size_t kIdBytesMax = 200;
constexpr std::int64_t kTokensMax = 100'000'000;
constexpr double kNanodollarsMax = 1e9;  // a dollar a token

std::uint32_t tokens_of(const JsonValue& value) {
  const std::int64_t tokens = value.integer_or(0);
  return tokens > 0 && tokens <= kTokensMax ? static_cast<std::uint32_t>(tokens) : 0;
}

// The first of these fields that says a number of tokens.
std::uint32_t first_tokens(std::initializer_list<JsonValue> values) {
  for (const JsonValue& value : values) {
    if (const std::uint32_t tokens = tokens_of(value); tokens > 0) return tokens;
  }
  return 0;
}

// "0.000003", dollars a token. Below zero at OpenRouter's own routers: nobody knows.
std::optional<std::uint64_t> nanodollars_of(const JsonValue& value) {
  const std::string_view text = value.string_or("");
  double dollars = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), dollars);
  const double nanodollars = dollars * 1e9;
  const bool read = error == std::errc() && end == text.data() + text.size();
  if (!read || !(nanodollars >= 0) || nanodollars > kNanodollarsMax) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(nanodollars));
}

bool printable_word(std::string_view text) {
  return !text.empty() && text.size() <= kIdBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

ModelRow row_of(const JsonValue& model) {
  ModelRow row;
  std::string_view id = model["id"].string_or(model["name"].string_or(""));
  constexpr std::string_view kGeminiPrefix = "models/";
  if (id.starts_with(kGeminiPrefix)) id.remove_prefix(kGeminiPrefix.size());
  if (!printable_word(id)) return row;
  const JsonValue top = model["top_provider"];
  row.set_context_tokens(first_tokens(
      {top["context_length"], model["context_length"], model["max_model_len"],
       model["context_window"], model["max_context_length"], model["inputTokenLimit"],
       model["max_input_tokens"], model["meta"]["n_ctx"], model["meta"]["n_ctx_train"]}));
  row.set_output_tokens(first_tokens({top["max_completion_tokens"], model["max_completion_tokens"],
                                      model["outputTokenLimit"], model["max_tokens"]}));
  const auto input = nanodollars_of(model["pricing"]["prompt"]);
  const auto output = nanodollars_of(model["pricing"]["completion"]);
  if (input) row.set_input_nanodollars(*input);
  if (output) row.set_output_nanodollars(*output);
  const auto cached = nanodollars_of(model["pricing"]["input_cache_read"]);
  if (cached) row.set_cached_nanodollars(*cached);
  row.set_id(std::string(id));
  return row;
}

bool same_row(const ModelRow& one, const ModelRow& other) {
  return one.context_tokens() == other.context_tokens() &&
         one.output_tokens() == other.output_tokens() && names_price(one) == names_price(other) &&
         one.input_nanodollars() == other.input_nanodollars() &&
         one.output_nanodollars() == other.output_nanodollars() &&
         one.has_cached_nanodollars() == other.has_cached_nanodollars() &&
         one.cached_nanodollars() == other.cached_nanodollars();
}

// What may be asked: it has a key if it needs one, and nobody on the way reads that.
bool may_be_asked(const ProviderSettings& provider, const Result<Url>& url) {
  if (provider.kind == "echo" || !provider.usable() || !url) return false;
  return url->origin.tls || is_loopback(url->origin.host) || provider.insecure;
}

}  // namespace

Result<std::vector<ModelRow>> read_model_list(std::string_view body) {
  JsonReader reader(ModelLists::kBodyBytesMax);
  const Result<JsonValue> read = reader.read(body);
  if (!read) return read.error();
  JsonValue list = (*read)["data"];
  if (!list.is_array()) list = (*read)["models"];
  if (!list.is_array()) return Error{"it holds no list of models", ExitCode::kUnavailable};
  std::vector<ModelRow> rows;
  std::set<std::string> ids;
  for (const JsonValue& model : list.elements()) {
    ModelRow row = row_of(model);
    if (row.id().empty()) continue;
    if (rows.size() == ModelLists::kRowsMax) break;
    if (ids.insert(row.id()).second) rows.push_back(std::move(row));
  }
  std::sort(rows.begin(), rows.end(),
            [](const ModelRow& one, const ModelRow& other) { return one.id() < other.id(); });
  return rows;
}

ModelLists::ModelLists(const std::vector<ProviderSettings>& providers, CatalogueLoaded catalogue,
                       Warn warn)
    : catalogue_(std::move(catalogue)), warn_(std::move(warn)) {
  for (const ProviderSettings& provider : providers) {
    Result<Url> url = parse_url(provider.base_url);
    if (!may_be_asked(provider, url)) continue;
    Listed& listed =
        lists_.emplace_back(Listed{provider, std::move(url).value(), {}, 0, {}, false});
    for (const ModelList& list : catalogue_.lists()) {
      if (list.provider() == provider.name) listed.next = from_milliseconds(list.time()) + kEvery;
    }
  }
}

void ModelLists::on_event(const Event& event) {
  if (event.has_catalogue_loaded()) catalogue_ = event.catalogue_loaded();
}

HttpCall ModelLists::call_for(const Listed& listed) {
  HttpCall http;
  http.label = listed.settings.name + " models";
  http.origin = listed.url.origin;
  http.method = "GET";
  const bool gemini = listed.settings.kind == "gemini";
  http.target = Secret(listed.url.path + (gemini ? "/models?pageSize=1000" : "/models"));
  http.headers.push_back({"Accept", Secret("application/json")});
  const Secret& key = listed.settings.api_key;
  if (gemini && !key.empty()) http.headers.push_back({"x-goog-api-key", key});
  if (!gemini && !key.empty()) {
    http.headers.push_back({"Authorization", Secret("Bearer " + std::string(key.reveal()))});
  }
  http.pool = "models " + listed.settings.name;
  http.repeatable = true;
  http.body_bytes_max = kBodyBytesMax;
  return http;
}

std::optional<Due> ModelLists::due(const Moment& moment) {
  taking_in_ = moment.taking_in;
  if (!taking_in_) return std::nullopt;
  for (std::size_t index = 0; index < lists_.size(); ++index) {
    Listed& listed = lists_[index];
    if (listed.next > moment.now) continue;
    listed.next = kNever;
    listed.status = 0;
    listed.body.clear();
    const CallId id = next_call_++;
    calls_[id] = index;
    return Call{id, call_for(listed)};
  }
  return std::nullopt;
}

// Whether a model that was known is another now, or it is time to hear of other ones or of none. A
// server on this machine lists what it was started with: of others there it is always time to hear.
bool ModelLists::is_news(const Listed& listed, const std::vector<ModelRow>& rows, Time now) const {
  std::size_t known = 0;
  std::size_t still_there = 0;
  for (const ModelRow& row : catalogue_.rows()) {
    if (row.source() != listed.settings.name) continue;
    ++known;
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const ModelRow& listed_now) {
      return listed_now.id() == row.id();
    });
    if (found == rows.end()) continue;
    ++still_there;
    if (!same_row(*found, row)) return true;
  }
  if (known == 0) return !rows.empty();
  const bool others = known != rows.size() || known != still_there;
  if (others && is_loopback(listed.url.origin.host)) return true;
  const Duration pause = others ? kOfNewModels : kOfNoNews;
  const auto last =
      std::find_if(catalogue_.lists().begin(), catalogue_.lists().end(),
                   [&](const ModelList& list) { return list.provider() == listed.settings.name; });
  return last == catalogue_.lists().end() || now - from_milliseconds(last->time()) >= pause;
}

void ModelLists::fail(Listed& listed, const std::string& why, Time now) {
  listed.next = now + kAfterFailure;
  if (!std::exchange(listed.failed, true)) {
    warn_(listed.settings.name + " did not list its models: " + why +
          "; sizes and prices stay as they are, and it is asked again in an hour");
  }
}

std::vector<Fact> ModelLists::on_reply(CallId call, Reply reply, Time now) {
  const auto found = calls_.find(call);
  if (found == calls_.end()) return {};
  Listed& listed = lists_[found->second];
  if (const auto* head = std::get_if<ReplyHead>(&reply)) listed.status = head->status;
  if (auto* body = std::get_if<ReplyBody>(&reply)) listed.body += body->bytes;
  const bool ended = std::holds_alternative<ReplyEnd>(reply);
  if (!ended && !std::holds_alternative<ReplyFailed>(reply)) return {};
  calls_.erase(found);
  listed.next = now + kEvery;
  const std::string body = std::exchange(listed.body, {});
  if (const auto* failure = std::get_if<ReplyFailed>(&reply)) {
    fail(listed, failure->detail, now);
    return {};
  }
  if (listed.status == 404) return {};
  const Result<std::vector<ModelRow>> rows = read_model_list(body);
  if (listed.status != 200 || !rows) {
    const std::string status = "HTTP " + std::to_string(listed.status);
    fail(listed, listed.status != 200 ? status : rows.error().message, now);
    return {};
  }
  CatalogueLoaded more = with_list(catalogue_, listed.settings.name, *rows, now);
  if (more.ByteSizeLong() > kCatalogueBytesMax) {
    fail(listed, "with what others list it is too long to keep", now);
    return {};
  }
  listed.failed = false;
  if (!is_news(listed, *rows, now)) return {};
  catalogue_ = std::move(more);  // ahead of the disk, so that the next list adds to this one
  Fact fact;
  *fact.mutable_catalogue_loaded() = catalogue_;
  return {std::move(fact)};
}

Time ModelLists::wake_at(Time /*now*/) const {
  Time next = kNever;
  if (!taking_in_) return next;
  for (const Listed& listed : lists_) next = std::min(next, listed.next);
  return next;
}

}  // namespace daybook
