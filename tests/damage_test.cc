// `daybook verify` against thousands of damages: whoever reads another journal than the one that
// was written, or cannot read it, was warned; and whatever the bytes are, the tool lives on.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <functional>
#include <random>

#include "journal/layout.h"
#include "journal/reading.h"
#include "tests/damage_world.h"
#include "tests/places.h"
#include "tests/world/process.h"

namespace daybook::damage_test {

using journal_forge::Entries;
using journal_forge::Tables;
using store::Table;
using testing::DamageWorld;
using testing::JournalFiles;
using world::Finished;

namespace fs = std::filesystem;

constexpr std::size_t kPageBytes = 4'096;
constexpr std::size_t kSectorBytes = 512;
constexpr unsigned kSeed = 20'261'128;
constexpr unsigned kReadSeconds = 60;  // a reader that goes in circles cannot read

// ---- what a journal says

void append_field(std::string& text, std::string_view field) {
  record::append_u64(text, field.size());
  text.append(field);
}

bool append_events(const std::string& directory, Seq last, std::string& text) {
  const auto reader = LmdbReader::open(directory);
  if (!reader) return false;
  const auto add = [&](const Record& event) {
    for (const std::uint64_t number :
         {event.seq, static_cast<Seq>(to_milliseconds(event.time)), Seq{event.kind},
          Seq{event.session}, event.cause, event.prev, Seq{event.erased}}) {
      record::append_u64(text, number);
    }
    append_field(text, event.clear);
    append_field(text, event.content);
    return true;
  };
  if (!(*reader)->scan(1, ~Seq{0}, KindSet().set(), add)) return false;
  for (Seq seq = 1; seq <= last + 1; ++seq) {
    const auto event = (*reader)->get(seq);
    if (!event) return false;
    if (event->has_value()) add(**event);
  }
  const auto refs = (*reader)->refs();
  if (!refs) return false;
  for (const Ref& ref : refs->refs) append_field(text, ref.name + " " + layout::ref_value(ref));
  record::append_u64(text, refs->upto);
  return true;
}

bool append_table(store::Environment& environment, Table table, std::string& text) {
  store::Visit visit(environment);
  if (!visit.begin().ok()) return false;
  store::Cursor cursor(visit, table);
  store::Status status = cursor.first();
  for (; status.ok(); status = cursor.next()) {
    append_field(text, cursor.key());
    append_field(text, cursor.value());
  }
  return status.not_found();
}

bool append_inner_seals(store::Environment& environment, std::string& text) {
  store::Visit visit(environment);
  if (!visit.begin().ok()) return false;
  store::Cursor cursor(visit, Table::kEvents);
  store::Status status = cursor.first();
  for (; status.ok(); status = cursor.next()) append_field(text, record::seal_in(cursor.value()));
  return status.not_found();
}

// Every event by scan and by seq with its words, every seal, every row by scan and by key; nullopt:
// it cannot be read.
std::optional<std::string> read_back(const std::string& directory, Seq last, const Entries& rows) {
  std::string text;
  if (!append_events(directory, last, text)) return std::nullopt;
  const auto environment = store::Environment::open({directory, 0, true, false});
  if (!environment) return std::nullopt;
  if (!append_inner_seals(**environment, text)) return std::nullopt;
  if (!append_table(**environment, Table::kSeals, text)) return std::nullopt;
  if (!append_table(**environment, Table::kDedupe, text)) return std::nullopt;
  const auto identity = StoredReading(**environment).identity();
  if (!identity) return std::nullopt;
  record::append_u64(text, identity->epoch);
  record::append_u64(text, static_cast<Seq>(to_milliseconds(identity->created)));
  Reading reading(**environment);
  for (const auto& [key, value] : rows) {
    const auto found = reading.find(key);
    if (!found) return std::nullopt;
    record::append_u64(text, found->value_or(0));
  }
  return text;
}

// ---- the place, and what is done to it

struct Damage {
  const char* sort;
  std::function<void(class Bench&)> apply;
};

class Bench {
 public:
  explicit Bench(int rounds) : world_(rounds) {
    tables_ = journal_forge::read_tables(directory());
    last_ = record::seq_of(record::load_u64(table(Table::kEvents).back().first));
    const auto told = read_back(directory(), last_, table(Table::kDedupe));
    REQUIRE(told);
    expected_ = *told;
    const Finished checkpoint = tool({"checkpoint"});
    REQUIRE(checkpoint.status == 0);
    checkpoint_ = home_.write("checkpoint", checkpoint.output);
    const Finished sound = verify();
    INFO(sound.errors);
    REQUIRE(sound.status == 0);
    REQUIRE(sound.errors == "");
  }

