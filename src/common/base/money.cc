#include "common/base/money.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace lockstep {
namespace {

constexpr std::int64_t kTotalMax = Money::kUnitsMax * Money::kNanosPerUnit;
static_assert(Money::kUnitsMax <= INT64_MAX / Money::kNanosPerUnit);

Status TooLarge() {
  return Status(StatusCode::kOutOfRange,
                fmt::format("the amount is beyond {} units", Money::kUnitsMax));
}

}  // namespace

StatusOr<Money> Money::Make(std::string currency_code, std::int64_t units, std::int32_t nanos) {
  const auto invalid = [](std::string message) { return absl::InvalidArgumentError(message); };
  const bool letters =
      currency_code.size() == 3 && std::all_of(currency_code.begin(), currency_code.end(),
                                               [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!letters) return invalid("currency_code must be three letters of ISO 4217, like \"GBP\"");
  if (units > kUnitsMax || units < -kUnitsMax) {
    return invalid(fmt::format("units must be -{0} to {0}, is {1}", kUnitsMax, units));
  }
  if (nanos <= -kNanosPerUnit || nanos >= kNanosPerUnit) {
    return invalid(fmt::format("nanos must be -999999999 to 999999999, is {}", nanos));
  }
  if ((units > 0 && nanos < 0) || (units < 0 && nanos > 0)) {
    return invalid("units and nanos must have the same sign");
  }
  const std::int64_t total = units * kNanosPerUnit + nanos;
  if (std::abs(total) > kTotalMax) return invalid(MessageOf(TooLarge()));
  return Money(std::move(currency_code), total);
}

StatusOr<Money> Money::Plus(const Money& other) const {
  const std::string& currency = currency_code_.empty() ? other.currency_code_ : currency_code_;
  if (!other.currency_code_.empty() && other.currency_code_ != currency) {
    return absl::InvalidArgumentError(
        fmt::format("cannot add {} to {}", other.currency_code_, currency));
  }
  std::int64_t sum = 0;
  if (__builtin_add_overflow(total_nanos_, other.total_nanos_, &sum) || std::abs(sum) > kTotalMax) {
    return TooLarge();
  }
  return Money(currency, sum);
}

StatusOr<Money> Money::Times(std::int64_t factor) const {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(total_nanos_, factor, &product) || product > kTotalMax ||
      product < -kTotalMax) {
    return TooLarge();
  }
  return Money(currency_code_, product);
}

std::string Money::Text() const {
  std::string decimals = fmt::format("{:09}", std::abs(nanos()));
  while (decimals.size() > 2 && decimals.back() == '0') decimals.pop_back();
  return fmt::format("{}{}.{}{}{}", total_nanos_ < 0 ? "-" : "", std::abs(units()), decimals,
                     currency_code_.empty() ? "" : " ", currency_code_);
}

}  // namespace lockstep
