// RecordJudge: the port through which the journal asks what its records mean, while it is examined.
// core/laws.h implements it.
//
// Law: it reads clear bytes and nothing else, so whoever examines needs no key to the words. A
// record that a later version of this program may have written is never a complaint.
#pragma once

#include <string>
#include <vector>

#include "core/log.h"

namespace daybook {

class RecordJudge {
 public:
  virtual ~RecordJudge() = default;

  // Before the first event: which one it will be. What it and later ones say of events before it
  // is believed.
  virtual void begin(Seq first) = 0;

  // Events in order, without their words. False: `complaint` says what is wrong with this one, as
  // the end of a sentence about it.
  virtual bool judge(const RecordView& event, std::string& complaint) = 0;

  // The external id it carries; an empty id: none. Depends on the event alone.
  [[nodiscard]] virtual ExternalId external(const RecordView& event) const = 0;

  // What was asked to be erased by the events judged so far. `done`: an event says that it is.
  struct Erasure {
    Erased words;
    bool done = false;
  };
  [[nodiscard]] virtual std::vector<Erasure> erasures() const = 0;

  // What the refs must be after the events judged so far, by name. Of use only when they were
  // judged from the first one on.
  [[nodiscard]] virtual std::vector<Ref> refs() const = 0;

  // The epoch that the events judged so far leave the journal in; 0: not known, since they were not
  // judged from the first one on.
  [[nodiscard]] virtual std::uint64_t epoch() const = 0;

  // The same of a projection's state; empty: nothing.
  [[nodiscard]] virtual std::string judge(const Snapshot& snapshot) const = 0;
};

}  // namespace daybook