  [[nodiscard]] std::string directory() const { return world_.place.directory(); }
  [[nodiscard]] Finished tool(std::vector<std::string> words) const {
    words.insert(words.begin(), {build_directory() + "/daybook", "--data", directory()});
    return world::run_program(words, {{"HOME", home_.path()}, {"PATH", "/usr/bin"}});
  }
  // One thread or two.
  [[nodiscard]] Finished verify() const {
    return tool({"verify", "--against", checkpoint_, "--jobs", "2"});
  }

  // False when whoever reads would not notice.
  [[nodiscard]] bool harmful() const {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
      ::dup2(nowhere, STDERR_FILENO);
      for (const int number : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE}) std::signal(number, SIG_DFL);
      ::alarm(kReadSeconds);
      const auto told = read_back(directory(), last_, tables_[unsigned(Table::kDedupe)]);
      ::_exit(told && *told == expected_ ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  }

  void restore() {
    for (const auto& [name, bytes] : world_.sound) put(name, bytes);
    fs::remove(directory() + "/lock.mdb");
  }

  // ---- for damages

  void begin(unsigned number) { chance_.seed(kSeed + number); }
  // 0..below - 1.
  std::size_t any(std::size_t below) { return chance_() % below; }
  [[nodiscard]] const std::string& sound(const char* name) const { return world_.sound.at(name); }
  const JournalFiles& older() { return world_.older[any(world_.older.size())]; }
  void put(const std::string& name, std::string_view bytes) const {
    const std::string path = directory() + "/" + name;
    journal_forge::spit(path, bytes);
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  }
  void remove(const char* name) const { fs::remove(directory() + "/" + name); }

  void change(const char* name, const std::function<void(std::string&)>& how) const {
    std::string bytes = sound(name);
    how(bytes);
    put(name, bytes);
  }
  void flip_bit(const char* name) {
    change(name, [this](std::string& bytes) {
      const std::size_t bit = any(bytes.size() * 8);
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    });
  }
  void cut(const char* name) {
    change(name, [this](std::string& bytes) { bytes.resize(any(bytes.size())); });
  }
  std::string garbage(std::size_t count) {
    std::string bytes;
    for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<char>(chance_()));
    return bytes;
  }
  // The tables as somebody wrote them who can write the file.
  void forge(const std::function<void(Tables&)>& how) {
    Tables tables = tables_;
    how(tables);
    journal_forge::forge(world_.place, tables);
  }

 private:
  [[nodiscard]] const Entries& table(Table which) const {
    return tables_[static_cast<unsigned>(which)];
  }

  DamageWorld world_;
  world::TemporaryDirectory home_;
  std::string checkpoint_;
  Tables tables_;
  Seq last_ = 0;
  std::string expected_;
  std::mt19937 chance_;
};

// ---- damages of the file

void over_sector(Bench& bench, bool zeros) {
  bench.change(files::kData, [&](std::string& bytes) {
    const std::size_t at = bench.any(bytes.size() / kSectorBytes) * kSectorBytes;
    bytes.replace(at, kSectorBytes,
                  zeros ? std::string(kSectorBytes, '\0') : bench.garbage(kSectorBytes));
  });
}

void over_page(std::string& bytes, std::size_t to, const std::string& from, std::size_t page) {
  bytes.replace(to * kPageBytes, kPageBytes, from, page * kPageBytes, kPageBytes);
}

void swap_pages(Bench& bench) {
  bench.change(files::kData, [&](std::string& bytes) {
    const std::size_t pages = bytes.size() / kPageBytes;
    const std::size_t one = bench.any(pages);
    const std::size_t other = bench.any(pages);
    over_page(bytes, one, bench.sound(files::kData), other);
    over_page(bytes, other, bench.sound(files::kData), one);
  });
}

void older_page(Bench& bench) {
  const std::string& older = bench.older().at(files::kData);
  bench.change(files::kData, [&](std::string& bytes) {
    const std::size_t page = bench.any(std::min(bytes.size(), older.size()) / kPageBytes);
    over_page(bytes, page, older, page);
  });
}

void older_meta_pages(Bench& bench) {
  const std::string& older = bench.older().at(files::kData);
  bench.change(files::kData, [&](std::string& bytes) {
    const std::size_t which = bench.any(3);
    if (which != 1) over_page(bytes, 0, older, 0);
    if (which != 0) over_page(bytes, 1, older, 1);
  });
}

void cut_to_pages(Bench& bench) {
  bench.change(files::kData, [&](std::string& bytes) {
    bytes.resize(bench.any(bytes.size() / kPageBytes) * kPageBytes);
  });
}

