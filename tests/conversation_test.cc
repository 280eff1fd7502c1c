// Conversations as both sides see them: tests/scripts/talk holds what is said and all that comes of
// it. A script is its own expectation; DAYBOOK_GOLDEN=write writes the replies anew.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "core/command.h"
#include "core/context.h"
#include "core/continuing.h"
#include "core/health.h"
#include "core/late.h"
#include "core/tools.h"
#include "tests/places.h"
#include "tests/telling.h"
#include "tools/replay.h"

namespace daybook::conversation_test {

using testing::Telling;

// What a script says:
//
//   12> text              somebody writes; the number is the message's on the screen
//   12> (edits 3) text    the same as an edit of message 3
//   12> (answers 3) text  in reply to message 3
//   12> (times 300) text  a long one: the text so often
//   12> (piece) text      and the next message comes before anybody can have waited for it
//   12> (old 45) text     written so many minutes ago, seen only now
//   12> (chat 78) text    in another chat, by another person; what comes of it is marked alike
//   13< text              the model's answer
//   13* text              the gateway's own words
//   ! crash               the process is killed and comes back
//   ! thinks              from now on the model begins to answer and does not come to an end
//   ! answers             it does, and with all that waited
//   ! fails CLASS after X the next attempt ends so: RATE, ...; with "after" for good, having said X
//   ! fails CLASS times N the next N attempts end so
//   ! runs out N          the next N answers come to the model's output limit
//   ! looks N             the model uses a tool N times before it answers, as far as it may
//   ! quotes WORDS        the next answer is what it is told in a line that begins so
//   ! passes N            so many minutes go by
//   ! away N              the process is gone for so many hours, longer than messages are kept
//   ! KEY=VALUE           a field of SettingsLoaded from now on
class Conversation {
 public:
  static constexpr std::int64_t kChat = Telling::kUser;

  // The script with its replies as they come today.
  std::string told(const std::string& script) {
    std::istringstream lines(script);
    bool reply = false;  // a line that goes on with one
    for (std::string line; std::getline(lines, line);) {
      const std::size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
      const std::string_view rest = std::string_view(line).substr(digits);
      if (rest.starts_with("> ")) {
        say(std::string(rest.substr(2)));
      } else if (rest.starts_with("! ")) {
        out_ += line + "\n";
        order(std::string(rest.substr(2)));
      } else if (rest.empty() || rest.starts_with('#')) {
        out_ += line + "\n";
      } else {
        reply = true;
      }
    }
    REQUIRE(reply == !script.empty());
    return out_;
  }

  // Every decision is made again from the facts, and every prompt from its turn.
  void check_replay() {
    const auto report = replay_check(told_.log, 0);
    REQUIRE(report);
    CHECK(report->divergence == "");
  }

