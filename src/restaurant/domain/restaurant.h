// A restaurant with its menu: what is allowed, how one begins and how one changes. Values,
// immutable once built, so that a snapshot of them can be read by any thread; pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/money.h"
#include "common/base/validate.h"
#include "restaurant/domain/delivery_area.h"
#include "restaurant/domain/menu.h"

namespace lockstep::restaurant {

// Numbered as in the protos; a number without a name can stand in a request, and is refused there.
enum class OpeningState : int {
  kUnspecified = 0,  // only in requests
  kOpen = 1,
  kClosed = 2,
};

struct Restaurant {
  std::string restaurant_id;
  std::string display_name;
  OpeningState opening_state = OpeningState::kUnspecified;
  Money minimum_order;  // zero or more; its currency is that of the whole menu
  DeliveryArea delivery_area;
  Menu menu;
  std::int64_t version = 0;  // counts the changes of restaurant and menu, from 1
  WallTime create_time;
  WallTime update_time;
  friend bool operator==(const Restaurant&, const Restaurant&) = default;
};

struct RestaurantUpdate {
  Restaurant restaurant;          // restaurant_id says which one
  std::vector<std::string> mask;  // of display_name, opening_state, minimum_order, delivery_area
  std::int64_t expected_version = 0;
};

struct MenuRevision {
  std::string restaurant_id;
  std::vector<MenuItem> put_items;  // each replaces the item with its id, or is added at the end
  std::vector<std::string> remove_menu_item_ids;
  std::int64_t expected_version = 0;
};

// Adds what is wrong, with the field paths of the requests: what can be seen without knowing what
// is stored. The restaurant to create has its id already.
void ValidateNew(const Restaurant& restaurant, Violations& violations);
void Validate(const RestaurantUpdate& update, Violations& violations);
void Validate(const MenuRevision& revision, Violations& violations);

// The restaurant to be kept: version 1, OPEN and its items AVAILABLE unless they say otherwise. Of
// a valid one.
Restaurant Begin(Restaurant restaurant, WallTime now);

// The restaurant after a valid update or revision; the same version if nothing changes. ABORTED,
// reason VERSION_MISMATCH; INVALID_ARGUMENT where it does not fit what is stored (another currency
// than the menu's, an item to remove that is not there, more items than a menu holds).
StatusOr<Restaurant> Apply(const Restaurant& current, const RestaurantUpdate& update, WallTime now);
StatusOr<Restaurant> Apply(const Restaurant& current, const MenuRevision& revision, WallTime now);

// True if creating one where there is the other is a repetition: all but version, times and which
// items are limited. Both begun, so that defaults are the same on both sides.
bool SameContent(const Restaurant& a, const Restaurant& b);

}  // namespace lockstep::restaurant
