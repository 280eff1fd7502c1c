#include "tools/export_file.h"

#include <cstring>
#include <utility>

#include "adapters/event_json.h"
#include "core/base64.h"
#include "core/notation.h"
#include "core/sha256.h"
#include "journal/record.h"

namespace daybook {
namespace {

using Json = ExportJson;

constexpr std::string_view kMark = "daybook 1";

Error not_ours(std::string what) { return {std::move(what), ExitCode::kDamaged}; }

std::string hex_of(const Digest& digest) { return hex(view(digest)); }

std::string dumped(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<std::string> bytes_from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t at = 0; at < text.size(); at += 2) {
    int byte = 0;
    for (const char c : text.substr(at, 2)) {
      const bool digit = c >= '0' && c <= '9';
      if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
      byte = byte * 16 + (digit ? c - '0' : c - 'a' + 10);
    }
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

const Json* member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> number_in(const Json& object, const char* name) {
  const Json* value = member(object, name);
  if (value == nullptr || !value->is_number_unsigned()) return std::nullopt;
  return value->get<std::uint64_t>();
}

std::optional<std::string> text_in(const Json& object, const char* name) {
  const Json* value = member(object, name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}

std::optional<Digest> digest_in(const Json& object, const char* name) {
  const auto text = text_in(object, name);
  return text ? digest_from_hex(*text) : std::nullopt;
}

Result<ExportLine> read_head(const Json& object) {
  ExportHead head;
  if (text_in(object, "export") != kMark) {
    return not_ours("it was written by another version, or is no export of daybook's");
  }
  const auto scope = text_in(object, "scope");
  const auto journal = bytes_from_hex(text_in(object, "journal").value_or("-"));
  const auto created = number_in(object, "created");
  const auto epoch = number_in(object, "epoch");
  const auto format = number_in(object, "format");
  head.whole = scope == "journal";
  const bool known = head.whole || scope == "session";
  if (!known || !journal || journal->size() != 16 || !created || !epoch || !format) {
    return not_ours("its first line does not say what it holds");
  }
  head.identity = {*journal, from_milliseconds(static_cast<std::int64_t>(*created)), *epoch,
                   static_cast<std::uint32_t>(*format)};
  head.identity.created_seal =
      bytes_from_hex(text_in(object, "created_seal").value_or("")).value_or("");
  head.session = number_in(object, "session").value_or(0);
  head.place = text_in(object, "place").value_or("");
  return ExportLine(std::move(head));
}

Result<ExportLine> read_event(Json object) {
  ExportEvent event;
  const auto seq = number_in(object, "seq");
  if (!seq || *seq == 0 || *seq > record::kSeqMax) return not_ours("an event has no number");
  event.stored.seq = *seq;
  if (const Json* parts = member(object, "record"); parts != nullptr && parts->is_array()) {
    for (const Json& part : *parts) {
      auto bytes = part.is_string() ? from_base64(part.get_ref<const std::string&>())
                                    : std::optional<std::string>();
      if (!bytes) return not_ours("the record of event " + std::to_string(*seq) + " is no base64");
      event.stored.parts.push_back(*std::move(bytes));
    }
  }
  if (const auto text = text_in(object, "words_key")) {
    const auto bytes = from_base64(*text);
    if (!bytes || bytes->size() != crypto::kKeyBytes) {
      return not_ours("the key of event " + std::to_string(*seq) + " is no key");
    }
    event.key = crypto::Key(*bytes);
  }
  if (event.stored.parts.empty()) event.hash = digest_in(object, "hash");
  if (event.stored.parts.empty() && !event.hash) {
    return not_ours("event " + std::to_string(*seq) + " has neither its record nor its hash");
  }
  for (const char* proof : {"record", "words_key", "hash", "withheld"}) object.erase(proof);
  event.fields = std::move(object);
  return ExportLine(std::move(event));
}

Result<ExportLine> read_commit(const Json& object) {
  ExportCommit commit;
  const Json& range = object["commit"];
  const bool pair = range.is_array() && range.size() == 2 && range[0].is_number_unsigned() &&
                    range[1].is_number_unsigned();
  const auto seal = digest_in(object, "seal");
  if (!pair || !seal) return not_ours("a commit does not say its events and its seal");
  commit.first = range[0].get<Seq>();
  commit.last = range[1].get<Seq>();
  commit.seal = *seal;
  if (commit.first == 0 || commit.first > commit.last || commit.last > record::kSeqMax) {
    return not_ours("a commit does not say its events and its seal");
  }
  if (member(object, "before") != nullptr) {
    commit.before = digest_in(object, "before");
    if (!commit.before) return not_ours("the seal before a commit is no digest");
  }
  const Json* hashes = member(object, "hashes");
  if (hashes == nullptr) return ExportLine(std::move(commit));
  if (!hashes->is_array() || hashes->size() != commit.last - commit.first + 1) {
    return not_ours("a commit does not have a hash for each of its events");
  }
  for (const Json& hash : *hashes) {
    commit.hashes.emplace_back();
    if (hash.is_null()) continue;
    if (hash.is_string()) {
      commit.hashes.back() = digest_from_hex(hash.get_ref<const std::string&>());
    }
    if (!commit.hashes.back()) return not_ours("a hash in a commit is no digest");
  }
  return ExportLine(std::move(commit));
}

Result<ExportLine> read_end(const Json& object) {
  const auto last = number_in(object, "end");
  const auto events = number_in(object, "events");
  const auto withheld = number_in(object, "withheld");
  const auto seal = digest_in(object, "seal");
  if (!last || !events || !withheld || !seal) return not_ours("its last line is not whole");
  return ExportLine(ExportEnd{*last, *events, *withheld, *seal});
}

}  // namespace

std::optional<Digest> digest_from_hex(std::string_view text) {
  const auto bytes = bytes_from_hex(text);
  Digest digest;
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::memcpy(digest.data(), bytes->data(), digest.size());
  return digest;
}

std::string write_line(const ExportHead& head) {
  Json object = {{"export", kMark},
                 {"scope", head.whole ? "journal" : "session"},
                 {"journal", hex(head.identity.id)},
                 {"created", to_milliseconds(head.identity.created)}};
  if (!head.identity.created_seal.empty()) {
    object["created_seal"] = hex(head.identity.created_seal);
  }
  object["epoch"] = head.identity.epoch;
  object["format"] = head.identity.format;
  if (!head.whole) {
    object["session"] = head.session;
    object["place"] = head.place;
  }
  return dumped(object);
}

std::string write_line(const Event& event, const StoredEvent& stored,
                       const std::optional<crypto::Key>& key, bool withheld) {
  std::string line = event_json(event);
  line.pop_back();  // the brace
  line += ",\"prev\":" + std::to_string(event.prev());
  if (withheld) return line + ",\"withheld\":true,\"hash\":\"" + hex_of(stored.hash()) + "\"}\n";
  line += ",\"record\":[";
  for (std::size_t part = 0; part < stored.parts.size(); ++part) {
    line += (part > 0 ? ",\"" : "\"") + base64(stored.parts[part]) + "\"";
  }
  line += "]";
  if (key) line += ",\"words_key\":\"" + base64(key->reveal()) + "\"";
  return line + "}\n";
}

std::string write_line(const ExportCommit& commit) {
  std::string line =
      "{\"commit\":[" + std::to_string(commit.first) + "," + std::to_string(commit.last) + "]";
  if (commit.before) line += ",\"before\":\"" + hex_of(*commit.before) + "\"";
  if (!commit.hashes.empty()) {
    line += ",\"hashes\":[";
    for (const auto& hash : commit.hashes) {
      line += hash ? "\"" + hex_of(*hash) + "\"," : "null,";
    }
    line.back() = ']';
  }
  return line + ",\"seal\":\"" + hex_of(commit.seal) + "\"}\n";
}

std::string write_line(const ExportEnd& end) {
  return dumped({{"end", end.last},
                 {"events", end.events},
                 {"withheld", end.withheld},
                 {"seal", hex_of(end.seal)}});
}

Result<ExportLine> read_line(std::string_view line) {
  Json object = Json::parse(line, nullptr, false);
  if (!object.is_object()) return not_ours("it is no JSON object");
  if (object.contains("export")) return read_head(object);
  if (object.contains("commit")) return read_commit(object);
  if (object.contains("end")) return read_end(object);
  if (object.contains("seq")) return read_event(std::move(object));
  return not_ours("it is no line of an export");
}

}  // namespace daybook
