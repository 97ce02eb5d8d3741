#include "consumer/store/account_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace lockstep::consumer {
namespace {

using store::Database;
using store::Decided;
using store::Statement;

constexpr std::string_view kReadAccount =
    "SELECT consumer_id, currency, credit_limit, balance, held, points, payments, paid, "
    "create_time, update_time FROM accounts WHERE consumer_id = ?1";
constexpr std::string_view kReadAccounts =
    "SELECT consumer_id, currency, credit_limit, balance, held, points, payments, paid, "
    "create_time, update_time FROM accounts WHERE consumer_id > ?1 ORDER BY consumer_id LIMIT ?2";
constexpr std::string_view kWriteAccount =
    "INSERT INTO accounts (consumer_id, currency, credit_limit, balance, held, points, payments, "
    "paid, create_time, update_time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) "
    "ON CONFLICT (consumer_id) DO UPDATE SET credit_limit = excluded.credit_limit, "
    "balance = excluded.balance, held = excluded.held, points = excluded.points, "
    "payments = excluded.payments, paid = excluded.paid, update_time = excluded.update_time";
constexpr std::string_view kReadPayment =
    "SELECT order_id, consumer_id, currency, amount, state, create_time, update_time, capture_time "
    "FROM payments WHERE order_id = ?1";
constexpr std::string_view kReadPayments =
    "SELECT order_id, consumer_id, currency, amount, state, create_time, update_time, capture_time "
    "FROM payments WHERE order_id > ?1 AND currency <> '' AND (?2 = 0 OR state = ?2) "
    "ORDER BY order_id LIMIT ?3";
constexpr std::string_view kWritePayment =
    "INSERT INTO payments (order_id, consumer_id, currency, amount, state, create_time, "
    "update_time, capture_time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
    "ON CONFLICT (order_id) DO UPDATE SET state = excluded.state, "
    "update_time = excluded.update_time, capture_time = excluded.capture_time";

std::int64_t Nanos(WallTime time) { return time.time_since_epoch().count(); }
WallTime FromNanos(std::int64_t nanos) { return WallTime(Duration(nanos)); }

Account AccountOf(const Statement& row) {
  const std::string currency(row.Text(1));
  const auto money = [&](int column) { return Money::FromTotalNanos(currency, row.Int64(column)); };
  return {.consumer_id = std::string(row.Text(0)),
          .credit_limit = money(2),
          .balance = money(3),
          .held = money(4),
          .points = row.Int64(5),
          .payments = row.Int64(6),
          .paid = money(7),
          .create_time = FromNanos(row.Int64(8)),
          .update_time = FromNanos(row.Int64(9))};
}

Payment PaymentOf(const Statement& row) {
  Payment payment{.order_id = std::string(row.Text(0)),
                  .consumer_id = std::string(row.Text(1)),
                  .amount = Money::FromTotalNanos(std::string(row.Text(2)), row.Int64(3)),
                  .state = static_cast<PaymentState>(row.Int(4)),
                  .create_time = FromNanos(row.Int64(5)),
                  .update_time = FromNanos(row.Int64(6)),
                  .capture_time = std::nullopt};
  if (!row.IsNull(7)) payment.capture_time = FromNanos(row.Int64(7));
  return payment;
}

template <typename Value>
StatusOr<std::vector<Value>> AllOf(Statement row, Value (*read)(const Statement&)) {
  std::vector<Value> values;
  while (row.Step()) values.push_back(read(row));
  if (Status status = row.Finish(); !status.ok()) return status;
  return values;
}

template <typename Value>
StatusOr<std::optional<Value>> OneOf(Statement row, Value (*read)(const Statement&)) {
  std::optional<Value> value;
  if (row.Step()) value = read(row);
  if (Status status = row.Finish(); !status.ok()) return status;
  return value;
}

StatusOr<std::optional<Award>> FindAward(Database& database, const std::string& order_id) {
  Statement row = database.Query(
      "SELECT consumer_id, points, revoked FROM awards WHERE order_id = ?1", order_id);
  std::optional<Award> award;
  if (row.Step()) award = Award{order_id, std::string(row.Text(0)), row.Int64(1), row.Bool(2)};
  if (Status status = row.Finish(); !status.ok()) return status;
  return award;
}

// null where there is none.
template <typename Value>
const Value* Maybe(const std::optional<Value>& value) {
  return value ? &*value : nullptr;
}

Status Write(Database& database, Account account, WallTime now) {
  account.update_time = now;
  return database.Run(
      kWriteAccount, account.consumer_id, account.currency(), account.credit_limit.total_nanos(),
      account.balance.total_nanos(), account.held.total_nanos(), account.points, account.payments,
      account.paid.total_nanos(), Nanos(account.create_time), Nanos(account.update_time));
}

// movement: what the entries belong to, "capture ORDER".
Status Write(Database& database, std::string_view movement, const std::vector<LedgerEntry>& entries,
             WallTime now) {
  for (const LedgerEntry& entry : entries) {
    Status status = database.Run(
        "INSERT INTO ledger (movement, ledger_account, unit, amount, time) "
        "VALUES (?1, ?2, ?3, ?4, ?5)",
        movement, entry.ledger_account, entry.unit, entry.amount, Nanos(now));
    if (!status.ok()) return status;
  }
  return OkStatus();
}

template <typename Value>
Decided<Value> Refused(Status refusal) {
  return {std::move(refusal), Value(), false};
}

Status Write(Database& database, const Payment& payment) {
  std::optional<std::int64_t> captured;
  if (payment.capture_time) captured = Nanos(*payment.capture_time);
  return database.Run(kWritePayment, payment.order_id, payment.consumer_id,
                      payment.amount.currency_code(), payment.amount.total_nanos(),
                      static_cast<int>(payment.state), Nanos(payment.create_time),
                      Nanos(payment.update_time), captured);
}

const char* MovementOf(PaymentState to) {
  switch (to) {
    case PaymentState::kAuthorized:
      return "authorize";
    case PaymentState::kCaptured:
      return "capture";
    default:
      return "void";
  }
}

// Moves the money to where it is in that state, and writes payment, account and ledger. account:
// as it is; null where the payment never had any money.
StatusOr<Decided<Payment>> MoveTo(Database& database, Payment payment, PaymentState to,
                                  const Account* account, WallTime now) {
  if (account != nullptr) {
    Status status = Write(database, Moved(*account, payment.amount, payment.state, to), now);
    if (status.ok()) {
      status = Write(database, fmt::format("{} {}", MovementOf(to), payment.order_id),
                     EntriesOf(payment, payment.state, to), now);
    }
    if (!status.ok()) return status;
  }
  payment.state = to;
  payment.update_time = now;
  if (to == PaymentState::kCaptured) payment.capture_time = now;
  if (Status status = Write(database, payment); !status.ok()) return status;
  return Decided<Payment>{OkStatus(), std::move(payment), false};
}

// Writes the award and what it changes of the account's points.
Status Write(Database& database, const Award& award, std::int64_t points_added, WallTime now) {
  Status status = database.Run(
      "INSERT INTO awards (order_id, consumer_id, points, revoked, update_time) "
      "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (order_id) DO UPDATE SET "
      "revoked = excluded.revoked, update_time = excluded.update_time",
      award.order_id, award.consumer_id, award.points, award.revoked, Nanos(now));
  if (!status.ok() || points_added == 0) return status;
  status = database.Run(
      "UPDATE accounts SET points = points + ?2, update_time = ?3 WHERE consumer_id = ?1",
      award.consumer_id, points_added, Nanos(now));
  if (!status.ok()) return status;
  return Write(database,
               fmt::format("{} {}", points_added > 0 ? "award" : "revoke", award.order_id),
               EntriesOfPoints(award.consumer_id, points_added), now);
}

// Payments of a consumer from a moment on that are not voided.
StatusOr<std::int64_t> CountPayments(Database& database, const std::string& consumer_id,
                                     WallTime from) {
  Statement row = database.Query(
      "SELECT count(*) FROM payments WHERE consumer_id = ?1 AND create_time >= ?2 "
      "AND currency <> '' AND state <> 3",
      consumer_id, Nanos(from));
  const std::int64_t count = row.Step() ? row.Int64(0) : 0;
  if (Status status = row.Finish(); !status.ok()) return status;
  return count;
}

}  // namespace

