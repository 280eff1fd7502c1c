// The one translation unit with Catch2's runner. Test files are tagged by their name (-#), so that
// ctest lists one entry a file.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
