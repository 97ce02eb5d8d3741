// Listens to the feed of one owner for the copies of style REPLICA: changes and position go to
// Order's file in one transaction, then into the book. Where another process follows the same feed
// into the same file, each fills its own memory, and the file keeps what came first.
//
// Threads: that of the subscriber, after Load; it waits there for the commits, which bounds what is
// on its way.
#pragma once

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/message/feed_subscriber.h"
#include "order/checks/copy_keeper.h"

namespace lockstep::order {

template <typename Records>
class CopyFollower final : public message::FeedListener {
 public:
  // All outlive it.
  CopyFollower(store::StoreFile& file, CopyBook<typename Records::Copy>& book, CopyCounts& counts,
               const Clock& clock)
      : keeper_(file, CopySource::kFeeds, book, counts), book_(book), clock_(clock) {}

  // What the file has of this owner, so that orders can be judged before the owner is heard.
  Status Load(store::Database& database);

  StatusOr<message::FeedPosition> Position() override { return position_; }
  Status Apply(const std::vector<message::v1::Change>& changes,
               const message::FeedPosition& position) override;
  bool WantsSnapshot() const override { return true; }
  Status BeginSnapshot() override;
  Status AddToSnapshot(const std::vector<message::v1::Change>& entries) override;
  Status EndSnapshot(const message::FeedPosition& position) override;

 private:
  static const char* Source() { return NameOf(Records::kOwner); }
  static StatusOr<bool> WritePosition(store::Database& database,
                                      const message::FeedPosition& position);
  void Stand(const message::FeedPosition& position);

  CopyKeeper<Records> keeper_;
  CopyBook<typename Records::Copy>& book_;
  const Clock& clock_;
  message::FeedPosition position_;  // of the book
  SteadyTime kept_at_;              // when it last went into the file
  std::vector<IncomingRecord> snapshot_;
};

extern template class CopyFollower<ConsumerRecords>;
extern template class CopyFollower<RestaurantRecords>;

}  // namespace lockstep::order
