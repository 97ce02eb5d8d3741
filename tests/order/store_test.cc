// Orders in their file: what goes in comes out, a request id has one order, lists have no gaps,
// what fails leaves nothing behind.
#include "order/store/order_store.h"

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "order/store/uuid_bytes.h"
#include "tests/order/stored.h"
#include "tests/support/full_disk.h"
#include "tests/support/temp_dir.h"

namespace lockstep::order {
namespace {

using namespace std::chrono_literals;
using test::FullDisk;
using test::TempDir;

TEST_CASE("an id of an order is its 16 bytes, which keep its place among the others") {
  RandomOrders orders(1);
  std::string last_text, last_bytes;
  for (int i = 0; i < 1000; ++i) {
    const std::string text = orders.Next(kThen + std::chrono::milliseconds(i / 7)).order_id;
    const std::string bytes = UuidBytes(text);
    REQUIRE(bytes.size() == 16);
    REQUIRE(UuidText(bytes) == text);
    REQUIRE(last_text < text);
    REQUIRE(last_bytes < bytes);
    last_text = text;
    last_bytes = bytes;
  }
  REQUIRE(UuidText(UuidBytes("01234567-89ab-cdef-0123-456789abcdef")) ==
          "01234567-89ab-cdef-0123-456789abcdef");
}

TEST_CASE("an order comes back as it went in, whatever it holds") {
  const TempDir directory;
  auto store = OpenOrFail(directory.File("order.db"));
  RandomOrders orders(20240607);
  std::vector<Order> all;
  for (int i = 0; i < 300; ++i) {
    all.push_back(orders.Next());
    const InsertResult result = InsertNow(*store, all.back(), fmt::format("fingerprint-{}", i));
    INFO(i << " " << MessageOf(result.status));
    REQUIRE(result.status.ok());
    REQUIRE_FALSE(result.existing);
    REQUIRE(result.batch == 1);
    REQUIRE(result.commit_duration > 0ns);
  }
  for (const bool reopened : {false, true}) {
    if (reopened) {
      store.reset();
      store = OpenOrFail(directory.File("order.db"));
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      INFO(i);
      REQUIRE(**GetNow(*store, all[i].order_id) == all[i]);
      if (all[i].request_id.empty()) continue;
      const auto found = FindNow(*store, all[i].request_id);
      REQUIRE(found.ok());
      REQUIRE(found->has_value());
      REQUIRE(*(*found)->order == all[i]);
      REQUIRE((*found)->fingerprint == fmt::format("fingerprint-{}", i));
    }
    const OrderPage page = Await<StatusOr<OrderPage>>([&](auto done) {
                             store->List({}, 1000, "", Deadline::Never(), std::move(done));
                           }).value();
    REQUIRE_FALSE(page.more);
    REQUIRE(std::vector<Order>(page.orders.rbegin(), page.orders.rend()) == all);
  }
}

TEST_CASE("what is not there is NOT_FOUND, and an unknown request id is nothing") {
  const TempDir directory;
  auto store = OpenOrFail(directory.File("order.db"));
  for (const auto& missing :
       {GetNow(*store, IdAt(kThen, 1)), CancelNow(*store, IdAt(kThen, 1), kThen)}) {
    REQUIRE(missing.status().code() == StatusCode::kNotFound);
    REQUIRE(DetailOf(missing.status()).reason == "ORDER_UNKNOWN");
  }
  REQUIRE_FALSE(FindNow(*store, "none").value());
}

TEST_CASE("a request id has one order: another one is answered with it, also after a restart") {
  const TempDir directory;
  auto store = OpenOrFail(directory.File("order.db"));
  const Order first = Plain(kThen, 1);
  REQUIRE(InsertNow(*store, first, "the first").status.ok());
  for (const bool restarted : {false, true}) {
    if (restarted) {
      store.reset();
      store = OpenOrFail(directory.File("order.db"));
    }
    Order second = first;
    second.order_id = IdAt(kThen, 2);
    second.consumer_id = "somebody-else";
    const InsertResult result = InsertNow(*store, second, "the second");
    REQUIRE(result.status.ok());
    REQUIRE(result.existing);
    REQUIRE(*result.existing->order == first);
    REQUIRE(result.existing->fingerprint == "the first");
    REQUIRE(result.batch == 0);
    REQUIRE_FALSE(GetNow(*store, second.order_id).ok());
    REQUIRE(ListAll(*store, {}, 10).size() == 1);
  }
}

TEST_CASE("one request id from many threads at once: one order, and all are told of it") {
  const TempDir directory;
  auto store = OpenOrFail(directory.File("order.db"));
  constexpr std::uint64_t kThreads = 8;
  constexpr std::uint64_t kRounds = 20;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    std::vector<InsertResult> results(kThreads);
    std::vector<std::thread> threads;
    std::atomic<std::uint64_t> ready = 0;
    for (std::uint64_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        Order order = Plain(kThen, round * kThreads + i);
        order.request_id = fmt::format("round-{}", round);
        ++ready;
        while (ready < kThreads) std::this_thread::yield();
        results[i] = InsertNow(*store, order);
      });
    }
    for (std::thread& thread : threads) thread.join();
    int written = 0;
    const auto found = FindNow(*store, fmt::format("round-{}", round)).value();
    REQUIRE(found);
    for (std::uint64_t i = 0; i < kThreads; ++i) {
      REQUIRE(results[i].status.ok());
      if (results[i].existing) {
        REQUIRE(*results[i].existing->order == *found->order);
      } else {
        ++written;
        REQUIRE(found->order->order_id == IdAt(kThen, round * kThreads + i));
      }
    }
    REQUIRE(written == 1);
  }
  REQUIRE(ListAll(*store, {}, 1000).size() == kRounds);
}

