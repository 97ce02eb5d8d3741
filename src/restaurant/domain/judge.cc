#include "restaurant/domain/judge.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/base/limits.h"

namespace lockstep::restaurant {
namespace {

// The items that cannot be had. Returns what the lines ask for, line by line; nothing unless all of
// it is on the menu.
std::optional<std::vector<const MenuItem*>> JudgeItems(const Restaurant& restaurant,
                                                       const std::vector<OrderLine>& lines,
                                                       std::vector<Refusal>& refusals) {
  std::vector<const MenuItem*> items;
  items.reserve(lines.size());
  bool all_on_menu = true;
  std::unordered_set<std::string_view> refused;
  for (const OrderLine& line : lines) {
    const MenuItem* item = restaurant.menu.Find(line.menu_item_id);
    items.push_back(item);
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
  if (!all_on_menu) return std::nullopt;
  return items;
}

// The sum of all lines, each with its item; OUT_OF_RANGE past what can be written.
StatusOr<Money> Price(const Restaurant& restaurant, const std::vector<OrderLine>& asked,
                      const std::vector<const MenuItem*>& items, std::vector<PricedLine>& lines) {
  Money total = Money::FromTotalNanos(restaurant.minimum_order.currency_code(), 0);
  lines.reserve(asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const MenuItem& item = *items[i];
    const std::int32_t quantity = asked[i].quantity;
    StatusOr<Money> price = item.price.Times(quantity);
    if (!price.ok()) return price.status();
    StatusOr<Money> sum = total.Plus(*price);
    if (!sum.ok()) return sum.status();
    total = *std::move(sum);
    lines.push_back({item.menu_item_id, item.display_name, quantity, item.price, *std::move(price),
                     item.limited});
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

void ValidateLines(const std::vector<OrderLine>& lines, Violations& violations) {
  const std::size_t count = lines.size();
  if (count < 1 || count > limits::kOrderLinesMax) {
    violations.Add("lines",
                   fmt::format("must be 1 to {} lines, are {}", limits::kOrderLinesMax, count));
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const OrderLine& line = lines[i];
    // The paths are written only for a line that needs them: this runs for every order.
    Violations found;
    found.RequireId("menu_item_id", line.menu_item_id);
    found.RequireRange("quantity", line.quantity, 1, limits::kQuantityMax);
    if (!found.empty()) violations.AddAll(fmt::format("lines[{}].", i), found);
  }
}

void Validate(const Question& question, Violations& violations) {
  violations.RequireId("order_id", question.order_id);
  violations.RequireId("restaurant_id", question.restaurant_id);
  ValidateLines(question.lines, violations);
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
  const auto items = JudgeItems(*restaurant, question.lines, verdict.refusals);
  if (!restaurant->delivery_area.Contains(question.delivery_address.postal_code)) {
    verdict.refusals.push_back(
        {Reason::kOutsideDeliveryArea,
         fmt::format("restaurant {} does not deliver to {}", restaurant->restaurant_id,
                     question.delivery_address.postal_code),
         ""});
  }
  std::vector<PricedLine> lines;
  if (items) {
    const StatusOr<Money> total = Price(*restaurant, question.lines, *items, lines);
    JudgeTotal(*restaurant, total, verdict.refusals);
    if (verdict.refusals.empty()) verdict.total = *total;
  }
  verdict.accepted = verdict.refusals.empty();
  if (verdict.accepted) verdict.lines = std::move(lines);
  return verdict;
}

}  // namespace lockstep::restaurant
