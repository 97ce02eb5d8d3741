// A number of things held now, and the most at once. Threads: any.
#pragma once

#include <atomic>

namespace lockstep {

class HighWater {
 public:
  void Add() {
    const int now = now_.fetch_add(1, std::memory_order_relaxed) + 1;
    int most = most_.load(std::memory_order_relaxed);
    while (now > most && !most_.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
    }
  }
  void Remove() { now_.fetch_sub(1, std::memory_order_relaxed); }

  int now() const { return now_.load(std::memory_order_relaxed); }
  int most() const { return most_.load(std::memory_order_relaxed); }
  void ResetMost() { most_.store(now(), std::memory_order_relaxed); }

  // Holds one while it lives.
  class Hold {
   public:
    explicit Hold(HighWater& held) : held_(held) { held_.Add(); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() { held_.Remove(); }

   private:
    HighWater& held_;
  };

 private:
  std::atomic<int> now_ = 0;
  std::atomic<int> most_ = 0;
};

}  // namespace lockstep
