// The orders in their SQLite file: one writer with group commit, readers beside it, checkpoints by
// a thread of their own. Threads: every method from any. A done runs once: on the store thread, on
// a reader thread, or before the method returns.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/store/store_file.h"
#include "order/domain/pending.h"
#include "order/ports.h"
#include "order/store/request_id_filter.h"
#include "order/store/rows.h"

namespace lockstep::order {

struct OrderPage {
  std::vector<Order> orders;  // the newest first
  bool more = false;          // there is another page
};

struct OrderStoreOptions {
  int commit_batch_max = limits::kCommitBatchMax;  // 1: no group commit, to measure what it gains
  store::Durability durability = store::Durability::kFull;  // anything else: to see what it loses
};

class SqliteOrderStore final : public OrderStore {
 public:
  using OrderDone = AnyInvocable<void(StatusOr<std::shared_ptr<const Order>>)>;

  static StatusOr<std::unique_ptr<SqliteOrderStore>> Open(const std::string& path,
                                                          const OrderStoreOptions& options = {});
  ~SqliteOrderStore() override { Stop(); }  // what is still answered uses the store

  void FindByRequestId(std::string request_id,
                       AnyInvocable<void(StatusOr<std::optional<StoredOutcome>>)> done) override;
  void Insert(std::shared_ptr<const Order> order, std::string fingerprint,
              const BesideOrder* beside, Deadline not_after,
              AnyInvocable<void(InsertResult)> done) override;

  // NOT_FOUND, reason ORDER_UNKNOWN.
  void Get(std::string order_id, Deadline not_after, OrderDone done);
  // after_order_id: the last of the page before; empty: the first page.
  void List(OrderFilter filter, int page_size, std::string after_order_id, Deadline not_after,
            AnyInvocable<void(StatusOr<OrderPage>)> done);
  void BeginCheckout(Checkout checkout, WallTime settle_time, Deadline not_after,
                     AnyInvocable<void(Status)> done) override;
  void AbandonCheckout(Checkout checkout, const BesideOrder& beside) override;
  // Undoes the checkouts that nobody works on any more, limits::kPurgeBatchRows at most, by what
  // beside says. How many; nothing is written where there are none.
  void SettleCheckouts(WallTime now, const BesideOrder& beside,
                       AnyInvocable<void(StatusOr<int>)> done);

  // The same errors as Get's and the domain's Cancel.
  void Cancel(std::string order_id, WallTime now, Deadline not_after, OrderDone done);

  // What is to be written when an order that is kept changes, in the same transaction. Before the
  // first order.
  using WhenChanged =
      std::function<Status(store::Database& database, const Order& before, const Order& after)>;
  void OnChange(WhenChanged when_changed) { when_changed_ = std::move(when_changed); }

  // Rejects the PENDING orders taken before a moment, limits::kPurgeBatchRows at most. Says how
  // many there were; nothing is written where there are none.
  void ExpirePending(WallTime before, WallTime now, AnyInvocable<void(StatusOr<int>)> done);

  // Which orders have changed after a number of the feed, and the number of its last change now. At
  // most limits::kFeedPieceChanges ids; then head is the last of these.
  struct ChangedOrders {
    std::int64_t head = 0;
    std::vector<std::string> order_ids;
  };
  void ReadChangedSince(std::int64_t after, AnyInvocable<void(StatusOr<ChangedOrders>)> done);

  // The number of the feed's last change.
  void ReadFeedHead(AnyInvocable<void(StatusOr<std::int64_t>)> done);

  // Removes rows of the feed written before a moment, in one bounded batch; as PurgeRequestIds.
  void TrimFeed(WallTime before, AnyInvocable<void(StatusOr<int>)> done);

  // How many orders are PENDING, and when the oldest was taken; waits for the file.
  struct Pending {
    std::int64_t count = 0;
    std::optional<WallTime> oldest;
  };
  void CountPending(AnyInvocable<void(StatusOr<Pending>)> done);

  // --- within a transaction of the store's own thread

  // Places an order that came as a message. existing: whose request id it is already.
  Status InsertWithin(store::Database& database, const Order& order, const std::string& fingerprint,
                      const BesideOrder* beside, std::optional<StoredOutcome>& existing);
  // Takes a verdict, ConsumerVerdict or MenuVerdict. NOT_FOUND: there is no such order.
  template <typename Verdict>
  StatusOr<Judged> TakeVerdictWithin(store::Database& database, Verdict verdict, WallTime now);
  // Takes what became of a step of a checkout, as TakeStep. NOT_FOUND: there is no such order.
  StatusOr<Judged> TakeStepWithin(store::Database& database, const std::string& order_id, Step step,
                                  const std::string& refusal, WallTime now);
  // Takes an order back because its checkout could not be confirmed; nothing if it is final in
  // another way.
  Status TakeBackWithin(store::Database& database, const std::string& order_id, WallTime now);

  store::StoreFile& file() { return *file_; }

  // Orders found to have been accepted on a copy that was out of date, since the start: as they
  // were written, and by the audit of later changes, which adds to it (store/copies.h).
  std::atomic<std::int64_t>& orders_on_stale_data() { return orders_on_stale_data_; }

  // Removes the request ids of orders taken before a moment, those of limits::kPurgeBatchRows
  // orders at most. Says how many orders it went through: fewer than that, and there are no more.
  // Writes nothing where nothing is to be removed.
  void PurgeRequestIds(WallTime before, AnyInvocable<void(StatusOr<int>)> done);

  // Now and then, from one thread: tries whether the file can be written where no write has shown
  // it, and says what is known.
  bool Writable() { return file_->watch().Look(); }
  store::StoreThread::Counters counters() const { return file_->writer().counters(); }
  void Stop() {  // idempotent
    if (file_ != nullptr) file_->Stop();
  }

 private:
  SqliteOrderStore() = default;
  Status Change(store::Database& database, const Order& before, const Order& after) const;
  Status CancelWithin(store::Database& database, const std::string& order_id, WallTime now,
                      StatusOr<std::shared_ptr<const Order>>& outcome) const;

  std::atomic<std::int64_t> orders_on_stale_data_ = 0;
  RequestIdFilter filter_;
  WhenChanged when_changed_;
  std::unique_ptr<store::StoreFile> file_;
};

}  // namespace lockstep::order
