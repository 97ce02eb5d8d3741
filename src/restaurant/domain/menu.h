// A menu: items in the order in which people read them, found by id. Immutable once built, so any
// number of threads may read one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/money.h"

namespace lockstep::restaurant {

// Numbered as in the protos; a number without a name can stand in a request, and is refused there.
enum class Availability : int {
  kUnspecified = 0,  // only in requests
  kAvailable = 1,
  kSoldOut = 2,
};

struct MenuItem {
  std::string menu_item_id;  // once in a menu
  std::string display_name;
  Money price;  // of one portion; zero or more
  Availability availability = Availability::kUnspecified;
  std::string category;  // may be empty
  bool limited = false;  // it has a stock: see stock.h
  friend bool operator==(const MenuItem&, const MenuItem&) = default;
};

class Menu {
 public:
  Menu() = default;
  explicit Menu(std::vector<MenuItem> items);

  const std::vector<MenuItem>& items() const { return items_; }
  std::size_t size() const { return items_.size(); }

  // By binary search. Null if it is not on the menu; the first one of those with the same id (which
  // validation refuses).
  const MenuItem* Find(std::string_view menu_item_id) const;

  friend bool operator==(const Menu& a, const Menu& b) { return a.items_ == b.items_; }

 private:
  std::vector<MenuItem> items_;
  std::vector<std::uint32_t> by_id_;  // places in items_, sorted by the id there
};

}  // namespace lockstep::restaurant
