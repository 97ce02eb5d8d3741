// Between the values of common/base and their messages: durations, times, money, deadline policies.
#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <string_view>
#include <utility>

#include "common/base/clock.h"
#include "common/base/deadline.h"
#include "common/base/money.h"
#include "common/base/validate.h"
#include "lockstep/call/v1/call.pb.h"
#include "lockstep/money/v1/money.pb.h"

namespace lockstep::rpc {

inline void SetDuration(Duration duration, google::protobuf::Duration* out) {
  out->set_seconds(duration.count() / 1'000'000'000);
  out->set_nanos(static_cast<std::int32_t>(duration.count() % 1'000'000'000));
}

// As duration.proto demands: nanos within a second, and of the sign of seconds.
inline bool IsWellFormed(const google::protobuf::Duration& in) {
  if (in.nanos() <= -1'000'000'000 || in.nanos() >= 1'000'000'000) return false;
  return in.seconds() == 0 || in.nanos() == 0 || (in.seconds() < 0) == (in.nanos() < 0);
}

// Saturates at the bounds of Duration, about 292 years.
inline Duration ToDuration(const google::protobuf::Duration& in) {
  constexpr std::int64_t kSecondsMax = Duration::max().count() / 1'000'000'000 - 1;
  if (in.seconds() > kSecondsMax) return Duration::max();
  if (in.seconds() < -kSecondsMax) return Duration::min();
  return std::chrono::seconds(in.seconds()) + Duration(in.nanos());
}

inline void SetTime(WallTime time, google::protobuf::Timestamp* out) {
  const std::int64_t nanos = time.time_since_epoch().count();
  std::int64_t seconds = nanos / 1'000'000'000;
  std::int64_t rest = nanos % 1'000'000'000;
  if (rest < 0) {  // nanos count forward from seconds, also before 1970
    rest += 1'000'000'000;
    --seconds;
  }
  out->set_seconds(seconds);
  out->set_nanos(static_cast<std::int32_t>(rest));
}

inline WallTime ToTime(const google::protobuf::Timestamp& in) {
  return WallTime(std::chrono::seconds(in.seconds()) + Duration(in.nanos()));
}

// Of a request's field: what is no time between the years 1970 and 2262 is a violation.
inline WallTime ReadTime(const google::protobuf::Timestamp& in, std::string_view field,
                         Violations& violations) {
  constexpr std::int64_t kSecondsMax = Duration::max() / std::chrono::seconds(1) - 1;
  if (in.seconds() >= 0 && in.seconds() <= kSecondsMax && in.nanos() >= 0 &&
      in.nanos() < 1'000'000'000) {
    return ToTime(in);
  }
  violations.Add(field, "must be a time between the years 1970 and 2262, is not");
  return WallTime();
}

inline void SetMoney(const Money& money, money::v1::Money* out) {
  out->set_currency_code(money.currency_code());
  out->set_units(money.units());
  out->set_nanos(money.nanos());
}

inline StatusOr<Money> ToMoney(const money::v1::Money& in) {
  return Money::Make(in.currency_code(), in.units(), in.nanos());
}

// The same of a request's field: what cannot be an amount is a violation, and nothing.
inline Money ReadMoney(const money::v1::Money& in, std::string_view field, Violations& violations) {
  StatusOr<Money> money = ToMoney(in);
  if (money.ok()) return *std::move(money);
  violations.Add(field, MessageOf(money.status()));
  return Money();
}

inline call::v1::DeadlinePolicy ToProto(DeadlinePolicy policy) {
  switch (policy) {
    case DeadlinePolicy::kNone:
      return call::v1::DEADLINE_POLICY_NONE;
    case DeadlinePolicy::kFixed:
      return call::v1::DEADLINE_POLICY_FIXED;
    case DeadlinePolicy::kPropagate:
      return call::v1::DEADLINE_POLICY_PROPAGATE;
    case DeadlinePolicy::kReserve:
      return call::v1::DEADLINE_POLICY_RESERVE;
  }
  return call::v1::DEADLINE_POLICY_UNSPECIFIED;
}

}  // namespace lockstep::rpc
