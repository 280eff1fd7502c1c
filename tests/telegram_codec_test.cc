// Every kind of update and every kind of answer, as a table of vectors.
#include "adapters/telegram_codec.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "adapters/telegram_message.h"
#include "core/command.h"
#include "core/told.h"

namespace daybook::telegram_codec_test {

using std::string_literals::operator""s;
using telegram::Chat;
using telegram::Outcome;
using telegram::ReadUpdate;
using telegram::Self;
using Json = nlohmann::json;

const Self kSelf{42, "Day_bot"};

std::optional<ReadUpdate> read(std::string_view text, const Self& self = kSelf) {
  JsonReader reader;
  const auto root = reader.read(text);
  REQUIRE(root);
  return telegram::read_update(*root, text, self);
}

Fact fact_of(std::string_view text) {
  const auto update = read(text);
  REQUIRE(update);
  return update->fact;
}

std::string private_message(std::string_view fields) {
  return R"({"update_id":900100,"message":{"message_id":51,"from":{"id":77,"is_bot":false,)"s +
         R"("first_name":"Ann","last_name":"Lee"},"chat":{"id":77,"type":"private"},)" +
         R"("date":1795219200,)" + std::string(fields) + "}}";
}

std::string group_message(std::string_view fields) {
  return R"({"update_id":5,"message":{"message_id":9,"from":{"id":77,"is_bot":false,)"s +
         R"("first_name":"Ann"},"chat":{"id":-1002,"type":"supergroup"},"date":1,)" +
         std::string(fields) + "}}";
}

TEST_CASE("a private message is received whole", "[telegram]") {
  const std::string update = private_message(R"("text":"Hello")");
  const Fact fact = fact_of(update);
  REQUIRE(fact.has_message_received());
  const MessageReceived& body = fact.message_received();
  CHECK(body.place() == "telegram:77");
  CHECK(body.source() == "telegram:42");
  CHECK(body.update_id() == 900100);
  CHECK(body.user() == 77);
  CHECK(body.message_id() == 51);
  CHECK(body.date() == 1795219200);
  CHECK(body.command().empty());
  CHECK_FALSE(body.group());
  CHECK(fact.content().text() == "Hello");
  CHECK(fact.content().raw() == update);
  CHECK(fact.content().name() == "Ann Lee");
}

TEST_CASE("an external id is the update's number and a digest of what it is about", "[telegram]") {
  const auto id = [](std::string_view text) {
    return fact_of(text).message_received().external_id();
  };
  const std::string one = id(private_message(R"("text":"a")"));
  CHECK(one.size() == "900100-"s.size() + 16);
  CHECK(one.starts_with("900100-"));
  CHECK(one == id(private_message(R"("text":"other words")")));
  std::string later = private_message(R"("text":"a")");
  later.replace(later.find("1795219200"), 10, "1795219201");
  CHECK(one != id(later));
  std::string other = private_message(R"("text":"a")");
  other.replace(other.find("\"message_id\":51"), 15, "\"message_id\":52");
  CHECK(one != id(other));
}

TEST_CASE("only a real topic becomes part of the place, and the General topic none", "[telegram]") {
  const auto place = [](std::string_view fields) {
    return fact_of(group_message(fields)).message_received().place();
  };
  CHECK(place(R"("text":"/help","message_thread_id":7,"is_topic_message":true)") ==
        "telegram:-1002/7");
  CHECK(place(R"("text":"/help","message_thread_id":7)") == "telegram:-1002");
  CHECK(place(R"("text":"/help","message_thread_id":1,"is_topic_message":true)") ==
        "telegram:-1002");
}

TEST_CASE("ids are exact beyond 32 bits", "[telegram]") {
  const Fact fact = fact_of(
      R"({"update_id":4503599627370495,"message":{"message_id":2147483647,)"
      R"("from":{"id":4503599627370495,)"
      R"("is_bot":false,"first_name":"A"},"chat":{"id":-1004503599627370,"type":"supergroup"},)"
      R"("date":1,"text":"/help"}})");
  CHECK(fact.message_received().update_id() == 4503599627370495);
  CHECK(fact.message_received().user() == 4503599627370495);
  CHECK(fact.message_received().place() == "telegram:-1004503599627370");
  CHECK(fact.message_received().group());
}

TEST_CASE("an update without a usable number is no update", "[telegram]") {
  for (const std::string_view text :
       {R"({"message":{}})", R"({"update_id":"7"})", R"({"update_id":0})", R"({"update_id":-5})",
        R"({"update_id":7.5})", R"({"update_id":9223372036854775807})", "[]", "null"}) {
    INFO(text);
    CHECK_FALSE(read(text));
  }
}

TEST_CASE("a command is read from a person's own words", "[telegram]") {
  const Fact fact = fact_of(private_message(R"("text":"/model openai/gpt-4o")"));
  CHECK(fact.message_received().command() == "model");
  CHECK(fact.content().arguments() == "openai/gpt-4o");
  CHECK(fact.content().text() == "/model openai/gpt-4o");
  CHECK(fact_of(private_message(R"("text":"/help@day_bot")")).message_received().command() ==
        "help");
}

TEST_CASE("neither a forward nor another bot's words are a command", "[telegram]") {
  for (const std::string_view extra :
       {R"("forward_origin":{"type":"user"})", R"("via_bot":{"id":5,"is_bot":true})"}) {
    const Fact fact = fact_of(private_message(R"("text":"/reset",)" + std::string(extra)));
    REQUIRE(fact.has_message_received());
    CHECK(fact.message_received().command().empty());
    CHECK(fact.content().text() == "/reset");
  }
}

TEST_CASE("in a group only what is meant for us is received", "[telegram]") {
  const auto received = [](std::string_view fields) {
    const Fact fact = fact_of(group_message(fields));
    if (fact.has_message_received()) return true;
    CHECK(fact.message_refused().reason() == MessageRefused::CROWD);
    CHECK(fact.content().text().empty());
    return false;
  };
  CHECK(received(R"("text":"/help")"));
  CHECK(received(R"("text":"/help@Day_Bot")"));
  CHECK(received(R"("text":"/nonsense@Day_Bot")"));
  CHECK(received(R"("text":"so @DAY_BOT, what now?")"));
  CHECK(received(R"("text":"yes","reply_to_message":{"from":{"id":42,"is_bot":true}})"));
  CHECK_FALSE(received(R"("text":"/help@other_bot")"));
  CHECK_FALSE(received(R"("text":"/nonsense")"));
  CHECK_FALSE(received(R"("text":"chatter")"));
  CHECK_FALSE(received(R"("text":"@Day_bot2 hi")"));
  CHECK_FALSE(received(R"("text":"mail me at x@day_bot")"));
  CHECK_FALSE(received(R"("text":"no","reply_to_message":{"from":{"id":43,"is_bot":true}})"));
  CHECK_FALSE(received(
      R"("text":"in a topic","reply_to_message":{"from":{"id":42},"forum_topic_created":{}})"));
}

TEST_CASE("bots, channels and nameless senders are refused", "[telegram]") {
  const auto reason = [](std::string_view text) {
    const Fact fact = fact_of(text);
    REQUIRE(fact.has_message_refused());
    CHECK_FALSE(fact.content().raw().size());
    return fact.message_refused().reason();
  };
  CHECK(reason(R"({"update_id":1,"message":{"message_id":1,"from":{"id":8,"is_bot":true},)"
               R"("chat":{"id":8,"type":"private"},"date":1,"text":"hi"}})") ==
        MessageRefused::BOT);
  CHECK(reason(group_message(R"("text":"/help","sender_chat":{"id":-5})")) ==
        MessageRefused::CROWD);
  CHECK(reason(R"({"update_id":1,"message":{"message_id":1,"chat":{"id":8,"type":"private"},)"
               R"("date":1,"text":"hi"}})") == MessageRefused::UNSUPPORTED);
  CHECK(reason(R"({"update_id":1,"message":{"message_id":1,"from":{"id":8},"text":"hi"}})") ==
        MessageRefused::UNSUPPORTED);
}

TEST_CASE("a caption is the text of a file, and a file without one is named", "[telegram]") {
  const Fact fact =
      fact_of(private_message(R"("caption":"what is this?","photo":[{"file_id":"s","file_size":1},)"
                              R"({"file_id":"L","file_size":5000000000}])"));
  CHECK(fact.content().text() == "what is this?");
  REQUIRE(fact.message_received().attachments_size() == 1);
  CHECK(fact.message_received().attachments(0).kind() == "photo");
  CHECK(fact.message_received().attachments(0).unread());
  CHECK(fact.message_received().attachments(0).file_id() == "L");
  CHECK(fact.message_received().attachments(0).file_bytes() == 5'000'000'000);
  const auto kind = [](std::string_view fields) {
    return fact_of(private_message(fields)).message_refused().update_kind();
  };
  CHECK(kind(R"("voice":{"file_id":"v","duration":3})") == "message.voice");
  CHECK(kind(R"("location":{"latitude":1})") == "message.location");
  CHECK(kind(R"("new_chat_members":[])") == "message.service");
  CHECK(kind(R"("rich_message":{"blocks":[]})") == "message.rich_message");
}

TEST_CASE("a message says what it replies to, unless we said it, or what it quotes", "[telegram]") {
  const auto quoted = [](std::string_view fields) {
    const Content content = fact_of(private_message(fields)).content();
    CHECK(content.text() == "translate this");
    return content.quoted_name() + "|" + content.quoted();
  };
  const std::string words = R"("text":"translate this",)";
  const std::string bo = R"({"message_id":3,"from":{"id":5,"first_name":"Bo"},)";
  const std::string us = R"({"message_id":4,"from":{"id":42,"first_name":"Day"},)";
  CHECK(quoted(words + R"("reply_to_message":)" + bo + R"("text":"Ich komme"})") == "Bo|Ich komme");
  CHECK(quoted(words + R"("reply_to_message":)" + bo + R"("photo":[],"caption":"Da"})") == "Bo|Da");
  CHECK(quoted(words + R"("reply_to_message":)" + us + R"("text":"Our words"})") == "|");
  CHECK(quoted(words + R"("reply_to_message":)" + us + R"("text":"Our words"},)" +
               R"("quote":{"text":"words"})") == "Day|words");
  CHECK(quoted(words +
               R"("reply_to_message":{"message_id":7,"text":"x","forum_topic_created":{}})") ==
        "|");
  CHECK(quoted(words +
               R"("external_reply":{"origin":{"type":"channel","chat":{"title":"News"}}},)" +
               R"("quote":{"text":"It rains"})") == "News|It rains");
  std::string umlauts;
  for (std::size_t i = 0; i <= kQuotedCharactersMax; ++i) umlauts += "\u00e4";
  const std::string kept =
      quoted(words + R"("reply_to_message":)" + bo + R"("text":")" + umlauts + R"("})");
  CHECK(kept == "Bo|" + umlauts.substr(0, 2 * kQuotedCharactersMax) + "\u2026");
}

TEST_CASE("what is quoted is kept with the update alone, by which it is erased", "[telegram]") {
  const std::string huge(telegram::kRawBytesMax, 'x');
  const Fact fact = fact_of(private_message(
      R"("text":"a","quote":{"text":"b"},"reply_to_message":{"message_id":1,"x":")" + huge +
      "\"}"));
  CHECK(fact.content().raw().empty());
  CHECK(fact.content().quoted().empty());
}

TEST_CASE("new words keep what the message carries and quotes", "[telegram]") {
  const Fact fact =
      fact_of(R"({"update_id":12,"edited_message":{"message_id":51,"from":{"id":77,"is_bot":false,)"
              R"("first_name":"Ann"},"chat":{"id":77,"type":"private"},"date":10,"edit_date":20,)"
              R"("caption":"this?","photo":[{"file_id":"s"}],"quote":{"text":"b"}}})");
  REQUIRE(fact.message_edited().attachments_size() == 1);
  CHECK(fact.message_edited().attachments(0).unread());
  CHECK(fact.content().quoted() == "b");
}

TEST_CASE("both service messages about a supergroup say the same", "[telegram]") {
  const auto moved = [](std::string_view chat, std::string_view field) {
    const Fact fact =
        fact_of(R"({"update_id":5,"message":{"message_id":9,"from":{"id":8,"is_bot":true},)"s +
                R"("sender_chat":{"id":-9},"chat":{"id":)" + std::string(chat) +
                R"(,"type":"group"},"date":1,)" + std::string(field) + "}}");
    CHECK(fact.place_moved().from() == "telegram:-500");
    CHECK(fact.place_moved().to() == "telegram:-1001234");
    CHECK(fact.place_moved().source() == "telegram:42");
    CHECK(fact.place_moved().update_id() == 5);
    return fact.place_moved().external_id();
  };
  CHECK(moved("-500", R"("migrate_to_chat_id":-1001234)") !=
        moved("-1001234", R"("migrate_from_chat_id":-500)"));
}

TEST_CASE("an edit keeps its own time and words", "[telegram]") {
  const std::string update =
      R"({"update_id":12,"edited_message":{"message_id":51,"from":{"id":77,"is_bot":false,)"
      R"("first_name":"Ann"},"chat":{"id":77,"type":"private"},"date":10,"edit_date":20,)"
      R"("text":"better"}})";
  const Fact fact = fact_of(update);
  REQUIRE(fact.has_message_edited());
  CHECK(fact.message_edited().edit_date() == 20);
  CHECK(fact.message_edited().message_id() == 51);
  CHECK(fact.message_edited().place() == "telegram:77");
  CHECK(fact.content().text() == "better");
  CHECK(fact.content().raw() == update);
}

TEST_CASE("a button is pressed by a person and answered by its id", "[telegram]") {
  const auto update = read(
      R"({"update_id":13,"callback_query":{"id":"cb1","from":{"id":77,"is_bot":false},)"
      R"("message":{"message_id":60,"date":0,"chat":{"id":77,"type":"private"}},"data":"m:1"}})");
  REQUIRE(update);
  CHECK(update->callback_id == "cb1");
  REQUIRE(update->fact.has_button_pressed());
  CHECK(update->fact.button_pressed().user() == 77);
  CHECK(update->fact.button_pressed().message_id() == 60);
  CHECK(update->fact.content().arguments() == "m:1");
  const auto inline_one =
      read(R"({"update_id":14,"callback_query":{"id":"cb2","from":{"id":77},"data":"x"}})");
  REQUIRE(inline_one);
  CHECK(inline_one->fact.message_refused().reason() == MessageRefused::UNSUPPORTED);
  CHECK(inline_one->callback_id == "cb2");
}

TEST_CASE("every other kind is refused by its name, whatever its shape", "[telegram]") {
  for (const std::string kind :
       {"channel_post", "edited_channel_post", "business_message", "inline_query", "poll",
        "my_chat_member", "chat_member", "chat_boost", "message_reaction", "kind_of_tomorrow"}) {
    for (const std::string shape :
         {R"({"chat":{"id":-9,"type":"channel"},"from":{"id":3,"first_name":"B"}})", "{}", "7",
          "null", "[]"}) {
      const Fact fact = fact_of(R"({"update_id":3,")" + kind + "\":" + shape + "}");
      REQUIRE(fact.has_message_refused());
      CHECK(fact.message_refused().reason() == MessageRefused::UNSUPPORTED);
      CHECK(fact.message_refused().update_kind() == kind);
      CHECK(fact.message_refused().update_id() == 3);
      CHECK_FALSE(fact.message_refused().external_id().empty());
    }
  }
  CHECK(fact_of(R"({"update_id":3})").message_refused().update_kind() == "none");
}

