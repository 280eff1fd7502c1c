// data.mdb as it lies on the disk, judged without LMDB, which trusts every page it is given.
//
// Law: reads only, and nothing beyond the file or a page whatever the bytes say. It judges one
// transaction's tree: every page is where and what its parent says, its keys are in order and
// within its parent's, and no page is used twice or free and used. So what LMDB reads afterwards it
// can read, and what it writes it does not write over something else.
// Rejected: trusting a scan; a search goes by the keys of branch pages, which a scan never reads.
// Its source, the one place that knows LMDB's format, says where that is from.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

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

  // Both only after judge_metas() found nothing.
  //
  // The newest transaction.
  [[nodiscard]] std::uint64_t newest() const;
  // The first damage of every table as of this transaction, whose pages nobody may overwrite
  // meanwhile: a read transaction holds them, and so does the fact that no more than one commit
  // came after it. nullopt: its meta page is no longer there, or the file grew since it was mapped.
  // `progress` hears now and then how many pages of how many it has seen. `leaves`: those of the
  // events are listed there, in order; so many threads look at them.
  using Progress = std::function<void(std::uint64_t pages, std::uint64_t of)>;
  [[nodiscard]] std::optional<std::vector<Damage>> judge_tree(std::uint64_t transaction,
                                                              const Progress& progress = nullptr,
                                                              std::vector<Leaf>* leaves = nullptr,
                                                              unsigned jobs = 1) const;

  // All leaves of the events, sound as of a transaction: while that one is the newest, they are
  // the events, and whoever goes through them needs neither LMDB nor another mapping.
  struct Events {
    std::uint64_t transaction = 0;
    std::vector<Leaf> leaves;
  };
  // Goes through them in order. Both must outlive it.
  class Walk {
   public:
    Walk(const PageFile& file, const Events& events);

    // The first event whose key is not below `key`; false: there is none. Likewise the next one.
    bool seek(std::uint64_t key);
    bool next();

    // Views lie in the mapping.
    [[nodiscard]] std::string_view key() const { return key_; }
    [[nodiscard]] std::string_view value() const { return value_; }

   private:
    bool enter(std::size_t leaf);
    void show();

    std::string_view file_;
    std::size_t page_bytes_;
    const std::vector<Leaf>& leaves_;
    std::size_t leaf_ = 0;
    std::size_t node_ = 0;
    std::size_t nodes_ = 0;       // of this leaf
    const char* page_ = nullptr;  // the leaf
    std::string_view key_;
    std::string_view value_;
  };

 private:
  explicit PageFile(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] std::string judge_metas_once() const;

  std::string_view bytes_;
};

}  // namespace daybook
