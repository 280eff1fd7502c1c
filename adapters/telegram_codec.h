// The Bot API as values: an update becomes a fact, a call becomes a body, an answer becomes one of
// a few outcomes. Pure.
//
// Law: every update that carries an id becomes exactly one fact, be it a refusal, so that the
// offset can move past anything.
// Law: every way a call can end is one Outcome, and only kUnknown leaves it open whether Telegram
// acted (Bot API, "Making requests"). Rejected: matching whole descriptions; the server rewords
// them, so their stable middles are looked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/json_document.h"
#include "core/ports.h"

namespace daybook::telegram {

inline constexpr std::size_t kTextBytesMax = 64u << 10;
inline constexpr std::size_t kRawBytesMax = 256u << 10;
inline constexpr std::size_t kNameBytesMax = 256;
inline constexpr std::size_t kDetailBytesMax = 500;
inline constexpr std::size_t kAttachmentsMax = 16;
inline constexpr std::int64_t kUpdateIdMax = std::int64_t{1} << 52;
inline constexpr Duration kRetryAfterDefault{5'000};  // a 429 that names no time
inline constexpr Duration kRetryAfterMin{1'000};
inline constexpr Duration kRetryAfterMax{24 * 3'600'000};

// ---- where

struct Chat {
  std::int64_t chat = 0;
  std::int64_t thread = 0;  // 0: none

  friend bool operator==(const Chat&, const Chat&) = default;
};

// "telegram:-100200/7". nullopt: not a place of this channel.
std::optional<Chat> parse_place(std::string_view place);
std::string place_of(const Chat& chat);

// ---- updates

// Who we are. The user name is needed to know which commands and mentions are meant for us.
struct Self {
  std::int64_t id = 0;
  std::string username;  // without @

  [[nodiscard]] std::string source() const { return "telegram:" + std::to_string(id); }
};

struct ReadUpdate {
  std::int64_t update_id = 0;
  Fact fact;
  std::string callback_id;  // of a button: to be answered, else the client spins
};

// `raw` is the update's text as it came. nullopt: it carries no usable update_id.
std::optional<ReadUpdate> read_update(const JsonValue& update, std::string_view raw,
                                      const Self& self);

// An update of which nothing but its number could be told.
ReadUpdate unreadable_update(std::int64_t update_id, const Self& self);
// The first usable update_id in an answer that is no JSON, or not the Bot API's.
std::optional<std::int64_t> find_update_id(std::string_view body);

// ---- calls

// The numeric id before the colon of a bot token; nullopt: not shaped like one.
std::optional<std::int64_t> bot_id_of(std::string_view token);

std::string get_updates_body(std::optional<std::int64_t> offset, int limit);
std::string send_message_body(const Chat& chat, std::string_view text, std::int64_t reply_to);
// For sendDocument: the text as a file. Multipart, as uploads are (Bot API, "Sending files";
// RFC 7578).
struct UploadBody {
  std::string content_type;
  std::string bytes;
};
UploadBody send_document_body(const Chat& chat, std::string_view file_name, std::string_view text,
                              std::int64_t reply_to);
std::string edit_message_body(const Chat& chat, std::int64_t message_id, std::string_view text);
std::string delete_message_body(const Chat& chat, std::int64_t message_id);
std::string typing_body(const Chat& chat);
std::string answer_callback_body(std::string_view callback_id);
// Our command menu, from core/command.h.
std::string set_commands_body();
// Whether getMyCommands' result shows that menu already.
bool shows_our_commands(const JsonValue& result);

// ---- answers

struct Outcome {
  enum class Kind {
    kDone,
    kNotSent,          // it never left whole: nothing happened
    kUnknown,          // handed over, and no answer of the Bot API came: it may have happened
    kLimited,          // 429; wait retry_after
    kUnauthorized,     // the token is wrong or revoked
    kConflict,         // 409: another poller or a webhook
    kNotModified,      // the message shows this text already
    kTargetLost,       // the message to edit or delete is gone or too old
    kReplyTargetLost,  // the message to reply to is gone
    kThreadLost,       // the topic is gone
    kEmpty,            // the text has nothing to be seen
    kMoved,            // the group is a supergroup now: `moved_to`
    kRefused,          // any other final no
  };
  Kind kind = Kind::kUnknown;
  int status = 0;  // of HTTP, 0: none came
  Duration retry_after{};
  std::int64_t moved_to = 0;
  std::string detail;  // Telegram's words or the transport's, at most kDetailBytesMax

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// A whole HTTP response. `parsed` is its body read as JSON, absent if it is none.
Outcome outcome_of(int status, const std::vector<std::pair<std::string, std::string>>& headers,
                   const JsonValue& parsed);
Outcome outcome_of(const ReplyFailed& failure);

}  // namespace daybook::telegram
