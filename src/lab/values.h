// What a cell of a CSV file or an argument of the command line means: money, moments, durations,
// ids made of names. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "lockstep/money/v1/money.pb.h"

namespace lockstep::lab {

// "4.95", "0.5", "12": zero or more, at most nine decimals.
StatusOr<money::v1::Money> ParseMoney(std::string_view text, std::string_view currency_code);

// "12.50 GBP".
std::string MoneyText(const money::v1::Money& money);

// The amount in billionths of a unit.
std::int64_t TotalNanos(const money::v1::Money& money);

// A till's "31/12/2018 21:56" or "1/2/2018 9:05", taken as UTC.
StatusOr<WallTime> ParseTillTime(std::string_view text);

// "80ms", "1.5s", "2m", "500us", "1h"; zero or more, at most `most`.
StatusOr<Duration> ParseDuration(std::string_view text, Duration most = limits::kTimeoutMax);

// The same, at most an hour.
inline StatusOr<Duration> ParseTimeout(std::string_view text) { return ParseDuration(text); }

// "Plain Papadum (4)" becomes "plain-papadum-4": letters, digits and hyphens, at most 60 bytes. A
// name without any of them gets an id from its hash.
std::string Slug(std::string_view name);

// Slugs of distinct names, in the order of the names. Where several names share one, the first of
// them by alphabet keeps it and the others get "-2", "-3", …: the order in the file does not
// matter.
std::vector<std::string> UniqueSlugs(const std::vector<std::string>& names);

// FNV-1a, then mixed (SplitMix64's finaliser), so that neighbouring order numbers land far apart.
// Never changes: it decides which consumer an order in a replay belongs to.
std::uint64_t StableHash(std::string_view text);

}  // namespace lockstep::lab
