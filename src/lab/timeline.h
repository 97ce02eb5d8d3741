// Work at moments: the one thread on which a replay or a load lives. Everything that it decides and
// counts happens here, one thing at a time, so that nothing needs a lock; answers are posted from
// other threads. Threads: Post and now-reads from any; everything else from the thread that runs
// it.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace lockstep::lab {

class Timeline {
 public:
  // Runs work at a moment, or as soon after it as it can; works of one moment in the order of the
  // calls.
  void At(SteadyTime moment, AnyInvocable<void()> work) {
    planned_.emplace(moment, std::move(work));
  }
  // As soon as possible.
  void Post(AnyInvocable<void()> work);
  // Runs what is due until finished() says so; asks after each batch of work. What is left is
  // dropped.
  void RunUntil(AnyInvocable<bool()> finished);

 private:
  std::multimap<SteadyTime, AnyInvocable<void()>> planned_;
  std::mutex mutex_;  // guards posted_
  std::condition_variable wake_;
  std::vector<AnyInvocable<void()>> posted_;
};

}  // namespace lockstep::lab
