// How fast a backlog drains, and when it will have.
#include "lab/drain.h"

#include "tests/support/catch.h"

namespace lockstep::lab {
namespace {

using namespace std::chrono_literals;

SteadyTime At(Duration moment) { return SteadyTime(1000s + moment); }

TEST_CASE("one reading says no rate, and whether nothing waits") {
  Drain drain(5s);
  CHECK(!drain.PerSecond());
  CHECK(!drain.Left());
  drain.Add({At(0s), 100, 7});
  CHECK(!drain.PerSecond());
  CHECK(!drain.Left());
  Drain none(5s);
  none.Add({At(0s), 0, 7});
  CHECK(none.Left() == Duration::zero());
}

TEST_CASE("the rate is what was sent, the end what is left at the pace at which it becomes less") {
  Drain drain(5s);
  drain.Add({At(0s), 1000, 0});
  drain.Add({At(1s), 900, 150});  // 150 sent, 50 came in
  CHECK(drain.PerSecond() == 150.0);
  CHECK(drain.Left() == 9s);
  drain.Add({At(2s), 0, 1200});
  CHECK(drain.PerSecond() == 600.0);
  CHECK(drain.Left() == Duration::zero());
}

TEST_CASE("a backlog that does not shrink has no end") {
  Drain drain(5s);
  drain.Add({At(0s), 100, 0});
  drain.Add({At(1s), 100, 50});
  CHECK(drain.PerSecond() == 50.0);
  CHECK(!drain.Left());
  drain.Add({At(2s), 120, 60});
  CHECK(!drain.Left());
}

TEST_CASE("only the window counts, and nothing of before a restart") {
  Drain drain(5s);
  drain.Add({At(0s), 1000, 0});
  for (int second = 1; second <= 20; ++second) {
    // Quick until 10 s, then 10 a second.
    const std::int64_t sent = second <= 10 ? second * 50 : 500 + (second - 10) * 10;
    drain.Add({At(std::chrono::seconds(second)), 1000 - sent, sent});
  }
  CHECK(drain.PerSecond() == 10.0);
  CHECK(drain.Left() == 40s);
  drain.Add({At(21s), 400, 3});  // started again: counts from zero
  CHECK(!drain.PerSecond());
  drain.Add({At(22s), 300, 103});
  CHECK(drain.PerSecond() == 100.0);
  CHECK(drain.Left() == 3s);
}

}  // namespace
}  // namespace lockstep::lab
