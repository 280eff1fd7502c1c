// Lines in, growing text out.
//
// Printing follows the committed text of one delivery: written so far against wanted so far.
#include "adapters/console.h"

#include <algorithm>
#include <utility>

#include "adapters/wire/utf8.h"
#include "core/command.h"
#include "core/directory.h"

namespace daybook {
namespace {

constexpr std::string_view kConsoleChannel = "console";
constexpr std::string_view kConsolePlace = "console:local";
constexpr std::size_t kPersonBytesMax = 256;
constexpr std::string_view kStartingOver = "\n[starting over]\n";

bool same_attempt(const DeliveryAction& one, const DeliveryAction& other) {
  return one.source == other.source && one.part == other.part && one.attempt == other.attempt;
}

Fact attempt_fact(const DeliveryAction& action) {
  Fact fact;
  fact.set_cause(action.source);
  PostAttempted& body = *fact.mutable_post_attempted();
  body.set_source(action.source);
  body.set_part(action.part);
  body.set_attempt(action.attempt);
  return fact;
}

Fact printed_fact(Seq source, std::uint32_t part, std::string_view text) {
  const auto is_first_byte = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  Fact fact;
  fact.set_cause(source);
  ReplyPosted& body = *fact.mutable_reply_posted();
  body.set_source(source);
  body.set_part(part);
  body.set_message_id(static_cast<std::int64_t>(source));
  body.set_digest(text_digest(text));
  body.set_characters(
      static_cast<std::uint32_t>(std::count_if(text.begin(), text.end(), is_first_byte)));
  return fact;
}

Fact failed_fact(const DeliveryAction& action, std::string_view why, bool ambiguous) {
  Fact fact;
  fact.set_cause(action.source);
  fact.mutable_delivery_failed()->set_source(action.source);
  fact.mutable_delivery_failed()->set_part(action.part);
  fact.mutable_delivery_failed()->set_ambiguous(ambiguous);
  fact.mutable_content()->set_detail(std::string(why));
  return fact;
}

// At most so many bytes of valid UTF-8, never cut inside a code point.
std::string readable(std::string_view line, std::size_t bytes_max = kConsoleLineBytesMax) {
  std::string text = utf8::repair(line);
  std::size_t end = std::min(text.size(), bytes_max);
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

}  // namespace

Console::Console(const Work& work, bool interactive, const std::string& person)
    : work_(work), interactive_(interactive), person_(readable(person, kPersonBytesMax)) {
  rules_.part_characters_max = kConsolePartCharacters;
  rules_.edit_interval_private = Duration(0);
  rules_.edit_interval_group = Duration(0);
  rules_.edit_characters = 0;
}

void Console::on_event(const Event& event) {
  if (!asked_ || event.body_case() != Event::kPostAttempted) return;
  const PostAttempted& body = event.post_attempted();
  if (body.source() == asked_->source && body.part() == asked_->part) asked_.reset();
}

std::optional<Due> Console::due(const Moment& moment) {
  if (stdio_ == 0) {
    stdio_ = ++last_call_;
    return Call{stdio_, StdioCall{}};
  }
  if (write_ != 0 && !broken_) return std::nullopt;
  if (broken_) printing_.reset();
  if (printing_) {
    if (auto print = due_printing(moment)) return print;
    if (printing_) return std::nullopt;
  }
  if (auto next = due_next(moment)) return next;
  return due_prompt(moment);
}

// What the answer that prints still lacks; its last piece brings the newline.
std::optional<Due> Console::print_more() {
  const auto& open = work_.deliveries.open();
  const auto found = open.find(printing_->source);
  std::string bytes;
  if (found != open.end()) {
    const std::string& wanted = found->second.text;
    std::string& written = printing_->written;
    if (!wanted.starts_with(written)) {
      // A retried attempt begins with nothing: wait for its first words before saying so.
      if (wanted.empty()) return std::nullopt;
      bytes = kStartingOver;
      written.clear();
    }
    bytes += wanted.substr(written.size());
    written = wanted;
    if (!found->second.state.finished() && bytes.empty()) return std::nullopt;
    printing_->ended = found->second.state.finished();
  } else {
    printing_->ended = true;
  }
  if (printing_->ended) bytes += '\n';
  return write(std::move(bytes));
}

// Goes on with the delivery that prints; when all of it is out, says so part by part.
std::optional<Due> Console::due_printing(const Moment& moment) {
  if (!printing_->ended) return print_more();
  const auto found = work_.deliveries.open().find(printing_->source);
  if (found != work_.deliveries.open().end()) {
    const auto parts = split_text(found->second.text, rules_.part_characters_max);
    if (printing_->reported < parts.size()) {
      const std::uint32_t part = printing_->reported++;
      return printed_fact(printing_->source, part, parts[part]);
    }
  }
  if (moment.settled) printing_.reset();
  return std::nullopt;
}

std::optional<Due> Console::due_next(const Moment& moment) {
  if (!moment.settled) return std::nullopt;
  const auto action = work_.deliveries.due(kConsoleChannel, rules_, moment.now,
                                           [](std::string_view) { return false; });
  if (!action) return std::nullopt;
  if (action->kind == DeliveryAction::Kind::kAttempt) {
    if (asked_ && same_attempt(*asked_, *action)) return std::nullopt;
    asked_ = *action;
    return attempt_fact(*action);
  }
  if (action->kind == DeliveryAction::Kind::kGiveUp) {
    return failed_fact(*action, kGivenUpDetail, true);
  }
  if (action->kind == DeliveryAction::Kind::kWithdraw) return withdrawn(*action);
  if (broken_) return failed_fact(*action, "standard output is closed", false);
  printing_ = Printing{action->source, {}, false, 0};
  if (std::exchange(prompted_, false)) return write("\n");
  return print_more();
}

std::optional<Due> Console::due_prompt(const Moment& moment) {
  if (!interactive_ || prompted_ || at_end_ || broken_ || printing_ || !moment.settled) {
    return std::nullopt;
  }
  const bool owed = !work_.deliveries.settled(kConsoleChannel) ||
                    !work_.deliveries.silent_places(kConsoleChannel).empty();
  if (owed) return std::nullopt;
  prompted_ = true;
  return write("> ");
}

Call Console::write(std::string bytes) {
  write_ = ++last_call_;
  return Call{write_, WriteCall{stdio_, std::move(bytes), false}};
}

std::vector<Fact> Console::on_reply(CallId call, Reply reply, Time now) {
  const bool failed = std::holds_alternative<ReplyFailed>(reply);
  if (call == write_ && call != 0) {
    write_ = 0;
    if (failed) broken_ = true;
    return {};
  }
  if (call != stdio_) return {};
  if (const auto* body = std::get_if<ReplyBody>(&reply)) return take_input(body->bytes, now);
  if (!failed && !std::holds_alternative<ReplyEnd>(reply)) return {};
  at_end_ = true;
  std::vector<Fact> facts;
  if (auto fact = take_line(now)) facts.push_back(std::move(*fact));
  return facts;
}

std::vector<Fact> Console::take_input(std::string_view bytes, Time now) {
  std::vector<Fact> facts;
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::size_t room = kConsoleLineBytesMax - line_.size();
    line_.append(bytes.substr(0, std::min(end, room)));
    if (end == bytes.size()) break;
    bytes.remove_prefix(end + 1);
    if (auto fact = take_line(now)) facts.push_back(std::move(*fact));
  }
  return facts;
}

// The line gathered so far as a message; nothing if it says nothing.
std::optional<Fact> Console::take_line(Time now) {
  std::string line = std::exchange(line_, std::string());
  prompted_ = false;
  if (line.ends_with('\r')) line.pop_back();
  if (line.find_first_not_of(" \t") == std::string::npos) return std::nullopt;
  std::string text = readable(line);
  Fact fact;
  MessageReceived& body = *fact.mutable_message_received();
  body.set_place(std::string(kConsolePlace));
  body.set_source(std::string(kConsoleChannel));
  body.set_date(to_milliseconds(now) / 1'000);
  Content& content = *fact.mutable_content();
  if (const auto command = parse_command(text, "")) {
    body.set_command(recorded_name(*command));
    content.set_arguments(command->arguments);
  }
  content.set_text(std::move(text));
  content.set_name(person_);
  return fact;
}

Time Console::wake_at(Time now) const {
  const Time owed = work_.deliveries.wake_at(kConsoleChannel, rules_, now);
  return owed > now ? owed : kNever;
}

bool Console::idle() const {
  const bool printing = printing_ && !printing_->ended && !broken_;
  return (write_ == 0 || broken_) && !printing && work_.deliveries.settled(kConsoleChannel);
}

// Of an answer that has not ended only what it has said so far can still be printed.
bool Console::idle_by(Time /*until*/) const {
  const auto owed = [&](const auto& entry) {
    const Deliveries::Delivery& delivery = entry.second;
    if (channel_of(delivery.state.place()) != kConsoleChannel) return false;
    if (delivery.state.finished()) return true;
    const bool prints = printing_ && printing_->source == entry.first && !broken_;
    return prints && !delivery.text.empty() && delivery.text != printing_->written;
  };
  const auto& open = work_.deliveries.open();
  return (write_ == 0 || broken_) && std::none_of(open.begin(), open.end(), owed);
}

}  // namespace daybook
