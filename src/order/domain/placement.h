// The decision of an order: two verdicts in, in any order; one outcome out, once. The outcome does
// not depend on which verdict came first. No clock, no store, no thread: whoever drives it sees to
// it that only one thread does so at a time.
//
// - Both questions are waited for, also when the first answer is a refusal or a failure.
// - A refusal that is known rejects the order, also when the other question failed.
// - Otherwise a failure fails the order: nothing is known that could be kept. A verdict that cannot
//   be believed (verdict.h) is a failure.
// - Otherwise, where a verdict is to come later, the order is PENDING (pending.h goes on from
// there).
// - Otherwise both accept, and the total is compared with the consumer's limit.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "order/domain/order.h"

namespace lockstep::order {

class Placement {
 public:
  struct Validated {
    Money total;
    friend bool operator==(const Validated&, const Validated&) = default;
  };
  struct Rejected {
    std::vector<Rejection> rejections;  // at least one, in the order of RejectionsOf
    friend bool operator==(const Rejected&, const Rejected&) = default;
  };
  // The error of the question that failed. If both did it is Consumer's, and the metadata has
  // Restaurant's beside it, each key with "restaurant_" before it, with restaurant_code and
  // restaurant_reason; if Consumer's advises a retry, the longer retry_after counts.
  struct Failed {
    Status status;
    friend bool operator==(const Failed&, const Failed&) = default;
  };
  struct Pending {
    friend bool operator==(const Pending&, const Pending&) = default;
  };
  using Outcome = std::variant<Validated, Rejected, Failed, Pending>;

  Placement(std::string order_id, NewOrder order)
      : order_id_(std::move(order_id)), order_(std::move(order)) {}

  const std::string& order_id() const { return order_id_; }
  const NewOrder& order() const { return order_; }

  // Each exactly once; a second time is a broken invariant.
  void ConsumerSaid(StatusOr<ConsumerVerdict> verdict);
  void RestaurantSaid(StatusOr<MenuVerdict> verdict);

  // In place of these: the verdict comes later, when the order is kept already.
  void ConsumerSaysLater();
  void RestaurantSaysLater();

  // True once both have spoken.
  bool decided() const { return outcome_.has_value(); }
  // Only once decided.
  const Outcome& outcome() const;

  // The order to be kept, VALIDATED, REJECTED or PENDING; the error if the placement failed. Only
  // once decided; the placement is used up. create_time: when the order was taken.
  StatusOr<Order> Conclude(Style style, WallTime create_time, WallTime now) &&;

 private:
  void DecideIfBothSpoke();

  std::string order_id_;
  NewOrder order_;
  // The inner optional: nothing where the verdict comes later.
  std::optional<StatusOr<std::optional<ConsumerVerdict>>> consumer_;
  std::optional<StatusOr<std::optional<MenuVerdict>>> menu_;
  std::optional<Outcome> outcome_;
};

}  // namespace lockstep::order
