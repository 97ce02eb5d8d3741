#include "common/rpc/completion_loop.h"

#include <utility>

#include "common/base/check.h"

namespace lockstep::rpc {

CompletionLoop::CompletionLoop(std::unique_ptr<grpc::CompletionQueue> queue, int in_flight_max)
    : queue_(std::move(queue)), in_flight_max_(in_flight_max), thread_([this] { Run(); }) {}

CompletionLoop::~CompletionLoop() { Stop(); }

bool CompletionLoop::Begin(InFlight& call) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || in_flight_.size() >= static_cast<std::size_t>(in_flight_max_)) return false;
  call.place_ = in_flight_.insert(in_flight_.end(), &call);
  return true;
}

void CompletionLoop::End(InFlight& call) {
  const std::lock_guard lock(mutex_);
  in_flight_.erase(call.place_);
  if (stopping_ && in_flight_.empty()) emptied_.notify_all();
}

void CompletionLoop::CancelAll() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (InFlight* call : in_flight_) call->Cancel();
}

bool CompletionLoop::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

int CompletionLoop::in_flight() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(in_flight_.size());
}

void CompletionLoop::Post(AnyInvocable<void()> work) {
  const std::lock_guard lock(mail_mutex_);
  LOCKSTEP_CHECK(!queue_shut_);
  mail_.push_back(std::move(work));
  if (std::exchange(mail_on_its_way_, true)) return;
  // The epoch fires at once (TRAPS 22). Set under the lock: the alarm is one object.
  alarm_.Set(queue_.get(), std::chrono::system_clock::time_point(), mail_operation_.Tag());
}

void CompletionLoop::Mail::Complete(
    bool /*ok: whether the alarm fired or was cancelled*/) noexcept {
  std::vector<AnyInvocable<void()>> batch;
  {
    const std::lock_guard lock(loop_.mail_mutex_);
    batch.swap(loop_.mail_);
  }
  for (AnyInvocable<void()>& work : batch) work();
  const std::lock_guard lock(loop_.mail_mutex_);
  if (loop_.mail_.empty()) {
    loop_.mail_on_its_way_ = false;
    loop_.mail_delivered_.notify_all();
  } else {
    // Through the queue again rather than round and round here, so that calls get their turn.
    loop_.alarm_.Set(loop_.queue_.get(), std::chrono::system_clock::time_point(), Tag());
  }
}

void CompletionLoop::Run() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
    const SteadyTime begin = std::chrono::steady_clock::now();
    Operation::FromTag(tag)->Complete(ok);
    const Duration::rep gap = (std::chrono::steady_clock::now() - begin).count();
    // Only this thread raises it; a reset that is overwritten by a gap just seen loses nothing.
    if (gap > longest_gap_.load(std::memory_order_relaxed)) {
      longest_gap_.store(gap, std::memory_order_relaxed);
    }
  }
}

void CompletionLoop::Stop() {
  std::call_once(stopped_, [this] {
    LOCKSTEP_CHECK(!Here());
    CancelAll();
    {
      std::unique_lock lock(mutex_);
      emptied_.wait(lock, [this] { return in_flight_.empty(); });
    }
    // A call leaves the set before its continuation runs, on the loop's thread. Work posted now
    // comes after the last continuation, and what that one posts comes before the mail is all
    // delivered.
    Post([] {});
    {
      std::unique_lock lock(mail_mutex_);
      mail_delivered_.wait(lock, [this] { return !mail_on_its_way_; });
      queue_shut_ = true;
    }
    queue_->Shutdown();
    thread_.join();
  });
}

}  // namespace lockstep::rpc
