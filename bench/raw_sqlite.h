// The second anchor: SQLite appending the same values in the same commits, in WAL mode with
// synchronous = FULL, which is the same promise as ours: what is committed has been synced.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>

#include "bench/raw_lmdb.h"
#include "bench/typical.h"
#include "journal/record.h"

namespace daybook::bench {

class RawSqlite {
 public:
  explicit RawSqlite(const std::string& path) {
    require(sqlite3_open(path.c_str(), &database_) == SQLITE_OK, "sqlite3_open");
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = FULL");
    run("CREATE TABLE events (seq INTEGER PRIMARY KEY, value BLOB NOT NULL)");
    const char* insert = "INSERT INTO events VALUES (?, ?)";
    require(sqlite3_prepare_v2(database_, insert, -1, &insert_, nullptr) == SQLITE_OK, insert);
  }
  ~RawSqlite() {
    sqlite3_finalize(insert_);
    sqlite3_close(database_);
  }
  RawSqlite(const RawSqlite&) = delete;
  RawSqlite& operator=(const RawSqlite&) = delete;

  void commit(Seq count) {
    run("BEGIN");
    for (Seq i = 0; i < count; ++i) {
      sqlite3_bind_int64(insert_, 1, ++last_);
      sqlite3_bind_blob(insert_, 2, value_.data(), static_cast<int>(value_.size()), SQLITE_STATIC);
      require(sqlite3_step(insert_) == SQLITE_DONE, "INSERT");
      sqlite3_reset(insert_);
    }
    run("COMMIT");
  }

 private:
  void run(const char* statement) {
    require(sqlite3_exec(database_, statement, nullptr, nullptr, nullptr) == SQLITE_OK, statement);
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  std::int64_t last_ = 0;
  std::string value_ = std::string(record::kHeaderBytes + kRawBodyBytes, 'v');
};

}  // namespace daybook::bench
