// `daybook ask` and `chat`: talking through the running daemon, which streams the events back.
#include <unistd.h>

#include <cstdio>

#include "tools/control_client.h"
#include "tools/journal_view.h"
#include "tools/onlooker.h"
#include "tools/terminal.h"
#include "tools/tool.h"

namespace daybook {
namespace {

using Json = ControlClient::Json;

constexpr std::string_view kDefaultPlace = "terminal:default";
constexpr std::string_view kPrompt = "> ";
constexpr Duration kLook{200};
constexpr std::size_t kTextBytesMax = 60u << 10;

std::string string_at(const Json& line, const char* key) {
  const auto found = line.find(key);
  return found != line.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Shows one answer as it grows. A retried attempt begins its text anew, on a line of its own.
class AnswerPrinter {
 public:
  explicit AnswerPrinter(const Tool& tool) : tool_(tool) {}

  void show(const Json& event) {
    if (tool_.json) {
      print_line(event.dump());
      std::fflush(stdout);
      return;
    }
    const std::string kind = string_at(event, "kind");
    // The first one is ours; others may write at the same place meanwhile.
    if (kind == "MessageReceived" && asked_ == 0) asked_ = event.value("seq", Json(0));
    // A /retry is answered as the message that it asks again.
    if (kind == "LeafMoved" && string_at(event, "why") == "RETRY" &&
        event.value("answers", Json(0)) == asked_) {
      again_ = event.value("to", Json(0));
    }
    if (kind == "TurnStarted") turn_ = started(event) ? event.value("seq", Json(0)) : turn_;
    if (kind == "ChunkReceived" && event.value("turn", Json(0)) == turn_) chunk(event);
    if (kind == "TurnRetried" && event.value("turn", Json(0)) == turn_) retried();
    if (kind == "StepStarted" && event.value("turn", Json(0)) == turn_) stepped();
    if (kind == "TurnCompleted" && event.value("turn", Json(0)) == turn_) completed(event);
    if (kind == "TurnFailed" || kind == "TurnAbandoned") failed(event);
    if (kind == "TurnCancelled" && event.value("turn", Json(0)) == turn_) cancelled(event);
    if (kind == "NoticeIssued" && string_at(event, "topic") != "terminal") {
      line(string_at(event, "text"));
    }
    std::fflush(stdout);
  }

  // The number of the message that is answered; 0: not recorded yet.
  [[nodiscard]] Seq asked() const { return asked_.is_number_unsigned() ? asked_.get<Seq>() : 0; }

 private:
  [[nodiscard]] bool started(const Json& event) const {
    const auto answers = event.find("answers");
    if (answers == event.end()) return false;
    for (const Json& seq : *answers) {
      if (seq == asked_ || (again_ != 0 && seq == again_)) return true;
    }
    return false;
  }

  void chunk(const Json& event) {
    if (string_at(event, "chunk_kind") != "TEXT") return;
    const std::string text = string_at(event, "text");
    shown_ += text;
    print(terminal_text(text));
  }

  void retried() {
    if (!shown_.empty()) line("(the connection broke; once more)");
    shown_.clear();
  }

  // It used tools and goes on.
  void stepped() {
    if (!shown_.empty()) line("");
    shown_.clear();
  }

  // Chunks may be missing when the daemon restarted; the whole answer is in the event.
  void completed(const Json& event) {
    std::string text = string_at(event, "text");
    // What an earlier turn said of the same answer was shown then.
    text.erase(0, event.value("earlier_bytes", std::size_t{0}));
    const bool grows = text.starts_with(shown_);
    if (grows) print(terminal_text(std::string_view(text).substr(shown_.size())));
    shown_ = text;
    const std::string stood_in = string_at(event, "stood_in");
    line(stood_in.empty() ? "" : "(Answered by " + stood_in + ".)");
  }

  // One that makes way for what was written since is followed by its answer.
  void cancelled(const Json& event) {
    line(event.value("for_message", Seq{0}) == 0 ? "(stopped)" : "");
  }

  void failed(const Json& event) {
    if (event.value("turn", Json(0)) == turn_) line(string_at(event, "detail"));
  }

  void line(const std::string& text) {
    if (!shown_.empty() && !shown_.ends_with('\n')) print_line("");
    shown_.clear();
    if (!text.empty()) print_line(terminal_text(text));
  }

  const Tool& tool_;
  Json asked_ = 0;
  Json again_ = 0;  // what a /retry asks
  Json turn_ = 0;
  std::string shown_;
};

// The number of the message.
Result<Seq> converse(const Tool& tool, ControlClient& client, const std::string& place,
                     const std::string& text) {
  if (text.size() > kTextBytesMax) {
    return Error{"the text is longer than 60 KiB; say it in pieces", ExitCode::kUsage};
  }
  auto asked = client.ask({{"verb", "say"}, {"place", place}, {"text", text}});
  if (!asked) return asked.error();
  AnswerPrinter printer(tool);
  while (true) {
    auto line = client.next();
    if (!line) return line.error();
    if (ControlClient::is_last(*line)) return printer.asked();
    printer.show(*line);
  }
}

// A place as it is written, or what a session's number or the beginning of its place stands for.
Result<std::string> place_of(const std::string& directory, const std::string& session) {
  if (session.empty()) return std::string(kDefaultPlace);
  if (session.find(':') == std::string::npos && parse_seq(session) == 0) {
    auto known = JournalView::open(directory);
    if (!known) return known.error();
    auto id = (*known)->find_session(session);
    // A new name opens a conversation of its own at this terminal.
    if (!id) return "terminal:" + session;
    return (*known)->gateway().directory().session(*id)->place();
  }
  if (session.find(':') != std::string::npos) return session;
  auto view = JournalView::open(directory);
  if (!view) return view.error();
  auto id = (*view)->find_session(session);
  if (!id) return id.error();
  return (*view)->gateway().directory().session(*id)->place();
}

struct Conversation {
  std::string directory;
  std::string place;
  ControlClient client;
};

Result<Conversation> open_conversation(const Tool& tool, const std::string& session) {
  auto directory = tool.journal_directory();
  if (!directory) return directory.error();
  auto client = ControlClient::connect(control_socket_path(*directory));
  if (!client) return client.error();
  if (!client->has_value()) {
    const std::string data = tool.data.empty() ? "" : " --data " + tool.data;
    return Error{"daybookd does not run on " + *directory + "; start it with `daybookd" + data +
                     "`, or talk without it: daybookd --console" + data,
                 ExitCode::kUnavailable};
  }
  auto place = place_of(*directory, session);
  if (!place) return place.error();
  return Conversation{*directory, std::move(place).value(), std::move(**client)};
}

Result<std::string> read_all_input() {
  std::string text;
  int letter = std::getchar();
  while (letter != EOF && text.size() <= kTextBytesMax) {
    text += static_cast<char>(letter);
    letter = std::getchar();
  }
  return text;
}

Result<void> run_ask(const Tool& tool, const std::string& session,
                     const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  if (text == "-") {
    auto input = read_all_input();
    if (!input) return input.error();
    text = std::move(input).value();
    text.erase(text.find_last_not_of(" \t\r\n") + 1);
  }
  auto conversation = open_conversation(tool, session);
  if (!conversation) return conversation.error();
  auto said = converse(tool, conversation->client, conversation->place, text);
  return said ? Result<void>() : Result<void>(said.error());
}

void print_news(const Tool& tool, const std::vector<Onlooker::News>& news) {
  for (const Onlooker::News& one : news) {
    const std::string who = one.who.empty() ? "" : bold(tool, terminal_text(one.who) + ": ");
    print_line(who + terminal_text(one.text));
  }
}

// One line; until it comes, what others say there is shown.
Result<std::optional<std::string>> prompt_among_others(const Tool& tool, Onlooker& onlooker) {
  print(kPrompt);
  flush_output();
  while (!input_waits(kLook)) {
    auto news = onlooker.look();
    if (!news) return news.error();
    if (news->empty()) continue;
    print("\r");
    print_news(tool, *news);
    print(kPrompt);
    flush_output();
  }
  return ask_line("");
}

Result<void> run_chat(const Tool& tool, const std::string& session) {
  auto conversation = open_conversation(tool, session);
  if (!conversation) return conversation.error();
  std::optional<Onlooker> onlooker;
  if (isatty(STDIN_FILENO) != 0) {
    auto looking = Onlooker::at(conversation->directory, conversation->place);
    if (!looking) return looking.error();
    onlooker.emplace(std::move(looking).value());
    print_line(dimmed(tool, "Talking at " + terminal_text(conversation->place) +
                                ". /help lists commands; Ctrl-D ends."));
  }
  while (true) {
    auto text = onlooker.has_value() ? prompt_among_others(tool, *onlooker)
                                     : Result<std::optional<std::string>>(ask_line(""));
    if (!text) return text.error();
    if (!text->has_value()) break;
    if ((*text)->empty()) continue;
    auto said = converse(tool, conversation->client, conversation->place, **text);
    if (!said && said.error().code != ExitCode::kUsage) return said.error();
    if (!said) print_line(terminal_text(said.error().message));
    if (said && onlooker.has_value()) onlooker->said(*said);
  }
  if (onlooker.has_value()) print_line("");
  return {};
}

}  // namespace

void add_ask(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "ask", Group::kTalk, "say one thing and print the answer",
                            "daybook ask --session notes \"what is left to do?\"");
  const auto session = std::make_shared<std::string>();  // lives as long as the callback
  const auto words = std::make_shared<std::vector<std::string>>();
  verb->add_option("--session", *session, "a session's number or place, or a name of your own");
  verb->add_option("text", *words, "what to say; - reads it from stdin")->required();
  verb->add_flag("--json", tool.json, "print the events, one JSON object a line");
  verb->callback([&tool, session, words] {
    tool.chosen = [&tool, session, words] { return run_ask(tool, *session, *words); };
  });
}

void add_chat(CLI::App& app, Tool& tool) {
  CLI::App* verb =
      add_verb(app, "chat", Group::kTalk, "talk, line by line, here or in another chat",
               "daybook chat telegram:12345");
  const auto session = std::make_shared<std::string>();  // lives as long as the callback
  verb->add_option("session", *session, "a session's number or place, or a name of your own");
  verb->add_flag("--json", tool.json, "print the events, one JSON object a line");
  verb->callback(
      [&tool, session] { tool.chosen = [&tool, session] { return run_chat(tool, *session); }; });
}

}  // namespace daybook
