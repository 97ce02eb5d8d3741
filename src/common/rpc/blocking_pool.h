// The bounded pool of the blocking style: N threads behind a queue of Q places. What people run,
// and what gRPC's own synchronous server is not (TRAPS 13).
//
// Every job that Submit takes is run exactly once, on a thread of the pool; a job whose deadline
// passed or whose caller left while it waited is run with Turn.expired, so that it can answer at
// once instead of working (if drop_expired). Threads: any. Stop runs what is queued and joins.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

#include "common/base/cancellation.h"
#include "common/base/clock.h"
#include "common/base/deadline.h"
#include "common/base/status.h"

namespace lockstep::rpc {

class BlockingPool {
 public:
  struct Turn {
    Duration waited{};   // from Submit until a thread took the job
    SteadyTime taken{};  // when that was
    bool expired =
        false;  // the deadline had passed, or the caller had gone, before the job was begun
  };
  struct Job {
    Deadline deadline;
    const CancelSource* cancel_source = nullptr;  // may be null; must outlive the job
    AnyInvocable<void(const Turn&)> run;
  };
  struct Counts {
    int threads = 0;
    int queue_places = 0;
    int held_now = 0;  // threads that run a job
    int held_most = 0;
    int waiting_now = 0;  // jobs in the queue for which no thread is free
    int waiting_most = 0;
    std::int64_t expired = 0;  // jobs that were run with Turn.expired
  };

  BlockingPool(int threads, int queue_places, const std::atomic<bool>& drop_expired,
               const Clock& clock = Clock::Real());
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  ~BlockingPool();  // Stop()

  // RESOURCE_EXHAUSTED, reason POOL_FULL, if no thread is free and every place of the queue is
  // taken; UNAVAILABLE, reason STOPPING, after Stop. Then the job is not run.
  Status Submit(Job job);

  // Takes effect at once for what is submitted; threads too many end with the job they have.
  // Threads that the system will not give are logged, and the pool is as large as it could be.
  void Resize(int threads, int queue_places);

  Counts counts() const;
  // True if a job submitted now would be refused.
  bool full() const;
  void ResetMost();
  void Stop();  // idempotent, any thread but one of the pool's

 private:
  struct Waiting {
    Job job;
    SteadyTime since;
  };

  void Work(std::list<std::thread>::iterator self);
  void Grow();                     // under mutex_
  int Unserved() const;            // under mutex_; below zero: threads that are free
  std::list<std::thread> Ended();  // takes the ended threads, to be joined without the lock

  const std::atomic<bool>& drop_expired_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Waiting> queue_;
  std::list<std::thread> threads_;
  std::list<std::thread> ended_;
  int threads_wanted_;
  int queue_places_;
  int held_ = 0;
  bool stopping_ = false;
  Counts most_;  // the *_most fields
  std::atomic<std::int64_t> expired_ = 0;
  std::once_flag stopped_;
};

}  // namespace lockstep::rpc
