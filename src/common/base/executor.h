// Where a continuation runs. An operation that waits for others (a store, a peer) is given an
// Executor and runs all of its own steps there, one at a time, so that it needs no lock.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/status.h"

namespace lockstep {

class Executor {
 public:
  virtual ~Executor() = default;
  // Runs work later, once, in the order of the calls. Any thread.
  virtual void Post(AnyInvocable<void()> work) = 0;
  // True on the thread that runs posted work.
  virtual bool Here() const = 0;
  // Now if that is this thread, else posted: for an answer that may come from anywhere.
  template <typename Work>
  void Continue(Work&& work) {
    if (Here()) {
      work();
    } else {
      Post(std::forward<Work>(work));
    }
  }
};

// A thread that is held: it runs what is posted to it until it is released. The thread that made it
// calls Run; any may Post and Release. It is what makes a blocking style hold its thread while a
// commit is under way.
class HeldThread final : public Executor {
 public:
  void Post(AnyInvocable<void()> work) override {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
    // Under the lock: once it is given up, the thread in Run may return and destroy this object.
    wake_.notify_one();
  }

  bool Here() const override { return std::this_thread::get_id() == thread_; }

  // Lets Run return. May be called by posted work, and before Run.
  void Release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    wake_.notify_one();
  }

  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return released_ || !posted_.empty(); });
      if (posted_.empty()) return;
      std::vector<AnyInvocable<void()>> batch = std::exchange(posted_, {});
      lock.unlock();
      for (AnyInvocable<void()>& work : batch) work();
      batch.clear();  // what it held on to goes without the lock: it may post again
      lock.lock();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  const std::thread::id thread_ = std::this_thread::get_id();
  bool released_ = false;
  std::vector<AnyInvocable<void()>> posted_;
};

}  // namespace lockstep
