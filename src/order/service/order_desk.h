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
  OrderDesk(const control::SettingsBoard& settings, SqliteOrderStore& store, RequestGate& gate)
      : settings_(settings), store_(store), gate_(gate) {}

  // Before the first Place. The checks outlive the desk's last done.
  void Use(const StyleChecks& checks) { checks_ = &checks; }

  StatusOr<PlaceOrderCommand> Read(const v1::CreateOrderRequest& request,
                                   const OrderCall& call) const;
  // loop: whose checks are used; that of the call, where it has one.
  void Place(Executor& executor, const rpc::CompletionLoop& loop, PlaceOrderCommand command,
             PlaceOrder::Done done) const;

  void Get(const v1::GetOrderRequest& request, Deadline not_after,
           AnyInvocable<void(StatusOr<v1::Order>)> done) const;
  void List(const v1::ListOrdersRequest& request, Deadline not_after,
            AnyInvocable<void(StatusOr<v1::ListOrdersResponse>)> done) const;
  void Cancel(const v1::CancelOrderRequest& request, Deadline not_after,
              AnyInvocable<void(StatusOr<v1::Order>)> done) const;

 private:
  const control::SettingsBoard& settings_;
  SqliteOrderStore& store_;
  RequestGate& gate_;
  const StyleChecks* checks_ = nullptr;
};

}  // namespace lockstep::order
