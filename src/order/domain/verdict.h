// What Consumer and Restaurant say of an order, as Order understands it, and whether a verdict can
// be believed. Values; pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/money.h"
#include "common/base/status.h"

namespace lockstep::order {

// A wish: so many portions of an item.
struct OrderLine {
  std::string menu_item_id;
  std::int32_t quantity = 0;
  friend bool operator==(const OrderLine&, const OrderLine&) = default;
};

// A line with its price. Before Restaurant has accepted the order the prices are in no currency.
struct PricedLine {
  std::string menu_item_id;
  std::string display_name;
  std::int32_t quantity = 0;
  Money unit_price;
  Money price;           // quantity times unit_price
  bool limited = false;  // the item has a stock: the order must reserve
  friend bool operator==(const PricedLine&, const PricedLine&) = default;
};

// One reason of a refusal. reason is the name that its owner gives it in the protos, without
// "REASON_": "CONSUMER_SUSPENDED". A number that this build has no name for is written as
// "REASON_<number>", so that a newer peer can still refuse; empty: the peer gave no reason.
struct Refusal {
  std::string reason;
  std::string message;       // the same for people
  std::string menu_item_id;  // of Restaurant, where the reason is about an item
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

struct ConsumerVerdict {
  std::string order_id;
  std::string consumer_id;
  bool accepted = false;
  std::vector<Refusal> refusals;     // empty exactly when accepted
  std::optional<Money> order_limit;  // present exactly when accepted
  std::int64_t consumer_version = 0;
  WallTime judge_time;
  std::string node;
  friend bool operator==(const ConsumerVerdict&, const ConsumerVerdict&) = default;
};

struct MenuVerdict {
  std::string order_id;
  std::string restaurant_id;
  bool accepted = false;
  std::vector<Refusal> refusals;  // empty exactly when accepted
  std::vector<PricedLine> lines;  // those asked about, in that order, exactly when accepted
  std::optional<Money> total;     // their sum, exactly when accepted
  std::int64_t restaurant_version = 0;
  WallTime judge_time;
  std::string node;
  friend bool operator==(const MenuVerdict&, const MenuVerdict&) = default;
};

// The names of the peers, in metadata and in receipts.
inline constexpr char kConsumerPeer[] = "consumer";
inline constexpr char kRestaurantPeer[] = "restaurant";

// OK if the verdict answers the question and agrees with itself; else INTERNAL, reason
// VERDICT_INCONSISTENT, metadata peer, and a message that says what is wrong.
Status Believable(const ConsumerVerdict& verdict, const std::string& order_id,
                  const std::string& consumer_id);
Status Believable(const MenuVerdict& verdict, const std::string& order_id,
                  const std::string& restaurant_id, const std::vector<OrderLine>& lines);

}  // namespace lockstep::order
