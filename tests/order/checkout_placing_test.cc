// Placing an order whose checkout the caller waits for: an intent first, the steps one after the
// other, and the order kept or the intent given up, never both.
#include "order/domain/checkout.h"
#include "tests/order/placing.h"
#include "tests/support/catch.h"

namespace lockstep::order {
namespace {

using namespace std::chrono_literals;

// One limited line, paid by ACCOUNT.
struct Shop : World {
  Shop() {
    checks_out = true;
    consumer.AnswerInline([](const ConsumerQuestion& question) { return Accepting(question); });
    menu.AnswerInline([this](const MenuQuestion& question) {
      MenuVerdict verdict = Accepting(question);
      verdict.lines.front().limited = limited;
      return verdict;
    });
  }
  bool limited = true;
  HandTurned executor;

  PlaceOrderCommand ByAccount() {
    NewOrder order = SampleOrder();
    order.payment_method = PaymentMethod::kAccount;
    return Command(*this, std::move(order));
  }
};

TEST_CASE("an order is kept after both steps, and its intent stands until then") {
  Shop shop;
  const Placing placing(shop, shop.executor, shop.ByAccount());
  REQUIRE(shop.store.checkouts().size() == 1);
  REQUIRE(shop.store.checkouts().front().reserves);
  REQUIRE(shop.store.checkouts().front().pays);
  REQUIRE(shop.steps.asked == std::vector{Step::kReservation});
  shop.steps.Answer(OkStatus());
  REQUIRE(shop.steps.asked == std::vector{Step::kReservation, Step::kPayment});
  REQUIRE(placing.ended() == 0);
  shop.steps.Answer(OkStatus());
  shop.executor.Turn();
  REQUIRE(placing.ended() == 1);
  REQUIRE(placing.placed().status.ok());
  REQUIRE(placing.placed().order->state == OrderState::kValidated);
  REQUIRE(StateOf(*placing.placed().order, Step::kPayment) == StepState::kDone);
  REQUIRE(shop.store.abandoned().empty());
}

TEST_CASE("an order without steps has no intent") {
  Shop shop;
  shop.limited = false;
  const Placing placing(shop, shop.executor, Command(shop));
  REQUIRE(placing.placed().order->state == OrderState::kValidated);
  REQUIRE(shop.store.checkouts().empty());
}

TEST_CASE("a refused step keeps the order as REJECTED with the reason") {
  Shop shop;
  const Placing placing(shop, shop.executor, shop.ByAccount());
  shop.steps.Answer(OkStatus(), "OUT_OF_STOCK");
  REQUIRE(placing.reason() == "OUT_OF_STOCK");
  REQUIRE(placing.placed().order->state == OrderState::kRejected);
  REQUIRE(shop.steps.asked.size() == 1);
  REQUIRE(shop.store.abandoned().empty());
}

TEST_CASE("a step whose outcome nobody knows gives the checkout up, and no order is kept") {
  Shop shop;
  const Placing placing(shop, shop.executor, shop.ByAccount());
  shop.steps.Answer(OkStatus());
  shop.steps.Answer(Unreachable("consumer"));
  REQUIRE(placing.ended() == 1);
  REQUIRE(placing.placed().status.code() == StatusCode::kUnavailable);
  REQUIRE(placing.placed().order == nullptr);
  REQUIRE(shop.store.abandoned() == std::vector{shop.store.checkouts().front().order_id});
}

TEST_CASE("a budget that ends between the steps gives the checkout up, and asks for no other") {
  Shop shop;
  const Placing placing(shop, shop.executor, shop.ByAccount());
  shop.clock.Advance(2s);
  shop.steps.Answer(OkStatus());
  REQUIRE(placing.placed().status.code() == StatusCode::kDeadlineExceeded);
  REQUIRE(shop.steps.asked.size() == 1);
  REQUIRE(shop.store.abandoned().size() == 1);
}

TEST_CASE("an order that cannot be written gives its checkout up") {
  Shop shop;
  shop.store.FailInserts(Status(StatusCode::kUnavailable, "no"));
  const Placing placing(shop, shop.executor, shop.ByAccount());
  shop.steps.Answer(OkStatus());
  shop.steps.Answer(OkStatus());
  REQUIRE(placing.ended() == 1);
  REQUIRE(placing.placed().order == nullptr);
  REQUIRE(shop.store.abandoned().size() == 1);
}

}  // namespace
}  // namespace lockstep::order
