// A hook runs at most once, and never after it has gone.
#include "common/base/cancellation.h"

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "tests/support/catch.h"

namespace lockstep {
namespace {

TEST_CASE("hooks run once when the source is cancelled, and at once when it has been") {
  CancelSource source;
  int early = 0;
  int late = 0;
  const CancelSource::Hook first(source, [&early] { ++early; });
  REQUIRE_FALSE(source.cancelled());
  REQUIRE(early == 0);
  source.Cancel();
  source.Cancel();
  REQUIRE(source.cancelled());
  REQUIRE(early == 1);
  const CancelSource::Hook second(source, [&late] { ++late; });
  REQUIRE(late == 1);
  source.Cancel();
  REQUIRE(late == 1);
}

TEST_CASE("a hook that has gone does not run, and takes what it captured along") {
  CancelSource source;
  int runs = 0;
  auto token = std::make_shared<int>();
  std::optional<CancelSource::Hook> hook;
  hook.emplace(source, [&runs, token] { ++runs; });
  REQUIRE(token.use_count() == 2);
  hook.reset();
  REQUIRE(token.use_count() == 1);
  source.Cancel();
  REQUIRE(runs == 0);
}

TEST_CASE("a hook never runs on what died after it, with Cancel racing") {
  for (int round = 0; round < 500; ++round) {
    CancelSource source;
    std::atomic<bool> ready = false;
    std::thread canceller([&] {
      while (!ready) std::this_thread::yield();
      source.Cancel();
    });
    {
      auto captured = std::make_unique<int>(0);
      const CancelSource::Hook hook(source, [&captured] { ++*captured; });
      ready = true;
    }
    canceller.join();
  }
}

}  // namespace
}  // namespace lockstep