 private:
  void say(std::string text) {
    std::int64_t edits = 0;
    std::int64_t answers = 0;
    std::int64_t times = 1;
    const std::string said = std::to_string(++message_) + "> " + text + "\n";
    const bool piece = text.starts_with("(piece) ");
    if (piece) text.erase(0, text.find(") ") + 2);
    const auto take = [&](const std::string& word, std::int64_t* number) {
      if (!text.starts_with("(" + word + " ")) return;
      const std::size_t end = text.find(") ");
      *number = std::stoll(text.substr(word.size() + 2, end));
      text.erase(0, end + 2);
    };
    std::int64_t old = 0;
    std::int64_t chat = kChat;
    take("old", &old);
    take("chat", &chat);
    chats_.insert(chat);
    take("edits", &edits);
    take("answers", &answers);
    take("times", &times);
    out_ += said;
    for (const std::string once = text; times > 1; --times) text += once;
    told_.pass(1'000);
    if (edits != 0) {
      edit(edits, text);
    } else {
      Fact fact = message_of(answers, text);
      MessageReceived* body = fact.mutable_message_received();
      body->set_place(place_of(chat));
      body->set_user(chat);
      if (old != 0) body->set_date(to_milliseconds(told_.now) / 1'000 - 60 * old);
      told_.record(std::move(fact));
    }
    pump(!piece);
  }

  Fact message_of(std::int64_t answers, const std::string& text) const {
    Fact fact;
    MessageReceived* body = fact.mutable_message_received();
    body->set_place(Telling::kChat);
    body->set_source("telegram:1");
    body->set_update_id(message_);
    body->set_external_id("update " + std::to_string(message_));
    body->set_user(Telling::kUser);
    body->set_message_id(message_);
    body->set_reply_to(answers);
    if (const auto command = parse_command(text, "")) {
      body->set_command(recorded_name(*command));
      fact.mutable_content()->set_arguments(command->arguments);
    }
    fact.mutable_content()->set_text(text);
    return fact;
  }

  void edit(std::int64_t message, const std::string& text) {
    Fact fact;
    MessageEdited* body = fact.mutable_message_edited();
    body->set_place(Telling::kChat);
    body->set_source("telegram:1");
    body->set_update_id(message_);
    body->set_external_id("update " + std::to_string(message_));
    body->set_user(Telling::kUser);
    body->set_message_id(message);
    fact.mutable_content()->set_text(text);
    told_.record(std::move(fact));
  }

  void order(const std::string& words) {
    if (words == "crash") {
      told_.crash();
    } else if (words.starts_with("fails ")) {
      const std::size_t after = std::min(words.find(" after "), words.size());
      REQUIRE(ErrorClass_Parse(words.substr(6, words.find(' ', 6) - 6), &failure_));
      const std::size_t times = words.find(" times ");
      failures_ = times == words.npos ? 1 : std::stoi(words.substr(times + 7));
      if (after < words.size()) said_before_ = words.substr(after + 7);
    } else if (words == "thinks" || words == "answers") {
      thinks_ = words == "thinks";
    } else if (words.starts_with("runs out ")) {
      runs_out_ = std::stoi(words.substr(9));
    } else if (words.starts_with("looks ")) {
      looks_ = std::stoi(words.substr(6));
    } else if (words.starts_with("quotes ")) {
      quotes_ = words.substr(7);
    } else if (words.starts_with("passes ")) {
      told_.pass(60'000 * std::stoll(words.substr(7)));
    } else if (words.starts_with("away ")) {
      stay_away(std::stoll(words.substr(5)));
    } else {
      set(words.substr(0, words.find('=')), words.substr(words.find('=') + 1));
    }
    pump();
  }

  void stay_away(std::int64_t hours) {
    Fact gap;
    gap.mutable_updates_gap()->set_source("telegram:1");
    gap.mutable_updates_gap()->set_last_asked(to_milliseconds(told_.now));
    told_.pass(hours * 3'600'000);
    told_.crash();
    told_.record(std::move(gap));
  }

  void set(const std::string& key, const std::string& value) {
    settings_[key] = value;
    Fact fact = Telling::telegram_settings("openai:gpt-4o-mini");
    SettingsLoaded* body = fact.mutable_settings_loaded();
    body->set_compact_percent(75);
    for (const auto& [name, wanted] : settings_) {
      INFO(name);
      if (name == "providers") {
        *body->add_providers() = Telling::telegram_settings("").settings_loaded().providers(1);
        body->mutable_providers(body->providers_size() - 1)->set_name(wanted);
        continue;
      }
      const auto* field = SettingsLoaded::descriptor()->FindFieldByName(name);
      REQUIRE(field != nullptr);
      const auto* reflection = body->GetReflection();
      using Type = google::protobuf::FieldDescriptor;
      if (field->cpp_type() == Type::CPPTYPE_BOOL) {
        reflection->SetBool(body, field, wanted == "true");
      } else if (field->cpp_type() == Type::CPPTYPE_INT64) {
        const std::int64_t number = std::stoll(wanted);
        if (field->is_repeated()) reflection->AddInt64(body, field, number);
        if (!field->is_repeated()) reflection->SetInt64(body, field, number);
      } else if (field->is_repeated()) {
        reflection->AddString(body, field, wanted);
      } else if (field->cpp_type() == Type::CPPTYPE_STRING) {
        reflection->SetString(body, field, wanted);
      } else if (field->cpp_type() == Type::CPPTYPE_UINT64) {
        reflection->SetUInt64(body, field, std::stoull(wanted));
      } else {
        reflection->SetUInt32(body, field, static_cast<std::uint32_t>(std::stoul(wanted)));
      }
    }
    told_.record(std::move(fact));
  }

  // What is held has waited long enough, now or later.
  bool gather(bool waits) {
    Gatherer gatherer(told_.gateway->work());
    if (gatherer.idle()) return false;
    if (waits) told_.now = gatherer.wake_at(told_.now);
    auto due = gatherer.due(Moment{told_.now});
    if (due) told_.record(std::get<Fact>(std::move(*due)));
    return due.has_value();
  }

  static std::string place_of(std::int64_t chat) { return "telegram:" + std::to_string(chat); }

  // The first chat that somebody answers in; 0: there is none.
  [[nodiscard]] std::int64_t answering() const {
    for (const std::int64_t chat : chats_) {
      const SessionRow* row = told_.gateway->directory().at(place_of(chat));
      if (row != nullptr && row->open_turn() != 0) return chat;
    }
    return 0;
  }

  // Until nobody has anything left to say.
  void pump(bool waits = true) {
    while (true) {
      show();
      if (gather(waits)) continue;
      const std::int64_t chat = answering();
      if (chat == 0) return;
      const OpenTurn open = told_.turn(place_of(chat));
      told_.now = std::max(told_.now, from_milliseconds(open.not_before()));
      told_.pass(100);
      if (thinks_ && open.kind() == ANSWER) {
        if (open.last_chunk() == 0) told_.chunk(open, "re: ");
        told_.commit();
        return;
      }
      if (!said_before_.empty()) {
        told_.chunk(open, said_before_);
        told_.fail(open, std::exchange(failure_, ERROR_CLASS_UNSPECIFIED),
                   std::exchange(said_before_, {}), kNotThisRequest);
        told_.commit();
        continue;
      }
      if (failure_ != ERROR_CLASS_UNSPECIFIED) {
        told_.fail_attempt(failure_, 0, 0, "");
        if (--failures_ == 0) failure_ = ERROR_CLASS_UNSPECIFIED;
        continue;
      }
      if (open.using_tools()) {
        settle_tools(open);
        continue;
      }
      const Result<Prompt> prompt = told_.gateway->prompt(open.seq());
      REQUIRE(prompt);
      if (looks_ > 0 && !prompt->tools.empty() && !prompt->tools_closed) {
        look(open);
        continue;
      }
      const std::string& asked = prompt->messages.back().text;
      if (open.kind() != ANSWER) {
        complete(open, STOP, "They spoke of " + std::to_string(asked.size()) + " bytes.");
      } else if (runs_out_ > 0) {
        complete(open, LENGTH, std::to_string(runs_out_--) + " to go, ");
      } else if (!quotes_.empty()) {
        complete(open, STOP, line_of(*prompt, std::exchange(quotes_, {})));
      } else {
        complete(open, STOP, "re: " + asked.substr(0, 60));
      }
    }
  }

  static std::string line_of(const Prompt& prompt, const std::string& beginning) {
    for (const PromptMessage& message : prompt.messages) {
      if (message.role != Entry::USER) continue;
      const std::size_t at = ("\n" + message.text).find("\n" + beginning);
      if (at != std::string::npos) return message.text.substr(at, message.text.find('\n', at) - at);
    }
    return "(no such line)";
  }

  void complete(const OpenTurn& open, Finish finish, const std::string& text) {
    Fact fact;
    fact.mutable_turn_completed()->set_turn(open.seq());
    fact.mutable_turn_completed()->set_attempt(open.attempt());
    fact.mutable_turn_completed()->set_finish(finish);
    fact.mutable_content()->set_text(text);
    told_.record(std::move(fact));
  }

  void look(const OpenTurn& open) {
    Fact request;
    request.mutable_tool_requested()->set_turn(open.seq());
    request.mutable_tool_requested()->set_attempt(open.attempt());
    request.mutable_tool_requested()->set_call_id("call");
    request.mutable_tool_requested()->set_tool(std::string(kJournalSearch));
    request.mutable_content()->set_arguments(search_arguments("boats " + std::to_string(looks_--)));
    told_.record(std::move(request));
    Fact step;
    step.mutable_step_completed()->set_turn(open.seq());
    step.mutable_step_completed()->set_attempt(open.attempt());
    step.mutable_step_completed()->set_finish(TOOL_CALLS);
    told_.record(std::move(step));
  }

  void settle_tools(const OpenTurn& open) {
    for (const ToolCallRow& call : open.steps().rbegin()->calls()) {
      if (call.settled() != 0) continue;
      told_.record(tool_outcome(told_.event(call.request()), "Nothing was found.", {}));
    }
  }

  // What was recorded since the last look and is shown to people.
  void show() {
    for (; told_.gateway->event(shown_ + 1); ++shown_) {
      const Event event = told_.event(shown_ + 1);
      Seq source = event.seq();
      std::string text = event.content().text();
      char sign = '*';
      std::string place = event.notice_issued().place();
      if (event.has_turn_completed()) {
        sign = '<';
        source = event.turn_completed().turn();
        text = own_text(event);
        place = told_.event(source).turn_started().place();
        const std::string& stood_in = event.turn_completed().stood_in();
        if (!stood_in.empty()) text += "\n\n(Answered by " + stood_in + ".)";
        if (told_.event(source).turn_started().kind() != ANSWER) continue;
      } else if (event.has_turn_failed() || event.has_turn_abandoned()) {
        source = ended_turn(event);
        place = told_.event(source).turn_started().place();
        text = event.content().detail();
        const std::string kept(own_text(event));
        if (!kept.empty()) text = kept + "\n\n" + text;
        if (told_.event(source).turn_started().kind() != ANSWER) continue;
      } else if (!event.has_notice_issued()) {
        continue;
      }
      const std::string where = place == Telling::kChat ? "" : "(" + place + ") ";
      out_ += std::to_string(++message_) + sign + " " + where + shown_text(text) + "\n";
      told_.post(source, text, message_);
    }
  }

  // In lines that cannot be taken for another message.
  static std::string shown_text(std::string text) {
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 5) {
      text.replace(at, 1, "\n    ");
    }
    return text;
  }

  Telling told_;
  std::string out_;
  std::map<std::string, std::string> settings_;
  ErrorClass failure_ = ERROR_CLASS_UNSPECIFIED;
  int failures_ = 0;
  std::string said_before_;
  int runs_out_ = 0;
  int looks_ = 0;
  std::string quotes_;
  bool thinks_ = false;
  std::set<std::int64_t> chats_ = {kChat};
  std::int64_t message_ = 0;
  Seq shown_ = 0;
};

TEST_CASE("conversations go as they are written down", "[conversation][golden]") {
  const char* mode = std::getenv("DAYBOOK_GOLDEN");
  const bool writing = mode != nullptr && std::string_view(mode) == "write";
  int scripts = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(source_directory() + "/tests/scripts/talk")) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream script;
    script << file.rdbuf();
    INFO(entry.path());
    Conversation conversation;
    const std::string told = conversation.told(script.str());
    conversation.check_replay();
    if (writing) {
      std::ofstream(entry.path(), std::ios::binary) << told;
    } else {
      CHECK(told == script.str());
    }
    ++scripts;
  }
  CHECK(scripts >= 4);
}

}  // namespace daybook::conversation_test
