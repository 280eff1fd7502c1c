// Exports with proof: what they hold, what a third party can verify, a journal made again from one.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base64.h"
#include "journal/rebuild.h"
#include "journal/stored.h"
#include "tests/events.h"
#include "tests/export_place.h"
#include "tests/journal_forge.h"
#include "tools/export_check.h"
#include "tools/export_file.h"
#include "tools/export_jsonl.h"
#include "tools/importing.h"
#include "tools/output_file.h"
#include "tools/session_events.h"
#include "tools/verify_export.h"
#include "tools/withholding.h"

namespace daybook::tool_export_test {

using nlohmann::json;
using testing::holds;
using testing::kToken;
using testing::lines_of;
using testing::read_file;
using testing::Story;
using testing::Talks;
using world::Finished;

TEST_CASE("a whole export agrees with itself, and with the key every seal is checked", "[export]") {
  Talks talks;
  const std::string text = talks.exported({"--all"});
  const auto lines = lines_of(text);
  const json first = json::parse(lines.front());
  CHECK(first["export"] == "daybook 1");
  CHECK(first["scope"] == "journal");
  const json event = json::parse(lines[1]);
  for (const char* field : {"seq", "time", "session", "kind", "cause", "prev", "record"}) {
    CHECK(event.contains(field));
  }
  CHECK(json::parse(lines.back()).contains("end"));

  CHECK(talks.verify(text) == 0);
  CHECK(holds(talks.said, "in agreement with themselves"));
  CHECK(holds(talks.said, "the seals were not checked"));
  CHECK(talks.verify(text, {"--seal-key", talks.key()}) == 0);
  CHECK(holds(talks.said, "every seal matches"));
  CHECK(talks.verify(text, {"--seal-key", talks.key(), "--against", talks.head()}) == 0);
  CHECK(holds(talks.said, "up to the checkpoint and beyond"));
  CHECK(talks.verify(text, {"--seal-key", talks.key(), "--json"}) == 0);
  CHECK(json::parse(talks.said)["seals_checked"] == true);
}

TEST_CASE("words told otherwise than their record holds them are noticed without a key",
          "[export]") {
  Talks talks;
  const std::string text = talks.exported({"--all"});
  for (const auto& [was, is] : {std::pair<std::string, std::string>{"lighthouse", "lightHouse"},
                                {"\"session\":3", "\"session\":4"},
                                {"\"cause\":4", "\"cause\":3"},
                                {"\"place\":\"console:local\"", "\"place\":\"console:locaL\""},
                                {"\"text\":\"Now it is dark.\"", "\"test\":\"Now it is dark.\""},
                                {",\"text\":\"Now it is dark.\"", ""}}) {
    std::string changed = text;
    const std::size_t at = changed.find(was);
    INFO(was);
    REQUIRE(at != std::string::npos);
    changed.replace(at, was.size(), is);
    CHECK(talks.verify(changed) == 65);
    CHECK(holds(talks.said, "is not what its record says"));
    CHECK(holds(talks.said, "line "));
  }
}

TEST_CASE("a line that is missing, moved, doubled or made up is noticed without a key",
          "[export]") {
  Talks talks;
  const auto lines = lines_of(talks.exported({"--all"}));
  const auto joined = [](const std::vector<std::string>& some) {
    std::string text;
    for (const std::string& line : some) text += line + "\n";
    return text;
  };
  CHECK(talks.verify(joined(lines)) == 0);
  for (std::size_t at = 0; at < lines.size(); ++at) {
    INFO(lines[at]);
    auto missing = lines;
    missing.erase(missing.begin() + static_cast<std::ptrdiff_t>(at));
    CHECK(talks.verify(joined(missing)) == 65);
    auto doubled = lines;
    doubled.insert(doubled.begin() + static_cast<std::ptrdiff_t>(at), lines[at]);
    CHECK(talks.verify(joined(doubled)) == 65);
    if (at + 1 == lines.size()) continue;
    auto moved = lines;
    std::swap(moved[at], moved[at + 1]);
    CHECK(talks.verify(joined(moved)) == 65);
  }
  CHECK(talks.verify("hello\n") == 65);
  CHECK(talks.verify("") == 65);
  CHECK(talks.tool({"verify", talks.file("nowhere")}).status == 74);
}

// Rewrites the text of a message in line and record, checksum and all, as a forger without the key
// would.
std::string forged(const std::string& text) {
  std::string out;
  for (const std::string& line : lines_of(text)) {
    json object = json::parse(line);
    if (!object.contains("record") || !holds(line, "Now it is dark.")) {
      out += line + "\n";
      continue;
    }
    const auto read = read_line(line);
    REQUIRE(read);
    const auto record = std::get<ExportEvent>(*read).stored.decode();
    REQUIRE(record);
    auto event = from_record(record->record);
    event->mutable_content()->set_text("Now it is DARK.");
    record::Encoded encoded;
    record::encode(to_record(*event), encoded);
    StoredEvent stored{event->seq(), {std::string(encoded.value(encoded.parts[0]))}};
    if (const auto seal = std::get<ExportEvent>(*read).stored.seal()) {
      stored.parts[0] = record::end_commit(encoded).value + std::string(view(*seal));
    }
    out += write_line(*event, stored, std::nullopt, false);
  }
  return out;
}

TEST_CASE("a forger without the key is found with it, and the key's owner by a checkpoint",
          "[export]") {
  Talks talks;
  const std::string text = talks.exported({"--all"});
  const std::string changed = forged(text);
  REQUIRE(changed != text);
  CHECK(talks.verify(changed) == 0);
  CHECK(talks.verify(changed, {"--seal-key", talks.key()}) == 65);
  CHECK(holds(talks.said, "does not match"));

  // Who holds the key can seal the forgery anew, but not so that an older checkpoint fits.
  const std::string forger = talks.file("forger");
  const Finished import =
      talks.tool({"import", talks.directory.write("forged.jsonl", changed)}, forger);
  INFO(import.errors);
  REQUIRE(import.status == 0);
  const Finished again = talks.tool({"export", "--all"}, forger);
  CHECK(talks.verify(again.output, {"--seal-key", forger + "/seal.key"}) == 0);
  CHECK(talks.verify(again.output,
                     {"--seal-key", forger + "/seal.key", "--against", talks.head()}) == 65);
  CHECK(holds(talks.said, "not the one of the checkpoint"));
}

TEST_CASE("a seal in a record that is not its commit's is noticed without a key", "[export]") {
  Talks talks;
  const std::string text = talks.exported({"--all"});
  // What becomes of the records that end commits.
  using Change = std::function<std::string(const std::string& key, std::string value)>;
  const auto changed = [&](const Change& change) {
    std::string out;
    for (const std::string& line : lines_of(text)) {
      out += line + "\n";
      const auto read = read_line(line);
      REQUIRE(read);
      const auto* event = std::get_if<ExportEvent>(&*read);
      if (event == nullptr || !event->stored.seal()) continue;
      const std::string key = journal_forge::row_key(record::key_of(event->stored.seq));
      const std::string was = base64(event->stored.parts[0]);
      const std::string is = base64(change(key, event->stored.parts[0]));
      out.replace(out.rfind(was), was.size(), is);
    }
    return out;
  };
  const auto other_seal = [](const std::string&, std::string value) {
    value.back() = static_cast<char>(value.back() ^ 1);
    return value;
  };
  CHECK(talks.verify(changed(other_seal)) == 65);
  CHECK(holds(talks.said, "carries another seal than its commit has"));
  int ends = 0;
  const auto second_without = [&](const std::string& key, const std::string& value) {
    return ++ends == 2 ? journal_forge::unsealed(key, value) : value;
  };
  CHECK(talks.verify(changed(second_without)) == 65);
  CHECK(holds(talks.said, "without the seal that earlier ones carry"));
  const std::size_t format = text.find("\"format\":9");
  REQUIRE(format != std::string::npos);
  std::string older = text;
  older.replace(format, 10, "\"format\":1");
  CHECK(talks.verify(older) == 65);
}

TEST_CASE("a session's export holds no other's words, and verifies", "[export]") {
  Talks talks;
  const std::string text = talks.exported({"console"});
  CHECK(holds(text, "lighthouse"));
  CHECK_FALSE(holds(text, "other room"));
  CHECK_FALSE(holds(text, base64("the other room").substr(0, 12)));
  CHECK(holds(text, "\"hashes\":["));
  CHECK(talks.verify(text) == 0);
  CHECK(talks.verify(text, {"--seal-key", talks.key()}) == 0);
  CHECK(holds(talks.said, "session 3 alone"));

  const auto lines = lines_of(text);
  for (std::size_t at = 1; at + 1 < lines.size(); ++at) {
    std::string missing;
    for (std::size_t other = 0; other < lines.size(); ++other) {
      if (other != at) missing += lines[other] + "\n";
    }
    INFO(lines[at]);
    CHECK(talks.verify(missing) == 65);
  }
}

TEST_CASE("a session's export reaches a checkpoint when it carries the chain", "[export]") {
  Talks talks("nothing", 1);
  const std::vector<std::string> proof = {"--seal-key", talks.key(), "--against", talks.head()};
  CHECK(talks.verify(talks.exported({"console"}), proof) == 64);
  CHECK(holds(talks.said, "--chain"));
  CHECK(talks.verify(talks.exported({"console"})) == 0);
  CHECK(holds(talks.said, "could be missing unseen"));
  const std::string chain = talks.exported({"console", "--chain"});
  CHECK_FALSE(holds(chain, "other room"));
  CHECK(talks.verify(chain, proof) == 0);
  CHECK(holds(talks.said, "up to the checkpoint"));
}

TEST_CASE("what looks like a secret is withheld, split over chunks or whole", "[export]") {
  Talks talks{std::string(kToken)};
  const std::string text = talks.exported({"--all"});
  CHECK_FALSE(holds(text, kToken.substr(0, 12)));
  CHECK_FALSE(holds(text, kToken.substr(12)));
  for (const std::string& line : lines_of(text)) {
    const json object = json::parse(line);
    for (const json& part : object.value("record", json::array())) {
      const auto bytes = from_base64(part.get<std::string>());
      REQUIRE(bytes);
      CHECK_FALSE(holds(*bytes, kToken.substr(0, 12)));
      CHECK_FALSE(holds(*bytes, kToken.substr(12)));
    }
  }
  CHECK(holds(text, "It is [secret] at Genoa."));
  CHECK(talks.verify(text, {"--seal-key", talks.key(), "--against", talks.head()}) == 0);
  CHECK(holds(talks.said, "3 events are withheld"));
  const Finished import =
      talks.tool({"import", talks.directory.write("held.jsonl", text)}, talks.file("imported"));
  CHECK(import.status == 65);
  CHECK(holds(import.errors, "--no-redact"));
  CHECK(holds(talks.exported({"--all", "--no-redact"}), kToken));
  for (const char* format : {"md", "html", "openai"}) {
    INFO(format);
    CHECK_FALSE(holds(talks.exported({"console", "--format", format}), kToken));
    CHECK(holds(talks.exported({"console", "--format", format, "--no-redact"}), kToken));
  }
}

TEST_CASE("an imported journal is the exported one, record for record and seal for seal",
          "[export]") {
  Talks talks;
  const std::string text = talks.exported({"--all", "--no-redact"});
  const std::string file = talks.directory.write("all.jsonl", text);
  const std::string copy = talks.file("copy");
  const Finished import = talks.tool({"import", file, "--seal-key", talks.key()}, copy);
  INFO(import.errors);
  REQUIRE(import.status == 0);
  CHECK(holds(import.output, "record for record"));
  CHECK(talks.tool({"export", "--all", "--no-redact"}, copy).output == text);
  CHECK(talks.tool({"verify"}, copy).status == 0);
  CHECK(read_file(copy + "/seal.key") == read_file(talks.key()));
  const auto ours = files::read_head(talks.place.directory());
  const auto theirs = files::read_head(copy);
  REQUIRE((ours && theirs && *ours && *theirs));
  CHECK((*ours)->seal == (*theirs)->seal);
  CHECK(talks.tool({"replay", "--check"}, copy).status == 0);
  CHECK(talks.tool({"sessions"}, copy).output == talks.tool({"sessions"}).output);

  const std::string anew = talks.file("anew");
  const Finished sealed = talks.tool({"import", file, "--json"}, anew);
  REQUIRE(sealed.status == 0);
  CHECK(json::parse(sealed.output)["same_seals"] == false);
  CHECK(talks.tool({"verify"}, anew).status == 0);
  CHECK(read_file(anew + "/seal.key") != read_file(talks.key()));
}

TEST_CASE("locked words are compared by the keys beside them, and imported with the key store",
          "[export]") {
  Talks talks("nothing", 3, true);
  const std::string text = talks.exported({"--all", "--no-redact"});
  CHECK(holds(text, "\"words_key\":\""));
  CHECK(talks.verify(text, {"--seal-key", talks.key()}) == 0);
  CHECK_FALSE(holds(talks.said, "nobody here can read"));
  std::string changed = text;
  changed.replace(changed.find("lighthouse"), 10, "lightHouse");
  CHECK(talks.verify(changed) == 65);
  CHECK(holds(talks.said, "is not what its record says"));

  const std::string file = talks.directory.write("all.jsonl", text);
  const Finished refused =
      talks.tool({"import", file, "--seal-key", talks.key()}, talks.file("no"));
  CHECK(refused.status == 64);
  CHECK(holds(refused.errors, "--keys"));
  const std::string copy = talks.file("copy");
  const Finished import = talks.tool(
      {"import", file, "--seal-key", talks.key(), "--keys", talks.place.directory() + "/keys"},
      copy);
  INFO(import.errors);
  REQUIRE(import.status == 0);
  CHECK(talks.tool({"export", "--all", "--no-redact"}, copy).output == text);
  CHECK(talks.tool({"verify"}, copy).status == 0);
  CHECK(holds(talks.tool({"search", "lighthouse"}, copy).output, "MessageReceived"));
}

TEST_CASE("an export of locked words hands on their keys and no others", "[export]") {
  Talks talks(std::string(kToken), 3, true);
  const std::string text = talks.exported({"console"});
  auto view = JournalView::open(talks.place.directory());
  REQUIRE(view);
  StoredReading stored = (*view)->log().stored();
  std::set<std::string> withheld;  // keys that lock a withheld event's words
  std::set<std::string> handed_on;
  for (const std::string& line : lines_of(text)) {
    const json object = json::parse(line);
    if (object.contains("words_key"))
      handed_on.insert(*from_base64(object["words_key"].get<std::string>()));
    if (!object.contains("withheld") || !object.contains("seq")) continue;
    REQUIRE(stored.events(object["seq"], object["seq"], [&](const StoredEvent& event) {
      const auto record = event.decode();
      REQUIRE(record);
      const auto key = (*view)->log().disclose(record->record.session, record->key);
      REQUIRE((key && key->has_value()));
      withheld.insert(std::string((*key)->reveal()));
      return true;
    }));
  }
  CHECK(withheld.size() == 1);
  CHECK(handed_on.size() > 2);
  for (const std::string& key : withheld) CHECK_FALSE(handed_on.contains(key));
  CHECK(talks.verify(text, {"--seal-key", talks.key()}) == 0);
  CHECK_FALSE(holds(talks.said, "nobody here can read"));
  CHECK_FALSE(holds(text, "other room"));
  // A key that is another event's shows noise, not words.
  std::string changed = text;
  const std::size_t first = changed.find("\"words_key\":\"");
  const std::size_t second = changed.find("\"words_key\":\"", first + 1);
  const std::string other = changed.substr(second, 58);
  REQUIRE(other != changed.substr(first, 58));
  changed.replace(first, 58, other);
  CHECK(talks.verify(changed) == 65);
}

TEST_CASE("an import that cannot be whole makes nothing", "[export]") {
  Talks talks;
  const std::string text = talks.exported({"--all", "--no-redact"});
  const std::string file = talks.directory.write("all.jsonl", text);
  const Finished over = talks.tool({"import", file});
  CHECK(over.status == 64);
  CHECK(holds(over.errors, "holds a journal"));
  const auto nothing_made = [&](const std::string& what, const std::string& name, int status,
                                std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"import", talks.directory.write(name, what)};
    words.insert(words.end(), more.begin(), more.end());
    const std::string target = talks.file("target");
    const Finished finished = talks.tool(words, target);
    INFO(finished.errors);
    CHECK(finished.status == status);
    CHECK_FALSE(files::exists(target + "/data.mdb"));
    CHECK_FALSE(files::exists(target + "/creating.tmp"));
    return finished.errors;
  };
  CHECK(holds(nothing_made(talks.exported({"console"}), "one.jsonl", 64), "--all"));
  nothing_made(text.substr(0, text.size() / 2), "cut.jsonl", 65);
  nothing_made(text.substr(0, text.rfind("{\"end\"")), "endless.jsonl", 65);
  nothing_made(forged(text), "forged.jsonl", 65, {"--seal-key", talks.key()});
  std::string later = text;
  later.replace(later.find("\"epoch\":1"), 9, "\"epoch\":3");
  const char* epochs = "its first line says that it is of epoch 3, and its events say 1";
  CHECK(holds(nothing_made(later, "later.jsonl", 65), epochs));
  CHECK(holds(talks.tool({"verify", talks.file("later.jsonl")}).errors, epochs));
  nothing_made("words\n", "words.jsonl", 64);
}

