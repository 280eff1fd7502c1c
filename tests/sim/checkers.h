// What must hold at the end of a simulated world. Each checker is a function of what the outside
// saw and what the journal holds, never of the gateway's memory; it answers with complaints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/context.h"
#include "core/events.pb.h"
#include "core/log.h"
#include "tests/world/bot_api.h"
#include "tests/world/chat_server.h"

namespace daybook::sim {

struct Said {
  std::int64_t chat = 0;
  std::int64_t message_id = 0;
  std::string text;
  int edit = 0;  // of this message, from 1 on; 0: the message itself
};

// Everything there is to judge.
struct Evidence {
  std::vector<Event> events;  // the durable journal, in order
  History& history;
  const world::BotApi& bot;
  const world::ChatServer& models;
  std::vector<Said> said;
};

using Complaints = std::vector<std::string>;

// The event that records it; null: none does.
const Event* received(const Evidence& evidence, const Said& said);

Complaints seqs_are_contiguous(const Evidence& evidence);
// What `daybook verify` holds every journal to.
Complaints laws_hold(const Evidence& evidence);
// Every update is recorded, each once.
Complaints inbound_once(const Evidence& evidence);
// Every text was taken up by one turn (or dropped by a /reset), and every turn ended.
Complaints everything_answered(const Evidence& evidence);
// New words of what was said and still counts take its place; no other edit does anything.
Complaints edits_take_their_place(const Evidence& evidence);
// A queue's mode is kept: turns answer one message or many, and are cut or not, as it says.
Complaints queue_modes_hold(const Evidence& evidence);
// What was said in one conversation is answered in no other.
Complaints answered_where_said(const Evidence& evidence);
// What a turn says it got is what the model said, all of it.
Complaints answers_whole(const Evidence& evidence);
// A question that was answered stands in later prompts with its answer, never run into the next.
Complaints prompts_in_order(const Evidence& evidence);
// The screens show what the journal says they should, and nothing else beyond one extra message
// per ambiguous post.
Complaints screens_match(const Evidence& evidence);
// Nothing was posted, and no model asked, without an event that says so.
Complaints nothing_unwritten(const Evidence& evidence);
// Every prompt can be made again, to the recorded digest.
Complaints prompts_rebuild(const Evidence& evidence);
// No turn comes back to a model that it gave up, and an answer names who gave it if it is not who
// was wanted.
Complaints fallbacks_end(const Evidence& evidence);
// Every use of a tool that a model asked for is refused, returned or given up, once.
Complaints tools_settled(const Evidence& evidence);
// What people had forgotten is in no event any more.
Complaints words_gone(const Evidence& evidence);
// What the peers complain about.
Complaints peers_content(const Evidence& evidence);

Complaints check_all(const Evidence& evidence);

// Posts of which nobody can know whether they are on the screen.
std::uint64_t ambiguous_posts(const std::vector<Event>& events, const std::string& place = {});
// Messages on the bot's screens beyond what the journal wants there.
std::uint64_t extra_messages(const Evidence& evidence);

}  // namespace daybook::sim
