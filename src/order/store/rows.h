// Orders as rows: written and read back whole. Pure SQL on a connection that the caller owns; every
// error is a Status.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/database.h"
#include "order/domain/order.h"
#include "order/ports.h"

namespace lockstep::order {

struct OrderFilter {
  std::string consumer_id;    // empty: of all
  std::string restaurant_id;  // empty: at all
  std::optional<OrderState> state;
};

// Within a transaction: the order, and what the feed says of it.
Status InsertOrder(store::Database& database, const Order& order);
// The order after a verdict, a cancellation, an expiry: its state, verdicts, prices, and what the
// feed says if its state has changed.
Status UpdateOrder(store::Database& database, const Order& before, const Order& after);

// True: inserted. False: the request id is there already.
StatusOr<bool> InsertRequestId(store::Database& database, const Order& order,
                               const std::string& fingerprint);

// Nothing, if there is none.
StatusOr<std::optional<Order>> ReadOrder(store::Database& database, std::string_view order_id);
StatusOr<std::optional<StoredOutcome>> ReadOutcome(store::Database& database,
                                                   const std::string& request_id);
// The newest first, at most so many, those before after_order_id where it is not empty.
StatusOr<std::vector<Order>> ReadOrders(store::Database& database, const OrderFilter& filter,
                                        int count_max, std::string_view after_order_id);

// PENDING orders that were taken before a moment, the oldest first.
StatusOr<std::vector<std::string>> ReadPending(store::Database& database, WallTime before,
                                               int count_max);

// Orders taken before a moment whose request ids have not been purged, the oldest first.
struct PurgeRange {
  int orders = 0;
  std::string up_to;  // the last of them, as bytes
};
StatusOr<PurgeRange> FindPurgeable(store::Database& database, WallTime before, int orders_max);
// How many request ids it removed. Within a transaction.
StatusOr<int> Purge(store::Database& database, const PurgeRange& range);

}  // namespace lockstep::order
