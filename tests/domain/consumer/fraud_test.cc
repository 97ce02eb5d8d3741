// What looks like fraud, and what does not.
#include "consumer/domain/fraud.h"

#include "common/base/limits.h"
#include "tests/support/catch.h"

namespace lockstep::consumer {
namespace {

Money Pounds(std::int64_t units) { return Money::Make("GBP", units, 0).value(); }

std::string Reason(const History& history, const Money& amount) {
  const auto suspicion = Suspect(history, amount);
  return suspicion ? suspicion->reason : "";
}

TEST_CASE("an amount is unusual above a multiple of the average of enough payments") {
  CHECK(Reason({}, Pounds(9'000'000)).empty());
  CHECK(Reason({limits::kFraudHistoryMin - 1, Pounds(9), 0}, Pounds(9'000)).empty());
  CHECK(Reason({10, Pounds(20), 0}, Pounds(100)).empty());
  CHECK(Reason({10, Pounds(20), 0}, Pounds(101)) == "AMOUNT_UNUSUAL");
  CHECK(Reason({10, Pounds(20), 0}, Money::Make("EUR", 101, 0).value()).empty());
  CHECK(Reason({10, Pounds(Money::kUnitsMax), 0}, Pounds(Money::kUnitsMax)).empty());
  CHECK(Suspect({10, Pounds(20), 0}, Pounds(101))->message ==
        "101.00 GBP is more than 50 times the average of 10 payments, which is 2.00 GBP");
}

TEST_CASE("too many payments in a minute are suspected, whatever the amount") {
  const std::int64_t most = limits::kFraudPaymentsPerMinuteMax;
  CHECK(Reason({most, Pounds(20), most - 1}, Pounds(0)).empty());
  CHECK(Reason({most, Pounds(20), most}, Pounds(0)) == "TOO_MANY_PAYMENTS");
}

}  // namespace
}  // namespace lockstep::consumer