void several_bits(Bench& bench) {
  bench.change(files::kData, [&](std::string& bytes) {
    for (std::size_t count = 2 + bench.any(20); count > 0; --count) {
      bytes[bench.any(bytes.size())] ^= static_cast<char>(1 << bench.any(8));
    }
  });
}

// ---- damages by who can write the tables

Entries::iterator pick(Bench& bench, Entries& entries) {
  return entries.begin() + static_cast<std::ptrdiff_t>(bench.any(entries.size()));
}

Entries& events_of(Tables& tables) { return journal_forge::table_of(tables, Table::kEvents); }

void drop_row(Bench& bench, Table table) {
  bench.forge([&](Tables& tables) {
    Entries& entries = journal_forge::table_of(tables, table);
    entries.erase(pick(bench, entries));
  });
}

void drop_record(Bench& bench) { drop_row(bench, Table::kEvents); }
void drop_seal(Bench& bench) { drop_row(bench, Table::kSeals); }
void drop_dedupe(Bench& bench) { drop_row(bench, Table::kDedupe); }
void drop_ref(Bench& bench) { drop_row(bench, Table::kRefs); }
void drop_snapshot(Bench& bench) { drop_row(bench, Table::kSnapshots); }
void drop_meta(Bench& bench) { drop_row(bench, Table::kMeta); }

void swap_values(Bench& bench, Table table) {
  bench.forge([&](Tables& tables) {
    Entries& entries = journal_forge::table_of(tables, table);
    std::swap(pick(bench, entries)->second, pick(bench, entries)->second);
  });
}

void swap_records(Bench& bench) { swap_values(bench, Table::kEvents); }
void swap_seals(Bench& bench) { swap_values(bench, Table::kSeals); }
void swap_dedupe(Bench& bench) { swap_values(bench, Table::kDedupe); }

// A record in its own place, or in that of another, with the checksum that belongs there.
void rewrite_record(Bench& bench) {
  bench.forge([&](Tables& tables) {
    auto to = pick(bench, events_of(tables));
    auto from = bench.any(2) == 0 ? to : pick(bench, events_of(tables));
    while ((from->second[6] & 3) != 0) from = pick(bench, events_of(tables));  // in parts
    const Seq seq = record::seq_of(record::load_u64(to->first));
    to->second = journal_forge::rewritten(from->first, from->second, seq);
  });
}

void insert_record(Bench& bench) {
  bench.forge([&](Tables& tables) {
    Entries& events = events_of(tables);
    const auto from = pick(bench, events);
    const Seq last = record::seq_of(record::load_u64(events.back().first));
    const bool at_the_end = bench.any(2) == 0;
    const Seq seq = at_the_end ? last + 1 : 1 + bench.any(last);
    const std::uint64_t part = at_the_end ? 0 : 1 + bench.any(200);
    std::string key;
    record::append_u64(key, record::key_of(seq, part));
    events.emplace_back(key, from->second);
  });
}

// The last commits with their seals, and nothing that points at them.
void cut_tail(Bench& bench) {
  bench.forge([&](Tables& tables) {
    const std::vector<Seq> ends = journal_forge::ends_of(tables);
    const Seq last = ends[ends.size() - 2 - bench.any(ends.size() * 3 / 4)];
    std::erase_if(journal_forge::table_of(tables, Table::kSeals),
                  [last](const auto& entry) { return record::load_u64(entry.first) > last; });
    std::erase_if(events_of(tables),
                  [last](const auto& entry) { return journal_forge::seq_of(entry) > last; });
    std::erase_if(journal_forge::table_of(tables, Table::kDedupe),
                  [last](const auto& entry) { return record::load_u64(entry.second) > last; });
    journal_forge::table_of(tables, Table::kRefs).clear();
    journal_forge::table_of(tables, Table::kSnapshots).clear();
  });
  if (bench.any(2) == 0) bench.remove(files::kHead);
}

// ---- of seals that lie in records

// One that ends a commit, or one that does not.
Entries::iterator pick_value(Bench& bench, Tables& tables, bool sealed) {
  while (true) {
    const auto picked = pick(bench, events_of(tables));
    if (record::seal_in(picked->second).empty() != sealed) return picked;
  }
}

std::string any_seal(Bench& bench, Tables& tables) {
  if (bench.any(2) == 0) return bench.garbage(record::kSealBytes);
  return std::string(record::seal_in(pick_value(bench, tables, true)->second));
}