TEST_CASE("external ids are found again after an import", "[export]") {
  Story story;
  Fact fact;
  MessageReceived* body = fact.mutable_message_received();
  body->set_place("console:local");
  body->set_source("telegram:1");
  body->set_external_id("77:abc");
  fact.mutable_content()->set_text("once");
  const Seq seq = story.gateway->record(std::move(fact), story.now);
  const journal_place::Place place;
  testing::write_story(story, place, 2);
  const world::TemporaryDirectory directory;
  auto view = JournalView::open(place.directory());
  REQUIRE(view);
  auto out = OutputFile::open(directory.path() + "/all.jsonl");
  REQUIRE(out);
  REQUIRE(export_jsonl(**view, {}, **out));
  REQUIRE((*out)->finish());
  std::uint64_t read = 0;
  std::uint64_t bytes = 0;
  const auto events = import_journal({directory.path() + "/all.jsonl", directory.path() + "/copy",
                                      "", "", [&](std::uint64_t done, std::uint64_t of) {
                                        read = done;
                                        bytes = of;
                                      }});
  REQUIRE(events);
  CHECK(bytes == std::filesystem::file_size(directory.path() + "/all.jsonl"));
  CHECK(read == bytes);
  CHECK(*events == (*view)->log().last());
  auto copy = LmdbReader::open(directory.path() + "/copy");
  REQUIRE(copy);
  CHECK((*copy)->find("telegram:1", "77:abc") == seq);
  const auto refs = (*copy)->refs();
  REQUIRE(refs);
  CHECK(refs->upto == *events);
  REQUIRE(refs->refs.size() == 1);
  CHECK(refs->refs[0].name == "console:local");
}

