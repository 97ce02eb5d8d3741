#include "order/domain/order.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/validate.h"
#include "order/domain/checkout.h"

namespace lockstep::order {
namespace {

// What may stand in an error: no more of it than fits, cut between characters.
std::string Cut(std::string text) {
  if (!IsUtf8(text)) return Quoted(text);
  if (text.size() <= limits::kRefusalTextBytesMax) return text;
  std::size_t size = limits::kRefusalTextBytesMax;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return text.substr(0, size) + "…";
}

void AddLimitRejection(const ConsumerVerdict& consumer, const MenuVerdict& menu,
                       std::vector<Rejection>& rejections) {
  const Money& limit = consumer.order_limit.value();
  const Money& total = menu.total.value();
  std::string subject = "consumers/" + consumer.consumer_id;
  if (total.currency_code() != limit.currency_code()) {
    rejections.push_back({"CURRENCY_MISMATCH", std::move(subject),
                          fmt::format("the order costs {}, the order limit of consumer {} is in {}",
                                      total.Text(), consumer.consumer_id, limit.currency_code())});
  } else if (total.total_nanos() > limit.total_nanos()) {
    rejections.push_back(
        {"ORDER_LIMIT_EXCEEDED", std::move(subject),
         fmt::format("the order costs {}, above the order limit of consumer {}, which is {}",
                     total.Text(), consumer.consumer_id, limit.Text())});
  }
}

}  // namespace

std::string_view StateName(OrderState state) {
  switch (state) {
    case OrderState::kPending:
      return "PENDING";
    case OrderState::kValidated:
      return "VALIDATED";
    case OrderState::kRejected:
      return "REJECTED";
    case OrderState::kCancelled:
      return "CANCELLED";
  }
  return "UNSPECIFIED";
}

std::optional<OrderState> StateFromName(std::string_view name) {
  for (const OrderState state : {OrderState::kPending, OrderState::kValidated,
                                 OrderState::kRejected, OrderState::kCancelled}) {
    if (StateName(state) == name) return state;
  }
  return std::nullopt;
}

std::vector<Rejection> RejectionsOf(const ConsumerVerdict* consumer, const MenuVerdict* menu) {
  std::vector<Rejection> rejections;
  if (consumer != nullptr) {
    for (const Refusal& refusal : consumer->refusals) {
      rejections.push_back({refusal.reason, "consumers/" + consumer->consumer_id, refusal.message});
    }
  }
  if (menu != nullptr) {
    const std::string restaurant = "restaurants/" + menu->restaurant_id;
    for (const Refusal& refusal : menu->refusals) {
      rejections.push_back({refusal.reason,
                            refusal.menu_item_id.empty()
                                ? restaurant
                                : restaurant + "/menuItems/" + refusal.menu_item_id,
                            refusal.message});
    }
  }
  if (consumer != nullptr && menu != nullptr && consumer->accepted && menu->accepted) {
    AddLimitRejection(*consumer, *menu, rejections);
  }
  return rejections;
}

void MoveTo(OrderState state, WallTime now, Order& order) {
  order.state = state;
  order.update_time = now;
  order.changes.push_back({state, now, std::nullopt});
}

StatusOr<Order> Cancel(Order order, WallTime now) {
  switch (order.state) {
    case OrderState::kPending:
    case OrderState::kValidated:
      MoveTo(OrderState::kCancelled, now, order);
      return order;
    case OrderState::kCancelled:
      return order;
    case OrderState::kRejected:
      break;
  }
  ErrorDetail detail;
  detail.reason = "ORDER_REJECTED";
  detail.metadata["order_id"] = order.order_id;
  detail.preconditions.push_back({"orders/" + order.order_id, "is REJECTED"});
  return MakeError(StatusCode::kFailedPrecondition,
                   fmt::format("order {} was rejected: there is nothing to cancel", order.order_id),
                   std::move(detail));
}

Status RefusalError(const Order& rejected) {
  LOCKSTEP_CHECK(rejected.state == OrderState::kRejected);
  std::vector<Rejection> rejections =
      RejectionsOf(rejected.consumer_verdict ? &*rejected.consumer_verdict : nullptr,
                   rejected.menu_verdict ? &*rejected.menu_verdict : nullptr);
  if (rejections.empty()) {
    // What no verdict says, Order itself did.
    LOCKSTEP_CHECK(!rejected.rejection_reasons.empty());
    rejections.push_back(RejectionFor(rejected.rejection_reasons.front(), rejected));
  }
  const std::size_t shown = std::min(rejections.size(), limits::kRefusalsInErrorMax);
  const std::size_t more = rejections.size() - shown;

  ErrorDetail detail;
  detail.reason = Cut(rejections.front().reason);
  detail.metadata["order_id"] = rejected.order_id;
  for (std::size_t i = 0; i < shown; ++i) {
    const Rejection& rejection = rejections[i];
    detail.preconditions.push_back(
        {Cut(rejection.subject), Cut(rejection.reason + ": " + rejection.message)});
  }
  if (more > 0) {
    detail.preconditions.back().description +=
        fmt::format(" (and {} more reasons, kept with the order)", more);
  }
  std::string message =
      fmt::format("order {} is rejected: {}", rejected.order_id, Cut(rejections.front().message));
  if (rejections.size() > 1) {
    message += fmt::format(" (and {} more reasons)", rejections.size() - 1);
  }
  return MakeError(StatusCode::kFailedPrecondition, std::move(message), std::move(detail));
}

}  // namespace lockstep::order
