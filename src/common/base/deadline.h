// Deadlines, and what each deadline policy makes of one. A deadline is a moment of the monotonic
// clock; it becomes gRPC's system-clock time in one place, common/rpc/grpc_time.h, at the last
// moment.
#pragma once

#include <algorithm>
#include <optional>

#include "common/base/clock.h"

namespace lockstep {

class Deadline {
 public:
  constexpr Deadline() = default;  // never
  static constexpr Deadline Never() { return Deadline(); }
  static constexpr Deadline At(SteadyTime moment) { return Deadline(moment); }
  // Saturates: a timeout too long to be added is no deadline.
  static constexpr Deadline After(SteadyTime now, Duration timeout) {
    if (timeout > SteadyTime::max() - now) return Never();
    return Deadline(now + timeout);
  }

  constexpr bool is_finite() const { return moment_ != SteadyTime::max(); }
  constexpr SteadyTime moment() const { return moment_; }
  // What is left; below zero once the deadline has passed; Duration::max() if there is none.
  constexpr Duration Remaining(SteadyTime now) const {
    return is_finite() ? moment_ - now : Duration::max();
  }
  constexpr bool Passed(SteadyTime now) const { return is_finite() && moment_ <= now; }

  friend constexpr auto operator<=>(const Deadline&, const Deadline&) = default;

 private:
  constexpr explicit Deadline(SteadyTime moment) : moment_(moment) {}
  SteadyTime moment_ = SteadyTime::max();
};

constexpr Deadline Sooner(Deadline a, Deadline b) { return std::min(a, b); }

// What a service does with the budget left to it when it calls on.
enum class DeadlinePolicy { kNone, kFixed, kPropagate, kReserve };

// The deadline that goes out, by DESIGN section 5. timeout: that of the call itself, if any;
// reserve: what kReserve keeps back. Under kFixed without a timeout no deadline goes out. The
// result may have passed already.
constexpr Deadline DownstreamDeadline(DeadlinePolicy policy, SteadyTime now, Deadline caller,
                                      std::optional<Duration> timeout, Duration reserve) {
  const Deadline own = timeout ? Deadline::After(now, *timeout) : Deadline::Never();
  switch (policy) {
    case DeadlinePolicy::kNone:
      return Deadline::Never();
    case DeadlinePolicy::kFixed:
      return own;
    case DeadlinePolicy::kPropagate:
      return Sooner(caller, own);
    case DeadlinePolicy::kReserve:
      return Sooner(caller.is_finite() ? Deadline::At(caller.moment() - reserve) : caller, own);
  }
  return Deadline::Never();
}

// True if a caller that leaves, or whose budget runs out, takes the work under way with it.
constexpr bool CancellationFollows(DeadlinePolicy policy) {
  return policy == DeadlinePolicy::kPropagate || policy == DeadlinePolicy::kReserve;
}

}  // namespace lockstep
