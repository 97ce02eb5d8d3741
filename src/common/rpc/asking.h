// One question to a peer on behalf of a call that came in: its deadline by the policy, whether it
// may still be asked, what it cost, and what the caller is told of the peer's error.
//
// A value, made right before the question is asked. Threads: any, one at a time.
#pragma once

#include <grpcpp/support/status.h>

#include <optional>
#include <utility>

#include "common/base/cancellation.h"
#include "common/base/clock.h"
#include "common/base/deadline.h"
#include "common/base/status.h"
#include "common/rpc/status_details.h"
#include "lockstep/call/v1/call.pb.h"

namespace lockstep::rpc {

// What the questions of one call share.
struct AskingFor {
  Deadline caller;  // its budget
  DeadlinePolicy policy = DeadlinePolicy::kPropagate;
  Duration reserve = Duration::zero();
  bool wait_for_ready = false;
  bool drop_expired = true;        // false: a question is asked although the budget is gone
  CancelSource* cancel = nullptr;  // the caller has gone; heeded where CancellationFollows(policy)
  SteadyTime arrival;              // of the call
};

class Asking {
 public:
  // peer: its role; method: the full one. Both outlive it. timeout: of this question alone.
  Asking(const AskingFor& call, const char* peer, const char* method,
         std::optional<Duration> timeout);

  // An error if the question must not be asked any more: nothing is left of the budget, or the
  // caller has gone.
  Status MayBegin() const;
  Deadline deadline() const { return deadline_; }
  bool wait_for_ready() const { return wait_for_ready_; }
  // What the call heeds: null under a policy that cancellation does not follow.
  CancelSource* cancel_source() const { return cancel_source_; }
  const char* peer() const { return peer_; }
  const char* method() const { return method_; }

  // What it cost, as the receipt tells it.
  struct Cost {
    std::optional<Duration> deadline_sent;  // what was left of it at the start; none was sent
    Duration start;                         // from the arrival of the call
    Duration duration;                      // until now
  };
  Cost CostUntilNow() const;
  // The same as a line of a receipt. receipt: that of the peer; empty: none came back.
  void SetProto(const grpc::Status& status, std::optional<call::v1::Receipt> receipt,
                call::v1::DownstreamCall* out) const;

  // What the caller is told of a peer's error. stopping: this server gives up what it has under
  // way.
  Status ErrorFor(const grpc::Status& status, bool stopping) const;

 private:
  const char* peer_;
  const char* method_;
  SteadyTime start_;
  SteadyTime arrival_;
  Deadline deadline_;
  bool wait_for_ready_;
  bool nothing_left_;
  bool drop_expired_;
  CancelSource* cancel_source_;
};

// The peer's receipt, wherever it put it: into the response, or among the details of its error.
template <typename Response>
std::optional<call::v1::Receipt> TakeReceipt(const grpc::Status& status, Response& response) {
  if (status.ok()) {
    if (!response.has_receipt()) return std::nullopt;
    return std::move(*response.mutable_receipt());
  }
  call::v1::Receipt receipt;
  if (!ReceiptOf(status, receipt)) return std::nullopt;
  return receipt;
}

}  // namespace lockstep::rpc
