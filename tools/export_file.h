// The lines of our own export: journal/FORMAT.md describes them under "Exports".
//
//   {"export":"daybook 1","scope":"journal","journal":"<id>","created":...,"epoch":1,"format":2}
//   {"seq":1,"time":"...","session":0,"kind":"GatewayStarted",...,"prev":0,"record":["<base64>"]}
//   {"seq":2,...,"text":"hello","prev":1,"record":["<base64>"],"words_key":"<base64>"}
//   {"commit":[1,3],"seal":"<hex>"}
//   {"end":3,"events":3,"withheld":0,"seal":"<hex>"}
//
// Law: what write_line() writes, read_line() reads, and nothing is guessed at: a line that is none
// of these is refused.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/events.pb.h"
#include "journal/stored.h"

namespace daybook {

using ExportJson = nlohmann::ordered_json;

// An event of a megabyte, its bytes in base64 beside its words in JSON, fits.
inline constexpr std::size_t kExportLineBytesMax = 16u << 20;

// The first line.
struct ExportHead {
  bool whole = true;  // all sessions and the gateway's own events
  JournalIdentity identity;
  SessionId session = 0;  // when not whole
  std::string place;
};

// An event: for reading, and as its stored bytes or, where those are withheld, their hash.
struct ExportEvent {
  ExportJson fields;               // as `daybook log --json` prints it, and "prev"
  std::optional<crypto::Key> key;  // what unlocks the words in `stored`
  StoredEvent stored;
  std::optional<Digest> hash;  // set: withheld, `stored` has no parts
};

// After its events. `hashes`: one for each of first..last, null where the event stands in the file;
// empty when all do.
struct ExportCommit {
  Seq first = 0;
  Seq last = 0;
  std::optional<Digest> before;  // the seal it follows, where the commit before is not in the file
  std::vector<std::optional<Digest>> hashes;
  Digest seal{};
};

// The last line: what was counted, and the checkpoint it reaches.
struct ExportEnd {
  Seq last = 0;
  Seq events = 0;
  Seq withheld = 0;
  Digest seal{};
};

using ExportLine = std::variant<ExportHead, ExportEvent, ExportCommit, ExportEnd>;

// With a newline. For an event, `fields` is given as text: `event_json` of it.
std::string write_line(const ExportHead& head);
// `key`: what its words are locked with, if they are. Not written of an event that is withheld.
std::string write_line(const Event& event, const StoredEvent& stored,
                       const std::optional<crypto::Key>& key, bool withheld);
std::string write_line(const ExportCommit& commit);
std::string write_line(const ExportEnd& end);

// An Error says what is wrong with the line, not which it is.
Result<ExportLine> read_line(std::string_view line);

// 32 bytes as 64 hexadecimal digits and back.
std::optional<Digest> digest_from_hex(std::string_view text);

}  // namespace daybook
