// How restaurants lie in Restaurant's SQLite file: a row each, with rows of their own for the items
// of their menus and the prefixes of their delivery areas. What is asked of a Table is said in
// common/store/record_store.h.
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/store/database.h"
#include "common/store/migrations.h"
#include "common/store/record_store.h"
#include "restaurant/domain/restaurant.h"

namespace lockstep::restaurant {

struct RestaurantTable {
  using Record = Restaurant;

  static const store::Schema kSchema;
  static constexpr std::string_view kSelectVersion =
      "SELECT version FROM restaurants WHERE restaurant_id = ?1";
  static constexpr std::string_view kSelectOne =
      "SELECT restaurant_id, display_name, opening_state, currency, minimum_nanos, version, "
      "create_time, update_time FROM restaurants WHERE restaurant_id = ?1";
  static constexpr std::string_view kSelectPage =
      "SELECT restaurant_id, display_name, opening_state, currency, minimum_nanos, version, "
      "create_time, update_time FROM restaurants WHERE restaurant_id > ?1 "
      "ORDER BY restaurant_id LIMIT ?2";

  static const std::string& IdOf(const Restaurant& restaurant) { return restaurant.restaurant_id; }
  static std::string& IdOf(Restaurant& restaurant) { return restaurant.restaurant_id; }
  // Without menu and delivery area.
  static Restaurant RecordOf(const store::Statement& row);
  // A list shows no menus.
  static Status ReadParts(store::Database& database, store::Parts parts, Restaurant& restaurant);
  // Of the menu, writes the items that are not what and where they were.
  static Status Write(store::Database& database, const Restaurant* before, const Restaurant& after);
};

}  // namespace lockstep::restaurant
