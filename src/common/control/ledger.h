// What a server has done, useful and wasted: the counts that control.proto describes.
//
// A call is counted once, when it ends, in exactly one category; `duplicates` is a part of useful.
// Threads: any; counting is two relaxed additions.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/high_water.h"
#include "common/rpc/call_table.h"
#include "common/rpc/completion_loop.h"
#include "lockstep/control/v1/control.pb.h"

namespace lockstep::control {

enum class Category {
  kUseful,
  kFinishedLate,
  kFinishedAbandoned,
  kNeverBegun,
  kRefused,
  kFailed,
};
inline constexpr std::size_t kCategories = 6;

Category CategoryOf(const rpc::EndedCall& call);

class Ledger final : public rpc::CallObserver {
 public:
  struct QueueCounts {
    int waiting_now = 0;
    int waiting_most = 0;
  };

  // calls: those of the whole server. Outlives the ledger.
  Ledger(std::string node, rpc::CallTable& calls, const Clock& clock = Clock::Real());

  void Ended(const rpc::EndedCall& call) override;

  // Threads held by calls, of the pool and of the synchronous server together: whoever holds a
  // thread for a call has a HighWater::Hold on this meanwhile.
  HighWater& threads_held() { return threads_held_; }
  // The queue before the pool. The functions may run as long as the ledger answers.
  void SetQueue(std::function<QueueCounts()> counts, std::function<void()> reset_most);
  void AddLoop(rpc::CompletionLoop& loop);
  // The counts of messages since the service started; they only grow, so that the ledger takes off
  // what there was at the last reset and no count is lost. The function may run as long as the
  // ledger answers.
  void SetMessages(std::function<v1::MessageCounts()> since_start);
  v1::Ledger Read() const;
  // Answers with the counts as they were. A call that ends meanwhile stands before or after, not in
  // both; what is held now counts as the most so far.
  v1::Ledger Reset();

 private:
  struct Counter {
    std::atomic<std::int64_t> count = 0;
    std::atomic<std::int64_t> nanos = 0;
    void Count(Duration took);
    void ReadInto(v1::Tally& tally) const;
    void TakeInto(v1::Tally& tally);
  };

  // Under mutex_. messages_now: what there is since the service started.
  void ReadMessages(const v1::MessageCounts& messages_now, v1::Ledger& out) const;
  void ReadGauges(v1::Ledger& out) const;  // under mutex_
  void ResetGauges();                      // under mutex_

  const std::string node_;
  rpc::CallTable& calls_;
  const Clock& clock_;
  std::array<Counter, kCategories> counters_;
  Counter duplicates_;
  HighWater threads_held_;

  mutable std::mutex mutex_;  // guards what is below
  WallTime since_;
  std::function<QueueCounts()> queue_counts_;
  std::function<void()> reset_queue_most_;
  std::vector<rpc::CompletionLoop*> loops_;
  std::function<v1::MessageCounts()> messages_since_start_;
  v1::MessageCounts messages_at_reset_;
};

}  // namespace lockstep::control
