#include "common/base/page_token.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace lockstep {
namespace {

constexpr std::size_t kCheckDigits = 16;
static_assert(kCheckDigits + 2 * limits::kIdBytesMax <= limits::kPageTokenBytesMax);

// FNV-1a, 64 bits: tells a token of another list, or a changed one, from ours.
std::string CheckDigits(std::string_view list, std::string_view position) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (const char c : list) add(static_cast<unsigned char>(c));
  add(0);
  for (const char c : position) add(static_cast<unsigned char>(c));
  return fmt::format("{:016x}", hash);
}

std::optional<unsigned> HexDigit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return std::nullopt;
}

std::optional<std::string> PositionOf(std::string_view list, std::string_view token) {
  if (token.size() <= kCheckDigits || token.size() > limits::kPageTokenBytesMax ||
      token.size() % 2 != 0) {
    return std::nullopt;
  }
  const std::string_view check = token.substr(0, kCheckDigits);
  std::string position;
  for (token.remove_prefix(kCheckDigits); !token.empty(); token.remove_prefix(2)) {
    const auto high = HexDigit(token[0]);
    const auto low = HexDigit(token[1]);
    if (!high || !low) return std::nullopt;
    position.push_back(static_cast<char>(*high << 4 | *low));
  }
  if (CheckDigits(list, position) != check) return std::nullopt;
  return position;
}

}  // namespace

std::string MakePageToken(std::string_view list, std::string_view position) {
  LOCKSTEP_CHECK(!position.empty() && position.size() <= limits::kIdBytesMax);
  std::string token = CheckDigits(list, position);
  for (const char c : position) token += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return token;
}

PageRequest ReadPageRequest(std::string_view list, int page_size, std::string_view page_token,
                            Violations& violations) {
  PageRequest page;
  violations.RequireRange("page_size", page_size, 0, limits::kPageSizeMax);
  page.size = page_size == 0 ? limits::kPageSizeDefault : page_size;
  if (page_token.empty()) return page;
  std::optional<std::string> position = PositionOf(list, page_token);
  if (position) {
    page.after = *std::move(position);
  } else {
    violations.Add("page_token",
                   "must be the next_page_token of an earlier page of the same list, or empty");
  }
  return page;
}

}  // namespace lockstep
