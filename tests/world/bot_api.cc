// One screen per method. A call passes four gates in order: token, fault, method, outbox; a fault
// decides whether the method happens and how its answer ends, never what the method does.
#include "tests/world/bot_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace daybook::world {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kForm = "multipart/form-data";

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// The server trims what it stores.
std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kBlank) - first + 1));
}

std::int64_t seconds(Time time) { return to_milliseconds(time) / 1000; }

std::int64_t number(const Json& parameters, const char* name, std::int64_t otherwise = 0) {
  const auto found = parameters.find(name);
  return found != parameters.end() && found->is_number_integer() ? found->get<std::int64_t>()
                                                                 : otherwise;
}

std::string text_of(const Json& parameters, const char* name) {
  const auto found = parameters.find(name);
  return found != parameters.end() && found->is_string() ? found->get<std::string>()
                                                         : std::string();
}

Json chat_json(std::int64_t chat) {
  if (chat > 0) return {{"id", chat}, {"first_name", "Ann"}, {"type", "private"}};
  return {{"id", chat}, {"title", "Friends"}, {"type", "supergroup"}};
}

Json user_json(std::int64_t user) {
  return {{"id", user}, {"is_bot", false}, {"first_name", "Ann"}, {"language_code", "en"}};
}

// What stands between `before` and `after` in the text; empty: it is not there.
std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  const std::size_t at = text.find(before);
  if (at == text.npos) return {};
  text.remove_prefix(at + before.size());
  return text.substr(0, text.find(after));
}

// multipart/form-data (RFC 7578): every parameter a string, objects as their JSON, one file.
std::optional<Json> read_form(std::string_view type, std::string_view body) {
  const std::string line = "--" + std::string(between(type, "boundary=", ";"));
  Json form = Json::object();
  if (line.size() == 2 || !body.starts_with(line + "\r\n")) return std::nullopt;
  while (body != line + "--\r\n") {
    body.remove_prefix(line.size() + 2);
    const std::size_t end = body.find("\r\n" + line);
    const std::size_t value = body.find("\r\n\r\n");
    if (end == body.npos || value == body.npos || value + 4 > end) return std::nullopt;
    const std::string_view headers = body.substr(0, value);
    const std::string name(between(headers, " name=\"", "\""));
    const std::string text(body.substr(value + 4, end - value - 4));
    if (!headers.starts_with("Content-Disposition: form-data;") || name.empty()) return {};
    if (const std::string_view file = between(headers, "filename=\"", "\""); !file.empty()) {
      form[name] = {{"file_name", file},
                    {"mime_type", between(headers, "Content-Type: ", "\r\n")},
                    {"bytes", text}};
    } else {
      const Json parsed = Json::parse(text, nullptr, false);
      form[name] = parsed.is_discarded() ? Json(text) : parsed;
    }
    body.remove_prefix(end + 2);
  }
  return form;
}

}  // namespace

BotFault BotFault::too_many_requests(int retry_after_seconds) {
  return {.executed = false, .status = 429, .retry_after = retry_after_seconds};
}
BotFault BotFault::bad_gateway(bool executed) {
  return {.executed = executed,
          .status = 502,
          .body =
              "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
              "<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"};
}
BotFault BotFault::restart(bool executed) { return {.executed = executed, .status = 500}; }
BotFault BotFault::lost(bool executed) {
  return {.executed = executed, .ending = {Ending::Kind::kReset, 0}};
}
BotFault BotFault::cut(std::size_t bytes) { return {.ending = {Ending::Kind::kClose, bytes}}; }
BotFault BotFault::stall(bool executed) {
  return {.executed = executed, .ending = {Ending::Kind::kStall, 0}};
}

BotApi::BotApi(std::string token, std::string bot_name)
    : token_(std::move(token)), bot_name_(std::move(bot_name)) {
  bot_id_ = std::stoll(token_);
}

// ---- transport

