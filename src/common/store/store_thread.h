// The one writer of a SQLite file, with group commit: the thread takes what is waiting, up to
// batch_max items, runs it in one transaction, commits, and answers after the commit returned. An
// idle store commits at once: there is no waiting window, a batch is what came during the commit
// before it.
//
// Threads: Submit, Probe, Stop and the reads of state from any. work and done run on the store
// thread, so they must be quick; only a Submit that is refused runs its done itself, before it
// returns. No lock is held while either runs, and done may Submit.
//
// Invariants:
//   - done runs exactly once for each Submit, on shutdown too, with OK only if the work is durable.
//     The work has been destroyed by then, and what done captures is destroyed right after it.
//   - Items are committed in the order in which they were submitted.
//   - Work whose deadline has passed is not begun.
//   - One item's error harms no other. When an item fails in a batch, the batch is rolled back,
//   what
//     came before it is committed without it, and it starts a new transaction of its own: so work
//     may run more than once, and writes its results where the last run overwrites them.
//   - An error of the file (full, locked) at BEGIN or COMMIT is the answer to the whole batch, and
//     nothing of it is done.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/deadline.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/store/database.h"

namespace lockstep::store {

struct CommitResult {
  Status status;      // OK: durable
  int batch = 0;      // items of the transaction that this one was decided in
  Duration waited{};  // from Submit until that transaction was begun
  Duration took{};    // from there until it was committed, or given up
};

struct StoreThreadOptions {
  int batch_max = limits::kCommitBatchMax;  // 1: no group commit, to measure what it gains
  std::size_t queue_max = limits::kStoreQueueMax;
  const Clock* clock = &Clock::Real();
  // After each commit that wrote something, once its items are answered; on the store thread.
  std::function<void()> committed;
};

class StoreThread {
 public:
  // What to write. OK: to be committed; an error rolls it back and is what done gets. Reasons of
  // this class: BUDGET_GONE, STORE_QUEUE_FULL, STOPPING.
  using Work = AnyInvocable<Status(Database&)>;
  using Done = AnyInvocable<void(const CommitResult&)>;

  explicit StoreThread(std::unique_ptr<Database> database, StoreThreadOptions options = {});
  ~StoreThread();  // stops it

  void Submit(Work work, Deadline not_after, Done done);

  // A tiny durable write on the path of all others, which changes nothing that anyone reads: tells
  // whether the file can be written, and makes writable() say it.
  void Probe(Deadline not_after, Done done);

  // Finishes what is queued and ends the thread. If the file fails while stopping, what is left is
  // answered with STOPPING. Later Submits are refused. Idempotent.
  void Stop();

  // False while the last attempt to write failed through the fault of the file. Only a commit that
  // has really written makes it true again.
  bool writable() const { return writable_.load(std::memory_order_relaxed); }

  struct Counters {
    std::int64_t commits = 0;     // that wrote something or nothing, but were committed
    std::int64_t items = 0;       // answered, with whatever status
    std::int64_t expired = 0;     // of them, never begun
    std::int64_t runs = 0;        // of work; above items - expired where batches were rolled back
    std::int64_t batch_most = 0;  // items in the largest commit
  };
  Counters counters() const;
  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  struct Item {
    Work work;
    Done done;
    Deadline not_after;
    SteadyTime submitted;
    bool expired = false;
  };
  // What became of one transaction. failed_at: the item whose work failed; none if the transaction
  // itself did, or nothing.
  struct Attempt {
    Status status;
    std::optional<std::size_t> failed_at;
    SteadyTime begun;
    bool wrote = false;  // and is committed
  };

  void Loop();
  void Settle(std::span<Item> items);
  Attempt TryCommit(std::span<Item> items);
  Status RunItem(Item& item);
  bool GiveUp();
  void Answer(std::span<Item> items, const Attempt& attempt);

  const std::unique_ptr<Database> database_;
  const StoreThreadOptions options_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Item> incoming_;  // guarded by mutex_, as the two below
  bool asleep_ = false;         // the thread waits on wake_ and nobody has woken it yet
  bool stopping_ = false;

  std::atomic<std::size_t> waiting_ = 0;  // items in incoming_ or taken and not yet begun
  std::atomic<bool> writable_ = true;
  std::atomic<std::int64_t> commits_ = 0, items_ = 0, expired_ = 0, runs_ = 0, batch_most_ = 0;

  std::mutex stop_mutex_;  // held while joining
  std::thread thread_;
  std::thread::id thread_id_;
};

}  // namespace lockstep::store
