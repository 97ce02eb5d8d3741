#include "restaurant/domain/restaurant.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "common/base/limits.h"

namespace lockstep::restaurant {
namespace {

constexpr std::string_view kDisplayName = "display_name";
constexpr std::string_view kOpeningState = "opening_state";
constexpr std::string_view kMinimumOrder = "minimum_order";
constexpr std::string_view kDeliveryArea = "delivery_area";

void ValidateName(const Restaurant& restaurant, Violations& violations) {
  violations.RequireText("restaurant.display_name", restaurant.display_name,
                         limits::kDisplayNameBytesMax);
}

void ValidateOpening(const Restaurant& restaurant, Violations& violations) {
  const OpeningState state = restaurant.opening_state;
  if (state == OpeningState::kOpen || state == OpeningState::kClosed) return;
  violations.Add("restaurant.opening_state",
                 fmt::format("must be OPENING_STATE_OPEN or OPENING_STATE_CLOSED, is {}",
                             static_cast<int>(state)));
}

void ValidateAmount(std::string_view field, const Money& amount, Violations& violations) {
  if (amount.currency_code().empty()) {
    violations.Add(field, "is required");
  } else if (amount.total_nanos() < 0) {
    violations.Add(field, fmt::format("must be zero or more, is {}", amount.Text()));
  }
}

void ValidateArea(const Restaurant& restaurant, Violations& violations) {
  constexpr std::string_view kField = "restaurant.delivery_area.postal_code_prefixes";
  const std::vector<std::string>& prefixes = restaurant.delivery_area.postal_code_prefixes();
  if (prefixes.size() > limits::kPostalPrefixesMax) {
    violations.Add(kField, fmt::format("must be at most {} prefixes, are {}",
                                       limits::kPostalPrefixesMax, prefixes.size()));
    return;
  }
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    const std::string field = fmt::format("{}[{}]", kField, i);
    const bool text = violations.RequireText(field, prefixes[i], limits::kPostalCodeBytesMax);
    // It would contain every address.
    if (text && PlainPostalCode(prefixes[i]).empty()) {
      violations.Add(field, "must be more than spaces, is not");
    }
  }
}

void ValidateItem(const std::string& field, const MenuItem& item, Violations& violations) {
  violations.RequireId(field + ".menu_item_id", item.menu_item_id);
  violations.RequireText(field + ".display_name", item.display_name, limits::kDisplayNameBytesMax);
  ValidateAmount(field + ".price", item.price, violations);
  const int availability = static_cast<int>(item.availability);
  if (availability < 0 || availability > static_cast<int>(Availability::kSoldOut)) {
    violations.Add(field + ".availability",
                   fmt::format("must be AVAILABILITY_AVAILABLE or AVAILABILITY_SOLD_OUT, is {}",
                               availability));
  }
  violations.RequireText(field + ".category", item.category, limits::kCategoryBytesMax,
                         Violations::Empty::kAllowed);
}

// field: of the list.
void ValidateItems(std::string_view field, const std::vector<MenuItem>& items,
                   Violations& violations) {
  if (items.size() > limits::kMenuItemsMax) {
    violations.Add(field, fmt::format("must be at most {} items, are {}", limits::kMenuItemsMax,
                                      items.size()));
    return;
  }
  std::unordered_map<std::string_view, std::size_t> seen;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string item = fmt::format("{}[{}]", field, i);
    ValidateItem(item, items[i], violations);
    const auto [first, fresh] = seen.emplace(items[i].menu_item_id, i);
    if (fresh) continue;
    violations.Add(
        item + ".menu_item_id",
        fmt::format("must stand in one item, is that of {}[{}] too", field, first->second));
  }
}

void RequireCurrency(const std::string& field, const Money& price, const std::string& currency,
                     Violations& violations) {
  if (price.currency_code() == currency || price.currency_code().empty()) return;
  violations.Add(field, fmt::format("must be in {}, the currency of minimum_order, is in {}",
                                    currency, price.currency_code()));
}

bool Names(const RestaurantUpdate& update, std::string_view path) {
  return std::find(update.mask.begin(), update.mask.end(), path) != update.mask.end();
}

