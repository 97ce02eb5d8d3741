#include "restaurant/domain/stock.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "common/base/limits.h"

namespace lockstep::restaurant {
namespace {

void ValidateIds(const std::string& order_id, const std::string& restaurant_id,
                 Violations& violations) {
  violations.RequireId("order_id", order_id);
  violations.RequireId("restaurant_id", restaurant_id);
}

Status Refused(StatusCode code, const char* reason, const std::string& order_id,
               std::string message) {
  ErrorDetail detail;
  detail.reason = reason;
  detail.metadata = {{"order_id", order_id}};
  return MakeError(code, std::move(message), std::move(detail));
}

Status Reused(const std::string& order_id) {
  return Refused(StatusCode::kAlreadyExists, "RESERVATION_ID_REUSED", order_id,
                 fmt::format("order {} has reserved other portions already; repeat that request, "
                             "or use another order id",
                             order_id));
}

Status Released(const std::string& order_id) {
  return Refused(
      StatusCode::kFailedPrecondition, "RESERVATION_RELEASED", order_id,
      fmt::format("the reservation of order {} was released; use another order id", order_id));
}

bool SameLines(const std::vector<ReservedLine>& a, const std::vector<ReservedLine>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const ReservedLine& one, const ReservedLine& other) {
                      return one.menu_item_id == other.menu_item_id &&
                             one.quantity == other.quantity;
                    });
}

}  // namespace

void Validate(const StockChange& change, Violations& violations) {
  violations.RequireId("restaurant_id", change.restaurant_id);
  const std::size_t count = change.items.size();
  if (count < 1 || count > limits::kStockItemsMax) {
    violations.Add("items",
                   fmt::format("must be 1 to {} items, are {}", limits::kStockItemsMax, count));
    return;
  }
  std::unordered_map<std::string_view, std::size_t> seen;
  for (std::size_t i = 0; i < count; ++i) {
    const StockSetting& item = change.items[i];
    const std::string field = fmt::format("items[{}].", i);
    violations.RequireId(field + "menu_item_id", item.menu_item_id);
    if (item.stocked) {
      violations.RequireRange(field + "stocked", *item.stocked, 0, limits::kStockedMax);
    }
    const auto [first, fresh] = seen.emplace(item.menu_item_id, i);
    if (fresh) continue;
    violations.Add(field + "menu_item_id",
                   fmt::format("must stand in one item, is that of items[{}] too", first->second));
  }
}

void Validate(const ReserveRequest& request, WallTime now, Violations& violations) {
  ValidateIds(request.order_id, request.restaurant_id, violations);
  ValidateLines(request.lines, violations);
  if (request.expire_time == WallTime()) {
    violations.Add("expire_time", "is required");
  } else if (request.expire_time - now > limits::kReservationTimeMax) {
    violations.Add("expire_time", fmt::format("must be at most {} from now, is {} from now",
                                              DurationText(limits::kReservationTimeMax),
                                              DurationText(request.expire_time - now)));
  }
}

void Validate(const ReleaseRequest& request, Violations& violations) {
  ValidateIds(request.order_id, request.restaurant_id, violations);
}

void Validate(const ConfirmRequest& request, Violations& violations) {
  ValidateIds(request.order_id, request.restaurant_id, violations);
}

std::vector<ReservedLine> AddUp(const std::vector<OrderLine>& lines) {
  std::vector<ReservedLine> sums;
  for (const OrderLine& line : lines) {
    const auto same = std::find_if(sums.begin(), sums.end(), [&](const ReservedLine& sum) {
      return sum.menu_item_id == line.menu_item_id;
    });
    if (same == sums.end()) {
      sums.push_back({line.menu_item_id, line.quantity, false});
    } else {
      same->quantity += line.quantity;
    }
  }
  return sums;
}

bool IsDue(const Reservation& reservation, WallTime now) {
  return reservation.state == ReservationState::kHeld && reservation.expire_time <= now;
}

StatusOr<ReservationState> After(const ReserveRequest& request, const Reservation* there,
                                 WallTime now) {
  if (there != nullptr) {
    if (there->restaurant_id != request.restaurant_id) return Reused(request.order_id);
    const bool came_later = there->lines.empty();  // than its release
    if (!came_later && !SameLines(there->lines, AddUp(request.lines))) {
      return Reused(request.order_id);
    }
    if (there->state == ReservationState::kReleased) return Released(request.order_id);
    const bool stands = there->state == ReservationState::kConfirmed ||
                        (there->state == ReservationState::kHeld && !IsDue(*there, now));
    if (stands) return there->state;
  }
  if (request.expire_time <= now) {
    return Refused(StatusCode::kFailedPrecondition, "RESERVATION_EXPIRED", request.order_id,
                   fmt::format("the reservation of order {} would have ended before it began; ask "
                               "with a later expire_time",
                               request.order_id));
  }
  return ReservationState::kHeld;
}

