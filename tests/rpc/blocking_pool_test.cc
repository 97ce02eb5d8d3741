// The bounded pool: each job once, in order, within its bounds, also while it is resized and
// stopped.
#include "common/rpc/blocking_pool.h"

#include <future>
#include <mutex>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "common/base/limits.h"
#include "tests/support/catch.h"
#include "tests/support/wait.h"

namespace lockstep::rpc {
namespace {

using namespace std::chrono_literals;
using test::Eventually;

// A door that jobs wait at until the test opens it.
class Door {
 public:
  void Wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    opened_.wait(lock, [this] { return open_; });
    --waiting_;
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  int waiting() {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
  int waiting_ = 0;
};

struct Fixture {
  std::atomic<bool> drop_expired = true;
  ManualClock clock;
  Door door;
  BlockingPool::Job AtDoor() {
    return {{}, nullptr, [this](const BlockingPool::Turn&) { door.Wait(); }};
  }
  BlockingPool::Job Job(AnyInvocable<void(const BlockingPool::Turn&)> run) {
    return {{}, nullptr, std::move(run)};
  }
};

TEST_CASE("one thread runs jobs in the order in which they came, each once") {
  Fixture f;
  BlockingPool pool(1, 1000, f.drop_expired);
  std::vector<int> order;
  REQUIRE(pool.Submit(f.AtDoor()).ok());
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(
        pool.Submit(f.Job([&order, i](const BlockingPool::Turn&) { order.push_back(i); })).ok());
    if (i == 0) REQUIRE(Eventually([&] { return f.door.waiting() == 1; }));
  }
  f.door.Open();
  pool.Stop();
  std::vector<int> expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  REQUIRE(order == expected);
}

TEST_CASE("threads and places are the bound: one job more is POOL_FULL, with advice") {
  Fixture f;
  const int threads = 3;
  const int places = GENERATE(0, 1, 5);
  BlockingPool pool(threads, places, f.drop_expired);
  for (int i = 0; i < threads + places; ++i) {
    REQUIRE_FALSE(pool.full());
    REQUIRE(pool.Submit(f.AtDoor()).ok());
  }
  REQUIRE(pool.full());
  bool ran = false;
  const Status refused = pool.Submit(f.Job([&](const BlockingPool::Turn&) { ran = true; }));
  REQUIRE(refused.code() == StatusCode::kResourceExhausted);
  REQUIRE(DetailOf(refused).reason == "POOL_FULL");
  REQUIRE(DetailOf(refused).retry_after == std::chrono::milliseconds(limits::kRetryAfterFull));
  REQUIRE(Eventually([&] { return f.door.waiting() == threads; }));
  const BlockingPool::Counts counts = pool.counts();
  REQUIRE(counts.threads == threads);
  REQUIRE(counts.queue_places == places);
  REQUIRE(counts.held_now == threads);
  REQUIRE(counts.held_most == threads);
  REQUIRE(counts.waiting_now == places);
  REQUIRE(counts.waiting_most == places);
  f.door.Open();
  REQUIRE(Eventually([&] { return pool.counts().held_now == 0; }));
  REQUIRE_FALSE(pool.full());
  REQUIRE(pool.counts().held_most == threads);
  pool.ResetMost();
  REQUIRE(pool.counts().held_most == 0);
  REQUIRE(pool.counts().waiting_most == 0);
  pool.Stop();
  REQUIRE_FALSE(ran);
}

TEST_CASE("a job for which a thread is free does not count as waiting") {
  Fixture f;
  BlockingPool pool(4, 10, f.drop_expired);
  for (int i = 0; i < 4; ++i) REQUIRE(pool.Submit(f.AtDoor()).ok());
  REQUIRE(pool.counts().waiting_now == 0);
  REQUIRE(pool.counts().waiting_most == 0);
  f.door.Open();
}

TEST_CASE("what expired or was left while it waited is told so, unless dropping is off") {
  Fixture f;
  f.drop_expired = GENERATE(true, false);
  BlockingPool pool(1, 10, f.drop_expired, f.clock);
  REQUIRE(pool.Submit(f.AtDoor()).ok());
  std::vector<BlockingPool::Turn> turns;
  const auto note = [&turns](const BlockingPool::Turn& turn) { turns.push_back(turn); };
  CancelSource left, stays;
  REQUIRE(pool.Submit({Deadline::After(f.clock.Now(), 5ms), nullptr, note}).ok());
  REQUIRE(pool.Submit({Deadline::After(f.clock.Now(), 5ms + 1ns), nullptr, note}).ok());
  REQUIRE(pool.Submit({Deadline::Never(), &left, note}).ok());
  REQUIRE(pool.Submit({Deadline::Never(), &stays, note}).ok());
  f.clock.Advance(5ms);
  left.Cancel();
  f.door.Open();
  pool.Stop();
  REQUIRE(turns.size() == 4);
  const bool drop = f.drop_expired;
  REQUIRE(turns[0].expired == drop);
  REQUIRE_FALSE(turns[1].expired);
  REQUIRE(turns[2].expired == drop);
  REQUIRE_FALSE(turns[3].expired);
  for (const BlockingPool::Turn& turn : turns) {
    REQUIRE(turn.waited == 5ms);
    REQUIRE(turn.taken == f.clock.Now());
  }
  REQUIRE(pool.counts().expired == (drop ? 2 : 0));
}

TEST_CASE("a pool that grows serves what waits, one that shrinks keeps its jobs") {
  Fixture f;
  BlockingPool pool(2, 10, f.drop_expired);
  for (int i = 0; i < 6; ++i) REQUIRE(pool.Submit(f.AtDoor()).ok());
  REQUIRE(Eventually([&] { return f.door.waiting() == 2; }));
  pool.Resize(5, 10);
  REQUIRE(Eventually([&] { return f.door.waiting() == 5; }));
  pool.Resize(1, 0);
  REQUIRE(pool.counts().threads == 1);
  REQUIRE(pool.full());
  REQUIRE_FALSE(pool.Submit(f.AtDoor()).ok());
  f.door.Open();
  REQUIRE(Eventually([&] { return pool.counts().held_now == 0; }));
  // One thread and no place: one at a time, and never two.
  std::atomic<int> at_once = 0, most = 0, ran = 0;
  int taken = 0;
  while (taken < 200) {
    const Status status = pool.Submit(f.Job([&](const BlockingPool::Turn&) {
      most = std::max<int>(most, ++at_once);
      --at_once;
      ++ran;
    }));
    if (status.ok()) ++taken;
  }
  pool.Stop();
  REQUIRE(ran == 200);
  REQUIRE(most == 1);
}

TEST_CASE("resized up and down under load, every job that was taken runs once") {
  Fixture f;
  BlockingPool pool(4, 50, f.drop_expired);
  constexpr int kSubmitters = 3;
  std::mutex mutex;
  std::multiset<int> ran;
  std::vector<std::vector<int>> taken(kSubmitters);
  std::atomic<bool> stop = false;
  std::vector<std::thread> submitters;
  for (int t = 0; t < kSubmitters; ++t) {
    submitters.emplace_back([&, t] {
      for (int i = t; !stop; i += kSubmitters) {
        const Status status = pool.Submit(f.Job([&, i](const BlockingPool::Turn&) {
          const std::lock_guard lock(mutex);
          ran.insert(i);
        }));
        if (status.ok()) taken[static_cast<std::size_t>(t)].push_back(i);
      }
    });
  }
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    pool.Resize(1 + static_cast<int>(random() % 12), static_cast<int>(random() % 60));
    std::this_thread::yield();
  }
  stop = true;
  for (std::thread& thread : submitters) thread.join();
  pool.Stop();
  std::multiset<int> expected;
  for (const auto& one : taken) expected.insert(one.begin(), one.end());
  REQUIRE(ran == expected);
  REQUIRE(pool.counts().held_now == 0);
}

TEST_CASE("Stop runs what is queued, and refuses what comes after") {
  Fixture f;
  BlockingPool pool(2, 100, f.drop_expired);
  std::atomic<int> ran = 0;
  REQUIRE(pool.Submit(f.AtDoor()).ok());
  REQUIRE(pool.Submit(f.AtDoor()).ok());
  for (int i = 0; i < 100; ++i) {
    REQUIRE(pool.Submit(f.Job([&](const BlockingPool::Turn&) { ++ran; })).ok());
  }
  std::thread stopper([&] { pool.Stop(); });
  Status late;
  REQUIRE(Eventually([&] {
    late = pool.Submit(f.Job([&](const BlockingPool::Turn&) { ++ran; }));
    return late.code() == StatusCode::kUnavailable;
  }));
  REQUIRE(DetailOf(late).reason == "STOPPING");
  f.door.Open();
  stopper.join();
  pool.Stop();
  REQUIRE(ran == 100);
}

TEST_CASE("Submit and Resize race with Stop, a hundred times, and no job that was taken is lost") {
  Fixture f;
  for (int round = 0; round < 100; ++round) {
    std::atomic<int> ran = 0, taken = 0;
    BlockingPool pool(3, 20, f.drop_expired);
    std::thread submitter([&] {
      while (true) {
        const Status status = pool.Submit(f.Job([&](const BlockingPool::Turn&) { ++ran; }));
        if (status.ok()) ++taken;
        if (status.code() == StatusCode::kUnavailable) return;
      }
    });
    std::thread resizer([&] {
      for (int i = 0; i < 20; ++i) pool.Resize(1 + i % 5, 20);
    });
    std::thread other([&] { pool.Stop(); });
    pool.Stop();
    other.join();
    submitter.join();
    resizer.join();
    REQUIRE(ran == taken);
  }
}

}  // namespace
}  // namespace lockstep::rpc