StatusOr<Decided<Account>> Carry(Database& database, const OpenRequest& request, WallTime now) {
  const StatusOr<std::optional<Account>> there = FindAccount(database, request.consumer_id);
  if (!there.ok()) return there.status();
  Statement row =
      database.Query("SELECT 1 FROM consumers WHERE consumer_id = ?1", request.consumer_id);
  const bool known = row.Step();
  if (Status status = row.Finish(); !status.ok()) return status;
  if (!known) return Refused<Account>(ConsumerUnknown(request.consumer_id));
  StatusOr<Account> account = Open(request, Maybe(*there), now);
  if (!account.ok()) return Refused<Account>(account.status());
  if (there->has_value()) return Decided<Account>{OkStatus(), *std::move(account), true};
  if (Status status = Write(database, *account, now); !status.ok()) return status;
  return Decided<Account>{OkStatus(), *std::move(account), false};
}

StatusOr<Decided<Account>> Carry(Database& database, const CreditRequest& request, WallTime now) {
  const StatusOr<std::optional<Account>> there = FindAccount(database, request.consumer_id);
  if (!there.ok()) return there.status();
  if (!there->has_value()) return Refused<Account>(AccountUnknown(request.consumer_id));
  StatusOr<Account> account = After(request, **there);
  if (!account.ok()) return Refused<Account>(account.status());
  account->update_time = now;
  if (Status status = Write(database, *account, now); !status.ok()) return status;
  return Decided<Account>{OkStatus(), *std::move(account), false};
}

