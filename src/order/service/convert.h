// Between Order's messages and its domain. What cannot be turned into a value is a violation, with
// the field path of the request; the domain then checks the values. Pure.
#pragma once

#include "common/base/validate.h"
#include "lockstep/control/v1/control.pb.h"
#include "lockstep/order/v1/order.pb.h"
#include "order/domain/order.h"
#include "order/place_order.h"

namespace lockstep::order {

NewOrder FromProto(const v1::CreateOrderRequest& request, Violations& violations);
OrderOptions FromProto(const v1::OrderOptions& options, Violations& violations);
// state: that of a list filter; nothing for unspecified.
std::optional<OrderState> FromProto(v1::Order::State state, Violations& violations);

Style FromProto(call::v1::Style style);  // a valid one
call::v1::Style ToProto(Style style);
DeadlinePolicy FromProto(call::v1::DeadlinePolicy policy);  // a valid one

void SetProto(const Order& order, v1::Order* out);

// What placing the order cost, into its receipt; takes the peers' receipts out of placed.
void SetCost(PlacedOrder& placed, call::v1::Receipt* out);

}  // namespace lockstep::order
