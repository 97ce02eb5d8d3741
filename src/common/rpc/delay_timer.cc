#include "common/rpc/delay_timer.h"

#include "common/base/check.h"

namespace lockstep::rpc {

DelayTimer::~DelayTimer() {
  {
    const std::lock_guard lock(mutex_);
    LOCKSTEP_CHECK(waiting_.empty());
    stopping_ = true;
  }
  sooner_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void DelayTimer::Add(Waiting& waiting, SteadyTime due) {
  const std::lock_guard lock(mutex_);
  waiting.place_ = waiting_.emplace(due, &waiting);
  waiting.waits_ = true;
  if (waiting.place_ == waiting_.begin()) sooner_.notify_one();
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
}

bool DelayTimer::Remove(Waiting& waiting) {
  const std::lock_guard lock(mutex_);
  if (!waiting.waits_) return false;
  waiting.waits_ = false;
  waiting_.erase(waiting.place_);
  return true;
}

void DelayTimer::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (waiting_.empty()) {
      sooner_.wait(lock);
      continue;
    }
    const auto [due, first] = *waiting_.begin();
    if (std::chrono::steady_clock::now() < due) {
      sooner_.wait_until(lock, due);
      continue;
    }
    waiting_.erase(waiting_.begin());
    first->waits_ = false;
    lock.unlock();
    first->Due();
    lock.lock();
  }
}

}  // namespace lockstep::rpc
