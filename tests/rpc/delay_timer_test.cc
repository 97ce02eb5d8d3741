// The timer of faults' delays: never early, in order, exactly once.
#include "common/rpc/delay_timer.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <random>
#include <vector>

#include "tests/support/catch.h"

namespace lockstep::rpc {
namespace {

using namespace std::chrono_literals;

SteadyTime Now() { return std::chrono::steady_clock::now(); }

std::mutex mutex;  // of all moments: each may go as soon as it has come
std::condition_variable one_came;

struct Moment final : DelayTimer::Waiting {
  void Due() noexcept override {
    const std::lock_guard lock(mutex);
    came = Now();
    ++times;
    one_came.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex);
    one_came.wait(lock, [this] { return times > 0; });
  }
  SteadyTime came;
  std::atomic<int> times = 0;
};

TEST_CASE("moments come in their order, none before its time") {
  DelayTimer timer;
  std::deque<Moment> moments(20);
  std::vector<SteadyTime> due;
  const SteadyTime begin = Now();
  for (std::size_t i = 0; i < moments.size(); ++i) {
    due.push_back(begin + std::chrono::milliseconds(20 + (i * 7) % moments.size()));
    timer.Add(moments[i], due[i]);
  }
  for (Moment& moment : moments) moment.Wait();
  for (std::size_t i = 0; i < moments.size(); ++i) {
    REQUIRE(moments[i].came >= due[i]);
    REQUIRE(moments[i].times == 1);
    for (std::size_t j = 0; j < moments.size(); ++j) {
      if (due[i] < due[j]) REQUIRE(moments[i].came <= moments[j].came);
    }
  }
}

TEST_CASE("a moment that is added later and due sooner does not wait for the others") {
  DelayTimer timer;
  Moment late;
  Moment soon;
  timer.Add(late, Now() + 1h);
  timer.Add(soon, Now() + 1ms);
  soon.Wait();
  REQUIRE(late.times == 0);
  REQUIRE(timer.Remove(late));
}

TEST_CASE("what is removed never comes, and what came cannot be removed") {
  DelayTimer timer;
  Moment removed;
  Moment after;
  timer.Add(removed, Now() + 5ms);
  REQUIRE(timer.Remove(removed));
  REQUIRE_FALSE(timer.Remove(removed));
  timer.Add(after, Now() + 10ms);
  after.Wait();
  REQUIRE(removed.times == 0);
  REQUIRE_FALSE(timer.Remove(after));
}

TEST_CASE("a moment comes or is removed, never both and never neither") {
  DelayTimer timer;
  const auto run = [&timer](unsigned seed) {
    std::mt19937 random(seed);
    int wrong = 0;
    for (int i = 0; i < 1000; ++i) {
      Moment moment;
      timer.Add(moment, Now() + std::chrono::microseconds(random() % 200));
      const SteadyTime until = Now() + std::chrono::microseconds(random() % 200);
      while (Now() < until) {
      }
      const bool removed = timer.Remove(moment);
      if (!removed) moment.Wait();
      if (moment.times + (removed ? 1 : 0) != 1) ++wrong;
    }
    return wrong;
  };
  std::vector<std::future<int>> runs;
  for (unsigned seed = 1; seed <= 4; ++seed)
    runs.push_back(std::async(std::launch::async, run, seed));
  for (std::future<int>& wrong : runs) REQUIRE(wrong.get() == 0);
}

}  // namespace
}  // namespace lockstep::rpc
