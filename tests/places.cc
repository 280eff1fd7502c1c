// The two paths come from CMakeLists.txt.
#include "tests/places.h"

namespace daybook {

std::string source_directory() { return DAYBOOK_SOURCE_DIR; }
std::string build_directory() { return DAYBOOK_BINARY_DIR; }

}  // namespace daybook
