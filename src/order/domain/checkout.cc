#include "order/domain/checkout.h"

#include <algorithm>

#include "common/base/check.h"

namespace lockstep::order {
namespace {

void Record(Step step, StepState state, WallTime now, Order& order) {
  order.update_time = now;
  order.changes.push_back({order.state, now, StepChange{step, state}});
}

void Refuse(const std::string& refusal, WallTime now, Order& order) {
  order.rejection_reasons.push_back(refusal);
  MoveTo(OrderState::kRejected, now, order);
}

}  // namespace

bool Wants(const Order& order, Step step) {
  if (step == Step::kPayment) return order.payment_method == PaymentMethod::kAccount;
  return std::any_of(order.lines.begin(), order.lines.end(),
                     [](const PricedLine& line) { return line.limited; });
}

bool WantsCheckout(const Order& order) {
  return std::any_of(std::begin(kSteps), std::end(kSteps),
                     [&order](Step step) { return Wants(order, step); });
}

std::optional<StepState> StateOf(const Order& order, Step step) {
  std::optional<StepState> state;
  for (const StateChange& change : order.changes) {
    if (change.step && change.step->step == step) state = change.step->state;
  }
  return state;
}

std::optional<Step> NextStep(const Order& order) {
  for (const Step step : kSteps) {
    if (Wants(order, step) && !StateOf(order, step)) return step;
  }
  return std::nullopt;
}

void Proceed(WallTime now, Order& order) {
  LOCKSTEP_CHECK(order.state == OrderState::kPending);
  if (const std::optional<Step> next = NextStep(order)) {
    Record(*next, StepState::kAsked, now, order);
  } else {
    MoveTo(OrderState::kValidated, now, order);
  }
}

Judged TakeStep(Step step, const std::string& refusal, WallTime now, Order& order) {
  if (order.state != OrderState::kPending || StateOf(order, step) != StepState::kAsked)
    return {VerdictEffect::kLate, OkStatus()};
  Record(step, refusal.empty() ? StepState::kDone : StepState::kRefused, now, order);
  if (refusal.empty()) {
    Proceed(now, order);
  } else {
    Refuse(refusal, now, order);
  }
  const bool decided = order.state != OrderState::kPending;
  return {decided ? VerdictEffect::kDecided : VerdictEffect::kRecorded, OkStatus()};
}

void RecordSteps(const std::vector<Step>& done, std::optional<Step> refused,
                 const std::string& refusal, WallTime now, Order& order) {
  LOCKSTEP_CHECK(order.state == OrderState::kValidated);
  order.state = OrderState::kPending;
  order.changes.clear();
  for (const Step step : done) Record(step, StepState::kDone, now, order);
  if (refused) {
    Record(*refused, StepState::kRefused, now, order);
    Refuse(refusal, now, order);
  } else {
    MoveTo(OrderState::kValidated, now, order);
  }
}

std::vector<StepCommand> CommandsAfter(const Order* before, const Order& after) {
  std::vector<StepCommand> commands;
  const bool was_validated = before != nullptr && before->state == OrderState::kValidated;
  const bool moved = before == nullptr || before->state != after.state;
  for (const Step step : kSteps) {
    const std::optional<StepState> state = StateOf(after, step);
    if (!state) continue;
    const bool new_state = before == nullptr || StateOf(*before, step) != state;
    if (*state == StepState::kAsked && new_state && after.state == OrderState::kPending)
      commands.push_back({StepCommand::Kind::kAsk, step});
    if (moved && after.state == OrderState::kValidated)
      commands.push_back({StepCommand::Kind::kConfirm, step});
    const bool ended =
        after.state == OrderState::kRejected || after.state == OrderState::kCancelled;
    if (moved && ended && *state != StepState::kRefused)
      commands.push_back({StepCommand::Kind::kUndo, step, was_validated});
  }
  // The points live in the account that paid.
  if (moved && after.state == OrderState::kValidated && StateOf(after, Step::kPayment))
    commands.push_back({StepCommand::Kind::kAwardPoints, Step::kPayment});
  return commands;
}

Rejection RejectionFor(const std::string& reason, const Order& order) {
  if (StateOf(order, Step::kPayment) == StepState::kRefused)
    return {reason, "consumers/" + order.consumer_id, "Consumer refused to authorise its payment"};
  if (StateOf(order, Step::kReservation) == StepState::kRefused) {
    return {reason, "restaurants/" + order.restaurant_id,
            "Restaurant has not all of it left: order less, or later"};
  }
  return {reason, "orders/" + order.order_id,
          "its verdicts and its checkout did not come within validation_limit"};
}

}  // namespace lockstep::order
