#include "order/store/checkout_rows.h"

#include "order/store/uuid_bytes.h"

namespace lockstep::order {

using store::Blob;

Status InsertCheckout(store::Database& database, const Checkout& checkout, WallTime settle_time) {
  return database.Run("INSERT INTO checkouts VALUES (?1,?2,?3,?4,?5,?6)",
                      Blob{UuidBytes(checkout.order_id)}, checkout.consumer_id,
                      checkout.restaurant_id, checkout.reserves, checkout.pays,
                      settle_time.time_since_epoch().count());
}

StatusOr<bool> RemoveCheckout(store::Database& database, const std::string& order_id) {
  const Status status =
      database.Run("DELETE FROM checkouts WHERE order_id = ?1", Blob{UuidBytes(order_id)});
  if (!status.ok()) return status;
  return database.Changes() == 1;
}

StatusOr<std::vector<Checkout>> ReadUnsettled(store::Database& database, WallTime now,
                                              int count_max) {
  // A few rows: those under way at this moment, and those that a crash has left.
  store::Statement row = database.Query(
      "SELECT order_id, consumer_id, restaurant_id, reserves, pays FROM checkouts WHERE "
      "settle_time < ?1 LIMIT ?2",
      now.time_since_epoch().count(), count_max);
  std::vector<Checkout> checkouts;
  while (row.Step()) {
    checkouts.push_back({UuidText(row.Bytes(0)), std::string(row.Text(1)), std::string(row.Text(2)),
                         row.Bool(3), row.Bool(4)});
  }
  if (Status status = row.Finish(); !status.ok()) return status;
  return checkouts;
}

}  // namespace lockstep::order
