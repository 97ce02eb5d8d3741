// Tells those who work for a caller that the caller has gone.
// Threads: any. A hook runs at most once, under the lock of its source, so once a Hook is destroyed
// its function is not running and never will: it may capture what dies after the Hook. It must be
// quick and must not touch the source.
#pragma once

#include <list>
#include <mutex>
#include <utility>

#include "common/base/status.h"

namespace lockstep {

class CancelSource {
 public:
  CancelSource() = default;
  CancelSource(const CancelSource&) = delete;
  CancelSource& operator=(const CancelSource&) = delete;

  // Runs the hooks that are there; later ones run when they are added. Idempotent.
  void Cancel() {
    const std::lock_guard lock(mutex_);
    if (std::exchange(cancelled_, true)) return;
    for (AnyInvocable<void()>& function : hooks_) function();
    // The nodes stay: each belongs to the Hook that will erase it.
  }

  bool cancelled() const {
    const std::lock_guard lock(mutex_);
    return cancelled_;
  }

  // While it lives, function runs if the source is cancelled. Runs at once if it is cancelled
  // already.
  class Hook {
   public:
    Hook() = default;
    Hook(CancelSource& source, AnyInvocable<void()> function) : source_(&source) {
      const std::lock_guard lock(source.mutex_);
      if (source.cancelled_) function();
      place_ = source.hooks_.insert(source.hooks_.end(), std::move(function));
    }
    Hook(const Hook&) = delete;
    Hook& operator=(const Hook&) = delete;
    ~Hook() {
      if (source_ == nullptr) return;
      const std::lock_guard lock(source_->mutex_);
      source_->hooks_.erase(place_);
    }

   private:
    CancelSource* source_ = nullptr;
    std::list<AnyInvocable<void()>>::iterator place_;
  };

 private:
  mutable std::mutex mutex_;
  bool cancelled_ = false;
  std::list<AnyInvocable<void()>> hooks_;
};

}  // namespace lockstep