TEST_CASE("an output file is private, whole or not there", "[export]") {
  Talks talks;
  const std::string path = talks.file("talk.jsonl");
  const Finished finished = talks.tool({"export", "--all", "--output", path, "--json"});
  CHECK(finished.status == 0);
  CHECK(json::parse(finished.output)["file"] == path);
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
  CHECK(read_file(path) == talks.exported({"--all"}));
  {
    auto abandoned = OutputFile::open(path);
    REQUIRE(abandoned);
    (*abandoned)->write("half");
  }
  CHECK(read_file(path) == talks.exported({"--all"}));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(talks.directory.path())) {
    files += entry.path().filename().string().starts_with("talk.jsonl") ? 1 : 0;
  }
  CHECK(files == 1);
  CHECK(talks.tool({"export", "--all", "--output", "/dev/null"}).status == 74);
  CHECK(talks.tool({"export", "--all", "--output", talks.file("no/where")}).status == 74);
}

TEST_CASE("what to export is said once", "[export]") {
  Talks talks;
  CHECK(talks.tool({"export"}).status == 64);
  CHECK(talks.tool({"export", "console", "--all"}).status == 64);
  CHECK(talks.tool({"export", "console", "--format", "pdf"}).status == 64);
  CHECK(talks.tool({"export", "nowhere"}).status == 64);
}

