// Now, as a dependency: what measures or bounds time takes a Clock, so that a test can hold it
// still. Threads: all methods of all clocks may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>

namespace lockstep {

using Duration = std::chrono::nanoseconds;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime Now() const = 0;    // for durations and deadlines
  virtual WallTime WallNow() const = 0;  // for what people read and what is stored

  static const Clock& Real();
};

// A clock that moves only when told to.
class ManualClock final : public Clock {
 public:
  SteadyTime Now() const override { return SteadyTime(Duration(now_.load())); }
  WallTime WallNow() const override { return WallTime(kWallStart + Duration(now_.load())); }
  void Advance(Duration by) { now_ += by.count(); }

 private:
  static constexpr Duration kWallStart = std::chrono::hours(24 * 365 * 50);
  std::atomic<Duration::rep> now_ = Duration(std::chrono::hours(1)).count();
};

}  // namespace lockstep
