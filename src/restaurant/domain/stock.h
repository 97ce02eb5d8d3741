// Portions that are limited in number, and what is set aside of them for orders. Values; pure
// functions.
//
// Invariant of an item: stocked = sold + reserved + left, and none of them is below zero. Reserved
// and sold are counted for as long as an item is known, also while it is unlimited.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/validate.h"
#include "restaurant/domain/judge.h"
#include "restaurant/domain/restaurant.h"

namespace lockstep::restaurant {

struct StockItem {
  std::string restaurant_id;
  std::string menu_item_id;
  std::optional<std::int64_t> stocked;  // portions that were ever put there; none: unlimited
  std::int64_t reserved = 0;
  std::int64_t sold = 0;
  // Of a limited one.
  std::int64_t Left() const { return stocked ? *stocked - sold - reserved : 0; }
  friend bool operator==(const StockItem&, const StockItem&) = default;
};

struct StockSetting {
  std::string menu_item_id;
  std::optional<std::int64_t> stocked;
};
struct StockChange {
  std::string restaurant_id;
  std::vector<StockSetting> items;
};

// Numbered as in the protos.
enum class ReservationState : int {
  kUnspecified = 0,  // only in requests
  kHeld = 1,
  kConfirmed = 2,
  kReleased = 3,
  kExpired = 4,
};

struct ReservedLine {
  std::string menu_item_id;  // once in a reservation
  std::int32_t quantity = 0;
  bool counted = false;  // the item had a stock when the portions were taken
  friend bool operator==(const ReservedLine&, const ReservedLine&) = default;
};

struct Reservation {
  std::string order_id;
  std::string restaurant_id;
  std::vector<ReservedLine> lines;  // none: it was released before it came
  ReservationState state = ReservationState::kUnspecified;
  WallTime expire_time;
  WallTime create_time;
  WallTime update_time;
  friend bool operator==(const Reservation&, const Reservation&) = default;
};

struct ReserveRequest {
  std::string order_id;
  std::string restaurant_id;
  std::vector<OrderLine> lines;  // two lines of one item are allowed
  WallTime expire_time;
};
struct ReleaseRequest {
  std::string order_id;
  std::string restaurant_id;
  bool after_confirmation = false;
};
struct ConfirmRequest {
  std::string order_id;
  std::string restaurant_id;
};

// An item of which too little is left.
struct Shortage {
  std::string menu_item_id;
  std::int64_t wanted = 0;
  std::int64_t left = 0;
  friend bool operator==(const Shortage&, const Shortage&) = default;
};

// Adds what is wrong, with the field paths of the requests.
void Validate(const StockChange& change, Violations& violations);
void Validate(const ReserveRequest& request, WallTime now, Violations& violations);
void Validate(const ReleaseRequest& request, Violations& violations);
void Validate(const ConfirmRequest& request, Violations& violations);

// One line an item, in the order in which the items come first; none is counted yet.
std::vector<ReservedLine> AddUp(const std::vector<OrderLine>& lines);

// Its time is over, and nobody has written so yet.
bool IsDue(const Reservation& reservation, WallTime now);

// What a request makes of a reservation: its state from then on, or why it cannot be. The state
// alone says where the portions are: HELD, reserved; CONFIRMED, sold; otherwise with what is left.
// there: null if the order has none.
StatusOr<ReservationState> After(const ReserveRequest& request, const Reservation* there,
                                 WallTime now);
StatusOr<ReservationState> After(const ReleaseRequest& request, const Reservation* there);
StatusOr<ReservationState> After(const ConfirmRequest& request, const Reservation* there);

// What a portion's way from one state to another adds to what is reserved and sold.
struct Movement {
  int reserved = 0;
  int sold = 0;
  bool takes() const { return reserved + sold > 0; }  // from what is left
};
Movement MovementOf(ReservationState from, ReservationState to);

Status OutOfStock(const std::string& restaurant_id, const std::vector<Shortage>& shortages);
Status StockBelowSold(const StockItem& item, std::int64_t stocked);

// The restaurant with its items limited as the change says; the same version if that is nothing
// new. INVALID_ARGUMENT if an item is not on the menu.
StatusOr<Restaurant> Apply(const Restaurant& current, const StockChange& change, WallTime now);

}  // namespace lockstep::restaurant