void BotApi::request(ExchangeId exchange, const HttpRequest& request, Time now) {
  const std::string_view path = request.path();
  const std::size_t slash = path.find('/', 1);
  if (!path.starts_with("/bot") || slash == std::string_view::npos) {
    return reply(exchange, refuse(404, "Not Found"), {}, now);
  }
  if (path.substr(4, slash - 4) != token_) {
    return reply(exchange, refuse(401, "Unauthorized"), {}, now);
  }
  const std::string method(path.substr(slash + 1));
  const std::optional<Json> given = parameters(request);
  if (!given) {
    return reply(exchange, refuse(400, "Bad Request: can't parse JSON object"), {}, now);
  }
  call(exchange, method, *given, now);
}

void BotApi::gone(ExchangeId exchange, Time) {
  if (waiting_ && waiting_->exchange == exchange) waiting_.reset();
  outbox_.drop(exchange);
}

std::vector<Output> BotApi::poll(Time now) {
  answer_waiting(now);
  return outbox_.take(now);
}

Time BotApi::wake_at() const {
  return waiting_ ? std::min(waiting_->until, outbox_.wake_at()) : outbox_.wake_at();
}

std::optional<BotApi::Json> BotApi::parameters(const HttpRequest& request) {
  if (request.target.find('?') != std::string::npos) {
    violations_.emplace_back("parameters in the query: not modelled");
  }
  if (request.body.empty()) return Json::object();
  const std::string_view type = request.header("content-type");
  if (type.starts_with(kForm)) return read_form(type, request.body);
  if (!type.starts_with(kJson)) {
    violations_.emplace_back("a body that is neither JSON nor a form: not modelled");
  }
  Json parsed = Json::parse(request.body, nullptr, false);
  if (!parsed.is_object()) return std::nullopt;
  return parsed;
}

void BotApi::call(ExchangeId exchange, const std::string& method, const Json& parameters,
                  Time now) {
  const int nth = ++counts_[method];
  const std::int64_t chat = number(parameters, "chat_id");
  const auto planned = faults_.find({method, nth});
  BotFault fault;
  if (planned != faults_.end()) {
    fault = planned->second;
  } else if (chooser_) {
    fault = chooser_(method, nth);
  }
  wait_out(chat, method, now);
  log_.push_back({method, chat, now, fault.status != 0 ? fault.status : 200});
  if (method == "getUpdates" && fault.executed && fault.status == 0) {
    return get_updates(exchange, parameters, fault, now);
  }
  Answer answer = fault.executed ? execute(method, parameters, now) : refuse(500, "not executed");
  if (fault.status == 429) {
    flooded_until_[chat] = now + std::chrono::seconds(fault.retry_after);
    answer = refuse(429, "Too Many Requests: retry after " + std::to_string(fault.retry_after),
                    fault.retry_after);
  } else if (fault.status != 0) {
    answer = refuse(fault.status,
                    fault.status == 401 ? "Unauthorized" : "Internal Server Error: restart");
  }
  log_.back().status = answer.status;
  reply(exchange, answer, fault, now);
}

void BotApi::reply(ExchangeId exchange, const Answer& answer, const BotFault& fault, Time now) {
  const bool html = !fault.body.empty();
  std::string bytes = html ? http_response(fault.status, "text/html", fault.body)
                           : http_response(answer.status, kJson, answer.body, answer.headers);
  outbox_.send(exchange, {{now + fault.delay, std::move(bytes)}}, fault.ending);
}

// A call to a chat that was told to wait, before the wait is over.
void BotApi::wait_out(std::int64_t chat, const std::string& method, Time now) {
  const auto found = flooded_until_.find(chat);
  if (chat == 0 || found == flooded_until_.end() || now >= found->second) return;
  violations_.push_back(method + " to chat " + std::to_string(chat) + " before its retry_after");
}

BotApi::Answer BotApi::success(const Json& result) {
  return {200, Json{{"ok", true}, {"result", result}}.dump(), {}};
}

