#include "core/policy.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "core/parts.h"
#include "core/relevance.h"
#include "core/tokens.h"

namespace daybook {

namespace {

constexpr int kActiveLookMax = 32;  // messages of a person that are looked at

constexpr std::size_t kScoredMax = 2'000;  // the newest of what could be taken

struct Scored {
  int position = 0;
  std::int64_t hundredths = 0;
};

void put_first(std::string rule, Choice* choice) {
  choice->provenance.insert(choice->provenance.begin(), std::move(rule));
}

// Where nothing says so, the newest entry.
int first_answered(const SessionState& session, const TurnStarted& turn) {
  const int newest = std::max(session.entries_size() - 1, 0);
  const int after = turn.answers().empty() ? 0 : position_after(session, turn.answers(0));
  return after == 0 ? newest : after - 1;
}

bool all_kept(const std::vector<bool>& kept, const ToldPart& part) {
  return std::all_of(kept.begin() + part.begin, kept.begin() + part.end,
                     [](bool one) { return one; });
}

class Chooser {
 public:
  Chooser(const SessionState& session, const TurnStarted& turn, std::uint32_t system_tokens,
          History& history);

  Choice window();
  Choice legacy();
  Choice reset();
  Choice incremental();
  Choice full() { return from(covered_); }
  Choice overflow();

 private:
  [[nodiscard]] bool pinned(int position) const {
    return pinned_[static_cast<std::size_t>(position)];
  }
  [[nodiscard]] std::uint64_t cost(int position) const {
    std::uint64_t tokens = std::uint64_t{entries_[position]->tokens()} + kMessageTokens;
    for (const ToldBranch& branch : branches_) {
      if (branch.position == position) tokens += branch.tokens + branch_tokens_;
    }
    return tokens;
  }
  [[nodiscard]] bool is_answer(int position) const {
    return entries_[position]->role() == Entry::ASSISTANT;
  }
  [[nodiscard]] std::uint64_t within(std::uint32_t tokens) const;
  [[nodiscard]] std::string text(int position) const {
    return history_.text(entries_[position]->seq());
  }
  [[nodiscard]] Choice::Part part_of(const std::string& whole, std::uint32_t bytes) const;
  void find_oversized();
  [[nodiscard]] int active_message() const;
  [[nodiscard]] int tail_begin(std::uint32_t keep_last) const;
  Choice from(int begin) const;
  Choice tail(std::uint32_t keep_last) const;
  Choice last_few(std::uint32_t keep_last) const;
  Choice cut_to_fit() const;
  bool cut_texts(int begin, std::uint32_t bytes, Choice* choice) const;
  void settle(Choice* choice) const;
  [[nodiscard]] std::vector<ToldBranch> branches_of(const std::vector<bool>& kept) const;
  [[nodiscard]] std::uint64_t weigh(const Choice& choice) const;
  [[nodiscard]] Choice shrunk(std::uint64_t tokens_max) const;
  [[nodiscard]] std::vector<Scored> scores(const Kept& kept) const;
  void pack(std::uint64_t tokens_max, Choice* choice) const;
  void tell_parts(std::uint64_t tokens_max, Choice* choice) const;

