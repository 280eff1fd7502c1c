// The control socket's state machine: lines in, facts; committed events in, lines out.
#include "adapters/control.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "adapters/event_json.h"
#include "core/access.h"
#include "core/command.h"
#include "core/tokens.h"

namespace daybook {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFull =
    "the disk that holds daybookd's journal is full, so nothing was changed: make room and try "
    "again";
constexpr const char* kCrowded = "32 connections are open to it, and it takes no more";
static_assert(Control::kConnectionsMax == 32);
constexpr const char* kMayNotTalk =
    "whoever talks at that place is not let in, so no answer would come: see `daybook pair list`";

// "12345" of "telegram:12345/7".
std::int64_t chat_of(std::string_view place) {
  const std::size_t colon = place.find(':');
  if (colon == std::string_view::npos) return 0;
  return std::strtoll(std::string(place.substr(colon + 1)).c_str(), nullptr, 10);
}

bool is_place(std::string_view place) {
  const std::size_t colon = place.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == place.size()) return false;
  return place.size() <= 200 && std::none_of(place.begin(), place.end(), [](char c) {
           return static_cast<unsigned char>(c) <= ' ' || c == 0x7F;
         });
}

Event message_fact(std::string_view place, std::string_view text, std::string_view line,
                   std::int64_t user, Time now) {
  Event fact;
  MessageReceived& message = *fact.mutable_message_received();
  message.set_place(std::string(place));
  message.set_source("terminal");
  message.set_user(user);
  message.set_date(to_milliseconds(now) / 1000);
  message.set_tokens(estimate_tokens(text));
  message.set_group(chat_of(place) < 0);
  fact.mutable_content()->set_text(std::string(text));
  fact.mutable_content()->set_raw(std::string(line));
  fact.mutable_content()->set_name("terminal");
  if (const auto command = parse_command(text, ""); command.has_value()) {
    message.set_command(recorded_name(*command));
    fact.mutable_content()->set_arguments(command->arguments);
  }
  return fact;
}

// Who asked may also be let in by number: `daybook setup` sees the request, not the code.
Result<Event> approve_asking(const Directory& directory, std::int64_t user) {
  if (const PairingRow* row = directory.pairing(user); row != nullptr) {
    return approve_user(directory, user, row->place(), "setup");
  }
  return Error{"user " + std::to_string(user) + " has not asked: see `daybook pair list`",
               ExitCode::kUsage};
}

bool answers(const TurnStarted& turn, Seq message) {
  const auto& list = turn.answers();
  return std::find(list.begin(), list.end(), message) != list.end();
}

}  // namespace

void Control::send(Connection& connection, std::string_view line) {
  if (connection.closing) return;
  if (connection.output.size() + line.size() > kOutputBytesMax) {
    connection.output.clear();
    connection.closing = true;
    connection.fell_behind = true;
    connection.waiting = Waiting::kNothing;
    return;
  }
  connection.output += line;
  connection.output += '\n';
}

void Control::done(Connection& connection, std::string_view line) {
  send(connection, line);
  connection.waiting = Waiting::kNothing;
  connection.place.clear();
  connection.message = connection.session = connection.turn = 0;
  connection.compaction = connection.last_word = 0;
}

