// Money: what is an amount, and arithmetic that says when it does not fit.
#include "common/base/money.h"

#include "tests/support/catch.h"

namespace lockstep {
namespace {

Money Pounds(std::int64_t units, std::int32_t nanos = 0) {
  return Money::Make("GBP", units, nanos).value();
}

TEST_CASE("an amount is units and nanos of one sign, within its limits") {
  REQUIRE(Pounds(12, 500'000'000).total_nanos() == 12'500'000'000);
  REQUIRE(Pounds(-1, -1).units() == -1);
  REQUIRE(Pounds(-1, -1).nanos() == -1);
  REQUIRE(Money::Make("GBP", 0, 999'999'999).ok());
  REQUIRE(Money::Make("GBP", Money::kUnitsMax, 0).ok());
  REQUIRE(Money::Make("GBP", -Money::kUnitsMax, 0).ok());
}

TEST_CASE("what is no amount is refused") {
  for (const char* currency : {"", "GB", "GBPP", "gbp", "G1P"}) {
    REQUIRE(Money::Make(currency, 1, 0).status().code() == StatusCode::kInvalidArgument);
  }
  REQUIRE_FALSE(Money::Make("GBP", 1, -1).ok());
  REQUIRE_FALSE(Money::Make("GBP", -1, 1).ok());
  REQUIRE_FALSE(Money::Make("GBP", 0, 1'000'000'000).ok());
  REQUIRE_FALSE(Money::Make("GBP", 0, -1'000'000'000).ok());
  REQUIRE_FALSE(Money::Make("GBP", Money::kUnitsMax, 1).ok());
  REQUIRE_FALSE(Money::Make("GBP", Money::kUnitsMax + 1, 0).ok());
  REQUIRE_FALSE(Money::Make("GBP", INT64_MIN, 0).ok());
}

TEST_CASE("sums and products are exact, and say when they do not fit") {
  REQUIRE(Pounds(1, 990'000'000).Times(3)->Text() == "5.97 GBP");
  REQUIRE(Pounds(1, 10'000'000).Plus(Pounds(0, 990'000'000)).value() == Pounds(2));
  REQUIRE(Money().Plus(Pounds(3)).value() == Pounds(3));  // a sum starts from nothing
  REQUIRE(Pounds(3).Plus(Money()).value() == Pounds(3));
  REQUIRE_FALSE(Pounds(1).Plus(Money::Make("EUR", 1, 0).value()).ok());
  REQUIRE(Pounds(Money::kUnitsMax).Plus(Pounds(0, 1)).status().code() == StatusCode::kOutOfRange);
  REQUIRE(Pounds(Money::kUnitsMax).Times(2).status().code() == StatusCode::kOutOfRange);
  REQUIRE(Pounds(Money::kUnitsMax / 2 + 1).Times(2).status().code() == StatusCode::kOutOfRange);
  REQUIRE(Pounds(Money::kUnitsMax / 2).Times(2).ok());
  REQUIRE(Pounds(-Money::kUnitsMax).Times(2).status().code() == StatusCode::kOutOfRange);
  REQUIRE(Pounds(Money::kUnitsMax).Times(INT64_MAX).status().code() == StatusCode::kOutOfRange);
}

TEST_CASE("text has two decimals, and more where they count") {
  REQUIRE(Pounds(12, 500'000'000).Text() == "12.50 GBP");
  REQUIRE(Pounds(0).Text() == "0.00 GBP");
  REQUIRE(Pounds(0, -5'000'000).Text() == "-0.005 GBP");
  REQUIRE(Money().Text() == "0.00");
}

}  // namespace
}  // namespace lockstep
