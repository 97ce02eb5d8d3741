// A completion queue, the one thread that serves it, and the bounded set of what was started on it
// and can be cancelled: calls, mostly.
//
// The loop does nothing but hand on: no SQL, no file, no lock held long, no sleep (TRAPS 1: a loop
// busy for 300 ms turns an answer that arrived in 1 ms into a time-out). LongestGap says whether
// that holds.
//
// Threads: every public method may be called from any thread; Complete of operations and posted
// work run on the loop's. Stop order (TRAPS 9, 10, 23): refuse new calls; cancel those in flight,
// or the queue waits for the peers; wait until the last has come back; shut the queue down; drain
// it; join. A server's loop is stopped after its server (common/rpc/server.h), because accepted
// calls end on it too. An alarm of somebody else's on the queue holds Stop up until it fires,
// unless it is in the set.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/executor.h"
#include "common/base/limits.h"
#include "common/rpc/operation.h"

namespace lockstep::rpc {

class CompletionLoop final : public Executor {
 public:
  // A call in flight on the loop, as the loop sees it.
  class InFlight {
   public:
    virtual void Cancel() = 0;  // any thread; the call still comes back through the queue

   protected:
    virtual ~InFlight() = default;

   private:
    friend class CompletionLoop;
    std::list<InFlight*>::iterator place_;
  };

  // queue: a CompletionQueue, or a server's ServerCompletionQueue. in_flight_max: calls; one more
  // is refused.
  explicit CompletionLoop(std::unique_ptr<grpc::CompletionQueue> queue,
                          int in_flight_max = limits::kLoopCallsMax);
  CompletionLoop(const CompletionLoop&) = delete;
  CompletionLoop& operator=(const CompletionLoop&) = delete;
  ~CompletionLoop() override;  // Stop()

  grpc::CompletionQueue* queue() { return queue_.get(); }

  // Takes a call into the set. False once Stop has begun or the set is full: then nothing may be
  // started on the queue. True: the caller starts it now, and calls End when it has come back.
  [[nodiscard]] bool Begin(InFlight& call);
  void End(InFlight& call);

  // Runs work on the loop's thread; whatever is posted before the loop wakes up costs one wake-up
  // together. Posted work and continuations may post again, also while Stop waits. Other threads
  // must be through with posting before Stop is called: a post that comes after the last work was
  // run could never be, is a mistake of ours, and ends the process.
  void Post(AnyInvocable<void()> work) override;

  // Refuses new calls from now on and cancels those in flight.
  void CancelAll();
  bool stopping() const;  // CancelAll was called
  void Stop();            // idempotent; not from the loop's own thread

  bool Here() const override { return std::this_thread::get_id() == thread_.get_id(); }
  int in_flight() const;
  // The longest time that the thread took to hand on one completion: so long nothing else was
  // looked at.
  Duration LongestGap() const { return Duration(longest_gap_.load(std::memory_order_relaxed)); }
  void ResetLongestGap() { longest_gap_.store(0, std::memory_order_relaxed); }

 private:
  // Brings posted work to the thread.
  class Mail final : public Operation {
   public:
    explicit Mail(CompletionLoop& loop) : loop_(loop) {}
    void Complete(bool ok) noexcept override;

   private:
    CompletionLoop& loop_;
  };

  void Run();

  const std::unique_ptr<grpc::CompletionQueue> queue_;
  const int in_flight_max_;

  mutable std::mutex mutex_;  // guards the set
  std::condition_variable emptied_;
  bool stopping_ = false;
  std::list<InFlight*> in_flight_;

  std::mutex mail_mutex_;
  std::condition_variable mail_delivered_;
  std::vector<AnyInvocable<void()>> mail_;
  bool mail_on_its_way_ = false;  // the alarm is set, or its work is running
  bool queue_shut_ = false;
  grpc::Alarm alarm_;
  Mail mail_operation_{*this};

  std::atomic<Duration::rep> longest_gap_ = 0;
  std::once_flag stopped_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace lockstep::rpc
