#include "restaurant/domain/judge.h"

#include <fmt/format.h>

#include <unordered_set>
#include <utility>

#include "common/base/limits.h"

namespace lockstep::restaurant {
namespace {

// The items that cannot be had. True if all are on the menu.
bool JudgeItems(const Restaurant& restaurant, const std::vector<OrderLine>& lines,
                std::vector<Refusal>& refusals) {
  bool all_on_menu = true;
  std::unordered_set<std::string_view> refused;
  for (const OrderLine& line : lines) {
    const MenuItem* item = restaurant.menu.Find(line.menu_item_id);
    if (item != nullptr && item->availability == Availability::kAvailable) continue;
    all_on_menu = all_on_menu && item != nullptr;
    if (!refused.insert(line.menu_item_id).second) continue;
    if (item == nullptr) {
      refusals.push_back({Reason::kMenuItemUnknown,
                          fmt::format("menu item {} is not sold by restaurant {}",
                                      line.menu_item_id, restaurant.restaurant_id),
                          line.menu_item_id});
    } else {
      refusals.push_back({Reason::kMenuItemSoldOut,
                          fmt::format("menu item {} of restaurant {} is sold out",
                                      line.menu_item_id, restaurant.restaurant_id),
                          line.menu_item_id});
    }
  }
  return all_on_menu;
}

// The sum of all lines, which are all on the menu; OUT_OF_RANGE past what can be written.
StatusOr<Money> Price(const Restaurant& restaurant, const std::vector<OrderLine>& asked,
                      std::vector<PricedLine>& lines) {
  Money total = Money::FromTotalNanos(restaurant.minimum_order.currency_code(), 0);
  lines.reserve(asked.size());
  for (const OrderLine& line : asked) {
    const MenuItem& item = *restaurant.menu.Find(line.menu_item_id);
    StatusOr<Money> price = item.price.Times(line.quantity);
    if (!price.ok()) return price.status();
    StatusOr<Money> sum = total.Plus(*price);
    if (!sum.ok()) return sum.status();
    total = *std::move(sum);
    lines.push_back(
        {item.menu_item_id, item.display_name, line.quantity, item.price, *std::move(price)});
  }
  return total;
}

void JudgeTotal(const Restaurant& restaurant, const StatusOr<Money>& total,
                std::vector<Refusal>& refusals) {
  if (!total.ok()) {
    refusals.push_back(
        {Reason::kTotalTooLarge,
         fmt::format("the order costs more than can be written: {}", MessageOf(total.status())),
         ""});
  } else if (total->total_nanos() < restaurant.minimum_order.total_nanos()) {
    refusals.push_back(
        {Reason::kMinimumOrderNotMet,
         fmt::format("the order costs {}, restaurant {} takes orders from {} on", total->Text(),
                     restaurant.restaurant_id, restaurant.minimum_order.Text()),
         ""});
  }
}

}  // namespace

void Validate(const Question& question, Violations& violations) {
  violations.RequireId("order_id", question.order_id);
  violations.RequireId("restaurant_id", question.restaurant_id);
  const std::size_t lines = question.lines.size();
  if (lines < 1 || lines > limits::kOrderLinesMax) {
    violations.Add("lines",
                   fmt::format("must be 1 to {} lines, are {}", limits::kOrderLinesMax, lines));
  } else {
    for (std::size_t i = 0; i < lines; ++i) {
      const OrderLine& line = question.lines[i];
      // The paths are written only for a line that needs them: this runs for every order.
      Violations found;
      found.RequireId("menu_item_id", line.menu_item_id);
      found.RequireRange("quantity", line.quantity, 1, limits::kQuantityMax);
      if (!found.empty()) violations.AddAll(fmt::format("lines[{}].", i), found);
    }
  }
  const Address& address = question.delivery_address;
  violations.RequireText("delivery_address.street", address.street, limits::kStreetBytesMax);
  violations.RequireText("delivery_address.city", address.city, limits::kCityBytesMax);
  violations.RequireText("delivery_address.postal_code", address.postal_code,
                         limits::kPostalCodeBytesMax);
}

OrderDetailsVerdict Judge(const Restaurant* restaurant, const Question& question, WallTime now,
                          std::string_view node) {
  OrderDetailsVerdict verdict;
  verdict.order_id = question.order_id;
  verdict.restaurant_id = question.restaurant_id;
  verdict.judge_time = now;
  verdict.node = node;
  if (restaurant == nullptr) {
    verdict.refusals.push_back({Reason::kRestaurantUnknown,
                                fmt::format("there is no restaurant {}", question.restaurant_id),
                                ""});
    return verdict;
  }
  verdict.restaurant_version = restaurant->version;
  if (restaurant->opening_state != OpeningState::kOpen) {
    verdict.refusals.push_back({Reason::kRestaurantClosed,
                                fmt::format("restaurant {} is closed", restaurant->restaurant_id),
                                ""});
  }
  const bool can_be_priced = JudgeItems(*restaurant, question.lines, verdict.refusals);
  if (!restaurant->delivery_area.Contains(question.delivery_address.postal_code)) {
    verdict.refusals.push_back(
        {Reason::kOutsideDeliveryArea,
         fmt::format("restaurant {} does not deliver to {}", restaurant->restaurant_id,
                     question.delivery_address.postal_code),
         ""});
  }
  std::vector<PricedLine> lines;
  if (can_be_priced) {
    const StatusOr<Money> total = Price(*restaurant, question.lines, lines);
    JudgeTotal(*restaurant, total, verdict.refusals);
    if (verdict.refusals.empty()) verdict.total = *total;
  }
  verdict.accepted = verdict.refusals.empty();
  if (verdict.accepted) verdict.lines = std::move(lines);
  return verdict;
}

}  // namespace lockstep::restaurant
