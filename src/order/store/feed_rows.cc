#include "order/store/feed_rows.h"

#include "order/store/uuid_bytes.h"

namespace lockstep::order {
namespace {

using store::Blob;
using store::Database;
using store::Statement;

std::int64_t Nanos(WallTime time) { return time.time_since_epoch().count(); }
WallTime Time(std::int64_t nanos) { return WallTime(Duration(nanos)); }

OrderEvent EventOf(OrderState state) {
  switch (state) {
    case OrderState::kPending:
      return OrderEvent::kPlaced;
    case OrderState::kValidated:
      return OrderEvent::kValidated;
    case OrderState::kRejected:
      return OrderEvent::kRejected;
    case OrderState::kCancelled:
      break;
  }
  return OrderEvent::kCancelled;
}

Status Append(Database& database, const Order& order, OrderEvent event) {
  return database.Run("INSERT INTO order_feed (order_id, kind, time) VALUES (?1,?2,?3)",
                      Blob{UuidBytes(order.order_id)}, static_cast<int>(event),
                      Nanos(order.update_time));
}

}  // namespace

Status AppendPlaced(Database& database, const Order& order) {
  if (order.state == OrderState::kPending) return Append(database, order, OrderEvent::kPlaced);
  return database.Run("INSERT INTO order_feed (order_id, kind, time) VALUES (?1,?2,?3),(?1,?4,?3)",
                      Blob{UuidBytes(order.order_id)}, static_cast<int>(OrderEvent::kPlaced),
                      Nanos(order.update_time), static_cast<int>(EventOf(order.state)));
}

Status AppendStateChange(Database& database, const Order& order) {
  return Append(database, order, EventOf(order.state));
}

Status AppendProgress(Database& database, const Order& order) {
  return Append(database, order, OrderEvent::kProgressed);
}

StatusOr<std::int64_t> ReadFeedHead(Database& database) {
  Statement row = database.Query("SELECT max(number) FROM order_feed");
  const std::int64_t head = row.Step() ? row.Int64(0) : 0;
  if (Status status = row.Finish(); !status.ok()) return status;
  return head;
}

StatusOr<std::vector<OrderChange>> ReadFeed(Database& database, std::int64_t after, int count_max) {
  Statement before = database.Query("SELECT max(number) FROM order_feed WHERE number <= ?1", after);
  std::int64_t previous = before.Step() ? before.Int64(0) : 0;
  if (Status status = before.Finish(); !status.ok()) return status;
  Statement row = database.Query(
      "SELECT number, order_id, kind, time FROM order_feed WHERE number > ?1 ORDER BY number LIMIT "
      "?2",
      after, count_max);
  std::vector<OrderChange> changes;
  while (row.Step()) {
    changes.push_back({row.Int64(0), previous, static_cast<OrderEvent>(row.Int(2)),
                       Time(row.Int64(3)), UuidText(row.Bytes(1))});
    previous = row.Int64(0);
  }
  if (Status status = row.Finish(); !status.ok()) return status;
  return changes;
}

StatusOr<int> TrimFeed(Database& database, WallTime before, int rows_max) {
  Statement row = database.Query(
      "SELECT max(number) FROM (SELECT number, time FROM order_feed WHERE number < (SELECT "
      "max(number) FROM order_feed) ORDER BY number LIMIT ?2) WHERE time < ?1",
      Nanos(before), rows_max);
  const std::int64_t up_to = row.Step() ? row.Int64(0) : 0;
  if (Status status = row.Finish(); !status.ok()) return status;
  if (up_to == 0) return 0;
  Status status = database.Run("DELETE FROM order_feed WHERE number <= ?1", up_to);
  if (!status.ok()) return status;
  const int removed = static_cast<int>(database.Changes());
  status = database.Run("UPDATE feed_identity SET trimmed_up_to = ?1", up_to);
  if (!status.ok()) return status;
  return removed;
}

}  // namespace lockstep::order
