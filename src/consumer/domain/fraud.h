// Whether a payment looks like fraud. Pure: the same history and amount give the same answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/money.h"

namespace lockstep::consumer {

// What a consumer has paid before.
struct History {
  std::int64_t payments = 0;  // authorised or captured, and not voided
  Money total;                // what they come to
  std::int64_t payments_last_minute = 0;
};

struct Suspicion {
  std::string reason;   // "AMOUNT_UNUSUAL", "TOO_MANY_PAYMENTS"
  std::string message;  // the same for people
};

// Suspected is more than limits::kFraudPaymentsPerMinuteMax in a minute, and an amount above
// limits::kFraudAmountFactor times the average of at least limits::kFraudHistoryMin payments.
std::optional<Suspicion> Suspect(const History& history, const Money& amount);

}  // namespace lockstep::consumer
