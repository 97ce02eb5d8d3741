// Asks on a completion queue: no thread is held, and done runs on the loop's thread when the answer
// has come.
#pragma once

#include <utility>

#include "common/rpc/unary_call.h"
#include "order/checks/wire.h"

namespace lockstep::order {

template <typename Wire>
class NonBlockingCheck final : public Wire::Port {
 public:
  // loop: that of the order itself, so that no other thread is woken for the answer.
  NonBlockingCheck(typename Wire::Stub& stub, rpc::CompletionLoop& loop)
      : stub_(stub), loop_(loop) {}

  void Ask(const CheckCall& call, const typename Wire::Question& question,
           AnyInvocable<void(CheckResult<typename Wire::Verdict>)> done) override {
    Asking asking(call, Wire::kPeer, Wire::kMethod, Wire::Timeout(call));
    if (Status may = asking.MayBegin(); !may.ok()) {
      done(NotBegun<Wire>(std::move(may)));
      return;
    }
    rpc::UnaryCall<typename Wire::Response>::Start(
        loop_, stub_, Wire::kPrepare, Wire::ToRequest(question),
        {.deadline = asking.deadline(),
         .wait_for_ready = asking.wait_for_ready(),
         .cancel_source = asking.cancel_source()},
        [this, asking, done = std::move(done)](const grpc::Status& status,
                                               typename Wire::Response& response) mutable {
          done(Answer<Wire>(asking, status, response, !status.ok() && loop_.stopping()));
        });
  }

 private:
  typename Wire::Stub& stub_;
  rpc::CompletionLoop& loop_;
};

}  // namespace lockstep::order