TEST_CASE("past its deadline nothing is written or read, and the request id stays free") {
  const TempDir directory;
  auto store = OpenOrFail(directory.File("order.db"));
  const Deadline passed = Deadline::At(Clock::Real().Now() - 1ms);
  const Order order = Plain(kThen, 1);
  const InsertResult result = InsertNow(*store, order, "f", passed);
  REQUIRE(result.status.code() == StatusCode::kDeadlineExceeded);
  REQUIRE(DetailOf(result.status).reason == "BUDGET_GONE");
  REQUIRE(result.batch == 0);
  REQUIRE_FALSE(GetNow(*store, order.order_id).ok());
  REQUIRE_FALSE(FindNow(*store, order.request_id).value());
  REQUIRE(GetNow(*store, order.order_id, passed).status().code() == StatusCode::kDeadlineExceeded);
  REQUIRE(InsertNow(*store, order).status.ok());
  REQUIRE(CancelNow(*store, order.order_id, kThen, passed).status().code() ==
          StatusCode::kDeadlineExceeded);
  REQUIRE((*GetNow(*store, order.order_id))->state == OrderState::kValidated);
}

TEST_CASE("an order is cancelled once, and cancelling it again is answered with it as it is") {
  const TempDir directory;
  auto store = OpenOrFail(directory.File("order.db"));
  const Order order = Plain(kThen, 1);
  REQUIRE(InsertNow(*store, order).status.ok());
  std::vector<std::shared_ptr<const Order>> answers(8);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto cancelled = CancelNow(*store, order.order_id, kThen + std::chrono::seconds(i + 1));
      if (cancelled.ok()) answers[i] = *cancelled;
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto stored = *GetNow(*store, order.order_id);
  REQUIRE(stored->state == OrderState::kCancelled);
  REQUIRE(stored->update_time > order.update_time);
  for (const auto& answer : answers) {
    REQUIRE(answer != nullptr);
    REQUIRE(*answer == *stored);  // with the time of the one that did it
  }
  REQUIRE((*FindNow(*store, order.request_id))->order->state == OrderState::kCancelled);
}

