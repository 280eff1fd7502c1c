// Updates, bodies and answers, one function each.
//
// Nothing here keeps state. Text from outside is cut on code points before it enters an event; the
// update itself is kept raw.
#include "adapters/telegram_codec.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>

#include "adapters/telegram_message.h"
#include "core/command.h"
#include "core/sha256.h"

namespace daybook::telegram {
namespace {

using Json = nlohmann::json;

std::string lower(std::string_view text) {
  std::string all(text);
  for (char& c : all) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return all;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json address(const Chat& chat) { return Json{{"chat_id", chat.chat}}; }

Json reply_parameters(std::int64_t message_id) {
  return Json{{"message_id", message_id}, {"allow_sending_without_reply", true}};
}

// The one field of an update besides its id: its kind and what it carries.
std::pair<std::string, JsonValue> payload_of(const JsonValue& update) {
  for (const std::string_view name : update.names()) {
    if (name != "update_id") return {cut(name, kNameBytesMax), update[name]};
  }
  return {"none", {}};
}

// The external id: ids restart at random after an idle week, so the number alone does not name an
// update for ever.
std::string external_id(std::int64_t update_id, std::string_view kind, std::int64_t chat,
                        std::string_view inner_id, std::int64_t date, std::int64_t edit_date) {
  std::string text(kind);
  text += '\n' + std::to_string(chat) + '\n' + std::string(inner_id);
  text += '\n' + std::to_string(date) + '\n' + std::to_string(edit_date);
  const Digest digest = sha256(text);
  return std::to_string(update_id) + '-' + hex(view(digest).substr(0, 8));
}

Chat chat_of(const JsonValue& message) {
  Chat chat{message["chat"]["id"].integer_or(0), 0};
  // The thread of a plain reply is no topic, and the General topic (1) must not be named when
  // sending.
  const std::int64_t thread = message["message_thread_id"].integer_or(0);
  if (message["is_topic_message"].boolean_or(false) && thread > 1) chat.thread = thread;
  return chat;
}

bool is_group(const JsonValue& message) {
  const std::string_view type = message["chat"]["type"].string_or("");
  return type != "private" && !type.empty();
}

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool mentions(std::string_view text, std::string_view username) {
  if (username.empty()) return false;
  const std::string all = lower(text);
  const std::string wanted = '@' + lower(username);
  for (std::size_t at = all.find(wanted); at != std::string::npos; at = all.find(wanted, at + 1)) {
    const std::size_t end = at + wanted.size();
    const bool open = at == 0 || !is_name_character(all[at - 1]);
    if (open && (end == all.size() || !is_name_character(all[end]))) return true;
  }
  return false;
}

bool replies_to(const JsonValue& message, const Self& self) {
  return replies(message) && message["reply_to_message"]["from"]["id"].integer_or(0) == self.id;
}

// A person's own words: only these are ever read as a command.
bool own_words(const JsonValue& message) {
  return !message["forward_origin"].present() && !message["forward_date"].present() &&
         !message["via_bot"].present();
}

// Whether a group message is meant for us: a command of ours, an answer to us, or our name in it.
bool meant_for_us(const JsonValue& message, std::string_view text,
                  const std::optional<Command>& command, const Self& self) {
  if (command) {
    const std::string_view word = text.substr(0, text.find_first_of(" \n\t"));
    const bool named = word.find('@') != std::string_view::npos;
    return command->for_us && (named || command->known);
  }
  return replies_to(message, self) || mentions(text, self.username);
}

// What every kind of inbound fact carries.
struct Inbound {
  Chat chat;
  std::int64_t update_id = 0;
  std::string external_id;
  std::int64_t user = 0;
};

template <typename Body>
void set_common(Body& body, const Inbound& inbound, const Self& self) {
  if (inbound.chat.chat != 0) body.set_place(place_of(inbound.chat));
  body.set_source(self.source());
  body.set_update_id(inbound.update_id);
  body.set_external_id(inbound.external_id);
  body.set_user(inbound.user);
}

Fact refused(const Inbound& inbound, const Self& self, MessageRefused::Reason reason,
             std::string_view kind, const JsonValue& from) {
  Fact fact;
  MessageRefused& body = *fact.mutable_message_refused();
  set_common(body, inbound, self);
  body.set_reason(reason);
  body.set_update_kind(cut(kind, kNameBytesMax));
  if (std::string name = name_of(from); !name.empty()) {
    fact.mutable_content()->set_name(std::move(name));
  }
  return fact;
}

// The update as it came, and what it quotes: never that alone, for by the numbers in the update
// what is quoted takes it along when it is erased.
void keep_raw(Fact& fact, const JsonValue& message, std::string_view raw, const Self& self) {
  if (raw.size() > kRawBytesMax) return;
  Content& content = *fact.mutable_content();
  content.set_raw(std::string(raw));
  add_quoted(message, self.id, &content);
}

Fact received(const JsonValue& message, std::string_view text, std::string_view raw,
              const Inbound& inbound, const std::optional<Command>& command, const Self& self) {
  Fact fact;
  MessageReceived& body = *fact.mutable_message_received();
  set_common(body, inbound, self);
  body.set_message_id(message["message_id"].integer_or(0));
  body.set_date(message["date"].integer_or(0));
  body.set_group(is_group(message));
  if (replies(message)) body.set_reply_to(message["reply_to_message"]["message_id"].integer_or(0));
  add_attachments(message, body.mutable_attachments());
  Content& content = *fact.mutable_content();
  content.set_text(cut(text, kTextBytesMax));
  content.set_name(name_of(message["from"]));
  if (command && command->for_us) {
    body.set_command(recorded_name(*command));
    content.set_arguments(cut(command->arguments, kTextBytesMax));
  }
  keep_raw(fact, message, raw, self);
  return fact;
}

Fact edited(const JsonValue& message, std::string_view text, std::string_view raw,
            const Inbound& inbound, const Self& self) {
  Fact fact;
  MessageEdited& body = *fact.mutable_message_edited();
  set_common(body, inbound, self);
  body.set_message_id(message["message_id"].integer_or(0));
  body.set_edit_date(message["edit_date"].integer_or(0));
  body.set_group(is_group(message));
  fact.mutable_content()->set_text(cut(text, kTextBytesMax));
  fact.mutable_content()->set_name(name_of(message["from"]));
  add_attachments(message, body.mutable_attachments());
  keep_raw(fact, message, raw, self);
  return fact;
}

// Of the service messages about a group that became a supergroup, one in each (Bot API,
// "migrate_to_chat_id"); nullopt: it is none.
std::optional<Fact> moved(const JsonValue& message, const Inbound& inbound, const Self& self) {
  std::int64_t from = message["migrate_from_chat_id"].integer_or(0);
  std::int64_t to = message["migrate_to_chat_id"].integer_or(0);
  if (inbound.chat.chat == 0 || (from == 0) == (to == 0)) return std::nullopt;
  (from == 0 ? from : to) = inbound.chat.chat;
  Fact fact;
  PlaceMoved& body = *fact.mutable_place_moved();
  body.set_from(place_of({from, 0}));
  body.set_to(place_of({to, 0}));
  body.set_source(self.source());
  body.set_update_id(inbound.update_id);
  body.set_external_id(inbound.external_id);
  return fact;
}

Fact read_message(const std::string& kind, const JsonValue& message, std::string_view raw,
                  std::int64_t update_id, const Self& self) {
  const JsonValue from = message["from"];
  const std::int64_t message_id = message["message_id"].integer_or(0);
  Inbound inbound;
  inbound.chat = chat_of(message);
  inbound.update_id = update_id;
  inbound.user = from["id"].integer_or(0);
  inbound.external_id =
      external_id(update_id, kind, inbound.chat.chat, std::to_string(message_id),
                  message["date"].integer_or(0), message["edit_date"].integer_or(0));
  if (std::optional<Fact> fact = moved(message, inbound, self)) return *std::move(fact);
  const bool usable = inbound.chat.chat != 0 && inbound.user != 0;
  if (!usable) return refused(inbound, self, MessageRefused::UNSUPPORTED, kind, from);
  if (from["is_bot"].boolean_or(false)) {
    return refused(inbound, self, MessageRefused::BOT, kind, from);
  }
  // Written in the name of a channel or a group: whoever it was may not be told from others.
  if (message["sender_chat"].present()) {
    return refused(inbound, self, MessageRefused::CROWD, kind, from);
  }
  const auto text =
      message["text"].string() ? message["text"].string() : message["caption"].string();
  if (!text || text->empty()) {
    return refused(inbound, self, MessageRefused::UNSUPPORTED, wordless_kind(kind, message), from);
  }
  const auto command =
      own_words(message) ? parse_command(*text, self.username) : std::optional<Command>();
  if (is_group(message) && !meant_for_us(message, *text, command, self)) {
    return refused(inbound, self, MessageRefused::CROWD, kind, from);
  }
  if (kind == "edited_message") return edited(message, *text, raw, inbound, self);
  return received(message, *text, raw, inbound, command, self);
}

Fact read_button(const JsonValue& query, std::string_view raw, std::int64_t update_id,
                 const Self& self) {
  const JsonValue message = query["message"];
  Inbound inbound;
  inbound.chat = chat_of(message);
  inbound.update_id = update_id;
  inbound.user = query["from"]["id"].integer_or(0);
  inbound.external_id = external_id(update_id, "callback_query", inbound.chat.chat,
                                    query["id"].string_or(""), message["date"].integer_or(0), 0);
  if (query["from"]["is_bot"].boolean_or(false)) {
    return refused(inbound, self, MessageRefused::BOT, "callback_query", query["from"]);
  }
  if (inbound.chat.chat == 0 || inbound.user == 0) {
    return refused(inbound, self, MessageRefused::UNSUPPORTED, "callback_query", query["from"]);
  }
  Fact fact;
  ButtonPressed& body = *fact.mutable_button_pressed();
  set_common(body, inbound, self);
  body.set_message_id(message["message_id"].integer_or(0));
  fact.mutable_content()->set_arguments(cut(query["data"].string_or(""), kNameBytesMax));
  if (raw.size() <= kRawBytesMax) fact.mutable_content()->set_raw(std::string(raw));
  return fact;
}

Duration retry_after(const std::vector<std::pair<std::string, std::string>>& headers,
                     const JsonValue& parsed) {
  std::optional<std::int64_t> seconds = parsed["parameters"]["retry_after"].integer();
  for (const auto& [name, value] : headers) {
    if (!seconds && name == "retry-after") seconds = parse_integer(value);
  }
  if (!seconds || *seconds < 0) return kRetryAfterDefault;
  return std::chrono::seconds(std::clamp<std::int64_t>(*seconds, kRetryAfterMin.count() / 1'000,
                                                       kRetryAfterMax.count() / 1'000));
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Of a Bot API "no" with this code (nothing was done).
Outcome::Kind refusal(std::int64_t code, std::string_view description) {
  const std::string words = lower(description);
  if (code == 401) return Outcome::Kind::kUnauthorized;
  // The bare "Not Found" is a token of the wrong form; a method that is missing says so.
  if (code == 404 && !has(words, "method")) return Outcome::Kind::kUnauthorized;
  if (code == 409) return Outcome::Kind::kConflict;
  if (code == 429) return Outcome::Kind::kLimited;
  if (code >= 500) return Outcome::Kind::kUnknown;
  if (has(words, "message is not modified")) return Outcome::Kind::kNotModified;
  if (has(words, "message to edit not found")) return Outcome::Kind::kTargetLost;
  if (has(words, "message can't be edited")) return Outcome::Kind::kTargetLost;
  if (has(words, "message to delete not found")) return Outcome::Kind::kTargetLost;
  if (has(words, "message can't be deleted")) return Outcome::Kind::kTargetLost;
  if (has(words, "message_id_invalid")) return Outcome::Kind::kTargetLost;
  if (has(words, "message to be replied not found")) return Outcome::Kind::kReplyTargetLost;
  if (has(words, "reply message not found")) return Outcome::Kind::kReplyTargetLost;
  if (has(words, "message thread not found")) return Outcome::Kind::kThreadLost;
  if (has(words, "text must be non-empty") || has(words, "message text is empty")) {
    return Outcome::Kind::kEmpty;
  }
  return Outcome::Kind::kRefused;
}

}  // namespace

std::optional<Chat> parse_place(std::string_view place) {
  constexpr std::string_view kPrefix = "telegram:";
  if (!place.starts_with(kPrefix)) return std::nullopt;
  place.remove_prefix(kPrefix.size());
  const std::size_t slash = place.find('/');
  const auto chat = parse_integer(place.substr(0, slash));
  if (!chat || *chat == 0) return std::nullopt;
  if (slash == std::string_view::npos) return Chat{*chat, 0};
  const auto thread = parse_integer(place.substr(slash + 1));
  if (!thread || *thread <= 0) return std::nullopt;
  return Chat{*chat, *thread};
}

std::string place_of(const Chat& chat) {
  std::string place = "telegram:" + std::to_string(chat.chat);
  if (chat.thread != 0) place += '/' + std::to_string(chat.thread);
  return place;
}

std::optional<ReadUpdate> read_update(const JsonValue& update, std::string_view raw,
                                      const Self& self) {
  const auto update_id = update["update_id"].integer();
  if (!update_id || *update_id <= 0 || *update_id > kUpdateIdMax) return std::nullopt;
  ReadUpdate read;
  read.update_id = *update_id;
  const auto [kind, body] = payload_of(update);
  if (kind == "message" || kind == "edited_message") {
    read.fact = read_message(kind, body, raw, *update_id, self);
    return read;
  }
  if (kind == "callback_query") {
    read.callback_id = cut(body["id"].string_or(""), kNameBytesMax);
    read.fact = read_button(body, raw, *update_id, self);
    return read;
  }
  Inbound inbound;
  inbound.chat = chat_of(body);
  inbound.update_id = *update_id;
  inbound.user = body["from"]["id"].integer_or(0);
  inbound.external_id = external_id(*update_id, kind, inbound.chat.chat,
                                    std::to_string(body["message_id"].integer_or(0)),
                                    body["date"].integer_or(0), body["edit_date"].integer_or(0));
  read.fact = refused(inbound, self, MessageRefused::UNSUPPORTED, kind, body["from"]);
  return read;
}

ReadUpdate unreadable_update(std::int64_t update_id, const Self& self) {
  constexpr std::string_view kKind = "unreadable";
  Inbound inbound;
  inbound.update_id = update_id;
  inbound.external_id = external_id(update_id, kKind, 0, "", 0, 0);
  ReadUpdate read;
  read.update_id = update_id;
  read.fact = refused(inbound, self, MessageRefused::UNSUPPORTED, kKind, JsonValue());
  return read;
}

std::optional<std::int64_t> find_update_id(std::string_view body) {
  // Within a string of the update the quotes would be escaped.
  constexpr std::string_view kKey = "\"update_id\"";
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t at = body.find(kKey);
  if (at == std::string_view::npos) return std::nullopt;
  body.remove_prefix(at + kKey.size());
  body.remove_prefix(std::min(body.find_first_not_of(kBlanks), body.size()));
  if (!body.starts_with(':')) return std::nullopt;
  body.remove_prefix(1);
  body.remove_prefix(std::min(body.find_first_not_of(kBlanks), body.size()));
  const auto id = parse_integer(body.substr(0, body.find_first_not_of("0123456789")));
  if (!id || *id <= 0 || *id > kUpdateIdMax) return std::nullopt;
  return id;
}

std::optional<std::int64_t> bot_id_of(std::string_view token) {
  const std::size_t colon = token.find(':');
  if (colon == std::string_view::npos || colon + 1 == token.size()) return std::nullopt;
  const auto id = parse_integer(token.substr(0, colon));
  if (!id || *id <= 0) return std::nullopt;
  const auto allowed = [](char c) { return is_name_character(c) || c == '-'; };
  if (!std::all_of(token.begin() + static_cast<std::ptrdiff_t>(colon) + 1, token.end(), allowed)) {
    return std::nullopt;
  }
  return id;
}

std::string get_updates_body(std::optional<std::int64_t> offset, int limit) {
  Json body = {
      {"timeout", 50},
      {"limit", limit},
      {"allowed_updates", {"message", "edited_message", "callback_query", "my_chat_member"}}};
  if (offset) body["offset"] = *offset;
  return dump(body);
}

std::string send_message_body(const Chat& chat, std::string_view text, std::int64_t reply_to) {
  Json body = address(chat);
  if (chat.thread != 0) body["message_thread_id"] = chat.thread;
  body["text"] = text;
  body["link_preview_options"] = {{"is_disabled", true}};
  if (reply_to != 0) body["reply_parameters"] = reply_parameters(reply_to);
  return dump(body);
}

UploadBody send_document_body(const Chat& chat, std::string_view file_name, std::string_view text,
                              std::int64_t reply_to) {
  std::string boundary = "daybook-file";
  while (text.find(boundary) != text.npos) boundary += '-';
  UploadBody body;
  body.content_type = "multipart/form-data; boundary=" + boundary;
  const auto part = [&](std::string_view headers, std::string_view value) {
    body.bytes.append("--").append(boundary).append("\r\nContent-Disposition: form-data; ");
    body.bytes.append(headers).append("\r\n\r\n").append(value).append("\r\n");
  };
  part("name=\"chat_id\"", std::to_string(chat.chat));
  if (chat.thread != 0) part("name=\"message_thread_id\"", std::to_string(chat.thread));
  if (reply_to != 0) part("name=\"reply_parameters\"", dump(reply_parameters(reply_to)));
  const std::string named = "name=\"document\"; filename=\"" + std::string(file_name) + '"';
  part(named + "\r\nContent-Type: text/markdown; charset=utf-8", text);
  body.bytes.append("--").append(boundary).append("--\r\n");
  return body;
}

std::string edit_message_body(const Chat& chat, std::int64_t message_id, std::string_view text) {
  Json body = address(chat);
  body["message_id"] = message_id;
  body["text"] = text;
  body["link_preview_options"] = {{"is_disabled", true}};
  return dump(body);
}

std::string delete_message_body(const Chat& chat, std::int64_t message_id) {
  Json body = address(chat);
  body["message_id"] = message_id;
  return dump(body);
}

std::string typing_body(const Chat& chat) {
  Json body = address(chat);
  if (chat.thread != 0) body["message_thread_id"] = chat.thread;
  body["action"] = "typing";
  return dump(body);
}

std::string answer_callback_body(std::string_view callback_id) {
  return dump(Json{{"callback_query_id", callback_id}});
}

std::string set_commands_body() {
  Json rows = Json::array();
  for (const CommandRow& row : commands()) {
    rows.push_back({{"command", row.name}, {"description", row.description}});
  }
  return dump(Json{{"commands", rows}});
}

bool shows_our_commands(const JsonValue& result) {
  const auto rows = result.elements();
  const auto& ours = commands();
  if (rows.size() != ours.size()) return false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i]["command"].string() != ours[i].name) return false;
    if (rows[i]["description"].string() != ours[i].description) return false;
  }
  return true;
}

Outcome outcome_of(int status, const std::vector<std::pair<std::string, std::string>>& headers,
                   const JsonValue& parsed) {
  Outcome outcome;
  outcome.status = status;
  const auto ok = parsed["ok"].boolean();
  if (ok && *ok && status >= 200 && status < 300) {
    outcome.kind = Outcome::Kind::kDone;
    return outcome;
  }
  if (ok && !*ok) {
    const std::int64_t code = parsed["error_code"].integer_or(status);
    outcome.detail = cut(parsed["description"].string_or("no description"), kDetailBytesMax);
    outcome.kind = refusal(code, outcome.detail);
    if (outcome.kind == Outcome::Kind::kLimited) outcome.retry_after = retry_after(headers, parsed);
    outcome.moved_to = parsed["parameters"]["migrate_to_chat_id"].integer_or(0);
    const bool moved = outcome.kind == Outcome::Kind::kRefused && outcome.moved_to != 0;
    if (moved) outcome.kind = Outcome::Kind::kMoved;
    return outcome;
  }
  outcome.detail = "HTTP " + std::to_string(status) + " without an answer of the Bot API";
  // A front end that limits answers for itself and passes nothing on.
  if (status == 429) {
    outcome.kind = Outcome::Kind::kLimited;
    outcome.retry_after = retry_after(headers, parsed);
  }
  return outcome;
}

Outcome outcome_of(const ReplyFailed& failure) {
  Outcome outcome;
  outcome.kind = failure.handed_over ? Outcome::Kind::kUnknown : Outcome::Kind::kNotSent;
  outcome.detail = cut(failure.detail, kDetailBytesMax);
  return outcome;
}

}  // namespace daybook::telegram
