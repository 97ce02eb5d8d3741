// A transaction that is rolled back unless it was committed.
//
//   auto transaction = Transaction::Begin(db);
//   if (!transaction.ok()) return transaction.status();
//   …
//   return transaction->Commit();
//
// Threads: that of its Database. One at a time: they do not nest.
#pragma once

#include "common/base/status.h"
#include "common/store/database.h"

namespace lockstep::store {

class Transaction {
 public:
  // Takes the file's one write lock now (BEGIN IMMEDIATE), waiting for it at most the busy budget:
  // a transaction that began by reading would fail when it comes to write.
  static StatusOr<Transaction> Begin(Database& database);
  // One moment of the file for several reads.
  static StatusOr<Transaction> BeginRead(Database& database);

  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction() { Rollback(); }

  // OK: durable. An error: rolled back, also if it is one that a Statement ended with unnoticed.
  [[nodiscard]] Status Commit();
  // Nothing after Commit or Rollback.
  void Rollback();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  static StatusOr<Transaction> BeginAs(Database& database, std::string_view sql);

  Database* database_;  // null once it is over
};

}  // namespace lockstep::store
