// Event <-> Record. The clear bytes are the serialised body message (not the wrapper), the content
// bytes the serialised Content; the kind is the oneof's field number. Words and facts
// are apart on disk, so a fold reads the second without decoding (or decrypting) the first.
#pragma once

#include <optional>
#include <string_view>

#include "core/events.pb.h"
#include "core/log.h"
#include "core/result.h"

namespace daybook {

// What stands in the place of words that were destroyed.
inline constexpr std::string_view kErasedText = "[erased]";

Record to_record(const Event& event);

// An unknown kind gives an Event without body: folds skip it, verify, export and copy keep it.
// Bytes that do not parse are an Error with kDamaged.
Result<Event> from_record(const Record& record);

// The same without its words: for folds, which do not read them.
Result<Event> clear_from_record(const Record& record);
Result<Event> clear_from_record(const RecordView& record);

// The turn whose words an event holds, or that it is a fact about; 0: none.
Seq turn_of(const Event& event);

// The newest chunk of the attempt that an event ends; 0: it ends none, or none came.
Seq last_chunk_of(const Event& event);

// content.text alone, without copying; empty when there is none. Valid while the record lives.
std::string_view text_of(const Record& record);

// What names an inbound fact for ever; nullopt: nothing does.
std::optional<ExternalId> external_id_of(const Event& event);

// "TurnStarted" of an event, as spelled in events.proto; "Unknown(77)" for a kind this program does
// not know.
std::string kind_name(std::uint8_t kind);
inline std::string kind_name(const Event& event) {
  return kind_name(static_cast<std::uint8_t>(event.body_case()));
}
// 0: no such kind.
std::uint8_t kind_of(std::string_view name);

KindSet all_kinds();
KindSet all_but_chunks();

}  // namespace daybook
