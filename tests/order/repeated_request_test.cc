// Requests that come again: after the first has committed, while it runs, with other content, after
// it failed. One order each, and everybody is told of it.
#include <atomic>
#include <set>
#include <thread>

#include "tests/order/placing.h"
#include "tests/support/catch.h"

namespace lockstep::order {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a repeated request is answered with what was committed, refusals included") {
  for (const bool refused : {false, true}) {
    World world;
    HandTurned executor;
    world.AnswerInline();
    if (refused) {
      world.menu.AnswerInline(
          [](const MenuQuestion& question) { return Refusing(question, kSoldOut); });
    }
    Placing first(world, executor, Command(world));
    executor.Turn();
    Placing second(world, executor, Command(world));
    executor.Turn();
    REQUIRE(second.ended() == 1);
    REQUIRE(second.placed().status == first.placed().status);
    REQUIRE(DetailOf(second.placed().status) == DetailOf(first.placed().status));
    REQUIRE(*second.placed().order == *first.placed().order);
    REQUIRE(second.placed().duplicate);
    REQUIRE_FALSE(first.placed().duplicate);
    REQUIRE(second.placed().calls.empty());
    REQUIRE_FALSE(second.placed().commit);
    REQUIRE(world.store.orders().size() == 1);
  }
}

TEST_CASE("a cancelled order is what its repeated request is answered with") {
  World world;
  HandTurned executor;
  world.AnswerInline();
  Placing first(world, executor, Command(world));
  executor.Turn();
  auto cancelled =
      std::make_shared<const Order>(Cancel(*first.placed().order, world.clock.WallNow()).value());
  world.store.Put(cancelled, Fingerprint(SampleOrder()));
  Placing second(world, executor, Command(world));
  executor.Turn();
  REQUIRE(second.placed().status.ok());
  REQUIRE(second.placed().order->state == OrderState::kCancelled);
}

TEST_CASE("a request id used for another order is ALREADY_EXISTS, and nothing is done") {
  World world;
  HandTurned executor;
  world.AnswerInline();
  Placing first(world, executor, Command(world));
  executor.Turn();
  NewOrder other = SampleOrder();
  other.lines[0].quantity += 1;
  Placing second(world, executor, Command(world, other));
  executor.Turn();
  REQUIRE(second.placed().status.code() == StatusCode::kAlreadyExists);
  REQUIRE(second.reason() == "REQUEST_ID_REUSED");
  REQUIRE(DetailOf(second.placed().status).metadata.at("order_id") ==
          first.placed().order->order_id);
  REQUIRE(second.placed().order == nullptr);
  REQUIRE(world.consumer.asked() == 1);
  REQUIRE(world.gate.running() == 0);
}

TEST_CASE("without a request id nothing is looked up, and the same order is taken twice") {
  World world;
  HandTurned executor;
  world.AnswerInline();
  NewOrder order = SampleOrder();
  order.request_id.clear();
  Placing first(world, executor, Command(world, order));
  Placing second(world, executor, Command(world, order));
  executor.Turn();
  REQUIRE(first.placed().status.ok());
  REQUIRE(second.placed().status.ok());
  REQUIRE(first.placed().order->order_id != second.placed().order->order_id);
  REQUIRE(world.store.finds() == 0);
  REQUIRE(world.store.orders().size() == 2);
}

TEST_CASE("a write that finds the request id committed answers with that outcome") {
  for (const bool same : {false, true}) {
    World world;
    HandTurned executor;
    world.store.HoldInserts();
    world.AnswerInline();
    Placing placing(world, executor, Command(world));
    executor.Turn();
    REQUIRE(world.store.held() == 1);
    // Another process, say: between the look and the write.
    Placement other(kOrderId, SampleOrder());
    other.ConsumerSaid(SampleConsumerVerdict());
    other.RestaurantSaid(SampleMenuVerdict());
    const auto order = std::make_shared<const Order>(
        std::move(other)
            .Conclude(Style::kBlocking, world.clock.WallNow(), world.clock.WallNow())
            .value());
    world.store.Put(order, same ? Fingerprint(SampleOrder()) : "other");
    world.store.WriteHeld();
    executor.Turn();
    REQUIRE(placing.ended() == 1);
    if (same) {
      REQUIRE(placing.placed().status.ok());
      REQUIRE(placing.placed().order == order);
      REQUIRE(placing.placed().duplicate);
    } else {
      REQUIRE(placing.reason() == "REQUEST_ID_REUSED");
      REQUIRE(placing.placed().order == nullptr);
    }
  }
}

