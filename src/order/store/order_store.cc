#include "order/store/order_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/kill_point.h"
#include "order/domain/checkout.h"
#include "order/store/checkout_rows.h"
#include "order/store/copies.h"
#include "order/store/feed_rows.h"
#include "order/store/read_into.h"
#include "order/store/schema.h"

namespace lockstep::order {
namespace {

Status OrderUnknown(const std::string& order_id) {
  return MakeError(StatusCode::kNotFound, "ORDER_UNKNOWN",
                   fmt::format("there is no order {}", order_id));
}

// A new order has been through steps only if its style waited for them.
bool WasCheckedOut(const Order& order) {
  return std::any_of(order.changes.begin(), order.changes.end(),
                     [](const StateChange& change) { return change.step.has_value(); });
}

Status CheckoutUndone() {
  ErrorDetail detail;
  detail.reason = "CHECKOUT_UNDONE";
  detail.retry_after = limits::kRetryAfterUnreachable;
  return MakeError(StatusCode::kUnavailable,
                   "the checkout took so long that it was undone; send the order again",
                   std::move(detail));
}

// Within a transaction. existing: whose request id it is already; then nothing is written.
Status InsertIn(store::Database& database, const Order& order, const std::string& fingerprint,
                const BesideOrder* beside, std::optional<StoredOutcome>& existing, bool& stale) {
  existing.reset();
  stale = false;
  if (!order.request_id.empty()) {
    const StatusOr<bool> inserted = InsertRequestId(database, order, fingerprint);
    if (!inserted.ok()) return inserted.status();
    if (!*inserted) {
      StatusOr<std::optional<StoredOutcome>> outcome = ReadOutcome(database, order.request_id);
      if (outcome.ok()) existing = *outcome;
      return outcome.status();
    }
  }
  if (WasCheckedOut(order)) {
    const StatusOr<bool> removed = RemoveCheckout(database, order.order_id);
    if (!removed.ok()) return removed.status();
    if (!*removed) return CheckoutUndone();
  }
  if (Status status = InsertOrder(database, order); !status.ok()) return status;
  const StatusOr<bool> marked = MarkIfStale(database, order);
  if (!marked.ok()) return marked.status();
  stale = *marked;
  if (beside != nullptr) {
    if (Status status = beside->Write(database, order); !status.ok()) return status;
  }
  PassKillPoint(KillPoint::kOrderBeforeCommit);
  return OkStatus();
}

}  // namespace

StatusOr<std::unique_ptr<SqliteOrderStore>> SqliteOrderStore::Open(
    const std::string& path, const OrderStoreOptions& options) {
  std::unique_ptr<SqliteOrderStore> self(new SqliteOrderStore);
  store::StoreFileOptions file;
  file.path = path;
  file.writer.batch_max = options.commit_batch_max;
  file.database.durability = options.durability;
  file.other_process_poll = limits::kOtherProcessPoll;  // another instance may work on the file
  StatusOr<std::unique_ptr<store::StoreFile>> opened = store::StoreFile::Open(
      file, OrderSchema(), [&filter = self->filter_](store::Database& database) {
        store::Statement row = database.Query("SELECT request_id FROM request_ids");
        while (row.Step()) filter.Add(row.Text(0));
        return row.Finish();
      });
  if (!opened.ok()) return opened.status();
  self->file_ = *std::move(opened);
  return self;
}

void SqliteOrderStore::FindByRequestId(
    std::string request_id, AnyInvocable<void(StatusOr<std::optional<StoredOutcome>>)> done) {
  if (!filter_.MayContain(request_id)) {
    done(std::optional<StoredOutcome>());
    return;
  }
  ReadInto<std::optional<StoredOutcome>>(
      file_->readers(), Deadline::Never(),
      [request_id = std::move(request_id)](store::Database& database) {
        return ReadOutcome(database, request_id);
      },
      std::move(done));
}

void SqliteOrderStore::Insert(std::shared_ptr<const Order> order, std::string fingerprint,
                              const BesideOrder* beside, Deadline not_after,
                              AnyInvocable<void(InsertResult)> done) {
  if (!order->request_id.empty()) filter_.Add(order->request_id);
  struct Inserting : InsertResult {
    bool stale = false;  // judged by a copy that was out of date
  };
  const auto result = std::make_shared<Inserting>();
  file_->writer().Submit(
      [order = std::move(order), fingerprint = std::move(fingerprint), beside,
       result](store::Database& database) {
        return InsertIn(database, *order, fingerprint, beside, result->existing, result->stale);
      },
      not_after,
      [this, result, done = std::move(done)](const store::CommitResult& committed) mutable {
        result->status = committed.status;
        result->commit_duration = committed.waited + committed.took;
        if (!committed.status.ok()) {
          result->existing.reset();
        } else if (!result->existing) {
          PassKillPoint(KillPoint::kOrderCommitted);
          result->batch = committed.batch;
          if (result->stale) orders_on_stale_data_.fetch_add(1, std::memory_order_relaxed);
          file_->watch().Wrote();
        }
        done(std::move(*result));
      });
}

void SqliteOrderStore::Get(std::string order_id, Deadline not_after, OrderDone done) {
  ReadInto<std::shared_ptr<const Order>>(
      file_->readers(), not_after,
      [order_id = std::move(order_id)](
          store::Database& database) -> StatusOr<std::shared_ptr<const Order>> {
        StatusOr<std::optional<Order>> order = ReadOrder(database, order_id);
        if (!order.ok()) return order.status();
        if (!order->has_value()) return OrderUnknown(order_id);
        return std::make_shared<const Order>(**std::move(order));
      },
      std::move(done));
}

void SqliteOrderStore::List(OrderFilter filter, int page_size, std::string after_order_id,
                            Deadline not_after, AnyInvocable<void(StatusOr<OrderPage>)> done) {
  ReadInto<OrderPage>(
      file_->readers(), not_after,
      [filter = std::move(filter), page_size,
       after = std::move(after_order_id)](store::Database& database) -> StatusOr<OrderPage> {
        StatusOr<std::vector<Order>> orders = ReadOrders(database, filter, page_size + 1, after);
        if (!orders.ok()) return orders.status();
        OrderPage page;
        page.orders = *std::move(orders);
        page.more = page.orders.size() > static_cast<std::size_t>(page_size);
        if (page.more) page.orders.pop_back();
        return page;
      },
      std::move(done));
}

void SqliteOrderStore::Cancel(std::string order_id, WallTime now, Deadline not_after,
                              OrderDone done) {
  const auto outcome =
      std::make_shared<StatusOr<std::shared_ptr<const Order>>>(absl::UnknownError("not decided"));
  file_->writer().Submit(
      [this, order_id = std::move(order_id), now, outcome](store::Database& database) {
        return CancelWithin(database, order_id, now, *outcome);
      },
      not_after,
      [outcome, done = std::move(done)](const store::CommitResult& committed) mutable {
        if (committed.status.ok()) {
          done(std::move(*outcome));
        } else {
          done(committed.status);
        }
      });
}

// Within a transaction. outcome: the cancelled order, or why it cannot be: a refusal is no error of
// the transaction, which would make the others of the batch start again.
Status SqliteOrderStore::CancelWithin(store::Database& database, const std::string& order_id,
                                      WallTime now,
                                      StatusOr<std::shared_ptr<const Order>>& outcome) const {
  StatusOr<std::optional<Order>> stored = ReadOrder(database, order_id);
  if (!stored.ok()) return stored.status();
  if (!stored->has_value()) {
    outcome = OrderUnknown(order_id);
    return OkStatus();
  }
  StatusOr<Order> order = order::Cancel(**stored, now);
  if (!order.ok()) {
    outcome = order.status();
    return OkStatus();
  }
  const auto cancelled = std::make_shared<const Order>(*std::move(order));
  outcome = cancelled;
  return cancelled->state == (*stored)->state ? OkStatus() : Change(database, **stored, *cancelled);
}

Status SqliteOrderStore::Change(store::Database& database, const Order& before,
                                const Order& after) const {
  if (Status status = UpdateOrder(database, before, after); !status.ok()) return status;
  return when_changed_ ? when_changed_(database, before, after) : OkStatus();
}

Status SqliteOrderStore::InsertWithin(store::Database& database, const Order& order,
                                      const std::string& fingerprint, const BesideOrder* beside,
                                      std::optional<StoredOutcome>& existing) {
  if (!order.request_id.empty()) filter_.Add(order.request_id);
  bool stale = false;
  Status status = InsertIn(database, order, fingerprint, beside, existing, stale);
  if (stale) orders_on_stale_data_.fetch_add(1, std::memory_order_relaxed);
  return status;
}

template <typename Verdict>
StatusOr<Judged> SqliteOrderStore::TakeVerdictWithin(store::Database& database, Verdict verdict,
                                                     WallTime now) {
  StatusOr<std::optional<Order>> stored = ReadOrder(database, verdict.order_id);
  if (!stored.ok()) return stored.status();
  if (!stored->has_value()) return OrderUnknown(verdict.order_id);
  Order order = **stored;
  Judged judged = TakeVerdict(std::move(verdict), now, order);
  if (judged.effect == VerdictEffect::kRecorded || judged.effect == VerdictEffect::kDecided) {
    if (Status status = Change(database, **stored, order); !status.ok()) return status;
  }
  return judged;
}
template StatusOr<Judged> SqliteOrderStore::TakeVerdictWithin(store::Database&, ConsumerVerdict,
                                                              WallTime);
template StatusOr<Judged> SqliteOrderStore::TakeVerdictWithin(store::Database&, MenuVerdict,
                                                              WallTime);

StatusOr<Judged> SqliteOrderStore::TakeStepWithin(store::Database& database,
                                                  const std::string& order_id, Step step,
                                                  const std::string& refusal, WallTime now) {
  StatusOr<std::optional<Order>> stored = ReadOrder(database, order_id);
  if (!stored.ok()) return stored.status();
  if (!stored->has_value()) return OrderUnknown(order_id);
  Order order = **stored;
  Judged judged = TakeStep(step, refusal, now, order);
  if (judged.effect == VerdictEffect::kLate) return judged;
  if (Status status = Change(database, **stored, order); !status.ok()) return status;
  return judged;
}

Status SqliteOrderStore::TakeBackWithin(store::Database& database, const std::string& order_id,
                                        WallTime now) {
  StatusOr<std::shared_ptr<const Order>> outcome = absl::UnknownError("not decided");
  return CancelWithin(database, order_id, now, outcome);
}

void SqliteOrderStore::ExpirePending(WallTime before, WallTime now,
                                     AnyInvocable<void(StatusOr<int>)> done) {
  using Ids = std::vector<std::string>;
  ReadInto<Ids>(
      file_->readers(), Deadline::Never(),
      [before](store::Database& database) {
        return ReadPending(database, before, limits::kPurgeBatchRows);
      },
      [this, now, done = std::move(done)](StatusOr<Ids> ids) mutable {
        if (!ids.ok() || ids->empty()) {
          done(ids.ok() ? StatusOr<int>(0) : ids.status());
          return;
        }
        const int count = static_cast<int>(ids->size());
        file_->writer().Submit(
            [this, now, ids = *std::move(ids)](store::Database& database) {
              for (const std::string& id : ids) {
                StatusOr<std::optional<Order>> order = ReadOrder(database, id);
                if (!order.ok()) return order.status();
                // A verdict may have come meanwhile.
                if (!order->has_value() || (*order)->state != OrderState::kPending) continue;
                Order expired = **order;
                Expire(now, expired);
                if (Status status = Change(database, **order, expired); !status.ok()) return status;
              }
              return OkStatus();
            },
            Deadline::Never(),
            [count, done = std::move(done)](const store::CommitResult& committed) mutable {
              done(committed.status.ok() ? StatusOr<int>(count) : committed.status);
            });
      });
}

void SqliteOrderStore::ReadChangedSince(std::int64_t after,
                                        AnyInvocable<void(StatusOr<ChangedOrders>)> done) {
  ReadInto<ChangedOrders>(
      file_->readers(), Deadline::Never(),
      [after](store::Database& database) -> StatusOr<ChangedOrders> {
        StatusOr<std::vector<OrderChange>> changes =
            ReadFeed(database, after, limits::kFeedPieceChanges);
        if (!changes.ok()) return changes.status();
        ChangedOrders changed;
        changed.head = after;
        for (OrderChange& change : *changes) {
          changed.head = change.number;
          changed.order_ids.push_back(std::move(change.order_id));
        }
        return changed;
      },
      std::move(done));
}

void SqliteOrderStore::ReadFeedHead(AnyInvocable<void(StatusOr<std::int64_t>)> done) {
  ReadInto<std::int64_t>(
      file_->readers(), Deadline::Never(),
      [](store::Database& database) { return order::ReadFeedHead(database); }, std::move(done));
}

void SqliteOrderStore::TrimFeed(WallTime before, AnyInvocable<void(StatusOr<int>)> done) {
  const auto removed = std::make_shared<StatusOr<int>>(0);
  file_->writer().Submit(
      [before, removed](store::Database& database) {
        *removed = order::TrimFeed(database, before, limits::kPurgeBatchRows);
        return removed->status();
      },
      Deadline::Never(),
      [removed, done = std::move(done)](const store::CommitResult& committed) mutable {
        done(committed.status.ok() ? *removed : committed.status);
      });
}

void SqliteOrderStore::CountPending(AnyInvocable<void(StatusOr<Pending>)> done) {
  ReadInto<Pending>(
      file_->readers(), Deadline::Never(),
      [](store::Database& database) -> StatusOr<Pending> {
        store::Statement row = database.Query("SELECT count(*) FROM orders WHERE state = 0");
        Pending pending;
        if (row.Step()) pending.count = row.Int64(0);
        if (Status status = row.Finish(); !status.ok()) return status;
        store::Statement oldest = database.Query(
            "SELECT create_time FROM orders WHERE state = 0 ORDER BY order_id LIMIT 1");
        if (oldest.Step()) pending.oldest = WallTime(Duration(oldest.Int64(0)));
        if (Status status = oldest.Finish(); !status.ok()) return status;
        return pending;
      },
      std::move(done));
}

void SqliteOrderStore::PurgeRequestIds(WallTime before, AnyInvocable<void(StatusOr<int>)> done) {
  ReadInto<PurgeRange>(
      file_->readers(), Deadline::Never(),
      [before](store::Database& database) {
        return FindPurgeable(database, before, limits::kPurgeBatchRows);
      },
      [this, done = std::move(done)](StatusOr<PurgeRange> range) mutable {
        if (!range.ok() || range->orders == 0) {
          done(range.ok() ? StatusOr<int>(0) : range.status());
          return;
        }
        const int orders = range->orders;
        file_->writer().Submit(
            [range = *std::move(range)](store::Database& database) {
              return Purge(database, range).status();
            },
            Deadline::Never(),
            [orders, done = std::move(done)](const store::CommitResult& committed) mutable {
              done(committed.status.ok() ? StatusOr<int>(orders) : committed.status);
            });
      });
}

}  // namespace lockstep::order
