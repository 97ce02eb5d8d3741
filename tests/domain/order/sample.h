// An order and two verdicts that accept it, to be spoilt by a test in one place.
#pragma once

#include "order/domain/placement.h"

namespace lockstep::order {

inline Money Pounds(std::int64_t units, std::int32_t nanos = 0) {
  return Money::Make("GBP", units, nanos).value();
}

inline constexpr char kOrderId[] = "0193e2a1-7c4e-7b21-9f0e-2d4c8a1b3c5d";
inline constexpr WallTime kJudged = WallTime(std::chrono::hours(480'000));

inline NewOrder SampleOrder() {
  NewOrder order;
  order.request_id = "Request:1";
  order.consumer_id = "consumer-7";
  order.restaurant_id = "restaurant-3";
  order.lines = {{"korma", 2}, {"naan", 3}, {"korma", 1}};
  order.delivery_address = {"1 Mill Lane", "Cambridge", "CB2 1RX"};
  return order;
}

inline ConsumerVerdict SampleConsumerVerdict() {
  ConsumerVerdict verdict;
  verdict.order_id = kOrderId;
  verdict.consumer_id = "consumer-7";
  verdict.accepted = true;
  verdict.order_limit = Pounds(100);
  verdict.consumer_version = 4;
  verdict.judge_time = kJudged;
  verdict.node = "consumer";
  return verdict;
}

inline MenuVerdict SampleMenuVerdict() {
  MenuVerdict verdict;
  verdict.order_id = kOrderId;
  verdict.restaurant_id = "restaurant-3";
  verdict.accepted = true;
  verdict.lines = {{"korma", "Korma", 2, Pounds(8, 950'000'000), Pounds(17, 900'000'000)},
                   {"naan", "Plain Naan", 3, Pounds(2, 600'000'000), Pounds(7, 800'000'000)},
                   {"korma", "Korma", 1, Pounds(8, 950'000'000), Pounds(8, 950'000'000)}};
  verdict.total = Pounds(34, 650'000'000);
  verdict.restaurant_version = 9;
  verdict.judge_time = kJudged;
  verdict.node = "restaurant";
  return verdict;
}

inline ConsumerVerdict RefusedByConsumer(std::vector<Refusal> refusals) {
  ConsumerVerdict verdict = SampleConsumerVerdict();
  verdict.accepted = false;
  verdict.order_limit.reset();
  verdict.refusals = std::move(refusals);
  return verdict;
}

inline MenuVerdict RefusedByRestaurant(std::vector<Refusal> refusals) {
  MenuVerdict verdict = SampleMenuVerdict();
  verdict.accepted = false;
  verdict.lines.clear();
  verdict.total.reset();
  verdict.refusals = std::move(refusals);
  return verdict;
}

inline const Refusal kSuspended = {"CONSUMER_SUSPENDED", "consumer consumer-7 is suspended", ""};
inline const Refusal kClosed = {"RESTAURANT_CLOSED", "restaurant restaurant-3 is closed", ""};
inline const Refusal kSoldOut = {"MENU_ITEM_SOLD_OUT", "menu item naan is sold out", "naan"};

enum class First { kConsumer, kRestaurant };

// A placement that has heard both, in the order given.
inline Placement Decided(First first, const StatusOr<ConsumerVerdict>& consumer,
                         const StatusOr<MenuVerdict>& menu, NewOrder order = SampleOrder()) {
  Placement placement(kOrderId, std::move(order));
  if (first == First::kConsumer) placement.ConsumerSaid(consumer);
  placement.RestaurantSaid(menu);
  if (first == First::kRestaurant) placement.ConsumerSaid(consumer);
  return placement;
}

}  // namespace lockstep::order
