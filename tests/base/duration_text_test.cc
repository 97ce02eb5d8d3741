// Durations on a command line.
#include "common/base/duration_text.h"

#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"

namespace lockstep {
namespace {

TEST_CASE("durations are read with their unit, up to an hour") {
  using namespace std::chrono_literals;
  const std::vector<std::pair<std::string, Duration>> cases = {
      {"0s", 0s},   {"80ms", 80ms},   {"1.5s", 1500ms}, {"2m", 2min},
      {"1h", 1h},   {"0.25h", 15min}, {"500us", 500us}, {"100ns", 100ns},
      {"10s", 10s}, {"3600s", 3600s}, {".5s", 500ms},   {"60m", 60min},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text);
    const StatusOr<Duration> read = ParseDuration(text);
    REQUIRE(read.ok());
    CHECK(*read == expected);
  }
  for (const std::string text :
       {"",       "s",       "10",    "10 s",   "s10",   "-1s",   "-0s", "1d",
        "1.5.5s", "10S",     "nan s", "nans",   "infs",  "1h1m",  " 1s", "1s ",
        "0x10s",  "3600.1s", "61m",   "1.001h", "1e99s", "1e999s"}) {
    INFO(text);
    const StatusOr<Duration> read = ParseDuration(text);
    CHECK(read.status().code() == StatusCode::kInvalidArgument);
    CHECK(DetailOf(read.status()).reason == "INVALID_DURATION");
  }
}

TEST_CASE("who allows more than an hour says so") {
  using namespace std::chrono_literals;
  const StatusOr<Duration> read = ParseDuration("24h", limits::kLongTimeMax);
  REQUIRE(read.ok());
  CHECK(*read == 24h);
  const StatusOr<Duration> more = ParseDuration("24.1h", limits::kLongTimeMax);
  CHECK(MessageOf(more.status()).find("is more than 86400s") != std::string::npos);
}

}  // namespace
}  // namespace lockstep
