#include "common/store/transaction.h"

#include <utility>

#include "common/base/check.h"

namespace lockstep::store {

StatusOr<Transaction> Transaction::Begin(Database& database) {
  return BeginAs(database, "BEGIN IMMEDIATE");
}

StatusOr<Transaction> Transaction::BeginRead(Database& database) {
  return BeginAs(database, "BEGIN");
}

StatusOr<Transaction> Transaction::BeginAs(Database& database, std::string_view sql) {
  LOCKSTEP_CHECK(!database.transaction_open_);
  (void)database.TakeOverlooked();  // of what came before, which has been answered
  if (Status status = database.Run(sql); !status.ok()) return status;
  database.transaction_open_ = true;
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Status Transaction::Commit() {
  LOCKSTEP_CHECK(database_ != nullptr);
  Status status = database_->TakeOverlooked();
  if (status.ok()) status = database_->CheckTransaction();
  if (status.ok()) status = database_->Run("COMMIT");
  if (status.ok()) {
    database_->transaction_open_ = false;
    database_ = nullptr;
  } else {
    Rollback();
  }
  return status;
}

void Transaction::Rollback() {
  if (database_ == nullptr) return;
  Database& database = *std::exchange(database_, nullptr);
  database.transaction_open_ = false;
  // A rollback that fails leaves nothing to do: the connection drops the transaction when it is
  // closed, and Begin says what is wrong with the file.
  if (database.InTransaction()) (void)database.Run("ROLLBACK");
}

}  // namespace lockstep::store
