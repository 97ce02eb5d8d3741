#include "restaurant/domain/menu.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

namespace lockstep::restaurant {

Menu::Menu(std::vector<MenuItem> items) : items_(std::move(items)), by_id_(items_.size()) {
  std::iota(by_id_.begin(), by_id_.end(), 0U);
  std::sort(by_id_.begin(), by_id_.end(), [this](std::uint32_t a, std::uint32_t b) {
    return std::tie(items_[a].menu_item_id, a) < std::tie(items_[b].menu_item_id, b);
  });
}

const MenuItem* Menu::Find(std::string_view menu_item_id) const {
  const auto place = std::lower_bound(
      by_id_.begin(), by_id_.end(), menu_item_id,
      [this](std::uint32_t at, std::string_view id) { return items_[at].menu_item_id < id; });
  if (place == by_id_.end() || items_[*place].menu_item_id != menu_item_id) return nullptr;
  return &items_[*place];
}

}  // namespace lockstep::restaurant
