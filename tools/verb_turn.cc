// `daybook turn`: what exactly happened to this message, and why did it take so long? One screen.
#include "adapters/event_json.h"
#include "core/codec.h"
#include "core/context.h"
#include "core/directory.h"
#include "core/notation.h"
#include "core/policy.h"
#include "core/route.h"
#include "core/usage.h"
#include "tools/figures.h"
#include "tools/journal_view.h"
#include "tools/json_line.h"
#include "tools/moment.h"
#include "tools/spent_text.h"
#include "tools/subject.h"
#include "tools/timeline.h"
#include "tools/tool.h"

namespace daybook {
namespace {

// More edits than these are told as a number.
constexpr std::size_t kEditsShown = 3;
constexpr std::size_t kLabelWidth = 11;

Time time_of(const Event& event) { return from_milliseconds(event.time()); }

// Everything to be told about it.
struct Told {
  std::optional<Event> message;  // the one that asked
  Timeline timeline;
  std::vector<Event> lines;
  std::optional<RebuiltPrompt> prompt;
  Spent spent;
};

// ---- finding and reading it

// A seq, SESSION@MOMENT, or a session: its newest turn up to then, or why none was begun.
Result<Event> named_event(JournalView& view, const std::string& what) {
  if (const Seq seq = parse_seq(what); seq != 0) return view.event(seq);
  auto moment = session_moment_of(view, what);
  if (!moment) return moment.error();
  if (moment->event) return view.event(moment->upto);
  Seq seq = view.gateway().directory().session(moment->session)->head();
  while (seq != 0) {
    auto event = view.event(seq);
    if (!event) return event.error();
    const bool turn = event->has_turn_started() || event->notice_issued().keeps_size() > 0;
    if (seq <= moment->upto && turn) return event;
    seq = event->prev();
  }
  return Error{"session " + std::to_string(moment->session) + " had no turn up to event " +
                   std::to_string(moment->upto),
               ExitCode::kUsage};
}

Result<std::optional<Event>> message_of(JournalView& view, const Event& subject) {
  Seq seq = subject.notice_issued().answers();
  if (subject.turn_started().answers_size() > 0) seq = subject.turn_started().answers(0);
  if (const Seq compaction = subject.turn_started().compaction(); compaction != 0) {
    auto started = view.event(compaction);
    if (!started) return started.error();
    seq = started->compaction_started().answers();
  }
  if (seq == 0) return std::optional<Event>();
  auto message = view.event(seq);
  if (!message) return message.error();
  return std::optional<Event>(*std::move(message));
}

Result<Told> tell(JournalView& view, const Event& subject) {
  auto message = message_of(view, subject);
  if (!message) return message.error();
  Told told{*message, Timeline(subject, message->has_value() ? &**message : nullptr), {}, {}, {}};
  UsageFold usage;
  auto catalogue = view.newest(Event::kCatalogueLoaded, subject.seq());
  if (!catalogue) return catalogue.error();
  if (catalogue->has_value()) static_cast<void>(usage.apply(**catalogue));
  const Seq from = message->has_value() ? (*message)->seq() : subject.seq();
  auto settled = walk_subject(view, subject, from, [&](const Event& event, Time before) {
    told.timeline.apply(event, before);
    if (const auto call = usage.apply(event); call && call->turn == subject.seq()) {
      told.spent.add(call->spent);
    }
    const bool its_own =
        event.seq() == subject.seq() || event.seq() == from || subject_of(event) == subject.seq();
    const bool interrupts = event.has_gateway_started() || event.has_gateway_stopped() ||
                            (event.seq() < subject.seq() && ends_turn(event));
    if ((its_own && !event.has_chunk_received()) || interrupts) told.lines.push_back(event);
    return true;
  });
  if (!settled) return settled.error();
  told.timeline.finish(*settled);
  if (subject.has_turn_started()) {
    auto prompt = rebuild_prompt(subject, view.gateway());
    if (!prompt) return prompt.error();
    told.prompt = *std::move(prompt);
  }
  return told;
}

// ---- as text

std::string name_column(std::string_view name) { return left(std::string(name), kLabelWidth); }

void print_named(const Tool& tool, std::string_view name, const std::string& text) {
  if (text.empty()) return;
  print_line(dimmed(tool, name_column(name)) + terminal_text(text));
}

std::string headline(const Told& told) {
  const Timeline& timeline = told.timeline;
  const Event& subject = timeline.subject();
  const bool turn = timeline.is_turn();
  const std::string place = turn ? subject.turn_started().place() : subject.notice_issued().place();
  std::string line = (turn ? "turn " : "notice ") + std::to_string(subject.seq()) + ", session " +
                     std::to_string(subject.session()) + " at " + place + ": ";
  if (turn) line += timeline.end() == nullptr ? "it runs" : kind_name(*timeline.end());
  if (turn) line += timeline.settled() || timeline.end() == nullptr ? "" : ", not shown whole yet";
  if (!turn) line += timeline.settled() ? "shown" : "not shown yet";
  return line + " after " + duration_text(timeline.ended() - timeline.began());
}

std::string message_text(const Event& message) {
  const MessageReceived& body = message.message_received();
  std::string text = "event " + std::to_string(message.seq());
  if (body.message_id() != 0) text += ", message " + std::to_string(body.message_id());
  if (body.user() != 0) text += " of user " + std::to_string(body.user());
  return text + ", " + time_text(time_of(message)) + ": \"" +
         escaped(message.content().text(), 60) + "\"";
}

std::string model_text(const Told& told) {
  const TurnStarted& started = told.timeline.subject().turn_started();
  std::string text = started.model() + " of " + started.provider();
  const Event* end = told.timeline.end();
  if (end == nullptr || !end->has_turn_completed()) return text;
  const TurnCompleted& completed = end->turn_completed();
  if (!completed.model().empty() && completed.model() != started.model()) {
    text += ", " + completed.model() + " answered";
  }
  if (!completed.request_id().empty()) text += ", request " + completed.request_id();
  return text;
}

std::string prompt_text(const Told& told) {
  const TurnStarted& started = told.timeline.subject().turn_started();
  const Selection& selection = told.prompt->built.selection;
  std::string text = count_text(selection.messages_taken) + " entries, about " +
                     count_text(started.tokens(), "token") + " in a window of " +
                     count_text(started.window_tokens()) + " (";
  if (started.policy() == "legacy") {
    text += std::to_string(tuning_of(started).legacy_percent()) + " % of what the answer leaves";
  } else {
    text += std::to_string(started.window_percent()) + " % of it";
  }
  if (started.policy() != "window") {
    text += ", policy " + started.policy();
  } else if (started.messages_max() != UINT32_MAX) {
    text += ", " + count_text(started.messages_max()) + " entries at most";
  }
  text += ")";
  if (selection.messages_dropped > 0) {
    text += "; " + count_text(selection.messages_dropped) + " dropped by " + selection.rule;
  }
  if (started.summary() != 0) {
    text += "; summary of CompactionCompleted " + std::to_string(started.summary());
  }
  for (int index = 0; index < started.parts_size(); ++index) {
    text += (index == 0 ? "; summaries of parts by CompactionCompleted " : ", ") +
            std::to_string(started.parts(index));
  }
  for (int index = 0; index < started.branches_size(); ++index) {
    text += (index == 0 ? "; summaries of branches by CompactionCompleted " : ", ") +
            std::to_string(started.branches(index));
  }
  return text;
}

std::string gap_text(const Attempt& attempt) {
  std::string text = count_text(attempt.chunks, "chunk");
  if (attempt.number > 1) text += " in attempt " + std::to_string(attempt.number);
  if (attempt.step > 1) text += " of step " + std::to_string(attempt.step);
  if (attempt.gaps.count == 0) return text;
  text += ", pauses: median " + duration_text(attempt.gaps.median) + ", longest " +
          duration_text(attempt.gaps.longest);
  if (attempt.gaps.before != 0) text += " before " + std::to_string(attempt.gaps.before);
  return text;
}

std::string part_text(const Part& part, Time began) {
  std::string text;
  for (const std::int64_t id : part.message_ids) {
    text += (text.empty() ? "message " : ", then ") + std::to_string(id);
  }
  if (text.empty()) text = part.failed ? "never shown" : "not shown yet";
  if (part.first_shown != Time()) {
    text += ", posted at +" + duration_text(part.first_shown - began);
  }
  if (part.edits > 0) {
    text +=
        ", " + count_text(part.edits, "edit") + " up to +" + duration_text(part.last_shown - began);
  }
  if (part.posts > 1) text += ", " + count_text(part.posts, "attempt");
  if (part.ambiguous > 0) text += ", " + count_text(part.ambiguous) + " ambiguous";
  return text + (part.gone ? ", deleted as surplus" : "") + (part.failed ? ", given up" : "");
}

// What the lines above say already is left out.
std::string event_line(Event event) {
  if (TurnStarted* body = event.has_turn_started() ? event.mutable_turn_started() : nullptr) {
    TurnStarted kept;
    kept.set_kind(body->kind());
    kept.set_model(body->model());
    kept.set_provider(body->provider());
    *kept.mutable_answers() = body->answers();
    kept.set_continues(body->continues());
    kept.set_checkpoint(body->checkpoint());
    kept.set_resumes(body->resumes());
    *body = kept;
  }
  if (event.turn_retried().has_prompt()) {
    TurnStarted kept;
    if (event.turn_retried().prompt().has_route()) {
      kept.set_model(event.turn_retried().prompt().model());
      kept.set_provider(event.turn_retried().prompt().provider());
    }
    kept.set_tokens(event.turn_retried().prompt().tokens());
    kept.set_overflow_keep_last(event.turn_retried().prompt().overflow_keep_last());
    *event.mutable_turn_retried()->mutable_prompt() = kept;
  }
  if (event.has_step_started()) {
    TurnStarted kept;
    kept.set_tokens(event.step_started().prompt().tokens());
    kept.set_step_tokens(event.step_started().prompt().step_tokens());
    kept.set_tools_closed(event.step_started().prompt().tools_closed());
    *event.mutable_step_started()->mutable_prompt() = kept;
  }
  if (event.has_step_completed()) event.mutable_step_completed()->clear_usage();
  if (event.has_message_received()) event.mutable_message_received()->clear_external_id();
  if (event.has_turn_completed()) event.mutable_turn_completed()->clear_usage();
  if (event.has_reply_posted()) event.mutable_reply_posted()->clear_digest();
  if (event.has_reply_edited()) event.mutable_reply_edited()->clear_digest();
  event.mutable_content()->clear_raw();
  return notation(event, {.head = false, .words_max = 40});
}

void print_at(const Tool& tool, Time began, Seq seq, Time time, const std::string& text) {
  const std::string head = right(std::to_string(seq), 7) + "  " + time_text(time).substr(11, 12) +
                           "  " + right("+" + duration_text(time - began), 9) + "  ";
  print_line(dimmed(tool, head) + terminal_text(text));
}

struct StoryLine {
  Seq seq = 0;
  Time time{};
  std::string text;
};

// Its events in order; of many edits the first and the last, of chunks the first and the last.
std::vector<StoryLine> story_lines(const Told& told) {
  std::vector<StoryLine> lines;
  const auto edits = static_cast<std::size_t>(
      std::count_if(told.lines.begin(), told.lines.end(),
                    [](const Event& event) { return event.has_reply_edited(); }));
  std::size_t edit = 0;
  for (const Event& event : told.lines) {
    std::string text = event_line(event);
    if (event.has_reply_edited() && edits > kEditsShown) {
      ++edit;
      if (edit > 1 && edit < edits) continue;
      if (edit == 1) text += ", " + count_text(edits - 2) + " more and";
    }
    lines.push_back({event.seq(), time_of(event), std::move(text)});
  }
  for (const Attempt& attempt : told.timeline.attempts()) {
    if (attempt.chunks == 0) continue;
    lines.push_back({attempt.first_chunk, attempt.first_chunk_at,
                     "ChunkReceived, the first of " + count_text(attempt.chunks)});
    if (attempt.chunks == 1) continue;
    lines.push_back({attempt.last_chunk, attempt.last_chunk_at, "ChunkReceived, the last"});
  }
  std::sort(lines.begin(), lines.end(),
            [](const StoryLine& one, const StoryLine& other) { return one.seq < other.seq; });
  return lines;
}

// Who else was considered, at the beginning and whenever it went on with another model.
// Of a notice, why nobody was asked.
Route route_of(const Event& subject) {
  Route route = subject.turn_started().route();
  if (subject.notice_issued().has_passed()) *route.add_passed() = subject.notice_issued().passed();
  return route;
}

void print_routes(const Tool& tool, const Told& told) {
  const Route route = route_of(told.timeline.subject());
  for (const std::string& line : route_lines(route)) print_named(tool, "route", line);
  for (const Event& event : told.lines) {
    const TurnStarted& anew = event.turn_retried().prompt();
    if (!anew.has_route()) continue;
    print_named(tool, "then", anew.model() + " of " + anew.provider());
    for (const std::string& line : route_lines(anew.route())) print_named(tool, "route", line);
  }
}

void print_text(const Tool& tool, const Told& told) {
  const Timeline& timeline = told.timeline;
  const Time began = timeline.began();
  print_line(bold(tool, terminal_text(headline(told))));
  if (told.message.has_value()) print_named(tool, "message", message_text(*told.message));
  if (timeline.is_turn()) {
    print_named(tool, "model", model_text(told));
    print_named(tool, "prompt", prompt_text(told));
  }
  print_routes(tool, told);
  for (const Attempt& attempt : timeline.attempts()) {
    if (attempt.chunks > 0) print_named(tool, "stream", gap_text(attempt));
  }
  if (timeline.end() != nullptr && timeline.end()->has_turn_completed()) {
    print_named(tool, "finish", timeline.end()->content().detail());
  }
  print_named(tool, "tokens", token_text(told.spent));
  print_named(tool, "money", price_text(told.spent));
  for (const Part& part : timeline.parts()) print_named(tool, "screen", part_text(part, began));
  print_line("");
  for (const StoryLine& line : story_lines(told)) {
    print_at(tool, began, line.seq, line.time, line.text);
  }
  print_line("");
  const Duration whole = timeline.ended() - began;
  for (const Span& span : timeline.spans()) {
    const auto part = static_cast<std::uint64_t>(span.length.count());
    std::string line = right(duration_text(span.length), 12) +
                       right(share_text(part, static_cast<std::uint64_t>(whole.count())), 7) +
                       "  " + span.what;
    if (!span.why.empty()) line += ": " + span.why;
    print_line(terminal_text(line));
  }
}

// ---- as JSON

JsonLine attempt_json(const Attempt& attempt) {
  JsonLine object = {{"attempt", attempt.number},
                     {"seq", attempt.seq},
                     {"from", time_text(attempt.from)},
                     {"chunks", attempt.chunks}};
  if (attempt.step > 1) object["step"] = attempt.step;
  if (attempt.chunks > 0) {
    object["first_chunk"] = attempt.first_chunk;
    object["first_token_ms"] = (attempt.first_chunk_at - attempt.from).count();
    object["last_chunk"] = attempt.last_chunk;
    object["pauses"] = {{"count", attempt.gaps.count},
                        {"median_ms", attempt.gaps.median.count()},
                        {"longest_ms", attempt.gaps.longest.count()},
                        {"before", attempt.gaps.before}};
  }
  if (attempt.end == 0) return object;
  object["end"] = {{"seq", attempt.end}, {"kind", attempt.ended_by}};
  object["took_ms"] = (attempt.until - attempt.from).count();
  if (attempt.error != ERROR_CLASS_UNSPECIFIED) {
    object["error"] = ErrorClass_Name(attempt.error);
    object["status"] = attempt.status;
    object["retry_after"] = attempt.retry_after;
    object["detail"] = attempt.detail;
  }
  return object;
}

JsonLine part_json(const Part& part, Time began) {
  JsonLine object = {{"message_ids", part.message_ids},
                     {"posts", part.posts},
                     {"edits", part.edits},
                     {"ambiguous", part.ambiguous},
                     {"characters", part.characters},
                     {"gone", part.gone},
                     {"failed", part.failed}};
  if (part.first_shown != Time()) {
    object["first_shown_ms"] = (part.first_shown - began).count();
    object["last_shown_ms"] = (part.last_shown - began).count();
  }
  return object;
}

JsonLine prompt_json(const TurnStarted& started, const Selection& selection) {
  return {{"entries", selection.messages_taken},
          {"dropped", selection.messages_dropped},
          {"rule", selection.rule},
          {"tokens", started.tokens()},
          {"window_tokens", started.window_tokens()},
          {"window_percent", started.window_percent()},
          {"messages_max", started.messages_max()},
          {"summary", started.summary()},
          {"parts", std::vector<Seq>(started.parts().begin(), started.parts().end())},
          {"branches", std::vector<Seq>(started.branches().begin(), started.branches().end())}};
}

JsonLine events_json(const std::vector<Event>& events) {
  JsonLine list = JsonLine::array();
  for (const Event& event : events) {
    list.push_back(JsonLine::parse(event_json(event), nullptr, false));
  }
  return list;
}

// That of whoever answered, or was asked last.
const TurnStarted& last_prompt(const Told& told) {
  const Event& subject = told.timeline.subject();
  const TurnStarted* last = &subject.turn_started();
  for (const Event& event : told.lines) {
    if (subject_of(event) != subject.seq()) continue;
    if (event.turn_retried().has_prompt()) last = &event.turn_retried().prompt();
  }
  return *last;
}

void print_told_json(const Told& told) {
  const Timeline& timeline = told.timeline;
  const Event& subject = timeline.subject();
  JsonLine object = {{timeline.is_turn() ? "turn" : "notice", subject.seq()},
                     {"session", subject.session()},
                     {"began", time_text(timeline.began())},
                     {"took_ms", (timeline.ended() - timeline.began()).count()},
                     {"settled", timeline.settled()}};
  if (told.message.has_value()) object["message"] = told.message->seq();
  JsonLine routes = JsonLine::array();
  for (const std::string& line : route_lines(route_of(subject))) routes.push_back(line);
  if (timeline.is_turn()) {
    const TurnStarted& started = subject.turn_started();
    const TurnStarted& last = last_prompt(told);
    object["place"] = started.place();
    object["model"] = last.model();
    object["provider"] = last.provider();
    object["route"] = std::move(routes);
    object["prompt"] = prompt_json(started, told.prompt->built.selection);
    object["spent"] = spent_json(told.spent);
    object["end"] = timeline.end() == nullptr ? JsonLine() : JsonLine(kind_name(*timeline.end()));
  } else {
    object["place"] = subject.notice_issued().place();
    if (!routes.empty()) object["route"] = std::move(routes);
  }
  JsonLine attempts = JsonLine::array();
  for (const Attempt& attempt : timeline.attempts()) attempts.push_back(attempt_json(attempt));
  JsonLine parts = JsonLine::array();
  for (const Part& part : timeline.parts()) parts.push_back(part_json(part, timeline.began()));
  JsonLine spans = JsonLine::array();
  for (const Span& span : timeline.spans()) {
    spans.push_back({{"what", span.what}, {"why", span.why}, {"ms", span.length.count()}});
  }
  object["attempts"] = std::move(attempts);
  object["screen"] = std::move(parts);
  object["where"] = std::move(spans);
  object["waited_for"] = events_json(timeline.waited_for());
  object["troubles"] = events_json(timeline.troubles());
  object["events"] = events_json(told.lines);
  print_json(object);
}

Result<void> run_turn(const Tool& tool, const std::string& what) {
  auto view = JournalView::open(tool);
  if (!view) return view.error();
  auto event = named_event(**view, what);
  if (!event) return event.error();
  auto subject = find_subject(**view, *event);
  if (!subject) return subject.error();
  auto told = tell(**view, *subject);
  if (!told) return told.error();
  if (tool.json) {
    print_told_json(*told);
  } else {
    print_text(tool, *told);
  }
  return {};
}

}  // namespace

void add_turn(CLI::App& app, Tool& tool) {
  CLI::App* verb = add_verb(app, "turn", Group::kRead,
                            "one turn as a timeline: what happened and what took so long",
                            "daybook turn 42; daybook turn telegram:12345@m77");
  const auto what = std::make_shared<std::string>();  // lives as long as the callback
  verb->add_option("what", *what,
                   "any event of the turn (its message, a chunk, an edit), a message of a session "
                   "(telegram:12345@m77), or a session: its newest turn")
      ->required();
  verb->add_flag("--json", tool.json, "as a JSON object");
  verb->callback([&tool, what] { tool.chosen = [&tool, what] { return run_turn(tool, *what); }; });
}

}  // namespace daybook
