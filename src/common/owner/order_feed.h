// Listens to Order's feed: an OrderPlaced of the style EVENT_DRIVEN whose order is PENDING becomes
// a message to this service's own mailbox, which judges it; a later change of such an order becomes
// the commands that its checkout asks for (checkout_events.h). A message that is refused again and
// again goes to the dead letters, destination "self", and the feed goes on. Its tries follow each
// other at once: nothing but the message decides, so that waiting would only hold up the others.
//
// Threads: that of its subscriber. Invariant: the position never passes a message that has neither
// had its effect nor become a dead letter. It may lag: what is read again is known by its message
// id.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/message/feed_subscriber.h"
#include "common/message/mailbox.h"
#include "common/owner/checkout_events.h"
#include "common/store/store_file.h"

namespace lockstep::owner {

class OrderFeed final : public message::FeedListener {
 public:
  // source: the role of the peer whose feed it is, to which the answers go. file, mailbox: outlive
  // it.
  OrderFeed(std::string source, store::StoreFile& file, message::Mailbox& mailbox,
            FollowOrder follow)
      : source_(std::move(source)), file_(file), mailbox_(mailbox), follow_(std::move(follow)) {}

  StatusOr<message::FeedPosition> Position() override;
  Status Apply(const std::vector<message::v1::Change>& changes,
               const message::FeedPosition& position) override;
  bool WantsSnapshot() const override { return false; }

  // Messages that went to the dead letters. Any thread.
  std::int64_t given_up() const { return given_up_.load(std::memory_order_relaxed); }

 private:
  using Envelopes = std::vector<message::v1::Envelope>;

  Envelopes MessagesIn(const std::vector<message::v1::Change>& changes,
                       const std::string& feed_id) const;
  Envelopes MessagesIn(const message::v1::Change& change) const;
  // Leaves those that were refused and are to be tried again. An error: nothing can be taken now.
  Status TakeOnce(Envelopes& waiting, std::map<std::string, int>& attempts);
  Status GiveUp(const message::v1::Envelope& envelope, int attempts, const Status& why);
  void Keep(const message::FeedPosition& position);
  Status Write(AnyInvocable<Status(store::Database&)> work);

  const std::string source_;
  store::StoreFile& file_;
  message::Mailbox& mailbox_;
  const FollowOrder follow_;
  std::atomic<std::int64_t> given_up_ = 0;
  std::optional<message::FeedPosition> position_;
  std::int64_t kept_ = 0;  // the number that is durable, or will be
  SteadyTime kept_time_;
};

}  // namespace lockstep::owner
