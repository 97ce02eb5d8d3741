// Every path of placing an order: the order of the answers, refusals, failures, a budget that is
// gone, a caller that is gone, a store that fails. Each ends exactly once.
#include "order/place_order.h"

#include <optional>
#include <thread>

#include "tests/order/placing.h"
#include "tests/support/catch.h"

namespace lockstep::order {
namespace {

using namespace std::chrono_literals;

TEST_CASE("both accept, in either order: the order is written once and then answered") {
  for (const First first : {First::kConsumer, First::kRestaurant}) {
    World world;
    HandTurned executor;
    world.store.HoldInserts();
    Placing placing(world, executor, Command(world));
    REQUIRE(world.consumer.asked() == 1);
    REQUIRE(world.menu.asked() == 1);
    REQUIRE(world.consumer.LastQuestion().order_id == world.menu.LastQuestion().order_id);
    if (first == First::kConsumer) world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
    world.menu.Answer(Accepting(world.menu.LastQuestion()));
    if (first == First::kRestaurant) {
      world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
    }
    executor.Turn();
    REQUIRE(placing.ended() == 0);  // nobody is answered before the commit
    REQUIRE(world.store.held() == 1);
    world.store.WriteHeld();
    executor.Turn();
    REQUIRE(placing.ended() == 1);
    const PlacedOrder& placed = placing.placed();
    REQUIRE(placed.status.ok());
    REQUIRE(placed.order->state == OrderState::kValidated);
    REQUIRE(placed.order->style == Style::kNonBlocking);
    REQUIRE(placed.order->total == Pounds(6));
    REQUIRE(placed.order->create_time == world.clock.WallNow());
    REQUIRE(placed.order == world.store.orders().front());
    REQUIRE(placed.commit->batch == 1);
    REQUIRE_FALSE(placed.duplicate);
    REQUIRE(world.gate.running() == 0);
  }
}

TEST_CASE("the calls stand in the order in which they began, whichever answered first") {
  World world;
  HandTurned executor;
  world.consumer.StartAt(1ms);
  world.menu.StartAt(2ms);
  Placing placing(world, executor, Command(world));
  world.menu.Answer(Accepting(world.menu.LastQuestion()));
  world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
  executor.Turn();
  REQUIRE(placing.placed().calls.size() == 2);
  REQUIRE(placing.placed().calls[0].peer == kConsumerPeer);
  REQUIRE(placing.placed().calls[1].peer == kRestaurantPeer);
}

TEST_CASE("a refusal is kept as a rejected order, also when the other question failed") {
  struct Row {
    const char* name;
    bool consumer_refuses;
    bool other_fails;
  };
  for (const Row& row : {Row{"consumer refuses", true, false}, Row{"menu refuses", false, false},
                         Row{"consumer refuses, menu fails", true, true},
                         Row{"menu refuses, consumer fails", false, true}}) {
    INFO(row.name);
    World world;
    HandTurned executor;
    Placing placing(world, executor, Command(world));
    const ConsumerQuestion asked = world.consumer.LastQuestion();
    const MenuQuestion menu = world.menu.LastQuestion();
    if (row.consumer_refuses) {
      world.consumer.Answer(Refusing(asked, kSuspended));
      REQUIRE(placing.ended() == 0);  // both are waited for
      world.menu.Answer(row.other_fails ? StatusOr<MenuVerdict>(Unreachable("restaurant"))
                                        : Accepting(menu));
    } else {
      world.menu.Answer(Refusing(menu, kSoldOut));
      REQUIRE(placing.ended() == 0);
      world.consumer.Answer(row.other_fails ? StatusOr<ConsumerVerdict>(Unreachable("consumer"))
                                            : Accepting(asked));
    }
    executor.Turn();
    REQUIRE(placing.ended() == 1);
    REQUIRE(placing.placed().status.code() == StatusCode::kFailedPrecondition);
    const std::string reason = row.consumer_refuses ? kSuspended.reason : kSoldOut.reason;
    REQUIRE(placing.reason() == reason);
    REQUIRE(placing.placed().order->state == OrderState::kRejected);
    REQUIRE(DetailOf(placing.placed().status).metadata.at("order_id") ==
            placing.placed().order->order_id);
    REQUIRE(world.store.orders().size() == 1);
    REQUIRE(placing.placed().calls.size() == 2);
  }
}

TEST_CASE("a failure without a refusal writes nothing") {
  for (const bool both : {false, true}) {
    World world;
    HandTurned executor;
    Placing placing(world, executor, Command(world));
    world.menu.Answer(Unreachable("restaurant"));
    world.consumer.Answer(both ? StatusOr<ConsumerVerdict>(Unreachable("consumer"))
                               : Accepting(world.consumer.LastQuestion()));
    executor.Turn();
    REQUIRE(placing.ended() == 1);
    REQUIRE(placing.placed().status.code() == StatusCode::kUnavailable);
    REQUIRE(DetailOf(placing.placed().status).metadata.at("peer") ==
            (both ? "consumer" : "restaurant"));
    REQUIRE(placing.placed().order == nullptr);
    REQUIRE_FALSE(placing.placed().commit);
    REQUIRE(world.store.inserts() == 0);
    REQUIRE(world.gate.running() == 0);
  }
}

TEST_CASE("a verdict that cannot be believed writes nothing") {
  World world;
  HandTurned executor;
  Placing placing(world, executor, Command(world));
  ConsumerVerdict verdict = Accepting(world.consumer.LastQuestion());
  verdict.order_id = kOrderId;
  world.consumer.Answer(verdict);
  world.menu.Answer(Accepting(world.menu.LastQuestion()));
  executor.Turn();
  REQUIRE(placing.placed().status.code() == StatusCode::kInternal);
  REQUIRE(placing.reason() == "VERDICT_INCONSISTENT");
  REQUIRE(world.store.inserts() == 0);
}

TEST_CASE("past the deadline nothing is looked up and nothing is asked") {
  World world;
  HandTurned executor;
  PlaceOrderCommand command = Command(world);
  world.clock.Advance(1s);
  Placing placing(world, executor, std::move(command));
  executor.Turn();
  REQUIRE(placing.ended() == 1);
  REQUIRE(placing.placed().status.code() == StatusCode::kDeadlineExceeded);
  REQUIRE(placing.reason() == "BUDGET_GONE");
  REQUIRE(world.store.finds() == 0);
  REQUIRE(world.consumer.asked() + world.menu.asked() == 0);
  REQUIRE(world.gate.running() == 0);
}

TEST_CASE("past the deadline nothing is written, whatever the verdicts") {
  for (const bool refused : {false, true}) {
    World world;
    HandTurned executor;
    Placing placing(world, executor, Command(world));
    world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
    world.clock.Advance(1s);
    const MenuQuestion question = world.menu.LastQuestion();
    world.menu.Answer(refused ? Refusing(question, kClosed) : Accepting(question));
    executor.Turn();
    REQUIRE(placing.placed().status.code() == StatusCode::kDeadlineExceeded);
    REQUIRE(placing.reason() == "BUDGET_GONE");
    REQUIRE(placing.placed().order == nullptr);
    REQUIRE(placing.placed().calls.size() == 2);
    REQUIRE(world.store.inserts() == 0);
  }
}

TEST_CASE("what a peer said of its failure is told also when the deadline has passed meanwhile") {
  World world;
  HandTurned executor;
  Placing placing(world, executor, Command(world));
  world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
  world.clock.Advance(1s);
  world.menu.Answer(
      MakeError(StatusCode::kDeadlineExceeded, "DOWNSTREAM_DEADLINE_EXCEEDED", "no answer"));
  executor.Turn();
  REQUIRE(placing.reason() == "DOWNSTREAM_DEADLINE_EXCEEDED");
}

TEST_CASE("with drop_expired off, expired work is done, and the write has no deadline") {
  World world;
  HandTurned executor;
  PlaceOrderCommand command = Command(world);
  command.call.drop_expired = false;
  world.clock.Advance(2s);
  Placing placing(world, executor, std::move(command));
  world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
  world.menu.Answer(Accepting(world.menu.LastQuestion()));
  executor.Turn();
  REQUIRE(placing.placed().status.ok());
  REQUIRE(world.store.orders().size() == 1);
  REQUIRE(world.store.last_not_after() == Deadline::Never());
}

TEST_CASE("the write carries the caller's deadline") {
  World world;
  HandTurned executor;
  world.AnswerInline();
  const PlaceOrderCommand command = Command(world);
  const Deadline deadline = command.call.caller;
  Placing placing(world, executor, command);
  executor.Turn();
  REQUIRE(placing.placed().status.ok());
  REQUIRE(world.store.last_not_after() == deadline);
}

TEST_CASE("a caller that has gone stops the order where cancellation follows, and only there") {
  struct Row {
    DeadlinePolicy policy;
    bool drop_expired;
    bool runs_on;
  };
  for (const Row& row :
       {Row{DeadlinePolicy::kPropagate, true, false}, Row{DeadlinePolicy::kReserve, true, false},
        Row{DeadlinePolicy::kNone, true, true}, Row{DeadlinePolicy::kFixed, true, true},
        Row{DeadlinePolicy::kPropagate, false, true}}) {
    INFO(static_cast<int>(row.policy) << " " << row.drop_expired);
    World world;
    HandTurned executor;
    CancelSource caller;
    PlaceOrderCommand command = Command(world);
    command.call.policy = row.policy;
    command.call.drop_expired = row.drop_expired;
    command.call.cancel = &caller;
    Placing placing(world, executor, std::move(command));
    world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
    caller.Cancel();
    world.menu.Answer(Accepting(world.menu.LastQuestion()));
    executor.Turn();
    REQUIRE(placing.ended() == 1);
    REQUIRE(world.store.orders().size() == (row.runs_on ? 1 : 0));
    REQUIRE(placing.placed().status.ok() == row.runs_on);
  }
}

TEST_CASE("a caller that has gone before the questions is asked for nobody") {
  World world;
  HandTurned executor;
  CancelSource caller;
  caller.Cancel();
  PlaceOrderCommand command = Command(world);
  command.call.cancel = &caller;
  Placing placing(world, executor, std::move(command));
  executor.Turn();
  REQUIRE(placing.ended() == 1);
  REQUIRE(placing.reason() == "BUDGET_GONE");
  REQUIRE(world.consumer.asked() + world.menu.asked() == 0);
}

TEST_CASE("a store that fails fails the order, and leaves the request to be tried anew") {
  for (const bool at_the_look : {false, true}) {
    World world;
    HandTurned executor;
    world.AnswerInline();
    const Status full = MakeError(StatusCode::kUnavailable, "STORE_FULL", "the disk is full");
    if (at_the_look) {
      world.store.FailFinds(full);
    } else {
      world.store.FailInserts(full);
    }
    Placing first(world, executor, Command(world));
    executor.Turn();
    REQUIRE(first.ended() == 1);
    REQUIRE(first.reason() == "STORE_FULL");
    REQUIRE(first.placed().order == nullptr);
    REQUIRE(world.gate.running() == 0);
    world.store.FailFinds(OkStatus());
    world.store.FailInserts(OkStatus());
    Placing second(world, executor, Command(world));
    executor.Turn();
    REQUIRE(second.placed().status.ok());
    REQUIRE_FALSE(second.placed().duplicate);
  }
}

TEST_CASE("answers from other threads are taken on the executor's") {
  constexpr int kRounds = 200;
  for (int round = 0; round < kRounds; ++round) {
    World world;
    HeldThread executor;
    bool on_own_thread = false;
    std::optional<PlacedOrder> placed;
    PlaceOrder::Start(world.parts(), executor, Command(world), [&](PlacedOrder result) {
      on_own_thread = executor.Here();
      placed = std::move(result);
      executor.Release();
    });
    std::thread consumer([&] { world.consumer.Answer(Accepting(world.consumer.LastQuestion())); });
    std::thread menu([&] { world.menu.Answer(Accepting(world.menu.LastQuestion())); });
    executor.Run();
    consumer.join();
    menu.join();
    REQUIRE(on_own_thread);
    REQUIRE(placed->status.ok());
  }
}

TEST_CASE("an answer that never comes leaves the order under way, and harms no other") {
  World world;
  HandTurned executor;
  std::optional<Placing> stuck;
  stuck.emplace(world, executor, Command(world));
  world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
  executor.Turn();
  NewOrder other = SampleOrder();
  other.request_id = "Request:2";
  Placing next(world, executor, Command(world, other));
  REQUIRE(world.menu.held() == 2);
  REQUIRE(stuck->ended() == 0);
  REQUIRE(world.gate.running() == 2);
  // Answered at the very end, so that nothing is left over.
  world.menu.Answer(Unreachable("restaurant"));
  world.consumer.Answer(Unreachable("consumer"));
  world.menu.Answer(Unreachable("restaurant"));
  executor.Turn();
  REQUIRE(stuck->ended() == 1);
  REQUIRE(next.ended() == 1);
}

}  // namespace
}  // namespace lockstep::order
