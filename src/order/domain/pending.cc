#include "order/domain/pending.h"

#include <utility>

#include "common/base/check.h"
#include "order/domain/checkout.h"

namespace lockstep::order {
namespace {

std::vector<OrderLine> AskedFor(const Order& order) {
  std::vector<OrderLine> asked;
  asked.reserve(order.lines.size());
  for (const PricedLine& line : order.lines) asked.push_back({line.menu_item_id, line.quantity});
  return asked;
}

void Reject(const std::vector<Rejection>& rejections, WallTime now, Order& order) {
  for (const Rejection& rejection : rejections) order.rejection_reasons.push_back(rejection.reason);
  MoveTo(OrderState::kRejected, now, order);
}

// After a verdict was recorded.
Judged Decide(WallTime now, Order& order) {
  if (!order.consumer_verdict || !order.menu_verdict) return {VerdictEffect::kRecorded, OkStatus()};
  const std::vector<Rejection> rejections =
      RejectionsOf(&*order.consumer_verdict, &*order.menu_verdict);
  if (rejections.empty()) {
    Proceed(now, order);
  } else {
    Reject(rejections, now, order);
  }
  const bool decided = order.state != OrderState::kPending;
  return {decided ? VerdictEffect::kDecided : VerdictEffect::kRecorded, OkStatus()};
}

}  // namespace

Judged TakeVerdict(ConsumerVerdict verdict, WallTime now, Order& order) {
  if (Status status = Believable(verdict, order.order_id, order.consumer_id); !status.ok()) {
    return {VerdictEffect::kInconsistent, std::move(status)};
  }
  if (order.state != OrderState::kPending || order.consumer_verdict) {
    return {VerdictEffect::kLate, OkStatus()};
  }
  order.consumer_verdict = std::move(verdict);
  return Decide(now, order);
}

Judged TakeVerdict(MenuVerdict verdict, WallTime now, Order& order) {
  Status status = Believable(verdict, order.order_id, order.restaurant_id, AskedFor(order));
  if (!status.ok()) return {VerdictEffect::kInconsistent, std::move(status)};
  if (order.state != OrderState::kPending || order.menu_verdict) {
    return {VerdictEffect::kLate, OkStatus()};
  }
  if (verdict.accepted) {
    order.lines = verdict.lines;
    order.total = verdict.total;
  }
  order.menu_verdict = std::move(verdict);
  return Decide(now, order);
}

void Expire(WallTime now, Order& order) {
  LOCKSTEP_CHECK(order.state == OrderState::kPending);
  std::vector<Rejection> rejections =
      RejectionsOf(order.consumer_verdict ? &*order.consumer_verdict : nullptr,
                   order.menu_verdict ? &*order.menu_verdict : nullptr);
  if (rejections.empty()) rejections.push_back({kValidationExpired, "", ""});
  Reject(rejections, now, order);
}

}  // namespace lockstep::order