TEST_CASE("duplicates under way wait for the first, and get its outcome") {
  World world;
  HandTurned executor;
  Placing first(world, executor, Command(world));
  Placing second(world, executor, Command(world));
  NewOrder other = SampleOrder();
  other.delivery_address.street = "2 Mill Lane";
  Placing reused(world, executor, Command(world, other));
  executor.Turn();
  REQUIRE(world.consumer.asked() == 1);
  world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
  world.menu.Answer(Accepting(world.menu.LastQuestion()));
  executor.Turn();
  REQUIRE(first.placed().status.ok());
  REQUIRE(second.ended() == 1);
  REQUIRE(second.placed().order == first.placed().order);
  REQUIRE(second.placed().duplicate);
  REQUIRE(reused.ended() == 1);
  REQUIRE(reused.reason() == "REQUEST_ID_REUSED");
  REQUIRE(world.store.inserts() == 1);
}

TEST_CASE("when the first ends without a commit, exactly one of those who wait runs next") {
  World world;
  HandTurned executor;
  Placing first(world, executor, Command(world));
  Placing second(world, executor, Command(world));
  Placing third(world, executor, Command(world));
  world.menu.Answer(Unreachable("restaurant"));
  world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
  executor.Turn();
  REQUIRE(first.ended() == 1);
  REQUIRE(world.consumer.asked() == 2);
  REQUIRE(third.ended() == 0);
  world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
  world.menu.Answer(Accepting(world.menu.LastQuestion()));
  executor.Turn();
  REQUIRE(second.placed().status.ok());
  REQUIRE_FALSE(second.placed().duplicate);
  REQUIRE(third.placed().order == second.placed().order);
  REQUIRE(third.placed().duplicate);
  REQUIRE(world.consumer.asked() == 2);
  REQUIRE(world.gate.running() == 0);
}

TEST_CASE("one who waits gives up when its caller leaves or its deadline passes") {
  for (const bool expires : {false, true}) {
    World world;
    HandTurned executor;
    CancelSource caller;
    Placing first(world, executor, Command(world));
    PlaceOrderCommand command = Command(world);
    command.call.caller = Deadline::After(world.clock.Now(), 100ms);
    command.call.cancel = &caller;
    Placing second(world, executor, std::move(command));
    executor.Turn();
    REQUIRE(second.ended() == 0);
    if (expires) {
      world.clock.Advance(100ms);
      world.gate.GiveUpExpired(world.clock.Now());
    } else {
      caller.Cancel();
    }
    executor.Turn();
    REQUIRE(second.ended() == 1);
    REQUIRE(second.placed().status.code() == StatusCode::kDeadlineExceeded);
    caller.Cancel();  // too late for anything
    world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
    world.menu.Answer(Accepting(world.menu.LastQuestion()));
    executor.Turn();
    REQUIRE(first.placed().status.ok());
    REQUIRE(second.ended() == 1);
  }
}

TEST_CASE("one who waits and whose caller left before it came gives up at once") {
  World world;
  HandTurned executor;
  CancelSource caller;
  caller.Cancel();
  Placing first(world, executor, Command(world));
  PlaceOrderCommand command = Command(world);
  command.call.cancel = &caller;
  Placing second(world, executor, std::move(command));
  executor.Turn();
  REQUIRE(second.ended() == 1);
  REQUIRE(first.ended() == 0);
  world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
  world.menu.Answer(Accepting(world.menu.LastQuestion()));
  executor.Turn();
  REQUIRE(first.placed().status.ok());
}

