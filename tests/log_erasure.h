// What every Log promises about words that are erased; subjects are those of log_contract.h.
#pragma once

#include "tests/log_contract.h"

namespace daybook::log_contract {

template <typename Subject>
void erased_words_are_gone_for_good() {
  Subject subject;
  Batch batch = batch_of(1, 40);
  for (Record& event : batch.records) {
    event.turn = event.seq > 20 ? 20 : 0;        // a turn's words share a key
    if (event.seq % 7 == 0) event.session = 14;  // others' words between them
  }
  batch.records[1].content = std::string(9'000, 'w');
  subject.log().append(batch);
  subject.settle();
  for (const Seq record : {41, 42}) {  // asked for twice: an erasure may be carried out anew
    Batch erasing = batch_of(record, 1);
    erasing.erased = {{1, 2, 3}, {1, 21, 40}, {1, 25, 30}, {14, 7, 7}};
    subject.log().append(erasing);
    subject.settle();
    if (record == 42) subject.reopen();
    for (const Record& event : read_all(subject.log())) {
      INFO(event.seq);
      const bool gone = event.session == 14 ? event.seq == 7
                                            : event.seq == 2 || event.seq == 3 ||
                                                  (event.seq > 20 && event.seq <= 40);
      CHECK(event.erased == gone);
      CHECK(event.content.empty() == gone);
      CHECK(event.clear == "clear" + std::to_string(event.seq));
      CHECK(subject.log().get(event.seq).value()->erased == gone);
    }
  }
}

}  // namespace daybook::log_contract
