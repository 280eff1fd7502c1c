// data.mdb as it lies on the disk, judged without LMDB, which trusts every page it is given.
//
// Law: reads only, and nothing beyond the file or a page whatever the bytes say. It judges one
// transaction's tree: every page is where and what its parent says, its keys are in order and
// within its parent's, and no page is used twice or free and used. So what LMDB reads afterwards it
// can read, and what it writes it does not write over something else. Nearly all of it are leaves
// of the events: these can be judged one by one, as a walk over the events comes to them.
// Rejected: trusting a scan; a search goes by the keys of branch pages, which a scan never reads.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "journal/page_judge.h"

namespace daybook {

class PageFile {
 public:
  struct Damage {
    std::string table;           // empty: what all tables depend on; "free pages"
    std::string what;            // "page 812: its number is another"
    std::uint64_t last_key = 0;  // where keys are numbers: the last one before the damage
  };

  // Of the table of events: where it lies, and that no key in it is below the one and all are below
  // the other.
  struct Leaf {
    std::uint64_t page = 0;
    std::uint64_t first_key = 0;
    std::uint64_t end_key = 0;
  };

  // Maps it, for as long as the object lives. An Error: it cannot be opened.
  static Result<PageFile> open(const std::string& path);
  PageFile(PageFile&& other) noexcept;
  PageFile& operator=(PageFile&&) = delete;
  ~PageFile();

  // Both meta pages; empty: nothing is wrong. A writer beside us may be in the middle of one, so
  // what is wrong twice in a row is wrong.
  [[nodiscard]] std::string judge_metas() const;
  // "in /home/me/journal/data.mdb, events, page 812: its number is another"
  [[nodiscard]] std::string describe(std::string_view table, std::string_view what) const;

  // All leaves of the events as of a transaction. While that one is the newest they are the events,
  // and whoever goes through them needs neither LMDB nor another mapping.
  struct Events {
    std::uint64_t transaction = 0;
    std::vector<Leaf> leaves;  // in order
    std::vector<bool> used;    // pages that something lies on, or that are free
  };

  // The following only after judge_metas() found nothing.
  //
  // The newest transaction.
  [[nodiscard]] std::uint64_t newest() const;
  // The first damage of every table as of this transaction, whose pages nobody may overwrite
  // meanwhile: a read transaction holds them, and so does the fact that no more than one commit
  // came after it. nullopt: its meta page is no longer there, or the file grew since it was mapped.
  // Leaves of the events are not looked at but listed: judge_leaves() does it, or a Walk and
  // take(). `progress` hears now and then how many pages of how many it has seen.
  using Progress = std::function<void(std::uint64_t pages, std::uint64_t of)>;
  [[nodiscard]] std::optional<std::vector<Damage>> judge_tree(std::uint64_t transaction,
                                                              Events& events,
                                                              const Progress& progress = {}) const;
  // The first damage among them, by so many threads.
  [[nodiscard]] std::optional<Damage> judge_leaves(Events& events, unsigned jobs,
                                                   const Progress& progress = {}) const;
  // Pages that a Walk met, once each. What is wrong; empty: nobody else uses them.
  static std::string take(Events& events, const page::Overflow& overflow);

  // Goes through the events in order and judges each leaf before it believes it. Both must outlive
  // it.
  class Walk {
   public:
    Walk(const PageFile& file, const Events& events);

    // The first event whose key is not below `key`; false: there is none, or problem() says why.
    // Likewise the next one.
    bool seek(std::uint64_t key);
    bool next();

    // Views lie in the mapping.
    [[nodiscard]] std::string_view key() const { return key_; }
    [[nodiscard]] std::string_view value() const { return value_; }
    // Of all leaves so far: pages of their own that values lie on.
    [[nodiscard]] const std::vector<page::Overflow>& overflows() const { return overflows_; }
    // "page 812: its number is another"; empty: nothing is wrong.
    [[nodiscard]] const std::string& problem() const { return problem_; }

   private:
    bool enter(std::size_t leaf);
    void show();

    page::Judge judge_;
    const std::vector<Leaf>& leaves_;
    std::size_t leaf_ = 0;
    std::size_t node_ = 0;
    page::Nodes nodes_;            // of this leaf
    std::uint64_t next_page_ = 0;  // fetched ahead, so many lines with each node of this one
    std::size_t next_lines_ = 0;
    const char* page_ = nullptr;  // the leaf
    std::string_view key_;
    std::string_view value_;
    std::vector<page::Overflow> overflows_;
    std::string problem_;
  };

 private:
  PageFile(std::string path, std::string_view bytes) : path_(std::move(path)), bytes_(bytes) {}

  [[nodiscard]] std::string judge_metas_once() const;

  std::string path_;
  std::string_view bytes_;
};

}  // namespace daybook
