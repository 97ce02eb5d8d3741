// A service's SQLite file with all that works on it: the one writer, the readers, the checkpointer,
// and the watch over whether it can be written.
//
// Threads: those of its parts. Stop order: the writer finishes what is queued, then the readers,
// then the checkpointer; whoever submits (a server) has stopped before.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/store/checkpointer.h"
#include "common/store/commit_signal.h"
#include "common/store/commit_watcher.h"
#include "common/store/database.h"
#include "common/store/migrations.h"
#include "common/store/reader_pool.h"
#include "common/store/store_thread.h"

namespace lockstep::store {

struct StoreFileOptions {
  std::string path;
  DatabaseOptions database;
  StoreThreadOptions writer;
  ReaderPoolOptions readers;
  CheckpointerOptions checkpointer;
  Duration probe_interval = limits::kWriteProbeInterval;
  // So often it is looked whether another process has committed to the file: committed() tells of
  // those commits too. Zero: never, for a file that no other process writes.
  Duration other_process_poll{};
};

// Whether a file can be written: known from the last write; where none has been made for an
// interval, or the last one failed, from a probe. Threads: any; Look from one.
class WriteWatch {
 public:
  WriteWatch(StoreThread& writer, Duration interval, const Clock& clock)
      : writer_(writer), interval_(interval), clock_(clock), last_write_(Now()) {}

  // A commit that wrote something has returned.
  void Wrote() { last_write_.store(Now(), std::memory_order_relaxed); }

  // Now and then: begins a probe where one is due, and says what is known.
  bool Look();

 private:
  Duration::rep Now() const { return clock_.Now().time_since_epoch().count(); }

  StoreThread& writer_;
  const Duration interval_;
  const Clock& clock_;
  std::atomic<Duration::rep> last_write_;
  std::atomic<bool> probing_ = false;
};

class StoreFile {
 public:
  // Reads what is to be held in memory; before any thread works on the file.
  using Load = AnyInvocable<Status(Database&)>;

  static StatusOr<std::unique_ptr<StoreFile>> Open(const StoreFileOptions& options,
                                                   const Schema& schema, Load load);
  ~StoreFile();  // stops it

  StoreThread& writer() { return *writer_; }
  ReaderPool& readers() { return *readers_; }
  WriteWatch& watch() { return *watch_; }
  // After each commit that wrote something; of other processes too, if the options say so.
  CommitSignal& committed() { return committed_; }
  const std::string& path() const { return path_; }

  // Finishes what is queued. Idempotent.
  void Stop();

 private:
  explicit StoreFile(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  CommitSignal committed_;  // before the writer, which notifies
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<WriteWatch> watch_;  // before the writer: a probe's answer touches it
  std::unique_ptr<ReaderPool> readers_;
  std::unique_ptr<StoreThread> writer_;
  std::unique_ptr<CommitWatcher> watcher_;  // may be null
};

}  // namespace lockstep::store
