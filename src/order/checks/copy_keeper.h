// Keeps the copies of one owner's records from one source: what came in is judged, written to
// Order's file together with the audit of the orders that should have known it, and after the
// commit put into the book that orders are judged by. A record that contradicts itself or the one
// before it is not taken over: from then on nobody is judged by that id, until a later version or a
// whole set puts it right.
//
// Threads: Load before any other; then one thread, which waits for the commits; counts from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/store/store_file.h"
#include "order/checks/copy_book.h"
#include "order/checks/copy_reader.h"
#include "order/store/copies.h"

namespace lockstep::order {

// Since the start; they only grow.
struct CopyCounts {
  std::atomic<std::int64_t> changes = 0;        // taken over
  std::atomic<std::int64_t> contradictory = 0;  // noticed and not taken over
  std::atomic<std::int64_t>& orders_stale;      // found by the audit
};

// A record as it came.
struct IncomingRecord {
  std::string type;
  std::string key;
  std::string payload;
};

template <typename Records>
class CopyKeeper {
 public:
  using Copy = typename Records::Copy;
  using Book = CopyBook<Copy>;
  // What else is to be in the same transaction, and whether the records are to be written: false
  // where the file has them already, from another process.
  using Beside = std::function<StatusOr<bool>(store::Database&)>;

  // All outlive it.
  CopyKeeper(store::StoreFile& file, CopySource source, Book& book, CopyCounts& counts)
      : file_(file), place_{source, Records::kOwner}, book_(book), counts_(counts) {}

  // From the file into the book; of a source whose payloads the file has.
  Status Load(store::Database& database);
  // Changes, the first first. OK: they are durable and in the book.
  Status Apply(const std::vector<IncomingRecord>& changes, const Beside& beside);
  // All there is: what is not among them is no more.
  Status Replace(std::vector<IncomingRecord> records, const Beside& beside);

 private:
  using Entry = typename Book::Entry;
  // A record that is to be kept, judged.
  struct Kept {
    std::string key;
    Entry entry;
    std::string payload;
  };

  Entry Judge(const IncomingRecord& record, const Entry& before) const;
  Status WriteOne(store::Database& database, const Kept& kept, std::int64_t& stale) const;
  Status WriteAll(store::Database& database, const std::vector<Kept>& all,
                  std::int64_t& stale) const;
  Status Commit(const Beside& beside,
                const std::function<Status(store::Database&, bool write, std::int64_t&)>& work);

  store::StoreFile& file_;
  const CopyPlace place_;
  Book& book_;
  CopyCounts& counts_;
};

extern template class CopyKeeper<ConsumerRecords>;
extern template class CopyKeeper<RestaurantRecords>;

}  // namespace lockstep::order
