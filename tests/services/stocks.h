// What the tests of stock share: the requests.
#pragma once

#include <string>

#include "tests/services/restaurants.h"

namespace lockstep::test {

inline rv1::SetStockRequest Stock(const std::string& item, std::int64_t stocked,
                                  const std::string& restaurant = "r1") {
  rv1::SetStockRequest request;
  request.set_restaurant_id(restaurant);
  rv1::SetStockRequest::Item& said = *request.add_items();
  said.set_menu_item_id(item);
  if (stocked >= 0) said.set_stocked(stocked);  // below zero: unlimited
  return request;
}

// Fills a call's request or a message.
template <typename Said = rv1::ReserveItemsRequest>
Said Reserve(const std::string& order, const std::string& item, int quantity, Duration lasts = 1h) {
  Said said;
  said.set_order_id(order);
  said.set_restaurant_id("r1");
  rv1::OrderLine& line = *said.add_lines();
  line.set_menu_item_id(item);
  line.set_quantity(quantity);
  rpc::SetTime(Clock::Real().WallNow() + lasts, said.mutable_expire_time());
  return said;
}

template <typename Said = rv1::ReleaseItemsRequest>
Said Release(const std::string& order, bool after_confirmation = false) {
  Said said;
  said.set_order_id(order);
  said.set_restaurant_id("r1");
  said.set_after_confirmation(after_confirmation);
  return said;
}

template <typename Said = rv1::ConfirmItemsRequest>
Said Confirm(const std::string& order) {
  Said said;
  said.set_order_id(order);
  said.set_restaurant_id("r1");
  return said;
}

// "10: 2 reserved, 3 sold, 5 left"; "unlimited: …".
inline std::string Text(const rv1::StockItem& item) {
  return fmt::format("{}: {} reserved, {} sold, {} left",
                     item.has_stocked() ? std::to_string(item.stocked()) : "unlimited",
                     item.reserved(), item.sold(), item.left());
}

inline std::string StockOf(Restaurants& service, const std::string& item,
                           const std::string& restaurant = "r1") {
  rv1::GetStockRequest request;
  rv1::GetStockRequest::Query& query = *request.add_queries();
  query.set_restaurant_id(restaurant);
  query.add_menu_item_ids(item);
  const auto answer = service.Call(&RestaurantStub::GetStock, request);
  if (!answer.ok()) return Said(answer);
  return Text(answer->items(0));
}

// "HELD", or what the error says.
template <typename Response>
std::string StateIn(const StatusOr<Response>& answer) {
  if (!answer.ok()) return Said(answer);
  return rv1::Reservation::State_Name(answer->reservation().state()).substr(6);
}

}  // namespace lockstep::test