TEST_CASE("a turn that comes after the deadline begins nothing, and passes the turn on") {
  World world;
  HandTurned executor;
  Placing first(world, executor, Command(world));
  PlaceOrderCommand command = Command(world);
  command.call.caller = Deadline::After(world.clock.Now(), 100ms);
  Placing second(world, executor, std::move(command));
  Placing third(world, executor, Command(world));
  world.clock.Advance(200ms);
  const int finds = world.store.finds();
  world.menu.Answer(Unreachable("restaurant"));
  world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
  executor.Turn();
  REQUIRE(second.reason() == "BUDGET_GONE");
  REQUIRE(world.store.finds() == finds + 1);  // the third's
  REQUIRE(world.consumer.asked() == 2);
  world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
  world.menu.Answer(Accepting(world.menu.LastQuestion()));
  executor.Turn();
  REQUIRE(third.placed().status.ok());
}

TEST_CASE("many concurrent duplicates, each on a thread of its own: one runs, all get its order") {
  constexpr int kThreads = 8;
  constexpr int kRounds = 25;
  for (int round = 0; round < kRounds; ++round) {
    World world;
    world.AnswerInline();
    std::atomic<int> fails_left = round % 3;  // as many runs end without a commit
    world.menu.AnswerInline([&](const MenuQuestion& question) -> StatusOr<MenuVerdict> {
      if (fails_left.fetch_sub(1) > 0) return Unreachable("restaurant");
      return Accepting(question);
    });
    std::vector<PlacedOrder> placed(kThreads);
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&world, &own = placed[static_cast<std::size_t>(i)]] {
        HeldThread executor;
        PlaceOrder::Start(world.parts(), executor, Command(world), [&](PlacedOrder result) {
          own = std::move(result);
          executor.Release();
        });
        executor.Run();
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::set<std::string> ids;
    int originals = 0;
    int failed = 0;
    for (const PlacedOrder& one : placed) {
      if (one.status.ok()) {
        ids.insert(one.order->order_id);
        originals += one.duplicate ? 0 : 1;
      } else {
        REQUIRE(one.status.code() == StatusCode::kUnavailable);
        ++failed;
      }
    }
    REQUIRE(failed == round % 3);
    REQUIRE(ids.size() == 1);
    REQUIRE(originals == 1);
    REQUIRE(world.store.orders().size() == 1);
    REQUIRE(world.gate.running() == 0);
  }
}

TEST_CASE("callers that leave while they wait race with the end of the first, harmlessly") {
  constexpr int kRounds = 200;
  for (int round = 0; round < kRounds; ++round) {
    World world;
    HandTurned first_executor;
    Placing first(world, first_executor, Command(world));
    CancelSource caller;
    std::atomic<bool> waiting = false;
    PlacedOrder placed;
    std::thread waiter([&] {
      HeldThread executor;
      PlaceOrderCommand command = Command(world);
      command.call.cancel = &caller;
      PlaceOrder::Start(world.parts(), executor, std::move(command), [&](PlacedOrder result) {
        placed = std::move(result);
        executor.Release();
      });
      waiting = true;
      executor.Run();
    });
    while (!waiting) std::this_thread::yield();
    std::thread leaver([&caller] { caller.Cancel(); });
    world.consumer.Answer(Accepting(world.consumer.LastQuestion()));
    world.menu.Answer(Accepting(world.menu.LastQuestion()));
    first_executor.Turn();
    leaver.join();
    waiter.join();
    REQUIRE(first.placed().status.ok());
    REQUIRE((placed.status.ok() || placed.status.code() == StatusCode::kDeadlineExceeded));
    REQUIRE(placed.status.ok() == (placed.order != nullptr));
    REQUIRE(world.gate.running() == 0);
  }
}

}  // namespace
}  // namespace lockstep::order
