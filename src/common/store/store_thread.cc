#include "common/store/store_thread.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/store/error.h"
#include "common/store/transaction.h"

namespace lockstep::store {
namespace {

void Add(std::atomic<std::int64_t>& counter, std::size_t by) {
  counter.fetch_add(static_cast<std::int64_t>(by), std::memory_order_relaxed);
}

// Writes page 1 as it is: a commit with a flush, and nothing to read in it.
Status TouchFile(Database& database) {
  Statement row = database.Prepare("PRAGMA user_version");
  const int version = row.Step() ? row.Int(0) : 0;
  if (Status status = row.Finish(); !status.ok()) return status;
  return database.Execute(fmt::format("PRAGMA user_version = {}", version));
}

}  // namespace

StoreThread::StoreThread(std::unique_ptr<Database> database, StoreThreadOptions options)
    : database_(std::move(database)), options_(options) {
  LOCKSTEP_CHECK(database_ != nullptr && options_.batch_max > 0 && options_.queue_max > 0);
  thread_ = std::thread([this] { Loop(); });
  thread_id_ = thread_.get_id();
  pthread_setname_np(thread_.native_handle(), "store");
}

StoreThread::~StoreThread() { Stop(); }

void StoreThread::Submit(Work work, Deadline not_after, Done done) {
  const SteadyTime now = options_.clock->Now();
  Status refused;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      refused = Stopping(database_->path());
    } else if (waiting() >= options_.queue_max) {
      refused = QueueFull(database_->path(), "writes", options_.queue_max);
    } else {
      waiting_.fetch_add(1, std::memory_order_relaxed);
      incoming_.push_back({std::move(work), std::move(done), not_after, now});
      wake = std::exchange(asleep_, false);
    }
  }
  // Only the first of a burst pays for waking the thread: while it is busy, it looks by itself.
  if (wake) wake_.notify_one();
  if (refused.ok()) return;
  work = nullptr;
  done(CommitResult{std::move(refused)});  // NOLINT(bugprone-use-after-move): kept if refused
}

void StoreThread::Probe(Deadline not_after, Done done) {
  Submit(TouchFile, not_after, std::move(done));
}

void StoreThread::Stop() {
  LOCKSTEP_CHECK(std::this_thread::get_id() != thread_id_);  // it cannot join itself
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  const std::lock_guard lock(stop_mutex_);
  if (thread_.joinable()) thread_.join();
}

void StoreThread::Loop() {
  std::vector<Item> taken;  // swapped with incoming_, so neither is allocated anew
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      while (incoming_.empty() && !stopping_) {
        asleep_ = true;
        wake_.wait(lock);
      }
      asleep_ = false;
      if (incoming_.empty()) return;
      taken.swap(incoming_);
    }
    std::span<Item> rest(taken);
    while (!rest.empty()) {
      const std::size_t size = std::min(rest.size(), static_cast<std::size_t>(options_.batch_max));
      waiting_.fetch_sub(size, std::memory_order_relaxed);
      if (GiveUp()) {
        for (Item& item : rest.first(size)) {
          item.work = nullptr;
          std::exchange(item.done, nullptr)(CommitResult{Stopping(database_->path())});
        }
        Add(items_, size);
      } else {
        Settle(rest.first(size));
      }
      rest = rest.subspan(size);
    }
    taken.clear();
  }
}

// True if what is left is not worth trying: to stop must not take a busy budget for each batch.
bool StoreThread::GiveUp() {
  if (writable()) return false;
  const std::lock_guard lock(mutex_);
  return stopping_;
}

// Answers all items. Each failure parts the rest in two: what came before it, which is committed
// without it, and what comes after. No item is begun more than twice, unless work fails that
// succeeded before.
void StoreThread::Settle(std::span<Item> items) {
  while (!items.empty()) {
    const Attempt attempt = TryCommit(items);
    if (!attempt.failed_at) {
      Answer(items, attempt);
      return;
    }
    // The first that was begun failed with nothing before it: that is its answer.
    const std::size_t at = *attempt.failed_at;
    const bool was_first =
        std::all_of(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(at),
                    [](const Item& item) { return item.expired; });
    if (was_first) {
      Answer(items.first(at + 1), attempt);
      items = items.subspan(at + 1);
    } else {
      Settle(items.first(at));
      items = items.subspan(at);
    }
  }
}

StoreThread::Attempt StoreThread::TryCommit(std::span<Item> items) {
  Attempt attempt{OkStatus(), std::nullopt, options_.clock->Now()};
  const auto expire = [](Item& item, SteadyTime now) {
    return item.expired = item.expired || item.not_after.Passed(now);
  };
  std::size_t left = 0;
  for (Item& item : items) left += expire(item, attempt.begun) ? 0 : 1;
  if (left == 0) return attempt;

  const int pages_before = database_->PagesWritten();
  StatusOr<Transaction> transaction = Transaction::Begin(*database_);
  attempt.status = transaction.status();
  if (attempt.status.ok()) {
    for (std::size_t i = 0; i < items.size() && attempt.status.ok(); ++i) {
      if (expire(items[i], options_.clock->Now())) continue;
      attempt.status = RunItem(items[i]);
      if (!attempt.status.ok()) attempt.failed_at = i;
    }
    if (attempt.status.ok()) {
      attempt.status = transaction->Commit();
      if (attempt.status.ok()) Add(commits_, 1);
    } else {
      transaction->Rollback();
    }
  }
  if (database_->TakeFaultOfTheFile()) {
    writable_ = false;
  } else if (attempt.status.ok() && database_->PagesWritten() != pages_before) {
    writable_ = true;
    attempt.wrote = true;
  }
  return attempt;
}

// What the work says, unless the database knows better: an error that the work did not look at, or
// one after which SQLite gave up the transaction.
Status StoreThread::RunItem(Item& item) {
  Add(runs_, 1);
  Status status = item.work(*database_);
  Status overlooked = database_->TakeOverlooked();
  if (!status.ok()) return status;
  if (!overlooked.ok()) return overlooked;
  return database_->CheckTransaction();
}

// The failed item is the last of items, if there is one; the others of it are expired then.
void StoreThread::Answer(std::span<Item> items, const Attempt& attempt) {
  const SteadyTime now = options_.clock->Now();
  const auto begun = static_cast<std::size_t>(
      std::count_if(items.begin(), items.end(), [](const Item& item) { return !item.expired; }));
  Add(items_, items.size());
  Add(expired_, items.size() - begun);
  if (attempt.status.ok() && static_cast<std::int64_t>(begun) > batch_most_) {
    batch_most_ = static_cast<std::int64_t>(begun);
  }
  for (Item& item : items) item.work = nullptr;
  for (Item& item : items) {
    CommitResult result;
    result.waited = attempt.begun - item.submitted;
    if (item.expired) {
      result.status = BudgetGone("write");
    } else {
      result.status = attempt.status;
      result.batch = static_cast<int>(begun);
      result.took = now - attempt.begun;
    }
    // Taken out: what done captures is not to outlive it until the batch is at its end.
    std::exchange(item.done, nullptr)(result);
  }
  if (attempt.wrote && options_.committed) options_.committed();
}

StoreThread::Counters StoreThread::counters() const {
  Counters counters;
  counters.commits = commits_.load(std::memory_order_relaxed);
  counters.items = items_.load(std::memory_order_relaxed);
  counters.expired = expired_.load(std::memory_order_relaxed);
  counters.runs = runs_.load(std::memory_order_relaxed);
  counters.batch_most = batch_most_.load(std::memory_order_relaxed);
  return counters;
}

}  // namespace lockstep::store
