#include "core/tools.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "core/search_text.h"
#include "core/state.pb.h"

namespace daybook {

namespace {

// Longer ones look for nothing that anybody said.
constexpr std::size_t kSearchWordsBytesMax = 1'000;

}  // namespace

const std::vector<ToolDefinition>& tools() {
  static const std::vector<ToolDefinition> kRows = {
      {kJournalSearch,
       "Finds what was said earlier in this conversation, also what is no longer in your prompt. "
       "Gives the newest messages that hold all of the words, each with its date, its time (UTC) "
       "and "
       "who said it: \"you\" is the person you talk with, \"answer\" is what was answered.",
       R"({"type":"object","properties":{"query":{"type":"string","description":"The words to )"
       R"(look for, in any order; words in double quotes are looked for in a row."}},)"
       R"("required":["query"]})"},
  };
  return kRows;
}

const ToolDefinition* find_tool(std::string_view name) {
  const auto found = std::find_if(tools().begin(), tools().end(),
                                  [name](const ToolDefinition& one) { return one.name == name; });
  return found == tools().end() ? nullptr : &*found;
}

std::string tool_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    if (find_tool(name) != nullptr) list += (list.empty() ? "" : ", ") + name;
  }
  return list;
}

std::optional<std::string> search_words(const std::string& arguments) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  JournalSearchArguments message;
  if (!google::protobuf::util::JsonStringToMessage(arguments, &message, options).ok()) {
    return std::nullopt;
  }
  return message.query();
}

std::string search_arguments(const std::string& words) {
  JournalSearchArguments message;
  message.set_query(words);
  std::string json;
  const bool written = google::protobuf::util::MessageToJsonString(message, &json).ok();
  CHECK(written, "a message of one text can be written as JSON");
  return json;
}

std::string arguments_trouble(const ToolDefinition& tool, const std::string& arguments) {
  CHECK(tool.name == kJournalSearch, "there is no other tool yet");
  const std::optional<std::string> words = search_words(arguments);
  if (!words) {
    return "The arguments of journal_search cannot be read: they must be a JSON object like "
           "{\"query\": \"words to look for\"}.";
  }
  if (words->size() > kSearchWordsBytesMax) {
    return "The query of journal_search is longer than " + std::to_string(kSearchWordsBytesMax) +
           " bytes: look for a few words.";
  }
  if (!SearchQuery::parse(*words)) {
    return "The query of journal_search holds no word to look for.";
  }
  return {};
}

Fact tool_outcome(const Event& request, std::string result, std::vector<Seq> quotes) {
  Fact fact;
  fact.set_session(request.session());
  fact.set_cause(request.seq());
  const ToolRequested& asked = request.tool_requested();
  if (result.size() > kToolResultBytesMax) {
    ToolRefused* refused = fact.mutable_tool_refused();
    refused->set_turn(asked.turn());
    refused->set_call_id(asked.call_id());
    refused->set_request(request.seq());
    refused->set_reason(ToolRefused::RESULT);
    fact.mutable_content()->set_text("The result of " + asked.tool() + " is " +
                                     std::to_string(result.size()) + " bytes long; no more than " +
                                     std::to_string(kToolResultBytesMax) +
                                     " are taken. Ask for less.");
    return fact;
  }
  ToolReturned* returned = fact.mutable_tool_returned();
  returned->set_turn(asked.turn());
  returned->set_call_id(asked.call_id());
  returned->set_request(request.seq());
  returned->mutable_quotes()->Assign(quotes.begin(), quotes.end());
  fact.mutable_content()->set_text(std::move(result));
  return fact;
}

}  // namespace daybook