StatusOr<Decided<Account>> Carry(Database& database, const DepositRequest& request, WallTime now) {
  const StatusOr<std::optional<Account>> there = FindAccount(database, request.consumer_id);
  if (!there.ok()) return there.status();
  Statement row =
      database.Query("SELECT consumer_id, currency, amount FROM deposits WHERE deposit_id = ?1",
                     request.deposit_id);
  const bool made = row.Step();
  const bool same = made && row.Text(0) == request.consumer_id &&
                    row.Text(1) == request.amount.currency_code() &&
                    row.Int64(2) == request.amount.total_nanos();
  if (Status status = row.Finish(); !status.ok()) return status;
  if (made && !same) return Refused<Account>(DepositReused(request.deposit_id));
  if (made) return Decided<Account>{OkStatus(), **there, true};
  StatusOr<Account> account = After(request, Maybe(*there));
  if (!account.ok()) return Refused<Account>(account.status());
  account->update_time = now;
  Status status = database.Run(
      "INSERT INTO deposits (deposit_id, consumer_id, currency, amount, time) "
      "VALUES (?1, ?2, ?3, ?4, ?5)",
      request.deposit_id, request.consumer_id, request.amount.currency_code(),
      request.amount.total_nanos(), Nanos(now));
  if (status.ok()) status = Write(database, *account, now);
  if (status.ok()) {
    status = Write(database, "deposit " + request.deposit_id, EntriesOf(request), now);
  }
  if (!status.ok()) return status;
  return Decided<Account>{OkStatus(), *std::move(account), false};
}

StatusOr<Decided<Payment>> Carry(Database& database, const AuthorizeRequest& request,
                                 const std::optional<std::string>& suspicion, WallTime now) {
  StatusOr<std::optional<Payment>> there = FindPayment(database, request.order_id);
  if (!there.ok()) return there.status();
  const StatusOr<PaymentState> to = After(request, Maybe(*there));
  if (!to.ok()) return Refused<Payment>(to.status());
  if (there->has_value()) return Decided<Payment>{OkStatus(), **std::move(there), true};
  if (suspicion) return Refused<Payment>(FraudSuspected(request.order_id, *suspicion));
  const StatusOr<std::optional<Account>> account = FindAccount(database, request.consumer_id);
  if (!account.ok()) return account.status();
  if (Status funds = CheckFunds(request, Maybe(*account)); !funds.ok()) {
    return Refused<Payment>(std::move(funds));
  }
  Payment payment;
  payment.order_id = request.order_id;
  payment.consumer_id = request.consumer_id;
  payment.amount = request.amount;
  payment.create_time = now;
  return MoveTo(database, std::move(payment), *to, &**account, now);
}

