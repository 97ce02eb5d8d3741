// Accounts, payments, points and the ledger in Consumer's SQLite file. Each function that changes
// something is the whole effect of one command: the same for a call and for a message.
//
// Threads: that of the Database. All but the reads run within a transaction of the writer; an error
// of theirs is one of the file. Tables: consumer_table.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/store/database.h"
#include "common/store/decided.h"
#include "consumer/domain/account.h"
#include "consumer/domain/fraud.h"

namespace lockstep::consumer {

StatusOr<store::Decided<Account>> Carry(store::Database& database, const OpenRequest& request,
                                        WallTime now);
// The refusal of an account that is not there is for the asker: NOT_FOUND, ACCOUNT_UNKNOWN.
StatusOr<store::Decided<Account>> Carry(store::Database& database, const CreditRequest& request,
                                        WallTime now);
StatusOr<store::Decided<Account>> Carry(store::Database& database, const DepositRequest& request,
                                        WallTime now);

// suspicion: why it looks like fraud, if it does. A payment that is there already stands all the
// same: who repeats a request must not be told that nothing is held.
StatusOr<store::Decided<Payment>> Carry(store::Database& database, const AuthorizeRequest& request,
                                        const std::optional<std::string>& suspicion, WallTime now);
StatusOr<store::Decided<Payment>> Carry(store::Database& database, const CaptureRequest& request,
                                        WallTime now);
// With the points of the order.
StatusOr<store::Decided<Payment>> Carry(store::Database& database, const VoidRequest& request,
                                        WallTime now);

// The points that the order has from now on.
StatusOr<store::Decided<std::int64_t>> Carry(store::Database& database, const AwardRequest& request,
                                             WallTime now);
// The points that it had.
StatusOr<store::Decided<std::int64_t>> Carry(store::Database& database,
                                             const RevokeRequest& request, WallTime now);

// Forgets what was undone before it came, and that before that moment; at most so many of each.
// Says how many.
StatusOr<int> PurgeTombstones(store::Database& database, WallTime before, int count_max);

// --- reads

StatusOr<std::optional<Account>> FindAccount(store::Database& database,
                                             const std::string& consumer_id);
StatusOr<std::optional<Payment>> FindPayment(store::Database& database,
                                             const std::string& order_id);
Status AccountUnknown(const std::string& consumer_id);
// At most count, ordered by id, after that one.
StatusOr<std::vector<Account>> ReadAccounts(store::Database& database, std::string_view after,
                                            int count);
// The same; state: kUnspecified: any. Without voids of what never came.
StatusOr<std::vector<Payment>> ReadPayments(store::Database& database, std::string_view after,
                                            PaymentState state, int count);

// What a consumer has paid before, as of now; without the payment of that order.
StatusOr<History> ReadHistory(store::Database& database, const std::string& consumer_id,
                              const std::string& except_order_id, WallTime now);

struct LedgerSum {
  std::string ledger_account;
  std::string unit;
  std::int64_t sum = 0;
  std::int64_t entries = 0;
  std::int64_t first = 0;  // the number of its first entry: the place in the list
};
// Added up from the entries: reads all of them.
StatusOr<std::vector<LedgerSum>> ReadLedgerSums(store::Database& database, std::int64_t after_first,
                                                int count);

}  // namespace lockstep::consumer
