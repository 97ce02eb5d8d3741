#include "order/service/order_feed.h"

#include <utility>

#include "common/rpc/proto_values.h"
#include "order/service/convert.h"
#include "order/store/feed_rows.h"
#include "order/store/rows.h"

namespace lockstep::order {
namespace {

template <typename Event>
void Say(const Order& order, message::v1::Change& change) {
  Event event;
  SetProto(order, event.mutable_order());
  change.set_type(Event::descriptor()->full_name());
  event.SerializeToString(change.mutable_payload());
}

void SetProto(const OrderChange& row, const Order& order, message::v1::Change& change) {
  change.set_number(row.number);
  change.set_previous(row.previous);
  change.set_key(row.order_id);
  rpc::SetTime(row.time, change.mutable_time());
  switch (row.event) {
    case OrderEvent::kPlaced:
      return Say<v1::OrderPlaced>(order, change);
    case OrderEvent::kValidated:
      return Say<v1::OrderValidated>(order, change);
    case OrderEvent::kRejected:
      return Say<v1::OrderRejected>(order, change);
    case OrderEvent::kCancelled:
      return Say<v1::OrderCancelled>(order, change);
    case OrderEvent::kProgressed:
      return Say<v1::OrderProgressed>(order, change);
  }
}

}  // namespace

StatusOr<std::int64_t> OrderFeed::Head(store::Database& database) const {
  return ReadFeedHead(database);
}

Status OrderFeed::Read(store::Database& database, std::int64_t after, int count_max,
                       std::size_t bytes_max, std::vector<message::v1::Change>& changes) const {
  StatusOr<std::vector<OrderChange>> rows = ReadFeed(database, after, count_max);
  if (!rows.ok()) return rows.status();
  std::size_t bytes = 0;
  for (const OrderChange& row : *rows) {
    StatusOr<std::optional<Order>> order = ReadOrder(database, row.order_id);
    if (!order.ok()) return order.status();
    if (!order->has_value()) {
      return MakeError(StatusCode::kDataLoss, "STORE_CORRUPT",
                       "the feed of " + database.path() + " speaks of order " + row.order_id +
                           ", which is not there");
    }
    SetProto(row, **order, changes.emplace_back());
    bytes += changes.back().ByteSizeLong();
    if (bytes >= bytes_max) break;
  }
  return OkStatus();
}

Status OrderFeed::ReadSnapshot(store::Database& /*database*/, std::string_view /*after_key*/,
                               int /*count_max*/, std::size_t /*bytes_max*/,
                               std::vector<message::v1::Change>& /*entries*/) const {
  return MakeError(StatusCode::kUnimplemented, "NO_SNAPSHOT",
                   "Order's feed has no snapshot: subscribe from 0, or read orders by ListOrders");
}

}  // namespace lockstep::order
