// The feed of an owner that keeps its changes whole. Threads: that of the Database, but for
// FeedTrimmer, which says its own.
#pragma once

#include <atomic>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/message/feed_source.h"
#include "common/store/store_file.h"

namespace lockstep::message {

// Which feed a database has, and how far back it reaches.
struct FeedIdentity {
  std::string feed_id;
  std::int64_t trimmed_up_to = 0;  // changes up to this number are gone
};
StatusOr<FeedIdentity> ReadFeedIdentity(store::Database& database);

// Within the transaction of the change.
Status AppendToFeed(store::Database& database, std::string_view type, std::string_view key,
                    std::string_view payload, WallTime now);

// Head and Read over the table `feed`; the owner says how a snapshot of its records is read.
class FeedTable : public FeedSource {
 public:
  StatusOr<std::int64_t> Head(store::Database& database) const override;
  Status Read(store::Database& database, std::int64_t after, int count_max, std::size_t bytes_max,
              std::vector<v1::Change>& changes) const override;
};

// Within a transaction: removes the oldest changes of `feed` that were made before a moment, at
// most so many, and says so in the feed's identity. Stops at the first that is younger. Says how
// many.
StatusOr<int> TrimFeed(store::Database& database, WallTime before, int count_max);

// Keeps the table `feed` within a retention: for the owner's Tick. Threads: any. Outlives the last
// answer of the file's writer.
class FeedTrimmer {
 public:
  // file: outlives it.
  explicit FeedTrimmer(store::StoreFile& file, Duration retention = limits::kFeedRetention)
      : file_(file), retention_(retention) {}
  // Begins to trim, in batches of limits::kPurgeBatchRows that let other writes pass between them,
  // unless it is trimming already. Writes nothing where nothing is to go.
  void Tick(WallTime now);

 private:
  void TrimBatch(WallTime before);

  store::StoreFile& file_;
  const Duration retention_;
  std::atomic<bool> trimming_ = false;
};

}  // namespace lockstep::message