TEST_CASE("no field of any event is named as the proof beside it", "[export]") {
  const auto* bodies = Event::descriptor()->FindOneofByName("body");
  for (int kind = 0; kind < bodies->field_count(); ++kind) {
    const auto* body = bodies->field(kind)->message_type();
    for (const char* name :
         {"export", "commit", "end", "record", "words_key", "hash", "withheld", "prev"}) {
      INFO(body->name() << "." << name);
      CHECK(body->FindFieldByName(name) == nullptr);
    }
  }
}

TEST_CASE("every event of a session is found along its chain, chunks included", "[export]") {
  Talks talks;
  auto view = JournalView::open(talks.place.directory());
  REQUIRE(view);
  for (const auto& [id, row] : (*view)->gateway().directory().sessions()) {
    std::vector<Seq> all;
    const auto keep = [&, session = id](const Event& event) {
      if (event.session() == session) all.push_back(event.seq());
      return true;
    };
    REQUIRE((*view)->events(1, (*view)->log().last(), all_kinds(), keep));
    const auto found = events_of(**view, id);
    REQUIRE(found);
    CHECK(*found == all);
  }
}

TEST_CASE("stored events come with the commit they were sealed in", "[journal]") {
  Talks talks("nothing", 4);
  auto reader = LmdbReader::open(talks.place.directory());
  REQUIRE(reader);
  StoredReading stored = (*reader)->stored();
  const auto first = stored.commit_of(1);
  REQUIRE((first && first->has_value()));
  CHECK((*first)->first == 1);
  CHECK((*first)->last == 4);
  CHECK_FALSE((*first)->before);
  const auto second = stored.commit_of(6);
  REQUIRE((second && second->has_value()));
  CHECK((*second)->first == 5);
  CHECK((*second)->before == (*first)->seal);
  CHECK_FALSE(stored.commit_of((*reader)->last() + 1).value().has_value());
  Seq next = 2;
  REQUIRE(stored.events(2, 7, [&](const StoredEvent& event) {
    CHECK(event.seq == next++);
    CHECK(event.decode().value().record == (*reader)->get(event.seq).value().value());
    return true;
  }));
  CHECK(next == 8);
}

