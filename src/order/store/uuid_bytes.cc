#include "order/store/uuid_bytes.h"

#include <algorithm>
#include <cstdint>

#include "common/base/check.h"
#include "common/base/id.h"

namespace lockstep::order {
namespace {

constexpr std::size_t kUuidBytes = 16;

unsigned Digit(char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); }

}  // namespace

std::string UuidBytes(std::string_view text) {
  LOCKSTEP_CHECK(IsUuid(text));
  std::string bytes;
  bytes.reserve(kUuidBytes);
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '-') {
      ++i;
      continue;
    }
    bytes.push_back(static_cast<char>(Digit(text[i]) << 4 | Digit(text[i + 1])));
    i += 2;
  }
  return bytes;
}

std::string UuidText(std::string_view bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  LOCKSTEP_CHECK(bytes.size() == kUuidBytes);
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    const auto byte = static_cast<unsigned char>(bytes[i]);
    text.push_back(kHex[byte >> 4]);
    text.push_back(kHex[byte & 0xF]);
  }
  return text;
}

std::string FirstIdOf(WallTime time) {
  const auto millis = std::max<std::int64_t>(
      0, std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
  std::string bytes(16, '\0');
  for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<char>(millis >> (8 * (5 - i)) & 0xFF);
  return bytes;
}

}  // namespace lockstep::order
