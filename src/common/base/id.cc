#include "common/base/id.h"

#include <array>
#include <cstdint>
#include <mutex>
#include <random>

namespace lockstep {
namespace {

constexpr int kCounterBits = 12;  // rand_a, used as a counter (RFC 9562, section 6.2, method 1)

// The millisecond and the counter within it, packed: strictly increasing also when the wall clock
// stands or steps back.
std::uint64_t NextTick(std::uint64_t millis) {
  static std::mutex mutex;
  static std::uint64_t last = 0;
  const std::lock_guard lock(mutex);
  last = std::max(last + 1, millis << kCounterBits);
  return last;
}

std::uint64_t Random() {
  thread_local std::mt19937_64 engine = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return engine();
}

}  // namespace

std::string NewId(WallTime now) {
  using std::chrono::duration_cast, std::chrono::milliseconds;
  const std::uint64_t tick = NextTick(
      static_cast<std::uint64_t>(duration_cast<milliseconds>(now.time_since_epoch()).count()));
  const std::uint64_t high = (tick >> kCounterBits << 16) | 0x7000U | (tick & 0xFFFU);
  const std::uint64_t low = (Random() & 0x3FFF'FFFF'FFFF'FFFFU) | 0x8000'0000'0000'0000U;
  constexpr char kHex[] = "0123456789abcdef";
  std::string text(36, '-');
  std::size_t place = 0;
  for (const std::uint64_t half : {high, low}) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      if (place == 8 || place == 13 || place == 18 || place == 23) ++place;
      text[place++] = kHex[(half >> shift) & 0xF];
    }
  }
  return text;
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

}  // namespace lockstep
