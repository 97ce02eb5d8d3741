// Threads: main waits for the signal; the server's loops answer.
#include <fmt/format.h>

#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <vector>

#include "common/rpc/server.h"
#include "common/rpc/server_call.h"
#include "lab/bench/messages.h"
#include "lab/bench/moments.h"
#include "lab/bench/own.h"
#include "lab/bench/process.h"
#include "lockstep/consumer/v1/consumer.grpc.pb.h"
#include "lockstep/restaurant/v1/restaurant.grpc.pb.h"

namespace lockstep::lab {
namespace {

using consumer::v1::ConsumerService;
using consumer::v1::ValidateConsumerRequest;
using consumer::v1::ValidateConsumerResponse;
using restaurant::v1::RestaurantService;
using restaurant::v1::ValidateOrderDetailsRequest;
using restaurant::v1::ValidateOrderDetailsResponse;
using ConsumerCall = rpc::ServerCall<ValidateConsumerRequest, ValidateConsumerResponse>;
using DetailsCall = rpc::ServerCall<ValidateOrderDetailsRequest, ValidateOrderDetailsResponse>;

constexpr char kConsumerMethod[] = "lockstep.consumer.v1.ConsumerService/ValidateConsumer";
constexpr char kDetailsMethod[] = "lockstep.restaurant.v1.RestaurantService/ValidateOrderDetails";

class LeafServer {
 public:
  explicit LeafServer(const Leaf& options) : messages_(Load(options.messages)) {
    rules_.node = "leaf";
    if (!options.moments.empty()) moments_.emplace(options.moments, options.calls_max);
    if (options.delay > 0) {
      const Duration delay(static_cast<std::int64_t>(options.delay * 1e6));
      const Status set = faults_.Set({{.method = kConsumerMethod, .fixed_delay = delay},
                                      {.method = kDetailsMethod, .fixed_delay = delay}},
                                     "faults");
      if (!set.ok()) std::abort();  // the sites are ours
    }
  }

  Status Serve(const Leaf& options) {
    auto started =
        rpc::QueueServer::Start({.address = options.listen, .loops = options.loops},
                                {&consumers_, &restaurants_}, {&consumer_, &details_}, rules_);
    if (!started.ok()) return started.status();
    server_ = *std::move(started);
    WriteReadyFile(options.ready_file, server_->address());
    WaitForEndSignal();
    End();
    return OkStatus();
  }

 private:
  using Consumers = ConsumerService::WithRawMethod_ValidateConsumer<ConsumerService::Service>;
  using Restaurants =
      RestaurantService::WithRawMethod_ValidateOrderDetails<RestaurantService::Service>;

  void Answer(ConsumerCall& call, Moment* moment) {
    ValidateConsumerResponse response;
    consumer::v1::ConsumerVerdict& verdict = *response.mutable_verdict();
    verdict = messages_.consumer_response.verdict();
    verdict.set_order_id(call.request().order_id());
    verdict.set_consumer_id(call.request().consumer_id());
    if (moment != nullptr) moment->answered = MonotonicNanos();
    call.Finish(response);
  }

  void Answer(DetailsCall& call, Moment* moment) {
    ValidateOrderDetailsResponse response;
    restaurant::v1::OrderDetailsVerdict& verdict = *response.mutable_verdict();
    verdict = messages_.details_response.verdict();
    verdict.set_order_id(call.request().order_id());
    verdict.set_restaurant_id(call.request().restaurant_id());
    Price(call.request(), verdict);
    if (moment != nullptr) moment->answered = MonotonicNanos();
    call.Finish(response);
  }

  // The lines asked about, at £5 a portion: a verdict must fit its question.
  static void Price(const ValidateOrderDetailsRequest& request,
                    restaurant::v1::OrderDetailsVerdict& verdict) {
    std::int64_t total = 0;
    verdict.clear_lines();
    for (const restaurant::v1::OrderLine& wanted : request.lines()) {
      restaurant::v1::PricedLine& line = *verdict.add_lines();
      line.set_menu_item_id(wanted.menu_item_id());
      line.set_display_name("Dish");
      line.set_quantity(wanted.quantity());
      line.mutable_unit_price()->set_currency_code("GBP");
      line.mutable_unit_price()->set_units(5);
      line.mutable_price()->set_currency_code("GBP");
      line.mutable_price()->set_units(5 * wanted.quantity());
      total += line.price().units();
    }
    verdict.mutable_total()->set_currency_code("GBP");
    verdict.mutable_total()->set_units(total);
    verdict.mutable_total()->set_nanos(0);
  }

  template <class Call>
  void Handle(Call& call, Question question, const std::string& id) {
    const Numbered numbered = NumberedOf(id);
    Moment* moment = moments_ ? moments_->Of(numbered.call, question) : nullptr;
    if (moment != nullptr) {
      moment->begun = MonotonicNanos();
      moment->deadline = call.budget().deadline.moment().time_since_epoch().count();
    }
    if (numbered.stuck) {
      const std::lock_guard lock(mutex_);
      stuck_.emplace_back([this, &call] { Answer(call, nullptr); });
      return;
    }
    Answer(call, moment);
  }

  void End() {
    std::vector<AnyInvocable<void()>> stuck;
    {
      const std::lock_guard lock(mutex_);
      stuck.swap(stuck_);
    }
    for (AnyInvocable<void()>& answer : stuck) answer();
    server_->Shutdown(Duration::zero());
  }

  const Messages messages_;
  std::optional<Moments> moments_;
  fault::Injector faults_;
  rpc::CallRules rules_;
  Consumers consumers_;
  Restaurants restaurants_;
  ConsumerCall::Method<Consumers> consumer_{
      kConsumerMethod, faults_.AddSite(kConsumerMethod), consumers_,
      &Consumers::RequestValidateConsumer, [this](ConsumerCall& call) {
        Handle(call, Question::kConsumer, call.request().consumer_id());
      }};
  DetailsCall::Method<Restaurants> details_{
      kDetailsMethod, faults_.AddSite(kDetailsMethod), restaurants_,
      &Restaurants::RequestValidateOrderDetails, [this](DetailsCall& call) {
        Handle(call, Question::kRestaurant, call.request().restaurant_id());
      }};
  std::mutex mutex_;
  std::vector<AnyInvocable<void()>> stuck_;  // guarded by mutex_
  std::unique_ptr<rpc::QueueServer> server_;
};

}  // namespace

int ServeLeaf(const Leaf& options) {
  const Status served = LeafServer(options).Serve(options);
  if (!served.ok()) fmt::print(stderr, "{}\n", MessageOf(served));
  return served.ok() ? 0 : 1;
}

}  // namespace lockstep::lab
