// The closed loop: a bare client on one completion queue and one thread.
#include <fmt/format.h>
#include <grpcpp/create_channel.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "lab/bench/load.h"
#include "lab/bench/messages.h"
#include "lab/bench/names.h"
#include "lab/bench/process.h"
#include "lockstep/consumer/v1/consumer.grpc.pb.h"
#include "lockstep/order/v1/order.grpc.pb.h"
#include "lockstep/restaurant/v1/restaurant.grpc.pb.h"

namespace lockstep::lab {
namespace {

// The clocks of all processes at one moment.
struct Reading {
  std::int64_t nanos = MonotonicNanos();
  double client_cpu = CpuSeconds(0);
  std::vector<double> cpu;
  std::vector<ProcessState> states;

  explicit Reading(const std::vector<pid_t>& pids) {
    for (const pid_t pid : pids) {
      cpu.push_back(CpuSeconds(pid));
      states.push_back(StateOf(pid));
    }
  }
};

JsonObject Used(const std::vector<pid_t>& pids, const Reading& from, const Reading& to) {
  JsonObject used;
  for (std::size_t i = 0; i < pids.size(); ++i) {
    const ProcessState& before = from.states[i];
    const ProcessState& after = to.states[i];
    used.Add(fmt::to_string(pids[i]),
             JsonObject()
                 .Add("cpu_seconds", to.cpu[i] - from.cpu[i])
                 .Add("system_seconds", after.system_seconds - before.system_seconds)
                 .Add("minor_faults", after.minor_faults - before.minor_faults)
                 .Add("resident_bytes", after.resident_bytes));
  }
  return used;
}

// What differs between the methods.
template <class Service, class Request, class Response>
struct Kind {
  using Stub = typename Service::Stub;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> (Stub::*prepare)(
      grpc::ClientContext*, const Request&, grpc::CompletionQueue*);
};

template <class Service, class Request, class Response>
class ClosedLoop {
 public:
  // next: makes the nth request of another; it is given the one before.
  ClosedLoop(const ClosedLoad& options, Kind<Service, Request, Response> kind, Request request,
             void (*next)(int, Request&))
      : options_(options), kind_(kind), request_(std::move(request)), next_(next) {
    for (int i = 0; i < options.connections; ++i) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      stubs_.push_back(Service::NewStub(grpc::CreateCustomChannel(
          options.target, grpc::InsecureChannelCredentials(), arguments)));
    }
    latencies_.reserve(1 << 20);
  }

  int Run() {
    const std::int64_t begun = MonotonicNanos();
    const auto counted_from = begun + static_cast<std::int64_t>(options_.warm_up * 1e9);
    const auto counted_to = counted_from + static_cast<std::int64_t>(options_.seconds * 1e9);
    for (int i = 0; i < options_.in_flight; ++i) Start();
    std::optional<Reading> first;
    std::optional<Reading> last;
    void* tag = nullptr;
    bool ok = false;
    while (under_way_ > 0 && queue_.Next(&tag, &ok)) {
      const std::unique_ptr<Call> call(static_cast<Call*>(tag));
      --under_way_;
      const std::int64_t now = MonotonicNanos();
      if (!first && now >= counted_from) first.emplace(options_.pids);
      if (first && !last) Count(*call, now);
      if (first && !last && now >= counted_to) last.emplace(options_.pids);
      if (!last) Start();
      if (first && call->status.ok()) Capture(*call);
    }
    if (!last) {
      fmt::print(stderr, "the load ended before its time\n");
      return 1;
    }
    Report(*first, *last);
    return 0;
  }

 private:
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader;
    Request request;  // kept only where orders are captured
    Response response;
    grpc::Status status;
    std::int64_t started = 0;
  };

  void Start() {
    auto* call = new Call;
    next_(started_, request_);
    if (!options_.capture.empty()) call->request = request_;
    call->started = MonotonicNanos();
    call->context.set_deadline(gpr_time_add(
        gpr_now(GPR_CLOCK_MONOTONIC),
        gpr_time_from_micros(static_cast<std::int64_t>(options_.timeout * 1e6), GPR_TIMESPAN)));
    auto& stub = *stubs_[static_cast<std::size_t>(started_) % stubs_.size()];
    call->reader = (stub.*kind_.prepare)(&call->context, request_, &queue_);
    call->reader->StartCall();
    call->reader->Finish(&call->response, &call->status, call);
    ++started_;
    ++under_way_;
  }

