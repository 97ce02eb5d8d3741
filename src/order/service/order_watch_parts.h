// The inside of OrderWatch: who waits for which order, and what is read for them.
// Threads: readers, the store's, the timer's and loops; said where it matters.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/rpc/delay_timer.h"
#include "order/service/convert.h"
#include "order/service/order_watch.h"

namespace lockstep::order {

// An order as it was read, and what a stream says of each of its changes; made once for all who
// watch it.
struct OrderWatch::Seen {
  explicit Seen(std::shared_ptr<const Order> seen)
      : order(std::move(seen)), is_final(order->state != OrderState::kPending) {
    v1::WatchOrderResponse response;
    SetProto(*order, response.mutable_order());
    for (const v1::StateChange& change : response.order().state_changes()) {
      response.set_version(response.version() + 1);
      *response.mutable_change() = change;
      pieces.push_back(rpc::ToBytes(response));
    }
  }
  std::int64_t version() const { return static_cast<std::int64_t>(pieces.size()); }

  const std::shared_ptr<const Order> order;
  const bool is_final;
  std::vector<grpc::ByteBuffer> pieces;
};

// One that waits. Every method under the lock of Parts; what must run without it goes into answers.
class OrderWatch::Watcher {
 public:
  virtual ~Watcher() = default;
  // True: it waits no longer.
  virtual bool See(const std::shared_ptr<const Seen>& seen, Answers& answers) = 0;
  virtual bool Fail(const Status& status, Answers& answers) = 0;
  virtual bool is_stream() const = 0;
};

class OrderWatch::Parts final {
 public:
  explicit Parts(SqliteOrderStore& store)
      : store_(store), committed_(store.file().committed(), [this] { Look(); }) {}
  ~Parts() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return reads_ == 0; });
  }

  // False: the server is stopping. entered: runs under the lock, if it is not null.
  bool Add(const std::string& order_id, const std::shared_ptr<Watcher>& watcher,
           AnyInvocable<void(rpc::DelayTimer&)> entered);
  // False: it was not there any more.
  bool Remove(const std::string& order_id, const std::shared_ptr<Watcher>& watcher);
  void End(bool streams);
  int waiting() const { return waiting_.load(std::memory_order_relaxed); }
  rpc::DelayTimer& timer() { return timer_; }

 private:
  struct Watched {
    std::unordered_set<std::shared_ptr<Watcher>> watchers;
    bool is_new = true;  // was not read since it is watched
    bool reading = false;
    bool again = false;  // to be read once more after that
  };

  void Look();
  void StartLook(std::optional<std::int64_t> after);
  void Looked(const StatusOr<SqliteOrderStore::ChangedOrders>& changed);
  static bool BeginRead(Watched& watched);
  void Begun();
  void Ended();
  void Read(const std::string& order_id);
  void Got(const std::string& order_id, const StatusOr<std::shared_ptr<const Order>>& order);
  void Forget(const std::string& order_id);

  SqliteOrderStore& store_;
  std::atomic<int> waiting_ = 0;

  std::mutex mutex_;  // guards what follows, but for reading waiting_
  std::unordered_map<std::string, Watched> orders_;
  bool streams_ended_ = false;
  bool waits_ended_ = false;
  std::optional<std::int64_t> known_;  // of the feed: up to it, who waits was told
  bool looking_ = false;
  bool look_again_ = false;
  int reads_ = 0;  // under way
  std::condition_variable idle_;

  store::CommitSignal::Listening committed_;  // after what it uses, as the timer
  rpc::DelayTimer timer_;
};

}  // namespace lockstep::order
