// Server-sent events (WHATWG HTML, section 9.2.6), sans-IO.
//
// Law: the events depend on the bytes alone, never on where a read cut them. Text inside `data:`
// can never begin an event of its own. Lines end in LF, CR or CRLF, mixed; one leading BOM is
// dropped; ill-formed UTF-8 is repaired; comments and unknown fields are counted as signs of life
// and otherwise ignored; so is `retry`, because nobody reconnects a model's answer.
//
// A decoder is pulled: feed() lends it bytes, next() gives the events in them one by one. An event
// that arrived in one read is a view into those bytes: nothing is copied or allocated for it.
// Rejected: a callback per event, which would make whoever decodes JSON re-enter the parser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace daybook::sse {

inline constexpr std::size_t kLineBytesMax = 1u << 20;
inline constexpr std::size_t kEventBytesMax = 4u << 20;

// Views are valid until the next call of next(), feed() or finish().
struct Event {
  std::string_view type;  // "message" unless the peer named another
  std::string_view data;
  std::string_view id;  // the last one given, by this event or an earlier one

  friend bool operator==(const Event&, const Event&) = default;
};

class Decoder {
 public:
  // Lends bytes, which must stay until next() has said nullopt. What was lent before must be used
  // up (CHECK).
  void feed(std::string_view bytes);

  // The next event; nullopt: more bytes are needed, or the peer is wrong() and stays so.
  [[nodiscard]] std::optional<Event> next();

  // The stream has ended. The standard drops an event that no empty line closed; models' servers
  // forget that line, so one that is exactly [DONE] or a whole JSON object is given after all.
  [[nodiscard]] std::optional<Event> finish();

  // True after finish() when something was begun and not delivered.
  [[nodiscard]] bool truncated() const { return truncated_; }

  // A limit was passed; error() says which.
  [[nodiscard]] bool wrong() const { return !error_.empty(); }
  [[nodiscard]] std::string_view error() const { return error_; }

  // Complete lines so far of any sort: a stream of comments is alive.
  [[nodiscard]] std::uint64_t lines() const { return lines_; }

 private:
  std::size_t line_end();
  void skip_start();
  std::string_view take_line(std::size_t end);
  void keep_rest();
  void field(std::string_view line);
  void add_data(std::string_view value);
  std::optional<Event> dispatch();
  void own_data();

  std::string_view input_;
  std::size_t at_ = 0;
  std::size_t next_cr_ = 0;  // first CR at or after at_, or the input's size; same for LF
  std::size_t next_lf_ = 0;

  std::string line_;          // a line that began in an earlier read
  bool carried_ = false;      // line_ holds such a beginning
  bool after_cr_ = false;     // an LF that comes next belongs to the CR before it
  std::size_t bom_seen_ = 0;  // bytes of the BOM matched so far; kBomDone when past it

  std::string_view data_view_;  // the event's first data line while nothing follows it
  std::string data_;            // the same once it had to be copied
  bool has_data_ = false;
  bool owned_ = false;  // the data is in data_
  std::string type_;
  std::string type_given_;  // of the event handed out last
  std::string id_;
  std::string repaired_;

  std::uint64_t lines_ = 0;
  std::string_view error_;
  bool truncated_ = false;
};

}  // namespace daybook::sse