  void Count(const Call& call, std::int64_t now) {
    ++calls_;
    ++codes_[CodeText(call.status.error_code())];
    if (call.status.ok()) latencies_.push_back(1e-3 * static_cast<double>(now - call.started));
    if (!call.status.ok() && first_error_.empty()) first_error_ = call.status.error_message();
  }

  void Capture([[maybe_unused]] const Call& call) {
    if (options_.capture.empty() || std::exchange(captured_, true)) return;
    if constexpr (std::is_same_v<Response, order::v1::CreateOrderResponse>)
      Save(options_.capture, call.request, call.response);
  }

  void Report(const Reading& first, const Reading& last) {
    const double seconds = 1e-9 * static_cast<double>(last.nanos - first.nanos);
    std::sort(latencies_.begin(), latencies_.end());
    const auto ok = static_cast<double>(latencies_.size());
    JsonObject()
        .Add("calls", calls_)
        .Add("ok", static_cast<std::int64_t>(latencies_.size()))
        .Add("codes", codes_)
        .Add("first_error", first_error_)
        .Add("seconds", seconds)
        .Add("rate", ok / seconds)
        .Add("p50_us", Percentile(latencies_, 0.5))
        .Add("p99_us", Percentile(latencies_, 0.99))
        .Add("client_cpu_seconds", last.client_cpu - first.client_cpu)
        .Add("processes", Used(options_.pids, first, last))
        .Print();
  }

  const ClosedLoad& options_;
  const Kind<Service, Request, Response> kind_;
  Request request_;
  void (*const next_)(int, Request&);
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<typename Service::Stub>> stubs_;
  int started_ = 0;
  int under_way_ = 0;
  bool captured_ = false;
  std::int64_t calls_ = 0;
  std::map<std::string, std::int64_t> codes_;
  std::string first_error_;
  std::vector<double> latencies_;  // microseconds, of the calls that ended with OK
};

void NextOrder(int n, order::v1::CreateOrderRequest& request) {
  static std::mt19937_64 random{std::random_device{}()};
  request.set_request_id(fmt::format("{:016x}{:016x}", random(), random()));
  request.set_consumer_id(BenchConsumer(n));
  request.set_restaurant_id(BenchRestaurant(n));
}

template <class Request>
void SameAgain(int /*n*/, Request& /*request*/) {}

}  // namespace

int RunClosedLoad(const ClosedLoad& options) {
  const Messages messages = Load(options.messages);
  switch (options.method) {
    case LoadMethod::kCreateOrder: {
      using Orders = order::v1::OrderService;
      using Loop =
          ClosedLoop<Orders, order::v1::CreateOrderRequest, order::v1::CreateOrderResponse>;
      order::v1::CreateOrderRequest request = messages.create_request;
      if (!options.style.empty()) request.mutable_options()->set_style(StyleOf(options.style));
      return Loop(options, {&Orders::Stub::PrepareAsyncCreateOrder}, request, NextOrder).Run();
    }
    case LoadMethod::kValidateConsumer: {
      using Consumers = consumer::v1::ConsumerService;
      using Loop = ClosedLoop<Consumers, consumer::v1::ValidateConsumerRequest,
                              consumer::v1::ValidateConsumerResponse>;
      return Loop(options, {&Consumers::Stub::PrepareAsyncValidateConsumer},
                  messages.consumer_request, SameAgain)
          .Run();
    }
    case LoadMethod::kValidateDetails: {
      using Restaurants = restaurant::v1::RestaurantService;
      using Loop = ClosedLoop<Restaurants, restaurant::v1::ValidateOrderDetailsRequest,
                              restaurant::v1::ValidateOrderDetailsResponse>;
      return Loop(options, {&Restaurants::Stub::PrepareAsyncValidateOrderDetails},
                  messages.details_request, SameAgain)
          .Run();
    }
  }
  return 2;
}

}  // namespace lockstep::lab
