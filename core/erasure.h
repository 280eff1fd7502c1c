// What goes when words are to be forgotten, and who sees to it that their keys go.
//
// Words have echoes. With a message go its edits, the turns and notices that answer it, and what
// quotes it in a raw update or among the finds of a /search; with a turn everything said in it and
// the turn that goes on with it; what a tool found them for; with any of them every summary made
// from it, summaries made from that one, and titles; with a /system the system prompt that it set.
// Law: a SessionErased names all of it by seq, and turns whole: the words of a turn share one key.
// Answers to later messages stay, though their prompts held the words: nobody can tell what of them
// they repeat.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "core/directory.h"
#include "core/events.pb.h"
#include "core/ports.h"
#include "core/result.h"
#include "core/state.pb.h"
#include "core/types.h"
#include "core/work.h"

namespace daybook {

// Is this event of the erasure's own session among those it names?
bool covers(const SessionErased& erased, Seq seq);

// What is asked for: one event with its echoes, or all of the session up to an event.
struct ErasureRequest {
  Seq subject = 0;  // any event of the session; 0: none
  Seq from = 0;     // with `upto`: what is older is forgotten already
  Seq upto = 0;     // 0: nothing but the subject; a turn open at that event goes whole
  Seq asker = 0;    // the message that asks: it may quote what it asks for
};

// Walks the session's chain from its head back to what is asked for; reads the raw updates of the
// messages on the way. An Error says why it cannot be erased.
Result<SessionErased> plan_erasure(const SessionRow& row, const ErasureRequest& request,
                                   History& history);

// The same as facts to record: the session's own, then one for each session that was forked from
// it, directly or not, and reads any of it. What it shares is forgotten there too, and so are its
// own summaries of it.
Result<std::vector<Event>> erasure_facts(const Directory& directory, const SessionRow& row,
                                         const ErasureRequest& request, History& history);

// Asks for the KeysDestroyed of every SessionErased that has none: an erasure that a dead process
// began is simply still due. Not an adapter of the outside world, but asked like one, after the
// erasure is durable and hence after everything that it covers.
class Eraser final : public Adapter {
 public:
  // Must outlive it.
  Eraser(const Work& work, History& history) : work_(work), history_(history) {}

  [[nodiscard]] std::string_view name() const override { return "eraser"; }
  void on_event(const Event&) override {}
  std::optional<Due> due(const Moment& moment) override;
  std::vector<Fact> on_reply(CallId, Reply, Time) override { return {}; }
  [[nodiscard]] Time wake_at(Time) const override { return kNever; }
  [[nodiscard]] bool idle() const override { return work_.erasures.empty(); }

 private:
  const Work& work_;
  History& history_;
  Seq asked_ = 0;  // up to this erasure, in this process
};

}  // namespace daybook
