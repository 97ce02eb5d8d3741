// What both shells of OrderService do with a request once it is there: check it, resolve its
// options against the settings, place the order, read orders, take one back. A shell adds the
// thread, the call and the answer.
//
// Threads: any. done of Place runs on the executor; done of the others on any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/control/settings.h"
#include "lockstep/order/v1/order.pb.h"
#include "order/place_order.h"
#include "order/service/order_watch.h"
#include "order/store/order_store.h"
#include "order/styles/styles.h"

namespace lockstep::order {

// The call that an order came with.
struct OrderCall {
  SteadyTime arrival;
  WallTime arrival_wall;
  Deadline deadline;  // the budget
  bool deadline_from_caller;
  CancelSource* cancel;  // lives until the order is placed
};

class OrderDesk {
 public:
  // All outlive the desk's last done.
  OrderDesk(const control::SettingsBoard& settings, SqliteOrderStore& store, RequestGate& gate,
            OrderWatch& watch)
      : settings_(settings), store_(store), gate_(gate), watch_(watch) {}

  // Before the first Place. The checks outlive the desk's last done.
  void Use(const StyleChecks& checks) { checks_ = &checks; }

  StatusOr<PlaceOrderCommand> Read(const v1::CreateOrderRequest& request,
                                   const OrderCall& call) const;
  // loop: whose checks are used; that of the call, where it has one. Where the final state is to
  // be waited for, and the order is PENDING when it is kept, done comes later: with the order as it
  // ended, or DEADLINE_EXCEEDED, reason ORDER_PENDING, and then the order goes on.
  void Place(Executor& executor, const rpc::CompletionLoop& loop, PlaceOrderCommand command,
             PlaceOrder::Done done) const;

  void Get(const v1::GetOrderRequest& request, Deadline not_after,
           AnyInvocable<void(StatusOr<v1::Order>)> done) const;
  void List(const v1::ListOrdersRequest& request, Deadline not_after,
            AnyInvocable<void(StatusOr<v1::ListOrdersResponse>)> done) const;
  void Cancel(const v1::CancelOrderRequest& request, Deadline not_after,
              AnyInvocable<void(StatusOr<v1::Order>)> done) const;

 private:
  PlaceOrder::Done AfterFinal(Executor& executor, const CheckCall& call,
                              PlaceOrder::Done done) const;

  const control::SettingsBoard& settings_;
  SqliteOrderStore& store_;
  RequestGate& gate_;
  OrderWatch& watch_;
  const StyleChecks* checks_ = nullptr;
};

}  // namespace lockstep::order