StatusOr<ReservationState> After(const ReleaseRequest& request, const Reservation* there) {
  if (there == nullptr) return ReservationState::kReleased;
  if (there->restaurant_id != request.restaurant_id) return Reused(request.order_id);
  if (there->state == ReservationState::kConfirmed && !request.after_confirmation) {
    return Refused(StatusCode::kFailedPrecondition, "RESERVATION_CONFIRMED", request.order_id,
                   fmt::format("the portions of order {} are sold; to take them back, because the "
                               "order was cancelled, set after_confirmation",
                               request.order_id));
  }
  return ReservationState::kReleased;
}

StatusOr<ReservationState> After(const ConfirmRequest& request, const Reservation* there) {
  if (there == nullptr) {
    return Refused(StatusCode::kFailedPrecondition, "RESERVATION_UNKNOWN", request.order_id,
                   fmt::format("order {} has reserved nothing; reserve before it is confirmed",
                               request.order_id));
  }
  if (there->restaurant_id != request.restaurant_id) return Reused(request.order_id);
  if (there->state == ReservationState::kReleased) return Released(request.order_id);
  return ReservationState::kConfirmed;
}

Movement MovementOf(ReservationState from, ReservationState to) {
  const auto is = [](ReservationState state, ReservationState which) {
    return static_cast<int>(state == which);
  };
  constexpr auto kHeld = ReservationState::kHeld;
  constexpr auto kConfirmed = ReservationState::kConfirmed;
  return {is(to, kHeld) - is(from, kHeld), is(to, kConfirmed) - is(from, kConfirmed)};
}

Status OutOfStock(const std::string& restaurant_id, const std::vector<Shortage>& shortages) {
  ErrorDetail detail;
  detail.reason = "OUT_OF_STOCK";
  detail.metadata = {{"restaurant_id", restaurant_id}};
  for (const Shortage& shortage : shortages) {
    if (detail.preconditions.size() == limits::kRefusalsInErrorMax) break;
    detail.preconditions.push_back(
        {shortage.menu_item_id, fmt::format("{} wanted, {} left", shortage.wanted, shortage.left)});
  }
  const Shortage& first = shortages.front();
  const std::string others =
      shortages.size() > 1 ? fmt::format(", and too little of {} more", shortages.size() - 1) : "";
  return MakeError(StatusCode::kFailedPrecondition,
                   fmt::format("of menu item {} of restaurant {} {} are left and {} are wanted{}; "
                               "order less, or later",
                               first.menu_item_id, restaurant_id, first.left, first.wanted, others),
                   std::move(detail));
}

Status StockBelowSold(const StockItem& item, std::int64_t stocked) {
  ErrorDetail detail;
  detail.reason = "STOCK_BELOW_SOLD";
  detail.metadata = {{"restaurant_id", item.restaurant_id}, {"menu_item_id", item.menu_item_id}};
  return MakeError(
      StatusCode::kFailedPrecondition,
      fmt::format("of menu item {} of restaurant {} {} are sold and {} reserved: stocked, the "
                  "portions ever put there, cannot be {}; set {} or more",
                  item.menu_item_id, item.restaurant_id, item.sold, item.reserved, stocked,
                  item.sold + item.reserved),
      std::move(detail));
}

StatusOr<Restaurant> Apply(const Restaurant& current, const StockChange& change, WallTime now) {
  std::vector<MenuItem> items = current.menu.items();
  bool changed = false;
  Violations violations;
  for (std::size_t i = 0; i < change.items.size(); ++i) {
    const StockSetting& setting = change.items[i];
    const MenuItem* item = current.menu.Find(setting.menu_item_id);
    if (item == nullptr) {
      violations.Add(fmt::format("items[{}].menu_item_id", i),
                     fmt::format("must be on the menu of restaurant {}, {} is not",
                                 current.restaurant_id, setting.menu_item_id));
      continue;
    }
    const bool limited = setting.stocked.has_value();
    if (item->limited == limited) continue;
    items[static_cast<std::size_t>(item - current.menu.items().data())].limited = limited;
    changed = true;
  }
  if (!violations.empty()) return violations.ToStatus();
  Restaurant after = current;
  if (!changed) return after;
  after.menu = Menu(std::move(items));
  ++after.version;
  after.update_time = now;
  return after;
}

}  // namespace lockstep::restaurant