TEST_CASE("long words are cut between characters and a huge update is not kept raw", "[telegram]") {
  std::string text = "a";
  while (text.size() < telegram::kRawBytesMax) text += "\xC3\xA9";
  const Fact fact = fact_of(private_message("\"text\":\"" + text + "\""));
  CHECK(fact.content().text().size() == telegram::kTextBytesMax - 1);
  CHECK(fact.content().text().ends_with("\xC3\xA9"));
  CHECK(fact.content().raw().empty());
  CHECK(fact.SerializeAsString().size() < telegram::kRawBytesMax);
}

TEST_CASE("a place is a chat and perhaps a topic, and says so both ways", "[telegram]") {
  for (const Chat chat : {Chat{77, 0}, Chat{-100200, 7}, Chat{4503599627370495, 2147483647}}) {
    CHECK(telegram::parse_place(telegram::place_of(chat)) == chat);
  }
  for (const std::string_view place :
       {"console:local", "telegram:", "telegram:x", "telegram:0", "telegram:1/", "telegram:1/0",
        "telegram:1/-2", "telegram:1x"}) {
    INFO(place);
    CHECK_FALSE(telegram::parse_place(place));
  }
}

TEST_CASE("a bot token is a number, a colon and letters that need no escape", "[telegram]") {
  CHECK(telegram::bot_id_of("123456:AAH-x_9") == 123456);
  for (const std::string_view token : {"", "123456", "123456:", ":AA", "0:AA", "-1:AA", "12a:AA",
                                       "1:A/..", "1:A B", "1:A\r\nX", "99999999999999999999:A"}) {
    INFO(token);
    CHECK_FALSE(telegram::bot_id_of(token));
  }
}

