// What the tests of Restaurant share: the service, and messages for it.
#pragma once

#include <string>

#include "lockstep/restaurant/v1/restaurant.grpc.pb.h"
#include "restaurant/service/restaurant_service.h"
#include "tests/services/hosted.h"
#include "tests/support/temp_dir.h"

namespace lockstep::test {

namespace rv1 = restaurant::v1;
using RestaurantStub = rv1::RestaurantService::Stub;
using Restaurants = Hosted<restaurant::RestaurantService, RestaurantStub>;

inline void SetPrice(std::int64_t pence, money::v1::Money* out) {
  out->set_currency_code("GBP");
  out->set_units(pence / 100);
  out->set_nanos(static_cast<std::int32_t>(pence % 100 * 10'000'000));
}

inline rv1::MenuItem Item(const std::string& id, std::int64_t pence) {
  rv1::MenuItem item;
  item.set_menu_item_id(id);
  item.set_display_name("Dish " + id);
  SetPrice(pence, item.mutable_price());
  item.set_category("Mains");
  return item;
}

// With items i0, i1, …, each at the same price, and no minimum.
inline rv1::CreateRestaurantRequest NewRestaurant(const std::string& id, int items = 2,
                                                  std::int64_t pence = 450) {
  rv1::CreateRestaurantRequest request;
  rv1::Restaurant& restaurant = *request.mutable_restaurant();
  restaurant.set_restaurant_id(id);
  restaurant.set_display_name("Kitchen " + id);
  SetPrice(0, restaurant.mutable_minimum_order());
  for (int i = 0; i < items; ++i) {
    *restaurant.add_menu_items() = Item("i" + std::to_string(i), pence);
  }
  return request;
}

inline rv1::GetRestaurantRequest WhichRestaurant(const std::string& id) {
  rv1::GetRestaurantRequest request;
  request.set_restaurant_id(id);
  return request;
}

inline rv1::ReviseMenuRequest Revision(const std::string& id) {
  rv1::ReviseMenuRequest request;
  request.set_restaurant_id(id);
  return request;
}

// One portion of each of the items i0, i1, ….
inline rv1::ValidateOrderDetailsRequest Order(const std::string& id, int items = 1) {
  rv1::ValidateOrderDetailsRequest request;
  request.set_order_id("o1");
  request.set_restaurant_id(id);
  for (int i = 0; i < items; ++i) {
    rv1::OrderLine& line = *request.add_lines();
    line.set_menu_item_id("i" + std::to_string(i));
    line.set_quantity(1);
  }
  request.mutable_delivery_address()->set_street("1 Mill Road");
  request.mutable_delivery_address()->set_city("Cambridge");
  request.mutable_delivery_address()->set_postal_code("cb1 2ad");
  return request;
}

}  // namespace lockstep::test
