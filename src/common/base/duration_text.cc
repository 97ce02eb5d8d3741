#include "common/base/duration_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <utility>

#include "common/base/limits.h"
#include "common/base/validate.h"

namespace lockstep {

StatusOr<Duration> ParseDuration(std::string_view text, Duration most) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {
      {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
  double number = 0;
  const char* const text_end = text.data() + text.size();
  const auto [number_end, error] = std::from_chars(text.data(), text_end, number);
  if (error == std::errc{} && std::isfinite(number) && !std::signbit(number)) {
    const std::string_view unit(number_end, static_cast<std::size_t>(text_end - number_end));
    for (const auto& [name, nanos_per_unit] : kUnits) {
      if (name != unit) continue;
      const double nanos = number * nanos_per_unit;
      if (nanos <= static_cast<double>(most.count())) {
        return Duration(std::llround(nanos));
      }
      return MakeError(StatusCode::kInvalidArgument, "INVALID_DURATION",
                       fmt::format("{} is more than {}, the most that is allowed", Quoted(text),
                                   DurationText(most)));
    }
  }
  return MakeError(StatusCode::kInvalidArgument, "INVALID_DURATION",
                   fmt::format("{} is no duration; write 80ms, 1.5s or 2m", Quoted(text)));
}

}  // namespace lockstep
