// Durations as people write them on a command line. The way back is DurationText, in validate.h.
#pragma once

#include <string_view>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/status.h"

namespace lockstep {

// "80ms", "1.5s", "2m", "500us", "100ns", "1h"; zero or more, at most `most`.
// INVALID_ARGUMENT says what is wrong and how to write it.
StatusOr<Duration> ParseDuration(std::string_view text, Duration most = limits::kTimeoutMax);

}  // namespace lockstep
