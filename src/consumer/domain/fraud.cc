#include "consumer/domain/fraud.h"

#include <fmt/format.h>

#include "common/base/limits.h"

namespace lockstep::consumer {

std::optional<Suspicion> Suspect(const History& history, const Money& amount) {
  if (history.payments_last_minute >= limits::kFraudPaymentsPerMinuteMax) {
    return Suspicion{"TOO_MANY_PAYMENTS",
                     fmt::format("{} payments in the last minute, {} are usual at most",
                                 history.payments_last_minute, limits::kFraudPaymentsPerMinuteMax)};
  }
  const bool comparable = history.payments >= limits::kFraudHistoryMin &&
                          amount.currency_code() == history.total.currency_code();
  if (!comparable) return std::nullopt;
  const Money average = Money::FromTotalNanos(history.total.currency_code(),
                                              history.total.total_nanos() / history.payments);
  // Divided, because fifty times an average may be more than can be counted.
  if (amount.total_nanos() / limits::kFraudAmountFactor <= average.total_nanos()) {
    return std::nullopt;
  }
  return Suspicion{
      "AMOUNT_UNUSUAL",
      fmt::format("{} is more than {} times the average of {} payments, which is {}", amount.Text(),
                  limits::kFraudAmountFactor, history.payments, average.Text())};
}

}  // namespace lockstep::consumer
