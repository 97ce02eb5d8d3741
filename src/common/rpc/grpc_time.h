// The one place where a Deadline meets gRPC's time. Both sides count CLOCK_MONOTONIC, so a step of
// the wall clock moves no deadline.
#pragma once

#include <grpc/support/time.h>

#include <algorithm>
#include <cstdint>

#include "common/base/deadline.h"

namespace lockstep::rpc {

inline gpr_timespec ToTimespec(Deadline deadline) {
  if (!deadline.is_finite()) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  // Below zero is before this machine started, which gRPC's time cannot say: long past, either way.
  const std::int64_t nanos =
      std::max<std::int64_t>(deadline.moment().time_since_epoch().count(), 0);
  gpr_timespec time;
  time.tv_sec = nanos / 1'000'000'000;
  time.tv_nsec = static_cast<std::int32_t>(nanos % 1'000'000'000);
  time.clock_type = GPR_CLOCK_MONOTONIC;
  return time;
}

inline Deadline FromTimespec(gpr_timespec time) {
  time = gpr_convert_clock_type(time, GPR_CLOCK_MONOTONIC);
  // A caller may send up to 99,999,999 hours: what nanoseconds cannot count is no deadline.
  if (time.tv_sec >= SteadyTime::max().time_since_epoch() / std::chrono::seconds(1)) {
    return Deadline::Never();
  }
  return Deadline::At(SteadyTime(Duration(time.tv_sec * 1'000'000'000 + time.tv_nsec)));
}

// The deadline that reaches the peer if this one is sent, less what the way takes. gRPC 1.51 writes
// a timeout of 1 s and more with three digits or so (10 ms steps to 10 s, 100 ms steps to 100 s,
// then seconds), rounded up: a budget would grow along a chain. So it is rounded down to a step
// first, and by 2 ms more for gRPC's own rounding to milliseconds. Below 1 s the steps are 1 ms and
// are left alone.
inline Deadline Sendable(Deadline deadline, SteadyTime now) {
  using std::chrono::milliseconds, std::chrono::seconds;
  const Duration left = deadline.Remaining(now);
  if (!deadline.is_finite() || left < seconds(1)) return deadline;
  const Duration step = left < seconds(10)    ? milliseconds(10)
                        : left < seconds(100) ? milliseconds(100)
                                              : seconds(1);
  return Deadline::At(now + (left - left % step) - milliseconds(2));
}

}  // namespace lockstep::rpc
