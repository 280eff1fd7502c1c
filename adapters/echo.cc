// The built-in model speaks. Speeches take their words in rotation, so that a long one does not
// hold back a short one, and a speech is dropped as soon as an event has moved its turn on.
// What it says is computed once, when it begins: the prompt of a turn never changes.
#include "adapters/echo.h"

#include <algorithm>
#include <utility>

#include "core/tokens.h"
#include "core/tools.h"

namespace daybook {
namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) lines.push_back(line);
  }
  return lines;
}

// At most `size` bytes, not ending within a character.
std::string_view cut_at_character(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

// The last message holds a transcript, "User: " or "Assistant: " before what each said; without
// such marks every line of it counts.
std::string echo_summary(const Prompt& prompt) {
  constexpr std::string_view kUser = "User: ";
  constexpr std::string_view kAssistant = "Assistant: ";
  constexpr std::size_t kQuoteBytesMax = 200;
  const std::string_view text =
      prompt.messages.empty() ? std::string_view() : prompt.messages.back().text;
  const std::vector<std::string_view> all = lines_of(text);
  std::vector<std::string_view> user;
  std::size_t lines = 0;
  for (const std::string_view line : all) {
    if (line.starts_with(kUser)) user.push_back(line.substr(kUser.size()));
    if (line.starts_with(kUser) || line.starts_with(kAssistant)) ++lines;
  }
  if (lines == 0) {
    user = all;
    lines = all.size();
  }
  std::string summary =
      "A conversation of " + std::to_string(lines) + (lines == 1 ? " line." : " lines.");
  if (user.empty()) return summary;
  const auto quoted = [](std::string_view line) {
    return "\"" + std::string(cut_at_character(line, kQuoteBytesMax)) + "\"";
  };
  return summary + " The user began with " + quoted(user.front()) + " and last said " +
         quoted(user.back()) + ".";
}

// The first words of what the user said first.
std::string echo_title(const Prompt& prompt) {
  constexpr std::string_view kUser = "User: ";
  constexpr std::size_t kTitleBytesMax = 40;
  const std::string_view text =
      prompt.messages.empty() ? std::string_view() : prompt.messages.back().text;
  for (const std::string_view line : lines_of(text)) {
    if (!line.starts_with(kUser)) continue;
    return "About " + std::string(cut_at_character(line.substr(kUser.size()), kTitleBytesMax));
  }
  return "A conversation";
}

constexpr std::size_t kEchoDetailBytesMax = 500;

// The length of the next word with the blanks behind it.
std::size_t word_size(std::string_view text) {
  std::size_t end = text.find_first_not_of(" \n\t");
  end = std::min(text.find_first_of(" \n\t", std::min(end, text.size())), text.size());
  end = std::min(text.find_first_not_of(" \n\t", end), text.size());
  const std::size_t size = cut_at_character(text.substr(0, end), Echo::kWordBytesMax).size();
  return size == 0 ? end : size;
}

}  // namespace

std::string echo_answer(const Prompt& prompt, TurnKind kind) {
  if (kind == SUMMARY) return echo_summary(prompt);
  if (!prompt.messages.empty() && !prompt.messages.back().result_of.empty()) {
    return "I looked it up:\n" + prompt.messages.back().text;
  }
  if (kind == TITLE) return echo_title(prompt);
  const std::string heard = prompt.messages.empty() ? "" : prompt.messages.back().text;
  return "You said: \"" + std::string(cut_at_character(heard, Echo::kHeardBytesMax)) +
         "\". (I am echo, the built-in offline model; set a provider key or run `daybook setup` "
         "for a real one.)";
}

std::string echo_search(const Prompt& prompt) {
  constexpr std::string_view kFind = "find ";
  if (prompt.tools.empty() || prompt.tools_closed || prompt.messages.empty()) return {};
  const PromptMessage& last = prompt.messages.back();
  const std::string_view heard = last.text;
  if (!last.result_of.empty() || !heard.starts_with(kFind)) return {};
  return std::string(cut_at_character(heard.substr(kFind.size()), Echo::kFoundBytesMax));
}

Echo::Echo(std::string name, const Work& work, Prompts& prompts)
    : name_(std::move(name)), work_(work), prompts_(prompts) {}

void Echo::close(Seq turn, std::uint32_t below) {
  const auto found = speeches_.find(turn);
  if (found != speeches_.end() && found->second.attempt < below) speeches_.erase(found);
}

void Echo::on_event(const Event& event) {
  constexpr std::uint32_t kAll = UINT32_MAX;
  if (event.has_turn_completed()) close(event.turn_completed().turn(), kAll);
  if (event.has_turn_failed()) close(event.turn_failed().turn(), kAll);
  if (event.has_turn_cancelled()) close(event.turn_cancelled().turn(), kAll);
  if (event.has_turn_abandoned()) close(event.turn_abandoned().turn(), kAll);
  if (event.has_turn_retried()) {
    close(event.turn_retried().turn(), event.turn_retried().attempt());
  }
  if (event.has_step_started()) close(event.step_started().turn(), event.step_started().attempt());
}

