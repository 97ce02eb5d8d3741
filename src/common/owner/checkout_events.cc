#include "common/owner/checkout_events.h"

namespace lockstep::owner {

using order::v1::CheckoutStep;
using order::v1::Order;

StepTodo TodoFor(const Order& order, CheckoutStep::Kind kind) {
  CheckoutStep::State state = CheckoutStep::STATE_UNSPECIFIED;
  bool was_validated = false;
  for (const order::v1::StateChange& change : order.state_changes()) {
    if (change.has_step() && change.step().kind() == kind) state = change.step().state();
    was_validated = was_validated || change.state() == Order::STATE_VALIDATED;
  }
  if (state == CheckoutStep::STATE_UNSPECIFIED || state == CheckoutStep::STATE_REFUSED)
    return StepTodo::kNothing;
  switch (order.state()) {
    case Order::STATE_PENDING:
      return state == CheckoutStep::STATE_ASKED ? StepTodo::kDo : StepTodo::kNothing;
    case Order::STATE_VALIDATED:
      return StepTodo::kConfirm;
    case Order::STATE_REJECTED:
    case Order::STATE_CANCELLED:
      return was_validated ? StepTodo::kUndoConfirmed : StepTodo::kUndo;
    default:
      return StepTodo::kNothing;
  }
}

}  // namespace lockstep::owner
