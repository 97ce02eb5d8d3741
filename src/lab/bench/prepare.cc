// What stands around a load: consumers, restaurants and menus, delays, the pool's size, the ledger.
// Blocking stubs, one call after the other. Threads: main.
#include <fmt/format.h>
#include <grpcpp/create_channel.h>

#include <cmath>
#include <memory>

#include "lab/bench/load.h"
#include "lab/bench/messages.h"
#include "lab/bench/process.h"
#include "lockstep/consumer/v1/consumer.grpc.pb.h"
#include "lockstep/control/v1/control.grpc.pb.h"
#include "lockstep/restaurant/v1/restaurant.grpc.pb.h"

namespace lockstep::lab {
namespace {

using control::v1::ControlService;

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& target) {
  return grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
}

// True if it went well; says so otherwise.
bool Went(const grpc::Status& status, std::string_view doing) {
  if (!status.ok())
    fmt::print(stderr, "{}: {}: {}\n", doing, static_cast<int>(status.error_code()),
               status.error_message());
  return status.ok();
}

restaurant::v1::Restaurant BenchRestaurantWithMenu(int n) {
  restaurant::v1::Restaurant restaurant;
  restaurant.set_restaurant_id(BenchRestaurant(n));
  restaurant.set_display_name(fmt::format("The Measured Mile, kitchen {}", n));
  restaurant.mutable_minimum_order()->set_currency_code("GBP");
  restaurant.mutable_minimum_order()->set_units(5);
  restaurant.mutable_delivery_area()->add_postal_code_prefixes("SE");
  restaurant.mutable_delivery_area()->add_postal_code_prefixes("SW");
  for (int i = 0; i < kBenchMenuItems; ++i) {
    restaurant::v1::MenuItem& item = *restaurant.add_menu_items();
    item.set_menu_item_id(BenchMenuItem(i));
    item.set_display_name(fmt::format("Dish number {}", i));
    item.mutable_price()->set_currency_code("GBP");
    item.mutable_price()->set_units(4 + i % 9);
    item.mutable_price()->set_nanos(950'000'000);
    item.set_category(i % 2 == 0 ? "Mains" : "Sides");
  }
  return restaurant;
}

}  // namespace

int RunPrepare(const std::string& consumer, const std::string& restaurant) {
  const auto consumers = consumer::v1::ConsumerService::NewStub(ChannelTo(consumer));
  for (int n = 0; n < kBenchConsumers; ++n) {
    consumer::v1::CreateConsumerRequest request;
    request.mutable_consumer()->set_consumer_id(BenchConsumer(n));
    request.mutable_consumer()->set_display_name(fmt::format("Consumer {}", n));
    request.mutable_consumer()->mutable_order_limit()->set_currency_code("GBP");
    request.mutable_consumer()->mutable_order_limit()->set_units(1000);
    grpc::ClientContext context;
    consumer::v1::Consumer made;
    if (!Went(consumers->CreateConsumer(&context, request, &made), "CreateConsumer")) return 1;
  }
  const auto restaurants = restaurant::v1::RestaurantService::NewStub(ChannelTo(restaurant));
  for (int n = 0; n < kBenchRestaurants; ++n) {
    restaurant::v1::CreateRestaurantRequest request;
    *request.mutable_restaurant() = BenchRestaurantWithMenu(n);
    grpc::ClientContext context;
    restaurant::v1::Restaurant made;
    if (!Went(restaurants->CreateRestaurant(&context, request, &made), "CreateRestaurant"))
      return 1;
  }
  JsonObject().Add("consumers", kBenchConsumers).Add("restaurants", kBenchRestaurants).Print();
  return 0;
}

int RunDelay(const std::string& control, const std::vector<std::string>& methods,
             double milliseconds) {
  control::v1::SetFaultsRequest request;
  for (const std::string& method : methods) {
    if (milliseconds <= 0) break;
    control::v1::Fault& fault = *request.add_faults();
    fault.set_method(method);
    const auto nanos = static_cast<std::int64_t>(std::llround(milliseconds * 1e6));
    fault.mutable_fixed_delay()->set_seconds(nanos / 1'000'000'000);
    fault.mutable_fixed_delay()->set_nanos(static_cast<std::int32_t>(nanos % 1'000'000'000));
  }
  grpc::ClientContext context;
  control::v1::ListFaultsResponse response;
  const auto stub = ControlService::NewStub(ChannelTo(control));
  return Went(stub->SetFaults(&context, request, &response), "SetFaults") ? 0 : 1;
}

int RunPool(const std::string& control, int threads, int queue) {
  control::v1::UpdateSettingsRequest request;
  control::v1::OrderSettings& order = *request.mutable_settings()->mutable_order();
  if (threads >= 0) {
    order.set_pool_threads(threads);
    request.mutable_update_mask()->add_paths("order.pool_threads");
  }
  if (queue >= 0) {
    order.set_pool_queue(queue);
    request.mutable_update_mask()->add_paths("order.pool_queue");
  }
  grpc::ClientContext context;
  control::v1::Settings settings;
  const auto stub = ControlService::NewStub(ChannelTo(control));
  return Went(stub->UpdateSettings(&context, request, &settings), "UpdateSettings") ? 0 : 1;
}

int RunLedger(const std::string& control) {
  const auto stub = ControlService::NewStub(ChannelTo(control));
  grpc::ClientContext context;
  control::v1::Ledger ledger;
  if (!Went(stub->GetLedger(&context, {}, &ledger), "GetLedger")) return 1;
  JsonObject()
      .Add("calls_now", ledger.calls_now())
      .Add("useful", ledger.useful().count())
      .Add("finished_late", ledger.finished_late().count())
      .Add("finished_abandoned", ledger.finished_abandoned().count())
      .Add("never_begun", ledger.never_begun().count())
      .Add("refused", ledger.refused().count())
      .Add("failed", ledger.failed().count())
      .Add("loop_gap_ms", 1e3 * static_cast<double>(ledger.loop_gap_longest().seconds()) +
                              1e-6 * ledger.loop_gap_longest().nanos())
      .Print();
  return 0;
}

}  // namespace lockstep::lab
