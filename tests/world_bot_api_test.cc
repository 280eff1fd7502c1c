// The fake Bot API keeps Telegram's rules, so that tests against it mean something.
#include "tests/world/bot_api.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace daybook::world_bot_api_test {

using nlohmann::json;
using world::BotApi;
using world::BotFault;
using world::HttpRequest;
using world::Output;

constexpr std::int64_t kChat = 77;
const Time kStart = from_milliseconds(1'795'219'200'000);

struct Bot {
  BotApi api{"123456:secret"};
  world::ExchangeId next = 1;

  world::ExchangeId ask(const std::string& method, const json& body, Time now = kStart,
                        const std::string& token = "123456:secret") {
    const HttpRequest request{"POST",
                              "/bot" + token + "/" + method,
                              {{"host", "t"}, {"content-type", "application/json"}},
                              body.dump()};
    api.request(next, request, now);
    return next++;
  }

  // The body of the answer that is there now; null if none is.
  json answer(Time now = kStart) {
    const std::vector<Output> outputs = api.poll(now);
    if (outputs.empty()) return nullptr;
    const std::string& bytes = outputs.back().bytes;
    return json::parse(bytes.substr(bytes.find("\r\n\r\n") + 4));
  }

  json call(const std::string& method, const json& body, Time now = kStart) {
    ask(method, body, now);
    return answer(now);
  }
};

