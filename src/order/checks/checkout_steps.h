// The steps of a checkout by calls to their owners, while the caller waits: with a thread that is
// held until the answer, or on the loop of the order.
#pragma once

#include <utility>

#include "common/rpc/unary_call.h"
#include "order/checks/blocking_check.h"
#include "order/checks/wire.h"

namespace lockstep::order {

// Where the steps are done. Outlives them.
struct CheckoutStubs {
  restaurant::v1::RestaurantService::Stub& restaurant;
  consumer::v1::AccountService::Stub& account;
};

class BlockingSteps final : public CheckoutSteps {
 public:
  BlockingSteps(const CheckoutStubs& stubs, CancelSource& stopping)
      : stubs_(stubs), stopping_(stopping) {}

  void Do(const CheckCall& call, Step step, const Order& order,
          AnyInvocable<void(StepResult)> done) override {
    done(step == Step::kReservation ? DoNow<ReserveWire>(call, stubs_.restaurant, order)
                                    : DoNow<AuthorizeWire>(call, stubs_.account, order));
  }

 private:
  template <typename Wire>
  StepResult DoNow(const CheckCall& call, typename Wire::Stub& stub, const Order& order) {
    const Asking asking(call, Wire::kPeer, Wire::kMethod, Wire::Timeout(call));
    if (Status may = asking.MayBegin(); !may.ok()) return {std::move(may), {}, {}};
    typename Wire::Response response;
    const grpc::Status status =
        CallBlocking<Wire>(stub, stopping_, asking, Wire::ToRequest(order), response);
    return StepAnswer(asking, status, ReceiptIn(status, response),
                      !status.ok() && stopping_.cancelled());
  }

  const CheckoutStubs stubs_;
  CancelSource& stopping_;
};

class NonBlockingSteps final : public CheckoutSteps {
 public:
  NonBlockingSteps(const CheckoutStubs& stubs, rpc::CompletionLoop& loop)
      : stubs_(stubs), loop_(loop) {}

  void Do(const CheckCall& call, Step step, const Order& order,
          AnyInvocable<void(StepResult)> done) override {
    if (step == Step::kReservation) {
      Start<ReserveWire>(call, stubs_.restaurant, order, std::move(done));
    } else {
      Start<AuthorizeWire>(call, stubs_.account, order, std::move(done));
    }
  }

 private:
  template <typename Wire>
  void Start(const CheckCall& call, typename Wire::Stub& stub, const Order& order,
             AnyInvocable<void(StepResult)> done) {
    Asking asking(call, Wire::kPeer, Wire::kMethod, Wire::Timeout(call));
    if (Status may = asking.MayBegin(); !may.ok()) {
      done({std::move(may), {}, {}});
      return;
    }
    rpc::UnaryCall<typename Wire::Response>::Start(
        loop_, stub, Wire::kPrepare, Wire::ToRequest(order),
        {.deadline = asking.deadline(),
         .wait_for_ready = asking.wait_for_ready(),
         .cancel_source = asking.cancel_source()},
        [this, asking, done = std::move(done)](const grpc::Status& status,
                                               typename Wire::Response& response) mutable {
          done(StepAnswer(asking, status, ReceiptIn(status, response),
                          !status.ok() && loop_.stopping()));
        });
  }

  const CheckoutStubs stubs_;
  rpc::CompletionLoop& loop_;
};

}  // namespace lockstep::order