StatusOr<Decided<Payment>> Carry(Database& database, const CaptureRequest& request, WallTime now) {
  StatusOr<std::optional<Payment>> there = FindPayment(database, request.order_id);
  if (!there.ok()) return there.status();
  const StatusOr<PaymentState> to = After(request, Maybe(*there));
  if (!to.ok()) return Refused<Payment>(to.status());
  if ((*there)->state == *to) return Decided<Payment>{OkStatus(), **std::move(there), true};
  const StatusOr<std::optional<Account>> account = FindAccount(database, request.consumer_id);
  if (!account.ok()) return account.status();
  return MoveTo(database, **std::move(there), *to, Maybe(*account), now);
}

StatusOr<Decided<Payment>> Carry(Database& database, const VoidRequest& request, WallTime now) {
  StatusOr<std::optional<Payment>> there = FindPayment(database, request.order_id);
  if (!there.ok()) return there.status();
  const StatusOr<PaymentState> to = After(request, Maybe(*there));
  if (!to.ok()) return Refused<Payment>(to.status());
  if (there->has_value() && (*there)->state == *to) {
    return Decided<Payment>{OkStatus(), **std::move(there), true};
  }
  std::optional<Account> account;
  Payment payment;
  if (there->has_value()) {
    payment = **std::move(there);
    StatusOr<std::optional<Account>> found = FindAccount(database, request.consumer_id);
    if (!found.ok()) return found.status();
    account = *std::move(found);
  } else {
    payment.order_id = request.order_id;
    payment.consumer_id = request.consumer_id;
    payment.create_time = now;
  }
  StatusOr<Decided<Payment>> voided =
      MoveTo(database, std::move(payment), *to, Maybe(account), now);
  if (!voided.ok()) return voided;
  // After the account was written: the points are added to what stands there.
  const StatusOr<std::optional<Award>> award = FindAward(database, request.order_id);
  if (!award.ok()) return award.status();
  if (award->has_value() && !(*award)->revoked) {
    Award revoked = **award;
    revoked.revoked = true;
    if (Status status = Write(database, revoked, -revoked.points, now); !status.ok()) return status;
  }
  return voided;
}

StatusOr<Decided<std::int64_t>> Carry(Database& database, const AwardRequest& request,
                                      WallTime now) {
  const StatusOr<std::optional<Award>> there = FindAward(database, request.order_id);
  if (!there.ok()) return there.status();
  const StatusOr<Award> award = After(request, Maybe(*there));
  if (!award.ok()) return Refused<std::int64_t>(award.status());
  if (there->has_value()) {
    return Decided<std::int64_t>{OkStatus(), award->revoked ? 0 : award->points, true};
  }
  const StatusOr<std::optional<Payment>> payment = FindPayment(database, request.order_id);
  if (!payment.ok()) return payment.status();
  const StatusOr<std::optional<Account>> account = FindAccount(database, request.consumer_id);
  if (!account.ok()) return account.status();
  const bool voided = payment->has_value() && (*payment)->state == PaymentState::kVoided;
  if (voided || !account->has_value()) return Decided<std::int64_t>{OkStatus(), 0, false};
  if (Status status = Write(database, *award, award->points, now); !status.ok()) return status;
  return Decided<std::int64_t>{OkStatus(), award->points, false};
}

StatusOr<Decided<std::int64_t>> Carry(Database& database, const RevokeRequest& request,
                                      WallTime now) {
  const StatusOr<std::optional<Award>> there = FindAward(database, request.order_id);
  if (!there.ok()) return there.status();
  Award award = there->value_or(Award{request.order_id, request.consumer_id, 0, false});
  if (award.revoked) return Decided<std::int64_t>{OkStatus(), 0, true};
  award.revoked = true;
  if (Status status = Write(database, award, -award.points, now); !status.ok()) return status;
  return Decided<std::int64_t>{OkStatus(), award.points, false};
}

