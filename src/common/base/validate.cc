#include "common/base/validate.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/limits.h"

namespace lockstep {
namespace {

bool IsControl(unsigned char c) { return c < 0x20 || c == 0x7f; }

bool IsIdCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool IsRequestIdCharacter(char c) { return IsIdCharacter(c) || (c >= 'A' && c <= 'Z') || c == ':'; }

// How many bytes the character at the start of the text takes; 0 if it is malformed. The bounds of
// the second byte are those of table 3-7 of the Unicode standard.
std::size_t CharacterBytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  std::size_t size = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    size = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    size = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    size = 4;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  }
  if (size == 0 || text.size() < size || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  }
  return size;
}

template <typename Allowed>
std::string IdProblem(std::string_view value, std::string_view alphabet, Allowed allowed) {
  if (value.empty()) return "is required";
  const auto odd = std::find_if_not(value.begin(), value.end(), allowed);
  if (odd == value.end() && value.size() <= limits::kIdBytesMax) return {};
  const std::string rule = fmt::format("must be 1 to {} of {}", limits::kIdBytesMax, alphabet);
  if (value.size() > limits::kIdBytesMax) {
    return fmt::format("{}, has {} bytes", rule, value.size());
  }
  return fmt::format("{}, has {} at byte {}", rule, Quoted({&*odd, 1}), odd - value.begin() + 1);
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = CharacterBytes(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string Quoted(std::string_view text) {
  constexpr std::size_t kShownMax = 64;
  std::string out = "\"";
  for (const char c : text.substr(0, kShownMax)) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsControl(byte) || byte >= 0x80 || c == '"' || c == '\\') {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  if (text.size() > kShownMax) out += "…";
  return out + '"';
}

std::string DurationText(Duration duration) {
  // In unsigned arithmetic, so that the least Duration has an absolute value too.
  const auto count = static_cast<std::uint64_t>(duration.count());
  const std::uint64_t nanos = duration.count() < 0 ? 0 - count : count;
  std::string text = fmt::format("{}{}.{:09}", duration.count() < 0 ? "-" : "",
                                 nanos / 1'000'000'000, nanos % 1'000'000'000);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text + 's';
}

bool Violations::RequireId(std::string_view field, std::string_view value) {
  const std::string problem = IdProblem(value, R"(a-z, 0-9, "-", "_", ".")", IsIdCharacter);
  if (!problem.empty()) Add(field, problem);
  return problem.empty();
}

bool Violations::RequireRequestId(std::string_view field, std::string_view value) {
  const std::string problem =
      IdProblem(value, R"(letters, digits, "-", "_", ".", ":")", IsRequestIdCharacter);
  if (!problem.empty()) Add(field, problem);
  return problem.empty();
}

bool Violations::RequireText(std::string_view field, std::string_view value, std::size_t max_bytes,
                             Empty empty) {
  std::string problem;
  if (value.empty()) {
    if (empty == Empty::kRefused) problem = "is required";
  } else if (value.size() > max_bytes) {
    problem = fmt::format("must be at most {} bytes, has {}", max_bytes, value.size());
  } else if (!IsUtf8(value)) {
    problem = "must be UTF-8, is not";
  } else if (const auto control = std::find_if(value.begin(), value.end(), IsControl);
             control != value.end()) {
    problem = fmt::format("must have no control characters, has {} at byte {}",
                          Quoted({&*control, 1}), control - value.begin() + 1);
  }
  if (!problem.empty()) Add(field, problem);
  return problem.empty();
}

bool Violations::RequireRange(std::string_view field, std::int64_t value, std::int64_t low,
                              std::int64_t high) {
  if (value >= low && value <= high) return true;
  Add(field, fmt::format("must be {} to {}, is {}", low, high, value));
  return false;
}

bool Violations::RequireTimeout(std::string_view field, Duration value, Duration most) {
  if (value > Duration::zero() && value <= most) return true;
  Add(field, fmt::format("must be above 0s and at most {}, is {}", DurationText(most),
                         DurationText(value)));
  return false;
}

bool Violations::RequireVersion(std::string_view field, std::int64_t value) {
  if (value >= 0) return true;
  Add(field, fmt::format("must be 0 (any) or more, is {}", value));
  return false;
}

bool Violations::RequireMask(const std::vector<std::string>& paths,
                             std::initializer_list<std::string_view> known) {
  const auto odd = std::find_if(paths.begin(), paths.end(), [&](const std::string& path) {
    return std::find(known.begin(), known.end(), path) == known.end();
  });
  if (!paths.empty() && odd == paths.end()) return true;
  Add("update_mask", fmt::format("must name one or more of {}, {}", fmt::join(known, ", "),
                                 paths.empty() ? "is empty" : "has " + Quoted(*odd)));
  return false;
}

void Violations::Add(std::string_view field, std::string_view description) {
  const bool named =
      std::any_of(violations_.begin(), violations_.end(),
                  [&](const FieldViolation& violation) { return violation.field == field; });
  if (named) return;
  if (violations_.size() < limits::kViolationsMax) {
    violations_.push_back({std::string(field), std::string(description)});
  } else {
    ++left_out_;
  }
}

void Violations::AddAll(std::string_view path, const Violations& part) {
  for (const FieldViolation& violation : part.violations_) {
    Add(fmt::format("{}{}", path, violation.field), violation.description);
  }
  left_out_ += part.left_out_;
}

Status Violations::ToStatus() const {
  std::vector<FieldViolation> violations = violations_;
  if (left_out_ > 0) {
    violations.back().description += fmt::format(" (and {} more violations)", left_out_);
  }
  return InvalidRequest(std::move(violations));
}

Status CheckVersion(std::string_view subject, std::int64_t expected, std::int64_t current) {
  if (expected == 0 || expected == current) return OkStatus();
  ErrorDetail detail;
  detail.reason = "VERSION_MISMATCH";
  detail.metadata["expected_version"] = std::to_string(expected);
  detail.metadata["version"] = std::to_string(current);
  return MakeError(
      StatusCode::kAborted,
      fmt::format("{} is at version {}, not at {}: read it again", subject, current, expected),
      std::move(detail));
}

}  // namespace lockstep
