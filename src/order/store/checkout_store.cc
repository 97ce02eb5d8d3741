// The part of SqliteOrderStore that keeps checkouts under way.
#include <utility>

#include "common/base/log.h"
#include "order/store/checkout_rows.h"
#include "order/store/order_store.h"
#include "order/store/read_into.h"

namespace lockstep::order {
namespace {

// Within a transaction: unless somebody else has settled it.
Status Settle(store::Database& database, const Checkout& checkout, const BesideOrder& beside) {
  const StatusOr<bool> removed = RemoveCheckout(database, checkout.order_id);
  if (!removed.ok()) return removed.status();
  return *removed ? beside.Undo(database, checkout) : OkStatus();
}

}  // namespace

void SqliteOrderStore::BeginCheckout(Checkout checkout, WallTime settle_time, Deadline not_after,
                                     AnyInvocable<void(Status)> done) {
  file_->writer().Submit(
      [checkout = std::move(checkout), settle_time](store::Database& database) {
        return InsertCheckout(database, checkout, settle_time);
      },
      not_after,
      [done = std::move(done)](const store::CommitResult& committed) mutable {
        done(committed.status);
      });
}

void SqliteOrderStore::AbandonCheckout(Checkout checkout, const BesideOrder& beside) {
  file_->writer().Submit(
      [checkout = std::move(checkout), &beside](store::Database& database) {
        return Settle(database, checkout, beside);
      },
      Deadline::Never(),
      [](const store::CommitResult& committed) {
        // Its row is there still: it is settled when its time has come.
        if (!committed.status.ok())
          log::Warning("checkout_not_abandoned", {{"message", MessageOf(committed.status)}});
      });
}

void SqliteOrderStore::SettleCheckouts(WallTime now, const BesideOrder& beside,
                                       AnyInvocable<void(StatusOr<int>)> done) {
  using Checkouts = std::vector<Checkout>;
  ReadInto<Checkouts>(
      file_->readers(), Deadline::Never(),
      [now](store::Database& database) {
        return ReadUnsettled(database, now, limits::kPurgeBatchRows);
      },
      [this, &beside, done = std::move(done)](StatusOr<Checkouts> checkouts) mutable {
        if (!checkouts.ok() || checkouts->empty()) {
          done(checkouts.ok() ? StatusOr<int>(0) : checkouts.status());
          return;
        }
        const int count = static_cast<int>(checkouts->size());
        file_->writer().Submit(
            [&beside, checkouts = *std::move(checkouts)](store::Database& database) {
              for (const Checkout& checkout : checkouts) {
                if (Status status = Settle(database, checkout, beside); !status.ok()) return status;
              }
              return OkStatus();
            },
            Deadline::Never(),
            [count, done = std::move(done)](const store::CommitResult& committed) mutable {
              done(committed.status.ok() ? StatusOr<int>(count) : committed.status);
            });
      });
}

}  // namespace lockstep::order
