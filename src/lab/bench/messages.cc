#include "lab/bench/messages.h"

#include <fmt/format.h>
#include <google/protobuf/util/delimited_message_util.h>

#include <cstdlib>
#include <ctime>
#include <fstream>

namespace lockstep::lab {
namespace {

using call::v1::Receipt;
using restaurant::v1::PricedLine;

constexpr std::int64_t kNanosPerPenny = 10'000'000;

void SetPence(std::int64_t pence, money::v1::Money* out) {
  out->set_currency_code("GBP");
  out->set_units(pence / 100);
  out->set_nanos(static_cast<std::int32_t>(pence % 100 * kNanosPerPenny));
}

void SetNow(google::protobuf::Timestamp* out) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  out->set_seconds(now.tv_sec);
  out->set_nanos(static_cast<std::int32_t>(now.tv_nsec));
}

Receipt MadeUpReceipt(const std::string& node, const std::string& method) {
  Receipt receipt;
  receipt.set_node(node);
  receipt.set_method(method);
  receipt.set_shell(call::v1::SHELL_QUEUE);
  SetNow(receipt.mutable_arrival_time());
  receipt.mutable_budget()->set_seconds(9);
  receipt.mutable_budget()->set_nanos(987'654'321);
  receipt.set_budget_source(call::v1::BUDGET_SOURCE_CALLER);
  receipt.mutable_total()->set_nanos(456'789);
  return receipt;
}

void AddCall(const std::string& peer, const std::string& method, const Receipt& theirs,
             Receipt& ours) {
  call::v1::DownstreamCall& call = *ours.add_calls();
  call.set_peer(peer);
  call.set_method(method);
  call.set_attempt(1);
  call.mutable_deadline_sent()->set_seconds(9);
  call.mutable_deadline_sent()->set_nanos(987'600'000);
  call.mutable_start()->set_nanos(40'123);
  call.mutable_duration()->set_nanos(1'234'567);
  *call.mutable_receipt() = theirs;
}

constexpr char kConsumerMethod[] = "lockstep.consumer.v1.ConsumerService/ValidateConsumer";
constexpr char kDetailsMethod[] = "lockstep.restaurant.v1.RestaurantService/ValidateOrderDetails";

order::v1::CreateOrderResponse MadeUpAnswer(const order::v1::CreateOrderRequest& request) {
  order::v1::CreateOrderResponse response;
  order::v1::Order& order = *response.mutable_order();
  order.set_order_id("0193e2a1-7c4e-7b21-9f0e-2d4c8a1b3c5d");
  order.set_request_id(request.request_id());
  order.set_consumer_id(request.consumer_id());
  order.set_restaurant_id(request.restaurant_id());
  std::int64_t total = 0;
  for (const restaurant::v1::OrderLine& wanted : request.lines()) {
    PricedLine& line = *order.add_lines();
    line.set_menu_item_id(wanted.menu_item_id());
    line.set_display_name("Dish " + wanted.menu_item_id());
    line.set_quantity(wanted.quantity());
    SetPence(895, line.mutable_unit_price());
    SetPence(895 * wanted.quantity(), line.mutable_price());
    total += 895 * wanted.quantity();
  }
  *order.mutable_delivery_address() = request.delivery_address();
  order.set_state(order::v1::Order::STATE_VALIDATED);
  order.set_style(call::v1::STYLE_NON_BLOCKING);
  SetPence(total, order.mutable_total());
  SetNow(order.mutable_create_time());
  SetNow(order.mutable_update_time());

  consumer::v1::ConsumerVerdict& consumer = *order.mutable_consumer_verdict();
  consumer.set_order_id(order.order_id());
  consumer.set_consumer_id(order.consumer_id());
  consumer.set_accepted(true);
  SetPence(50'000, consumer.mutable_order_limit());
  consumer.set_consumer_version(1);
  SetNow(consumer.mutable_judge_time());
  consumer.set_node("consumer");

  restaurant::v1::OrderDetailsVerdict& details = *order.mutable_restaurant_verdict();
  details.set_order_id(order.order_id());
  details.set_restaurant_id(order.restaurant_id());
  details.set_accepted(true);
  details.set_restaurant_version(1);
  SetNow(details.mutable_judge_time());
  details.set_node("restaurant");

  Receipt& receipt = *response.mutable_receipt();
  receipt = MadeUpReceipt("order", "lockstep.order.v1.OrderService/CreateOrder");
  AddCall("consumer", kConsumerMethod, MadeUpReceipt("consumer", kConsumerMethod), receipt);
  AddCall("restaurant", kDetailsMethod, MadeUpReceipt("restaurant", kDetailsMethod), receipt);
  receipt.mutable_commit()->mutable_duration()->set_nanos(2'345'678);
  receipt.mutable_commit()->set_batch(24);
  return response;
}

}  // namespace

std::string BenchConsumer(int n) {
  return fmt::format("bench-consumer-{:04d}", n % kBenchConsumers);
}
std::string BenchRestaurant(int n) {
  return fmt::format("bench-restaurant-{:02d}", n % kBenchRestaurants);
}
std::string BenchMenuItem(int n) { return fmt::format("bench-item-{:03d}", n % kBenchMenuItems); }

order::v1::CreateOrderRequest BenchOrder(int n) {
  order::v1::CreateOrderRequest request;
  request.set_consumer_id(BenchConsumer(n));
  request.set_restaurant_id(BenchRestaurant(n));
  for (int i = 0; i < kBenchOrderLines; ++i) {
    restaurant::v1::OrderLine& line = *request.add_lines();
    line.set_menu_item_id(BenchMenuItem(n + 7 * i));
    line.set_quantity(1 + (n + i) % 3);
  }
  request.mutable_delivery_address()->set_street("17 Measured Mile");
  request.mutable_delivery_address()->set_city("London");
  request.mutable_delivery_address()->set_postal_code("SE11 5JA");
  return request;
}

Messages FromOrder(const order::v1::CreateOrderRequest& request,
                   const order::v1::CreateOrderResponse& response) {
  Messages messages;
  messages.create_request = request;
  messages.create_response = response;
  const order::v1::Order& order = response.order();
  messages.consumer_request.set_order_id(order.order_id());
  messages.consumer_request.set_consumer_id(order.consumer_id());
  *messages.consumer_response.mutable_verdict() = order.consumer_verdict();
  messages.details_request.set_order_id(order.order_id());
  messages.details_request.set_restaurant_id(order.restaurant_id());
  *messages.details_request.mutable_lines() = request.lines();
  *messages.details_request.mutable_delivery_address() = request.delivery_address();
  restaurant::v1::OrderDetailsVerdict& details = *messages.details_response.mutable_verdict();
  details = order.restaurant_verdict();
  // The order may carry these once only, in its own fields; the verdict that travelled had them.
  if (details.lines().empty()) *details.mutable_lines() = order.lines();
  if (!details.has_total()) *details.mutable_total() = order.total();
  for (const call::v1::DownstreamCall& call : response.receipt().calls()) {
    Receipt& receipt = call.peer() == "consumer" ? *messages.consumer_response.mutable_receipt()
                                                 : *messages.details_response.mutable_receipt();
    receipt = call.receipt();
  }
  return messages;
}

Messages MadeUp() {
  order::v1::CreateOrderRequest request = BenchOrder(0);
  request.set_request_id("3f1c9a52e07b4d68a4c1d90b7e65f284");
  return FromOrder(request, MadeUpAnswer(request));
}

Messages Load(const std::string& path) {
  if (path.empty()) return MadeUp();
  std::ifstream file(path, std::ios::binary);
  google::protobuf::io::IstreamInputStream stream(&file);
  order::v1::CreateOrderRequest request;
  order::v1::CreateOrderResponse response;
  bool clean_end = false;
  using google::protobuf::util::ParseDelimitedFromZeroCopyStream;
  if (!ParseDelimitedFromZeroCopyStream(&request, &stream, &clean_end) ||
      !ParseDelimitedFromZeroCopyStream(&response, &stream, &clean_end)) {
    fmt::print(stderr, "{} holds no captured order\n", path);
    std::exit(1);
  }
  return FromOrder(request, response);
}

void Save(const std::string& path, const order::v1::CreateOrderRequest& request,
          const order::v1::CreateOrderResponse& response) {
  std::ofstream file(path, std::ios::binary);
  google::protobuf::util::SerializeDelimitedToOstream(request, &file);
  google::protobuf::util::SerializeDelimitedToOstream(response, &file);
}

}  // namespace lockstep::lab
