// The power fails: at any moment of a run of orders, verdicts and deliveries, what is left on the
// disk (all that was synced, and any part of the rest) still keeps every promise.
//
// Order's own parts are under test, as they run in the server: store, mailbox, relay. Consumer and
// Restaurant are this test. Bugs can be planted, to see that each is caught.
//
// $LOCKSTEP_PREFIXES: how many moments, 1,000 unless set. $LOCKSTEP_SEED repeats a run's choices.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>

#include "tests/crash/crash_checker.h"
#include "tests/crash/crash_world.h"

namespace lockstep::order {
namespace {

std::uint64_t Number(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::vector<std::size_t> Moments(std::size_t end, std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::size_t> moments;
  for (std::size_t i = 0; i < count; ++i) moments.push_back(random() % (end + 1));
  std::sort(moments.begin(), moments.end());
  return moments;
}

// How many of the cuts left something that breaks a promise; the first such says how.
int BrokenCuts(World& world, std::size_t cuts, std::uint64_t seed, std::string& first) {
  const TempDir directory;
  const std::string path = directory.File("order.db");
  int broken = 0;
  const auto judge = [&](std::size_t moment, const RecordedDisk::Image& image) {
    std::filesystem::remove(path + "-shm");
    RecordedDisk::Write(image, path);
    const Checker checker(path, world.promises(), moment);
    if (checker.violations().empty()) return;
    if (++broken == 1) first = checker.violations().front();
  };
  world.disk().CutAt(Moments(world.disk().Now(), cuts, seed), seed, judge);
  return broken;
}

TEST_CASE("whenever the power fails, every promise is kept") {
  const std::uint64_t seed = Number("LOCKSTEP_SEED", std::random_device()());
  const std::size_t cuts = Number("LOCKSTEP_PREFIXES", 1000);
  World world(Bug::kNone);
  Run(world, 150, seed);
  const int expired = world.expired();
  const std::int64_t late = world.late(), given_up = world.given_up();
  world.Stop();
  std::string first;
  const int broken = BrokenCuts(world, cuts, seed, first);
  std::cout << "seed " << seed << ": " << cuts << " power cuts in " << world.disk().Now()
            << " steps of the disk, " << world.promises().orders.size() << " orders, "
            << world.promises().verdicts.size() << " verdicts, " << late << " of them late, "
            << expired << " orders expired, " << given_up << " messages given up: " << broken
            << " violations\n";
  INFO("seed " << seed << ": " << first);
  REQUIRE(broken == 0);
  // It has been about each of them.
  REQUIRE(expired > 0);
  REQUIRE(late > 0);
  REQUIRE(late < static_cast<std::int64_t>(world.promises().verdicts.size()));
  REQUIRE(given_up > 0);
}

TEST_CASE("planted bugs are found by power cuts") {
  const auto [bug, name] = GENERATE(
      table<Bug, const char*>({{Bug::kNoSync, "synchronous=OFF"},
                               {Bug::kAnswerBeforeCommit, "answer before commit"},
                               {Bug::kOutboxApart, "outbox row in a second transaction"},
                               {Bug::kInboxApart, "inbox row after the effect"},
                               {Bug::kRequestIdApart, "request id outside the transaction"},
                               {Bug::kMarkedBeforeSent, "marked before it is sent"},
                               {Bug::kTimeOutAccepts, "VALIDATED on time-out"},
                               {Bug::kEarlierAttempt, "late verdict of an earlier attempt"},
                               {Bug::kLateVerdict, "late verdict of an order that is over"},
                               {Bug::kDeadLetterDropped, "dead letter dropped"}}));
  INFO(name);
  World world(bug);
  Run(world, 60, 7);
  world.Stop();
  std::string first;
  const int broken = BrokenCuts(world, 300, 7, first);
  std::cout << name << ": " << broken << " of 300 power cuts; " << first << "\n";
  REQUIRE(broken > 0);
}

// What was acknowledged while a call failed is there when the disk is well again.
TEST_CASE(
    "whichever call to the disk fails, nothing acknowledged is lost and nothing is half done") {
  const auto failure = GENERATE(RecordedDisk::Failure::kIoError, RecordedDisk::Failure::kFull,
                                RecordedDisk::Failure::kShortWrite);
  for (std::int64_t nth = 1; nth <= 200; nth += 3) {
    World world(Bug::kNone);
    world.disk().FailAt(nth + static_cast<std::int64_t>(failure), failure);
    // However many share a commit: until the call has come.
    constexpr int kOrders = 20;
    for (int placed = 0; placed < 1000 && !world.disk().failed(); placed += kOrders) {
      Run(world, kOrders, static_cast<std::uint64_t>(nth), placed);
    }
    REQUIRE(world.disk().failed());
    world.disk().FailAt(0, failure);
    world.Stop();
    // The files as they are: nobody cut the power.
    const Checker checker(world.path(), world.promises(), world.disk().Now());
    INFO("call " << nth << ": "
                 << (checker.violations().empty() ? "" : checker.violations().front()));
    REQUIRE(checker.violations().empty());
  }
}

}  // namespace
}  // namespace lockstep::order
