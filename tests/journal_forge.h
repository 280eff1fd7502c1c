// A journal's files and tables taken apart, changed, and put together again, as one who can write
// them would forge them.
#pragma once

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "journal/layout.h"
#include "journal/record.h"
#include "journal/store.h"
#include "journal/stored.h"
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

// Of a value's flags; FORMAT.md.
inline constexpr std::size_t kFlagsAt = 6;
inline constexpr char kSealedFlag = 4;

// With the checksum that belongs to it.
inline std::string checked(const std::string& key, std::string value) {
  const std::uint64_t number = record::load_u64(key);
  const std::string_view covered = record::without_seal(value);
  const std::uint32_t crc =
      record::crc32c(covered.substr(4)) ^ static_cast<std::uint32_t>(number ^ number >> 32);
  std::memcpy(value.data(), &crc, sizeof crc);
  return value;
}

// A value that ended a commit and does no more.
inline std::string unsealed(const std::string& key, const std::string& value) {
  std::string plain(record::without_seal(value));
  plain[kFlagsAt] = static_cast<char>(plain[kFlagsAt] & ~kSealedFlag);
  return checked(key, plain);
}

// One that did not, ended by `seal`.
inline std::string sealed(const std::string& key, std::string value, std::string_view seal) {
  value[kFlagsAt] = static_cast<char>(value[kFlagsAt] | kSealedFlag);
  return checked(key, value.append(seal));
}

inline std::string row_key(Seq seq) {
  std::string key;
  record::append_u64(key, seq);
  return key;
}

inline Seq seq_of(const std::pair<std::string, std::string>& event) {
  return record::seq_of(record::load_u64(event.first));
}

// The last event of each commit, wherever its seal lies.
inline std::vector<Seq> ends_of(const Tables& tables) {
  std::vector<Seq> ends;
  for (const auto& [key, seal] : tables[static_cast<unsigned>(Table::kSeals)]) {
    ends.push_back(record::load_u64(key));
  }
  for (const auto& event : tables[static_cast<unsigned>(Table::kEvents)]) {
    if (!record::seal_in(event.second).empty()) ends.push_back(seq_of(event));
  }
  return ends;
}

inline std::string& meta_of(Tables& tables, std::string_view name) {
  for (auto& [key, value] : table_of(tables, Table::kMeta)) {
    if (key == name) return value;
  }
  FAIL("no meta " << name);
  return tables.at(0).at(0).second;
}

// As versions left it whose seals lay in the table alone.
inline void seals_to_table(const Place& place) {
  Tables tables = read_tables(place.directory());
  const std::string seal_key = slurp(place.directory() + "/" + files::kSealKey);
  Digest seal = layout::first_seal(seal_key, meta_of(tables, layout::kMetaId));
  const std::vector<Seq> ends = ends_of(tables);
  Entries& seals = table_of(tables, Table::kSeals);
  seals.clear();
  auto at = table_of(tables, Table::kEvents).begin();
  for (Seq first = 1; const Seq end : ends) {
    std::vector<Digest> hashes;
    while (first + hashes.size() <= end) {
      StoredEvent event{first + hashes.size(), {}};
      for (; at != table_of(tables, Table::kEvents).end() && seq_of(*at) == event.seq; ++at) {
        at->second = unsealed(at->first, at->second);
        event.parts.push_back(at->second);
      }
      hashes.push_back(event.hash());
    }
    std::vector<const Digest*> pointers;
    for (const Digest& hash : hashes) pointers.push_back(&hash);
    seal = layout::next_seal(seal_key, seal, first, pointers);
    seals.emplace_back(row_key(end), view(seal));
    first = end + 1;
  }
  std::string& format = meta_of(tables, layout::kMetaFormat);
  const std::uint32_t older = record::load_u32(format) & ~layout::kFormatSealsInside;
  format.clear();
  record::append_u32(format, older);
  forge(place, tables);
  const auto head = files::read_head(place.directory());
  REQUIRE((head && head->has_value() && (*head)->seq == ends.back()));
  const std::string text = files::format_head({ends.back(), seal, (*head)->time});
  REQUIRE(files::replace(place.directory(), files::kHead, text));
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
