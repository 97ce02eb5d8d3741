#include "lab/order_caller.h"

#include "common/rpc/status_details.h"
#include "common/rpc/unary_call.h"
#include "lab/servers.h"

namespace lockstep::lab {

using order::v1::CreateOrderResponse;
using order::v1::OrderService;

GrpcOrderCaller::GrpcOrderCaller(const std::string& target, int in_flight_max)
    : stub_(OrderService::NewStub(ConnectedChannel(target))),
      loop_(std::make_unique<grpc::CompletionQueue>(), in_flight_max) {}

GrpcOrderCaller::~GrpcOrderCaller() { loop_.Stop(); }

void GrpcOrderCaller::Place(const order::v1::CreateOrderRequest& request, Deadline deadline,
                            AnyInvocable<void(Answer)> done) {
  rpc::CallOptions options;
  options.deadline = rpc::Sendable(deadline, Clock::Real().Now());
  rpc::UnaryCall<CreateOrderResponse>::Start(
      loop_, *stub_, &OrderService::Stub::PrepareAsyncCreateOrder, request, options,
      [done = std::move(done)](const grpc::Status& status, CreateOrderResponse& response) mutable {
        done(AnswerOf(status, std::move(response)));
      });
}

Answer AnswerOf(const grpc::Status& status, CreateOrderResponse response) {
  Answer answer;
  answer.status = rpc::FromGrpcStatus(status);
  if (status.ok()) {
    answer.receipt = response.receipt();
  } else if (call::v1::Receipt receipt; rpc::ReceiptOf(status, receipt)) {
    answer.receipt = std::move(receipt);
  }
  answer.response = std::move(response);
  return answer;
}

}  // namespace lockstep::lab