void swap_inner_seals(Bench& bench) {
  bench.forge([&](Tables& tables) {
    std::string& one = pick_value(bench, tables, true)->second;
    std::string& other = pick_value(bench, tables, true)->second;
    std::swap_ranges(one.end() - record::kSealBytes, one.end(), other.end() - record::kSealBytes);
  });
}

void change_inner_seal(Bench& bench) {
  bench.forge([&](Tables& tables) {
    std::string& value = pick_value(bench, tables, true)->second;
    const std::size_t at = value.size() - 1 - bench.any(record::kSealBytes);
    value[at] = static_cast<char>(value[at] ^ 1 << bench.any(8));
  });
}

// Whole or in part, with a checksum that is right.
void cut_inner_seal(Bench& bench) {
  bench.forge([&](Tables& tables) {
    auto& [key, value] = *pick_value(bench, tables, true);
    if (bench.any(2) == 0) {
      value = journal_forge::unsealed(key, value);
    } else {
      value.resize(value.size() - 1 - bench.any(record::kSealBytes));
      value = journal_forge::checked(key, value);
    }
  });
}

void add_inner_seal(Bench& bench) {
  bench.forge([&](Tables& tables) {
    auto& [key, value] = *pick_value(bench, tables, false);
    value = journal_forge::sealed(key, value, any_seal(bench, tables));
  });
}

// With a checksum that is right, or with the old one.
void flip_sealed_flag(Bench& bench) {
  bench.forge([&](Tables& tables) {
    auto& [key, value] = *pick(bench, events_of(tables));
    value[journal_forge::kFlagsAt] ^= journal_forge::kSealedFlag;
    if (bench.any(2) == 0) value = journal_forge::checked(key, value);
  });
}

void add_seal_row(Bench& bench) {
  bench.forge([&](Tables& tables) {
    const bool end = bench.any(2) == 0;
    const auto entry = end ? pick_value(bench, tables, true) : pick(bench, events_of(tables));
    const std::string key = journal_forge::row_key(journal_forge::seq_of(*entry));
    journal_forge::table_of(tables, Table::kSeals).emplace_back(key, any_seal(bench, tables));
  });
}

// The right one, in the wrong place.
void move_seal_to_table(Bench& bench) {
  bench.forge([&](Tables& tables) {
    auto& entry = *pick_value(bench, tables, true);
    Entries& seals = journal_forge::table_of(tables, Table::kSeals);
    seals.emplace_back(journal_forge::row_key(journal_forge::seq_of(entry)),
                       record::seal_in(entry.second));
    entry.second = journal_forge::unsealed(entry.first, entry.second);
  });
}

void more_dedupe(Bench& bench) {
  bench.forge([&](Tables& tables) {
    Entries& rows = journal_forge::table_of(tables, Table::kDedupe);
    rows.emplace_back(bench.garbage(layout::kDedupeKeyBytes), pick(bench, rows)->second);
  });
}

void wrong_ref(Bench& bench) {
  bench.forge([&](Tables& tables) {
    auto& value = pick(bench, journal_forge::table_of(tables, Table::kRefs))->second;
    const std::size_t at = bench.any(value.size());
    value[at] = static_cast<char>(value[at] ^ 1 << bench.any(8));
  });
}

// ---- damages of the files beside it, and older copies

void small_file(Bench& bench, const char* name) {
  switch (bench.any(5)) {
    case 0:
      return bench.remove(name);
    case 1:
      return bench.cut(name);
    case 2:
      return bench.put(name, bench.garbage(bench.sound(name).size()));
    default:
      return bench.flip_bit(name);
  }
}

void head_file(Bench& bench) { small_file(bench, files::kHead); }
void seal_key_file(Bench& bench) { small_file(bench, files::kSealKey); }
void key_store(Bench& bench) { small_file(bench, files::kKeys); }
void older_key_store(Bench& bench) { bench.put(files::kKeys, bench.older().at(files::kKeys)); }

void older_copy(Bench& bench) {
  const JournalFiles& older = bench.older();
  const std::size_t which = bench.any(4);
  bench.put(files::kData, older.at(files::kData));
  if (which >= 1) bench.put(files::kHead, older.at(files::kHead));
  if (which >= 2) bench.put(files::kKeys, older.at(files::kKeys));
  if (which >= 3) bench.remove(files::kHead);
}

void no_data(Bench& bench) { bench.remove(files::kData); }
void longer(Bench& bench) {
  bench.change(files::kData, [&](std::string& bytes) { bytes += bench.garbage(kPageBytes); });
}

