#include "order/domain/copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace lockstep::order {
namespace {

const MenuItemCopy* Find(const RestaurantCopy& restaurant, std::string_view menu_item_id) {
  const auto place = std::lower_bound(
      restaurant.items.begin(), restaurant.items.end(), menu_item_id,
      [](const MenuItemCopy& item, std::string_view id) { return item.menu_item_id < id; });
  if (place == restaurant.items.end() || place->menu_item_id != menu_item_id) return nullptr;
  return &*place;
}

bool DeliversTo(const RestaurantCopy& restaurant, std::string_view postal_code) {
  if (restaurant.postal_code_prefixes.empty()) return true;
  const std::string plain = PlainPostalCode(postal_code);
  return std::any_of(restaurant.postal_code_prefixes.begin(), restaurant.postal_code_prefixes.end(),
                     [&](const std::string& prefix) { return plain.starts_with(prefix); });
}

Refusal RefusalOf(const RestaurantCopy& restaurant, const std::string& menu_item_id,
                  const MenuItemCopy* item) {
  if (item == nullptr) {
    return {"MENU_ITEM_UNKNOWN",
            fmt::format("menu item {} is not sold by restaurant {}", menu_item_id,
                        restaurant.restaurant_id),
            menu_item_id};
  }
  return {"MENU_ITEM_SOLD_OUT",
          fmt::format("menu item {} of restaurant {} is sold out", menu_item_id,
                      restaurant.restaurant_id),
          menu_item_id};
}

// What the lines ask for, line by line; null where it is not on the menu. Adds a refusal for each
// item that cannot be had, once.
std::vector<const MenuItemCopy*> JudgeItems(const RestaurantCopy& restaurant,
                                            const std::vector<OrderLine>& lines,
                                            std::vector<Refusal>& refusals) {
  std::vector<const MenuItemCopy*> items;
  items.reserve(lines.size());
  for (const OrderLine& line : lines) {
    const MenuItemCopy* item = Find(restaurant, line.menu_item_id);
    items.push_back(item);
    if (item != nullptr && item->available) continue;
    const bool said = std::any_of(refusals.begin(), refusals.end(), [&](const Refusal& refusal) {
      return refusal.menu_item_id == line.menu_item_id;
    });
    if (!said) refusals.push_back(RefusalOf(restaurant, line.menu_item_id, item));
  }
  return items;
}

// The sum of all lines; OUT_OF_RANGE past what can be written.
StatusOr<Money> Price(const RestaurantCopy& restaurant, const std::vector<OrderLine>& asked,
                      const std::vector<const MenuItemCopy*>& items,
                      std::vector<PricedLine>& lines) {
  Money total = Money::FromTotalNanos(restaurant.minimum_order.currency_code(), 0);
  lines.reserve(asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const MenuItemCopy& item = *items[i];
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

void JudgeTotal(const RestaurantCopy& restaurant, const StatusOr<Money>& total,
                std::vector<Refusal>& refusals) {
  if (!total.ok()) {
    refusals.push_back(
        {"TOTAL_TOO_LARGE",
         fmt::format("the order costs more than can be written: {}", MessageOf(total.status())),
         ""});
  } else if (total->total_nanos() < restaurant.minimum_order.total_nanos()) {
    refusals.push_back(
        {"MINIMUM_ORDER_NOT_MET",
         fmt::format("the order costs {}, restaurant {} takes orders from {} on", total->Text(),
                     restaurant.restaurant_id, restaurant.minimum_order.Text()),
         ""});
  }
}

}  // namespace

std::string PlainPostalCode(std::string_view postal_code) {
  std::string plain;
  plain.reserve(postal_code.size());
  for (const char c : postal_code) {
    if (c == ' ') continue;
    plain += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return plain;
}

ConsumerVerdict JudgeByCopy(const ConsumerCopy* copy, const ConsumerQuestion& question,
                            WallTime now, std::string_view node) {
  ConsumerVerdict verdict;
  verdict.order_id = question.order_id;
  verdict.consumer_id = question.consumer_id;
  verdict.judge_time = now;
  verdict.node = node;
  if (copy == nullptr) {
    verdict.refusals.push_back(
        {"CONSUMER_UNKNOWN", fmt::format("there is no consumer {}", question.consumer_id), ""});
    return verdict;
  }
  verdict.consumer_version = copy->version;
  if (!copy->active) {
    verdict.refusals.push_back(
        {"CONSUMER_SUSPENDED", fmt::format("consumer {} is suspended", copy->consumer_id), ""});
    return verdict;
  }
  verdict.accepted = true;
  verdict.order_limit = copy->order_limit;
  return verdict;
}

MenuVerdict JudgeByCopy(const RestaurantCopy* copy, const MenuQuestion& question, WallTime now,
                        std::string_view node) {
  MenuVerdict verdict;
  verdict.order_id = question.order_id;
  verdict.restaurant_id = question.restaurant_id;
  verdict.judge_time = now;
  verdict.node = node;
  if (copy == nullptr) {
    verdict.refusals.push_back({"RESTAURANT_UNKNOWN",
                                fmt::format("there is no restaurant {}", question.restaurant_id),
                                ""});
    return verdict;
  }
  verdict.restaurant_version = copy->version;
  if (!copy->open) {
    verdict.refusals.push_back(
        {"RESTAURANT_CLOSED", fmt::format("restaurant {} is closed", copy->restaurant_id), ""});
  }
  const std::vector<const MenuItemCopy*> items =
      JudgeItems(*copy, question.lines, verdict.refusals);
  const bool all_on_menu = std::find(items.begin(), items.end(), nullptr) == items.end();
  const std::string& postal_code = question.delivery_address.postal_code;
  if (!DeliversTo(*copy, postal_code)) {
    verdict.refusals.push_back(
        {"OUTSIDE_DELIVERY_AREA",
         fmt::format("restaurant {} does not deliver to {}", copy->restaurant_id, postal_code),
         ""});
  }
  // The total is judged if all items are on the menu, sold out or not.
  std::vector<PricedLine> lines;
  if (all_on_menu) {
    const StatusOr<Money> total = Price(*copy, question.lines, items, lines);
    JudgeTotal(*copy, total, verdict.refusals);
    if (verdict.refusals.empty()) verdict.total = *total;
  }
  verdict.accepted = verdict.refusals.empty();
  if (verdict.accepted) verdict.lines = std::move(lines);
  return verdict;
}

}  // namespace lockstep::order
