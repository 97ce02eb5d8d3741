#include "common/store/commit_watcher.h"

#include <pthread.h>

#include <utility>

#include "common/base/log.h"

namespace lockstep::store {
namespace {

constexpr int kCacheKibibytes = 64;  // it reads no page but the first

// Another value than before: somebody else has committed. https://www.sqlite.org/pragma.html
StatusOr<std::int64_t> DataVersion(Database& database) {
  Statement row = database.Prepare("PRAGMA data_version");
  const std::int64_t version = row.Step() ? row.Int64(0) : 0;
  if (Status status = row.Finish(); !status.ok()) return status;
  return version;
}

}  // namespace

StatusOr<std::unique_ptr<CommitWatcher>> CommitWatcher::Start(const std::string& path,
                                                              Duration interval,
                                                              CommitSignal& signal) {
  DatabaseOptions options;
  options.cache_kibibytes = kCacheKibibytes;
  auto database = Database::Open(path, Mode::kReadOnly, options);
  if (!database.ok()) return database.status();
  // Now, so that no commit after this is missed.
  const StatusOr<std::int64_t> seen = DataVersion(**database);
  if (!seen.ok()) return seen.status();
  return std::unique_ptr<CommitWatcher>(
      new CommitWatcher(*std::move(database), *seen, interval, signal));
}

CommitWatcher::CommitWatcher(std::unique_ptr<Database> database, std::int64_t seen,
                             Duration interval, CommitSignal& signal)
    : database_(std::move(database)), seen_(seen), interval_(interval), signal_(signal) {
  thread_ = std::thread([this] { Loop(); });
  pthread_setname_np(thread_.native_handle(), "commit-watcher");
}

CommitWatcher::~CommitWatcher() { Stop(); }

void CommitWatcher::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  const std::lock_guard lock(stop_mutex_);
  if (thread_.joinable()) thread_.join();
}

void CommitWatcher::Loop() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, interval_, [this] { return stopping_; })) {
    lock.unlock();
    const StatusOr<std::int64_t> version = DataVersion(*database_);
    if (!version.ok()) {
      log::Warning("commit_watch_failed", {{"message", MessageOf(version.status())}});
    } else if (std::exchange(seen_, *version) != *version) {
      signal_.Notify();
    }
    lock.lock();
  }
}

}  // namespace lockstep::store