const std::vector<Damage>& damages() {
  // Single bits come most often.
  static const auto bit = [](Bench& bench) { bench.flip_bit(files::kData); };
  static const std::vector<Damage> all = {
      {"a bit flipped", bit},
      {"a bit flipped", bit},
      {"a bit flipped", bit},
      {"a bit flipped", bit},
      {"several bits flipped", several_bits},
      {"a sector of zeros", [](Bench& bench) { over_sector(bench, true); }},
      {"a sector of garbage", [](Bench& bench) { over_sector(bench, false); }},
      {"two pages swapped", swap_pages},
      {"an older page", older_page},
      {"older meta pages", older_meta_pages},
      {"cut short", [](Bench& bench) { bench.cut(files::kData); }},
      {"cut at a page", cut_to_pages},
      {"garbage behind the end", longer},
      {"data.mdb removed", no_data},
      {"head damaged", head_file},
      {"seal.key damaged", seal_key_file},
      {"keys damaged", key_store},
      {"an older key store", older_key_store},
      {"an older copy put back", older_copy},
      {"a record removed", drop_record},
      {"records swapped", swap_records},
      {"a record rewritten", rewrite_record},
      {"a record inserted", insert_record},
      {"the tail cut", cut_tail},
      {"a seal removed", drop_seal},
      {"seals swapped", swap_seals},
      {"a seal row added", add_seal_row},
      {"a seal moved", move_seal_to_table},
      {"an inner seal changed", change_inner_seal},
      {"inner seals swapped", swap_inner_seals},
      {"an inner seal cut", cut_inner_seal},
      {"an inner seal added", add_inner_seal},
      {"a sealed flag flipped", flip_sealed_flag},
      {"a dedupe row removed", drop_dedupe},
      {"dedupe rows swapped", swap_dedupe},
      {"a dedupe row added", more_dedupe},
      {"a ref removed", drop_ref},
      {"a ref changed", wrong_ref},
      {"a snapshot removed", drop_snapshot},
      {"meta removed", drop_meta},
  };
  return all;
}

// ---- the campaign

struct Count {
  unsigned applied = 0;
  unsigned harmful = 0;
  unsigned reported = 0;  // of the harmful ones
  unsigned harmless_reported = 0;
};

using Counts = std::map<std::string, Count>;

void apply_one(Bench& bench, unsigned number, Counts& counts) {
  bench.restore();
  bench.begin(number);
  const Damage& damage = damages()[number % damages().size()];
  damage.apply(bench);
  const Finished verdict = bench.verify();
  const bool harmful = bench.harmful();
  INFO("seed " << kSeed << ", damage " << number << ": " << damage.sort << "\n"
               << verdict.output << verdict.errors);
  const bool reported = verdict.status == 65 || verdict.status == 78;  // its format looks newer
  REQUIRE((verdict.status == 0 || reported));
  // A verdict is a sentence.
  REQUIRE(verdict.errors.starts_with("daybook: ") >= reported);
  CHECK(reported >= harmful);
  Count& count = counts[damage.sort];
  ++count.applied;
  count.harmful += harmful ? 1 : 0;
  count.reported += harmful && reported ? 1 : 0;
  count.harmless_reported += !harmful && reported ? 1 : 0;
}

Counts campaign(int rounds, unsigned count) {
  Bench bench(rounds);
  Counts counts;
  for (unsigned number = 0; number < count; ++number) apply_one(bench, number, counts);
  bench.restore();
  CHECK(bench.verify().status == 0);
  CHECK_FALSE(bench.harmful());
  return counts;
}

void print(const Counts& counts) {
  const auto line = [](const char* sort, const Count& count) {
    std::printf("%-24s %8u %8u %8u %9u %10u\n", sort, count.applied, count.harmful, count.reported,
                count.applied - count.harmful, count.harmless_reported);
  };
  std::printf("seed %u\n%-24s %8s %8s %8s %9s %10s\n", kSeed, "damage", "applied", "harmful",
              "reported", "harmless", "reported");
  Count sum;
  for (const auto& [sort, count] : counts) {
    line(sort.c_str(), count);
    sum.applied += count.applied;
    sum.harmful += count.harmful;
    sum.reported += count.reported;
    sum.harmless_reported += count.harmless_reported;
  }
  line("all", sum);
}

TEST_CASE("a damage is reported or does no harm, one or two of every sort", "[journal]") {
  const Counts counts = campaign(3, 80);
  CHECK(counts.at("a record removed").harmful > 0);
  CHECK(counts.at("a snapshot removed").harmful == 0);
}

TEST_CASE("five thousand damages: every harmful one is reported", "[.damage]") {
  print(campaign(5, 5'000));
}

}  // namespace daybook::damage_test
