// The copies of one owner's records in memory, where loops judge by them without waiting. Whoever
// keeps the book (copy_keeper.h) writes what came in to Order's file first and here after the
// commit.
//
// Threads: reads from any; writes from one thread. Invariant: a reader who takes as_of first and
// then a record judges by data at least as new as as_of says.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/clock.h"
#include "common/store/catalog.h"
#include "order/domain/copy.h"

namespace lockstep::order {

// problem: why nobody is to be judged by this one; empty: by it. Then copy is the last that could
// be believed, or one of version 0.
template <typename Copy>
struct CopyEntry {
  Copy copy;
  std::string problem;
};

template <typename Copy>
class CopyBook {
 public:
  using Entry = std::shared_ptr<const CopyEntry<Copy>>;
  using Entries = store::Catalog<CopyEntry<Copy>>;

  // Everything that its owner had changed up to this moment of the owner's clock is here; nothing:
  // the book is not ready.
  std::optional<WallTime> as_of() const {
    const Duration::rep nanos = as_of_.load(std::memory_order_acquire);
    if (nanos <= 0) return std::nullopt;
    return WallTime(Duration(nanos));
  }
  // Null if there is none.
  Entry Find(std::string_view id) const { return entries_.Find(id); }
  std::size_t Size() const { return entries_.Size(); }

  // What as_of promises must be here before.
  void SetAsOf(WallTime as_of) {
    as_of_.store(as_of.time_since_epoch().count(), std::memory_order_release);
  }
  void Put(std::string_view id, Entry entry) { entries_.Put(id, std::move(entry)); }
  // In place of all there was; readers meet some of the old ones until it returns.
  void Replace(Entries& entries) { entries_.Swap(entries); }

 private:
  Entries entries_;
  std::atomic<Duration::rep> as_of_ = 0;  // nanoseconds since 1970
};

struct CopyBooks {
  CopyBook<ConsumerCopy> consumers;
  CopyBook<RestaurantCopy> restaurants;
};

}  // namespace lockstep::order
