#include "adapters/tool_use.h"

#include <algorithm>

#include "adapters/json_document.h"
#include "core/session.h"

namespace daybook {

std::string append_arguments(ToolUse* use, std::string_view more) {
  const std::size_t room = kToolArgumentsBytesMax - use->arguments.size();
  const std::string_view kept = use->cut ? std::string_view() : text_prefix(more, room);
  use->cut = use->cut || kept.size() < more.size();
  use->arguments += kept;
  return std::string(kept);
}

void settle_tool_uses(std::vector<ToolUse>* uses) {
  for (std::size_t index = 0; index < uses->size(); ++index) {
    ToolUse& use = (*uses)[index];
    use.name = text_prefix(use.name, kToolNameBytesMax);
    use.id = text_prefix(use.id, kToolIdBytesMax);
    const auto taken = [&](const std::string& id) {
      return std::any_of(uses->begin(), uses->end(),
                         [&](const ToolUse& other) { return &other != &use && other.id == id; });
    };
    for (std::size_t number = index + 1; use.id.empty() || taken(use.id); ++number) {
      use.id = "call_" + std::to_string(number);
    }
  }
}

std::string sent_arguments(const ToolRequest& request) {
  JsonReader reader(kToolArgumentsBytesMax);
  const Result<JsonValue> value = reader.read(request.arguments);
  return value && value->is_object() ? request.arguments : "{}";
}

}  // namespace daybook
