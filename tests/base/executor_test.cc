// The thread that is held: what is posted to it runs there, in order, until it is released.
#include "common/base/executor.h"

#include <atomic>
#include <memory>

#include "tests/support/catch.h"

namespace lockstep {
namespace {

TEST_CASE("work posted by others runs on the thread that is held, in order, until it is released") {
  HeldThread held;
  std::vector<int> order;
  std::thread::id ran;
  std::thread other([&] {
    REQUIRE_FALSE(held.Here());
    for (int i = 0; i < 1000; ++i) held.Post([&order, i] { order.push_back(i); });
    held.Post([&] { ran = std::this_thread::get_id(); });
    held.Post([&] { held.Release(); });
  });
  held.Run();
  other.join();
  REQUIRE(ran == std::this_thread::get_id());
  REQUIRE(order.size() == 1000);
  for (int i = 0; i < 1000; ++i) REQUIRE(order[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("what is posted before the release is run, also by work itself") {
  HeldThread held;
  int runs = 0;
  held.Post([&] {
    ++runs;
    held.Release();
    held.Post([&] { ++runs; });
  });
  held.Run();
  REQUIRE(runs == 2);
}

TEST_CASE("a thread that was released before it was held returns at once") {
  HeldThread held;
  held.Release();
  held.Run();
}

TEST_CASE("Continue runs at once where posted work runs, and posts from anywhere else") {
  HeldThread held;
  bool ran = false;
  held.Continue([&] { ran = true; });
  REQUIRE(ran);
  std::atomic<bool> continued = false;
  std::thread([&] { held.Continue([&] { continued = true; }); }).join();
  REQUIRE_FALSE(continued);
  held.Release();
  held.Run();
  REQUIRE(continued);
}

TEST_CASE("what posted work held on to may post again when it goes") {
  HeldThread held;
  bool ran = false;
  std::shared_ptr<void> last(nullptr, [&](void*) { held.Post([&] { ran = true; }); });
  held.Post([&held, kept = std::move(last)] { held.Release(); });
  held.Run();
  REQUIRE(ran);
}

TEST_CASE("the held thread may go as soon as the release is seen, whoever released it") {
  for (int round = 0; round < 500; ++round) {
    auto held = std::make_unique<HeldThread>();
    std::thread releaser([&held = *held] { held.Release(); });
    held->Run();
    held.reset();
    releaser.join();
  }
}

}  // namespace
}  // namespace lockstep