TEST_CASE("what is sent never previews links and never names a parse mode", "[telegram]") {
  const Json post = Json::parse(telegram::send_message_body({-5, 7}, "a <b> \"c\"\n", 51));
  CHECK(post == Json::parse(R"({"chat_id":-5,"message_thread_id":7,"text":"a <b> \"c\"\n",
      "link_preview_options":{"is_disabled":true},
      "reply_parameters":{"message_id":51,"allow_sending_without_reply":true}})"));
  const Json plain = Json::parse(telegram::send_message_body({5, 0}, "x", 0));
  CHECK(plain ==
        Json::parse(R"({"chat_id":5,"text":"x","link_preview_options":{"is_disabled":true}})"));
  const Json edit = Json::parse(telegram::edit_message_body({5, 7}, 60, "y"));
  CHECK(edit == Json::parse(R"({"chat_id":5,"message_id":60,"text":"y",
      "link_preview_options":{"is_disabled":true}})"));
  CHECK(Json::parse(telegram::delete_message_body({5, 7}, 60)) ==
        Json::parse(R"({"chat_id":5,"message_id":60})"));
  CHECK(Json::parse(telegram::typing_body({5, 7})) ==
        Json::parse(R"({"chat_id":5,"message_thread_id":7,"action":"typing"})"));
  CHECK(Json::parse(telegram::answer_callback_body("cb")) ==
        Json::parse(R"({"callback_query_id":"cb"})"));
}

