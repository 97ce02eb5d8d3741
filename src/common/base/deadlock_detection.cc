#include "common/base/deadlock_detection.h"

#include "absl/synchronization/mutex.h"

namespace lockstep {

void StopAbseilsDeadlockDetection() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

}  // namespace lockstep
