// Notices commits that another process made on the same file, and tells those who listen to this
// process's commits: SQLite has no other way than to look. A commit of this process is noticed once
// more, which costs its listeners a look for nothing.
//
// Threads: one of its own, on which the signal notifies; Stop from any.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/store/commit_signal.h"
#include "common/store/database.h"

namespace lockstep::store {

class CommitWatcher {
 public:
  // The file must be there. interval: between two looks, each of about 10 µs. signal: outlives it.
  static StatusOr<std::unique_ptr<CommitWatcher>> Start(const std::string& path, Duration interval,
                                                        CommitSignal& signal);
  ~CommitWatcher();  // stops it

  void Stop();  // idempotent

 private:
  CommitWatcher(std::unique_ptr<Database> database, std::int64_t seen, Duration interval,
                CommitSignal& signal);
  void Loop();

  const std::unique_ptr<Database> database_;
  std::int64_t seen_;
  const Duration interval_;
  CommitSignal& signal_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;

  std::mutex stop_mutex_;  // held while joining
  std::thread thread_;     // last: it uses all of the above
};

}  // namespace lockstep::store
