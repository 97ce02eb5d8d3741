#include "common/store/reader_pool.h"

#include <pthread.h>

#include <utility>

#include "common/base/check.h"
#include "common/store/error.h"
#include "common/store/transaction.h"

namespace lockstep::store {

StatusOr<std::unique_ptr<ReaderPool>> ReaderPool::Start(const std::string& path,
                                                        const ReaderPoolOptions& options) {
  LOCKSTEP_CHECK(options.threads > 0 && options.queue_max > 0);
  DatabaseOptions database_options;
  database_options.cache_kibibytes = options.cache_kibibytes;
  std::vector<std::unique_ptr<Database>> databases;
  for (int i = 0; i < options.threads; ++i) {
    auto database = Database::Open(path, Mode::kReadOnly, database_options);
    if (!database.ok()) return database.status();
    databases.push_back(*std::move(database));
  }
  std::unique_ptr<ReaderPool> pool(new ReaderPool(path, options));
  for (auto& database : databases) {
    pool->threads_.emplace_back(
        [self = pool.get(), own = std::move(database)] { self->Loop(*own); });
    pthread_setname_np(pool->threads_.back().native_handle(), "reader");
  }
  return pool;
}

ReaderPool::~ReaderPool() { Stop(); }

void ReaderPool::Read(Work work, Deadline not_after, Done done) {
  Status refused;
  {
    std::unique_lock lock(mutex_);
    if (!stopping_ && queue_.size() < options_.queue_max) {
      queue_.push_back({std::move(work), std::move(done), not_after});
      lock.unlock();
      wake_.notify_one();
      return;
    }
    refused = stopping_ ? Stopping(path_) : QueueFull(path_, "reads", options_.queue_max);
  }
  work = nullptr;
  done(refused);
}

void ReaderPool::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  const std::lock_guard lock(stop_mutex_);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::size_t ReaderPool::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void ReaderPool::Loop(Database& database) {
  for (;;) {
    Item item;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      item = std::move(queue_.front());
      queue_.pop_front();
    }
    const Status status = Run(database, item);
    item.work = nullptr;
    item.done(status);
  }
}

Status ReaderPool::Run(Database& database, Item& item) const {
  if (item.not_after.Passed(options_.clock->Now())) return BudgetGone("read");
  auto transaction = Transaction::BeginRead(database);
  if (!transaction.ok()) return transaction.status();
  Status status = item.work(database);
  if (status.ok()) status = transaction->Commit();
  return status;
}

}  // namespace lockstep::store
