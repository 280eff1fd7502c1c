#include "core/failure_text.h"

#include "core/context.h"
#include "core/decide_conversation.h"
#include "core/health.h"
#include "core/open_turn.h"

namespace daybook {

namespace {

std::string provider_name(const std::string& provider) {
  return provider == "openrouter" ? "OpenRouter"
         : provider == "openai"   ? "OpenAI"
         : provider == "gemini"   ? "Gemini"
                                  : provider;
}

// Whether the peer's words are told behind the reason.
bool quoted(ErrorClass error, int status, const std::string& detail, std::uint32_t rules) {
  if (detail.empty()) return false;
  if (error == REQUEST || error == REFUSED || error == SETTINGS) return true;
  // A page, or our own words for none.
  if (rules < 3 || detail.starts_with('<') || detail.ends_with("without words")) return false;
  return error == RATE || error == OVERLOAD || error == FUNDS || (error == AUTH && status == 403);
}

// `detail` is told where it is our own side's words.
std::string reason_of(ErrorClass error, const std::string& provider, int status,
                      const std::string& detail, bool in_steps, std::uint32_t rules) {
  const std::string code = status > 0 ? " (HTTP " + std::to_string(status) + ")" : "";
  if (error == AUTH && status == 403 && rules >= 3)
    return provider + " would not let us" + code + ".";
  if (error == AUTH)
    return provider + " refused our key" + code + ". Check the provider's api_key.";
  if (error == FUNDS) return provider + " says the account has no funds left" + code + ".";
  if (error == RATE) return provider + " limits how fast we may ask" + code + ".";
  if (error == OVERLOAD) return provider + " is overloaded" + code + ".";
  if (error == OVERFLOW && in_steps) {
    return "what its tools found no longer fits the model" + code + ". Ask for less at once.";
  }
  if (error == OVERFLOW) {
    return "the conversation no longer fits the model" + code + ". /compact or /reset helps.";
  }
  if (error == REFUSED) return provider + " would not answer this" + code + ".";
  if (error == REQUEST) return provider + " did not accept the request" + code + ".";
  const std::string why = detail.empty() ? "." : ": " + detail + ".";
  if (error == NETWORK) return provider + " could not be reached" + why;
  if (error == UNSAFE) return provider + " could not be reached safely" + why;
  if (error == TRUNCATED) return "the answer broke off" + code + ".";
  const std::string told = rules < 3 ? "." : why;
  if (error == STALLED) return provider + " stopped answering" + told;
  if (error == PEER) return provider + " sent something that is not an answer" + code + told;
  if (error == SETTINGS) return provider + " is not set up.";
  return provider + " failed" + code + ".";
}

// "b of c": who could not answer before the model that failed last.
std::string failed_before(const State& state, const OpenTurn& turn) {
  const std::optional<Event> recorded = state.history.clear_event(turn.prompt());
  std::string names;
  if (!recorded) return names;
  for (const PassedModel& passed : prompt_record(*recorded).route().passed()) {
    if (passed.why() != PassedModel::FAILED) continue;
    names += (names.empty() ? "" : ", ") + passed.model() + " of " + passed.provider();
  }
  return names;
}

}  // namespace

std::string failure_sentence(const State& state, const OpenTurn& turn, const AttemptFailed& failed,
                             const std::string& detail, bool kept) {
  const std::uint32_t rules = state.directory.rules();
  // Of a summary or a title, why there is none: it stands in a sentence of theirs.
  const bool answer = turn.kind() == ANSWER || rules < 3;
  std::string sentence =
      answer ? "⚠ No " + std::string(kept ? "complete " : "") + "answer from " + turn.model() + ": "
             : std::string();
  sentence += is_quota(failed) ? provider_name(turn.provider()) + " " + trouble_words(failed) + "."
                               : reason_of(failed.error(), provider_name(turn.provider()),
                                           failed.status(), detail, turn.steps_size() > 0, rules);
  if (quoted(failed.error(), failed.status(), detail, rules)) {
    sentence += " It said: " + detail;
  }
  if (failed.missing_model() && failed.status() != 403) {
    sentence += near_text(state, model_name(turn.provider(), turn.model()));
  }
  const std::uint32_t attempts = rules < 3 ? turn.attempt() : attempts_of_model(turn);
  if (attempts > 1) sentence += " Tried " + std::to_string(attempts) + " times.";
  if (const std::string others = failed_before(state, turn); !others.empty()) {
    sentence += " Before it " + others + " failed.";
  }
  if (const std::string stop = budget_stop(state, turn); !stop.empty())
    return sentence + " " + stop;
  if (!answer) return sentence;
  if (rules >= 3) {
    return sentence + (kept ? " What came is kept above; /continue goes on from there."
                            : " Your message is kept; /retry asks once more.");
  }
  sentence += kept ? " What came is kept above;" : " Your message is kept;";
  return sentence + " it is not retried. Write again to go on.";
}

std::string trouble_words(const AttemptFailed& failed) {
  if (is_quota(failed)) return "says that what may be asked in a day is used up";
  if (failed.error() == FUNDS) return "has no funds left";
  if (failed.error() == UNSAFE) return "could not be reached safely";
  if (failed.error() == AUTH)
    return failed.status() == 403 ? "would not let us" : "refused our key";
  return failed.error() == RATE || failed.retry_after() > 0 ? "asked for a pause"
                                                            : "failed several times in a row";
}

std::string held_sentence(const State& state, const PassedModel& held, bool owner, bool goes_on) {
  const std::optional<Event> event = state.history.clear_event(held.event());
  const AttemptFailed failed = event ? event->attempt_failed() : AttemptFailed();
  const bool mendable = needs_somebody(failed.error());
  std::string text =
      goes_on ? "⚠ The answer stays as it is: " : "⚠ Your message is kept but was not sent: ";
  text += provider_name(held.provider()) + " " + trouble_words(failed) +
          ", so nobody is asked before " + clock_text(from_milliseconds(held.until()), state.now) +
          ". ";
  if (owner) {
    text += goes_on ? "/continue asks at once" : "/retry asks at once";
    return text + (mendable ? ", and what you mend counts once the settings are read anew." : ".");
  }
  text += goes_on ? "From then on /continue goes on." : "From then on /retry answers it.";
  if (mendable && !state.directory.owner_place().empty()) {
    text += " Whoever runs this bot was told.";
  }
  return text;
}

}  // namespace daybook
