#include "common/rpc/asking.h"

#include <fmt/format.h>

#include <string>

#include "common/base/limits.h"
#include "common/rpc/grpc_time.h"
#include "common/rpc/proto_values.h"

namespace lockstep::rpc {
namespace {

SteadyTime Now() { return std::chrono::steady_clock::now(); }

}  // namespace

Asking::Asking(const AskingFor& call, const char* peer, const char* method,
               std::optional<Duration> timeout)
    : peer_(peer),
      method_(method),
      start_(Now()),
      arrival_(call.arrival),
      deadline_(Sendable(
          DownstreamDeadline(call.policy, start_, call.caller, timeout, call.reserve), start_)),
      wait_for_ready_(call.wait_for_ready),
      // The caller's own budget bounds what is begun, also under a policy that sends something
      // else.
      nothing_left_(call.drop_expired && (call.caller.Passed(start_) || deadline_.Passed(start_))),
      drop_expired_(call.drop_expired),
      cancel_source_(CancellationFollows(call.policy) ? call.cancel : nullptr) {}

Status Asking::MayBegin() const {
  const bool gone = drop_expired_ && cancel_source_ != nullptr && cancel_source_->cancelled();
  if (!gone && !nothing_left_) return OkStatus();
  ErrorDetail detail;
  detail.reason = "BUDGET_GONE";
  detail.metadata = {{"peer", peer_}};
  return MakeError(
      StatusCode::kDeadlineExceeded,
      fmt::format(
          "nothing was left of the budget, less the reserve, to ask {}, or the caller had gone; it "
          "was not asked",
          peer_),
      std::move(detail));
}

Asking::Cost Asking::CostUntilNow() const {
  Cost cost{std::nullopt, start_ - arrival_, Now() - start_};
  if (deadline_.is_finite()) cost.deadline_sent = deadline_.Remaining(start_);
  return cost;
}

void Asking::SetProto(const grpc::Status& status, std::optional<call::v1::Receipt> receipt,
                      call::v1::DownstreamCall* out) const {
  const Cost cost = CostUntilNow();
  out->set_peer(peer_);
  out->set_method(method_);
  out->set_attempt(1);
  if (cost.deadline_sent) SetDuration(*cost.deadline_sent, out->mutable_deadline_sent());
  SetDuration(cost.start, out->mutable_start());
  SetDuration(cost.duration, out->mutable_duration());
  out->set_code(static_cast<google::rpc::Code>(status.error_code()));
  if (receipt) *out->mutable_receipt() = *std::move(receipt);
}

Status Asking::ErrorFor(const grpc::Status& status, bool stopping) const {
  ErrorDetail detail;
  detail.metadata = {{"peer", peer_}, {"method", method_}};
  const bool gone = cancel_source_ != nullptr && cancel_source_->cancelled();
  // Without a deadline of ours, and with nobody here who took the question back, these two are the
  // peer's own.
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && deadline_.is_finite()) {
    detail.reason = "DOWNSTREAM_DEADLINE_EXCEEDED";
    return MakeError(
        StatusCode::kDeadlineExceeded,
        fmt::format(
            "{} had not answered when the deadline passed; what it would have said is unknown",
            peer_),
        std::move(detail));
  }
  if (status.error_code() == grpc::StatusCode::CANCELLED && (gone || stopping)) {
    detail.reason = "CALLER_GONE";
    return MakeError(StatusCode::kCancelled,
                     fmt::format("the question to {} was taken back, because the caller has gone "
                                 "or the server is stopping",
                                 peer_),
                     std::move(detail));
  }
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    detail.reason = "DOWNSTREAM_UNAVAILABLE";
    detail.retry_after = limits::kRetryAfterUnreachable;
    return MakeError(StatusCode::kUnavailable,
                     fmt::format("{} cannot be reached: {}", peer_, status.error_message()),
                     std::move(detail));
  }
  const Status from_peer = FromGrpcStatus(status);
  detail.reason = "DOWNSTREAM_FAILED";
  detail.metadata["peer_code"] = CodeName(from_peer.code());
  const std::string peer_reason = DetailOf(from_peer).reason;
  if (!peer_reason.empty()) detail.metadata["peer_reason"] = peer_reason;
  return MakeError(StatusCode::kInternal,
                   fmt::format("{} answered with an error of its own, {}: {}", peer_,
                               CodeName(from_peer.code()), status.error_message()),
                   std::move(detail));
}

}  // namespace lockstep::rpc
