// The one place where a Deadline meets gRPC's time. Both sides count CLOCK_MONOTONIC, so a step of
// the wall clock moves no deadline.
#pragma once

#include <grpc/support/time.h>

#include <cstdint>

#include "common/base/deadline.h"

namespace lockstep::rpc {

inline gpr_timespec ToTimespec(Deadline deadline) {
  if (!deadline.is_finite()) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  const std::int64_t nanos = deadline.moment().time_since_epoch().count();
  gpr_timespec time;
  time.tv_sec = nanos / 1'000'000'000;
  time.tv_nsec = static_cast<std::int32_t>(nanos % 1'000'000'000);
  time.clock_type = GPR_CLOCK_MONOTONIC;
  return time;
}

inline Deadline FromTimespec(gpr_timespec time) {
  time = gpr_convert_clock_type(time, GPR_CLOCK_MONOTONIC);
  if (gpr_time_cmp(time, gpr_inf_future(GPR_CLOCK_MONOTONIC)) == 0) return Deadline::Never();
  return Deadline::At(SteadyTime(Duration(time.tv_sec * 1'000'000'000 + time.tv_nsec)));
}

}  // namespace lockstep::rpc
