#include "order/service/synchronous_shell.h"

#include <grpcpp/server_builder.h>

#include <optional>
#include <utility>

#include "common/base/high_water.h"
#include "common/rpc/grpc_time.h"
#include "common/rpc/server.h"
#include "common/rpc/status_details.h"
#include "order/service/answer.h"

namespace lockstep::order {

CallerWatch::~CallerWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

CallerWatch::Watched::Watched(CallerWatch& watch, const grpc::ServerContext& context,
                              CancelSource& source)
    : watch_(watch) {
  const std::lock_guard lock(watch_.mutex_);
  place_ = watch_.calls_.emplace(watch_.calls_.end(), &context, &source);
  if (watch_.calls_.size() == 1) watch_.changed_.notify_one();
}

CallerWatch::Watched::~Watched() {
  const std::lock_guard lock(watch_.mutex_);
  watch_.calls_.erase(place_);
}

void CallerWatch::Look() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !calls_.empty(); });
    if (stopping_) return;
    for (const auto& [context, source] : calls_) {
      if (context->IsCancelled()) source->Cancel();
    }
    changed_.wait_for(lock, kLookInterval, [this] { return stopping_; });
  }
}

// One call: its budget, its place among the calls under way, the thread that it holds, its end.
class SynchronousShell::Call final : private rpc::CallTable::Entry {
 public:
  Call(const control::HostContext& host, std::string method, grpc::ServerContext& context,
       CallerWatch& watch)
      : host_(host),
        method_(std::move(method)),
        context_(context),
        arrival_(Clock::Real().Now()),
        arrival_wall_(Clock::Real().WallNow()),
        budget_(
            rpc::BudgetAtArrival(rpc::FromTimespec(context.raw_deadline()), arrival_, host.rules)),
        hold_(host.ledger.threads_held()),
        watched_(watch, context, cancel_source_) {
    host_.rules.calls.Add(*this);
  }
  ~Call() override { host_.rules.calls.Remove(*this); }

  SteadyTime arrival() const { return arrival_; }
  const rpc::Budget& budget() const { return budget_; }
  CancelSource& cancel_source() { return cancel_source_; }
  call::v1::Receipt& receipt() { return receipt_; }
  OrderCall order_call() {
    return {arrival_, arrival_wall_, budget_.deadline, budget_.from_caller, &cancel_source_};
  }
  void MarkDuplicate() { duplicate_ = true; }

  bool Abandoned(SteadyTime now) const override {
    return budget_.deadline.Passed(now) || cancel_source_.cancelled();
  }
  // Holds the thread for a fault's delay. OK if the call may be begun after it.
  Status Begin() {
    fault::Site* const site = host_.faults.Find(method_);
    if (site != nullptr) Wait(site->Strike());
    if (host_.rules.drop_expired && Abandoned(Clock::Real().Now()))
      return rpc::BudgetGone("on arrival");
    begun_ = true;
    return OkStatus();
  }

  // Counts the end, completes the receipt, and gives what the handler returns.
  grpc::Status End(const Status& status) {
    const SteadyTime now = Clock::Real().Now();
    receipt_.set_shell(call::v1::SHELL_THREAD_PER_CALL);
    rpc::SetDuration(now - arrival_, receipt_.mutable_thread_held());
    rpc::FillReceipt({host_.rules.node, method_, call::v1::SHELL_THREAD_PER_CALL, arrival_wall_,
                      arrival_, budget_},
                     now, receipt_);
    rpc::RecordEnd(host_.rules,
                   {method_, status.code(), now - arrival_, begun_, budget_.deadline.Passed(now),
                    Abandoned(now), duplicate_},
                   status, context_.peer());
    return rpc::ToGrpcStatus(status, &receipt_);
  }

 private:
  // Until the delay is over, the deadline has passed, or the caller has gone.
  void Wait(Duration delay) {
    if (delay == Duration::zero()) return;
    std::mutex mutex;
    std::condition_variable changed;
    bool gone = false;
    const CancelSource::Hook hook(cancel_source_, [&] {
      const std::lock_guard lock(mutex);
      gone = true;
      changed.notify_one();
    });
    std::unique_lock lock(mutex);
    const Deadline end = Sooner(Deadline::After(arrival_, delay), budget_.deadline);
    changed.wait_until(lock, end.moment(), [&] { return gone; });
    rpc::SetDuration(Clock::Real().Now() - arrival_, receipt_.mutable_fault_delay());
  }

