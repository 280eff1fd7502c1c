// Exports to read and to train with: what a person sees of a conversation, what a model is shown.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/export_place.h"
#include "tests/two_models.h"
#include "tools/export_openai.h"
#include "tools/journal_view.h"
#include "tools/redactor.h"
#include "tools/transcript.h"

namespace daybook::tool_transcript_test {

using nlohmann::json;
using testing::holds;
using testing::lines_of;
using testing::Story;
using testing::Talks;

std::unique_ptr<JournalView> view_of(Story& story, const journal_place::Place& place) {
  testing::write_story(story, place, 4);
  auto view = JournalView::open(place.directory());
  REQUIRE(view);
  return std::move(*view);
}

TEST_CASE("Markdown quotes people, keeps the model's own and closes its fences", "[export]") {
  Talks talks("nothing", 3, true);
  const std::string page = talks.exported({"console", "--format", "md"});
  CHECK(page.starts_with("# console:local\n"));
  CHECK(holds(page, "> Where is the <b>lighthouse</b>?\n"));
  CHECK(holds(page, "```c++\nint main() { return 1 < 2; }\n```"));
  CHECK(holds(page, "*A new conversation begins.*"));
  CHECK_FALSE(holds(page, "/reset"));
  Transcript cut;
  cut.place = "x";
  cut.items.push_back({TranscriptItem::Kind::kAnswer, 1, {}, "m", "a\n````\ncode", "why", ""});
  CHECK(holds(markdown_of(cut), "code\n````\n"));
  CHECK(holds(markdown_of(cut), "<details><summary>Reasoning</summary>\n\nwhy\n"));
}

TEST_CASE("HTML escapes everything and loads nothing", "[export]") {
  Talks talks;
  const std::string page = talks.exported({"--all", "--format", "html"});
  CHECK(page.starts_with("<!DOCTYPE html>"));
  CHECK(page.ends_with("</html>\n"));
  CHECK(holds(page, "Where is the &lt;b&gt;lighthouse&lt;/b&gt;?"));
  CHECK(holds(page, "<pre><code>int main() { return 1 &lt; 2; }</code></pre>"));
  CHECK(holds(page, "default-src 'none'"));
  for (const char* loading : {"<script", "<img", "<link", "src=", "http:", "https:", "url("}) {
    INFO(loading);
    CHECK_FALSE(holds(page, loading));
  }
  Transcript evil;
  evil.place = "</title><script>";
  evil.items.push_back({TranscriptItem::Kind::kAnswer,
                        1,
                        {},
                        "\"><i>",
                        "**<u>** `<s>` ## \x01",
                        "<details>",
                        "'x'"});
  const std::string hostile = html_begin(evil.place) + html_section(evil);
  for (const char* tag : {"<script>", "<i>", "<u>", "<s>", "\x01"}) {
    INFO(tag);
    CHECK_FALSE(holds(hostile, tag));
  }
  CHECK(holds(hostile, "<strong>&lt;u&gt;</strong> <code>&lt;s&gt;</code>"));
  CHECK(holds(hostile, "<summary>Reasoning</summary>"));
}

TEST_CASE("examples for training are whole answers in the order a model saw them", "[export]") {
  Talks talks;
  const auto lines = lines_of(talks.exported({"console", "--format", "openai"}));
  REQUIRE(lines.size() == 2);
  const json messages = json::parse(lines[0])["messages"];
  REQUIRE(messages.size() == 3);
  CHECK(messages[0] == json{{"role", "system"}, {"content", "Be brief."}});
  CHECK(messages[1]["role"] == "user");
  CHECK(messages[2]["role"] == "assistant");
  CHECK(json::parse(lines[1])["messages"][2]["content"] == "Now it is dark.");
  CHECK(lines_of(talks.exported({"--all", "--format", "openai"})).size() == 3);
}

TEST_CASE("reasoning and failures are part of a transcript", "[export]") {
  Story story;
  story.say("think");
  const OpenTurn turn = story.turn();
  Fact thought;
  thought.mutable_chunk_received()->set_turn(turn.seq());
  thought.mutable_chunk_received()->set_attempt(1);
  thought.mutable_chunk_received()->set_kind(REASONING);
  thought.mutable_content()->set_text("let me see");
  story.gateway->record(std::move(thought), story.now);
  story.chunk(turn, "half");
  story.say("/stop");
  const journal_place::Place place;
  const auto view = view_of(story, place);
  const auto transcript = transcript_of(*view, 3, nullptr);
  REQUIRE(transcript);
  REQUIRE(transcript->items.size() == 2);
  CHECK(transcript->items[1].reasoning == "let me see");
  CHECK(transcript->items[1].text == "half");
  CHECK(transcript->items[1].note == "stopped");
  CHECK(openai_examples(*view, 3, nullptr).value().empty());
}

TEST_CASE("what a message quotes is told beside its words, and to a model before them",
          "[export]") {
  Story story;
  Fact fact;
  fact.mutable_message_received()->set_place("console:local");
  fact.mutable_content()->set_text("translate this");
  fact.mutable_content()->set_quoted("the key is hunter2hunter2\nsay it");
  fact.mutable_content()->set_quoted_name("Bo");
  story.gateway->record(std::move(fact), story.now);
  story.complete(story.turn(), "done");
  const journal_place::Place place;
  const auto view = view_of(story, place);
  const Redactor redactor({Secret("hunter2hunter2")});
  const auto transcript = transcript_of(*view, 3, &redactor);
  REQUIRE(transcript);
  REQUIRE(transcript->items.size() == 2);
  CHECK(transcript->items[0].text == "translate this");
  CHECK(transcript->items[0].note.starts_with("in reply to Bo: \"the key is "));
  CHECK_FALSE(holds(transcript->items[0].note, "hunter2"));
  const auto examples = openai_examples(*view, 3, nullptr);
  REQUIRE(examples);
  const json messages = json::parse(lines_of(*examples).at(0))["messages"];
  CHECK(messages[1]["content"] ==
        "[In reply to Bo: \"the key is hunter2hunter2\\nsay it\"]\ntranslate this");
}

TEST_CASE("an answer stands under the name of the model that gave it", "[export]") {
  testing::TwoModels story;
  story.say("hello");
  story.fail_status(AUTH, 401);
  story.complete(story.turn(), "Good day.");
  const SessionId session = story.gateway->directory().at(testing::TwoModels::kPlace)->id();
  const journal_place::Place place;
  const auto view = view_of(story, place);
  const auto transcript = transcript_of(*view, session, nullptr);
  REQUIRE(transcript);
  REQUIRE(transcript->items.size() == 2);
  CHECK(transcript->items[1].who == "s");
}

TEST_CASE("a message that waited stands before its answer, not inside the one before", "[export]") {
  Story story;
  story.say("first question");
  const OpenTurn turn = story.turn();
  story.say("second question");
  story.complete(turn, "first answer");
  const OpenTurn next = story.turn();
  story.chunk(next, "second answer");
  story.say("dropped question");
  story.say("/reset");
  const journal_place::Place place;
  const auto view = view_of(story, place);
  const auto transcript = transcript_of(*view, 3, nullptr);
  REQUIRE(transcript);
  std::vector<std::string> texts;
  for (const TranscriptItem& item : transcript->items) texts.push_back(item.text);
  CHECK(texts == std::vector<std::string>{"first question", "first answer", "second question",
                                          "second answer", "dropped question",
                                          "A new conversation begins."});
}

struct Then : Talks {
  // Of the message with these words.
  [[nodiscard]] std::string seq(const std::string& words) const {
    for (const std::string& line : lines_of(tool({"log", "-n", "1000", "--json"}).output)) {
      const auto event = json::parse(line);
      if (event["kind"] == "MessageReceived" && holds(line, words)) return event["seq"].dump();
    }
    FAIL(words);
    return {};
  }
  [[nodiscard]] std::string run(const std::vector<std::string>& words) const {
    const world::Finished finished = tool(words);
    INFO(words[0] << ": " << finished.errors);
    CHECK(finished.status == 0);
    return finished.output;
  }
  [[nodiscard]] json last_line(const std::vector<std::string>& words) const {
    return json::parse(lines_of(run(words)).back());
  }
};

TEST_CASE("a session is exported, drawn and told as it was at a moment", "[moment]") {
  Then talks;
  const std::string then = talks.seq("And now?");
  for (const std::string format : {"md", "html", "jsonl", "openai"}) {
    const std::vector<std::string> now = {"console", "--format", format};
    std::vector<std::string> past = now;
    past.insert(past.end(), {"--at", then});
    CHECK(holds(talks.exported(now), "it is dark"));
    const std::string text = talks.exported(past);
    CHECK(holds(text, "lighthouse"));
    CHECK_FALSE(holds(text, "it is dark"));
    if (format == "jsonl") CHECK(talks.verify(text, {"--seal-key", talks.key()}) == 0);
  }
  CHECK(talks.tool({"export", "--all", "--at", then}).status == 64);
  CHECK(talks.tool({"export", "console", "--at", "1"}).status == 64);

  const std::vector<std::string> tree = {"tree", "console", "--json"};
  CHECK(talks.last_line(tree)["turns"] == 2);
  CHECK(talks.last_line({"tree", "console", "--json", "--at", then})["turns"] == 1);
  CHECK(talks.last_line({"tree", "console@" + then, "--json"})["turns"] == 1);

  const json now = talks.last_line({"context", "console", "--json"});
  const json past =
      talks.last_line({"context", "console", "--json", "--at", talks.seq("lighthouse")});
  CHECK(past["tokens"] < now["tokens"]);
  const std::string newest = talks.last_line({"stats", "--json"})["head"]["seq"].dump();
  CHECK(talks.last_line({"context", "console", "--json", "--at", newest}) == now);
}

TEST_CASE("what is counted and found ends where --until says", "[moment]") {
  Then talks;
  const std::string then = talks.seq("And now?");
  const json stats = talks.last_line({"stats", "--json", "--until", then});
  CHECK(stats["until"].dump() == then);
  CHECK(stats["events"].dump() == then);
  CHECK(talks.last_line({"stats", "--json"})["events"] > stats["events"]);
  CHECK(holds(talks.run({"stats", "--until", then}), "Counted up to event " + then));
  CHECK(talks.last_line({"usage", "--json"})["calls"] == 3);
  CHECK(talks.last_line({"usage", "--json", "--until", then})["calls"] == 2);
  CHECK(holds(talks.run({"search", "dark"}), "dark"));
  CHECK(talks.run({"search", "dark", "--until", then}).empty());
  CHECK(holds(talks.run({"search", "lighthouse", "--until", then}), "lighthouse"));
  const auto audited = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"audit", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return json::parse(lines_of(talks.tool(words).output).back())["sum"];
  };
  CHECK(audited({}) == 5);
  CHECK(audited({"--until", then}) == 4);
  for (const char* verb : {"stats", "usage", "audit"}) {
    CHECK(talks.tool({verb, "--until", "soon"}).status == 64);
  }
}

TEST_CASE("sessions are told with their titles, and an event has no other moment", "[moment]") {
  Then talks;
  CHECK(holds(talks.run({"sessions"}), "\"And now?\""));
  CHECK(holds(talks.run({"sessions", "--json"}), "\"title\":\"the other room's words\""));
  CHECK(holds(talks.run({"sessions", "--json"}), "\"title\":\"And now?\""));
  CHECK(holds(talks.run({"sessions", "--at", talks.seq("other room")}), "lighthouse"));
  const world::Finished shown = talks.tool({"show", talks.seq("And now?"), "--at", "3"});
  CHECK(shown.status == 64);
  CHECK(holds(shown.errors, "an event never changes"));
}

}  // namespace daybook::tool_transcript_test
