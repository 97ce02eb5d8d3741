// What Restaurant says of an order, and what it costs. Pure: the same restaurant and question give
// the same verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "restaurant/domain/restaurant.h"

namespace lockstep::restaurant {

struct OrderLine {
  std::string menu_item_id;
  std::int32_t quantity = 0;
  friend bool operator==(const OrderLine&, const OrderLine&) = default;
};

struct Question {
  std::string order_id;
  std::string restaurant_id;
  std::vector<OrderLine> lines;  // two lines of one item are allowed
  Address delivery_address;
};

// Numbered as in the protos.
enum class Reason : int {
  kRestaurantUnknown = 1,
  kRestaurantClosed = 2,
  kMenuItemUnknown = 3,
  kMenuItemSoldOut = 4,
  kMinimumOrderNotMet = 5,
  kOutsideDeliveryArea = 6,
  kTotalTooLarge = 7,
};

struct Refusal {
  Reason reason;
  std::string message;
  std::string menu_item_id;  // where the reason is about an item
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

struct PricedLine {
  std::string menu_item_id;
  std::string display_name;
  std::int32_t quantity = 0;
  Money unit_price;
  Money price;           // quantity times unit_price
  bool limited = false;  // as the item is
  friend bool operator==(const PricedLine&, const PricedLine&) = default;
};

struct OrderDetailsVerdict {
  std::string order_id;
  std::string restaurant_id;
  bool accepted = false;
  std::vector<Refusal> refusals;        // empty exactly when accepted
  std::vector<PricedLine> lines;        // those asked about, in that order, exactly when accepted
  std::optional<Money> total;           // their sum, exactly when accepted
  std::int64_t restaurant_version = 0;  // 0 if unknown
  WallTime judge_time;
  std::string node;
};

// Adds what is wrong with `lines`.
void ValidateLines(const std::vector<OrderLine>& lines, Violations& violations);
// The same of a whole question, with the field paths of ValidateOrderDetailsRequest.
void Validate(const Question& question, Violations& violations);

// Every reason against the order, in this order: closed, each item that cannot be had (once, in the
// order of the lines), the address, the total. The total is judged if all items are on the menu,
// sold out or not. restaurant: the one asked about; null if there is none.
OrderDetailsVerdict Judge(const Restaurant* restaurant, const Question& question, WallTime now,
                          std::string_view node);

}  // namespace lockstep::restaurant
