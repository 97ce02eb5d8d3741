// Copies from the feeds: what a follower makes of changes and snapshots, good and bad, in memory
// and in Order's file, over restarts; and the audit of the orders that were judged meanwhile.
#include "order/checks/copy_follower.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "order/checks/copy_check.h"
#include "tests/order/copied.h"
#include "tests/support/catch.h"

namespace lockstep::order {
namespace {

using message::FeedPosition;
using message::v1::Change;

std::string ProblemOf(const CopyBook<ConsumerCopy>& book, const std::string& id) {
  const auto entry = book.Find(id);
  REQUIRE(entry != nullptr);
  return entry->problem;
}

TEST_CASE("copies: ready with the first snapshot, and again after a restart without the owner") {
  const test::TempDir directory;
  Copied copied(directory.File("order.db"));
  CHECK(!copied.consumers().as_of());
  CHECK(copied.consumer_feed().Position().value().feed_id.empty());

  TakeSnapshot(copied.consumer_feed(),
               {ChangeOf(ConsumerAt("ann", 3, At(1))), ChangeOf(ConsumerAt("bob", 1, At(2)))},
               {"feed", 7, At(5)});
  REQUIRE(copied.consumers().as_of() == At(5));
  CHECK(copied.consumers().Find("ann")->copy.version == 3);
  CHECK(copied.consumers().Find("carol") == nullptr);
  CHECK(!copied.restaurants().as_of());  // each owner for itself

  REQUIRE(copied.consumer_feed()
              .Apply({ChangeOf(ConsumerAt("ann", 4, At(6))), ChangeOf(ConsumerAt("dan", 1, At(6)))},
                     {"feed", 9, At(6)})
              .ok());
  for (const bool restarted : {false, true}) {
    if (restarted) copied.Reopen();
    INFO("restarted: " << restarted);
    const FeedPosition position = copied.consumer_feed().Position().value();
    CHECK(position.feed_id == "feed");
    CHECK(position.number == 9);
    CHECK(copied.consumers().as_of() == At(6));
    CHECK(copied.consumers().Find("ann")->copy.version == 4);
    CHECK(copied.consumers().Find("bob")->copy.version == 1);
    CHECK(copied.consumers().Find("dan") != nullptr);
    CHECK(copied.consumers().Size() == 3);
  }
}

TEST_CASE("copies: a snapshot takes the place of all there was") {
  const test::TempDir directory;
  Copied copied(directory.File("order.db"));
  TakeSnapshot(copied.consumer_feed(),
               {ChangeOf(ConsumerAt("ann", 3, At(1))), ChangeOf(ConsumerAt("bob", 1, At(2)))},
               {"feed", 7, At(5)});
  // One that is broken off is forgotten.
  REQUIRE(copied.consumer_feed().BeginSnapshot().ok());
  REQUIRE(copied.consumer_feed().AddToSnapshot({ChangeOf(ConsumerAt("eve", 1, At(1)))}).ok());
  // Another database of the same owner: its versions and numbers begin anew.
  TakeSnapshot(copied.consumer_feed(),
               {ChangeOf(ConsumerAt("carol", 1, At(8))), ChangeOf(ConsumerAt("ann", 1, At(8)))},
               {"other", 2, At(9)});
  for (const bool restarted : {false, true}) {
    if (restarted) copied.Reopen();
    INFO("restarted: " << restarted);
    CHECK(copied.consumers().Size() == 2);
    CHECK(copied.consumers().Find("bob") == nullptr);
    CHECK(copied.consumers().Find("ann")->copy.version == 1);
    CHECK(copied.consumers().Find("carol") != nullptr);
    CHECK(copied.consumer_feed().Position().value().feed_id == "other");
  }
}

TEST_CASE("copies: only time has passed: in memory at once, in the file now and then") {
  const test::TempDir directory;
  Copied copied(directory.File("order.db"));
  TakeSnapshot(copied.consumer_feed(), {}, {"feed", 7, At(5)});
  const auto written = [&] { return copied.store->counters().items; };
  const std::int64_t before = written();
  for (int beat = 1; beat <= 20; ++beat) {  // 4.9 s in all
    copied.clock.Advance(std::chrono::milliseconds(245));
    REQUIRE(copied.consumer_feed().Apply({}, {"feed", 7, At(5 + beat)}).ok());
    CHECK(copied.consumers().as_of() == At(5 + beat));
  }
  CHECK(written() == before);
  copied.clock.Advance(std::chrono::milliseconds(245));
  REQUIRE(copied.consumer_feed().Apply({}, {"feed", 7, At(30)}).ok());
  CHECK(written() == before + 1);
  copied.Reopen();
  CHECK(copied.consumers().as_of() == At(30));
}

TEST_CASE("copies: a change that contradicts itself is noticed and judged by nobody") {
  const test::TempDir directory;
  Copied copied(directory.File("order.db"));
  TakeSnapshot(copied.consumer_feed(),
               {ChangeOf(ConsumerAt("ann", 3, At(1))), ChangeOf(ConsumerAt("bob", 1, At(2)))},
               {"feed", 7, At(5)});
  Change unreadable = ChangeOf(ConsumerAt("ann", 4, At(6)));
  unreadable.set_payload("\xff\xff");
  consumer::v1::Consumer negative = ConsumerAt("ann", 4, At(6));
  negative.mutable_order_limit()->set_units(-3);
  Change other_type = ChangeOf(ConsumerAt("ann", 4, At(6)));
  other_type.set_type("lockstep.restaurant.v1.Restaurant");
  const std::vector<std::pair<std::string, Change>> bad = {
      {"cannot be parsed", unreadable},
      {"is \"bob\"", ChangeOf("ann", ConsumerAt("bob", 4, At(6)))},
      {"version 2, after version 3", ChangeOf(ConsumerAt("ann", 2, At(6)))},
      {"version 3, after version 3", ChangeOf(ConsumerAt("ann", 3, At(6), 700))},
      {"order_limit is -3", ChangeOf(negative)},
      {"of type \"lockstep.restaurant.v1.Restaurant\"", other_type}};
  std::int64_t number = 7, count = 0;
  for (const auto& [says, change] : bad) {
    REQUIRE(copied.consumer_feed().Apply({change}, {"feed", ++number, At(7)}).ok());
    for (const bool restarted : {false, true}) {
      if (restarted) copied.Reopen();
      INFO(says << ", restarted: " << restarted << ": " << ProblemOf(copied.consumers(), "ann"));
      CHECK(ProblemOf(copied.consumers(), "ann").find(says) != std::string::npos);
      CHECK(copied.consumers().Find("ann")->copy.version == 3);
      CHECK(copied.consumers().Find("ann")->copy.order_limit.units() == 500);
      CHECK(ProblemOf(copied.consumers(), "bob").empty());
      CHECK(copied.consumer_feed().Position().value().number == number);  // nothing stops the feed
      if (!restarted) CHECK(copied.counts().contradictory == 1);
    }
    ++count;
  }
  CHECK(count == 6);
  // What comes again as it is, is no contradiction, and does not put it right.
  REQUIRE(copied.consumer_feed()
              .Apply({ChangeOf(ConsumerAt("bob", 1, At(2)))}, {"feed", ++number, At(7)})
              .ok());
  CHECK(ProblemOf(copied.consumers(), "bob").empty());
  // A later version does.
  REQUIRE(copied.consumer_feed()
              .Apply({ChangeOf(ConsumerAt("ann", 4, At(8)))}, {"feed", ++number, At(8)})
              .ok());
  for (const bool restarted : {false, true}) {
    if (restarted) copied.Reopen();
    CHECK(ProblemOf(copied.consumers(), "ann").empty());
    CHECK(copied.consumers().Find("ann")->copy.version == 4);
  }
}

TEST_CASE(
    "copies: one that was never right is in doubt until a snapshot or a version puts it right") {
  const test::TempDir directory;
  Copied copied(directory.File("order.db"));
  TakeSnapshot(copied.consumer_feed(), {ChangeOf("ann", ConsumerAt("bob", 4, At(1)))},
               {"feed", 7, At(5)});
  for (const bool restarted : {false, true}) {
    if (restarted) copied.Reopen();
    CHECK(!ProblemOf(copied.consumers(), "ann").empty());
    CHECK(copied.consumers().Find("ann")->copy.version == 0);
  }
  TakeSnapshot(copied.consumer_feed(), {ChangeOf(ConsumerAt("ann", 4, At(1)))}, {"feed", 7, At(6)});
  CHECK(ProblemOf(copied.consumers(), "ann").empty());
}

TEST_CASE("copies: what the file cannot take is not in memory either") {
  const test::TempDir directory;
  Copied copied(directory.File("order.db"));
  TakeSnapshot(copied.consumer_feed(), {ChangeOf(ConsumerAt("ann", 3, At(1)))}, {"feed", 7, At(5)});
  copied.store->Stop();
  CHECK(!copied.consumer_feed()
             .Apply({ChangeOf(ConsumerAt("ann", 4, At(6)))}, {"feed", 8, At(6)})
             .ok());
  REQUIRE(copied.consumer_feed().BeginSnapshot().ok());
  CHECK(!copied.consumer_feed().EndSnapshot({"feed", 9, At(7)}).ok());
  CHECK(copied.consumers().Find("ann")->copy.version == 3);
  CHECK(copied.consumers().as_of() == At(5));
  CHECK(copied.consumer_feed().Position().value().number == 7);
}

TEST_CASE("copies: the audit marks what was accepted after a change that came later") {
  const test::TempDir directory;
  Copied copied(directory.File("order.db"));
  TakeSnapshot(copied.consumer_feed(), {ChangeOf(ConsumerAt("ann", 3, At(1)))}, {"c", 7, At(100)});
  TakeSnapshot(copied.restaurant_feed(), {ChangeOf(RestaurantAt("corner", 5, At(1)))},
               {"r", 9, At(100)});

  struct Case {
    const char* what;
    Order order;
    bool stale;
  };
  Order rejected = JudgedBy(Style::kReplica, At(120), 3, 5);
  rejected.state = OrderState::kRejected;
  rejected.rejection_reasons = {"ORDER_LIMIT_EXCEEDED"};
  Order cancelled = JudgedBy(Style::kReplica, At(120), 3, 5);
  cancelled.state = OrderState::kCancelled;
  Order elsewhere = JudgedBy(Style::kReplica, At(120), 3, 5);
  elsewhere.restaurant_id = "other";
  // It waited for long between its arrival and its judgement.
  Order waited = JudgedBy(Style::kReplica, At(125), 3, 5);
  waited.create_time = At(105);
  waited.order_id = IdAt(At(105), 99'999);
  std::vector<Case> cases = {
      {"judged before the change", JudgedBy(Style::kReplica, At(109.999), 3, 5), false},
      {"judged at the moment of the change", JudgedBy(Style::kReplica, At(110), 3, 5), true},
      {"judged after the change", JudgedBy(Style::kReplica, At(120), 3, 5), true},
      {"judged by the new version", JudgedBy(Style::kReplica, At(120), 3, 6), false},
      {"arrived before the change, judged after it", waited, true},
      {"rejected", rejected, false},
      {"cancelled since", cancelled, true},
      {"at another restaurant", elsewhere, false},
      {"of another style", JudgedBy(Style::kNonBlocking, At(120), 3, 5), false},
      {"of the other copies", JudgedBy(Style::kCommonData, At(120), 3, 5), false},
  };
  for (const Case& one : cases) REQUIRE(InsertNow(*copied.store, one.order).status.ok());
  CHECK(copied.store->orders_on_stale_data() == 0);
  REQUIRE(copied.restaurant_feed()
              .Apply({ChangeOf(RestaurantAt("corner", 6, At(110)))}, {"r", 10, At(130)})
              .ok());
  std::int64_t found = 0;
  for (const Case& one : cases) {
    INFO(one.what);
    CHECK(copied.Stale(one.order) == one.stale);
    found += one.stale ? 1 : 0;
  }
  CHECK(copied.store->orders_on_stale_data() == found);

  // What is written only now, judged by what memory had then.
  const Order late = JudgedBy(Style::kReplica, At(121), 3, 5);
  const Order in_time = JudgedBy(Style::kReplica, At(109), 3, 5);
  const Order current = JudgedBy(Style::kReplica, At(131), 3, 6);
  for (const Order* order : {&late, &in_time, &current}) {
    REQUIRE(InsertNow(*copied.store, *order).status.ok());
  }
  CHECK(copied.Stale(late));
  CHECK(!copied.Stale(in_time));
  CHECK(!copied.Stale(current));
  CHECK(copied.store->orders_on_stale_data() == found + 1);

  // Consumer's changes in the same way; what is marked already is not counted again.
  REQUIRE(copied.consumer_feed()
              .Apply({ChangeOf(ConsumerAt("ann", 4, At(115)))}, {"c", 8, At(140)})
              .ok());
  CHECK(copied.Stale(current));
  CHECK(!copied.Stale(in_time));
  CHECK(copied.Stale(cases[3].order));
  CHECK(copied.Stale(cases[7].order));
  CHECK(copied.store->orders_on_stale_data() == found + 4);

  // A snapshot tells of the last change.
  TakeSnapshot(copied.restaurant_feed(), {ChangeOf(RestaurantAt("corner", 9, At(108)))},
               {"r", 20, At(150)});
  CHECK(copied.Stale(in_time));
}

// Loops judge and write while the follower applies: afterwards, each order is marked exactly if, by
// the history of changes, a later version was made before it was judged.
TEST_CASE("copies: the audit misses no order that is on its way") {
  const test::TempDir directory;
  Copied copied(directory.File("order.db"));
  const auto& real = Clock::Real();
  std::vector<WallTime> made = {real.WallNow()};  // of version 1, 2, …
  TakeSnapshot(copied.consumer_feed(), {ChangeOf(ConsumerAt("ann", 1, made[0]))},
               {"c", 1, made[0]});
  TakeSnapshot(copied.restaurant_feed(), {ChangeOf(RestaurantAt("corner", 1, made[0]))},
               {"r", 1, made[0]});
  std::atomic<bool> over = false;
  struct Judged {
    std::shared_ptr<Order> order;
    std::int64_t version;
  };
  std::vector<std::vector<Judged>> judged(2);
  std::vector<std::thread> loops;
  for (std::size_t loop = 0; loop < judged.size(); ++loop) {
    loops.emplace_back([&, loop] {
      std::uint64_t nth = (loop + 1) << 30;
      std::atomic<int> under_way = 0;
      while (!over) {
        const WallTime now = real.WallNow();
        Order order = Plain(now, ++nth);
        order.style = Style::kReplica;
        order.consumer_id = "ann";
        order.restaurant_id = "corner";
        order.lines = {{"soup", "", 1, Money(), Money()}};
        const MenuQuestion question{order.order_id, "corner", {{"soup", 1}}, {"a", "b", "c"}};
        order.menu_verdict = JudgeByCopy(&copied.restaurants().Find("corner")->copy, question,
                                         real.WallNow(), "node");
        order.consumer_verdict = JudgeByCopy(&copied.consumers().Find("ann")->copy,
                                             {order.order_id, "ann"}, real.WallNow(), "node");
        order.lines = order.menu_verdict->lines;
        order.total = order.menu_verdict->total;
        const auto kept = std::make_shared<Order>(std::move(order));
        judged[loop].push_back({kept, kept->menu_verdict->restaurant_version});
        ++under_way;
        copied.store->Insert(kept, "f", nullptr, Deadline::Never(),
                             [&under_way](const InsertResult& result) {
                               LOCKSTEP_CHECK(result.status.ok());
                               --under_way;
                             });
        while (under_way >= 16) std::this_thread::yield();
      }
      while (under_way > 0) std::this_thread::yield();
    });
  }
  for (std::int64_t version = 2; version <= 60; ++version) {
    // Made by its owner some time before it comes here.
    made.push_back(real.WallNow());
    const auto comes = std::chrono::steady_clock::now() + std::chrono::milliseconds(version % 5);
    while (std::chrono::steady_clock::now() < comes) std::this_thread::yield();
    REQUIRE(copied.restaurant_feed()
                .Apply({ChangeOf(RestaurantAt("corner", version, made.back(), version))},
                       {"r", version, real.WallNow()})
                .ok());
  }
  over = true;
  for (std::thread& loop : loops) loop.join();

  std::int64_t orders = 0, stale = 0, wrong = 0;
  for (const auto& of_loop : judged) {
    for (const Judged& one : of_loop) {
      const WallTime when = one.order->menu_verdict->judge_time;
      const auto next = static_cast<std::size_t>(one.version);  // made[n] is of version n + 1
      const bool expected = next < made.size() && made[next] <= when;
      ++orders;
      stale += expected ? 1 : 0;
      wrong += copied.Stale(*one.order) == expected ? 0 : 1;
    }
  }
  INFO(orders << " orders, " << stale << " of them stale");
  CHECK(wrong == 0);
  CHECK(stale > 0);
  CHECK(orders > stale);
  CHECK(copied.store->orders_on_stale_data() == stale);
}

// Two processes on one file, each with a follower of its own.
TEST_CASE("copies: two processes fill their own memory, and the file keeps what came first") {
  const test::TempDir directory;
  Copied one(directory.File("order.db"));
  TakeSnapshot(one.restaurant_feed(), {ChangeOf(RestaurantAt("corner", 1, At(1)))},
               {"r", 1, At(2)});
  Copied other(directory.File("order.db"));
  REQUIRE(one.restaurant_feed()
              .Apply({ChangeOf(RestaurantAt("corner", 2, At(3)))}, {"r", 2, At(4)})
              .ok());
  REQUIRE(one.restaurant_feed()
              .Apply({ChangeOf(RestaurantAt("corner", 3, At(5)))}, {"r", 3, At(6)})
              .ok());
  // The other one still judges by version 1, and writes that after the audit of the first.
  CHECK(other.restaurants().Find("corner")->copy.version == 1);
  const Order late = JudgedBy(Style::kReplica, At(7), 1, 1);
  REQUIRE(InsertNow(*other.store, late).status.ok());
  CHECK(other.Stale(late));
  REQUIRE(other.restaurant_feed()
              .Apply({ChangeOf(RestaurantAt("corner", 2, At(3)))}, {"r", 2, At(4)})
              .ok());
  CHECK(other.restaurants().Find("corner")->copy.version == 2);
  CHECK(other.counts().contradictory == 0);
  Copied third(directory.File("order.db"));
  CHECK(third.restaurants().Find("corner")->copy.version == 3);
  CHECK(third.restaurant_feed().Position().value().number == 3);
}

TEST_CASE("copies: a check answers at once, or says why not") {
  const test::TempDir directory;
  Copied copied(directory.File("order.db"));
  CopyTerms terms("order", copied.clock);
  CopyCheck<ConsumerCopies> check(copied.consumers(), terms);
  const auto ask = [&](const std::string& consumer_id) {
    CheckResult<ConsumerVerdict> answer{absl::UnknownError("not answered"), {}};
    check.Ask({}, {"018f0000-0000-7000-8000-000000000001", consumer_id},
              [&](CheckResult<ConsumerVerdict> result) { answer = std::move(result); });
    return answer;
  };
  const auto reason = [&](const std::string& id) { return DetailOf(ask(id).verdict.status()); };
  CHECK(reason("ann").reason == "COPY_NOT_READY");
  CHECK(reason("ann").metadata.at("peer") == "consumer");
  CHECK(!ask("ann").copy);

  const WallTime now = copied.clock.WallNow();
  TakeSnapshot(copied.consumer_feed(),
               {ChangeOf(ConsumerAt("ann", 3, now)), ChangeOf("bob", ConsumerAt("eve", 4, now))},
               {"feed", 7, now});
  copied.clock.Advance(std::chrono::milliseconds(1500));
  const auto accepted = ask("ann");
  REQUIRE(accepted.verdict.ok());
  CHECK((*accepted.verdict)->accepted);
  CHECK((*accepted.verdict)->node == "order");
  CHECK((*accepted.verdict)->judge_time == copied.clock.WallNow());
  CHECK(accepted.calls.empty());
  REQUIRE(accepted.copy);
  CHECK(accepted.copy->peer == "consumer");
  CHECK(accepted.copy->version == 3);
  CHECK(accepted.copy->age == std::chrono::milliseconds(1500));
  const auto unknown = ask("carol");
  REQUIRE(unknown.verdict.ok());
  CHECK((*unknown.verdict)->refusals.at(0).reason == "CONSUMER_UNKNOWN");
  CHECK(unknown.copy->version == 0);
  CHECK(reason("bob").reason == "COPY_CORRUPT");
  CHECK(ask("bob").verdict.status().code() == StatusCode::kUnavailable);

  terms.age_max = std::chrono::milliseconds(1500);
  CHECK(ask("ann").verdict.ok());
  copied.clock.Advance(std::chrono::nanoseconds(1));
  const ErrorDetail old = reason("ann");
  CHECK(ask("ann").verdict.status().code() == StatusCode::kUnavailable);
  CHECK(old.reason == "COPY_TOO_OLD");
  CHECK(old.metadata.at("peer") == "consumer");
  CHECK(old.metadata.at("age") == "1.500000001s");
  CHECK(old.metadata.at("copy_age_max") == "1.5s");
  CHECK(old.retry_after);
  REQUIRE(ask("ann").copy);
  // A heartbeat makes it younger. An owner whose clock is ahead has a copy of age zero.
  REQUIRE(copied.consumer_feed().Apply({}, {"feed", 7, now + std::chrono::seconds(9)}).ok());
  CHECK(ask("ann").verdict.ok());
  CHECK(ask("ann").copy->age == Duration::zero());
}

}  // namespace
}  // namespace lockstep::order
