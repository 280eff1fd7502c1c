#include "core/result.h"
int main() { return 0; }
