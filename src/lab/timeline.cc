#include "lab/timeline.h"

#include <utility>

namespace lockstep::lab {

void Timeline::Post(AnyInvocable<void()> work) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(work));
  if (posted_.size() == 1) wake_.notify_one();
}

void Timeline::RunUntil(AnyInvocable<bool()> finished) {
  while (!finished()) {
    std::vector<AnyInvocable<void()>> batch;
    {
      std::unique_lock lock(mutex_);
      const auto is_posted = [this] { return !posted_.empty(); };
      if (planned_.empty()) {
        wake_.wait(lock, is_posted);
      } else {
        wake_.wait_until(lock, planned_.begin()->first, is_posted);
      }
      batch = std::exchange(posted_, {});
    }
    for (AnyInvocable<void()>& work : batch) work();
    const SteadyTime now = Clock::Real().Now();
    while (!planned_.empty() && planned_.begin()->first <= now) {
      AnyInvocable<void()> work = std::move(planned_.begin()->second);
      planned_.erase(planned_.begin());
      work();
    }
  }
}

}  // namespace lockstep::lab