BotApi::Answer BotApi::refuse(int status, std::string_view description, int retry_after) {
  Json body = {{"ok", false}, {"error_code", status}, {"description", description}};
  Answer answer{status, {}, {}};
  if (retry_after > 0) {
    body["parameters"] = {{"retry_after", retry_after}};
    answer.headers.emplace_back("Retry-After", std::to_string(retry_after));
  }
  answer.body = body.dump();
  return answer;
}

// ---- getUpdates

void BotApi::get_updates(ExchangeId exchange, const Json& parameters, const BotFault& fault,
                         Time now) {
  if (!webhook_.empty()) {
    return reply(exchange,
                 refuse(409,
                        "Conflict: can't use getUpdates method while webhook is active; use "
                        "deleteWebhook to delete the webhook first"),
                 {}, now);
  }
  if (waiting_) poll_from_elsewhere(now);
  const std::int64_t offset = number(parameters, "offset");
  std::int64_t limit = std::clamp<std::int64_t>(number(parameters, "limit", 100), 1, 100);
  const std::int64_t timeout = damp(offset, &limit, number(parameters, "timeout"), now);
  if (const auto kinds = parameters.find("allowed_updates"); kinds != parameters.end()) {
    allowed_updates_ = kinds->get<std::set<std::string>>();
  }
  confirm(offset);
  waiting_ = Waiting{exchange, limit, now + std::chrono::seconds(timeout), fault};
  answer_waiting(now);
}

// The same offset again within 3 s is answered within 3 s; within 0.5 s, one update at a time.
std::int64_t BotApi::damp(std::int64_t offset, std::int64_t* limit, std::int64_t timeout,
                          Time now) {
  timeout = std::clamp<std::int64_t>(timeout, 0, kPollSecondsMax);
  const bool again = offset == last_offset_ && last_poll_ != Time{};
  if (again && now - last_poll_ < std::chrono::seconds(3)) {
    timeout = std::min<std::int64_t>(timeout, 3);
  }
  if (again && now - last_poll_ < Duration(500)) *limit = 1;
  last_offset_ = offset;
  last_poll_ = now;
  return timeout;
}

void BotApi::confirm(std::int64_t offset) {
  if (offset < 0) violations_.emplace_back("getUpdates with a negative offset");
  if (offset > next_update_id_) violations_.emplace_back("getUpdates beyond the last update + 1");
  if (offset <= 0) return;
  std::erase_if(updates_, [offset](const Update& update) { return update.id < offset; });
}

void BotApi::answer_waiting(Time now) {
  if (!waiting_ || (updates_.empty() && now < waiting_->until)) return;
  reply(waiting_->exchange, {200, updates_json(waiting_->limit), {}}, waiting_->fault, now);
  waiting_.reset();
}

std::string BotApi::updates_json(std::int64_t limit) const {
  std::string list;
  for (std::size_t i = 0; i < updates_.size() && i < static_cast<std::size_t>(limit); ++i) {
    list += (i == 0 ? "" : ",") + updates_[i].json;
  }
  return R"({"ok":true,"result":[)" + list + "]}";
}

void BotApi::poll_from_elsewhere(Time now) {
  if (!waiting_) return;
  const ExchangeId exchange = waiting_->exchange;
  waiting_.reset();
  reply(exchange,
        refuse(409,
               "Conflict: terminated by other getUpdates request; make sure that only one bot "
               "instance is running"),
        {}, now);
}

// ---- people

const ChatMessage& BotApi::write(std::int64_t chat, std::string_view text, Time now) {
  std::vector<ChatMessage>& messages = chats_[chat];
  ChatMessage message;
  message.message_id = static_cast<std::int64_t>(messages.size()) + 1;
  message.text = text;
  message.shown.push_back({now, message.text});
  return messages.emplace_back(std::move(message));
}

