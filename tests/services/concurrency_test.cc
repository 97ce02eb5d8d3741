// What holds when many call at once: one winner an id, no lost update, whole menus; decisions
// within one commit see each other; nothing is begun for a caller whose time is over.
#include <atomic>
#include <set>

#include "tests/services/consumers.h"
#include "tests/services/restaurants.h"

namespace lockstep::test {
namespace {

constexpr int kCallers = 8;

TEST_CASE("of creations of one id at once one content wins, for all who asked for it") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  for (int round = 0; round < 20; ++round) {
    const std::string id = "c" + std::to_string(round);
    std::vector<std::string> said(kCallers);
    std::vector<std::string> names(kCallers);
    AtOnce(kCallers, [&](int i) {
      const auto answer =
          service.Call(&ConsumerStub::CreateConsumer, NewConsumer(id, i % 2 == 0 ? "Even" : "Odd"));
      said[static_cast<std::size_t>(i)] = Said(answer);
      if (answer.ok()) names[static_cast<std::size_t>(i)] = answer->display_name();
    });
    const auto kept = service.Call(&ConsumerStub::GetConsumer, WhichConsumer(id));
    REQUIRE(Said(kept) == "OK");
    CHECK(kept->version() == 1);
    for (int i = 0; i < kCallers; ++i) {
      const std::string asked = i % 2 == 0 ? "Even" : "Odd";
      INFO(asked << ", kept " << kept->display_name());
      const auto place = static_cast<std::size_t>(i);
      if (asked == kept->display_name()) {
        CHECK(said[place] == "OK");
        CHECK(names[place] == asked);
      } else {
        CHECK(said[place] == "ALREADY_EXISTS CONSUMER_ID_TAKEN");
      }
    }
  }
}

TEST_CASE("of changes to one expected version one is made, and none is lost without one") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann")).ok());
  for (int version = 1; version <= 20; ++version) {
    std::atomic<int> made = 0;
    std::atomic<int> refused = 0;
    AtOnce(kCallers, [&](int i) {
      const std::string said = Said(service.Call(
          &ConsumerStub::UpdateConsumer,
          Rename("c1", "v" + std::to_string(version) + "." + std::to_string(i), version)));
      made += said == "OK" ? 1 : 0;
      refused += said == "ABORTED VERSION_MISMATCH" ? 1 : 0;
    });
    REQUIRE(made == 1);
    REQUIRE(refused == kCallers - 1);
  }
  std::set<std::int64_t> versions;
  std::mutex mutex;
  AtOnce(kCallers, [&](int i) {
    for (int nth = 0; nth < 10; ++nth) {
      const auto changed =
          service.Call(&ConsumerStub::UpdateConsumer,
                       Rename("c1", "n" + std::to_string(i) + "." + std::to_string(nth)));
      const std::lock_guard lock(mutex);
      if (changed.ok()) versions.insert(changed->version());
    }
  });
  CHECK(versions.size() == 10 * kCallers);  // each made a version of its own
  CHECK(*versions.rbegin() == 21 + 10 * kCallers);
}

TEST_CASE("decisions of one commit see each other, also when another's failure rolls it back") {
  const TempDir dir;
  std::string after;
  {
    Consumers service(dir.File("c.db"));
    REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann")).ok());
    std::vector<std::string> said(5);
    std::vector<std::thread> callers;
    HeldWriter held(service.file().writer());
    const auto call = [&](std::size_t place, auto work) {
      callers.emplace_back([&said, place, work] { said[place] = work(); });
      held.WaitUntilWaiting(place + 1);
    };
    call(0,
         [&] { return Said(service.Call(&ConsumerStub::UpdateConsumer, Rename("c1", "B", 1))); });
    call(1,
         [&] { return Said(service.Call(&ConsumerStub::UpdateConsumer, Rename("c1", "C", 1))); });
    call(2, [&] {  // an error of the transaction: all before and after it start again
      std::promise<std::string> answered;
      service.file().writer().Submit(
          [](store::Database&) { return MakeError(StatusCode::kInternal, "PLANTED", "planted"); },
          Deadline::Never(),
          [&](const store::CommitResult& result) {
            answered.set_value(DetailOf(result.status).reason);
          });
      return answered.get_future().get();
    });
    call(3,
         [&] { return Said(service.Call(&ConsumerStub::UpdateConsumer, Rename("c1", "D", 2))); });
    call(4,
         [&] { return Said(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "D"))); });
    held.Release();
    for (std::thread& caller : callers) caller.join();
    CHECK(said ==
          std::vector<std::string>{"OK", "ABORTED VERSION_MISMATCH", "PLANTED", "OK", "OK"});
    const auto read = service.Call(&ConsumerStub::GetConsumer, WhichConsumer("c1"));
    REQUIRE(read.ok());
    CHECK(read->version() == 3);
    after = read->SerializeAsString();
  }
  Consumers service(dir.File("c.db"));
  const auto read = service.Call(&ConsumerStub::GetConsumer, WhichConsumer("c1"));
  REQUIRE(read.ok());
  CHECK(read->SerializeAsString() == after);
}

