// Orders as a store may have to keep them, made from a seed: every state and style, verdicts of
// both kinds and none, refusals, text of every kind, and now and then the largest that is allowed.
#pragma once

#include <fmt/format.h>

#include <random>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "order/domain/order.h"

namespace lockstep::order {

// A UUIDv7 of a moment; the same nth gives the same id, a larger one a later id.
inline std::string IdAt(WallTime time, std::uint64_t nth) {
  const auto millis = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
  return fmt::format("{:08x}-{:04x}-7{:03x}-8000-{:012x}", millis >> 16, millis & 0xffff,
                     (nth >> 36) & 0xfff, nth & 0xfffffffff);
}

class RandomOrders {
 public:
  explicit RandomOrders(std::uint64_t seed) : random_(seed) {}

  Order Next(WallTime time = kStart) {
    Order order;
    order.order_id = IdAt(time, ++nth_);
    if (OneIn(8) == 0) order.request_id = fmt::format("Request:{}", nth_);
    order.consumer_id = Id();
    order.restaurant_id = Id();
    order.delivery_address = {Text(limits::kStreetBytesMax), Text(limits::kCityBytesMax),
                              Text(limits::kPostalCodeBytesMax)};
    order.state = static_cast<OrderState>(Below(4));
    order.style = static_cast<Style>(Below(6));
    order.create_time = time;
    order.update_time = time + Duration(Below(1'000'000'000));
    for (std::uint64_t before = Below(3); before > 0; --before) {
      order.changes.push_back({static_cast<OrderState>(Below(4)), time});
    }
    order.changes.push_back({order.state, order.update_time});
    order.accepted_on_stale_data = OneIn(8) == 0;
    const std::size_t lines =
        OneIn(16) != 0 ? 1 + Below(12) : static_cast<std::size_t>(limits::kOrderLinesMax);
    for (std::size_t i = 0; i < lines; ++i) {
      PricedLine& line = order.lines.emplace_back();
      line.menu_item_id = Id();
      line.quantity = static_cast<std::int32_t>(1 + Below(limits::kQuantityMax));
    }
    if (OneIn(6) != 0) order.consumer_verdict = Consumer(order);
    if (OneIn(6) != 0) AddMenuVerdict(order);
    if (order.state == OrderState::kRejected) AddRejections(order);
    return order;
  }

 private:
  static constexpr WallTime kStart = WallTime(std::chrono::hours(480'000));

  std::uint64_t Below(std::uint64_t end) { return random_() % end; }
  std::uint64_t OneIn(std::uint64_t count) { return Below(count); }

  std::string Id() {
    if (OneIn(10) == 0) return std::string(limits::kIdBytesMax, 'i');
    return fmt::format("id-{}", Below(20));
  }

  // At most so many bytes of UTF-8; a verdict's text is the peer's, so anything goes.
  std::string Text(std::size_t bytes_max) {
    static const std::vector<std::string> parts = {
        "a", "Z", "9",  " ",  "'",  "\"",  "é",
        "ß", "ह", "漢", "🍛", "\n", ";--", std::string(1, '\0')};
    const std::size_t bytes = OneIn(8) == 0 ? bytes_max : Below(bytes_max / 2);
    std::string text;
    while (true) {
      const std::string& part = parts[Below(parts.size())];
      if (text.size() + part.size() > bytes) return text;
      text += part;
    }
  }

  std::vector<Refusal> Refusals(bool of_restaurant) {
    std::vector<Refusal> refusals;
    const std::size_t count = OneIn(20) == 0 ? limits::kOrderLinesMax : 1 + Below(3);
    for (std::size_t i = 0; i < count; ++i) {
      refusals.push_back({OneIn(5) == 0 ? "REASON_17" : "MENU_ITEM_SOLD_OUT", Text(300),
                          of_restaurant && OneIn(2) == 0 ? Id() : std::string()});
    }
    return refusals;
  }

  Money Amount(std::int64_t nanos) { return Money::FromTotalNanos("GBP", nanos); }

  ConsumerVerdict Consumer(const Order& order) {
    ConsumerVerdict verdict;
    verdict.order_id = order.order_id;
    verdict.consumer_id = order.consumer_id;
    verdict.accepted = OneIn(3) != 0;
    if (verdict.accepted) {
      verdict.order_limit = Money::FromTotalNanos(
          "EUR", OneIn(8) == 0 ? Money::kUnitsMax * Money::kNanosPerUnit
                               : static_cast<std::int64_t>(1 + Below(1'000'000'000'000)));
    } else {
      verdict.refusals = Refusals(false);
    }
    verdict.consumer_version = static_cast<std::int64_t>(Below(1'000'000));
    verdict.judge_time = order.create_time + Duration(Below(1'000'000));
    verdict.node = OneIn(4) == 0 ? Text(100) : "consumer";
    return verdict;
  }

  void AddMenuVerdict(Order& order) {
    MenuVerdict verdict;
    verdict.order_id = order.order_id;
    verdict.restaurant_id = order.restaurant_id;
    verdict.accepted = OneIn(3) != 0;
    verdict.restaurant_version = static_cast<std::int64_t>(Below(1'000'000));
    verdict.judge_time = order.create_time - Duration(Below(1'000'000));
    verdict.node = "restaurant";
    if (verdict.accepted) {
      std::int64_t total = 0;
      for (PricedLine& line : order.lines) {
        line.display_name = Text(limits::kDisplayNameBytesMax);
        const auto unit = static_cast<std::int64_t>(Below(80'000'000'000'000));
        line.unit_price = Amount(unit);
        line.price = Amount(unit * line.quantity);
        total = std::min(total + unit * line.quantity, Money::kUnitsMax * Money::kNanosPerUnit);
      }
      verdict.lines = order.lines;
      verdict.total = Amount(total);
      order.total = verdict.total;
    } else {
      verdict.refusals = Refusals(true);
    }
    order.menu_verdict = std::move(verdict);
  }

  void AddRejections(Order& order) {
    for (std::size_t i = 0; i <= Below(4); ++i) {
      order.rejection_reasons.push_back(OneIn(4) == 0 ? "REASON_99" : "CONSUMER_SUSPENDED");
    }
  }

  std::mt19937_64 random_;
  std::uint64_t nth_ = 0;
};

}  // namespace lockstep::order
