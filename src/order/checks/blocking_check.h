// Asks with a generated blocking stub: the thread that asks is held until the answer is there, and
// done runs before Ask returns.
#pragma once

#include <grpcpp/client_context.h>

#include <optional>
#include <utility>

#include "common/rpc/grpc_time.h"
#include "order/checks/wire.h"

namespace lockstep::order {

// Calls, and waits. stopping: cancels it, whatever its policy.
template <typename Wire>
grpc::Status CallBlocking(typename Wire::Stub& stub, CancelSource& stopping, const Asking& asking,
                          const typename Wire::Request& request,
                          typename Wire::Response& response) {
  grpc::ClientContext context;
  if (asking.deadline().is_finite()) context.set_deadline(rpc::ToTimespec(asking.deadline()));
  context.set_wait_for_ready(asking.wait_for_ready());
  // Gone before the context is: a hook never runs on a context that has ended.
  const auto cancel = [&context] { context.TryCancel(); };
  const CancelSource::Hook when_stopping(stopping, cancel);
  std::optional<CancelSource::Hook> when_caller_leaves;
  if (asking.cancel_source() != nullptr)
    when_caller_leaves.emplace(*asking.cancel_source(), cancel);
  return (stub.*Wire::kBlocking)(&context, request, &response);
}

template <typename Wire>
class BlockingCheck final : public Wire::Port {
 public:
  // stopping: cancelled when the server gives up what is under way, whatever its policy.
  BlockingCheck(typename Wire::Stub& stub, CancelSource& stopping)
      : stub_(stub), stopping_(stopping) {}

  void Ask(const CheckCall& call, const typename Wire::Question& question,
           AnyInvocable<void(CheckResult<typename Wire::Verdict>)> done) override {
    const Asking asking(call, Wire::kPeer, Wire::kMethod, Wire::Timeout(call));
    if (Status may = asking.MayBegin(); !may.ok()) {
      done(NotBegun<Wire>(std::move(may)));
      return;
    }
    typename Wire::Response response;
    const grpc::Status status =
        CallBlocking<Wire>(stub_, stopping_, asking, Wire::ToRequest(question), response);
    done(Answer<Wire>(asking, status, response, !status.ok() && stopping_.cancelled()));
  }

 private:
  typename Wire::Stub& stub_;
  CancelSource& stopping_;
};

}  // namespace lockstep::order
