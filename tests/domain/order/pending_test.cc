// Verdicts that come as messages: in either order, twice, late, wrong, never. One final state.
#include "order/domain/pending.h"

#include <random>

#include "tests/domain/order/sample.h"
#include "tests/support/catch.h"

namespace lockstep::order {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kTaken = kJudged - 1s;
constexpr WallTime kNow = kJudged + 1s;

Order PendingOrder() {
  Placement placement(kOrderId, SampleOrder());
  placement.ConsumerSaysLater();
  placement.RestaurantSaysLater();
  REQUIRE(std::holds_alternative<Placement::Pending>(placement.outcome()));
  return std::move(placement).Conclude(Style::kDeferred, kTaken, kTaken).value();
}

TEST_CASE("an order whose verdicts come later is pending, unpriced and as asked") {
  const Order order = PendingOrder();
  REQUIRE(order.state == OrderState::kPending);
  REQUIRE(order.changes == std::vector<StateChange>{{OrderState::kPending, kTaken}});
  REQUIRE(order.lines.size() == 3);
  REQUIRE_FALSE(order.total);
  REQUIRE_FALSE(order.consumer_verdict);
  REQUIRE_FALSE(order.menu_verdict);
}

TEST_CASE("two verdicts decide a pending order as they decide one that waits, in either order") {
  const std::vector<ConsumerVerdict> of_consumer = {SampleConsumerVerdict(),
                                                    RefusedByConsumer({kSuspended})};
  std::vector<MenuVerdict> of_restaurant = {SampleMenuVerdict(), RefusedByRestaurant({kSoldOut})};
  ConsumerVerdict poor = SampleConsumerVerdict();
  poor.order_limit = Pounds(1);
  for (const ConsumerVerdict& consumer : {of_consumer[0], of_consumer[1], poor}) {
    for (const MenuVerdict& menu : of_restaurant) {
      Order waited = Decided(First::kConsumer, consumer, menu)
                         .Conclude(Style::kDeferred, kTaken, kNow)
                         .value();
      waited.changes = {{OrderState::kPending, kTaken}, {waited.state, kNow}};
      for (const First first : {First::kConsumer, First::kRestaurant}) {
        Order order = PendingOrder();
        const auto say_consumer = [&] { return TakeVerdict(consumer, kNow, order); };
        const auto say_menu = [&] { return TakeVerdict(menu, kNow, order); };
        const bool consumer_first = first == First::kConsumer;
        const Judged one = consumer_first ? say_consumer() : say_menu();
        REQUIRE(one.effect == VerdictEffect::kRecorded);
        REQUIRE(order.state == OrderState::kPending);
        const Judged two = consumer_first ? say_menu() : say_consumer();
        REQUIRE(two.effect == VerdictEffect::kDecided);
        REQUIRE(order == waited);
      }
    }
  }
}

TEST_CASE("a verdict that comes twice, or after the end, changes nothing and is late") {
  Order order = PendingOrder();
  REQUIRE(TakeVerdict(SampleConsumerVerdict(), kNow, order).effect == VerdictEffect::kRecorded);
  const Order recorded = order;
  REQUIRE(TakeVerdict(RefusedByConsumer({kSuspended}), kNow, order).effect == VerdictEffect::kLate);
  REQUIRE(order == recorded);
  REQUIRE(TakeVerdict(SampleMenuVerdict(), kNow, order).effect == VerdictEffect::kDecided);
  const Order decided = order;
  REQUIRE(TakeVerdict(RefusedByRestaurant({kClosed}), kNow + 1s, order).effect ==
          VerdictEffect::kLate);
  REQUIRE(order == decided);
}

TEST_CASE("a verdict for a cancelled or expired order is late") {
  Order cancelled = Cancel(PendingOrder(), kNow).value();
  Order expired = PendingOrder();
  Expire(kNow, expired);
  for (Order& order : {std::ref(cancelled), std::ref(expired)}) {
    const Order before = order;
    REQUIRE(TakeVerdict(SampleConsumerVerdict(), kNow, order).effect == VerdictEffect::kLate);
    REQUIRE(TakeVerdict(SampleMenuVerdict(), kNow, order).effect == VerdictEffect::kLate);
    REQUIRE(order == before);
  }
}

TEST_CASE("a verdict that contradicts the question is refused and leaves the order waiting") {
  Order order = PendingOrder();
  const Order before = order;
  ConsumerVerdict other = SampleConsumerVerdict();
  other.consumer_id = "somebody-else";
  const Judged of_consumer = TakeVerdict(other, kNow, order);
  REQUIRE(of_consumer.effect == VerdictEffect::kInconsistent);
  REQUIRE(DetailOf(of_consumer.status).reason == "VERDICT_INCONSISTENT");
  MenuVerdict wrong = SampleMenuVerdict();
  wrong.total = Pounds(1);
  REQUIRE(TakeVerdict(wrong, kNow, order).effect == VerdictEffect::kInconsistent);
  wrong = SampleMenuVerdict();
  wrong.lines.pop_back();
  REQUIRE(TakeVerdict(wrong, kNow, order).effect == VerdictEffect::kInconsistent);
  REQUIRE(order == before);
}

TEST_CASE("an order that waited too long is rejected for what is known against it") {
  Order nothing = PendingOrder();
  Expire(kNow, nothing);
  REQUIRE(nothing.state == OrderState::kRejected);
  REQUIRE(nothing.rejection_reasons == std::vector<std::string>{kValidationExpired});
  REQUIRE(DetailOf(RefusalError(nothing)).reason == kValidationExpired);

  Order accepted = PendingOrder();
  (void)TakeVerdict(SampleConsumerVerdict(), kNow, accepted);
  Expire(kNow, accepted);
  REQUIRE(accepted.rejection_reasons == std::vector<std::string>{kValidationExpired});

  Order refused = PendingOrder();
  (void)TakeVerdict(RefusedByRestaurant({kClosed}), kNow, refused);
  Expire(kNow, refused);
  REQUIRE(refused.rejection_reasons == std::vector<std::string>{"RESTAURANT_CLOSED"});
  REQUIRE(DetailOf(RefusalError(refused)).reason == "RESTAURANT_CLOSED");
}

TEST_CASE("whatever comes in whatever order, an order has one final state and keeps it") {
  std::mt19937 random(7);
  for (int run = 0; run < 2000; ++run) {
    Order order = PendingOrder();
    std::optional<Order> final_order;
    for (int step = 0; step < 8; ++step) {
      switch (random() % 6) {
        case 0:
          (void)TakeVerdict(SampleConsumerVerdict(), kNow, order);
          break;
        case 1:
          (void)TakeVerdict(SampleMenuVerdict(), kNow, order);
          break;
        case 2:
          (void)TakeVerdict(RefusedByConsumer({kSuspended}), kNow, order);
          break;
        case 3:
          (void)TakeVerdict(RefusedByRestaurant({kClosed}), kNow, order);
          break;
        case 4:
          if (order.state == OrderState::kPending && random() % 4 == 0) Expire(kNow, order);
          break;
        default:
          break;
      }
      if (final_order) REQUIRE(order == *final_order);
      if (order.state != OrderState::kPending && !final_order) final_order = order;
      // Nothing is accepted that somebody did not accept.
      if (order.state == OrderState::kValidated) {
        REQUIRE(order.consumer_verdict->accepted);
        REQUIRE(order.menu_verdict->accepted);
      }
    }
  }
}

}  // namespace
}  // namespace lockstep::order