std::int64_t BotApi::say(std::int64_t chat, std::string_view text, Time now, std::int64_t user) {
  const ChatMessage& message = write(chat, text, now);
  const Json update = {
      {"message", message_json(chat, message, user != 0 ? user : writer_in(chat))}};
  push_update(update.dump(), now);
  return message.message_id;
}

std::int64_t BotApi::say_in_reply(std::int64_t chat, std::string_view text, std::int64_t to,
                                  Time now) {
  const ChatMessage& message = write(chat, text, now);
  Json json = message_json(chat, message, writer_in(chat));
  if (const ChatMessage* quoted = find(chat, to); quoted != nullptr) {
    json["reply_to_message"] = message_json(chat, *quoted, writer_in(chat));
  }
  push_update(Json{{"message", json}}.dump(), now);
  return message.message_id;
}

void BotApi::edit(std::int64_t chat, std::int64_t message_id, std::string_view text, Time now) {
  ChatMessage* message = find(chat, message_id);
  if (message == nullptr) return;
  message->text = text;
  message->shown.push_back({now, message->text});
  Json edited = message_json(chat, *message, writer_in(chat));
  edited["edit_date"] = seconds(now);
  push_update(Json{{"edited_message", edited}}.dump(), now);
}

void BotApi::migrate(std::int64_t chat, std::int64_t to, Time now) {
  moved_[chat] = to;
  chats_[to];
  ChatMessage service;
  service.shown.push_back({now, {}});
  Json told = message_json(chat, service, writer_in(chat));
  told["migrate_to_chat_id"] = to;
  push_update(Json{{"message", told}}.dump(), now);
  told = message_json(to, service, writer_in(to));
  told["migrate_from_chat_id"] = chat;
  push_update(Json{{"message", told}}.dump(), now);
}

std::int64_t BotApi::moved_to(std::int64_t chat) const {
  const auto found = moved_.find(chat);
  return found == moved_.end() ? 0 : found->second;
}

std::int64_t BotApi::came_from(std::int64_t chat) const {
  const auto found = std::find_if(moved_.begin(), moved_.end(),
                                  [chat](const auto& one) { return one.second == chat; });
  return found == moved_.end() ? 0 : found->first;
}

std::int64_t BotApi::writer_in(std::int64_t chat) const {
  const std::int64_t before = came_from(chat);
  return before == 0 ? chat : before;
}

void BotApi::remove(std::int64_t chat, std::int64_t message_id) {
  if (ChatMessage* message = find(chat, message_id)) message->deleted = true;
}

std::int64_t BotApi::push_update(std::string_view json, Time now) {
  const Json given = Json::parse(json);
  const std::string kind = given.begin().key();
  if (allowed_updates_ && !allowed_updates_->empty() && !allowed_updates_->contains(kind)) return 0;
  Json update = {{"update_id", next_update_id_}};
  update.update(given);
  updates_.push_back({next_update_id_, update.dump()});
  answer_waiting(now);
  return next_update_id_++;
}

BotApi::Json BotApi::message_json(std::int64_t chat, const ChatMessage& message,
                                  std::int64_t user) const {
  const Json bot = {
      {"id", bot_id_}, {"is_bot", true}, {"first_name", "Daybook"}, {"username", bot_name_}};
  Json json = {{"message_id", message.message_id},
               {"from", message.from_bot ? bot : user_json(user)},
               {"chat", chat_json(chat)},
               {"date", seconds(message.shown.front().at)}};
  if (message.file_name.empty()) {
    json["text"] = message.text;
  } else {
    json["document"] = {{"file_name", message.file_name},
                        {"mime_type", "text/markdown"},
                        {"file_id", "BQACAgIAAxkDAAI"},
                        {"file_unique_id", "AgADqQ0"},
                        {"file_size", message.text.size()}};
  }
  if (message.text.starts_with('/')) {
    const std::size_t length = std::min(message.text.find_first_of(" \n"), message.text.size());
    json["entities"] = {{{"offset", 0}, {"length", length}, {"type", "bot_command"}}};
  }
  if (message.reply_to != 0) {
    json["reply_to_message"] = {{"message_id", message.reply_to}, {"chat", chat_json(chat)}};
  }
  return json;
}

