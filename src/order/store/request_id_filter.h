// Says of a request id that it is surely new, or that it may be known, without reading: a Bloom
// filter, so that the first request of an order costs no read. Nothing depends on it but time: the
// transaction that writes an order checks its request id itself.
//
// 4 MiB, 4 bits an id: of 1 M ids it takes 0.02 % of new ones for known, of 4 M 2.4 %, of 8 M 16 %.
// Ids are never taken out; it is filled anew when the store is opened. Threads: any. An id is found
// by whoever learnt of it after Add.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace lockstep::order {

class RequestIdFilter {
 public:
  void Add(std::string_view request_id) {
    for (const std::size_t bit : BitsOf(request_id)) {
      words_[bit / 64].fetch_or(std::uint64_t{1} << (bit % 64), std::memory_order_relaxed);
    }
  }
  bool MayContain(std::string_view request_id) const {
    for (const std::size_t bit : BitsOf(request_id)) {
      if ((words_[bit / 64].load(std::memory_order_relaxed) >> (bit % 64) & 1) == 0) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kBits = std::size_t{32} << 20;
  static constexpr std::size_t kBitsAnId = 4;

  // Two hashes make the others (Kirsch and Mitzenmacher, 2006).
  static std::array<std::size_t, kBitsAnId> BitsOf(std::string_view request_id) {
    const std::uint64_t first = std::hash<std::string_view>()(request_id);
    const std::uint64_t second = (first ^ (first >> 29)) * 0x9e3779b97f4a7c15 | 1;
    std::array<std::size_t, kBitsAnId> bits;
    for (std::size_t i = 0; i < kBitsAnId; ++i) bits[i] = (first + i * second) % kBits;
    return bits;
  }

  std::vector<std::atomic<std::uint64_t>> words_ =
      std::vector<std::atomic<std::uint64_t>>(kBits / 64);
};

}  // namespace lockstep::order
