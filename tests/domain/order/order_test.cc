// The states of an order, and what the caller of a refused one is told.
#include "order/domain/order.h"

#include "common/base/limits.h"
#include "common/base/validate.h"
#include "tests/domain/order/sample.h"
#include "tests/support/catch.h"

namespace lockstep::order {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kTaken = kJudged - 1s;
constexpr WallTime kLater = kJudged + 1h;

Order Sample(OrderState state) {
  Order order;
  order.order_id = kOrderId;
  order.consumer_id = "consumer-7";
  order.restaurant_id = "restaurant-3";
  order.state = state;
  order.create_time = kTaken;
  order.update_time = kJudged;
  return order;
}

Order RejectedBecause(const StatusOr<ConsumerVerdict>& consumer,
                      const StatusOr<MenuVerdict>& menu) {
  Placement placement = Decided(First::kConsumer, consumer, menu);
  Order order = std::move(placement).Conclude(Style::kNonBlocking, kTaken, kJudged).value();
  REQUIRE(order.state == OrderState::kRejected);
  return order;
}

TEST_CASE("an order that is pending or validated can be cancelled") {
  const OrderState state = GENERATE(OrderState::kPending, OrderState::kValidated);
  const Order before = Sample(state);
  const StatusOr<Order> after = Cancel(before, kLater);
  REQUIRE(after.ok());
  Order expected = before;
  expected.state = OrderState::kCancelled;
  expected.update_time = kLater;
  expected.changes.push_back({OrderState::kCancelled, kLater});
  REQUIRE(*after == expected);
}

TEST_CASE("an order that was cancelled stays as it is") {
  const Order before = Sample(OrderState::kCancelled);
  const StatusOr<Order> after = Cancel(before, kLater);
  REQUIRE(after.ok());
  REQUIRE(*after == before);
}

TEST_CASE("an order that was rejected cannot be cancelled") {
  const StatusOr<Order> after = Cancel(Sample(OrderState::kRejected), kLater);
  REQUIRE(after.status().code() == StatusCode::kFailedPrecondition);
  REQUIRE(DetailOf(after.status()).reason == "ORDER_REJECTED");
  REQUIRE(DetailOf(after.status()).metadata.at("order_id") == kOrderId);
}

TEST_CASE("a state has a name, and the name the state") {
  for (const OrderState state : {OrderState::kPending, OrderState::kValidated,
                                 OrderState::kRejected, OrderState::kCancelled}) {
    REQUIRE(StateFromName(StateName(state)) == state);
  }
  REQUIRE(StateName(OrderState::kValidated) == "VALIDATED");
  REQUIRE_FALSE(StateFromName("validated").has_value());
}

TEST_CASE("a refusal tells every reason, with its subject") {
  const Order order =
      RejectedBecause(RefusedByConsumer({kSuspended}), RefusedByRestaurant({kClosed, kSoldOut}));
  const Status status = RefusalError(order);
  REQUIRE(status.code() == StatusCode::kFailedPrecondition);
  REQUIRE(MessageOf(status) == std::string("order ") + kOrderId +
                                   " is rejected: consumer consumer-7 is suspended (and 2 more "
                                   "reasons)");
  const ErrorDetail detail = DetailOf(status);
  REQUIRE(detail.reason == "CONSUMER_SUSPENDED");
  REQUIRE(detail.metadata == std::map<std::string, std::string>{{"order_id", kOrderId}});
  REQUIRE(detail.preconditions ==
          std::vector<FieldViolation>{
              {"consumers/consumer-7", "CONSUMER_SUSPENDED: consumer consumer-7 is suspended"},
              {"restaurants/restaurant-3", "RESTAURANT_CLOSED: restaurant restaurant-3 is closed"},
              {"restaurants/restaurant-3/menuItems/naan",
               "MENU_ITEM_SOLD_OUT: menu item naan is sold out"}});
}

TEST_CASE("what only Order can see is told again from the stored order") {
  ConsumerVerdict consumer = SampleConsumerVerdict();
  consumer.order_limit = Pounds(34, 640'000'000);
  const Order order = RejectedBecause(consumer, SampleMenuVerdict());
  const ErrorDetail detail = DetailOf(RefusalError(order));
  REQUIRE(detail.reason == "ORDER_LIMIT_EXCEEDED");
  REQUIRE(detail.preconditions ==
          std::vector<FieldViolation>{
              {"consumers/consumer-7",
               "ORDER_LIMIT_EXCEEDED: the order costs 34.65 GBP, above the order limit of consumer "
               "consumer-7, which is 34.64 GBP"}});
}

TEST_CASE("a refusal with a hundred reasons still fits into gRPC's metadata") {
  std::vector<Refusal> refusals;
  refusals.reserve(100);
  for (int i = 0; i < 100; ++i) {
    refusals.push_back({"MENU_ITEM_UNKNOWN", std::string(100'000, 'm'), std::string(64, 'i')});
  }
  const Order order = RejectedBecause(SampleConsumerVerdict(), RefusedByRestaurant(refusals));
  REQUIRE(order.rejection_reasons.size() == 100);
  const Status status = RefusalError(order);
  const ErrorDetail detail = DetailOf(status);
  REQUIRE(detail.preconditions.size() == limits::kRefusalsInErrorMax);
  REQUIRE(detail.preconditions.back().description.ends_with(
      " (and 92 more reasons, kept with the order)"));
  std::size_t bytes = MessageOf(status).size();
  for (const FieldViolation& precondition : detail.preconditions) {
    bytes += precondition.field.size() + precondition.description.size();
  }
  REQUIRE(bytes < 4096);  // 5.3 KiB in base64: leaves room for a receipt in 8 KiB
}

TEST_CASE("a long message is cut between characters") {
  const std::string euro = "\xe2\x82\xac";
  std::string long_text;
  for (int i = 0; i < 200; ++i) long_text += euro;
  for (int shift = 0; shift < 3; ++shift) {
    const Order order = RejectedBecause(
        RefusedByConsumer(
            {{"X", std::string(static_cast<std::size_t>(shift), '.') + long_text, ""}}),
        SampleMenuVerdict());
    const Status status = RefusalError(order);
    REQUIRE(IsUtf8(MessageOf(status)));
    REQUIRE(IsUtf8(DetailOf(status).preconditions.at(0).description));
    REQUIRE(DetailOf(status).preconditions.at(0).description.size() <=
            limits::kRefusalTextBytesMax + 3);
  }
  const Order order = RejectedBecause(RefusedByConsumer({{"X", "\xff", ""}}), SampleMenuVerdict());
  REQUIRE(IsUtf8(MessageOf(RefusalError(order))));
}

}  // namespace
}  // namespace lockstep::order
