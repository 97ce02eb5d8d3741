// What each deadline policy makes of a caller's budget: DESIGN section 5, row by row.
#include "common/base/deadline.h"

#include "tests/support/catch.h"

namespace lockstep {
namespace {

using namespace std::chrono_literals;

constexpr SteadyTime kNow = SteadyTime(1h);

Duration Left(DeadlinePolicy policy, Deadline caller, std::optional<Duration> timeout,
              Duration reserve = 0ms) {
  return DownstreamDeadline(policy, kNow, caller, timeout, reserve).Remaining(kNow);
}

TEST_CASE("NONE sends no deadline, whatever the caller has left and the call's timeout says") {
  REQUIRE(Left(DeadlinePolicy::kNone, Deadline::After(kNow, 1s), 200ms) == Duration::max());
}

TEST_CASE("FIXED sends now + t, also more than the caller has left") {
  REQUIRE(Left(DeadlinePolicy::kFixed, Deadline::After(kNow, 100ms), 500ms) == 500ms);
  REQUIRE(Left(DeadlinePolicy::kFixed, Deadline::After(kNow, 100ms), std::nullopt) ==
          Duration::max());
}

TEST_CASE("PROPAGATE sends the smaller of what is left and t") {
  REQUIRE(Left(DeadlinePolicy::kPropagate, Deadline::After(kNow, 100ms), 500ms) == 100ms);
  REQUIRE(Left(DeadlinePolicy::kPropagate, Deadline::After(kNow, 1s), 500ms) == 500ms);
  REQUIRE(Left(DeadlinePolicy::kPropagate, Deadline::After(kNow, 1s), std::nullopt) == 1s);
  REQUIRE(Left(DeadlinePolicy::kPropagate, Deadline::Never(), std::nullopt) == Duration::max());
}

TEST_CASE("RESERVE keeps back its reserve of what is left, and not of t") {
  REQUIRE(Left(DeadlinePolicy::kReserve, Deadline::After(kNow, 1s), 950ms, 100ms) == 900ms);
  REQUIRE(Left(DeadlinePolicy::kReserve, Deadline::After(kNow, 1s), 500ms, 100ms) == 500ms);
  REQUIRE(Left(DeadlinePolicy::kReserve, Deadline::After(kNow, 50ms), 500ms, 100ms) == -50ms);
  REQUIRE(Left(DeadlinePolicy::kReserve, Deadline::Never(), 500ms, 100ms) == 500ms);
}

TEST_CASE("a deadline too far away to be written is none") {
  REQUIRE_FALSE(Deadline::After(kNow, Duration::max()).is_finite());
  REQUIRE(Sooner(Deadline::Never(), Deadline::After(kNow, 1ms)) == Deadline::After(kNow, 1ms));
  REQUIRE(Deadline::After(kNow, 0ms).Passed(kNow));
  REQUIRE_FALSE(Deadline::After(kNow, 1ns).Passed(kNow));
}

}  // namespace
}  // namespace lockstep