TEST_CASE("a poll asks for four kinds of update, and names no offset unless it has one",
          "[telegram]") {
  CHECK(Json::parse(telegram::get_updates_body(std::nullopt, 100)) ==
        Json::parse(R"({"timeout":50,"limit":100,"allowed_updates":
            ["message","edited_message","callback_query","my_chat_member"]})"));
  CHECK(Json::parse(telegram::get_updates_body(900101, 50))["offset"] == 900101);
}

TEST_CASE("our command menu is recognised when Telegram shows it", "[telegram]") {
  const Json wanted = Json::parse(telegram::set_commands_body())["commands"];
  CHECK(wanted.size() == commands().size());
  CHECK(wanted.size() <= 100);
  for (const Json& row : wanted) {
    const std::string name = row["command"];
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos);
    CHECK(row["description"].get<std::string>().size() <= 256);
  }
  JsonReader reader;
  CHECK(telegram::shows_our_commands(*reader.read(wanted.dump())));
  CHECK_FALSE(telegram::shows_our_commands(*reader.read("[]")));
  Json changed = wanted;
  changed[0]["description"] = "else";
  CHECK_FALSE(telegram::shows_our_commands(*reader.read(changed.dump())));
}

struct Row {
  int status;
  std::string body;
  Outcome::Kind kind;
};