// ---- methods

BotApi::Answer BotApi::execute(const std::string& method, const Json& parameters, Time now) {
  if (method == "sendMessage") return send_message(parameters, now);
  if (method == "sendDocument") return send_document(parameters, now);
  if (method == "editMessageText") return edit_message(parameters, now);
  if (method == "deleteMessage") return delete_message(parameters);
  if (method == "getMe") {
    return success({{"id", bot_id_},
                    {"is_bot", true},
                    {"first_name", "Daybook"},
                    {"username", bot_name_},
                    {"can_join_groups", true},
                    {"can_read_all_group_messages", false},
                    {"supports_inline_queries", false}});
  }
  if (method == "getWebhookInfo") {
    return success({{"url", webhook_},
                    {"has_custom_certificate", false},
                    {"pending_update_count", updates_.size()}});
  }
  if (method == "deleteWebhook") {
    webhook_.clear();
    return success(true);
  }
  if (method == "getMyCommands") return success(Json::parse(commands_));
  if (method == "setMyCommands") {
    commands_ = parameters.value("commands", Json::array()).dump();
    return success(true);
  }
  if (method == "sendChatAction") {
    const std::optional<Answer> refused = refuse_chat(number(parameters, "chat_id"));
    return refused ? *refused : success(true);
  }
  if (method == "answerCallbackQuery" || method == "getUpdates") return success(true);
  violations_.push_back("method not modelled: " + method);
  return refuse(404, "Not Found: method not found");
}

std::optional<BotApi::Answer> BotApi::refuse_chat(std::int64_t chat) const {
  if (chat == 0) return refuse(400, "Bad Request: chat_id is empty");
  if (!chats_.contains(chat)) return refuse(400, "Bad Request: chat not found");
  if (const std::int64_t to = moved_to(chat); to != 0) {
    return Answer{400,
                  Json{{"ok", false},
                       {"error_code", 400},
                       {"description", "Bad Request: group chat was upgraded to a supergroup chat"},
                       {"parameters", {{"migrate_to_chat_id", to}}}}
                      .dump(),
                  {}};
  }
  if (blocked_.contains(chat)) return refuse(403, "Forbidden: bot was blocked by the user");
  return std::nullopt;
}

std::optional<BotApi::Answer> BotApi::refuse_text(const Json& parameters) {
  if (parameters.contains("parse_mode") || parameters.contains("entities")) {
    violations_.emplace_back("parse_mode or entities: not modelled");
  }
  const std::string text = trimmed(text_of(parameters, "text"));
  if (text.empty()) return refuse(400, "Bad Request: message text is empty");
  if (code_points(text) > kTextCharactersMax) {
    return refuse(400, "Bad Request: message is too long");
  }
  return std::nullopt;
}

BotApi::Answer BotApi::send_message(const Json& parameters, Time now) {
  if (const auto refused = refuse_chat(number(parameters, "chat_id"))) return *refused;
  if (const auto refused = refuse_text(parameters)) return *refused;
  ChatMessage message;
  message.text = trimmed(text_of(parameters, "text"));
  return post(std::move(message), parameters, now);
}

BotApi::Answer BotApi::send_document(const Json& parameters, Time now) {
  const std::int64_t chat = number(parameters, "chat_id");
  if (const auto refused = refuse_chat(chat)) return *refused;
  if (without_files_.contains(chat)) {
    return refuse(400, "Bad Request: not enough rights to send documents to the chat");
  }
  const auto document = parameters.find("document");
  if (document == parameters.end() || !document->is_object()) {
    return refuse(400, "Bad Request: there is no document in the request");
  }
  ChatMessage message;
  message.text = text_of(*document, "bytes");
  if (message.text.empty()) return refuse(400, "Bad Request: file must be non-empty");
  message.file_name = text_of(*document, "file_name");
  return post(std::move(message), parameters, now);
}

