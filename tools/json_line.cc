#include "tools/json_line.h"

#include "tools/tool.h"

namespace daybook {

void print_json(const JsonLine& object) {
  print_line(object.dump(-1, ' ', false, JsonLine::error_handler_t::replace));
}

}  // namespace daybook
