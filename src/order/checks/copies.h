// All that Order knows by copies: those of the owners' feeds (style REPLICA) and those of the
// shared file (COMMON_DATA), each with the books that orders are judged by.
//
// Threads: Open, Follow and Stop from one; the books and the counts from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/message/feed_subscriber.h"
#include "common/store/store_file.h"
#include "order/checks/common_data.h"
#include "order/checks/copy_check.h"
#include "order/checks/copy_follower.h"

namespace lockstep::order {

struct CopiesOptions {
  std::string node;                     // ours: who judges, and who subscribes
  std::vector<std::string> consumer;    // addresses; empty: its feed is not followed
  std::vector<std::string> restaurant;  // the same
  std::string common_data;              // the shared file; empty: none
  const Clock* clock = &Clock::Real();
};

class Copies {
 public:
  // Reads what the file has, so that orders can be judged by it at once. file and orders_stale
  // (what the audit finds is added to it) outlive it.
  static StatusOr<std::unique_ptr<Copies>> Open(store::StoreFile& file, CopiesOptions options,
                                                std::atomic<std::int64_t>& orders_stale);
  ~Copies() { Stop(); }

  // Begins to follow feeds and shared file.
  void Follow();
  // Ends that; what was on its way into the file is there. Before the file stops. Idempotent.
  void Stop();

  void SetAgeMax(Duration age_max) { terms_.age_max = age_max; }
  const CopyTerms& terms() const { return terms_; }
  const CopyBooks& of_feeds() const { return of_feeds_; }
  const CopyBooks& of_shared_file() const { return of_shared_file_; }
  // Whether orders can be judged by them now: of both owners there is a copy, and none is too old.
  bool Usable(const CopyBooks& books) const;
  const CopyCounts& counts() const { return counts_; }

 private:
  Copies(store::StoreFile& file, CopiesOptions options, std::atomic<std::int64_t>& orders_stale);

  store::StoreFile& file_;
  const CopiesOptions options_;
  CopyTerms terms_;
  CopyCounts counts_;
  CopyBooks of_feeds_, of_shared_file_;
  CopyFollower<ConsumerRecords> consumers_;
  CopyFollower<RestaurantRecords> restaurants_;
  std::vector<std::unique_ptr<message::FeedSubscriber>> subscribers_;
  std::unique_ptr<CommonDataReader> common_data_;
};

}  // namespace lockstep::order