TEST_CASE("updates come again until a higher offset confirms them", "[world]") {
  Bot bot;
  bot.api.say(kChat, "one", kStart);
  bot.api.say(kChat, "two", kStart);
  const json first = bot.call("getUpdates", {{"offset", 0}});
  REQUIRE(first["result"].size() == 2);
  CHECK(first["result"][0]["message"]["text"] == "one");
  const std::int64_t id = first["result"][0]["update_id"];
  const json again = bot.call("getUpdates", {{"offset", id}}, kStart + Duration(1'000));
  CHECK(again["result"] == first["result"]);
  const json rest = bot.call("getUpdates", {{"offset", id + 1}}, kStart + Duration(2'000));
  REQUIRE(rest["result"].size() == 1);
  CHECK(rest["result"][0]["message"]["text"] == "two");
  CHECK(bot.api.unconfirmed() == 1);
  CHECK(bot.api.violations().empty());
}

TEST_CASE("a long poll is answered by the next update or empty at its end", "[world]") {
  Bot bot;
  bot.ask("getUpdates", {{"timeout", 30}});
  CHECK(bot.answer(kStart + Duration(29'999)).is_null());
  CHECK(bot.api.wake_at() == kStart + Duration(30'000));
  CHECK(bot.answer(kStart + Duration(30'000))["result"].empty());
  bot.ask("getUpdates", {{"timeout", 600}}, kStart + Duration(40'000));
  CHECK(bot.api.wake_at() == kStart + Duration(90'000));
  bot.api.say(kChat, "hi", kStart + Duration(41'000));
  CHECK(bot.answer(kStart + Duration(41'000))["result"].size() == 1);
}

TEST_CASE("the same offset in a hurry is damped", "[world]") {
  Bot bot;
  bot.api.say(kChat, "one", kStart);
  bot.api.say(kChat, "two", kStart);
  CHECK(bot.call("getUpdates", {{"offset", 0}})["result"].size() == 2);
  const Time soon = kStart + Duration(100);
  CHECK(bot.call("getUpdates", {{"offset", 0}}, soon)["result"].size() == 1);
}

TEST_CASE("of two pollers the older one is sent away", "[world]") {
  Bot bot;
  const world::ExchangeId older = bot.ask("getUpdates", {{"timeout", 30}});
  bot.ask("getUpdates", {{"timeout", 30}});
  const std::vector<Output> outputs = bot.api.poll(kStart);
  REQUIRE(outputs.size() == 1);
  CHECK(outputs[0].exchange == older);
  CHECK(outputs[0].bytes.starts_with("HTTP/1.1 409 Conflict\r\n"));
  CHECK(bot.api.polled());
}

TEST_CASE("a webhook forbids polling", "[world]") {
  Bot bot;
  bot.api.set_webhook("https://example.org/hook");
  CHECK(bot.call("getUpdates", json::object())["error_code"] == 409);
  CHECK(bot.call("getWebhookInfo", json::object())["result"]["url"] == "https://example.org/hook");
  CHECK(bot.call("deleteWebhook", json::object())["ok"] == true);
  CHECK(bot.call("getUpdates", json::object(), kStart + Duration(5'000))["ok"] == true);
}

TEST_CASE("offsets that lose updates are violations", "[world]") {
  Bot bot;
  bot.call("getUpdates", {{"offset", -1}});
  bot.call("getUpdates", {{"offset", bot.api.last_update_id() + 2}});
  CHECK(bot.api.violations().size() == 2);
}

TEST_CASE("a post appears on the screen and an edit changes it", "[world]") {
  Bot bot;
  const std::int64_t asked = bot.api.say(kChat, "hi", kStart);
  const json post = bot.call(
      "sendMessage",
      {{"chat_id", kChat}, {"text", "hello\n"}, {"reply_parameters", {{"message_id", asked}}}});
  REQUIRE(post["ok"] == true);
  CHECK(post["result"]["text"] == "hello");
  const std::int64_t id = post["result"]["message_id"];
  const json edit = {{"chat_id", kChat}, {"message_id", id}, {"text", "hello there"}};
  CHECK(bot.call("editMessageText", edit)["ok"] == true);
  CHECK(bot.call("editMessageText", edit)["description"] ==
        "Bad Request: message is not modified: specified new message content and reply markup are "
        "exactly the same as a current content and reply markup of the message");
  REQUIRE(bot.api.screen(kChat).size() == 1);
  CHECK(bot.api.screen(kChat)[0].text == "hello there");
  CHECK(bot.api.screen(kChat)[0].shown.size() == 2);
  CHECK(bot.api.screen(kChat)[0].reply_to == asked);
  CHECK(bot.api.shows(kChat, "hello there") == 1);
  CHECK(bot.call("deleteMessage", {{"chat_id", kChat}, {"message_id", id}})["ok"] == true);
  CHECK(bot.api.screen(kChat).empty());
}

TEST_CASE("refusals use the server's words", "[world]") {
  Bot bot;
  bot.api.say(kChat, "hi", kStart);
  const auto words = [&](const std::string& method, json body) {
    return bot.call(method, body)["description"].get<std::string>();
  };
  CHECK(words("sendMessage", {{"chat_id", 1}, {"text", "x"}}) == "Bad Request: chat not found");
  CHECK(words("sendMessage", {{"chat_id", kChat}, {"text", " \n"}}) ==
        "Bad Request: message text is empty");
  CHECK(words("editMessageText", {{"chat_id", kChat}, {"message_id", 9}, {"text", "x"}}) ==
        "Bad Request: message to edit not found");
  CHECK(words("deleteMessage", {{"chat_id", kChat}, {"message_id", 9}}) ==
        "Bad Request: message to delete not found");
  CHECK(words("sendMessage",
              {{"chat_id", kChat}, {"text", "x"}, {"reply_parameters", {{"message_id", 9}}}}) ==
        "Bad Request: message to be replied not found");
  CHECK(words("sendSticker", json::object()) == "Not Found: method not found");
  bot.api.say(-5, "hi", kStart);
  bot.api.migrate(-5, -1005, kStart);
  CHECK(words("sendMessage", {{"chat_id", -5}, {"text", "x"}}) ==
        "Bad Request: group chat was upgraded to a supergroup chat");
  CHECK(bot.call("sendMessage",
                 {{"chat_id", -5}, {"text", "x"}})["parameters"]["migrate_to_chat_id"] == -1005);
  CHECK(bot.call("sendMessage", {{"chat_id", -1005}, {"text", "x"}})["ok"] == true);
  bot.api.block(kChat);
  CHECK(words("sendMessage", {{"chat_id", kChat}, {"text", "x"}}) ==
        "Forbidden: bot was blocked by the user");
  bot.ask("getMe", json::object(), kStart, "123456:wrong");
  CHECK(bot.answer()["error_code"] == 401);
}

TEST_CASE("a message may have 4096 code points however many bytes they take", "[world]") {
  Bot bot;
  bot.api.say(kChat, "hi", kStart);
  std::string faces;
  for (int i = 0; i < 4096; ++i) faces += "\U0001F600";
  CHECK(bot.call("sendMessage", {{"chat_id", kChat}, {"text", faces}})["ok"] == true);
  faces += "!";
  CHECK(bot.call("sendMessage", {{"chat_id", kChat}, {"text", faces}})["description"] ==
        "Bad Request: message is too long");
}

TEST_CASE("a fault decides whether the method happens and how its answer ends", "[world]") {
  Bot bot;
  bot.api.say(kChat, "hi", kStart);
  bot.api.fail("sendMessage", 1, BotFault::lost(true));
  bot.api.fail("sendMessage", 2, BotFault::lost(false));
  bot.api.fail("sendMessage", 3, BotFault::cut(20));
  bot.api.fail("sendMessage", 4, BotFault::bad_gateway(false));
  bot.api.fail("sendMessage", 5, BotFault::stall(true));
  const json body = {{"chat_id", kChat}, {"text", "x"}};
  const auto send = [&] {
    bot.ask("sendMessage", body);
    return bot.api.poll(kStart).back();
  };
  CHECK(send() == Output{1, "", Output::After::kReset});
  CHECK(bot.api.shows(kChat, "x") == 1);
  CHECK(send() == Output{2, "", Output::After::kReset});
  CHECK(bot.api.shows(kChat, "x") == 1);
  CHECK(send() == Output{3, "HTTP/1.1 200 OK\r\nSer", Output::After::kClose});
  CHECK(bot.api.shows(kChat, "x") == 2);
  CHECK(send().bytes.find("<h1>502 Bad Gateway</h1>") != std::string::npos);
  CHECK(bot.api.shows(kChat, "x") == 2);
  CHECK(send() == Output{5, "", Output::After::kMore});
  CHECK(bot.api.shows(kChat, "x") == 3);
}

TEST_CASE("who calls a chat before retry_after has passed is in violation", "[world]") {
  Bot bot;
  bot.api.say(kChat, "hi", kStart);
  bot.api.fail("sendMessage", 1, BotFault::too_many_requests(17));
  const json body = {{"chat_id", kChat}, {"text", "x"}};
  bot.ask("sendMessage", body);
  const std::string bytes = bot.api.poll(kStart).back().bytes;
  CHECK(bytes.find("Retry-After: 17\r\n") != std::string::npos);
  CHECK(bytes.ends_with(R"("error_code":429,"ok":false,"parameters":{"retry_after":17}})"));
  bot.call("sendMessage", body, kStart + Duration(16'999));
  CHECK(bot.api.violations().size() == 1);
  bot.call("sendMessage", body, kStart + Duration(17'000));
  CHECK(bot.api.violations().size() == 1);
}

TEST_CASE("people edit their messages and delete the bot's", "[world]") {
  Bot bot;
  const std::int64_t asked = bot.api.say(kChat, "hi", kStart);
  bot.api.edit(kChat, asked, "hi there", kStart);
  const json updates = bot.call("getUpdates", json::object())["result"];
  REQUIRE(updates.size() == 2);
  CHECK(updates[1]["edited_message"]["text"] == "hi there");
  CHECK(updates[1]["edited_message"]["message_id"] == asked);
  const json post = bot.call("sendMessage", {{"chat_id", kChat}, {"text", "x"}});
  const std::int64_t id = post["result"]["message_id"];
  bot.api.remove(kChat, id);
  CHECK(bot.api.screen(kChat).empty());
  CHECK(bot.call("editMessageText",
                 {{"chat_id", kChat}, {"message_id", id}, {"text", "y"}})["description"] ==
        "Bad Request: message to edit not found");
  CHECK(bot.api.log().back().status == 400);
}

TEST_CASE("commands are kept as they were set", "[world]") {
  Bot bot;
  CHECK(bot.call("getMyCommands", json::object())["result"].empty());
  const json commands = {{{"command", "help"}, {"description", "what there is"}}};
  CHECK(bot.call("setMyCommands", {{"commands", commands}})["ok"] == true);
  CHECK(bot.call("getMyCommands", json::object())["result"] == commands);
  CHECK(json::parse(bot.api.commands()) == commands);
}

}  // namespace daybook::world_bot_api_test
