// The gate of request ids by itself: one runs, the others wait, each is resumed exactly once.
#include "order/request_gate.h"

#include <atomic>
#include <thread>
#include <vector>

#include "tests/domain/order/sample.h"
#include "tests/support/catch.h"

namespace lockstep::order {
namespace {

using namespace std::chrono_literals;
using Turn = RequestGate::Turn;

std::shared_ptr<const StoredOutcome> Outcome() {
  return std::make_shared<const StoredOutcome>(
      StoredOutcome{std::make_shared<const Order>(), "fingerprint"});
}

// What the waiters of a test were told, in the order in which it came.
struct Told {
  struct One {
    int name;
    Turn turn;
    std::shared_ptr<const StoredOutcome> outcome;
  };
  std::vector<One> all;
  RequestGate::Resume Resume(int name) {
    return [this, name](Turn turn, std::shared_ptr<const StoredOutcome> outcome) {
      all.push_back({name, turn, std::move(outcome)});
    };
  }
};

TEST_CASE("the first runs, the others get what it committed") {
  RequestGate gate;
  Told told;
  REQUIRE(gate.Enter("a", gate.NewTicket(), Deadline::Never(), told.Resume(0)));
  REQUIRE_FALSE(gate.Enter("a", gate.NewTicket(), Deadline::Never(), told.Resume(1)));
  REQUIRE_FALSE(gate.Enter("a", gate.NewTicket(), Deadline::Never(), told.Resume(2)));
  REQUIRE(gate.Enter("b", gate.NewTicket(), Deadline::Never(), told.Resume(3)));
  REQUIRE(gate.running() == 2);
  const auto outcome = Outcome();
  gate.Leave("a", outcome);
  REQUIRE(told.all.size() == 2);
  for (const Told::One& one : told.all) {
    REQUIRE(one.turn == Turn::kSettled);
    REQUIRE(one.outcome == outcome);
  }
  REQUIRE(gate.running() == 1);
  gate.Leave("b", nullptr);
  REQUIRE(gate.running() == 0);
  REQUIRE(told.all.size() == 2);
}

TEST_CASE("without an outcome the turn goes to the one who waited longest") {
  RequestGate gate;
  Told told;
  REQUIRE(gate.Enter("a", gate.NewTicket(), Deadline::Never(), told.Resume(0)));
  REQUIRE_FALSE(gate.Enter("a", gate.NewTicket(), Deadline::Never(), told.Resume(1)));
  REQUIRE_FALSE(gate.Enter("a", gate.NewTicket(), Deadline::Never(), told.Resume(2)));
  gate.Leave("a", nullptr);
  REQUIRE(told.all.size() == 1);
  REQUIRE(told.all[0].name == 1);
  REQUIRE(told.all[0].turn == Turn::kFirst);
  REQUIRE_FALSE(gate.Enter("a", gate.NewTicket(), Deadline::Never(), told.Resume(3)));
  gate.Leave("a", Outcome());
  REQUIRE(told.all.size() == 3);
  REQUIRE(told.all[1].name == 2);
  REQUIRE(told.all[2].name == 3);
  REQUIRE(gate.running() == 0);
}

TEST_CASE("giving up resumes the one who waits, once, and nobody else") {
  RequestGate gate;
  Told told;
  const RequestGate::Ticket first = gate.NewTicket();
  const RequestGate::Ticket second = gate.NewTicket();
  REQUIRE(gate.Enter("a", first, Deadline::Never(), told.Resume(0)));
  REQUIRE_FALSE(gate.Enter("a", second, Deadline::Never(), told.Resume(1)));
  gate.GiveUp("a", first);                // runs, does not wait
  gate.GiveUp("a", gate.NewTicket());     // nobody
  gate.GiveUp("none", gate.NewTicket());  // nothing
  REQUIRE(told.all.empty());
  gate.GiveUp("a", second);
  gate.GiveUp("a", second);
  REQUIRE(told.all.size() == 1);
  REQUIRE(told.all[0].turn == Turn::kGivenUp);
  REQUIRE(told.all[0].outcome == nullptr);
  gate.Leave("a", nullptr);
  REQUIRE(told.all.size() == 1);
  REQUIRE(gate.running() == 0);
}

TEST_CASE("those whose deadline has passed give up, and no others") {
  RequestGate gate;
  Told told;
  const ManualClock clock;
  const SteadyTime now = clock.Now();
  REQUIRE(gate.Enter("a", gate.NewTicket(), Deadline::After(now, 1s), told.Resume(0)));
  REQUIRE_FALSE(gate.Enter("a", gate.NewTicket(), Deadline::After(now, 1s), told.Resume(1)));
  REQUIRE_FALSE(gate.Enter("a", gate.NewTicket(), Deadline::After(now, 2s), told.Resume(2)));
  REQUIRE_FALSE(gate.Enter("a", gate.NewTicket(), Deadline::Never(), told.Resume(3)));
  gate.GiveUpExpired(now + 1s);
  REQUIRE(told.all.size() == 1);
  REQUIRE(told.all[0].name == 1);
  gate.GiveUpExpired(now + 10s);
  REQUIRE(told.all.size() == 2);
  REQUIRE(told.all[1].name == 2);
  gate.Leave("a", Outcome());
  REQUIRE(told.all.size() == 3);
  REQUIRE(told.all[2].name == 3);
}

TEST_CASE("entering, leaving and giving up from many threads: each is resumed exactly once") {
  constexpr int kThreads = 8;
  constexpr int kEach = 500;
  RequestGate gate;
  std::atomic<int> resumed = 0;
  std::atomic<int> inside = 0;
  std::atomic<int> waited = 0;
  std::atomic<bool> two_inside = false;
  const auto leave = [&](bool committed) {
    --inside;
    gate.Leave("a", committed ? Outcome() : nullptr);
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        const RequestGate::Ticket ticket = gate.NewTicket();
        const bool first =
            gate.Enter("a", ticket, Deadline::Never(),
                       [&, i](Turn turn, const std::shared_ptr<const StoredOutcome>& outcome) {
                         ++resumed;
                         if (turn != Turn::kFirst) return;
                         if (outcome != nullptr || ++inside != 1) two_inside = true;
                         leave(i % 5 == 0);
                       });
        if (first) {
          if (++inside != 1) two_inside = true;
          std::this_thread::yield();
          leave(i % 2 == 0);
        } else {
          ++waited;
          if (thread % 2 == 0) gate.GiveUp("a", ticket);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE_FALSE(two_inside);
  REQUIRE(waited == resumed);
  REQUIRE(gate.running() == 0);
}

}  // namespace
}  // namespace lockstep::order
