// Places one order: whatever the style, the same steps. It looks for an earlier outcome of the same
// request, asks both questions, decides, checks out where that is to be done before the order is
// kept, writes, answers. How the questions are asked is the
// business of the two checks; on which thread all this happens, of the executor.
//
// Threads: Start is called on the executor's thread, and every step and done run there. The budget
// is looked at before each step; what is past it is not begun (unless drop_expired is off).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/executor.h"
#include "order/domain/placement.h"
#include "order/ports.h"
#include "order/request_gate.h"

namespace lockstep::order {

struct PlaceOrderParts {
  ConsumerCheck& consumer_check;
  MenuCheck& menu_check;
  const BesideOrder* beside;  // may be null
  CheckoutSteps* checkout;  // null: the checkout goes on when the order is kept. Else beside is set
  OrderStore& store;
  RequestGate& gate;
  const Clock& clock;
};

struct PlaceOrderCommand {
  NewOrder order;
  Style style;
  CheckCall call;
  WallTime arrival;             // the order's create_time
  bool wait_for_final = false;  // of the one who answers: PlaceOrder is through when it is kept
};

// What became of it, and what it cost.
struct PlacedOrder {
  // OK: order is VALIDATED, or PENDING in a style that answers first, or CANCELLED since its
  // request was first answered. FAILED_PRECONDITION with a refusal's reason: order is REJECTED and
  // kept. Anything else: nothing was written.
  Status status;
  std::shared_ptr<const Order> order;        // null if nothing was written
  bool duplicate = false;                    // an earlier outcome of the same request id
  std::vector<CallTrace> calls;              // in the order in which they began
  std::vector<CopyTrace> copies;             // Consumer's first
  std::optional<InsertResult> commit;        // absent if no write was tried
  std::optional<Duration> waited_for_final;  // after that, where it was asked for
};

class PlaceOrder final : public std::enable_shared_from_this<PlaceOrder> {
 public:
  using Done = AnyInvocable<void(PlacedOrder)>;

  // parts and executor outlive done; done runs exactly once.
  static void Start(const PlaceOrderParts& parts, Executor& executor, PlaceOrderCommand command,
                    Done done);

 private:
  PlaceOrder(const PlaceOrderParts& parts, Executor& executor, PlaceOrderCommand command,
             Done done);

  void Enter();
  void TakeTurn(RequestGate::Turn turn, std::shared_ptr<const StoredOutcome> outcome);
  void LookForEarlier();
  void Ask();
  template <typename Verdict>
  void Said(CheckResult<Verdict> result, void (Placement::*say)(StatusOr<Verdict>),
            void (Placement::*say_later)());
  void Conclude();
  void BeginCheckout();
  void NextStep();
  void Stepped(Step step, StepResult result);
  void Abandon(Status why);
  void Keep();
  void Written(InsertResult result);
  void AnswerWith(std::shared_ptr<const StoredOutcome> earlier);
  void End(Status status, std::shared_ptr<const StoredOutcome> outcome);
  bool Gone() const;
  Deadline NotAfter() const;

  const PlaceOrderParts parts_;
  Executor& executor_;
  PlaceOrderCommand command_;
  Done done_;
  const std::string request_id_;
  Placement placement_;
  std::string fingerprint_;
  bool first_ = false;  // we run this request id, and must leave the gate
  std::optional<CancelSource::Hook> gone_while_waiting_;
  std::optional<Order> order_;        // concluded, not kept yet
  std::optional<Checkout> checkout_;  // begun, and not settled
  std::vector<Step> steps_done_;
  PlacedOrder result_;
};

}  // namespace lockstep::order
