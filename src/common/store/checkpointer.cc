#include "common/store/checkpointer.h"

#include <pthread.h>
#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/store/error.h"

namespace lockstep::store {
namespace {

using namespace std::chrono_literals;

// Waiting for the writer and for readers of the log: what a restart may take from others.
constexpr auto kRestartBudget = 20ms;
constexpr int kCopiesBeforeRestart = 2;
constexpr int kCacheKibibytes = 256;   // it copies frames, and caches nothing
constexpr int kFrameHeaderBytes = 24;  // https://www.sqlite.org/fileformat2.html, section 4.1

}  // namespace

StatusOr<std::unique_ptr<Checkpointer>> Checkpointer::Start(const std::string& path,
                                                            const CheckpointerOptions& options) {
  DatabaseOptions database_options;
  database_options.busy_budget = kRestartBudget;
  database_options.durability = options.durability;
  database_options.cache_kibibytes = kCacheKibibytes;
  auto database = Database::Open(path, Mode::kReadWrite, database_options);
  if (!database.ok()) return database.status();
  return std::unique_ptr<Checkpointer>(new Checkpointer(*std::move(database), options));
}

Checkpointer::Checkpointer(std::unique_ptr<Database> database, const CheckpointerOptions& options)
    : database_(std::move(database)), options_(options) {
  Statement row = database_->Prepare("PRAGMA page_size");
  if (row.Step()) frame_bytes_ = row.Int64(0) + kFrameHeaderBytes;
  (void)row.Finish();  // a file that cannot be read fails its first checkpoint too
  thread_ = std::thread([this] { Loop(); });
  pthread_setname_np(thread_.native_handle(), "checkpointer");
}

Checkpointer::~Checkpointer() { Stop(); }

void Checkpointer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  const std::lock_guard lock(stop_mutex_);
  if (thread_.joinable()) thread_.join();
}

void Checkpointer::Loop() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, options_.interval, [this] { return stopping_; })) {
    lock.unlock();
    Pass();
    lock.lock();
  }
}

void Checkpointer::Pass() {
  Extent extent;
  // Where nothing is left to copy, SQLite sees that in shared memory and touches no file.
  if (!Run(SQLITE_CHECKPOINT_PASSIVE, extent)) return;
  if (extent.frames != last_.frames || extent.copied != last_.copied) ++checkpoints_;
  const std::int64_t bytes = extent.frames * frame_bytes_;
  if (bytes > options_.wal_bytes_max && extent.frames != restarted_at_) {
    // What came during the first copy, and what came during the second: each is less to do while
    // the writer is kept out.
    for (int i = 0; i < kCopiesBeforeRestart; ++i) Run(SQLITE_CHECKPOINT_PASSIVE, extent);
    const SteadyTime start = Clock::Real().Now();
    if (Run(SQLITE_CHECKPOINT_RESTART, extent)) {
      restarted_at_ = extent.frames;
      ++restarts_;
    }
    const Duration took = Clock::Real().Now() - start;
    restart_longest_ = std::max(restart_longest_.load(), static_cast<std::int64_t>(took.count()));
  }
  last_ = extent;
  wal_bytes_ = extent.frames * frame_bytes_;
}

// False if it could not be done, or not wholly: someone was in the way, which is for the next
// interval, or it failed.
bool Checkpointer::Run(int mode, Extent& extent) {
  const int code = sqlite3_wal_checkpoint_v2(database_->connection(), nullptr, mode, &extent.frames,
                                             &extent.copied);
  if (code == SQLITE_OK) return true;
  if ((code & 0xFF) == SQLITE_BUSY) return false;
  ++failures_;
  log::Error("checkpoint_failed",
             {{"file", database_->path()},
              {"error", MessageOf(SqliteError(database_->connection(), code, database_->path(),
                                              "checkpoint"))}});
  return false;
}

Checkpointer::Counters Checkpointer::counters() const {
  Counters counters;
  counters.checkpoints = checkpoints_;
  counters.restarts = restarts_;
  counters.restart_longest = Duration(restart_longest_);
  counters.failures = failures_;
  counters.wal_bytes = wal_bytes_;
  return counters;
}

}  // namespace lockstep::store
