#include "tools/spent_text.h"

#include "core/money.h"
#include "tools/figures.h"

namespace daybook {

std::string token_text(const Spent& spent) {
  if (spent.calls == 0) return {};
  std::string text =
      count_text(spent.prompt_tokens) + " in, " + count_text(spent.output_tokens) + " out";
  if (spent.cached_tokens > 0) text += ", " + count_text(spent.cached_tokens) + " cached";
  if (spent.reasoning_tokens > 0) text += ", " + count_text(spent.reasoning_tokens) + " reasoning";
  if (spent.estimated_tokens == 0) {
    text += ", as reported";
  } else if (spent.reported_calls == 0) {
    text += ", estimated";
  } else {
    text += ", " + count_text(spent.estimated_tokens) + " of them estimated";
  }
  return spent.calls > 1 ? text + ", " + count_text(spent.calls, "call") : text;
}

std::string price_text(const Spent& spent) {
  if (spent.calls == 0) return {};
  if (spent.unpriced_calls == spent.calls) return "nobody said what this model costs";
  std::string text = money_text(spent.nanodollars());
  if (spent.said_nanodollars > 0 && spent.computed_nanodollars > 0) {
    text += ", " + money_text(spent.said_nanodollars) + " of it as the provider said";
  } else if (spent.said_nanodollars > 0) {
    text += ", as the provider said";
  } else if (spent.computed_nanodollars > 0) {
    text += ", by the catalogue";
  }
  if (spent.unpriced_calls == 0) return text;
  return text + ", " + count_text(spent.unpriced_calls, "call") + " without a price";
}

JsonLine spent_json(const Spent& spent) {
  return {{"calls", spent.calls},
          {"reported_calls", spent.reported_calls},
          {"prompt_tokens", spent.prompt_tokens},
          {"cached_tokens", spent.cached_tokens},
          {"output_tokens", spent.output_tokens},
          {"reasoning_tokens", spent.reasoning_tokens},
          {"estimated_tokens", spent.estimated_tokens},
          {"cost_nanodollars", spent.nanodollars()},
          {"said_nanodollars", spent.said_nanodollars},
          {"computed_nanodollars", spent.computed_nanodollars},
          {"unpriced_calls", spent.unpriced_calls}};
}

}  // namespace daybook
