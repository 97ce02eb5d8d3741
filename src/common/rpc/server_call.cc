#include "common/rpc/server_call.h"

#include <fmt/format.h>

#include <cstdlib>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/rpc/grpc_time.h"
#include "common/rpc/proto_values.h"
#include "common/rpc/status_details.h"

namespace lockstep::rpc {
namespace {

SteadyTime Now() { return std::chrono::steady_clock::now(); }

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// "0.000123s", without the detour by a double, which costs as much as all else in a receipt's line.
std::string SecondsText(Duration duration) {
  const Duration::rep micros = duration / std::chrono::microseconds(1);
  return fmt::format("{}{}.{:06}s", micros < 0 ? "-" : "", std::abs(micros / 1'000'000),
                     std::abs(micros % 1'000'000));
}

Status CallsInFlightMax(int calls_max) {
  ErrorDetail detail;
  detail.reason = "CALLS_IN_FLIGHT_MAX";
  detail.metadata = {{"limit", "calls_in_flight_max"}};
  detail.retry_after = limits::kRetryAfterFull;
  return MakeError(
      StatusCode::kResourceExhausted,
      fmt::format(
          "{} calls are under way, the most that calls_in_flight_max allows; try again later",
          calls_max),
      std::move(detail));
}

Status StreamsMax(int streams_max) {
  ErrorDetail detail;
  detail.reason = "STREAMS_MAX";
  detail.metadata = {{"limit", "streams_max"}};
  detail.retry_after = limits::kRetryAfterUnreachable;
  return MakeError(StatusCode::kResourceExhausted,
                   fmt::format("{} streams are open, the most that a server takes; try again later",
                               streams_max),
                   std::move(detail));
}

}  // namespace

Budget BudgetAtArrival(Deadline sent, SteadyTime arrival, const CallRules& rules) {
  if (sent.is_finite()) return {sent, true};
  return {Deadline::After(arrival, Duration(rules.call_limit.load(std::memory_order_relaxed))),
          false};
}

Status BudgetGone(std::string_view when) {
  return MakeError(
      StatusCode::kDeadlineExceeded, "BUDGET_GONE",
      fmt::format(
          "the deadline had passed, or the caller had gone, {}; nothing was begun after that",
          when));
}

Status ServerIsStopping() {
  ErrorDetail detail;
  detail.reason = "STOPPING";
  detail.retry_after = limits::kRetryAfterUnreachable;
  return MakeError(StatusCode::kUnavailable, "the server is stopping; try again",
                   std::move(detail));
}

void FillReceipt(const ReceiptBasis& basis, SteadyTime now, call::v1::Receipt& receipt) {
  receipt.set_node(basis.node);
  receipt.set_method(basis.method);
  if (receipt.shell() == call::v1::SHELL_UNSPECIFIED) receipt.set_shell(basis.shell);
  SetTime(basis.arrival_wall, receipt.mutable_arrival_time());
  if (basis.budget.deadline.is_finite()) {
    SetDuration(basis.budget.deadline.Remaining(basis.arrival), receipt.mutable_budget());
    receipt.set_budget_source(basis.budget.from_caller ? call::v1::BUDGET_SOURCE_CALLER
                                                       : call::v1::BUDGET_SOURCE_SERVER_LIMIT);
  }
  SetDuration(now - basis.arrival, receipt.mutable_total());
}

void RecordEnd(const CallRules& rules, const EndedCall& call, const Status& status,
               const std::string& peer) {
  if (rules.observer != nullptr) rules.observer->Ended(call);
  if (status.ok() || !log::Due(log::Level::kWarning, "call_failed")) return;
  log::Warning("call_failed", {{"method", call.method},
                               {"code", CodeName(status.code())},
                               {"reason", DetailOf(status).reason},
                               {"message", MessageOf(status)},
                               {"seconds", Seconds(call.took)},
                               {"peer", peer}});
}

ServerCallBase::ServerCallBase(Kind kind, MethodBase& method, CompletionLoop& loop,
                               grpc::ServerCompletionQueue& queue, CallRules& rules,
                               LiveCalls& live)
    : kind_(kind), method_(method), loop_(loop), queue_(queue), rules_(rules), live_(live) {
  live_.Add();
  context_.AsyncNotifyWhenDone(over_tag_.Tag());
}

ServerCallBase::~ServerCallBase() { live_.Remove(); }

void ServerCallBase::Requested(bool ok) {
  if (!ok) {
    delete this;
    return;
  }
  method_.Accept(loop_, queue_, rules_, live_);
  arrival_ = Now();
  arrival_wall_ = std::chrono::system_clock::now();
  const Deadline sent = FromTimespec(context_.raw_deadline());
  budget_ = kind_ == Kind::kStream ? Budget{sent, sent.is_finite()}
                                   : BudgetAtArrival(sent, arrival_, rules_);
  if (const Status admitted = Admit(); !admitted.ok()) {
    Fail(admitted);
    return;
  }
  const Duration delay = method_.site().Strike();
  if (delay == Duration::zero()) {
    Begin(arrival_);
    return;
  }
  const Deadline until = Deadline::After(arrival_, delay);
  const bool drop = rules_.drop_expired.load(std::memory_order_relaxed);
  delay_.emplace(*this, drop ? Sooner(until, budget_.deadline) : until);
}

Status ServerCallBase::Admit() {
  if (kind_ == Kind::kStream) {
    const int streams_max = rules_.streams_max.load(std::memory_order_relaxed);
    return rules_.streams.fetch_add(1) >= streams_max ? StreamsMax(streams_max) : OkStatus();
  }
  const int in_flight_max = rules_.calls_in_flight_max.load(std::memory_order_relaxed);
  return rules_.calls.Add(*this) > in_flight_max ? CallsInFlightMax(in_flight_max) : OkStatus();
}

// Only this thread runs what is posted to the loop, so the delay cannot end before this has
// returned. Taken into the set first: whoever is in it may still post, however late the timer.
ServerCallBase::Delay::Delay(ServerCallBase& call, Deadline until)
    : call_(call), entered_(call.loop_.Begin(*this)) {
  if (!entered_) {
    End();
    return;
  }
  call.rules_.delays.Add(*this, until.moment());
  // A loop that began to stop in between had nothing to cancel yet.
  if (call.loop_.stopping()) Cancel();
}

void ServerCallBase::Delay::Cancel() {
  if (call_.rules_.delays.Remove(*this)) End();
}

void ServerCallBase::Delay::End() {
  call_.loop_.Post([this] {
    if (entered_) call_.loop_.End(*this);
    call_.Delayed();
  });
}

void ServerCallBase::Delayed() {
  const SteadyTime now = Now();
  fault_delay_ = now - arrival_;
  Begin(now);
}

void ServerCallBase::Begin(SteadyTime now) {
  if (rules_.drop_expired.load(std::memory_order_relaxed) && Abandoned(now)) {
    Fail(BudgetGone(delay_ ? "when a fault's delay was over" : "on arrival"));
    return;
  }
  const Status parsed = Parse(request_bytes_);
  request_bytes_.Clear();
  begun_ = true;
  if (!parsed.ok()) {
    Fail(parsed);
    return;
  }
  Handle();
}

void ServerCallBase::Over(bool /*ok*/) {
  over_ = true;
  if (context_.IsCancelled()) {
    gone_.store(true, std::memory_order_relaxed);
    cancel_source_.Cancel();
    // Where what expired is worked on all the same, that takes as long as it always does.
    if (delay_ && rules_.drop_expired.load(std::memory_order_relaxed)) delay_->Cancel();
  }
  LeaveIfOver();
}

void ServerCallBase::Answered(bool /*ok: nobody there to take it is no concern of ours*/) {
  answered_ = true;
  LeaveIfOver();
}

void ServerCallBase::LeaveIfOver() {
  if (over_ && answered_) delete this;
}

void ServerCallBase::CountEnd(const Status& status) {
  LOCKSTEP_CHECK(!ended_.exchange(true));  // an answer is given once
  const SteadyTime now = Now();
  const bool abandoned = Abandoned(now);
  // A stream that has begun is no work that could be useful or in vain: it mostly waits, and that
  // its caller leaves, its deadline passes or its server stops is how it usually ends.
  const bool ran_as_stream = kind_ == Kind::kStream && begun_;
  const bool is_usual = status.ok() || abandoned || DetailOf(status).reason == "STOPPING";
  if (!ran_as_stream || !is_usual) {
    RecordEnd(rules_,
              {method_.name(), status.code(), now - arrival_, begun_, budget_.deadline.Passed(now),
               abandoned, duplicate_},
              status, status.ok() ? std::string() : context_.peer());
  }
  if (kind_ == Kind::kStream) {
    rules_.streams.fetch_sub(1);
  } else {
    rules_.calls.Remove(*this);
  }
}

void ServerCallBase::Fail(const Status& status, call::v1::Receipt* receipt) {
  call::v1::Receipt own;
  call::v1::Receipt& filled = receipt != nullptr ? *receipt : own;
  CompleteReceipt(filled);
  const grpc::Status answer = ToGrpcStatus(status, &filled);
  CountEnd(status);
  SendError(answer);
}

void ServerCallBase::CompleteReceipt(call::v1::Receipt& receipt) const {
  FillReceipt(receipt_basis(), Now(), receipt);
  if (fault_delay_ > Duration::zero()) SetDuration(fault_delay_, receipt.mutable_fault_delay());
}

std::string ServerCallBase::ReceiptLine() const {
  return fmt::format("node={}; shell=QUEUE; budget={}; budget_source={}; fault_delay={}; total={}",
                     rules_.node, SecondsText(budget_.deadline.Remaining(arrival_)),
                     budget_.from_caller ? "CALLER" : "SERVER_LIMIT", SecondsText(fault_delay_),
                     SecondsText(Now() - arrival_));
}

CallTable::Description ServerCallBase::Describe() const {
  return {method_.name(),
          context_.peer(),
          arrival_,
          arrival_wall_,
          budget_.deadline,
          budget_.from_caller,
          gone_.load(std::memory_order_relaxed),
          call::v1::SHELL_QUEUE};
}

}  // namespace lockstep::rpc
