#include "consumer/domain/account.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "common/base/limits.h"

namespace lockstep::consumer {
namespace {

constexpr std::int64_t kAmountMax = limits::kAccountUnitsMax * Money::kNanosPerUnit;

Money Nanos(const std::string& currency, std::int64_t nanos) {
  return Money::FromTotalNanos(currency, nanos);
}

Status Refused(StatusCode code, const char* reason, const char* field, const std::string& id,
               std::string message) {
  ErrorDetail detail;
  detail.reason = reason;
  detail.metadata = {{field, id}};
  return MakeError(code, std::move(message), std::move(detail));
}
Status OrderRefused(StatusCode code, const char* reason, const std::string& order_id,
                    std::string message) {
  return Refused(code, reason, "order_id", order_id, std::move(message));
}
Status ConsumerRefused(const char* reason, const std::string& consumer_id, std::string message) {
  return Refused(StatusCode::kFailedPrecondition, reason, "consumer_id", consumer_id,
                 std::move(message));
}

void ValidateAmount(std::string_view field, const Money& amount, std::int64_t least,
                    std::int64_t most, Violations& violations) {
  if (amount.currency_code().empty()) {
    violations.Add(field, "is required");
  } else if (amount.total_nanos() < least) {
    violations.Add(field, fmt::format("must be {}, is {}",
                                      least > 0 ? "above zero" : "zero or more", amount.Text()));
  } else if (amount.total_nanos() > most) {
    violations.Add(field, fmt::format("must be at most {} units, is {}", limits::kAccountUnitsMax,
                                      amount.Text()));
  }
}

template <typename Request>
void ValidateIds(const Request& request, Violations& violations) {
  violations.RequireId("order_id", request.order_id);
  violations.RequireId("consumer_id", request.consumer_id);
}

Status CurrencyMismatch(const Account& account, const Money& amount) {
  return ConsumerRefused("CURRENCY_MISMATCH", account.consumer_id,
                         fmt::format("the account of consumer {} is in {}, {} is not: use that "
                                     "currency",
                                     account.consumer_id, account.currency(), amount.Text()));
}

Status Reused(const std::string& order_id) {
  return OrderRefused(StatusCode::kAlreadyExists, "PAYMENT_ID_REUSED", order_id,
                      fmt::format("order {} has a payment of another consumer or amount already; "
                                  "repeat that request, or use another order id",
                                  order_id));
}

Status Voided(const std::string& order_id) {
  return OrderRefused(
      StatusCode::kFailedPrecondition, "PAYMENT_VOIDED", order_id,
      fmt::format("the payment of order {} was voided; use another order id", order_id));
}

int Is(PaymentState state, PaymentState which) { return static_cast<int>(state == which); }

std::string LedgerAccountOf(const std::string& consumer_id, std::string_view part) {
  return fmt::format("consumer:{}:{}", consumer_id, part);
}

std::string PlaceOf(const Payment& payment, PaymentState state) {
  if (state == PaymentState::kCaptured) return "sales";
  return LedgerAccountOf(payment.consumer_id,
                         state == PaymentState::kAuthorized ? "held" : "available");
}

std::vector<LedgerEntry> Pair(std::string from, std::string to, const std::string& unit,
                              std::int64_t amount) {
  if (amount == 0 || from == to) return {};
  return {{std::move(from), unit, -amount}, {std::move(to), unit, amount}};
}

}  // namespace

Money Account::Available() const {
  return Nanos(currency(), balance.total_nanos() + credit_limit.total_nanos() - held.total_nanos());
}

void Validate(const OpenRequest& request, Violations& violations) {
  violations.RequireId("consumer_id", request.consumer_id);
  ValidateAmount("credit_limit", request.credit_limit, 0, kAmountMax, violations);
}

void Validate(const CreditRequest& request, Violations& violations) {
  violations.RequireId("consumer_id", request.consumer_id);
  ValidateAmount("credit_limit", request.credit_limit, 0, kAmountMax, violations);
}

void Validate(const DepositRequest& request, Violations& violations) {
  violations.RequireId("deposit_id", request.deposit_id);
  violations.RequireId("consumer_id", request.consumer_id);
  ValidateAmount("amount", request.amount, 1, kAmountMax, violations);
}

void Validate(const AuthorizeRequest& request, Violations& violations) {
  ValidateIds(request, violations);
  ValidateAmount("amount", request.amount, 0, INT64_MAX, violations);
}

void Validate(const CaptureRequest& request, Violations& violations) {
  ValidateIds(request, violations);
}
void Validate(const VoidRequest& request, Violations& violations) {
  ValidateIds(request, violations);
}

void Validate(const AwardRequest& request, Violations& violations) {
  ValidateIds(request, violations);
  ValidateAmount("order_total", request.order_total, 0, INT64_MAX, violations);
}

void Validate(const RevokeRequest& request, Violations& violations) {
  ValidateIds(request, violations);
}

StatusOr<Account> Open(const OpenRequest& request, const Account* there, WallTime now) {
  if (there != nullptr) {
    if (there->credit_limit == request.credit_limit) return *there;
    return Refused(StatusCode::kAlreadyExists, "ACCOUNT_OPEN", "consumer_id", request.consumer_id,
                   fmt::format("consumer {} has an account already, with a credit limit of {}; "
                               "change that with UpdateAccount",
                               request.consumer_id, there->credit_limit.Text()));
  }
  Account account;
  account.consumer_id = request.consumer_id;
  account.credit_limit = request.credit_limit;
  account.balance = account.held = account.paid = Nanos(account.currency(), 0);
  account.create_time = account.update_time = now;
  return account;
}

StatusOr<Account> After(const CreditRequest& request, const Account& there) {
  if (request.credit_limit.currency_code() != there.currency()) {
    return CurrencyMismatch(there, request.credit_limit);
  }
  Account after = there;
  after.credit_limit = request.credit_limit;
  if (after.Available().total_nanos() >= 0) return after;
  const Money in_use =
      Nanos(there.currency(), there.held.total_nanos() - there.balance.total_nanos());
  return ConsumerRefused("CREDIT_IN_USE", there.consumer_id,
                         fmt::format("consumer {} uses {} of credit: set that or more",
                                     there.consumer_id, in_use.Text()));
}

StatusOr<Account> After(const DepositRequest& request, const Account* there) {
  if (there == nullptr) return NoAccount(request.consumer_id);
  if (request.amount.currency_code() != there->currency()) {
    return CurrencyMismatch(*there, request.amount);
  }
  Account after = *there;
  const std::int64_t balance = there->balance.total_nanos() + request.amount.total_nanos();
  if (balance > kAmountMax) {
    return ConsumerRefused(
        "BALANCE_TOO_LARGE", request.consumer_id,
        fmt::format("the balance of consumer {} is {}: it cannot be above {} "
                    "units; deposit less",
                    request.consumer_id, there->balance.Text(), limits::kAccountUnitsMax));
  }
  after.balance = Nanos(there->currency(), balance);
  return after;
}

StatusOr<PaymentState> After(const AuthorizeRequest& request, const Payment* there) {
  if (there == nullptr) return PaymentState::kAuthorized;
  const bool came_later = there->amount.currency_code().empty();  // than its void
  if (there->consumer_id != request.consumer_id ||
      (!came_later && there->amount != request.amount)) {
    return Reused(request.order_id);
  }
  if (there->state == PaymentState::kVoided) return Voided(request.order_id);
  return there->state;
}

StatusOr<PaymentState> After(const CaptureRequest& request, const Payment* there) {
  if (there == nullptr) {
    return OrderRefused(StatusCode::kFailedPrecondition, "PAYMENT_UNKNOWN", request.order_id,
                        fmt::format("order {} has no payment; authorise it before it is captured",
                                    request.order_id));
  }
  if (there->consumer_id != request.consumer_id) return Reused(request.order_id);
  if (there->state == PaymentState::kVoided) return Voided(request.order_id);
  return PaymentState::kCaptured;
}

StatusOr<PaymentState> After(const VoidRequest& request, const Payment* there) {
  if (there == nullptr) return PaymentState::kVoided;
  if (there->consumer_id != request.consumer_id) return Reused(request.order_id);
  if (there->state == PaymentState::kCaptured && !request.after_capture) {
    return OrderRefused(StatusCode::kFailedPrecondition, "PAYMENT_CAPTURED", request.order_id,
                        fmt::format("the payment of order {} is captured; to pay it back, because "
                                    "the order was cancelled, set after_capture",
                                    request.order_id));
  }
  return PaymentState::kVoided;
}

Status CheckFunds(const AuthorizeRequest& request, const Account* account) {
  if (account == nullptr) return NoAccount(request.consumer_id);
  if (request.amount.currency_code() != account->currency()) {
    return CurrencyMismatch(*account, request.amount);
  }
  const Money available = account->Available();
  if (request.amount.total_nanos() <= available.total_nanos()) return OkStatus();
  return ConsumerRefused(
      "INSUFFICIENT_FUNDS", request.consumer_id,
      fmt::format("order {} costs {}, consumer {} has {} available; deposit more, "
                  "or order less",
                  request.order_id, request.amount.Text(), request.consumer_id, available.Text()));
}

Account Moved(Account account, const Money& amount, PaymentState from, PaymentState to) {
  constexpr auto kAuthorized = PaymentState::kAuthorized;
  constexpr auto kCaptured = PaymentState::kCaptured;
  const std::string currency = account.currency();
  const std::int64_t nanos = amount.total_nanos();
  const int held = Is(to, kAuthorized) - Is(from, kAuthorized);
  const int captured = Is(to, kCaptured) - Is(from, kCaptured);
  account.held = Nanos(currency, account.held.total_nanos() + held * nanos);
  account.balance = Nanos(currency, account.balance.total_nanos() - captured * nanos);
  account.paid = Nanos(currency, account.paid.total_nanos() + (held + captured) * nanos);
  account.payments += held + captured;
  return account;
}

std::int64_t PointsFor(const Money& order_total) { return order_total.units(); }

StatusOr<Award> After(const AwardRequest& request, const Award* there) {
  const std::int64_t points = PointsFor(request.order_total);
  if (there == nullptr) return Award{request.order_id, request.consumer_id, points, false};
  const bool same =
      there->consumer_id == request.consumer_id && (there->revoked || there->points == points);
  if (same) return *there;
  return OrderRefused(StatusCode::kAlreadyExists, "AWARD_ID_REUSED", request.order_id,
                      fmt::format("order {} has other points already; repeat that request, or use "
                                  "another order id",
                                  request.order_id));
}

std::vector<LedgerEntry> EntriesOf(const DepositRequest& deposit) {
  return Pair("deposits", LedgerAccountOf(deposit.consumer_id, "available"),
              deposit.amount.currency_code(), deposit.amount.total_nanos());
}

std::vector<LedgerEntry> EntriesOf(const Payment& payment, PaymentState from, PaymentState to) {
  return Pair(PlaceOf(payment, from), PlaceOf(payment, to), payment.amount.currency_code(),
              payment.amount.total_nanos());
}

std::vector<LedgerEntry> EntriesOfPoints(const std::string& consumer_id, std::int64_t points) {
  return Pair("points", LedgerAccountOf(consumer_id, "points"), kPointsUnit, points);
}

Status NoAccount(const std::string& consumer_id) {
  return ConsumerRefused(
      "NO_ACCOUNT", consumer_id,
      fmt::format("consumer {} has no account: open one, or pay by CASH", consumer_id));
}

Status ConsumerUnknown(const std::string& consumer_id) {
  return ConsumerRefused("CONSUMER_UNKNOWN", consumer_id,
                         fmt::format("there is no consumer {}: create it first", consumer_id));
}

Status DepositReused(const std::string& deposit_id) {
  return Refused(StatusCode::kAlreadyExists, "DEPOSIT_ID_REUSED", "deposit_id", deposit_id,
                 fmt::format("deposit {} was made already, to another consumer or of another "
                             "amount; use another deposit_id",
                             deposit_id));
}

Status FraudSuspected(const std::string& order_id, const std::string& why) {
  return OrderRefused(StatusCode::kFailedPrecondition, "FRAUD_SUSPECTED", order_id,
                      fmt::format("the payment of order {} is suspected of fraud: {}; pay by CASH, "
                                  "or later",
                                  order_id, why));
}

}  // namespace lockstep::consumer
