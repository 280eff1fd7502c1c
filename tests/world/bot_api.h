// The Telegram Bot API as a bot sees it: updates kept until confirmed and given again until then,
// one poller at a time, chats with their screens, and the exact words of its refusals. Faults are
// told by method and count, so that a test says "the second sendMessage is executed and its answer
// is lost" and nothing else.
//
// Not modelled: parse_mode and entities (a request that uses them is a violation), media but for
// documents that are sent, webhooks' delivery. Sources: Bot API 10.3 and the behaviour of the
// public Bot API server.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/world/exchange.h"

namespace daybook::world {

// What goes wrong with one call.
struct BotFault {
  bool executed = true;  // false: the method does not happen
  int status = 0;        // not 0: answered instead of the method's own answer
  std::string body{};    // with status: verbatim (HTML, say); empty: the API's JSON
  int retry_after = 0;   // seconds, with 429
  Duration delay{0};     // the answer leaves later
  Ending ending{};

  static BotFault too_many_requests(int retry_after_seconds);
  static BotFault bad_gateway(bool executed);  // 502, HTML
  static BotFault restart(bool executed);      // 500 "Internal Server Error: restart"
  static BotFault lost(bool executed);         // reset before the answer's first byte
  static BotFault cut(std::size_t bytes);      // executed; the answer breaks off
  static BotFault stall(bool executed);        // no answer, no close

  friend bool operator==(const BotFault&, const BotFault&) = default;
};

struct ShownText {
  Time at{};
  std::string text;
};

struct ChatMessage {
  std::int64_t message_id = 0;
  std::int64_t reply_to = 0;
  bool from_bot = false;
  bool deleted = false;
  std::string text;              // on the screen now; of a file, its bytes
  std::string file_name;         // empty: it is no file
  std::vector<ShownText> shown;  // the post and every edit that changed it
};

struct BotCall {
  std::string method;
  std::int64_t chat = 0;
  Time at{};
  int status = 0;  // 0: answered nothing
};

class BotApi : public Server {
 public:
  static constexpr std::size_t kTextCharactersMax = 4096;  // code points
  static constexpr std::int64_t kPollSecondsMax = 50;

  // "123456:letters": the number is the bot's id.
  explicit BotApi(std::string token, std::string bot_name = "daybook_test_bot");

  void request(ExchangeId exchange, const HttpRequest& request, Time now) override;
  void gone(ExchangeId exchange, Time now) override;
  std::vector<Output> poll(Time now) override;
  [[nodiscard]] Time wake_at() const override;

  // ---- people. A positive chat is private and its user has the same id; a negative one is a
  // group.
  std::int64_t say(std::int64_t chat, std::string_view text, Time now, std::int64_t user = 0);
  // The update quotes the message it replies to, as Telegram's do.
  std::int64_t say_in_reply(std::int64_t chat, std::string_view text, std::int64_t to, Time now);
  void edit(std::int64_t chat, std::int64_t message_id, std::string_view text, Time now);
  void remove(std::int64_t chat, std::int64_t message_id);  // the bot's message, by the person
  void block(std::int64_t chat) { blocked_.insert(chat); }
  // The group becomes a supergroup: both chats are told, and the first takes nothing any more.
  void migrate(std::int64_t chat, std::int64_t to, Time now);
  [[nodiscard]] std::int64_t moved_to(std::int64_t chat) const;   // 0: nowhere
  [[nodiscard]] std::int64_t came_from(std::int64_t chat) const;  // 0: it was never another
  void forbid_files(std::int64_t chat) { without_files_.insert(chat); }
  // Any update, as JSON without update_id. Returns its id.
  std::int64_t push_update(std::string_view json, Time now);
  void set_next_update_id(std::int64_t id) { next_update_id_ = id; }
  void set_webhook(std::string url) { webhook_ = std::move(url); }
  // Another getUpdates from elsewhere: ours gets 409.
  void poll_from_elsewhere(Time now);

  // ---- faults: of the nth call (from 1) of a method, else what `chooser` says.
  void fail(std::string method, int nth, BotFault fault);
  using Chooser = std::function<BotFault(std::string_view method, int nth)>;
  void choose_faults(Chooser chooser) { chooser_ = std::move(chooser); }