  const SessionState& session_;
  const TurnStarted& turn_;
  const PolicyTuning tuning_;
  const std::uint32_t system_tokens_;
  History& history_;
  const Entry* const* const entries_;
  const int size_;
  const int covered_;  // entries that the summary tells of, from the first on
  const int own_;      // the first of the messages that the turn answers: always taken, all of them
  const std::uint64_t tokens_max_;
  const std::uint64_t gap_tokens_;
  const std::uint64_t summary_tokens_;
  const std::uint64_t part_tokens_;  // what the summary of a part takes besides its words
  const std::uint64_t branch_tokens_;
  const std::vector<ToldBranch> branches_;  // taken with the entries behind which they are told
  std::vector<bool> pinned_;
  std::map<int, Choice::Part> oversized_;  // by position: cut, whatever else is taken
};

Chooser::Chooser(const SessionState& session, const TurnStarted& turn, std::uint32_t system_tokens,
                 History& history)
    : session_(session),
      turn_(turn),
      tuning_(tuning_of(turn)),
      system_tokens_(system_tokens),
      history_(history),
      entries_(session.entries().data()),
      size_(session.entries_size()),
      covered_(
          std::min(session.summary() == 0 ? 0 : position_after(session, session.summary_last()),
                   std::max(size_ - 1, 0))),
      own_(std::max(first_answered(session, turn), covered_)),
      tokens_max_(estimated_budget(turn)),
      gap_tokens_(estimate_tokens(kGapText, turn.rules()) + kMessageTokens),
      summary_tokens_(std::uint64_t{session.summary_tokens()} + kMessageTokens +
                      estimate_tokens(kSummaryIntro, turn.rules())),
      part_tokens_(estimate_tokens(kPartIntro, turn.rules()) + kMessageTokens),
      branch_tokens_(estimate_tokens(kBranchIntro, turn.rules()) + kMessageTokens),
      branches_(told_branches(session)),
      pinned_(static_cast<std::size_t>(size_)) {
  for (const Seq entry : session.pinned()) {
    const int after = position_after(session, entry);
    if (after > 0) pinned_[static_cast<std::size_t>(after - 1)] = true;
  }
  if (turn.policy() == "legacy") find_oversized();
}

Choice::Part Chooser::part_of(const std::string& whole, std::uint32_t bytes) const {
  return {bytes, estimate_tokens(cut_text(whole, bytes), turn_.rules())};
}

// Of what is answered, each text that alone takes more of the window than it may. It is cut to
// that, though no further than any text is.
void Chooser::find_oversized() {
  const std::uint64_t share = std::uint64_t{turn_.window_tokens()} * tuning_.legacy_last_percent();
  const std::uint64_t tokens_max = estimate_for(turn_, share / 100);
  const std::uint32_t bytes_min = *tuning_.cut_bytes().rbegin();
  if (tokens_max == 0 || tuning_.legacy_last_percent() >= 100) return;
  for (int position = own_; position < size_; ++position) {
    const std::uint64_t tokens = entries_[position]->tokens();
    if (tokens <= tokens_max || is_answer(position) || pinned(position)) continue;
    const std::string whole = history_.told(entries_[position]->seq());
    std::uint64_t bytes = std::max<std::uint64_t>(whole.size() * tokens_max / tokens, bytes_min);
    if (whole.size() <= bytes) continue;
    Choice::Part part = part_of(whole, static_cast<std::uint32_t>(bytes));
    while (part.tokens > tokens_max && bytes > bytes_min) {
      bytes = std::max<std::uint64_t>(bytes * 15 / 16, bytes_min);
      part = part_of(whole, static_cast<std::uint32_t>(bytes));
    }
    oversized_[position] = part;
  }
}

// A limit of the policy's own, never above the budget.
std::uint64_t Chooser::within(std::uint32_t tokens) const {
  return std::min<std::uint64_t>(tokens, tokens_max_);
}

// The newest message that says what to do; where none does, the newest of all.
int Chooser::active_message() const {
  int looked = 0;
  for (int position = size_ - 1; position >= covered_ && looked < kActiveLookMax; --position) {
    if (is_answer(position)) continue;
    if (is_substantive(text(position), tuning_.continuation_bytes())) return position;
    ++looked;
  }
  return size_ - 1;
}

int Chooser::tail_begin(std::uint32_t keep_last) const {
  const int last = size_ - static_cast<int>(std::min<std::uint32_t>(
                               keep_last, static_cast<std::uint32_t>(size_)));
  return std::max(covered_, std::min({last, own_, active_message()}));
}

// The tokens of all of it, laid out.
std::uint64_t Chooser::weigh(const Choice& choice) const {
  std::uint64_t tokens = std::uint64_t{system_tokens_} + kAnswerTokens;
  lay_out(session_, choice.kept, [&](const Piece& piece) {
    const auto part = choice.cut.find(piece.position);
    if (piece.kind == Piece::Kind::kGap) {
      tokens += gap_tokens_;
    } else if (piece.kind == Piece::Kind::kSummary) {
      tokens += summary_tokens_;
    } else if (piece.kind == Piece::Kind::kPart) {
      tokens += choice.kept.parts[static_cast<std::size_t>(piece.position)].tokens + part_tokens_;
    } else if (piece.kind == Piece::Kind::kBranch) {
      const auto index = static_cast<std::size_t>(piece.position);
      tokens += choice.kept.branches[index].tokens + branch_tokens_;
    } else if (part != choice.cut.end()) {
      tokens += part->second.tokens + kMessageTokens;
    } else {
      tokens += piece.entry->tokens() + kMessageTokens;
    }
  });
  return tokens;
}

std::vector<ToldBranch> Chooser::branches_of(const std::vector<bool>& kept) const {
  std::vector<ToldBranch> told = branches_;
  std::erase_if(told, [&](const ToldBranch& branch) {
    return !kept[static_cast<std::size_t>(branch.position)];
  });
  return told;
}

// The mandatory last pass. What it takes out makes no new gap, only an older one longer.
void Chooser::settle(Choice* choice) const {
  std::vector<bool>& kept = choice->kept.entries;
  const auto is_kept = [&](int position) -> bool {
    return kept[static_cast<std::size_t>(position)];
  };
  bool told = false;
  bool repaired = false;
  bool protects = false;
  for (int position = 0; position < size_; ++position) {
    const bool covered = position < covered_;
    const bool alone = position > covered_ && !is_kept(position - 1);
    if (is_kept(position) && is_answer(position) && alone && !pinned(position)) {
      kept[static_cast<std::size_t>(position)] = false;
      repaired = true;
    }
    told = told || (covered && !is_kept(position));
    protects = protects || pinned(position);
  }
  choice->kept.summary = told;
  choice->kept.branches = branches_of(kept);
  std::erase_if(choice->kept.parts, [&](const ToldPart& part) { return all_kept(kept, part); });
  if (repaired) choice->provenance.emplace_back("pairing");
  if (protects) choice->provenance.emplace_back("pinned");
  if (told) choice->provenance.emplace_back("summary");
  if (!choice->kept.parts.empty()) choice->provenance.emplace_back("parts");
  if (!choice->kept.branches.empty()) choice->provenance.emplace_back("branches");
  choice->tokens = weigh(*choice);
  choice->fits = choice->tokens <= tokens_max_;
}

// This entry and all after it, and what is pinned.
Choice Chooser::from(int begin) const {
  Choice choice;
  choice.kept.entries = pinned_;
  std::fill(choice.kept.entries.begin() + begin, choice.kept.entries.end(), true);
  choice.cut = oversized_;
  settle(&choice);
  if (!oversized_.empty()) choice.provenance.emplace_back("oversized_last");
  return choice;
}

Choice Chooser::tail(std::uint32_t keep_last) const {
  const int begin = tail_begin(keep_last);
  Choice choice = from(begin);
  const bool more = begin + static_cast<int>(keep_last) < size_ && begin > covered_;
  if (more) put_first("active_tail", &choice);
  return choice;
}

Choice Chooser::window() {
  Choice choice = full();
  const auto messages_max = static_cast<int>(std::min(turn_.messages_max(), 1U << 30));
  if (choice.fits && size_ - covered_ <= messages_max) return choice;
  // Gaps are reckoned for as many as there can be, so that what is taken fits in the end.
  choice.kept.entries = pinned_;
  choice.kept.branches = branches_of(pinned_);
  std::uint64_t tokens = weigh(choice) + 2 * gap_tokens_;
  int begin = size_;
  int taken = 0;
  std::string rule;
  for (; begin > covered_ && rule.empty(); --begin) {
    const int position = begin - 1;
    if (pinned(position)) continue;
    const bool latest = position >= own_;
    if (!latest && taken >= messages_max) rule = "messages_max";
    if (!latest && rule.empty() && tokens + cost(position) > tokens_max_) {
      const bool absolute = turn_.budget() == turn_.context_tokens_max();
      rule = absolute ? "context_tokens_max" : limit_of(turn_).setting;
    }
    if (!rule.empty()) break;
    tokens += cost(position);
    ++taken;
  }
  choice = from(begin);
  if (!rule.empty()) put_first(std::move(rule), &choice);
  return choice;
}

Choice Chooser::last_few(std::uint32_t keep_last) const {
  Choice choice = tail(keep_last);
  put_first("keep_last_" + std::to_string(keep_last), &choice);
  return choice;
}

Choice Chooser::legacy() {
  Choice choice = full();
  if (choice.fits) return choice;
  for (const std::uint32_t keep_last : tuning_.legacy_keep_last()) {
    choice = last_few(keep_last);
    if (choice.fits) return choice;
  }
  return cut_to_fit();
}

Choice Chooser::overflow() {
  Choice choice = last_few(turn_.overflow_keep_last());
  if (!choice.fits) choice = cut_to_fit();
  put_first("overflow", &choice);
  return choice;
}

// Cuts what is kept and longer than this: what was said last least, until nothing else helps.
// Pinned entries stay as they are.
bool Chooser::cut_texts(int begin, std::uint32_t bytes, Choice* choice) const {
  *choice = from(begin);
  bool shorter = false;
  for (int position = begin; position < size_; ++position) {
    if (!choice->kept.entries[static_cast<std::size_t>(position)] || pinned(position)) continue;
    const bool last = position == size_ - 1 && bytes > *tuning_.cut_bytes().rbegin();
    const std::uint32_t bytes_max = last ? std::max(bytes, tuning_.cut_last_bytes()) : bytes;
    const auto cut = choice->cut.find(position);
    if (cut != choice->cut.end() && cut->second.bytes <= bytes_max) continue;
    const std::string whole = history_.told(entries_[position]->seq());
    if (whole.size() <= bytes_max) continue;
    choice->cut[position] = part_of(whole, bytes_max);
    shorter = true;
  }
  if (shorter) put_first("cut_" + std::to_string(bytes), choice);
  choice->tokens = weigh(*choice);
  choice->fits = choice->tokens <= tokens_max_;
  return choice->fits;
}

Choice Chooser::cut_to_fit() const {
  Choice choice;
  for (const std::uint32_t bytes : tuning_.cut_bytes()) {
    if (cut_texts(tail_begin(tuning_.cut_keep_last()), bytes, &choice)) return choice;
  }
  cut_texts(own_, *tuning_.cut_bytes().rbegin(), &choice);
  return choice;
}

Choice Chooser::reset() {
  const std::uint64_t threshold = within(turn_.reset_threshold());
  const int anew = std::max(position_after(session_, session_.anew()) - 1, covered_);
  Choice choice = from(anew);
  if (choice.tokens <= threshold) {
    if (anew > covered_) choice.anew = session_.entries(anew).seq();
    put_first(anew > covered_ ? "reset_before" : "reset_below_threshold", &choice);
    return choice;
  }
  const int begin = tail_begin(turn_.keep_last());
  choice = from(begin);
  put_first("reset", &choice);
  if (!choice.fits) choice = legacy();
  if (begin > covered_) choice.anew = session_.entries(begin).seq();
  return choice;
}

// The last few, of these as many as fit: the newest always.
Choice Chooser::shrunk(std::uint64_t tokens_max) const {
  int begin = tail_begin(turn_.keep_last());
  Choice choice = tail(turn_.keep_last());
  while (choice.tokens > tokens_max && begin < own_) {
    choice = from(++begin);
    put_first("clamp", &choice);
  }
  return choice;
}

Choice Chooser::incremental() {
  const std::uint64_t tokens_max = within(turn_.incremental_budget());
  Choice choice = from(0);
  if (choice.tokens <= tokens_max) {
    put_first("incremental_below_budget", &choice);
    return choice;
  }
  choice = shrunk(tokens_max);
  if (!choice.fits) return cut_to_fit();
  if (choice.tokens <= tokens_max) {
    tell_parts(tokens_max, &choice);
    pack(tokens_max, &choice);
  }
  put_first("incremental", &choice);
  return choice;
}

// Of what is not kept, the most relevant first.
std::vector<Scored> Chooser::scores(const Kept& kept) const {
  const int active = active_message();
  const Marks asked = marks_of(text(size_ - 1) + "\n" + text(active));
  const MarkWeights weights{tuning_.reference_weight(), tuning_.number_weight(),
                            tuning_.name_weight()};
  std::vector<Scored> scored;
  std::unordered_map<Seq, Marks> unkept;
  std::unordered_map<Seq, Marks>* memo = history_.marks_memo();
  for (int position = size_ - 1; position >= 0 && scored.size() < kScoredMax; --position) {
    if (kept.entries[static_cast<std::size_t>(position)]) continue;
    const auto [marks, added] =
        (memo == nullptr ? unkept : *memo).try_emplace(session_.entries(position).seq());
    if (added) marks->second = marks_of(text(position));
    const std::int64_t distance = size_ - 1 - position;
    scored.push_back({position, common_hundredths(asked, marks->second, weights) -
                                    tuning_.distance_weight() * distance});
  }
  std::stable_sort(scored.begin(), scored.end(), [](const Scored& one, const Scored& other) {
    return one.hundredths > other.hundredths;
  });
  return scored;
}

// The newest parts of what is left out. Each may make one gap more than there was.
void Chooser::tell_parts(std::uint64_t tokens_max, Choice* choice) const {
  const std::vector<ToldPart> parts = parts_of(session_);
  std::uint64_t room = (tokens_max - choice->tokens) * tuning_.parts_percent() / 100;
  std::vector<ToldPart>& told = choice->kept.parts;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    const std::uint64_t cost = part->tokens + part_tokens_ + gap_tokens_;
    if (part->completed == 0 || cost > room || all_kept(choice->kept.entries, *part)) continue;
    room -= cost;
    told.push_back(*part);
  }
  std::reverse(told.begin(), told.end());
  choice->tokens = weigh(*choice);
}

// Takes what fits, an answer with its question. Gaps are reckoned for as many as there can be.
void Chooser::pack(std::uint64_t tokens_max, Choice* choice) const {
  std::vector<bool>& kept = choice->kept.entries;
  const auto is_kept = [&](int position) {
    return position < 0 || position >= size_ || kept[static_cast<std::size_t>(position)];
  };
  std::uint64_t tokens = choice->tokens;
  for (const Scored& one : scores(choice->kept)) {
    if (is_kept(one.position)) continue;
    const bool with_question =
        is_answer(one.position) && one.position > 0 && !is_kept(one.position - 1);
    const int first = with_question ? one.position - 1 : one.position;
    int gaps = (is_kept(first - 1) ? 0 : 1) + (is_kept(one.position + 1) ? 0 : 1) - 1;
    const bool follows = one.position > covered_ && !is_answer(one.position - 1);
    if (is_answer(one.position) && !follows) gaps += 2;
    std::uint64_t more = gap_tokens_ * static_cast<std::uint64_t>(std::max(gaps, 0));
    for (int position = first; position <= one.position; ++position) more += cost(position);
    if (tokens + more > tokens_max) continue;
    tokens += more;
    std::fill(kept.begin() + first, kept.begin() + one.position + 1, true);
  }
  choice->provenance.clear();
  settle(choice);
}

}  // namespace