bool Echo::busy(Seq turn) const {
  const auto open = work_.calls.open().find(turn);
  if (open == work_.calls.open().end()) return true;
  if (!taking_in_ && open->second.attempt() <= 1) return true;
  const auto speech = speeches_.find(turn);
  return speech != speeches_.end() && speech->second.attempt >= open->second.attempt();
}

Time Echo::next_at(const Speech& speech) {
  if (speech.over) return kNever;
  if (speech.model != "slow") return *speech.began;
  return *speech.began + kSlowWord * static_cast<Duration::rep>(speech.words);
}

std::optional<Due> Echo::due(const Moment& moment) {
  taking_in_ = moment.taking_in;
  const auto is_busy = [this](Seq turn) { return busy(turn); };
  while (const OpenTurn* turn = work_.calls.due(name_, moment.now, is_busy)) {
    if (auto failed = begin(*turn, moment.now)) return *std::move(failed);
  }
  if (said_this_round_ < kChunksPerRound && !speeches_.empty()) {
    auto each = speeches_.upper_bound(spoke_last_);
    for (std::size_t i = 0; i < speeches_.size(); ++i, ++each) {
      if (each == speeches_.end()) each = speeches_.begin();
      if (next_at(each->second) > moment.now) continue;
      ++said_this_round_;
      spoke_last_ = each->first;
      return next_fact(each->first, each->second);
    }
  }
  said_this_round_ = 0;
  return std::nullopt;
}

std::optional<Fact> Echo::begin(const OpenTurn& turn, Time now) {
  Speech& speech = speeches_[turn.seq()] = Speech{};
  speech.attempt = turn.attempt();
  speech.cause = turn.attempt_seq();
  speech.session = turn.session();
  speech.began = now;
  const Result<Prompt> prompt = prompts_.prompt(turn.seq());
  if (prompt) {
    speech.model = prompt->model;
    speech.find = turn.kind() == ANSWER ? echo_search(*prompt) : std::string();
    if (speech.find.empty()) speech.text = echo_answer(*prompt, turn.kind());
    return std::nullopt;
  }
  speech.over = true;
  Fact fact;
  fact.set_session(speech.session);
  fact.set_cause(speech.cause);
  fact.mutable_content()->set_detail(
      std::string(cut_at_character(prompt.error().message, kEchoDetailBytesMax)));
  AttemptFailed& failed = *fact.mutable_attempt_failed();
  failed.set_turn(turn.seq());
  failed.set_attempt(speech.attempt);
  failed.set_error(prompt.error().code == ExitCode::kSettings ? SETTINGS : REQUEST);
  return fact;
}

Fact Echo::next_fact(Seq turn, Speech& speech) {
  Fact fact;
  fact.set_session(speech.session);
  fact.set_cause(speech.cause);
  if (speech.at < speech.text.size()) {
    const std::size_t size = word_size(std::string_view(speech.text).substr(speech.at));
    fact.mutable_content()->set_text(speech.text.substr(speech.at, size));
    speech.at += size;
    ++speech.words;
    ChunkReceived& chunk = *fact.mutable_chunk_received();
    chunk.set_turn(turn);
    chunk.set_attempt(speech.attempt);
    chunk.set_kind(TEXT);
    return fact;
  }
  if (!speech.find.empty()) return tool_fact(turn, speech, std::move(fact));
  speech.over = true;
  TurnCompleted& completed = *fact.mutable_turn_completed();
  completed.set_turn(turn);
  completed.set_attempt(speech.attempt);
  completed.set_finish(STOP);
  completed.mutable_usage()->set_reported(false);
  completed.set_model(speech.model);
  completed.set_tokens(estimate_tokens(speech.text));
  fact.mutable_content()->set_text(std::move(speech.text));
  return fact;
}

// First what it asks for, then that it has said all.
Fact Echo::tool_fact(Seq turn, Speech& speech, Fact fact) {
  if (!speech.requested) {
    speech.requested = true;
    ToolRequested& requested = *fact.mutable_tool_requested();
    requested.set_turn(turn);
    requested.set_attempt(speech.attempt);
    requested.set_call_id("call_1");
    requested.set_tool(std::string(kJournalSearch));
    fact.mutable_content()->set_arguments(search_arguments(speech.find));
    return fact;
  }
  speech.over = true;
  StepCompleted& completed = *fact.mutable_step_completed();
  completed.set_turn(turn);
  completed.set_attempt(speech.attempt);
  completed.set_finish(TOOL_CALLS);
  completed.mutable_usage()->set_reported(false);
  completed.set_model(speech.model);
  return fact;
}

// It makes no calls.
std::vector<Fact> Echo::on_reply(CallId /*call*/, Reply /*reply*/, Time /*now*/) { return {}; }

Time Echo::wake_at(Time now) const {
  Time wake = work_.calls.wake_at(name_, [this](Seq turn) { return busy(turn); });
  for (const auto& [turn, speech] : speeches_) wake = std::min(wake, next_at(speech));
  return wake == kNever ? kNever : std::max(wake, now);
}

bool Echo::idle() const {
  return std::all_of(speeches_.begin(), speeches_.end(),
                     [](const auto& entry) { return entry.second.over; });
}

}  // namespace daybook
