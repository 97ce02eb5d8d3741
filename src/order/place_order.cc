#include "order/place_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/id.h"
#include "common/base/limits.h"
#include "order/domain/checkout.h"

namespace lockstep::order {
namespace {

Status BudgetGone(std::string_view before) {
  return MakeError(StatusCode::kDeadlineExceeded, "BUDGET_GONE",
                   fmt::format("the deadline had passed, or the caller had gone, before {}; "
                               "nothing was begun after that",
                               before));
}

}  // namespace

void PlaceOrder::Start(const PlaceOrderParts& parts, Executor& executor, PlaceOrderCommand command,
                       Done done) {
  const std::shared_ptr<PlaceOrder> self(
      new PlaceOrder(parts, executor, std::move(command), std::move(done)));
  self->Enter();
}

PlaceOrder::PlaceOrder(const PlaceOrderParts& parts, Executor& executor, PlaceOrderCommand command,
                       Done done)
    : parts_(parts),
      executor_(executor),
      command_(std::move(command)),
      done_(std::move(done)),
      request_id_(command_.order.request_id),
      placement_(NewId(command_.arrival), std::move(command_.order)) {}

bool PlaceOrder::Gone() const {
  const CheckCall& call = command_.call;
  if (!call.drop_expired) return false;
  if (call.caller.Passed(parts_.clock.Now())) return true;
  return CancellationFollows(call.policy) && call.cancel != nullptr && call.cancel->cancelled();
}

void PlaceOrder::Enter() {
  if (request_id_.empty()) {
    Ask();
    return;
  }
  fingerprint_ = Fingerprint(placement_.order());
  const RequestGate::Ticket ticket = parts_.gate.NewTicket();
  const bool first = parts_.gate.Enter(
      request_id_, ticket, command_.call.caller,
      [self = shared_from_this()](RequestGate::Turn turn,
                                  std::shared_ptr<const StoredOutcome> outcome) {
        // Posted, also from this thread: a waiter is resumed in the middle of somebody else's step.
        self->executor_.Post([self, turn, outcome = std::move(outcome)]() mutable {
          self->TakeTurn(turn, std::move(outcome));
        });
      });
  if (first) {
    TakeTurn(RequestGate::Turn::kFirst, nullptr);
  } else if (command_.call.cancel != nullptr) {
    gone_while_waiting_.emplace(*command_.call.cancel,
                                [this, ticket] { parts_.gate.GiveUp(request_id_, ticket); });
  }
}

void PlaceOrder::TakeTurn(RequestGate::Turn turn, std::shared_ptr<const StoredOutcome> outcome) {
  gone_while_waiting_.reset();
  switch (turn) {
    case RequestGate::Turn::kFirst:
      first_ = true;
      LookForEarlier();
      return;
    case RequestGate::Turn::kSettled:
      AnswerWith(std::move(outcome));
      return;
    case RequestGate::Turn::kGivenUp:
      End(BudgetGone("the first call with the same request_id had ended"), nullptr);
      return;
  }
}

void PlaceOrder::LookForEarlier() {
  if (Gone()) {
    End(BudgetGone("an earlier outcome of the request was looked for"), nullptr);
    return;
  }
  parts_.store.FindByRequestId(
      request_id_,
      [self = shared_from_this()](StatusOr<std::optional<StoredOutcome>> found) mutable {
        PlaceOrder& order = *self;
        order.executor_.Continue([self = std::move(self), found = std::move(found)]() mutable {
          if (!found.ok()) {
            self->End(found.status(), nullptr);
          } else if (found->has_value()) {
            self->AnswerWith(std::make_shared<const StoredOutcome>(**std::move(found)));
          } else {
            self->Ask();
          }
        });
      });
}

void PlaceOrder::AnswerWith(std::shared_ptr<const StoredOutcome> earlier) {
  const Order& order = *earlier->order;
  if (earlier->fingerprint != fingerprint_) {
    End(RequestIdReused(order.request_id, order.order_id), std::move(earlier));
    return;
  }
  result_.duplicate = true;
  result_.order = earlier->order;
  End(order.state == OrderState::kRejected ? RefusalError(order) : OkStatus(), std::move(earlier));
}

void PlaceOrder::Ask() {
  if (Gone()) {
    End(BudgetGone("the questions were asked"), nullptr);
    return;
  }
  const NewOrder& order = placement_.order();
  // Held by both continuations, and here: with checks that answer at once the second ends the
  // operation.
  const std::shared_ptr<PlaceOrder> self = shared_from_this();
  parts_.consumer_check.Ask(command_.call, {placement_.order_id(), order.consumer_id},
                            [self](CheckResult<ConsumerVerdict> result) {
                              self->Said(std::move(result), &Placement::ConsumerSaid,
                                         &Placement::ConsumerSaysLater);
                            });
  parts_.menu_check.Ask(
      command_.call,
      {placement_.order_id(), order.restaurant_id, order.lines, order.delivery_address},
      [self](CheckResult<MenuVerdict> result) {
        self->Said(std::move(result), &Placement::RestaurantSaid, &Placement::RestaurantSaysLater);
      });
}

template <typename Verdict>
void PlaceOrder::Said(CheckResult<Verdict> result, void (Placement::*say)(StatusOr<Verdict>),
                      void (Placement::*say_later)()) {
  executor_.Continue([self = shared_from_this(), result = std::move(result), say,
                      say_later]() mutable {
    std::move(result.calls.begin(), result.calls.end(), std::back_inserter(self->result_.calls));
    if (result.copy) self->result_.copies.push_back(*std::move(result.copy));
    if (!result.verdict.ok()) {
      (self->placement_.*say)(result.verdict.status());
    } else if (result.verdict->has_value()) {
      (self->placement_.*say)(**std::move(result.verdict));
    } else {
      (self->placement_.*say_later)();
    }
    if (self->placement_.decided()) self->Conclude();
  });
}

void PlaceOrder::Conclude() {
  if (Gone() && !std::holds_alternative<Placement::Failed>(placement_.outcome())) {
    End(BudgetGone("the order was written"), nullptr);
    return;
  }
  StatusOr<Order> concluded =
      std::move(placement_).Conclude(command_.style, command_.arrival, parts_.clock.WallNow());
  if (!concluded.ok()) {
    End(concluded.status(), nullptr);
    return;
  }
  order_ = *std::move(concluded);
  if (parts_.checkout != nullptr && order_->state == OrderState::kValidated &&
      WantsCheckout(*order_)) {
    BeginCheckout();
  } else {
    Keep();
  }
}

// Nothing is changed at a neighbour before it is durable here that it may have to be undone.
void PlaceOrder::BeginCheckout() {
  const CheckCall& call = command_.call;
  checkout_ = Checkout{order_->order_id, order_->consumer_id, order_->restaurant_id,
                       Wants(*order_, Step::kReservation), Wants(*order_, Step::kPayment)};
  const Duration left = std::clamp<Duration>(call.caller.Remaining(parts_.clock.Now()),
                                             Duration::zero(), limits::kCheckoutTimeMax);
  parts_.store.BeginCheckout(
      *checkout_, parts_.clock.WallNow() + left + limits::kCheckoutGrace, NotAfter(),
      [self = shared_from_this()](Status status) mutable {
        PlaceOrder& order = *self;
        order.executor_.Continue([self = std::move(self), status = std::move(status)]() mutable {
          if (status.ok()) {
            self->NextStep();
          } else {
            self->checkout_.reset();
            self->End(std::move(status), nullptr);
          }
        });
      });
}

void PlaceOrder::NextStep() {
  const Step* step = std::find_if(std::begin(kSteps), std::end(kSteps), [this](Step one) {
    return Wants(*order_, one) &&
           std::find(steps_done_.begin(), steps_done_.end(), one) == steps_done_.end();
  });
  if (step == std::end(kSteps)) {
    RecordSteps(steps_done_, std::nullopt, "", parts_.clock.WallNow(), *order_);
    Keep();
    return;
  }
  if (Gone()) {
    Abandon(BudgetGone("the checkout was through"));
    return;
  }
  parts_.checkout->Do(command_.call, *step, *order_,
                      [self = shared_from_this(), step = *step](StepResult result) mutable {
                        PlaceOrder& order = *self;
                        order.executor_.Continue(
                            [self = std::move(self), step, result = std::move(result)]() mutable {
                              self->Stepped(step, std::move(result));
                            });
                      });
}

void PlaceOrder::Stepped(Step step, StepResult result) {
  std::move(result.calls.begin(), result.calls.end(), std::back_inserter(result_.calls));
  if (!result.status.ok()) {
    Abandon(std::move(result.status));
  } else if (result.refusal.empty()) {
    steps_done_.push_back(step);
    NextStep();
  } else {
    RecordSteps(steps_done_, step, result.refusal, parts_.clock.WallNow(), *order_);
    Keep();
  }
}

// The answer does not wait for the undoing, which a crash would not stop either.
void PlaceOrder::Abandon(Status why) {
  parts_.store.AbandonCheckout(*std::exchange(checkout_, std::nullopt), *parts_.beside);
  End(std::move(why), nullptr);
}

Deadline PlaceOrder::NotAfter() const {
  return command_.call.drop_expired ? command_.call.caller : Deadline::Never();
}

void PlaceOrder::Keep() {
  result_.order = std::make_shared<const Order>(*std::exchange(order_, std::nullopt));
  parts_.store.Insert(
      result_.order, fingerprint_, parts_.beside, NotAfter(),
      [self = shared_from_this()](InsertResult result) mutable {
        PlaceOrder& order = *self;
        order.executor_.Continue([self = std::move(self), result = std::move(result)]() mutable {
          self->Written(std::move(result));
        });
      });
}

void PlaceOrder::Written(InsertResult result) {
  result_.commit = std::move(result);
  // What was not kept is undone.
  if (checkout_ && (result_.commit->existing || !result_.commit->status.ok()))
    parts_.store.AbandonCheckout(*std::exchange(checkout_, std::nullopt), *parts_.beside);
  if (result_.commit->existing) {
    result_.order = nullptr;
    AnswerWith(std::make_shared<const StoredOutcome>(*std::move(result_.commit->existing)));
    return;
  }
  if (!result_.commit->status.ok()) {
    result_.order = nullptr;
    End(result_.commit->status, nullptr);
    return;
  }
  const Order& order = *result_.order;
  End(order.state == OrderState::kRejected ? RefusalError(order) : OkStatus(),
      std::make_shared<const StoredOutcome>(StoredOutcome{result_.order, fingerprint_}));
}

void PlaceOrder::End(Status status, std::shared_ptr<const StoredOutcome> outcome) {
  result_.status = std::move(status);
  std::sort(result_.calls.begin(), result_.calls.end(),
            [](const CallTrace& a, const CallTrace& b) { return a.start < b.start; });
  std::sort(result_.copies.begin(), result_.copies.end(),
            [](const CopyTrace& a, const CopyTrace& b) { return a.peer < b.peer; });
  if (first_) parts_.gate.Leave(request_id_, std::move(outcome));
  Done done = std::move(done_);
  done(std::move(result_));
}

}  // namespace lockstep::order
