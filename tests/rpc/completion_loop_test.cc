// The loop by itself: posted work, the bounded set in flight, its gap, and how it stops.
#include "common/rpc/completion_loop.h"

#include <numeric>

#include "tests/rpc/test_server.h"
#include "tests/support/wait.h"

namespace lockstep::rpc {
namespace {

using namespace std::chrono_literals;
using test::Busy, test::Eventually, test::RunCase;

// Something in flight that nothing ends but the test.
class Held final : public CompletionLoop::InFlight {
 public:
  void Cancel() override { ++cancelled; }
  std::atomic<int> cancelled = 0;
};

TEST_CASE("posted work runs on the loop's thread, in the order of the posts") {
  const auto loop = ClientLoop();
  std::vector<int> order;  // the loop's thread alone writes it, until the last has run
  std::vector<std::thread::id> threads;
  std::atomic<bool> last = false;
  for (int i = 0; i < 1000; ++i) {
    loop->Post([&, i] {
      order.push_back(i);
      threads.push_back(std::this_thread::get_id());
      if (i == 999) last = true;
    });
  }
  REQUIRE(Eventually([&] { return last.load(); }));
  std::vector<int> expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  REQUIRE(order == expected);
  REQUIRE(std::count(threads.begin(), threads.end(), threads.front()) == 1000);
  REQUIRE(threads.front() != std::this_thread::get_id());
}

TEST_CASE("posts from many threads each run once, those of one thread in its order") {
  constexpr int kThreads = 8;
  constexpr int kPosts = 2000;
  const auto loop = ClientLoop();
  std::vector<std::vector<int>> seen(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        loop->Post([&seen, t, i] { seen[static_cast<std::size_t>(t)].push_back(i); });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  loop->Stop();
  std::vector<int> expected(kPosts);
  std::iota(expected.begin(), expected.end(), 0);
  for (const std::vector<int>& one : seen) REQUIRE(one == expected);
}

TEST_CASE("a hop through the queue costs no millisecond") {
  const auto loop = ClientLoop();
  std::atomic<int> hops = 0;
  struct Hop {
    CompletionLoop& loop;
    std::atomic<int>& hops;
    void operator()() {
      if (++hops < 1000) loop.Post(Hop{loop, hops});
    }
  };
  const SteadyTime begin = std::chrono::steady_clock::now();
  loop->Post(Hop{*loop, hops});
  REQUIRE(Eventually([&] { return hops == 1000; }));
  // An alarm set to now() would take 1.1 ms each (TRAPS 22).
  REQUIRE(std::chrono::steady_clock::now() - begin < 700ms);
}

TEST_CASE("the set in flight is bounded, and a place that is left can be taken") {
  CompletionLoop loop(std::make_unique<grpc::CompletionQueue>(), 2);
  Held a, b, c;
  REQUIRE(loop.Begin(a));
  REQUIRE(loop.Begin(b));
  REQUIRE_FALSE(loop.Begin(c));
  REQUIRE(loop.in_flight() == 2);
  loop.End(a);
  REQUIRE(loop.Begin(c));
  loop.End(b);
  loop.End(c);
  REQUIRE(loop.in_flight() == 0);
}

TEST_CASE("CancelAll cancels what is in flight, once each, and nothing is begun any more") {
  const auto loop = ClientLoop();
  Held a, b, late;
  REQUIRE(loop->Begin(a));
  REQUIRE(loop->Begin(b));
  loop->CancelAll();
  REQUIRE(a.cancelled == 1);
  REQUIRE(b.cancelled == 1);
  REQUIRE(loop->stopping());
  REQUIRE_FALSE(loop->Begin(late));
  loop->End(a);
  loop->End(b);
}

TEST_CASE("Stop waits for what is in flight, then for what the last of it posts") {
  const auto loop = ClientLoop();
  Held held;
  REQUIRE(loop->Begin(held));
  std::atomic<bool> stopped = false;
  std::atomic<int> ran = 0;
  std::thread stopper([&] {
    loop->Stop();
    stopped = true;
  });
  REQUIRE(Eventually([&] { return held.cancelled > 0; }));
  REQUIRE_FALSE(stopped);
  loop->Post([&] {
    loop->End(held);
    // Stop sees an empty set from here on, while this continuation is still running.
    Busy(30ms);
    loop->Post([&] {
      ++ran;
      Busy(5ms);
      loop->Post([&] { ++ran; });
    });
  });
  stopper.join();
  REQUIRE(ran == 2);
}

TEST_CASE("a continuation that posts while its loop stops is heard") {
  // The call is out of the set before done runs: Stop must wait for done all the same.
  HoldingServer server;
  std::atomic<int> ran = 0;
  const auto loop = ClientLoop();
  const auto stub = server.Stub();
  UnaryCall<ValidateConsumerResponse>::Start(
      *loop, *stub, &ConsumerService::Stub::PrepareAsyncValidateConsumer, ValidateConsumerRequest(),
      {}, [&](const grpc::Status&, ValidateConsumerResponse&) {
        Busy(30ms);
        loop->Post([&] { ++ran; });
      });
  loop->Stop();
  REQUIRE(ran == 1);
}

TEST_CASE("every post made before Stop is run, however many there are") {
  for (int round = 0; round < 50; ++round) {
    const auto loop = ClientLoop();
    std::atomic<int> ran = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) loop->Post([&] { ++ran; });
      });
    }
    for (std::thread& thread : threads) thread.join();
    loop->Stop();
    REQUIRE(ran == 200);
  }
}

TEST_CASE("Stop is idempotent, also from two threads at once") {
  const auto loop = ClientLoop();
  std::thread other([&] { loop->Stop(); });
  loop->Stop();
  other.join();
  loop->Stop();
}

TEST_CASE("hidden: post after Stop", "[.child]") {
  const auto loop = ClientLoop();
  loop->Stop();
  loop->Post([] {});
}

TEST_CASE("a post that could never run ends the process, and says so") {
  const test::ProcessEnd end = RunCase("hidden: post after Stop");
  REQUIRE(end.status != 0);
  REQUIRE(end.output.find("broken invariant: !queue_shut_") != std::string::npos);
}

TEST_CASE("the longest gap shows 50 ms of work on the loop, and can be reset") {
  const auto loop = ClientLoop();
  std::atomic<bool> done = false;
  loop->Post([&] { Busy(50ms); });
  loop->Post([&] { done = true; });
  REQUIRE(Eventually([&] { return done.load(); }));
  REQUIRE(Eventually([&] { return loop->LongestGap() >= 50ms; }));
  loop->ResetLongestGap();
  REQUIRE(loop->LongestGap() == 0ms);
}

}  // namespace
}  // namespace lockstep::rpc