BotApi::Answer BotApi::post(ChatMessage message, const Json& parameters, Time now) {
  const std::int64_t chat = number(parameters, "chat_id");
  if (const auto to = parameters.find("reply_parameters"); to != parameters.end()) {
    message.reply_to = number(*to, "message_id");
    const ChatMessage* replied = find(chat, message.reply_to);
    if (replied == nullptr && !to->value("allow_sending_without_reply", false)) {
      return refuse(400, "Bad Request: message to be replied not found");
    }
    if (replied == nullptr) message.reply_to = 0;
  }
  std::vector<ChatMessage>& messages = chats_[chat];
  message.message_id = static_cast<std::int64_t>(messages.size()) + 1;
  message.from_bot = true;
  message.shown.push_back({now, message.text});
  messages.push_back(message);
  return success(message_json(chat, message, bot_id_));
}

BotApi::Answer BotApi::edit_message(const Json& parameters, Time now) {
  const std::int64_t chat = number(parameters, "chat_id");
  if (const auto refused = refuse_chat(chat)) return *refused;
  if (const auto refused = refuse_text(parameters)) return *refused;
  ChatMessage* message = find(chat, number(parameters, "message_id"));
  if (message == nullptr) return refuse(400, "Bad Request: message to edit not found");
  if (!message->from_bot) return refuse(400, "Bad Request: message can't be edited");
  const std::string text = trimmed(text_of(parameters, "text"));
  if (text == message->text) {
    return refuse(400,
                  "Bad Request: message is not modified: specified new message content and reply "
                  "markup are exactly the same as a current content and reply markup of the "
                  "message");
  }
  message->text = text;
  message->shown.push_back({now, text});
  Json json = message_json(chat, *message, bot_id_);
  json["edit_date"] = seconds(now);
  return success(json);
}

BotApi::Answer BotApi::delete_message(const Json& parameters) {
  const std::int64_t chat = number(parameters, "chat_id");
  if (const auto refused = refuse_chat(chat)) return *refused;
  ChatMessage* message = find(chat, number(parameters, "message_id"));
  if (message == nullptr) return refuse(400, "Bad Request: message to delete not found");
  message->deleted = true;
  return success(true);
}

// ---- what a checker may look at

void BotApi::fail(std::string method, int nth, BotFault fault) {
  faults_[{std::move(method), nth}] = std::move(fault);
}

const std::vector<ChatMessage>& BotApi::messages(std::int64_t chat) const {
  static const std::vector<ChatMessage> kNone;
  const auto found = chats_.find(chat);
  return found == chats_.end() ? kNone : found->second;
}

std::vector<std::int64_t> BotApi::chats() const {
  std::vector<std::int64_t> ids;
  for (const auto& [chat, messages] : chats_) ids.push_back(chat);
  return ids;
}

std::vector<ChatMessage> BotApi::screen(std::int64_t chat) const {
  std::vector<ChatMessage> shown = messages(chat);
  std::erase_if(shown, [](const ChatMessage& m) { return !m.from_bot || m.deleted; });
  return shown;
}

std::size_t BotApi::shows(std::int64_t chat, std::string_view text) const {
  const std::vector<ChatMessage> shown = screen(chat);
  return static_cast<std::size_t>(
      std::ranges::count_if(shown, [text](const ChatMessage& m) { return m.text == text; }));
}

int BotApi::calls(const std::string& method) const {
  const auto found = counts_.find(method);
  return found == counts_.end() ? 0 : found->second;
}

ChatMessage* BotApi::find(std::int64_t chat, std::int64_t message_id) {
  for (ChatMessage& message : chats_[chat]) {
    if (message.message_id == message_id && !message.deleted) return &message;
  }
  return nullptr;
}

}  // namespace daybook::world
