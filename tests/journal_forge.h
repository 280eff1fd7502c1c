// A journal's files and tables taken apart, changed, and put together again, as one who can write
// them would forge them.
#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "journal/record.h"
#include "journal/store.h"
#include "tests/journal_place.h"

namespace daybook::journal_forge {

using journal_place::Place;
using store::Cursor;
using store::Environment;
using store::Table;
using store::Visit;
using store::WriteTransaction;

namespace fs = std::filesystem;

inline std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void spit(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.flush());
}

// One table's entries, to be changed and put back.
using Entries = std::vector<std::pair<std::string, std::string>>;
using Tables = std::vector<Entries>;

inline Tables read_tables(const std::string& directory) {
  auto environment = Environment::open({directory, 0, true, false});
  REQUIRE(environment);
  Tables tables(store::kTableCount);
  Visit visit(**environment);
  REQUIRE(visit.begin().ok());
  for (unsigned i = 0; i < store::kTableCount; ++i) {
    Cursor cursor(visit, static_cast<Table>(i));
    for (auto status = cursor.first(); status.ok(); status = cursor.next()) {
      tables[i].emplace_back(cursor.key(), cursor.value());
    }
  }
  return tables;
}

inline Entries& table_of(Tables& tables, Table table) {
  return tables[static_cast<unsigned>(table)];
}

// The same journal with other contents, as one who can write the file would forge it.
inline void forge(const Place& place, const Tables& tables) {
  const std::string draft = place.directory() + "/forged";
  fs::create_directory(draft);
  {
    auto environment = Environment::open({draft, 16u << 20, false, true});
    REQUIRE(environment);
    WriteTransaction transaction(**environment);
    REQUIRE(transaction.begin().ok());
    for (unsigned i = 0; i < store::kTableCount; ++i) {
      for (const auto& [key, value] : tables[i]) {
        REQUIRE(transaction.put(static_cast<Table>(i), key, value).ok());
      }
    }
    REQUIRE(transaction.commit().ok());
  }
  fs::rename(draft + "/data.mdb", place.directory() + "/data.mdb");
  fs::remove(place.directory() + "/lock.mdb");
  fs::remove_all(draft);
}

// A value with another content and a checksum that is right.
inline std::string rewritten(const std::string& key, const std::string& value, Seq new_seq) {
  record::Decoder decoder;
  Record event;
  REQUIRE(decoder.feed(record::load_u64(key), value, event) == record::Decoder::Answer::kDone);
  event.seq = new_seq;
  event.prev = 0;
  event.cause = 0;
  event.content += " forged";
  record::Encoded encoded;
  record::encode(event, encoded);
  return encoded.bytes;
}

}  // namespace daybook::journal_forge
