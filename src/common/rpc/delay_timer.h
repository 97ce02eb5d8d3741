// Says when a moment has come, to about 0.1 ms. gRPC's alarms know whole milliseconds and come up
// to one later still, so that a delay of 5 ms was 5.5 on average, and 6 for calls that follow each
// other; an experiment that divides by it must not be wrong by a fifth.
//
// Threads: Add and Remove from any; Due runs on the timer's own thread, which is there from the
// first Add on, and no lock is held meanwhile. A timer outlives what waits on it.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "common/base/clock.h"

namespace lockstep::rpc {

class DelayTimer {
 public:
  class Waiting {
   public:
    // The moment has come. Once, unless Remove was in time.
    virtual void Due() noexcept = 0;

   protected:
    virtual ~Waiting() = default;

   private:
    friend class DelayTimer;
    std::multimap<SteadyTime, Waiting*>::iterator place_;
    bool waits_ = false;
  };

  DelayTimer() = default;
  DelayTimer(const DelayTimer&) = delete;
  DelayTimer& operator=(const DelayTimer&) = delete;
  ~DelayTimer();

  void Add(Waiting& waiting, SteadyTime due);
  // True: it waited, and Due will not run. False: Due has run or is running.
  [[nodiscard]] bool Remove(Waiting& waiting);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable sooner_;
  std::multimap<SteadyTime, Waiting*> waiting_;
  bool stopping_ = false;
  std::thread thread_;  // the last: it uses all of the above
};

}  // namespace lockstep::rpc
