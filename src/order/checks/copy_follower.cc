#include "order/checks/copy_follower.h"

#include <utility>

#include "common/base/limits.h"
#include "common/base/log.h"

namespace lockstep::order {
namespace {

void Append(const std::vector<message::v1::Change>& changes, std::vector<IncomingRecord>& records) {
  records.reserve(records.size() + changes.size());
  for (const message::v1::Change& change : changes) {
    records.push_back({change.type(), change.key(), change.payload()});
  }
}

}  // namespace

template <typename Records>
Status CopyFollower<Records>::Load(store::Database& database) {
  StatusOr<message::FeedPosition> position = message::ReadFeedPosition(database, Source());
  if (!position.ok()) return position.status();
  if (Status status = keeper_.Load(database); !status.ok()) return status;
  Stand(*std::move(position));
  return OkStatus();
}

// The book has everything up to there.
template <typename Records>
void CopyFollower<Records>::Stand(const message::FeedPosition& position) {
  position_ = position;
  book_.SetAsOf(position.as_of);
}

// Whether the file does not have what leads up to there: another process may have been quicker.
template <typename Records>
StatusOr<bool> CopyFollower<Records>::WritePosition(store::Database& database,
                                                    const message::FeedPosition& position) {
  const StatusOr<message::FeedPosition> there = message::ReadFeedPosition(database, Source());
  if (!there.ok()) return there.status();
  const bool same_feed = there->feed_id == position.feed_id;
  if (same_feed && there->number > position.number) return false;
  const bool same_place = same_feed && there->number == position.number;
  if (same_place && there->as_of >= position.as_of) return false;
  Status written = message::WriteFeedPosition(database, Source(), position);
  if (!written.ok()) return written;
  return !same_place;
}

template <typename Records>
Status CopyFollower<Records>::Apply(const std::vector<message::v1::Change>& changes,
                                    const message::FeedPosition& position) {
  const SteadyTime now = clock_.Now();
  const bool only_time = changes.empty() && position.feed_id == position_.feed_id &&
                         position.number == position_.number;
  if (only_time && now - kept_at_ < limits::kCopyAgeKept) {
    Stand(position);
    return OkStatus();
  }
  std::vector<IncomingRecord> records;
  Append(changes, records);
  Status status = keeper_.Apply(records, [&position](store::Database& database) {
    return WritePosition(database, position);
  });
  if (!status.ok()) return status;
  kept_at_ = now;
  Stand(position);
  return OkStatus();
}

template <typename Records>
Status CopyFollower<Records>::BeginSnapshot() {
  snapshot_.clear();
  return OkStatus();
}

template <typename Records>
Status CopyFollower<Records>::AddToSnapshot(const std::vector<message::v1::Change>& entries) {
  Append(entries, snapshot_);
  return OkStatus();
}

template <typename Records>
Status CopyFollower<Records>::EndSnapshot(const message::FeedPosition& position) {
  Status status = keeper_.Replace(
      std::exchange(snapshot_, {}),
      [&position](store::Database& database) { return WritePosition(database, position); });
  if (!status.ok()) return status;
  kept_at_ = clock_.Now();
  Stand(position);
  log::Info("copies_replaced", {{"owner", Source()},
                                {"records", static_cast<std::int64_t>(book_.Size())},
                                {"number", position.number}});
  return OkStatus();
}

template class CopyFollower<ConsumerRecords>;
template class CopyFollower<RestaurantRecords>;

}  // namespace lockstep::order
