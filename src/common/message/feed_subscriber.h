// Follows the feed of a peer: subscribes from where the listener stands, takes a snapshot where the
// feed does not reach back that far, notices gaps, connects again with backoff and jitter. The
// listener keeps what it got and its position in one transaction.
//
// Threads: one of its own, on which the listener runs; it may block there, which is how a slow
// listener bounds what is on its way. A peer that says nothing for limits::kFeedSilenceMax, not
// even a heartbeat, is taken for stuck, and the next address is tried.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/store/database.h"
#include "lockstep/message/v1/message.grpc.pb.h"

namespace lockstep::message {

struct FeedPosition {
  std::string feed_id;  // empty: nothing is known yet
  std::int64_t number = 0;
  WallTime as_of;  // everything up to this moment of the owner's clock is here
};

class FeedListener {
 public:
  virtual ~FeedListener() = default;
  // Where it stands; asked before each Subscribe.
  virtual StatusOr<FeedPosition> Position() = 0;
  // Keeps the changes and the position, durably, before it returns. No changes: only time has
  // passed, and the position need not be durable. After a snapshot a change may carry an older
  // version of a record than the snapshot did (feed_service.h); the newer one follows.
  virtual Status Apply(const std::vector<v1::Change>& changes, const FeedPosition& position) = 0;
  // Whether it wants what there is before the feed began, or what is left of it was trimmed. False:
  // it goes on from what the feed still has, and the gap is logged.
  virtual bool WantsSnapshot() const = 0;
  // A whole snapshot in pieces, then the position. What is in none of the pieces is no more. An
  // error, or a Begin again, forgets the pieces so far.
  virtual Status BeginSnapshot() { return OkStatus(); }
  virtual Status AddToSnapshot(const std::vector<v1::Change>& /*entries*/) { return OkStatus(); }
  virtual Status EndSnapshot(const FeedPosition& /*position*/) { return OkStatus(); }
};

struct FeedSubscriberOptions {
  std::string source;                  // the role of the peer, for logs
  std::vector<std::string> addresses;  // HOST:PORT; the next one after a failure
  std::string subscriber;              // ours
};

class FeedSubscriber {
 public:
  // listener: outlives it.
  FeedSubscriber(FeedSubscriberOptions options, FeedListener& listener);
  ~FeedSubscriber();  // Stop()
  void Stop();        // idempotent; cancels what is under way and joins

  bool connected() const;
  std::int64_t gaps() const;       // noticed
  std::int64_t snapshots() const;  // taken whole

 private:
  class Parts;
  const std::unique_ptr<Parts> parts_;
};

// Within a transaction: the row of a source in feed_positions.
StatusOr<FeedPosition> ReadFeedPosition(store::Database& database, std::string_view source);
Status WriteFeedPosition(store::Database& database, std::string_view source,
                         const FeedPosition& position);

}  // namespace lockstep::message