TEST_CASE("withholding judges a turn by all its chunks, and only that turn", "[export]") {
  const Redactor redactor;
  Withholding withholding(&redactor);
  Event first = testing::chunk(testing::at(5, 0, 1), 4, 1, "key sk-01234");
  Event second = testing::chunk(testing::at(6, 0, 1), 4, 1, "56789abcdef");
  Event other = testing::chunk(testing::at(7, 0, 1), 9, 1, "plain");
  for (const Event* event : {&first, &second, &other}) withholding.learn(*event);
  withholding.learnt();
  CHECK(withholding.redact(&first));
  CHECK(first.content().text() == "[secret]");
  CHECK(withholding.redact(&second));
  CHECK_FALSE(withholding.redact(&other));
  // Not secret itself, but locked with the key of what is.
  Event failed = testing::at(8, 0, 1);
  failed.mutable_attempt_failed()->set_turn(4);
  failed.mutable_content()->set_detail("the line broke");
  CHECK(withholding.redact(&failed));
  failed.mutable_attempt_failed()->set_turn(9);
  CHECK_FALSE(withholding.redact(&failed));
  CHECK(other.content().text() == "plain");
}

TEST_CASE("when the journal was made is vouched for by its key", "[export]") {
  Talks talks;
  for (const char* scope : {"--all", "console:local"}) {
    std::string text = talks.exported({scope, "--format", "jsonl"});
    CHECK(talks.verify(text, {"--seal-key", talks.key()}) == 0);
    CHECK_FALSE(holds(talks.said, "vouches"));
    const std::size_t at = text.find("\"created\":") + 10;
    text[at] = text[at] == '1' ? '2' : '1';
    CHECK(talks.verify(text, {"--seal-key", talks.key()}) == 65);
    CHECK(holds(talks.said, "line 1: the seal of when the journal was made does not match"));
    const std::size_t seal = text.find("\"created_seal\":");
    text.erase(seal, text.find(',', seal) + 1 - seal);
    CHECK(talks.verify(text, {"--seal-key", talks.key()}) == 0);
    CHECK(holds(talks.said, "nothing vouches for when the journal was made"));
  }
}

}  // namespace daybook::tool_export_test
