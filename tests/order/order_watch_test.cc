// Watching orders: what a stream says and when it ends, how quickly, how many at once, and waiting
// for a final state.
#include <random>

#include "tests/order/watch_host.h"

namespace lockstep::order {
namespace {

using namespace std::chrono_literals;
using test::Eventually;

SteadyTime Now() { return std::chrono::steady_clock::now(); }

TEST_CASE("a stream says what has been, then each change, and ends with OK at a final state") {
  const test::TempDir folder;
  WatchHost host(folder.File("order.db"));
  const Order order = host.InsertPending(1);
  WatchStream watching(host, order.order_id);
  v1::WatchOrderResponse response = watching.Next();
  REQUIRE(response.version() == 1);
  REQUIRE(response.change().state() == v1::Order::STATE_PENDING);
  REQUIRE(response.order().order_id() == order.order_id);
  const SteadyTime begin = Now();
  REQUIRE(CancelNow(*host.store, order.order_id, kThen + 1s).ok());
  response = watching.Next();
  REQUIRE(Now() - begin < 500ms);
  REQUIRE(response.version() == 2);
  REQUIRE(response.change().state() == v1::Order::STATE_CANCELLED);
  REQUIRE(response.order().state() == v1::Order::STATE_CANCELLED);
  REQUIRE(response.order().state_changes_size() == 2);
  REQUIRE(watching.Next().version() == 0);
  REQUIRE(watching.stream->Finish().ok());
  REQUIRE(Eventually([&] { return host.watch.waiting() == 0; }));
}

TEST_CASE("a stream goes on from the version that is known, and ends where there is no more") {
  const test::TempDir folder;
  WatchHost host(folder.File("order.db"));
  const Order order = host.InsertPending(1);
  REQUIRE(CancelNow(*host.store, order.order_id, kThen + 1s).ok());
  WatchStream from_start(host, order.order_id);
  REQUIRE(from_start.Next().version() == 1);
  REQUIRE(from_start.Next().version() == 2);
  REQUIRE(from_start.End().ok());
  WatchStream from_first(host, order.order_id, 1);
  REQUIRE(from_first.Next().version() == 2);
  REQUIRE(from_first.End().ok());
  WatchStream from_last(host, order.order_id, 2);
  REQUIRE(from_last.Next().version() == 0);
  REQUIRE(from_last.stream->Finish().ok());
}

TEST_CASE("a stream that wants later changes goes on after a final state") {
  const test::TempDir folder;
  WatchHost host(folder.File("order.db"));
  const Order order = Plain(kThen, 1, OrderState::kValidated);
  REQUIRE(InsertNow(*host.store, order).status.ok());
  WatchStream watching(host, order.order_id, 0, true);
  REQUIRE(watching.Next().change().state() == v1::Order::STATE_VALIDATED);
  REQUIRE(CancelNow(*host.store, order.order_id, kThen + 1s).ok());
  REQUIRE(watching.Next().change().state() == v1::Order::STATE_CANCELLED);
  REQUIRE(host.watch.waiting() == 1);
  watching.context.TryCancel();
  REQUIRE(Eventually([&] { return host.watch.waiting() == 0; }));
}

TEST_CASE("what cannot be watched is said: an unknown order, a malformed request") {
  const test::TempDir folder;
  WatchHost host(folder.File("order.db"));
  const Status unknown = WatchStream(host, IdAt(kThen, 9)).End();
  REQUIRE(unknown.code() == StatusCode::kNotFound);
  REQUIRE(DetailOf(unknown).reason == "ORDER_UNKNOWN");
  REQUIRE(DetailOf(WatchStream(host, "").End()).violations.at(0).field == "order_id");
  REQUIRE(DetailOf(WatchStream(host, "x", -1).End()).violations.at(0).field == "after_version");
  REQUIRE(host.watch.waiting() == 0);
}

TEST_CASE("a change that another process commits is seen") {
  const test::TempDir folder;
  WatchHost host(folder.File("order.db"));
  const auto other = OpenOrFail(folder.File("order.db"));
  for (std::uint64_t nth = 1; nth <= 20; ++nth) {
    const Order order = host.InsertPending(nth);
    WatchStream watching(host, order.order_id);
    REQUIRE(watching.Next().version() == 1);
    const SteadyTime begin = Now();
    REQUIRE(CancelNow(*other, order.order_id, kThen + 1s).ok());
    REQUIRE(watching.Next().version() == 2);
    REQUIRE(Now() - begin < 1s);
    REQUIRE(watching.End().ok());
  }
}

TEST_CASE("no change is missed, whenever a stream begins") {
  const test::TempDir folder;
  WatchHost host(folder.File("order.db"));
  std::mt19937 random(7);
  for (std::uint64_t nth = 1; nth <= 150; ++nth) {
    const Order order = host.InsertPending(nth);
    std::thread cancelling([&] {
      test::Busy(std::chrono::microseconds(random() % 2000));
      CancelNow(*host.store, order.order_id, kThen + 1s).IgnoreError();
    });
    WatchStream watching(host, order.order_id);
    const std::int64_t first = watching.Next().version();
    const std::int64_t second = watching.Next().version();
    cancelling.join();
    if (first != 1 || second != 2) FAIL("order " << nth << ": " << first << ", " << second);
  }
}

TEST_CASE("while nobody watches nothing is read") {
  const test::TempDir folder;
  WatchHost host(folder.File("order.db"));
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  std::atomic<int> held = 0;
  for (int i = 0; i < limits::kReaderThreadsDefault; ++i) {
    host.store->file().readers().Read(
        [&held, released](store::Database&) {
          ++held;
          released.wait();
          return OkStatus();
        },
        Deadline::Never(), [](const Status&) {});
  }
  REQUIRE(Eventually([&] { return held == limits::kReaderThreadsDefault; }));
  const Order order = host.InsertPending(1);
  host.InsertPending(2);
  REQUIRE(host.store->file().readers().waiting() == 0);
  WatchStream watching(host, order.order_id);
  REQUIRE(Eventually([&] { return host.store->file().readers().waiting() == 1; }));
  host.InsertPending(3);
  REQUIRE(host.store->file().readers().waiting() == 1);
  release.set_value();
  REQUIRE(watching.Next().version() == 1);
}

TEST_CASE("streams end when the server stops, and later ones are refused") {
  const test::TempDir folder;
  WatchHost host(folder.File("order.db"));
  const Order order = host.InsertPending(1);
  WatchStream watching(host, order.order_id);
  REQUIRE(watching.Next().version() == 1);
  host.watch.EndStreams();
  REQUIRE(DetailOf(watching.End()).reason == "STOPPING");
  REQUIRE(DetailOf(WatchStream(host, order.order_id).End()).reason == "STOPPING");
  REQUIRE(host.watch.waiting() == 0);
}

using Final = StatusOr<std::shared_ptr<const Order>>;

Final WaitNow(WatchHost& host, const std::string& order_id, Deadline deadline) {
  return Await<Final>(
      [&](auto done) { host.watch.WaitForFinal(order_id, deadline, nullptr, std::move(done)); });
}

TEST_CASE("who waits for a final state gets the order, at once or when it comes") {
  const test::TempDir folder;
  WatchHost host(folder.File("order.db"));
  const Order pending = host.InsertPending(1);
  std::promise<Final> answer;
  host.watch.WaitForFinal(pending.order_id, Deadline::After(Now(), 20s), nullptr,
                          [&](Final order) { answer.set_value(std::move(order)); });
  REQUIRE(host.watch.waiting() == 1);
  REQUIRE(CancelNow(*host.store, pending.order_id, kThen + 1s).ok());
  const Final order = answer.get_future().get();
  REQUIRE(order.ok());
  REQUIRE((*order)->state == OrderState::kCancelled);
  REQUIRE(host.watch.waiting() == 0);
  REQUIRE((*WaitNow(host, pending.order_id, Deadline::Never()))->order_id == pending.order_id);
}

TEST_CASE("who waits for a final state waits until its deadline, and no order is harmed") {
  const test::TempDir folder;
  WatchHost host(folder.File("order.db"));
  const Order pending = host.InsertPending(1);
  const SteadyTime begin = Now();
  const Final late = WaitNow(host, pending.order_id, Deadline::After(begin, 100ms));
  REQUIRE(Now() - begin >= 100ms);
  REQUIRE(Now() - begin < 2s);
  REQUIRE(late.status().code() == StatusCode::kDeadlineExceeded);
  REQUIRE(DetailOf(late.status()).metadata.at("order_id") == pending.order_id);
  REQUIRE(host.watch.waiting() == 0);
  REQUIRE((*GetNow(*host.store, pending.order_id))->state == OrderState::kPending);
  REQUIRE(WaitNow(host, pending.order_id, Deadline::At(begin)).status().code() ==
          StatusCode::kDeadlineExceeded);
  REQUIRE(WaitNow(host, IdAt(kThen, 9), Deadline::Never()).status().code() ==
          StatusCode::kNotFound);
}

TEST_CASE("a caller that has gone waits for no final state, and no order is harmed") {
  const test::TempDir folder;
  WatchHost host(folder.File("order.db"));
  const Order pending = host.InsertPending(1);
  for (const Deadline deadline : {Deadline::Never(), Deadline::After(Now(), 20s)}) {
    CancelSource caller;
    std::promise<Final> answer;
    host.watch.WaitForFinal(pending.order_id, deadline, &caller,
                            [&](Final order) { answer.set_value(std::move(order)); });
    REQUIRE(host.watch.waiting() == 1);
    caller.Cancel();
    REQUIRE(answer.get_future().get().status().code() == StatusCode::kCancelled);
    REQUIRE(host.watch.waiting() == 0);
    std::promise<Final> gone_before;
    host.watch.WaitForFinal(pending.order_id, deadline, &caller,
                            [&](Final order) { gone_before.set_value(std::move(order)); });
    REQUIRE(gone_before.get_future().get().status().code() == StatusCode::kCancelled);
  }
  REQUIRE((*GetNow(*host.store, pending.order_id))->state == OrderState::kPending);
}

TEST_CASE("those who wait for a final state are told when the grace is over") {
  const test::TempDir folder;
  WatchHost host(folder.File("order.db"));
  const Order pending = host.InsertPending(1);
  std::promise<Final> answer;
  host.watch.WaitForFinal(pending.order_id, Deadline::After(Now(), 20s), nullptr,
                          [&](Final order) { answer.set_value(std::move(order)); });
  host.watch.EndStreams();
  REQUIRE(host.watch.waiting() == 1);
  host.watch.EndWaits();
  REQUIRE(DetailOf(answer.get_future().get().status()).reason == "STOPPING");
  REQUIRE(DetailOf(WaitNow(host, pending.order_id, Deadline::Never()).status()).reason ==
          "STOPPING");
}

TEST_CASE(
    "deadlines, final states, callers that leave and the end meet at the same moment, again and "
    "again") {
  const test::TempDir folder;
  std::mt19937 random(11);
  for (int round = 0; round < 20; ++round) {
    WatchHost host(folder.File("order" + std::to_string(round) + ".db"));
    std::atomic<int> answered = 0;
    constexpr int kWaits = 20;
    std::vector<std::string> order_ids;
    for (std::uint64_t nth = 0; nth < kWaits; ++nth) {
      order_ids.push_back(host.InsertPending(nth).order_id);
    }
    const SteadyTime moment = Now() + 5ms;
    std::deque<CancelSource> callers(kWaits);
    for (std::size_t nth = 0; nth < kWaits; ++nth) {
      host.watch.WaitForFinal(order_ids[nth],
                              Deadline::At(moment + std::chrono::microseconds(random() % 2000)),
                              &callers[nth], [&](const Final&) { ++answered; });
    }
    while (Now() < moment) std::this_thread::yield();
    std::thread leaving([&] {
      for (CancelSource& caller : callers) caller.Cancel();
    });
    for (const std::string& order_id : order_ids) {
      host.store->Cancel(order_id, kThen + 1s, Deadline::Never(), [](const auto&) {});
    }
    if (round % 2 == 0) host.watch.EndWaits();
    leaving.join();
    REQUIRE(Eventually([&] { return answered == kWaits; }));
    REQUIRE(host.watch.waiting() == 0);
  }
}

}  // namespace
}  // namespace lockstep::order
