// lockstep-bench-leaf: a whole server of ours whose methods do nothing but answer. It is the shell
// alone, and, below the order service, an outside witness of when a call was begun and answered
// (see moments.h). A call whose number says so is never answered, until the server ends. Threads:
// those of common/control/host.h.
#include <CLI/CLI.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "common/control/host.h"
#include "common/rpc/server_call.h"
#include "lab/bench/messages.h"
#include "lab/bench/moments.h"
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

struct LeafFlags {
  std::string messages;       // a captured order, else one made up
  std::string moments;        // the file to make, if not empty
  int calls_max = 1'000'000;  // that have room in it
};

class LeafService final : public control::HostedService {
 public:
  LeafService(fault::Injector& faults, const LeafFlags& flags)
      : messages_(Load(flags.messages)),
        consumer_(kConsumerMethod, faults.AddSite(kConsumerMethod), consumers_,
                  &Consumers::RequestValidateConsumer,
                  [this](ConsumerCall& call) {
                    Handle(call, Question::kConsumer, call.request().consumer_id());
                  }),
        details_(kDetailsMethod, faults.AddSite(kDetailsMethod), restaurants_,
                 &Restaurants::RequestValidateOrderDetails, [this](DetailsCall& call) {
                   Handle(call, Question::kRestaurant, call.request().restaurant_id());
                 }) {
    if (!flags.moments.empty()) moments_.emplace(flags.moments, flags.calls_max);
  }

  std::vector<grpc::Service*> services() override { return {&consumers_, &restaurants_}; }
  std::vector<rpc::MethodBase*> methods() override { return {&consumer_, &details_}; }

  void Drain(Duration /*grace*/) override {
    std::vector<AnyInvocable<void()>> stuck;
    {
      const std::lock_guard lock(mutex_);
      stuck.swap(stuck_);
    }
    for (AnyInvocable<void()>& answer : stuck) answer();
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

  const Messages messages_;
  std::optional<Moments> moments_;
  Consumers consumers_;
  Restaurants restaurants_;
  ConsumerCall::Method<Consumers> consumer_;
  DetailsCall::Method<Restaurants> details_;
  std::mutex mutex_;
  std::vector<AnyInvocable<void()>> stuck_;  // guarded by mutex_
};

}  // namespace
}  // namespace lockstep::lab

int main(int argc, char** argv) {
  using namespace lockstep;
  lab::LeafFlags flags;
  control::ProgramSpec spec;
  spec.name = "lockstep-bench-leaf";
  spec.node = "leaf";
  spec.listen = "127.0.0.1:0";
  spec.control = "127.0.0.1:0";
  spec.description =
      "A server whose ValidateConsumer and ValidateOrderDetails do nothing but answer.";
  spec.examples = "  lockstep-bench-leaf --ready-file leaf.json\n";
  spec.add_flags = [&flags](CLI::App& app) {
    app.add_option("--messages", flags.messages, "a captured order; else one made up");
    app.add_option("--moments", flags.moments, "a file for when each call was begun and answered");
    app.add_option("--calls-max", flags.calls_max, "that have room in it")->capture_default_str();
  };
  spec.make = [&flags](const control::HostContext& context) {
    return std::make_unique<lab::LeafService>(context.faults, flags);
  };
  return control::RunServer(argc, argv, spec);
}
