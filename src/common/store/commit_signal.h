// Tells those who wait for what commits write (a relay, a feed, a watcher) that there was one.
// Threads: any. A listener runs on the thread that notifies, which has work to do: it only wakes
// somebody. Once a Listening is destroyed its function is not running and never will.
#pragma once

#include <functional>
#include <list>
#include <mutex>
#include <utility>

namespace lockstep::store {

class CommitSignal {
 public:
  CommitSignal() = default;
  CommitSignal(const CommitSignal&) = delete;
  CommitSignal& operator=(const CommitSignal&) = delete;

  void Notify() {
    const std::lock_guard lock(mutex_);
    for (const std::function<void()>& function : listeners_) function();
  }

  class Listening {
   public:
    Listening(CommitSignal& signal, std::function<void()> function) : signal_(signal) {
      const std::lock_guard lock(signal.mutex_);
      place_ = signal.listeners_.insert(signal.listeners_.end(), std::move(function));
    }
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;
    ~Listening() {
      const std::lock_guard lock(signal_.mutex_);
      signal_.listeners_.erase(place_);
    }

   private:
    CommitSignal& signal_;
    std::list<std::function<void()>>::iterator place_;
  };

 private:
  std::mutex mutex_;
  std::list<std::function<void()>> listeners_;
};

}  // namespace lockstep::store
