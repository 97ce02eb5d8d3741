// A question to another service on behalf of a call that came in, on the loop of that call: its
// deadline by Consumer's settings, and its line in the receipt. Threads: the call's loop.
#pragma once

#include <optional>
#include <utility>

#include "common/control/settings.h"
#include "common/rpc/asking.h"
#include "common/rpc/proto_values.h"
#include "common/rpc/server_call.h"
#include "common/rpc/unary_call.h"

namespace lockstep::consumer {

// Whom is asked, and how.
template <class Stub, class Request, class Response>
struct PeerMethod {
  const char* peer;    // its role
  const char* method;  // the full one
  std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> (Stub::*prepare)(
      grpc::ClientContext*, const Request&, grpc::CompletionQueue*);
};

inline DeadlinePolicy PolicyOf(call::v1::DeadlinePolicy policy) {
  switch (policy) {
    case call::v1::DEADLINE_POLICY_NONE:
      return DeadlinePolicy::kNone;
    case call::v1::DEADLINE_POLICY_FIXED:
      return DeadlinePolicy::kFixed;
    case call::v1::DEADLINE_POLICY_RESERVE:
      return DeadlinePolicy::kReserve;
    default:
      return DeadlinePolicy::kPropagate;
  }
}

// done: void(StatusOr<Response>, call::v1::Receipt&&), once, perhaps before this returns; the
// receipt has the question among its calls. timeout: of this question alone.
template <class Stub, class Request, class Response, class Done>
void AskPeer(rpc::ServerCallBase& call, Stub& stub,
             const PeerMethod<Stub, Request, Response>& method, const Request& request,
             const control::v1::ConsumerSettings& settings, std::optional<Duration> timeout,
             Done done) {
  const DeadlinePolicy policy = PolicyOf(settings.deadline_policy());
  const rpc::Asking asking(
      {.caller = call.budget().deadline,
       .policy = policy,
       .reserve = rpc::ToDuration(settings.reserve()),
       .drop_expired = call.rules().drop_expired.load(std::memory_order_relaxed),
       .cancel = &call.cancel_source(),
       .arrival = call.arrival()},
      method.peer, method.method, timeout);
  call::v1::Receipt receipt;
  receipt.set_deadline_policy(rpc::ToProto(policy));
  if (Status may = asking.MayBegin(); !may.ok()) {
    done(StatusOr<Response>(std::move(may)), std::move(receipt));
    return;
  }
  rpc::UnaryCall<Response>::Start(
      call.loop(), stub, method.prepare, request,
      {.deadline = asking.deadline(), .cancel_source = asking.cancel_source()},
      [&call, asking, receipt = std::move(receipt), done = std::move(done)](
          const grpc::Status& status, Response& response) mutable {
        asking.SetProto(status, rpc::TakeReceipt(status, response), receipt.add_calls());
        if (status.ok()) {
          done(StatusOr<Response>(std::move(response)), std::move(receipt));
        } else {
          done(StatusOr<Response>(asking.ErrorFor(status, call.loop().stopping())),
               std::move(receipt));
        }
      });
}

}  // namespace lockstep::consumer
