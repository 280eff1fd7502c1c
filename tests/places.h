// Where the tree lies and where it was built. Known to one object file, so that every other one is
// the same in whatever folder a build is made, and a compiler cache finds it again.
#pragma once

#include <string>

namespace daybook {

std::string source_directory();
std::string build_directory();  // holds daybookd and daybook

}  // namespace daybook
