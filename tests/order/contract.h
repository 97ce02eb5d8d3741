// The frame of the contract of all styles: a body is run in a world of its own for each row of the
// table of styles, in each shell.
#pragma once

#include "tests/order/hosted_order.h"

namespace lockstep::order {

using test::Eventually;

// Runs a body in a world of its own for each style in each shell.
template <class Body>
void ForEachStyle(Body body, const HostedOrder::Change& change = nullptr) {
  for (const StyleCase& style : StyleCases()) {
    INFO(style.name());
    OrderWorld world(style, change);
    body(world);
  }
}

// The receipt of an order that was placed, or failed after its questions were asked.
inline void RequireReceipt(const OrderWorld& world, const Answered& answered, int calls = 2) {
  REQUIRE(answered.has_receipt);
  const call::v1::Receipt& receipt = answered.receipt;
  REQUIRE(receipt.node() == "order");
  REQUIRE(receipt.method() == "lockstep.order.v1.OrderService/CreateOrder");
  REQUIRE(receipt.style() == world.style().style());
  REQUIRE(receipt.shell() == world.style().shell());
  REQUIRE(receipt.deadline_policy() == call::v1::DEADLINE_POLICY_PROPAGATE);
  REQUIRE(receipt.budget_source() == call::v1::BUDGET_SOURCE_CALLER);
  REQUIRE(receipt.calls_size() == calls);
  if (calls != 2) return;
  REQUIRE(receipt.calls(0).peer() == "consumer");
  REQUIRE(receipt.calls(0).method() == ConsumerSide::kMethod);
  REQUIRE(receipt.calls(1).peer() == "restaurant");
  REQUIRE(receipt.calls(1).method() == RestaurantSide::kMethod);
  for (const call::v1::DownstreamCall& call : receipt.calls()) {
    REQUIRE(call.attempt() == 1);
    REQUIRE(call.has_deadline_sent());
    if (call.code() == google::rpc::OK) REQUIRE(call.receipt().node() == call.peer());
  }
}

}  // namespace lockstep::order