TEST_CASE("what cannot be cancelled says so, and makes no other write start again") {
  const TempDir directory;
  auto store = OpenOrFail(directory.File("order.db"));
  const Order rejected = [] {
    Order order = Plain(kThen, 1, OrderState::kRejected);
    order.rejection_reasons = {"CONSUMER_SUSPENDED"};
    return order;
  }();
  REQUIRE(InsertNow(*store, rejected).status.ok());
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (std::uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (std::uint64_t j = 0; j < 20; ++j) {
        const auto refused = CancelNow(*store, rejected.order_id, kThen);
        if (DetailOf(refused.status()).reason != "ORDER_REJECTED") ++wrong;
        const auto unknown = CancelNow(*store, IdAt(kThen, 999'999), kThen);
        if (DetailOf(unknown.status()).reason != "ORDER_UNKNOWN") ++wrong;
        if (!InsertNow(*store, Plain(kThen, 10 + i * 100 + j)).status.ok()) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(wrong == 0);
  REQUIRE(*GetNow(*store, rejected.order_id).value() == rejected);
  const store::StoreThread::Counters counters = store->counters();
  REQUIRE(counters.items == counters.runs);
  REQUIRE(counters.batch_most > 1);
}

TEST_CASE("pages have neither gaps nor repeats while orders come in, with every filter") {
  const TempDir directory;
  auto store = OpenOrFail(directory.File("order.db"));
  std::vector<Order> before;
  for (std::uint64_t i = 0; i < 60; ++i) {
    before.push_back(Plain(kThen + std::chrono::milliseconds(i), i,
                           i % 4 == 0 ? OrderState::kCancelled : OrderState::kValidated));
    REQUIRE(InsertNow(*store, before.back()).status.ok());
  }
  std::atomic<bool> enough = false;
  std::atomic<std::uint64_t> inserted = 0;
  std::thread writer([&] {
    for (std::uint64_t i = 0; !enough; ++i) {
      const WallTime time = kThen + std::chrono::milliseconds(1000 + i);
      if (InsertNow(*store, Plain(time, i)).status.ok()) ++inserted;
    }
  });
  const std::vector<OrderFilter> filters = {
      {},
      {"consumer-1", "", std::nullopt},
      {"", "restaurant-1", std::nullopt},
      {"", "", OrderState::kCancelled},
      {"consumer-2", "restaurant-0", std::nullopt},
      {"consumer-0", "restaurant-0", OrderState::kCancelled},
      {"nobody", "", std::nullopt},
      {"", "", OrderState::kRejected},
  };
  for (const OrderFilter& filter : filters) {
    for (const int page_size : {1, 7, 1000}) {
      while (inserted < 5) std::this_thread::yield();
      const std::vector<std::string> ids = ListAll(*store, filter, page_size);
      REQUIRE(std::is_sorted(ids.rbegin(), ids.rend()));
      const std::set<std::string> seen(ids.begin(), ids.end());
      REQUIRE(seen.size() == ids.size());
      std::size_t expected_old = 0;
      for (const Order& order : before) {
        const bool wanted =
            (filter.consumer_id.empty() || filter.consumer_id == order.consumer_id) &&
            (filter.restaurant_id.empty() || filter.restaurant_id == order.restaurant_id) &&
            (!filter.state || *filter.state == order.state);
        expected_old += wanted ? 1 : 0;
        REQUIRE(seen.contains(order.order_id) == wanted);
      }
      if (filter.state) REQUIRE(seen.size() == expected_old);  // the new ones are VALIDATED
    }
  }
  enough = true;
  writer.join();
}

TEST_CASE("request ids that are too old go in batches, the younger ones and all orders stay") {
  const TempDir directory;
  auto store = OpenOrFail(directory.File("order.db"));
  constexpr int kOld = 2 * limits::kPurgeBatchRows + 100;
  std::vector<std::future<void>> written;
  const auto insert = [&](Order order) {
    auto done = std::make_shared<std::promise<void>>();
    written.push_back(done->get_future());
    store->Insert(std::make_shared<const Order>(std::move(order)), "f", nullptr, Deadline::Never(),
                  [done](const InsertResult&) { done->set_value(); });
  };
  for (std::uint64_t i = 0; i < kOld; ++i) {
    Order order = Plain(kThen, i);
    if (i % 10 == 0) order.request_id.clear();
    insert(std::move(order));
  }
  for (std::uint64_t i = 0; i < 10; ++i) insert(Plain(kThen + 2h, i));
  for (std::future<void>& one : written) REQUIRE(one.wait_for(30s) == std::future_status::ready);

  const std::string one_of_the_last = Plain(kThen, kOld - 1).request_id;
  REQUIRE(PurgeNow(*store, kThen + 1h) == limits::kPurgeBatchRows);
  REQUIRE_FALSE(FindNow(*store, Plain(kThen, 1).request_id).value());
  REQUIRE(FindNow(*store, one_of_the_last).value());  // not in this batch
  // A request id that is free again, and taken again before the purge comes to where it stood.
  Order again = Plain(kThen + 2h, 100);
  again.request_id = Plain(kThen, 1).request_id;
  REQUIRE_FALSE(InsertNow(*store, again).existing);
  REQUIRE(PurgeNow(*store, kThen + 1h) == limits::kPurgeBatchRows);
  REQUIRE(PurgeNow(*store, kThen + 1h) == 100);
  REQUIRE_FALSE(FindNow(*store, one_of_the_last).value());
  REQUIRE(FindNow(*store, again.request_id).value());

  const std::int64_t commits = store->counters().commits;
  REQUIRE(PurgeNow(*store, kThen + 1h) == 0);
  REQUIRE(store->counters().commits == commits);

  for (std::uint64_t i = 0; i < 10; ++i) {
    REQUIRE(FindNow(*store, Plain(kThen + 2h, i).request_id).value());
  }
  REQUIRE(ListAll(*store, {}, 1000).size() == kOld + 11);
  store.reset();
  store = OpenOrFail(directory.File("order.db"));
  REQUIRE(PurgeNow(*store, kThen + 1h) == 0);
  REQUIRE(PurgeNow(*store, kThen + 3h) == 11);
  REQUIRE_FALSE(FindNow(*store, again.request_id).value());
}

TEST_CASE("a full disk: nothing is half done, and the store knows until a write succeeds again") {
  const TempDir directory;
  FullDisk disk;
  {
    auto store = OpenOrFail(directory.File("order.db"));
    REQUIRE(InsertNow(*store, Plain(kThen, 1)).status.ok());
    REQUIRE(store->Writable());
    disk.Fill();
    RandomOrders orders(7);
    Order large = orders.Next(kThen + 1h);
    large.request_id = "the large one";
    for (int i = 0; i < 3; ++i) {
      const InsertResult result = InsertNow(*store, large);
      REQUIRE(result.status.code() == StatusCode::kUnavailable);
      REQUIRE(DetailOf(result.status).reason == "STORE_FULL");
      REQUIRE(result.batch == 0);
    }
    REQUIRE_FALSE(store->Writable());
    REQUIRE(CancelNow(*store, Plain(kThen, 1).order_id, kThen).status().code() ==
            StatusCode::kUnavailable);
    // Reads go on, and see nothing of what failed.
    REQUIRE(GetNow(*store, Plain(kThen, 1).order_id).value()->state == OrderState::kValidated);
    REQUIRE_FALSE(GetNow(*store, large.order_id).ok());
    REQUIRE_FALSE(FindNow(*store, large.request_id).value());
    REQUIRE(ListAll(*store, {}, 10).size() == 1);
    disk.MakeRoom();
    const SteadyTime patience = Clock::Real().Now() + 20s;
    while (!store->Writable() && Clock::Real().Now() < patience) std::this_thread::yield();
    REQUIRE(store->Writable());
    const InsertResult result = InsertNow(*store, large);
    REQUIRE(result.status.ok());
    REQUIRE_FALSE(result.existing);
    REQUIRE(*GetNow(*store, large.order_id).value() == large);
  }
}

TEST_CASE("a stopped store refuses, and answers each once") {
  const TempDir directory;
  auto store = OpenOrFail(directory.File("order.db"));
  std::vector<std::future<Status>> answers;
  for (std::uint64_t i = 0; i < 200; ++i) {
    auto done = std::make_shared<std::promise<Status>>();
    answers.push_back(done->get_future());
    store->Insert(std::make_shared<const Order>(Plain(kThen, i)), "f", nullptr, Deadline::Never(),
                  [done](const InsertResult& result) { done->set_value(result.status); });
  }
  store->Stop();
  for (std::future<Status>& answer : answers) REQUIRE(answer.get().ok());
  REQUIRE(DetailOf(InsertNow(*store, Plain(kThen, 999)).status).reason == "STOPPING");
  REQUIRE(DetailOf(GetNow(*store, IdAt(kThen, 1)).status()).reason == "STOPPING");
  REQUIRE(DetailOf(CancelNow(*store, IdAt(kThen, 1), kThen).status()).reason == "STOPPING");
  store->Stop();
}

TEST_CASE("a filter of request ids passes over none, and takes few for known") {
  RequestIdFilter filter;
  for (int i = 0; i < 100'000; ++i) filter.Add(fmt::format("known-{}", i));
  int known = 0;
  int mistaken = 0;
  for (int i = 0; i < 100'000; ++i) {
    known += filter.MayContain(fmt::format("known-{}", i)) ? 1 : 0;
    mistaken += filter.MayContain(fmt::format("new-{}", i)) ? 1 : 0;
  }
  REQUIRE(known == 100'000);
  REQUIRE(mistaken < 100);
}

}  // namespace
}  // namespace lockstep::order
