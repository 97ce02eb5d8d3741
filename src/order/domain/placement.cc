#include "order/domain/placement.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace lockstep::order {
namespace {

template <typename Verdict>
const Verdict* KnownOf(const std::optional<StatusOr<std::optional<Verdict>>>& said) {
  return said->ok() && (*said)->has_value() ? &***said : nullptr;
}

// Consumer's error first, whichever came first.
Status Both(const Status& consumer, const Status& restaurant) {
  ErrorDetail detail = DetailOf(consumer);
  const ErrorDetail other = DetailOf(restaurant);
  for (const auto& [key, value] : other.metadata) detail.metadata["restaurant_" + key] = value;
  detail.metadata["restaurant_code"] = CodeName(restaurant.code());
  if (!other.reason.empty()) detail.metadata["restaurant_reason"] = other.reason;
  if (detail.retry_after) detail.retry_after = std::max(detail.retry_after, other.retry_after);
  return MakeError(consumer.code(), MessageOf(consumer) + "; also: " + MessageOf(restaurant),
                   std::move(detail));
}

std::vector<PricedLine> Unpriced(std::vector<OrderLine> asked) {
  std::vector<PricedLine> lines;
  lines.reserve(asked.size());
  for (OrderLine& line : asked) {
    PricedLine& unpriced = lines.emplace_back();
    unpriced.menu_item_id = std::move(line.menu_item_id);
    unpriced.quantity = line.quantity;
  }
  return lines;
}

}  // namespace

void Placement::ConsumerSaid(StatusOr<ConsumerVerdict> verdict) {
  LOCKSTEP_CHECK(!consumer_);
  if (verdict.ok()) {
    const Status believable = Believable(*verdict, order_id_, order_.consumer_id);
    if (!believable.ok()) verdict = believable;
  }
  if (verdict.ok()) {
    consumer_.emplace(*std::move(verdict));
  } else {
    consumer_.emplace(verdict.status());
  }
  DecideIfBothSpoke();
}

void Placement::ConsumerSaysLater() {
  LOCKSTEP_CHECK(!consumer_);
  consumer_.emplace(std::nullopt);
  DecideIfBothSpoke();
}

void Placement::RestaurantSaysLater() {
  LOCKSTEP_CHECK(!menu_);
  menu_.emplace(std::nullopt);
  DecideIfBothSpoke();
}

void Placement::RestaurantSaid(StatusOr<MenuVerdict> verdict) {
  LOCKSTEP_CHECK(!menu_);
  if (verdict.ok()) {
    const Status believable = Believable(*verdict, order_id_, order_.restaurant_id, order_.lines);
    if (!believable.ok()) verdict = believable;
  }
  if (verdict.ok()) {
    menu_.emplace(*std::move(verdict));
  } else {
    menu_.emplace(verdict.status());
  }
  DecideIfBothSpoke();
}

void Placement::DecideIfBothSpoke() {
  if (!consumer_ || !menu_) return;
  const ConsumerVerdict* consumer = KnownOf(consumer_);
  const MenuVerdict* menu = KnownOf(menu_);
  std::vector<Rejection> rejections = RejectionsOf(consumer, menu);
  if (!rejections.empty()) {
    outcome_ = Rejected{std::move(rejections)};
  } else if (!consumer_->ok() && !menu_->ok()) {
    outcome_ = Failed{Both(consumer_->status(), menu_->status())};
  } else if (!consumer_->ok() || !menu_->ok()) {
    outcome_ = Failed{consumer_->ok() ? menu_->status() : consumer_->status()};
  } else if (consumer != nullptr && menu != nullptr) {
    outcome_ = Validated{*menu->total};
  } else {
    outcome_ = Pending{};
  }
}

const Placement::Outcome& Placement::outcome() const {
  LOCKSTEP_CHECK(decided());
  return *outcome_;
}

StatusOr<Order> Placement::Conclude(Style style, WallTime create_time, WallTime now) && {
  LOCKSTEP_CHECK(decided());
  if (Failed* failed = std::get_if<Failed>(&*outcome_)) return std::move(failed->status);

  Order order;
  order.order_id = std::move(order_id_);
  order.request_id = std::move(order_.request_id);
  order.consumer_id = std::move(order_.consumer_id);
  order.restaurant_id = std::move(order_.restaurant_id);
  order.delivery_address = std::move(order_.delivery_address);
  order.payment_method = order_.payment_method;
  order.style = style;
  order.create_time = create_time;
  if (consumer_->ok()) order.consumer_verdict = *std::move(*consumer_);
  if (menu_->ok()) order.menu_verdict = *std::move(*menu_);
  if (order.menu_verdict && order.menu_verdict->accepted) {
    order.lines = order.menu_verdict->lines;
    order.total = order.menu_verdict->total;
  } else {
    order.lines = Unpriced(std::move(order_.lines));
  }
  if (const Rejected* rejected = std::get_if<Rejected>(&*outcome_)) {
    for (const Rejection& rejection : rejected->rejections) {
      order.rejection_reasons.push_back(rejection.reason);
    }
    MoveTo(OrderState::kRejected, now, order);
  } else if (std::holds_alternative<Pending>(*outcome_)) {
    MoveTo(OrderState::kPending, now, order);
  } else {
    MoveTo(OrderState::kValidated, now, order);
  }
  return order;
}

}  // namespace lockstep::order
