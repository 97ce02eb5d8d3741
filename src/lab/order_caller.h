// Places orders with a running order service, without holding a thread a call.
// Threads: any may call; answers come on the loop's own thread.
#pragma once

#include <memory>

#include "common/rpc/completion_loop.h"
#include "lab/placing.h"
#include "lockstep/order/v1/order.grpc.pb.h"

namespace lockstep::lab {

class GrpcOrderCaller final : public OrderCaller {
 public:
  // At most in_flight_max calls at once; one more is answered UNAVAILABLE by this process.

  explicit GrpcOrderCaller(const std::string& target,
                           int in_flight_max = limits::kCallsInFlightMax);
  ~GrpcOrderCaller() override;  // cancels what is in flight and waits for its answers

  void Place(const order::v1::CreateOrderRequest& request, Deadline deadline,
             AnyInvocable<void(Answer)> done) override;

 private:
  std::unique_ptr<order::v1::OrderService::Stub> stub_;
  rpc::CompletionLoop loop_;
};

// An answer as gRPC brought it.
Answer AnswerOf(const grpc::Status& status, order::v1::CreateOrderResponse response);

}  // namespace lockstep::lab