const std::vector<PolicyRow>& policies() {
  static const std::vector<PolicyRow> kRows = {
      {"full", "everything, or nothing is asked"},
      {"window", "the newest messages that fit"},
      {"legacy", "everything while it fits, then fewer and fewer of the newest"},
      {"reset", "everything up to a threshold, then anew with the last few"},
      {"incremental", "the last few, and of the others what has most to do with the question"},
  };
  return kRows;
}

bool is_policy(std::string_view name) {
  return std::any_of(policies().begin(), policies().end(),
                     [name](const PolicyRow& row) { return row.name == name; });
}

Choice choose(const SessionState& session, const TurnStarted& turn, std::uint32_t system_tokens,
              History& history) {
  Chooser chooser(session, turn, system_tokens, history);
  if (session.entries_size() == 0) return chooser.full();
  if (turn.overflow_keep_last() != 0) return chooser.overflow();
  if (turn.policy() == "full") return chooser.full();
  if (turn.policy() == "legacy") return chooser.legacy();
  if (turn.policy() == "reset") return chooser.reset();
  if (turn.policy() == "incremental") return chooser.incremental();
  return chooser.window();
}

bool is_substantive(std::string_view text, std::size_t continuation_bytes_max) {
  constexpr auto kContinuations = std::to_array<std::string_view>(
      {"continue", "status", "resume", "go on", "keep going", "hey", "ok", "okay", "yes", "y"});
  if (text.size() > continuation_bytes_max) return true;
  std::string plain;
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool lower = c >= 'a' && c <= 'z';
    const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
    if (upper) plain += static_cast<char>(c - 'A' + 'a');
    if (lower || (!upper && static_cast<unsigned char>(c) >= 0x80) || (c >= '0' && c <= '9')) {
      plain += c;
    }
    if (blank && !plain.empty() && plain.back() != ' ') plain += ' ';
  }
  while (plain.ends_with(' ')) plain.pop_back();
  return !plain.empty() &&
         std::find(kContinuations.begin(), kContinuations.end(), plain) == kContinuations.end();
}

}  // namespace daybook
