// What Order asks Consumer and Restaurant about an order, whoever answers: the owner, or a copy of
// what it owns. Values.
#pragma once

#include <string>
#include <vector>

#include "order/domain/new_order.h"
#include "order/domain/verdict.h"

namespace lockstep::order {

struct ConsumerQuestion {
  std::string order_id;
  std::string consumer_id;
};

struct MenuQuestion {
  std::string order_id;
  std::string restaurant_id;
  std::vector<OrderLine> lines;
  Address delivery_address;
};

}  // namespace lockstep::order