TEST_CASE("a verdict prices all lines from one version of the menu while it is revised") {
  constexpr int kItems = 20;
  const TempDir dir;
  Restaurants service(dir.File("r.db"));
  // Every price is the number of the version, in pence.
  REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r1", kItems, 1)).ok());
  std::atomic<bool> revising = true;
  std::atomic<int> judged = 0;
  std::atomic<int> torn = 0;
  std::thread reviser([&] {
    for (std::int64_t version = 2; version <= 60; ++version) {
      auto revision = Revision("r1");
      for (int i = 0; i < kItems; ++i) {
        *revision.add_put_items() = Item("i" + std::to_string(i), version);
      }
      const auto revised = service.Call(&RestaurantStub::ReviseMenu, revision);
      if (!revised.ok() || revised->version() != version) ++torn;
    }
    revising = false;
  });
  AtOnce(2, [&](int) {
    std::int64_t newest = 0;
    while (revising) {
      const auto answer = service.Call(&RestaurantStub::ValidateOrderDetails, Order("r1", kItems));
      if (!answer.ok() || answer->verdict().lines_size() != kItems) {
        ++torn;
        return;
      }
      const std::int64_t version = answer->verdict().restaurant_version();
      for (const rv1::PricedLine& line : answer->verdict().lines()) {
        if (line.unit_price().nanos() != version * 10'000'000) ++torn;
      }
      if (version < newest) ++torn;  // nor does time go back for one who asks again
      newest = version;
      ++judged;
    }
  });
  reviser.join();
  CHECK(torn == 0);
  CHECK(judged > 0);
}

TEST_CASE("a write whose deadline passes before its commit is not made, unless it is to be") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  for (const bool drop : {true, false}) {
    service.rules().drop_expired = drop;
    const std::string id = drop ? "dropped" : "kept";
    {
      HeldWriter held(service.file().writer());
      const auto late = service.Call(&ConsumerStub::CreateConsumer, NewConsumer(id, "Ann"), 100ms);
      CHECK(late.status().code() == StatusCode::kDeadlineExceeded);
      service.WaitUntilAbandoned();
    }
    service.WaitForWriter();
    CHECK(Said(service.Call(&ConsumerStub::GetConsumer, WhichConsumer(id))) ==
          (drop ? "NOT_FOUND CONSUMER_UNKNOWN" : "OK"));
  }
}

TEST_CASE("a write whose caller goes before its commit is not made") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  {
    HeldWriter held(service.file().writer());
    grpc::ClientContext context;
    std::thread caller([&] {
      const auto left =
          service.CallIn(context, &ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann"));
      CHECK(left.status().code() == StatusCode::kCancelled);
    });
    held.WaitUntilWaiting(1);
    context.TryCancel();
    caller.join();
    service.WaitUntilAbandoned();
  }
  service.WaitForWriter();
  CHECK(Said(service.Call(&ConsumerStub::GetConsumer, WhichConsumer("c1"))) ==
        "NOT_FOUND CONSUMER_UNKNOWN");
}

}  // namespace
}  // namespace lockstep::test
