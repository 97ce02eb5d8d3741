// Threads that read a SQLite file, each by a read-only connection of its own, for what is not held
// in memory: they never wait for the writer, nor it for them.
//
// Threads: Read and Stop from any. work and done run on a reader thread; only a Read that is
// refused runs its done itself, before it returns. Reads of one caller may overtake each other.
// Invariant: done runs exactly once for each Read, on shutdown too; the work has been destroyed by
// then.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/deadline.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/store/database.h"

namespace lockstep::store {

struct ReaderPoolOptions {
  int threads = limits::kReaderThreadsDefault;
  std::size_t queue_max = limits::kReadQueueMax;
  int cache_kibibytes = limits::kReaderCacheKibibytes;  // of each thread
  const Clock* clock = &Clock::Real();
};

class ReaderPool {
 public:
  // Sees one moment of the file, also over several statements. What it returns is what done gets,
  // unless a statement of it failed unnoticed. Work whose deadline has passed is not begun.
  using Work = AnyInvocable<Status(Database&)>;
  using Done = AnyInvocable<void(const Status&)>;

  // The file must be there.
  static StatusOr<std::unique_ptr<ReaderPool>> Start(const std::string& path,
                                                     const ReaderPoolOptions& options = {});
  ~ReaderPool();  // stops it

  // Reasons of this class: BUDGET_GONE, STORE_QUEUE_FULL, STOPPING.
  void Read(Work work, Deadline not_after, Done done);

  // Finishes what is queued and ends the threads; later Reads are refused. Idempotent.
  void Stop();

  std::size_t waiting() const;

 private:
  struct Item {
    Work work;
    Done done;
    Deadline not_after;
  };

  ReaderPool(std::string path, const ReaderPoolOptions& options)
      : path_(std::move(path)), options_(options) {}
  void Loop(Database& database);
  Status Run(Database& database, Item& item) const;

  const std::string path_;
  const ReaderPoolOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Item> queue_;  // guarded by mutex_, as the next
  bool stopping_ = false;

  std::mutex stop_mutex_;  // held while joining
  std::vector<std::thread> threads_;
};

}  // namespace lockstep::store