std::string refusal(int code, const std::string& description) {
  return Json{{"ok", false}, {"error_code", code}, {"description", description}}.dump();
}

TEST_CASE("every answer is classed as done, not done, or unknown", "[telegram]") {
  using Kind = Outcome::Kind;
  const std::vector<Row> table = {
      {200, R"({"ok":true,"result":true})", Kind::kDone},
      {200, "", Kind::kUnknown},
      {200, R"({"ok":true,"res)", Kind::kUnknown},
      {200, "<html>welcome</html>", Kind::kUnknown},
      {302, "", Kind::kUnknown},
      {400, refusal(400, "Bad Request: chat not found"), Kind::kRefused},
      {400, refusal(400, "Bad Request: message is too long"), Kind::kRefused},
      {400, refusal(400, "Bad Request: message text is empty"), Kind::kEmpty},
      {400, refusal(400, "Bad Request: message can't be edited"), Kind::kTargetLost},
      {400, refusal(400, "Bad Request: message thread not found"), Kind::kThreadLost},
      {400, refusal(400, "Bad Request: message is not modified: specified new"),
       Kind::kNotModified},
      {400, refusal(400, "Bad Request: message to edit not found"), Kind::kTargetLost},
      {400, refusal(400, "Bad Request: message to delete not found"), Kind::kTargetLost},
      {400, refusal(400, "Bad Request: message can't be deleted for everyone"), Kind::kTargetLost},
      {400, refusal(400, "Bad Request: MESSAGE_ID_INVALID"), Kind::kTargetLost},
      {400, refusal(400, "Bad Request: message to be replied not found"), Kind::kReplyTargetLost},
      {400, refusal(400, "Bad Request: group chat was upgraded to a supergroup chat"),
       Kind::kRefused},
      {401, refusal(401, "Unauthorized"), Kind::kUnauthorized},
      {401, refusal(401, "Unauthorized: invalid token specified"), Kind::kUnauthorized},
      {403, refusal(403, "Forbidden: bot was blocked by the user"), Kind::kRefused},
      {404, refusal(404, "Not Found"), Kind::kUnauthorized},
      {404, refusal(404, "Not Found: method not found"), Kind::kRefused},
      {404, "<html>nginx</html>", Kind::kUnknown},
      {409, refusal(409, "Conflict: terminated by other getUpdates request"), Kind::kConflict},
      {413, "<html>too large</html>", Kind::kUnknown},
      {429, refusal(429, "Too Many Requests: retry after 17"), Kind::kLimited},
      {429, "slow down", Kind::kLimited},
      {500, refusal(500, "Internal Server Error: restart"), Kind::kUnknown},
      {502, "<html>502</html>", Kind::kUnknown},
      {504, "", Kind::kUnknown},
  };
  for (const Row& row : table) {
    INFO(row.status << ' ' << row.body);
    JsonReader reader;
    const auto parsed = reader.read(row.body);
    const Outcome outcome = telegram::outcome_of(row.status, {}, parsed ? *parsed : JsonValue());
    CHECK(outcome.kind == row.kind);
    CHECK(outcome.status == row.status);
    CHECK(outcome.detail.empty() == (row.kind == Kind::kDone));
  }
}

