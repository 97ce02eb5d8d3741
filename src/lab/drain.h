// How fast a backlog drains, from readings of it. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "common/base/clock.h"

namespace lockstep::lab {

struct BacklogReading {
  SteadyTime time;
  std::int64_t waiting = 0;
  std::int64_t sent = 0;  // since the server started
};

class Drain {
 public:
  // window: how far back the readings count.
  explicit Drain(Duration window) : window_(window) {}

  // Readings come in the order of their times. One whose count of sent messages is below the last
  // is of a server that was started again: what was read before it counts no more.
  void Add(const BacklogReading& reading);

  // Messages sent a second; nothing with fewer than two readings.
  std::optional<double> PerSecond() const;
  // How long until nothing waits, if the backlog goes on changing as it did: what comes in is part
  // of that. Zero where nothing waits; nothing where it does not shrink, or that is not known.
  std::optional<Duration> Left() const;

 private:
  const Duration window_;
  std::deque<BacklogReading> readings_;  // the oldest first
};

}  // namespace lockstep::lab