MenuItem WithDefaults(MenuItem item) {
  if (item.availability == Availability::kUnspecified) {
    item.availability = Availability::kAvailable;
  }
  return item;
}

StatusOr<Restaurant> NextVersion(const Restaurant& current, Restaurant changed, WallTime now) {
  if (changed == current) return current;
  changed.version = current.version + 1;
  changed.update_time = now;
  return changed;
}

Status CheckVersionOf(const Restaurant& current, std::int64_t expected) {
  return CheckVersion(fmt::format("restaurant {}", current.restaurant_id), expected,
                      current.version);
}

// What a stock does to the items is no matter of the menu.
bool SameMenu(const Menu& a, const Menu& b) {
  return std::equal(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(),
                    [](const MenuItem& one, MenuItem other) {
                      other.limited = one.limited;
                      return one == other;
                    });
}

// What is left of the menu, with the items put in their places; their places say where. Removed ids
// that are not there are violations.
std::vector<MenuItem> Revised(const Menu& menu, const MenuRevision& revision,
                              Violations& violations) {
  std::unordered_set<std::string_view> removed;
  for (std::size_t i = 0; i < revision.remove_menu_item_ids.size(); ++i) {
    const std::string& id = revision.remove_menu_item_ids[i];
    removed.insert(id);
    const MenuItem* item = menu.Find(id);
    if (item != nullptr && !item->limited) continue;
    violations.Add(fmt::format("remove_menu_item_ids[{}]", i),
                   item == nullptr
                       ? fmt::format("must be on the menu, {} is not", id)
                       : fmt::format("must have no stock, {} has: make it unlimited first", id));
  }
  std::unordered_map<std::string_view, const MenuItem*> put;
  for (const MenuItem& item : revision.put_items) put.emplace(item.menu_item_id, &item);
  std::vector<MenuItem> items;
  items.reserve(menu.size() + put.size());
  for (const MenuItem& item : menu.items()) {
    if (removed.contains(item.menu_item_id)) continue;
    const auto replacement = put.find(item.menu_item_id);
    items.push_back(replacement == put.end() ? item : WithDefaults(*replacement->second));
    items.back().limited = item.limited;
  }
  for (const MenuItem& item : revision.put_items) {
    if (menu.Find(item.menu_item_id) == nullptr) items.push_back(WithDefaults(item));
  }
  return items;
}

}  // namespace

void ValidateNew(const Restaurant& restaurant, Violations& violations) {
  violations.RequireId("restaurant.restaurant_id", restaurant.restaurant_id);
  ValidateName(restaurant, violations);
  if (restaurant.opening_state != OpeningState::kUnspecified) {
    ValidateOpening(restaurant, violations);
  }
  ValidateAmount("restaurant.minimum_order", restaurant.minimum_order, violations);
  ValidateArea(restaurant, violations);
  const std::vector<MenuItem>& items = restaurant.menu.items();
  ValidateItems("restaurant.menu_items", items, violations);
  const std::string& currency = restaurant.minimum_order.currency_code();
  if (currency.empty()) return;  // said already
  for (std::size_t i = 0; i < items.size() && i < limits::kMenuItemsMax; ++i) {
    RequireCurrency(fmt::format("restaurant.menu_items[{}].price", i), items[i].price, currency,
                    violations);
  }
}

void Validate(const RestaurantUpdate& update, Violations& violations) {
  violations.RequireId("restaurant.restaurant_id", update.restaurant.restaurant_id);
  violations.RequireMask(update.mask, {kDisplayName, kOpeningState, kMinimumOrder, kDeliveryArea});
  if (Names(update, kDisplayName)) ValidateName(update.restaurant, violations);
  if (Names(update, kOpeningState)) ValidateOpening(update.restaurant, violations);
  if (Names(update, kMinimumOrder)) {
    ValidateAmount("restaurant.minimum_order", update.restaurant.minimum_order, violations);
  }
  if (Names(update, kDeliveryArea)) ValidateArea(update.restaurant, violations);
  violations.RequireVersion("expected_version", update.expected_version);
}