void Control::refuse(Connection& connection, const Error& error) {
  const Json line = {{"error", error.message}, {"code", static_cast<int>(error.code)}};
  done(connection, line.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void Control::expect(Connection& connection, Waiting what, std::string_view place,
                     std::int64_t user) {
  connection.waiting = what;
  connection.place = std::string(place);
  expected_.push_back({connection.id, what, connection.place, user, 0, 0, false});
}

// Erasures of one session are recorded in the order in which they were asked for.
void Control::learn_erasure(const Event& event) {
  if (!event.has_session_erased() || event.session_erased().answers() != 0) return;
  const auto meant =
      std::find_if(expected_.begin(), expected_.end(), [&](const Expected& expected) {
        return expected.what == Waiting::kErase && expected.session == event.session() &&
               expected.erasure == 0;
      });
  if (meant != expected_.end()) meant->erasure = event.seq();
}

bool Control::recorded(const Expected& expected, const Event& event) {
  switch (expected.what) {
    case Waiting::kNothing:
      return false;
    case Waiting::kSay:
      return (event.has_message_received() && event.message_received().source() == "terminal" &&
              event.message_received().place() == expected.place) ||
             (event.has_message_refused() && event.message_refused().source() == "terminal" &&
              event.message_refused().place() == expected.place);
    case Waiting::kPair:
      return (event.has_pairing_approved() && event.pairing_approved().user() == expected.user) ||
             (event.has_access_revoked() && event.access_revoked().user() == expected.user);
    case Waiting::kReload:
      return event.has_settings_loaded();
    case Waiting::kFork:
      return event.has_session_forked() && event.session_forked().place() == expected.place;
    case Waiting::kErase:
      return event.has_keys_destroyed() && expected.erasure != 0 &&
             event.keys_destroyed().of() == expected.erasure;
  }
  return false;
}

// What a message caused has ended when its turn has, when a notice settled it (commands), when it
// stopped another turn, or when the conversation it waited in was thrown away. A compaction's
// notice answers no message; it follows from the event that ended the compaction.
bool Control::settles(Connection& connection, const Event& event) {
  const Seq message = connection.message;
  if (event.has_compaction_started() && event.compaction_started().answers() == message) {
    connection.compaction = event.seq();
  }
  const Seq compacted = event.has_compaction_completed() ? event.compaction_completed().compaction()
                                                         : event.compaction_failed().compaction();
  if (compacted != 0 && compacted == connection.compaction) connection.last_word = event.seq();
  if (event.has_notice_issued()) {
    return event.notice_issued().answers() == message ||
           (connection.last_word != 0 && event.cause() == connection.last_word);
  }
  if (event.has_session_reset()) {
    return connection.turn == 0 && event.session_reset().answers() != message &&
           !event.session_reset().waits_on();
  }
  if (event.has_queue_cleared()) {
    const auto& dropped = event.queue_cleared().dropped();
    return std::find(dropped.begin(), dropped.end(), message) != dropped.end();
  }
  const auto& again = event.turn_cancelled().waits_again();
  if (std::find(again.begin(), again.end(), message) != again.end()) {
    connection.turn = 0;
    return false;
  }
  const Seq ended = ended_turn(event);
  const bool stopped = connection.stops && event.turn_cancelled().by() == message;
  return ended != 0 && (ended == connection.turn || stopped);
}

void Control::follow(Connection& connection, const Event& event) {
  if (connection.session == 0 && event.has_session_opened() &&
      event.session_opened().place() == connection.place) {
    connection.session = event.session();
  }
  const bool ours = event.session() != 0 && event.session() == connection.session;
  if (!ours && event.seq() != connection.message) return;
  send(connection, event_json(event));
  // A /retry is answered as the message that it asks again.
  const LeafMoved& moved = event.leaf_moved();
  if (moved.why() == LeafMoved::RETRY && moved.answers() == connection.message) {
    connection.message = moved.to();
  }
  if (event.has_turn_started() && answers(event.turn_started(), connection.message)) {
    connection.turn = event.seq();
  }
  if (!settles(connection, event)) return;
  const Json line = {{"done", true}, {"message", connection.message}, {"turn", connection.turn}};
  done(connection, line.dump());
}

void Control::begin_answer(Connection& connection, const Event& event, bool more) {
  if (event.has_message_refused()) {
    return refuse(connection, {kMayNotTalk, ExitCode::kUsage});
  }
  if (connection.waiting == Waiting::kSay) {
    connection.message = event.seq();
    connection.session = event.session();
    connection.stops = event.message_received().command() == "stop";
    return;
  }
  send(connection, event_json(event));
  if (more) return;
  Json line = {{"done", true}};
  const std::string note = event.has_settings_loaded() ? host_.reload_note() : std::string();
  if (!note.empty()) line["note"] = note;
  done(connection, line.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void Control::on_event(const Event& event) {
  learn_erasure(event);
  // Facts are recorded in the order they were handed over, so the oldest expected one is meant.
  const auto meant = std::find_if(expected_.begin(), expected_.end(),
                                  [&](const Expected& fact) { return recorded(fact, event); });
  if (meant != expected_.end()) {
    const auto asked = connections_.find(meant->connection);
    const bool more = meant->more;
    expected_.erase(meant);
    if (asked != connections_.end()) begin_answer(asked->second, event, more);
  }
  for (auto& [id, connection] : connections_) {
    if (connection.waiting == Waiting::kSay && connection.message != 0) follow(connection, event);
  }
}

std::optional<Due> Control::write_due(Connection& connection) {
  if (connection.writing != 0 || connection.close_sent) return std::nullopt;
  const bool finished =
      connection.closing || (connection.input_ended && connection.waiting == Waiting::kNothing);
  if (connection.output.empty() && !finished) return std::nullopt;
  connection.writing = next_call_++;
  connection.write_began = now_;
  connection.close_sent = finished;
  return Call{connection.writing, WriteCall{connection.id, std::exchange(connection.output, {}),
                                            connection.close_sent}};
}

std::optional<Due> Control::due(const Moment& moment) {
  taking_in_ = moment.taking_in;
  now_ = moment.now;
  if (trouble_ == kCrowded && connections_.size() <= kConnectionsMax / 2) trouble_.clear();
  if (listening_ == 0 && moment.now >= listen_at_) {
    listening_ = next_call_++;
    return Call{listening_, ListenCall{path_}};
  }
  if (!unread_.empty()) {
    Fact fact = std::move(unread_.front());
    unread_.erase(unread_.begin());
    return fact;
  }
  const auto lost = std::find_if(connections_.begin(), connections_.end(),
                                 [](const auto& entry) { return entry.second.fell_behind; });
  if (lost != connections_.end()) {
    const Cancel cancel{lost->first};
    connections_.erase(lost);
    return cancel;
  }
  for (auto& [id, connection] : connections_) {
    // A request that waited behind another one is read now, in the loop's own turn.
    if (connection.waiting == Waiting::kNothing && !connection.input.empty()) {
      unread_ = serve(connection, moment.now);
      if (!unread_.empty()) return due(moment);
    }
    if (auto write = write_due(connection); write.has_value()) return write;
  }
  if (unwanted_.empty()) return std::nullopt;
  const CallId stream = unwanted_.back();
  unwanted_.pop_back();
  return Call{next_call_++,
              WriteCall{stream,
                        "{\"error\":\"too many connections to daybookd; close one and try "
                        "again\",\"code\":75}\n",
                        true}};
}

// The limit counts as left only when half of the connections are gone, so that a crowd around it is
// told of once.
void Control::accept(CallId connection) {
  if (connections_.size() < kConnectionsMax) {
    connections_[connection].id = connection;
  } else {
    trouble_ = kCrowded;
    unwanted_.push_back(connection);
  }
}

std::vector<Fact> Control::on_reply(CallId call, Reply reply, Time now) {
  if (call == listening_) {
    if (const auto* accepted = std::get_if<ReplyAccepted>(&reply)) {
      accept(accepted->connection);
    } else if (std::holds_alternative<ReplyHead>(reply)) {
      trouble_.clear();
    } else if (const auto* failed = std::get_if<ReplyFailed>(&reply)) {
      trouble_ = failed->detail;
      listening_ = 0;
      listen_at_ = now + kListenRetry;
    }
    return {};
  }
  if (const auto found = connections_.find(call); found != connections_.end()) {
    Connection& connection = found->second;
    if (auto* body = std::get_if<ReplyBody>(&reply)) {
      connection.input += body->bytes;
      return serve(connection, now);
    }
    if (std::holds_alternative<ReplyEnd>(reply)) connection.input_ended = true;
    if (std::holds_alternative<ReplyFailed>(reply)) connections_.erase(found);
    return {};
  }
  for (auto found = connections_.begin(); found != connections_.end(); ++found) {
    if (found->second.writing != call) continue;
    found->second.writing = 0;
    if (std::holds_alternative<ReplyFailed>(reply) || found->second.close_sent) {
      connections_.erase(found);
    }
    return {};
  }
  return {};
}

// Reads lines as long as none of them has to wait for the journal.
std::vector<Fact> Control::serve(Connection& connection, Time now) {
  while (connection.waiting == Waiting::kNothing && !connection.closing) {
    const std::size_t end = connection.input.find('\n');
    if (end == std::string::npos || end > kLineBytesMax) break;
    const std::string line = connection.input.substr(0, end);
    connection.input.erase(0, end + 1);
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (auto facts = answer(connection, line, now); !facts.empty()) return facts;
  }
  if (connection.input.size() > kLineBytesMax) {
    connection.input.clear();
    refuse(connection, {"a request to daybookd is longer than 256 KiB", ExitCode::kUsage});
    connection.closing = true;
  }
  return {};
}

std::vector<Fact> Control::answer(Connection& connection, std::string_view line, Time now) {
  const Result<JsonValue> read = reader_.read(line);
  if (!read || !read->is_object()) {
    refuse(connection, {"a request to daybookd is not a JSON object", ExitCode::kUsage});
    return {};
  }
  const JsonValue request = *read;
  const std::string_view verb = request["verb"].string_or("");
  if (verb == "status") {
    done(connection, R"({"done":true,"status":)" + host_.status_json() + "}");
    return {};
  }
  std::vector<Fact> facts;
  const bool reads = verb == "pair" && request["action"].string_or("") == "list";
  if (!reads && host_.waiting_for_space()) {
    refuse(connection, {kFull, ExitCode::kBusy});
  } else if (verb == "say") {
    facts =
        say(connection, request["place"].string_or(""), request["text"].string_or(""), line, now);
  } else if (verb == "pair") {
    facts = pair(connection, request["action"].string_or(""), request["code"].string_or(""),
                 request["user"].integer_or(0), now);
  } else if (verb == "reload") {
    facts = reload(connection);
  } else if (verb == "fork") {
    facts = fork(connection, request);
  } else if (verb == "erase") {
    const auto number = [&](std::string_view key) { return request[key].integer_or(0); };
    facts = erase(connection, static_cast<SessionId>(number("session")),
                  static_cast<Seq>(number("event")), number("before"));
  } else {
    refuse(connection, {"daybookd knows no verb like this; it and daybook may be of different "
                        "versions: restart daybookd after an upgrade",
                        ExitCode::kUsage});
  }
  return facts;
}

std::vector<Fact> Control::say(Connection& connection, std::string_view place,
                               std::string_view text, std::string_view line, Time now) {
  const auto refused = [&](std::string sentence, ExitCode code) {
    refuse(connection, {std::move(sentence), code});
    return std::vector<Fact>();
  };
  if (!is_place(place)) {
    return refused("a place is spelled channel:chat, like terminal:default", ExitCode::kUsage);
  }
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return refused("there is nothing to say: the text is empty", ExitCode::kUsage);
  }
  if (!taking_in_) {
    return refused("daybookd takes nothing in now: it is stopping, or its disk is full",
                   ExitCode::kBusy);
  }
  const std::string_view channel = channel_of(place);
  const bool own = channel == "terminal" || channel == "console";
  const Directory& directory = host_.directory();
  const SessionRow* row = directory.at(place);
  if (!own && row == nullptr) {
    return refused("nobody has talked at " + std::string(place) +
                       " yet; `daybook sessions` lists the places there are",
                   ExitCode::kUsage);
  }
  std::vector<Fact> facts;
  std::int64_t user = 0;
  if (!own) {
    user = chat_of(place) > 0 ? chat_of(place) : directory.owner();
    if (!directory.may_talk(place, user)) return refused(kMayNotTalk, ExitCode::kUsage);
    Fact quote;
    quote.set_session(row->id());
    quote.mutable_notice_issued()->set_place(std::string(place));
    quote.mutable_notice_issued()->set_topic("terminal");
    quote.mutable_content()->set_text("From the terminal: " + std::string(text));
    facts.push_back(std::move(quote));
  }
  facts.push_back(message_fact(place, text, line, user, now));
  expect(connection, Waiting::kSay, place, 0);
  return facts;
}

void Control::list_pairings(Connection& connection, Time now) {
  const Directory& directory = host_.directory();
  Json pairings = Json::array();
  for (const auto& [user, row] : directory.pairings()) {
    if (row.expires() <= to_milliseconds(now)) continue;
    pairings.push_back(
        {{"user", user}, {"place", row.place()}, {"expires", row.expires()}, {"seq", row.seq()}});
  }
  Json allowed = Json::array();
  for (const std::int64_t user : directory.state().allowed()) allowed.push_back(user);
  Json configured = Json::array();
  for (const std::int64_t user : directory.settings().telegram_allow()) configured.push_back(user);
  const Json line = {{"done", true},
                     {"owner", directory.owner()},
                     {"pairings", std::move(pairings)},
                     {"allowed", std::move(allowed)},
                     {"configured", std::move(configured)}};
  done(connection, line.dump());
}

std::vector<Fact> Control::pair(Connection& connection, std::string_view action,
                                std::string_view code, std::int64_t user, Time now) {
  if (action == "list") {
    list_pairings(connection, now);
    return {};
  }
  const Directory& directory = host_.directory();
  Result<Event> fact = Error{"pair takes list, approve or revoke", ExitCode::kUsage};
  if (action == "approve" && code.empty()) {
    fact = approve_asking(directory, user);
  } else if (action == "approve") {
    fact = approve_code(directory, code, "terminal", now);
  }
  if (action == "revoke") fact = revoke_user(directory, user, "terminal");
  if (!fact) {
    refuse(connection, fact.error());
    return {};
  }
  if (fact->has_pairing_approved()) user = fact->pairing_approved().user();
  expect(connection, Waiting::kPair, "", user);
  return {std::move(fact).value()};
}

std::vector<Fact> Control::reload(Connection& connection) {
  auto facts = host_.reload();
  if (!facts) {
    refuse(connection, facts.error());
    return {};
  }
  expect(connection, Waiting::kReload, "", 0);
  return std::move(facts).value();
}

std::vector<Fact> Control::fork(Connection& connection, const JsonValue& request) {
  const std::string_view place = request["place"].string_or("");
  const auto number = [&](const char* name) {
    return static_cast<Seq>(std::max<std::int64_t>(0, request[name].integer_or(0)));
  };
  auto fact = host_.fork(number("session"), number("at"), place);
  if (!fact) {
    refuse(connection, fact.error());
    return {};
  }
  expect(connection, Waiting::kFork, place, 0);
  return {std::move(fact).value()};
}

std::vector<Fact> Control::erase(Connection& connection, SessionId session, Seq event,
                                 std::int64_t before) {
  auto facts = host_.erase(session, event, before);
  if (!facts) {
    refuse(connection, facts.error());
    return {};
  }
  if (facts->empty()) {
    done(connection, R"({"done":true})");
    return {};
  }
  connection.waiting = Waiting::kErase;
  for (const Fact& fact : *facts) {
    const bool more = &fact != &facts->back();
    expected_.push_back({connection.id, Waiting::kErase, "", 0, fact.session(), 0, more});
  }
  return std::move(facts).value();
}

bool Control::stuck(const Connection& connection, Time now) {
  return connection.writing != 0 && now >= connection.write_began + kWritePatience;
}

Time Control::wake_at(Time now) const {
  Time wake = listening_ == 0 ? std::max(now, listen_at_) : kNever;
  for (const auto& [id, connection] : connections_) {
    if (connection.writing == 0 || stuck(connection, now)) continue;
    wake = std::min(wake, connection.write_began + kWritePatience);
  }
  return wake;
}

// A client that is gone or does not read holds up nobody.
bool Control::idle() const {
  const auto awaited = [&](const Expected& fact) { return connections_.contains(fact.connection); };
  return unread_.empty() && std::none_of(expected_.begin(), expected_.end(), awaited) &&
         std::all_of(connections_.begin(), connections_.end(), [&](const auto& entry) {
           const Connection& connection = entry.second;
           const bool flushed = connection.output.empty() && connection.writing == 0;
           return flushed || stuck(connection, now_);
         });
}

}  // namespace daybook