StatusOr<int> PurgeTombstones(Database& database, WallTime before, int count_max) {
  Status status = database.Run(
      "DELETE FROM payments WHERE order_id IN (SELECT order_id FROM payments "
      "WHERE currency = '' AND update_time < ?1 ORDER BY update_time LIMIT ?2)",
      Nanos(before), count_max);
  if (!status.ok()) return status;
  const int payments = static_cast<int>(database.Changes());
  status = database.Run(
      "DELETE FROM awards WHERE order_id IN (SELECT order_id FROM awards "
      "WHERE revoked AND points = 0 AND update_time < ?1 ORDER BY update_time LIMIT ?2)",
      Nanos(before), count_max);
  if (!status.ok()) return status;
  return std::max(payments, static_cast<int>(database.Changes()));
}

StatusOr<std::optional<Account>> FindAccount(Database& database, const std::string& consumer_id) {
  return OneOf(database.Query(kReadAccount, consumer_id), AccountOf);
}

StatusOr<std::optional<Payment>> FindPayment(Database& database, const std::string& order_id) {
  return OneOf(database.Query(kReadPayment, order_id), PaymentOf);
}

Status AccountUnknown(const std::string& consumer_id) {
  ErrorDetail detail;
  detail.reason = "ACCOUNT_UNKNOWN";
  detail.metadata = {{"consumer_id", consumer_id}};
  return MakeError(StatusCode::kNotFound,
                   fmt::format("consumer {} has no account: open one", consumer_id),
                   std::move(detail));
}

StatusOr<std::vector<Account>> ReadAccounts(Database& database, std::string_view after, int count) {
  return AllOf(database.Query(kReadAccounts, after, count), AccountOf);
}

StatusOr<std::vector<Payment>> ReadPayments(Database& database, std::string_view after,
                                            PaymentState state, int count) {
  return AllOf(database.Query(kReadPayments, after, static_cast<int>(state), count), PaymentOf);
}

StatusOr<History> ReadHistory(Database& database, const std::string& consumer_id,
                              const std::string& except_order_id, WallTime now) {
  const StatusOr<std::optional<Account>> account = FindAccount(database, consumer_id);
  if (!account.ok()) return account.status();
  if (!account->has_value()) return History();
  const StatusOr<std::optional<Payment>> except = FindPayment(database, except_order_id);
  if (!except.ok()) return except.status();
  const WallTime a_minute_ago = now - std::chrono::minutes(1);
  StatusOr<std::int64_t> last_minute = CountPayments(database, consumer_id, a_minute_ago);
  if (!last_minute.ok()) return last_minute.status();
  History history{(*account)->payments, (*account)->paid, *last_minute};
  const bool counted = except->has_value() && (*except)->consumer_id == consumer_id &&
                       (*except)->state != PaymentState::kVoided;
  if (!counted) return history;
  --history.payments;
  if ((*except)->create_time >= a_minute_ago) --history.payments_last_minute;
  history.total = Money::FromTotalNanos(
      (*account)->currency(), (*account)->paid.total_nanos() - (*except)->amount.total_nanos());
  return history;
}

StatusOr<std::vector<LedgerSum>> ReadLedgerSums(Database& database, std::int64_t after_first,
                                                int count) {
  Statement row = database.Query(
      "SELECT ledger_account, unit, sum(amount), count(*), min(sequence) AS first FROM ledger "
      "GROUP BY ledger_account, unit HAVING first > ?1 ORDER BY first LIMIT ?2",
      after_first, count);
  std::vector<LedgerSum> sums;
  while (row.Step()) {
    sums.push_back({std::string(row.Text(0)), std::string(row.Text(1)), row.Int64(2), row.Int64(3),
                    row.Int64(4)});
  }
  if (Status status = row.Finish(); !status.ok()) return status;
  return sums;
}

}  // namespace lockstep::consumer
