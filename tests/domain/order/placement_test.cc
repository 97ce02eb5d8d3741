// Two verdicts in, one outcome out: every case in both orders of arrival.
#include "order/domain/placement.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include "tests/domain/order/sample.h"
#include "tests/support/catch.h"

namespace lockstep::order {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kTaken = kJudged - 1s;
constexpr WallTime kDecided = kJudged + 1s;

using Validated = Placement::Validated;
using Rejected = Placement::Rejected;
using Failed = Placement::Failed;

// Whichever came first, the outcome is the same; this is it.
Placement::Outcome OutcomeOf(const StatusOr<ConsumerVerdict>& consumer,
                             const StatusOr<MenuVerdict>& menu) {
  const Placement one = Decided(First::kConsumer, consumer, menu);
  const Placement other = Decided(First::kRestaurant, consumer, menu);
  REQUIRE(one.decided());
  REQUIRE(one.outcome() == other.outcome());
  return one.outcome();
}

// The same for the order that is kept.
StatusOr<Order> Concluded(const StatusOr<ConsumerVerdict>& consumer,
                          const StatusOr<MenuVerdict>& menu) {
  const auto conclude = [&](First first) {
    return Decided(first, consumer, menu).Conclude(Style::kNonBlocking, kTaken, kDecided);
  };
  StatusOr<Order> one = conclude(First::kConsumer);
  const StatusOr<Order> other = conclude(First::kRestaurant);
  REQUIRE(one.status() == other.status());
  if (one.ok()) REQUIRE(*one == *other);
  return one;
}

std::vector<std::string> ReasonsOf(const Placement::Outcome& outcome) {
  std::vector<std::string> reasons;
  for (const Rejection& rejection : std::get<Rejected>(outcome).rejections) {
    reasons.push_back(rejection.reason);
  }
  return reasons;
}

Status Failure(StatusCode code, const std::string& peer, const std::string& reason,
               std::optional<std::chrono::milliseconds> retry_after = std::nullopt) {
  ErrorDetail detail;
  detail.reason = reason;
  detail.metadata = {{"peer", peer}, {"attempts", "1"}};
  detail.retry_after = retry_after;
  return MakeError(code, peer + " failed", std::move(detail));
}

const Status kConsumerGone =
    Failure(StatusCode::kUnavailable, "consumer", "PEER_UNREACHABLE", 500ms);
const Status kRestaurantSlow = Failure(StatusCode::kDeadlineExceeded, "restaurant", "BUDGET_SPENT");

TEST_CASE("nothing is decided before both have spoken") {
  Placement placement(kOrderId, SampleOrder());
  REQUIRE_FALSE(placement.decided());
  SECTION("a consumer that refuses does not decide alone") {
    placement.ConsumerSaid(RefusedByConsumer({kSuspended}));
    REQUIRE_FALSE(placement.decided());
    placement.RestaurantSaid(SampleMenuVerdict());
  }
  SECTION("nor does a restaurant that fails") {
    placement.RestaurantSaid(kRestaurantSlow);
    REQUIRE_FALSE(placement.decided());
    placement.ConsumerSaid(SampleConsumerVerdict());
  }
  REQUIRE(placement.decided());
}

// True if act ends its process by SIGABRT. It runs in a child that says nothing.
bool Aborts(void (*act)()) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    close(STDERR_FILENO);
    signal(SIGABRT, SIG_DFL);
    act();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

TEST_CASE("to speak twice, or to ask for an outcome too early, is a broken invariant") {
  REQUIRE_FALSE(Aborts([] {}));
  REQUIRE(Aborts([] {
    Placement placement(kOrderId, SampleOrder());
    placement.ConsumerSaid(SampleConsumerVerdict());
    placement.ConsumerSaid(SampleConsumerVerdict());
  }));
  REQUIRE(Aborts([] {
    Placement placement(kOrderId, SampleOrder());
    placement.RestaurantSaid(kRestaurantSlow);
    placement.RestaurantSaid(SampleMenuVerdict());
  }));
  REQUIRE(Aborts([] {
    Placement placement(kOrderId, SampleOrder());
    placement.RestaurantSaid(SampleMenuVerdict());
    (void)placement.outcome();
  }));
}

TEST_CASE("two acceptances validate the order") {
  REQUIRE(OutcomeOf(SampleConsumerVerdict(), SampleMenuVerdict()) ==
          Placement::Outcome(Validated{Pounds(34, 650'000'000)}));
  const StatusOr<Order> order = Concluded(SampleConsumerVerdict(), SampleMenuVerdict());
  REQUIRE(order.ok());
  REQUIRE(order->order_id == kOrderId);
  REQUIRE(order->request_id == "Request:1");
  REQUIRE(order->consumer_id == "consumer-7");
  REQUIRE(order->restaurant_id == "restaurant-3");
  REQUIRE(order->delivery_address == SampleOrder().delivery_address);
  REQUIRE(order->state == OrderState::kValidated);
  REQUIRE(order->style == Style::kNonBlocking);
  REQUIRE(order->lines == SampleMenuVerdict().lines);
  REQUIRE(order->total == Pounds(34, 650'000'000));
  REQUIRE(order->consumer_verdict == SampleConsumerVerdict());
  REQUIRE(order->menu_verdict == SampleMenuVerdict());
  REQUIRE(order->rejection_reasons.empty());
  REQUIRE(order->create_time == kTaken);
  REQUIRE(order->update_time == kDecided);
}

TEST_CASE("a refusal of either rejects the order, and all reasons are kept, Consumer's first") {
  REQUIRE(ReasonsOf(OutcomeOf(RefusedByConsumer({kSuspended}), SampleMenuVerdict())) ==
          std::vector<std::string>{"CONSUMER_SUSPENDED"});
  REQUIRE(ReasonsOf(OutcomeOf(SampleConsumerVerdict(), RefusedByRestaurant({kClosed}))) ==
          std::vector<std::string>{"RESTAURANT_CLOSED"});
  REQUIRE(
      ReasonsOf(
          OutcomeOf(RefusedByConsumer({kSuspended}), RefusedByRestaurant({kClosed, kSoldOut}))) ==
      std::vector<std::string>{"CONSUMER_SUSPENDED", "RESTAURANT_CLOSED", "MENU_ITEM_SOLD_OUT"});
}

TEST_CASE("an order that Consumer refuses has its price if Restaurant gave one") {
  const StatusOr<Order> order = Concluded(RefusedByConsumer({kSuspended}), SampleMenuVerdict());
  REQUIRE(order.ok());
  REQUIRE(order->state == OrderState::kRejected);
  REQUIRE(order->rejection_reasons == std::vector<std::string>{"CONSUMER_SUSPENDED"});
  REQUIRE(order->total == Pounds(34, 650'000'000));
  REQUIRE(order->lines == SampleMenuVerdict().lines);
}

TEST_CASE("an order that Restaurant refuses keeps its lines without prices") {
  const StatusOr<Order> order = Concluded(SampleConsumerVerdict(), RefusedByRestaurant({kSoldOut}));
  REQUIRE(order.ok());
  REQUIRE(order->state == OrderState::kRejected);
  REQUIRE_FALSE(order->total.has_value());
  REQUIRE(order->lines == std::vector<PricedLine>{{"korma", "", 2, {}, {}},
                                                  {"naan", "", 3, {}, {}},
                                                  {"korma", "", 1, {}, {}}});
}

TEST_CASE("a refusal that is known rejects the order although the other question failed") {
  REQUIRE(ReasonsOf(OutcomeOf(RefusedByConsumer({kSuspended}), kRestaurantSlow)) ==
          std::vector<std::string>{"CONSUMER_SUSPENDED"});
  REQUIRE(ReasonsOf(OutcomeOf(kConsumerGone, RefusedByRestaurant({kClosed}))) ==
          std::vector<std::string>{"RESTAURANT_CLOSED"});

  const StatusOr<Order> order = Concluded(RefusedByConsumer({kSuspended}), kRestaurantSlow);
  REQUIRE(order.ok());
  REQUIRE(order->consumer_verdict.has_value());
  REQUIRE_FALSE(order->menu_verdict.has_value());
  REQUIRE(order->lines.size() == 3);
}

TEST_CASE("a failure fails the order that nobody refused") {
  REQUIRE(OutcomeOf(kConsumerGone, SampleMenuVerdict()) ==
          Placement::Outcome(Failed{kConsumerGone}));
  REQUIRE(OutcomeOf(SampleConsumerVerdict(), kRestaurantSlow) ==
          Placement::Outcome(Failed{kRestaurantSlow}));
  REQUIRE(Concluded(SampleConsumerVerdict(), kRestaurantSlow).status() == kRestaurantSlow);
}

TEST_CASE("of two failures Consumer's comes first, and the metadata of both is kept") {
  const Status status = std::get<Failed>(OutcomeOf(kConsumerGone, kRestaurantSlow)).status;
  REQUIRE(status.code() == StatusCode::kUnavailable);
  REQUIRE(MessageOf(status) == "consumer failed; also: restaurant failed");
  const ErrorDetail detail = DetailOf(status);
  REQUIRE(detail.reason == "PEER_UNREACHABLE");
  REQUIRE(detail.metadata ==
          std::map<std::string, std::string>{{"peer", "consumer"},
                                             {"attempts", "1"},
                                             {"restaurant_peer", "restaurant"},
                                             {"restaurant_attempts", "1"},
                                             {"restaurant_code", "DEADLINE_EXCEEDED"},
                                             {"restaurant_reason", "BUDGET_SPENT"}});
  REQUIRE(detail.retry_after == 500ms);
}

TEST_CASE("the advice to retry is that of the failure told, or longer") {
  const auto advice = [](std::optional<std::chrono::milliseconds> consumer,
                         std::optional<std::chrono::milliseconds> restaurant) {
    const Placement::Outcome outcome =
        OutcomeOf(Failure(StatusCode::kUnavailable, "consumer", "A", consumer),
                  Failure(StatusCode::kUnavailable, "restaurant", "B", restaurant));
    return DetailOf(std::get<Failed>(outcome).status).retry_after;
  };
  REQUIRE(advice(100ms, 500ms) == 500ms);
  REQUIRE(advice(500ms, 100ms) == 500ms);
  REQUIRE(advice(100ms, std::nullopt) == 100ms);
  REQUIRE_FALSE(advice(std::nullopt, 500ms).has_value());
}

TEST_CASE("a verdict that cannot be believed is a failure, and no refusal") {
  ConsumerVerdict consumer = RefusedByConsumer({kSuspended});
  consumer.order_id = "other";
  const auto failed = OutcomeOf(consumer, SampleMenuVerdict());
  REQUIRE(DetailOf(std::get<Failed>(failed).status).reason == "VERDICT_INCONSISTENT");
  REQUIRE(DetailOf(std::get<Failed>(failed).status).metadata.at("peer") == "consumer");

  MenuVerdict menu = SampleMenuVerdict();
  menu.total = Pounds(1);
  const auto failed_too = OutcomeOf(SampleConsumerVerdict(), menu);
  REQUIRE(std::get<Failed>(failed_too).status.code() == StatusCode::kInternal);
  REQUIRE(DetailOf(std::get<Failed>(failed_too).status).metadata.at("peer") == "restaurant");

  // A refusal that can be believed still decides, and what cannot be believed is not kept.
  const StatusOr<Order> order = Concluded(RefusedByConsumer({kSuspended}), menu);
  REQUIRE(order.ok());
  REQUIRE(order->rejection_reasons == std::vector<std::string>{"CONSUMER_SUSPENDED"});
  REQUIRE_FALSE(order->menu_verdict.has_value());
  REQUIRE_FALSE(order->total.has_value());
}

TEST_CASE("the total is compared with the consumer's limit") {
  ConsumerVerdict consumer = SampleConsumerVerdict();
  consumer.order_limit = Pounds(34, 650'000'000);
  REQUIRE(std::holds_alternative<Validated>(OutcomeOf(consumer, SampleMenuVerdict())));
  consumer.order_limit = Pounds(34, 649'999'999);
  REQUIRE(ReasonsOf(OutcomeOf(consumer, SampleMenuVerdict())) ==
          std::vector<std::string>{"ORDER_LIMIT_EXCEEDED"});
  consumer.order_limit = Money::Make("EUR", 1'000, 0).value();
  REQUIRE(ReasonsOf(OutcomeOf(consumer, SampleMenuVerdict())) ==
          std::vector<std::string>{"CURRENCY_MISMATCH"});

  const StatusOr<Order> order = Concluded(consumer, SampleMenuVerdict());
  REQUIRE(order.ok());
  REQUIRE(order->state == OrderState::kRejected);
  REQUIRE(order->rejection_reasons == std::vector<std::string>{"CURRENCY_MISMATCH"});
  REQUIRE(order->total == Pounds(34, 650'000'000));
}

TEST_CASE("the largest amount of money can be ordered, up to the largest limit") {
  NewOrder asked = SampleOrder();
  asked.lines = {{"a", 1}};
  const Money largest = Pounds(Money::kUnitsMax);
  MenuVerdict menu = SampleMenuVerdict();
  menu.lines = {{"a", "A", 1, largest, largest}};
  menu.total = largest;
  ConsumerVerdict consumer = SampleConsumerVerdict();
  consumer.order_limit = largest;
  REQUIRE(Decided(First::kConsumer, consumer, menu, asked).outcome() ==
          Placement::Outcome(Validated{largest}));
  consumer.order_limit = Pounds(Money::kUnitsMax - 1, 999'999'999);
  REQUIRE(ReasonsOf(Decided(First::kRestaurant, consumer, menu, asked).outcome()) ==
          std::vector<std::string>{"ORDER_LIMIT_EXCEEDED"});
}

// A seeded generator of answers: refusals, failures, contradictions, limits near the total.
class Answers {
 public:
  explicit Answers(unsigned seed) : random_(seed) {}

  StatusOr<ConsumerVerdict> OfConsumer() {
    if (OneIn(4)) return AnyFailure("consumer");
    if (OneIn(3)) return RefusedByConsumer(AnyRefusals());
    ConsumerVerdict verdict = SampleConsumerVerdict();
    verdict.order_limit =
        Money::FromTotalNanos(OneIn(5) ? "EUR" : "GBP", 34'650'000'000 - 2 + Below(4));
    if (OneIn(6)) verdict.order_id = "other";
    if (OneIn(6)) verdict.refusals = {kSuspended};
    return verdict;
  }

  StatusOr<MenuVerdict> OfRestaurant() {
    if (OneIn(4)) return AnyFailure("restaurant");
    if (OneIn(3)) return RefusedByRestaurant(AnyRefusals());
    MenuVerdict verdict = SampleMenuVerdict();
    if (OneIn(6)) verdict.total.reset();
    if (OneIn(6)) verdict.lines[static_cast<std::size_t>(Below(3))].quantity += 1;
    return verdict;
  }

 private:
  int Below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
  bool OneIn(int chances) { return Below(chances) == 0; }

  Status AnyFailure(const std::string& peer) {
    const StatusCode codes[] = {StatusCode::kUnavailable, StatusCode::kDeadlineExceeded,
                                StatusCode::kInternal, StatusCode::kCancelled};
    return Failure(codes[Below(4)], peer, "REASON_" + std::to_string(Below(3)),
                   OneIn(2) ? std::optional(std::chrono::milliseconds(Below(9))) : std::nullopt);
  }

  std::vector<Refusal> AnyRefusals() {
    std::vector<Refusal> refusals;
    for (int left = Below(4); left > 0; --left) {
      refusals.push_back({"REASON_" + std::to_string(Below(5)), "because", OneIn(2) ? "naan" : ""});
    }
    return refusals;  // perhaps none, which is a contradiction
  }

  std::mt19937 random_;
};

TEST_CASE("the outcome does not depend on who speaks first, whatever they say") {
  Answers answers(20'240'607);
  int counts[3] = {};
  for (int round = 0; round < 5'000; ++round) {
    CAPTURE(round);
    const StatusOr<ConsumerVerdict> consumer = answers.OfConsumer();
    const StatusOr<MenuVerdict> menu = answers.OfRestaurant();
    const Placement::Outcome outcome = OutcomeOf(consumer, menu);
    ++counts[outcome.index()];
    const StatusOr<Order> order = Concluded(consumer, menu);
    // An order is kept exactly if there is an outcome, and says the same.
    REQUIRE(order.ok() == !std::holds_alternative<Failed>(outcome));
    if (!order.ok()) continue;
    REQUIRE((order->state == OrderState::kRejected) == std::holds_alternative<Rejected>(outcome));
    REQUIRE(order->rejection_reasons.empty() == (order->state == OrderState::kValidated));
    if (order->state == OrderState::kRejected) REQUIRE_FALSE(RefusalError(*order).ok());
  }
  // Each kind of outcome was met often, so that the property means something.
  for (const int count : counts) REQUIRE(count > 100);
}

}  // namespace
}  // namespace lockstep::order