  // ---- what a checker may look at
  [[nodiscard]] const std::vector<ChatMessage>& messages(std::int64_t chat) const;
  [[nodiscard]] std::vector<std::int64_t> chats() const;
  // Messages of the bot, in order, that are on the screen.
  [[nodiscard]] std::vector<ChatMessage> screen(std::int64_t chat) const;
  // How many of them show exactly this.
  [[nodiscard]] std::size_t shows(std::int64_t chat, std::string_view text) const;
  [[nodiscard]] int calls(const std::string& method) const;
  [[nodiscard]] const std::vector<BotCall>& log() const { return log_; }
  [[nodiscard]] std::size_t unconfirmed() const { return updates_.size(); }
  [[nodiscard]] std::int64_t last_update_id() const { return next_update_id_ - 1; }
  [[nodiscard]] bool polled() const { return waiting_.has_value(); }
  [[nodiscard]] const std::string& commands() const { return commands_; }
  // What no well-behaved bot does: offsets below 0 or beyond the last update + 1, calls to a chat
  // before its retry_after has passed, methods and parameters that are not modelled.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  using Json = nlohmann::json;
  struct Answer {
    int status = 200;
    std::string body;
    Headers headers;
  };
  struct Update {
    std::int64_t id = 0;
    std::string json;
  };
  struct Waiting {
    ExchangeId exchange = 0;
    std::int64_t limit = 100;
    Time until{};
    BotFault fault;
  };

  static Answer success(const Json& result);
  static Answer refuse(int status, std::string_view description, int retry_after = 0);

  std::optional<Json> parameters(const HttpRequest& request);
  void call(ExchangeId exchange, const std::string& method, const Json& parameters, Time now);
  Answer execute(const std::string& method, const Json& parameters, Time now);
  Answer send_message(const Json& parameters, Time now);
  Answer send_document(const Json& parameters, Time now);
  Answer post(ChatMessage message, const Json& parameters, Time now);
  Answer edit_message(const Json& parameters, Time now);
  Answer delete_message(const Json& parameters);
  std::optional<Answer> refuse_text(const Json& parameters);
  std::optional<Answer> refuse_chat(std::int64_t chat) const;

  void get_updates(ExchangeId exchange, const Json& parameters, const BotFault& fault, Time now);
  void confirm(std::int64_t offset);
  std::int64_t damp(std::int64_t offset, std::int64_t* limit, std::int64_t timeout, Time now);
  void answer_waiting(Time now);
  [[nodiscard]] std::string updates_json(std::int64_t limit) const;
  void reply(ExchangeId exchange, const Answer& answer, const BotFault& fault, Time now);
  void wait_out(std::int64_t chat, const std::string& method, Time now);

  const ChatMessage& write(std::int64_t chat, std::string_view text, Time now);
  ChatMessage* find(std::int64_t chat, std::int64_t message_id);
  Json message_json(std::int64_t chat, const ChatMessage& message, std::int64_t user) const;
  // Who writes there when nobody is named.
  [[nodiscard]] std::int64_t writer_in(std::int64_t chat) const;

  std::string token_;
  std::string bot_name_;
  std::int64_t bot_id_ = 0;
  std::string webhook_;
  std::string commands_ = "[]";

  std::int64_t next_update_id_ = 900'100;
  std::vector<Update> updates_;  // not confirmed
  std::optional<std::set<std::string>> allowed_updates_;
  std::optional<Waiting> waiting_;
  std::int64_t last_offset_ = 0;
  Time last_poll_{};

  std::map<std::int64_t, std::vector<ChatMessage>> chats_;
  std::set<std::int64_t> blocked_;
  std::map<std::int64_t, std::int64_t> moved_;
  std::set<std::int64_t> without_files_;
  std::map<std::int64_t, Time> flooded_until_;

  std::map<std::string, int> counts_;
  std::map<std::pair<std::string, int>, BotFault> faults_;
  Chooser chooser_;
  std::vector<BotCall> log_;
  std::vector<std::string> violations_;
  Outbox outbox_;
};

}  // namespace daybook::world
