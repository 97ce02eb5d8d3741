// What every service asks of the text and numbers in a request, and how it says what is wrong.
// A service checks all of a request and answers with each field that cannot be accepted, up to
// limits::kViolationsMax: an error has to fit into gRPC's metadata.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace lockstep {

// True for well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

// The text between quotes, for a message: what is not printable ASCII as \xNN, cut after 64 bytes.
std::string Quoted(std::string_view text);

// "1.5s", as JSON writes a google.protobuf.Duration.
std::string DurationText(Duration duration);

// Collects what is wrong with one request. field is the path as the caller wrote it:
// "lines[2].quantity". The Require functions return true if they found nothing wrong.
class Violations {
 public:
  // 1 to 64 of a-z, 0-9, "-", "_", ".".
  bool RequireId(std::string_view field, std::string_view value);
  // 1 to 64 of letters, digits, "-", "_", ".", ":".
  bool RequireRequestId(std::string_view field, std::string_view value);

  enum class Empty { kRefused, kAllowed };
  // At most max_bytes of UTF-8 without control characters.
  bool RequireText(std::string_view field, std::string_view value, std::size_t max_bytes,
                   Empty empty = Empty::kRefused);

  // low to high, both allowed.
  bool RequireRange(std::string_view field, std::int64_t value, std::int64_t low,
                    std::int64_t high);
  // Above zero, at most limits::kTimeoutMax.
  bool RequireTimeout(std::string_view field, Duration value);

  void Add(std::string_view field, std::string_view description);

  bool empty() const { return violations_.empty(); }
  // INVALID_ARGUMENT, reason INVALID_REQUEST; OK if there is no violation.
  Status ToStatus() const;

 private:
  std::vector<FieldViolation> violations_;
  std::size_t left_out_ = 0;
};

}  // namespace lockstep
