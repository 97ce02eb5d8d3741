// Order's feed as rows: which order came to which state, numbered. What a change says of its order
// is read from the order. Pure SQL on a connection that the caller owns; every error is a Status.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/store/database.h"
#include "order/domain/order.h"

namespace lockstep::order {

// What Order's feed says, numbered as it is stored.
enum class OrderEvent : int {
  kPlaced = 0,
  kValidated = 1,
  kRejected = 2,
  kCancelled = 3,
  kProgressed = 4  // a step of its checkout did
};

// Within a transaction: that it was placed and, where it is decided already, how.
Status AppendPlaced(store::Database& database, const Order& order);
// Within a transaction: that it came to the state it is in.
Status AppendStateChange(store::Database& database, const Order& order);
// Within a transaction: that a step of its checkout came to the state it is in.
Status AppendProgress(store::Database& database, const Order& order);

// A row of the feed.
struct OrderChange {
  std::int64_t number = 0;
  std::int64_t previous = 0;  // the number before it; 0: none
  OrderEvent event = OrderEvent::kPlaced;
  WallTime time;
  std::string order_id;
};
StatusOr<std::int64_t> ReadFeedHead(store::Database& database);
// Those after a number, the first first.
StatusOr<std::vector<OrderChange>> ReadFeed(store::Database& database, std::int64_t after,
                                            int count_max);
// Removes the oldest rows written before a moment, at most so many, never the last one. How many.
StatusOr<int> TrimFeed(store::Database& database, WallTime before, int rows_max);

}  // namespace lockstep::order
