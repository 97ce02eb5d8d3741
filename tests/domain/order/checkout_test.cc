// The checkout: which steps an order wants, what each answer leads to, and what is said to the
// neighbours after each change.
#include "order/domain/checkout.h"

#include <random>

#include "tests/domain/order/sample.h"
#include "tests/support/catch.h"

namespace lockstep::order {
namespace {

using Kind = StepCommand::Kind;
using namespace std::chrono_literals;

constexpr WallTime kNow = kJudged + 1s;

MenuVerdict Limited() {
  MenuVerdict verdict = SampleMenuVerdict();
  verdict.lines[1].limited = true;
  return verdict;
}

NewOrder PaidByAccount() {
  NewOrder order = SampleOrder();
  order.payment_method = PaymentMethod::kAccount;
  return order;
}

// PENDING, without a verdict.
Order Begun(NewOrder asked) {
  Placement placement(kOrderId, std::move(asked));
  placement.ConsumerSaysLater();
  placement.RestaurantSaysLater();
  return std::move(placement).Conclude(Style::kDeferred, kJudged, kJudged).value();
}

Order Asking(NewOrder asked, MenuVerdict menu) {
  Order order = Begun(std::move(asked));
  REQUIRE(TakeVerdict(SampleConsumerVerdict(), kNow, order).effect == VerdictEffect::kRecorded);
  TakeVerdict(std::move(menu), kNow, order);
  return order;
}

TEST_CASE("an order of unlimited items that is paid at the door has no checkout") {
  const Order order = Asking(SampleOrder(), SampleMenuVerdict());
  REQUIRE(order.state == OrderState::kValidated);
  REQUIRE_FALSE(WantsCheckout(order));
  REQUIRE(CommandsAfter(nullptr, order).empty());
}

TEST_CASE("an order reserves, then pays, then is VALIDATED, and says each in its time") {
  Order order = Begun(PaidByAccount());
  Order before = order;
  REQUIRE(CommandsAfter(nullptr, order).empty());
  TakeVerdict(SampleConsumerVerdict(), kNow, order);
  REQUIRE(CommandsAfter(&before, order).empty());
  before = order;
  REQUIRE(TakeVerdict(Limited(), kNow, order).effect == VerdictEffect::kRecorded);
  REQUIRE(CommandsAfter(&before, order) ==
          std::vector<StepCommand>{{Kind::kAsk, Step::kReservation}});
  before = order;
  REQUIRE(TakeStep(Step::kReservation, "", kNow, order).effect == VerdictEffect::kRecorded);
  REQUIRE(CommandsAfter(&before, order) == std::vector<StepCommand>{{Kind::kAsk, Step::kPayment}});
  before = order;
  REQUIRE(TakeStep(Step::kPayment, "", kNow, order).effect == VerdictEffect::kDecided);
  REQUIRE(order.state == OrderState::kValidated);
  REQUIRE(CommandsAfter(&before, order) ==
          std::vector<StepCommand>{{Kind::kConfirm, Step::kReservation},
                                   {Kind::kConfirm, Step::kPayment},
                                   {Kind::kAwardPoints, Step::kPayment}});
  before = order;
  order = Cancel(order, kNow).value();
  REQUIRE(CommandsAfter(&before, order) ==
          std::vector<StepCommand>{{Kind::kUndo, Step::kReservation, true},
                                   {Kind::kUndo, Step::kPayment, true}});
}

TEST_CASE("a refused step rejects the order with its reason, and what was done is undone") {
  Order order = Asking(PaidByAccount(), Limited());
  TakeStep(Step::kReservation, "", kNow, order);
  const Order before = order;
  REQUIRE(TakeStep(Step::kPayment, "INSUFFICIENT_FUNDS", kNow, order).effect ==
          VerdictEffect::kDecided);
  REQUIRE(order.state == OrderState::kRejected);
  REQUIRE(CommandsAfter(&before, order) ==
          std::vector<StepCommand>{{Kind::kUndo, Step::kReservation}});
  const Status status = RefusalError(order);
  REQUIRE(DetailOf(status).reason == "INSUFFICIENT_FUNDS");
  REQUIRE(DetailOf(status).preconditions.front().field == "consumers/consumer-7");
}

TEST_CASE("an answer that nobody waits for changes nothing") {
  Order order = Asking(PaidByAccount(), Limited());
  const Order before = order;
  REQUIRE(TakeStep(Step::kPayment, "", kNow, order).effect == VerdictEffect::kLate);
  REQUIRE(order == before);
  TakeStep(Step::kReservation, "OUT_OF_STOCK", kNow, order);
  const Order rejected = order;
  REQUIRE(TakeStep(Step::kReservation, "", kNow, order).effect == VerdictEffect::kLate);
  REQUIRE(order == rejected);
}

TEST_CASE("what expires or is cancelled in the middle undoes what was asked for, known or not") {
  Order order = Asking(PaidByAccount(), Limited());
  Order before = order;
  Expire(kNow, order);
  REQUIRE(order.rejection_reasons == std::vector<std::string>{kValidationExpired});
  REQUIRE(CommandsAfter(&before, order) ==
          std::vector<StepCommand>{{Kind::kUndo, Step::kReservation}});
  order = before;
  TakeStep(Step::kReservation, "", kNow, order);
  before = order;
  order = Cancel(order, kNow).value();
  REQUIRE(
      CommandsAfter(&before, order) ==
      std::vector<StepCommand>{{Kind::kUndo, Step::kReservation}, {Kind::kUndo, Step::kPayment}});
}

TEST_CASE("a checkout that was waited for says what confirms or undoes it with the order") {
  Order order = Decided(First::kConsumer, SampleConsumerVerdict(), Limited(), PaidByAccount())
                    .Conclude(Style::kBlocking, kJudged, kNow)
                    .value();
  Order refused = order;
  RecordSteps({Step::kReservation, Step::kPayment}, std::nullopt, "", kNow, order);
  REQUIRE(order.state == OrderState::kValidated);
  REQUIRE(order.version() == 3);
  REQUIRE(CommandsAfter(nullptr, order) ==
          std::vector<StepCommand>{{Kind::kConfirm, Step::kReservation},
                                   {Kind::kConfirm, Step::kPayment},
                                   {Kind::kAwardPoints, Step::kPayment}});
  RecordSteps({Step::kReservation}, Step::kPayment, "INSUFFICIENT_FUNDS", kNow, refused);
  REQUIRE(refused.state == OrderState::kRejected);
  REQUIRE(CommandsAfter(nullptr, refused) ==
          std::vector<StepCommand>{{Kind::kUndo, Step::kReservation}});
}

// Whatever happens in whatever order: all that was asked for is confirmed or undone, once.
TEST_CASE("every way through a checkout confirms or undoes each step that was asked for") {
  std::mt19937 random(5);
  for (int round = 0; round < 2000; ++round) {
    Order order = Asking(PaidByAccount(), Limited());
    std::vector<StepCommand> said = CommandsAfter(nullptr, order);
    for (int move = 0; move < 6; ++move) {
      const Order before = order;
      switch (random() % 6) {
        case 0:
          if (order.state == OrderState::kPending) Expire(kNow, order);
          break;
        case 1:
          if (const auto cancelled = Cancel(order, kNow); cancelled.ok()) order = *cancelled;
          break;
        default:
          TakeStep(kSteps[random() % 2], random() % 4 == 0 ? "NO" : "", kNow, order);
      }
      for (const StepCommand& command : CommandsAfter(&before, order)) said.push_back(command);
    }
    for (const Step step : kSteps) {
      int asked = 0, confirmed = 0, undone = 0;
      for (const StepCommand& command : said) {
        if (command.step != step) continue;
        asked += command.kind == Kind::kAsk;
        confirmed += command.kind == Kind::kConfirm;
        undone += command.kind == Kind::kUndo;
        if (command.kind == Kind::kUndo) REQUIRE(command.after_confirm == (confirmed == 1));
      }
      REQUIRE(asked <= 1);
      REQUIRE(confirmed <= asked);
      REQUIRE(undone <= asked);
      const bool refused = StateOf(order, step) == StepState::kRefused;
      if (order.state == OrderState::kValidated) REQUIRE((confirmed == 1 && undone == 0));
      const bool ended =
          order.state == OrderState::kRejected || order.state == OrderState::kCancelled;
      if (ended && asked == 1 && !refused) REQUIRE(undone == 1);
    }
  }
}

}  // namespace
}  // namespace lockstep::order
