// What Order knows by itself of consumers and restaurants, and the verdicts that follow from it:
// the same, word for word, as their owners would give on the same data. Services include nothing of
// one another, so the rules stand here a second time; a test holds the two together. Values,
// immutable once built, so that any number of threads may read one; pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/money.h"
#include "order/domain/question.h"
#include "order/domain/verdict.h"

namespace lockstep::order {

struct ConsumerCopy {
  std::string consumer_id;
  bool active = false;
  Money order_limit;
  std::int64_t version = 0;
  WallTime update_time;  // when it came to be so, by its owner's clock
  friend bool operator==(const ConsumerCopy&, const ConsumerCopy&) = default;
};

struct MenuItemCopy {
  std::string menu_item_id;
  std::string display_name;
  Money price;
  bool available = false;
  bool limited = false;  // it has a stock
  friend bool operator==(const MenuItemCopy&, const MenuItemCopy&) = default;
};

struct RestaurantCopy {
  std::string restaurant_id;
  bool open = false;
  Money minimum_order;
  std::vector<std::string> postal_code_prefixes;  // as PlainPostalCode writes them; empty: any
  std::vector<MenuItemCopy> items;                // ordered by id, each id once
  std::int64_t version = 0;
  WallTime update_time;
  friend bool operator==(const RestaurantCopy&, const RestaurantCopy&) = default;
};

// Without spaces and in upper case (ASCII), as postal codes are compared: "cb2 1rx" is "CB21RX".
std::string PlainPostalCode(std::string_view postal_code);

// Every reason against the order, in the order in which the owner names them. copy: of the one
// asked about; null: there is none. node: who judges.
ConsumerVerdict JudgeByCopy(const ConsumerCopy* copy, const ConsumerQuestion& question,
                            WallTime now, std::string_view node);
MenuVerdict JudgeByCopy(const RestaurantCopy* copy, const MenuQuestion& question, WallTime now,
                        std::string_view node);

}  // namespace lockstep::order