  rpc::CallTable::Description Describe() const override {
    return {method_,
            context_.peer(),
            arrival_,
            arrival_wall_,
            budget_.deadline,
            budget_.from_caller,
            cancel_source_.cancelled(),
            call::v1::SHELL_THREAD_PER_CALL};
  }

  const control::HostContext& host_;
  const std::string method_;
  grpc::ServerContext& context_;
  const SteadyTime arrival_;
  const WallTime arrival_wall_;
  const rpc::Budget budget_;
  const HighWater::Hold hold_;
  CancelSource cancel_source_;
  call::v1::Receipt receipt_;
  bool begun_ = false;
  bool duplicate_ = false;
  const CallerWatch::Watched watched_;  // last: it uses cancel_source_
};

namespace {

std::string FullName(const char* method) {
  return std::string(v1::OrderService::service_full_name()) + "/" + method;
}

}  // namespace

SynchronousShell::SynchronousShell(const control::HostContext& context, const OrderDesk& desk,
                                   const rpc::CompletionLoop& loop)
    : context_(context), desk_(desk), loop_(loop) {}

SynchronousShell::~SynchronousShell() { Shutdown(Duration::zero()); }

StatusOr<std::unique_ptr<SynchronousShell>> SynchronousShell::Start(
    const std::string& address, const control::HostContext& context, const OrderDesk& desk,
    const rpc::CompletionLoop& loop) {
  std::unique_ptr<SynchronousShell> self(new SynchronousShell(context, desk, loop));
  grpc::ServerBuilder builder;
  const rpc::Listener listener(builder, address);
  builder.RegisterService(self.get());
  StatusOr<std::unique_ptr<grpc::Server>> server = listener.Built(builder.BuildAndStart());
  if (!server.ok()) return server.status();
  self->server_ = *std::move(server);
  self->address_ = listener.address();
  context.health.Add(*self->server_);
  return self;
}

void SynchronousShell::Shutdown(Duration grace) {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now() +
                    std::chrono::duration_cast<std::chrono::system_clock::duration>(grace));
}

grpc::Status SynchronousShell::CreateOrder(grpc::ServerContext* context,
                                           const v1::CreateOrderRequest* request,
                                           v1::CreateOrderResponse* response) {
  Call call(context_, FullName("CreateOrder"), *context, watch_);
  if (Status begun = call.Begin(); !begun.ok()) return call.End(begun);
  StatusOr<PlaceOrderCommand> command = desk_.Read(*request, call.order_call());
  if (!command.ok()) return call.End(command.status());
  SetTerms(*command, call::v1::SHELL_THREAD_PER_CALL, call.receipt());
  HeldThread thread;
  std::optional<PlacedOrder> placed;
  desk_.Place(thread, loop_, *std::move(command), [&](PlacedOrder result) {
    placed = std::move(result);
    thread.Release();
  });
  thread.Run();
  SetCost(*placed, &call.receipt());
  if (placed->duplicate) call.MarkDuplicate();
  grpc::Status status = call.End(placed->status);
  if (status.ok()) *response = ResponseOf(*placed, call.receipt());
  return status;
}

template <class Request, class Response>
grpc::Status SynchronousShell::Serve(const char* method, grpc::ServerContext& context,
                                     const Request& request, Response& response,
                                     void (OrderDesk::*ask)(const Request&, Deadline,
                                                            AnyInvocable<void(StatusOr<Response>)>)
                                         const) {
  Call call(context_, FullName(method), context, watch_);
  if (Status begun = call.Begin(); !begun.ok()) return call.End(begun);
  HeldThread thread;
  Status status;
  (desk_.*ask)(request, context_.rules.drop_expired ? call.budget().deadline : Deadline::Never(),
               [&](StatusOr<Response> answer) {
                 status = answer.status();
                 if (answer.ok()) response = *std::move(answer);
                 thread.Release();
               });
  thread.Run();
  return call.End(status);
}

grpc::Status SynchronousShell::GetOrder(grpc::ServerContext* context,
                                        const v1::GetOrderRequest* request, v1::Order* response) {
  return Serve("GetOrder", *context, *request, *response, &OrderDesk::Get);
}

grpc::Status SynchronousShell::ListOrders(grpc::ServerContext* context,
                                          const v1::ListOrdersRequest* request,
                                          v1::ListOrdersResponse* response) {
  return Serve("ListOrders", *context, *request, *response, &OrderDesk::List);
}

grpc::Status SynchronousShell::CancelOrder(grpc::ServerContext* context,
                                           const v1::CancelOrderRequest* request,
                                           v1::Order* response) {
  return Serve("CancelOrder", *context, *request, *response, &OrderDesk::Cancel);
}

}  // namespace lockstep::order
