// What both shells make of a placed order: the response or the error, with the receipt.
#pragma once

#include "common/rpc/proto_values.h"
#include "order/service/convert.h"

namespace lockstep::order {

// What the shell knows of the cost before the order is placed.
inline void SetTerms(const PlaceOrderCommand& command, call::v1::Shell shell,
                     call::v1::Receipt& receipt) {
  receipt.set_shell(shell);
  receipt.set_style(ToProto(command.style));
  receipt.set_deadline_policy(rpc::ToProto(command.call.policy));
}

// The response of an order that was placed with status OK; takes the receipt.
inline v1::CreateOrderResponse ResponseOf(const PlacedOrder& placed, call::v1::Receipt& receipt) {
  v1::CreateOrderResponse response;
  SetProto(*placed.order, response.mutable_order());
  response.mutable_receipt()->Swap(&receipt);
  return response;
}

}  // namespace lockstep::order