void Validate(const MenuRevision& revision, Violations& violations) {
  violations.RequireId("restaurant_id", revision.restaurant_id);
  violations.RequireVersion("expected_version", revision.expected_version);
  const std::vector<std::string>& removals = revision.remove_menu_item_ids;
  if (revision.put_items.empty() && removals.empty()) {
    violations.Add("put_items", "must have an item, or remove_menu_item_ids an id: both are empty");
  }
  ValidateItems("put_items", revision.put_items, violations);
  if (removals.size() > limits::kMenuItemsMax) {
    violations.Add("remove_menu_item_ids", fmt::format("must be at most {} ids, are {}",
                                                       limits::kMenuItemsMax, removals.size()));
    return;
  }
  std::unordered_set<std::string_view> put;
  for (const MenuItem& item : revision.put_items) put.insert(item.menu_item_id);
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i < removals.size(); ++i) {
    const std::string field = fmt::format("remove_menu_item_ids[{}]", i);
    if (!violations.RequireId(field, removals[i])) continue;
    if (put.contains(removals[i])) violations.Add(field, "must not be put as well, is");
    if (!seen.insert(removals[i]).second) violations.Add(field, "must be removed once, is twice");
  }
}

Restaurant Begin(Restaurant restaurant, WallTime now) {
  if (restaurant.opening_state == OpeningState::kUnspecified) {
    restaurant.opening_state = OpeningState::kOpen;
  }
  std::vector<MenuItem> items;
  items.reserve(restaurant.menu.size());
  for (const MenuItem& item : restaurant.menu.items()) items.push_back(WithDefaults(item));
  restaurant.menu = Menu(std::move(items));
  restaurant.version = 1;
  restaurant.create_time = now;
  restaurant.update_time = now;
  return restaurant;
}

StatusOr<Restaurant> Apply(const Restaurant& current, const RestaurantUpdate& update,
                           WallTime now) {
  if (Status version = CheckVersionOf(current, update.expected_version); !version.ok()) {
    return version;
  }
  Restaurant changed = current;
  if (Names(update, kDisplayName)) changed.display_name = update.restaurant.display_name;
  if (Names(update, kOpeningState)) changed.opening_state = update.restaurant.opening_state;
  if (Names(update, kDeliveryArea)) changed.delivery_area = update.restaurant.delivery_area;
  if (Names(update, kMinimumOrder)) {
    changed.minimum_order = update.restaurant.minimum_order;
    const std::string& currency = current.minimum_order.currency_code();
    if (current.menu.size() > 0 && changed.minimum_order.currency_code() != currency) {
      Violations violations;
      violations.Add("restaurant.minimum_order",
                     fmt::format("must be in {}, the currency of the menu, is in {}", currency,
                                 changed.minimum_order.currency_code()));
      return violations.ToStatus();
    }
  }
  return NextVersion(current, std::move(changed), now);
}

StatusOr<Restaurant> Apply(const Restaurant& current, const MenuRevision& revision, WallTime now) {
  if (Status version = CheckVersionOf(current, revision.expected_version); !version.ok()) {
    return version;
  }
  Violations violations;
  for (std::size_t i = 0; i < revision.put_items.size(); ++i) {
    RequireCurrency(fmt::format("put_items[{}].price", i), revision.put_items[i].price,
                    current.minimum_order.currency_code(), violations);
  }
  std::vector<MenuItem> items = Revised(current.menu, revision, violations);
  if (items.size() > limits::kMenuItemsMax) {
    violations.Add("put_items", fmt::format("must leave at most {} items on the menu, leaves {}",
                                            limits::kMenuItemsMax, items.size()));
  }
  if (!violations.empty()) return violations.ToStatus();
  Restaurant changed = current;
  changed.menu = Menu(std::move(items));
  return NextVersion(current, std::move(changed), now);
}

bool SameContent(const Restaurant& a, const Restaurant& b) {
  return a.restaurant_id == b.restaurant_id && a.display_name == b.display_name &&
         a.opening_state == b.opening_state && a.minimum_order == b.minimum_order &&
         a.delivery_area == b.delivery_area && SameMenu(a.menu, b.menu);
}

}  // namespace lockstep::restaurant
