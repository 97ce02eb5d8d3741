// A thousand streams at once: how many threads they hold, and how soon a change has reached them.
#include "tests/order/watch_host.h"

namespace lockstep::order {
namespace {

using namespace std::chrono_literals;
using test::Eventually;

SteadyTime Now() { return std::chrono::steady_clock::now(); }

TEST_CASE("a thousand streams, on one order or on many, hear of a change in under 100 ms") {
  constexpr int kStreams = 1000;
  const test::TempDir folder;
  WatchHost host(folder.File("order.db"));
  const bool same = GENERATE(true, false);
  std::vector<std::string> order_ids;
  for (int i = 0; i < kStreams; ++i) {
    order_ids.push_back(same && i > 0 ? order_ids.front()
                                      : host.InsertPending(static_cast<std::uint64_t>(i)).order_id);
  }
  WatchStream first(host, order_ids.front(), 5);  // what the first one needs is there
  REQUIRE(Eventually([&] { return host.watch.waiting() == 1; }));
  const int threads = ThreadsNow();
  ManyStreams streams(host, order_ids);
  REQUIRE(Eventually([&] { return streams.pieces() == kStreams; }));
  REQUIRE(host.watch.waiting() == kStreams + 1);
  INFO("threads before " << threads << ", with the streams " << ThreadsNow());
  REQUIRE(ThreadsNow() - threads <= 4);
  // What is more are threads of gRPC's own, none of a stream's.
  std::atomic<int> cancelled = 0;
  SteadyTime committed;
  for (const std::string& order_id : order_ids) {
    host.store->Cancel(order_id, kThen + 1s, Deadline::Never(), [&](const auto& order) {
      committed = Now();
      cancelled += order.ok() ? 1 : kStreams;
    });
    if (same) break;
  }
  REQUIRE(Eventually([&] { return cancelled == (same ? 1 : kStreams); }));
  REQUIRE(Eventually([&] { return streams.pieces() == 2 * kStreams; }));
  const Duration took = Now() - committed;
  WARN("all heard after " << took / 1us << " us; " << ThreadsNow() << " threads");
#if !defined(LOCKSTEP_TSAN) && !defined(__SANITIZE_ADDRESS__)
  REQUIRE(took < 100ms);
#else
  REQUIRE(took < 2s);
#endif
  REQUIRE(Eventually([&] { return streams.ended_well() == kStreams; }));
}

}  // namespace
}  // namespace lockstep::order
