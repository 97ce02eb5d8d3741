// What a consumer has to spend, and what orders take of it. Values; pure functions.
//
// Invariants of an account: balance - held + credit_limit is never below zero; what the ledger says
// adds up to balance, held and points; each movement in the ledger adds up to zero.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/money.h"
#include "common/base/validate.h"

namespace lockstep::consumer {

struct Account {
  std::string consumer_id;
  Money credit_limit;  // zero or more; its currency is that of the account
  Money balance;       // put in, less captured
  Money held;          // authorised and not captured
  std::int64_t points = 0;
  std::int64_t payments = 0;  // authorised or captured, and not voided
  Money paid;                 // what those come to
  WallTime create_time;
  WallTime update_time;

  const std::string& currency() const { return credit_limit.currency_code(); }
  Money Available() const;
  friend bool operator==(const Account&, const Account&) = default;
};

// Numbered as in the protos.
enum class PaymentState : int {
  kUnspecified = 0,  // only in requests
  kAuthorized = 1,
  kCaptured = 2,
  kVoided = 3,
};

struct Payment {
  std::string order_id;
  std::string consumer_id;
  Money amount;  // in no currency: it was voided before it came
  PaymentState state = PaymentState::kUnspecified;
  WallTime create_time;
  WallTime update_time;
  std::optional<WallTime> capture_time;
  friend bool operator==(const Payment&, const Payment&) = default;
};

// The points of an order.
struct Award {
  std::string order_id;
  std::string consumer_id;
  std::int64_t points = 0;
  bool revoked = false;
  friend bool operator==(const Award&, const Award&) = default;
};

struct OpenRequest {
  std::string consumer_id;
  Money credit_limit;
};
struct CreditRequest {
  std::string consumer_id;
  Money credit_limit;
};
struct DepositRequest {
  std::string deposit_id;
  std::string consumer_id;
  Money amount;
};
struct AuthorizeRequest {
  std::string order_id;
  std::string consumer_id;
  Money amount;
};
struct CaptureRequest {
  std::string order_id;
  std::string consumer_id;
};
struct VoidRequest {
  std::string order_id;
  std::string consumer_id;
  bool after_capture = false;
};
struct AwardRequest {
  std::string order_id;
  std::string consumer_id;
  Money order_total;
};
struct RevokeRequest {
  std::string order_id;
  std::string consumer_id;
};

// Adds what is wrong, with the field paths of the requests.
void Validate(const OpenRequest& request, Violations& violations);
void Validate(const CreditRequest& request, Violations& violations);
void Validate(const DepositRequest& request, Violations& violations);
void Validate(const AuthorizeRequest& request, Violations& violations);
void Validate(const CaptureRequest& request, Violations& violations);
void Validate(const VoidRequest& request, Violations& violations);
void Validate(const AwardRequest& request, Violations& violations);
void Validate(const RevokeRequest& request, Violations& violations);

// The account after it; why not: FAILED_PRECONDITION, and for the first ALREADY_EXISTS.
StatusOr<Account> Open(const OpenRequest& request, const Account* there, WallTime now);
StatusOr<Account> After(const CreditRequest& request, const Account& there);
StatusOr<Account> After(const DepositRequest& request, const Account* there);

// What a request makes of a payment: its state from then on, or why it cannot be. The state alone
// says where the money is: AUTHORIZED, held; CAPTURED, in the sales; otherwise available. there:
// null if the order has none.
StatusOr<PaymentState> After(const AuthorizeRequest& request, const Payment* there);
StatusOr<PaymentState> After(const CaptureRequest& request, const Payment* there);
StatusOr<PaymentState> After(const VoidRequest& request, const Payment* there);

// Whether the account can bear it: FAILED_PRECONDITION, reasons NO_ACCOUNT, CURRENCY_MISMATCH,
// INSUFFICIENT_FUNDS.
Status CheckFunds(const AuthorizeRequest& request, const Account* account);
// The account after its payment of that amount went from one state to another.
Account Moved(Account account, const Money& amount, PaymentState from, PaymentState to);

// One for each whole unit.
std::int64_t PointsFor(const Money& order_total);
// The points that the order has from then on; ALREADY_EXISTS, reason AWARD_ID_REUSED.
StatusOr<Award> After(const AwardRequest& request, const Award* there);

// --- the ledger

inline constexpr char kPointsUnit[] = "points";

struct LedgerEntry {
  std::string ledger_account;
  std::string unit;  // a currency, or kPointsUnit
  std::int64_t amount = 0;
};
// What each movement writes: entries that add up to zero, or none.
std::vector<LedgerEntry> EntriesOf(const DepositRequest& deposit);
std::vector<LedgerEntry> EntriesOf(const Payment& payment, PaymentState from, PaymentState to);
std::vector<LedgerEntry> EntriesOfPoints(const std::string& consumer_id, std::int64_t points);

// --- refusals

Status NoAccount(const std::string& consumer_id);  // of a payment or a deposit
Status ConsumerUnknown(const std::string& consumer_id);
Status DepositReused(const std::string& deposit_id);
Status FraudSuspected(const std::string& order_id, const std::string& why);

}  // namespace lockstep::consumer
