#include "common/rpc/blocking_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/log.h"

namespace lockstep::rpc {

BlockingPool::BlockingPool(int threads, int queue_places, const std::atomic<bool>& drop_expired,
                           const Clock& clock)
    : drop_expired_(drop_expired),
      clock_(clock),
      threads_wanted_(threads),
      queue_places_(queue_places) {
  LOCKSTEP_CHECK(threads > 0 && queue_places >= 0);
  const std::lock_guard lock(mutex_);
  Grow();
}

BlockingPool::~BlockingPool() { Stop(); }

void BlockingPool::Grow() {
  while (threads_.size() < static_cast<std::size_t>(threads_wanted_)) {
    const auto self = threads_.emplace(threads_.end());
    try {
      *self = std::thread([this, self] { Work(self); });
    } catch (const std::system_error& error) {
      threads_.erase(self);
      LOCKSTEP_CHECK(!threads_.empty());  // a pool without threads would keep its jobs for ever
      log::Error("pool_thread_refused", {{"wanted", threads_wanted_},
                                         {"have", static_cast<int>(threads_.size())},
                                         {"message", error.what()}});
      threads_wanted_ = static_cast<int>(threads_.size());
    }
  }
}

int BlockingPool::Unserved() const {
  return static_cast<int>(queue_.size()) - std::max(0, threads_wanted_ - held_);
}

bool BlockingPool::full() const {
  const std::lock_guard lock(mutex_);
  return Unserved() >= queue_places_;
}

Status BlockingPool::Submit(Job job) {
  const SteadyTime now = clock_.Now();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return MakeError(StatusCode::kUnavailable, "STOPPING", "the server is stopping");
    if (Unserved() < queue_places_) {
      queue_.push_back({std::move(job), now});
      most_.waiting_most = std::max(most_.waiting_most, Unserved());
      work_.notify_one();
      return OkStatus();
    }
  }
  ErrorDetail detail;
  detail.reason = "POOL_FULL";
  detail.retry_after = limits::kRetryAfterFull;
  detail.metadata = {{"limit", "pool_threads, pool_queue"}};
  return MakeError(
      StatusCode::kResourceExhausted,
      fmt::format("all {} threads of the blocking pool are held and all {} places of its queue are "
                  "taken; try again later, or raise pool_threads or pool_queue",
                  counts().threads, counts().queue_places),
      std::move(detail));
}

void BlockingPool::Work(std::list<std::thread>::iterator self) {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] {
      return stopping_ || !queue_.empty() ||
             threads_.size() > static_cast<std::size_t>(threads_wanted_);
    });
    if (threads_.size() > static_cast<std::size_t>(threads_wanted_) && !stopping_) {
      ended_.splice(ended_.end(), threads_, self);
      if (!queue_.empty()) work_.notify_one();  // the wake-up may have been meant for work
      return;
    }
    if (queue_.empty()) return;  // stopping, and nothing left to run
    Waiting waiting = std::move(queue_.front());
    queue_.pop_front();
    most_.held_most = std::max(most_.held_most, ++held_);
    lock.unlock();
    Turn turn;
    turn.taken = clock_.Now();
    turn.waited = turn.taken - waiting.since;
    const CancelSource* source = waiting.job.cancel_source;
    turn.expired =
        drop_expired_.load(std::memory_order_relaxed) &&
        (waiting.job.deadline.Passed(turn.taken) || (source != nullptr && source->cancelled()));
    if (turn.expired) ++expired_;  // before it can answer: who has the answer sees the count
    waiting.job.run(turn);
    waiting.job.run = nullptr;  // what it captured dies here, not under the lock
    lock.lock();
    --held_;
  }
}

std::list<std::thread> BlockingPool::Ended() { return std::exchange(ended_, {}); }

void BlockingPool::Resize(int threads, int queue_places) {
  LOCKSTEP_CHECK(threads > 0 && queue_places >= 0);
  std::list<std::thread> ended;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    threads_wanted_ = threads;
    queue_places_ = queue_places;
    Grow();
    work_.notify_all();
    ended = Ended();
  }
  for (std::thread& thread : ended) thread.join();
}

BlockingPool::Counts BlockingPool::counts() const {
  const std::lock_guard lock(mutex_);
  Counts counts = most_;
  counts.threads = threads_wanted_;
  counts.queue_places = queue_places_;
  counts.held_now = held_;
  counts.waiting_now = std::max(0, Unserved());
  counts.expired = expired_.load();
  return counts;
}

void BlockingPool::ResetMost() {
  const std::lock_guard lock(mutex_);
  most_.held_most = held_;
  most_.waiting_most = std::max(0, Unserved());
  expired_ = 0;
}

void BlockingPool::Stop() {
  std::call_once(stopped_, [this] {
    std::list<std::thread> ended;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      work_.notify_all();
      ended = Ended();
    }
    for (std::thread& thread : ended) thread.join();
    // Nobody adds or removes a thread once stopping, so the list can be walked without the lock.
    for (std::thread& thread : threads_) thread.join();
  });
}

}  // namespace lockstep::rpc
