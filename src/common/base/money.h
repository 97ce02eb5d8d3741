// An amount of money in one currency, to a billionth of a unit, with arithmetic that says when it
// does not fit.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/status.h"

namespace lockstep {

class Money {
 public:
  static constexpr std::int64_t kNanosPerUnit = 1'000'000'000;
  static constexpr std::int64_t kUnitsMax = 9'000'000'000;

  Money() = default;  // nothing, in no currency

  // INVALID_ARGUMENT with a plain message, for the caller to put a field name before it.
  static StatusOr<Money> Make(std::string currency_code, std::int64_t units, std::int32_t nanos);
  // From storage: an amount that Make once let pass.
  static Money FromTotalNanos(std::string currency_code, std::int64_t total_nanos) {
    return Money(std::move(currency_code), total_nanos);
  }

  const std::string& currency_code() const { return currency_code_; }
  std::int64_t total_nanos() const { return total_nanos_; }
  std::int64_t units() const { return total_nanos_ / kNanosPerUnit; }
  std::int32_t nanos() const { return static_cast<std::int32_t>(total_nanos_ % kNanosPerUnit); }

  // OUT_OF_RANGE past kUnitsMax; INVALID_ARGUMENT for two currencies. No currency (the default)
  // adds to any.
  StatusOr<Money> Plus(const Money& other) const;
  StatusOr<Money> Times(std::int64_t factor) const;

  // "12.50 GBP": two decimals at least, more where they are not zero.
  std::string Text() const;

  friend bool operator==(const Money&, const Money&) = default;

 private:
  Money(std::string currency_code, std::int64_t total_nanos)
      : currency_code_(std::move(currency_code)), total_nanos_(total_nanos) {}

  std::string currency_code_;
  std::int64_t total_nanos_ = 0;
};

}  // namespace lockstep