TEST_CASE("a broken call is unknown if it was handed over and not sent if it was not",
          "[telegram]") {
  using Reason = ReplyFailed::Reason;
  for (const Reason reason :
       {Reason::kResolve, Reason::kConnect, Reason::kTls, Reason::kClosed, Reason::kStalled,
        Reason::kProtocol, Reason::kTooLarge, Reason::kRefused}) {
    CHECK(telegram::outcome_of(ReplyFailed{reason, false, "why"}).kind == Outcome::Kind::kNotSent);
    CHECK(telegram::outcome_of(ReplyFailed{reason, true, "why"}).kind == Outcome::Kind::kUnknown);
  }
  CHECK(telegram::outcome_of(ReplyFailed{Reason::kClosed, true, std::string(9'000, 'x')})
            .detail.size() == telegram::kDetailBytesMax);
}

TEST_CASE("how long to wait is what Telegram says, bounded, or a default", "[telegram]") {
  JsonReader reader;
  const auto wait = [&](const std::string& body, const std::string& header) {
    const auto parsed = reader.read(body);
    return telegram::outcome_of(429, {{"retry-after", header}}, parsed ? *parsed : JsonValue())
        .retry_after;
  };
  const std::string said = R"({"ok":false,"error_code":429,"parameters":{"retry_after":17}})";
  CHECK(wait(said, "3") == Duration(17'000));
  CHECK(wait(R"({"ok":false,"error_code":429})", "3") == Duration(3'000));
  CHECK(wait("busy", "60") == Duration(60'000));
  CHECK(wait("busy", "soon") == telegram::kRetryAfterDefault);
  CHECK(wait("busy", "0") == telegram::kRetryAfterMin);
  CHECK(wait("busy", "-4") == telegram::kRetryAfterDefault);
  CHECK(wait("busy", "99999999999") == telegram::kRetryAfterMax);
}

}  // namespace daybook::telegram_codec_test
