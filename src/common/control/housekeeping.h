// A thread that does one thing again and again until it is stopped.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "common/base/clock.h"

namespace lockstep::control {

class Housekeeping {
 public:
  Housekeeping(Duration interval, std::function<void()> work)
      : thread_([this, interval, work = std::move(work)] { Run(interval, work); }) {}
  Housekeeping(const Housekeeping&) = delete;
  Housekeeping& operator=(const Housekeeping&) = delete;
  ~Housekeeping() { Stop(); }

  // Once it has returned, the work does not run any more. Idempotent; one thread.
  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void Run(Duration interval, const std::function<void()>& work) {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, interval, [this] { return stopping_; })) {
      lock.unlock();
      work();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace lockstep::control
