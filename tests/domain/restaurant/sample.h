// A restaurant with a small menu, to be changed by a test in one place.
#pragma once

#include "restaurant/domain/restaurant.h"

namespace lockstep::restaurant {

inline constexpr WallTime kCreated = WallTime(std::chrono::hours(480'000));
inline constexpr WallTime kNow = kCreated + std::chrono::minutes(5);

inline Money Pounds(std::int64_t units, std::int32_t nanos = 0) {
  return Money::Make("GBP", units, nanos).value();
}

inline MenuItem Item(std::string id, Money price) {
  MenuItem item;
  item.menu_item_id = std::move(id);
  item.display_name = "Name of " + item.menu_item_id;
  item.price = std::move(price);
  return item;
}

// As a request says it.
inline Restaurant Draft() {
  Restaurant restaurant;
  restaurant.restaurant_id = "royal-indian";
  restaurant.display_name = "The Royal Indian";
  restaurant.minimum_order = Pounds(12);
  restaurant.delivery_area = DeliveryArea({"CB1", "cb 2"});
  MenuItem lassi = Item("lassi", Pounds(3));
  lassi.availability = Availability::kSoldOut;
  restaurant.menu = Menu({Item("naan", Pounds(2, 600'000'000)), Item("korma", Pounds(8)), lassi});
  return restaurant;
}

// As it is kept.
inline Restaurant Sample() { return Begin(Draft(), kCreated); }

}  // namespace lockstep::restaurant
