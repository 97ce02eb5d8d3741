// What every service asks of the text and numbers in a request, and how it says what is wrong.
// A service checks all of a request and answers with each field that cannot be accepted, up to
// limits::kViolationsMax: an error has to fit into gRPC's metadata.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/status.h"

namespace lockstep {

// True for well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

// The text between quotes, for a message: what is not printable ASCII as \xNN, cut after 64 bytes.
std::string Quoted(std::string_view text);

// "1.5s", as JSON writes a google.protobuf.Duration.
std::string DurationText(Duration duration);

// Collects what is wrong with one request. field is the path as the caller wrote it:
// "lines[2].quantity". A field is named once, with what was found first: whoever turns a message
// into a value adds what cannot be turned, and the checks of that value then add nothing. The
// Require functions return true if they found nothing wrong.
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
  // Above zero, at most that.
  bool RequireTimeout(std::string_view field, Duration value, Duration most = limits::kTimeoutMax);

  // The version that a change expects: zero (any) or more.
  bool RequireVersion(std::string_view field, std::int64_t value);
  // update_mask: at least one path, each of those known.
  bool RequireMask(const std::vector<std::string>& paths,
                   std::initializer_list<std::string_view> known);

  void Add(std::string_view field, std::string_view description);
  // Those of a part, with its path before their fields: "lines[2].".
  void AddAll(std::string_view path, const Violations& part);

  bool empty() const { return violations_.empty(); }
  // INVALID_ARGUMENT, reason INVALID_REQUEST; OK if there is no violation.
  Status ToStatus() const;

 private:
  std::vector<FieldViolation> violations_;
  std::size_t left_out_ = 0;
};

// OK if expected is 0 (any version) or the current one; else ABORTED, reason VERSION_MISMATCH.
// subject: "consumer 7".
Status CheckVersion(std::string_view subject, std::int64_t expected, std::int64_t current);

}  // namespace lockstep
