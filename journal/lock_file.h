// lock.mdb, before LMDB has it: LMDB maps it and writes to it, which on a full disk is no error but
// a signal. So it takes its room first.
#pragma once

#include <string>

#include "core/result.h"

namespace daybook::store {

inline constexpr const char* kLock = "lock.mdb";

// Makes it where it is missing, for whoever owns its directory: root would lock them out. 0, or the
// errno of what failed; where it cannot be made, LMDB says why. Not while this process has the
// journal open: to close it here ends LMDB's locks on it.
int reserve_lock_file(const std::string& path);

// LMDB may not open the journal in this directory (EACCES), and does not say which of its files.
Error opening_denied(const std::string& directory);

}  // namespace daybook::store
