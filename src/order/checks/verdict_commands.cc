#include "order/checks/verdict_commands.h"

#include "lockstep/consumer/v1/consumer.pb.h"
#include "lockstep/restaurant/v1/restaurant.pb.h"

namespace lockstep::order {
Status VerdictCommands::Write(store::Database& database, const Order& order) const {
  if (order.state != OrderState::kPending) return OkStatus();
  consumer::v1::ValidateConsumerInfo of_consumer;
  of_consumer.set_order_id(order.order_id);
  of_consumer.set_consumer_id(order.consumer_id);
  if (Status status =
          SendCommand(database, kConsumerPeer, of_consumer, order.order_id, order.update_time);
      !status.ok())
    return status;
  restaurant::v1::ValidateOrderDetails of_restaurant;
  of_restaurant.set_order_id(order.order_id);
  of_restaurant.set_restaurant_id(order.restaurant_id);
  for (const PricedLine& line : order.lines) {
    auto* asked = of_restaurant.add_lines();
    asked->set_menu_item_id(line.menu_item_id);
    asked->set_quantity(line.quantity);
  }
  auto* address = of_restaurant.mutable_delivery_address();
  address->set_street(order.delivery_address.street);
  address->set_city(order.delivery_address.city);
  address->set_postal_code(order.delivery_address.postal_code);
  return SendCommand(database, kRestaurantPeer, of_restaurant, order.order_id, order.update_time);
}

}  // namespace lockstep::order
