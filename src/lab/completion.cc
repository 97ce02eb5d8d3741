#include "lab/completion.h"

#include <algorithm>
#include <numeric>
#include <thread>

#include "common/base/limits.h"
#include "common/base/money.h"
#include "common/rpc/proto_values.h"
#include "lab/outcome.h"
#include "lab/values.h"

namespace lockstep::lab {
namespace {

using order::v1::Order;
using std::chrono_literals::operator""ms;

constexpr Duration kLookAgain = 20ms;
constexpr int kLookAtOrders = 100;  // a page: one of ours among them is enough to wait on

// Whether one of the orders is PENDING.
StatusOr<bool> AnyPending(OrderPeer& peer, const std::set<std::string>& order_ids) {
  order::v1::ListOrdersRequest request;
  request.set_page_size(kLookAtOrders);
  request.set_state(Order::STATE_PENDING);
  bool any = false;
  const Status status = VisitOrders(peer, request, [&](const Order& order) {
    any = order_ids.contains(order.order_id());
    return !any;
  });
  if (!status.ok()) return status;
  return any;
}

// Each of the orders, as it is now.
StatusOr<Completion> ReadAll(OrderPeer& peer, const std::set<std::string>& order_ids) {
  Completion completion;
  order::v1::ListOrdersRequest request;
  request.set_page_size(limits::kPageSizeMax);
  const Status status = VisitOrders(peer, request, [&](const Order& order) {
    if (order_ids.contains(order.order_id())) Count(order, completion);
    return completion.in_all() < std::ssize(order_ids);
  });
  if (!status.ok()) return status;
  if (completion.in_all() < std::ssize(order_ids)) {
    return MakeError(StatusCode::kDataLoss, "ORDERS_MISSING",
                     fmt::format("of {} orders that were acknowledged, {} are not there",
                                 order_ids.size(), std::ssize(order_ids) - completion.in_all()));
  }
  return completion;
}

}  // namespace

std::int64_t Completion::rejected_in_all() const {
  return std::accumulate(rejected.begin(), rejected.end(), std::int64_t{0},
                         [](std::int64_t sum, const auto& entry) { return sum + entry.second; });
}

void Count(const Order& order, Completion& completion) {
  const auto first_final = std::find_if(
      order.state_changes().begin(), order.state_changes().end(),
      [](const order::v1::StateChange& change) { return change.state() != Order::STATE_PENDING; });
  if (first_final != order.state_changes().end()) {
    completion.times.push_back(rpc::ToTime(first_final->time()) - rpc::ToTime(order.create_time()));
  }
  switch (order.state()) {
    case Order::STATE_VALIDATED:
      ++completion.validated;
      completion.validated_ids.insert(order.order_id());
      for (const auto& line : order.lines()) completion.portions += line.quantity();
      completion.nanos[order.total().currency_code()] += TotalNanos(order.total());
      break;
    case Order::STATE_REJECTED:
      ++completion
            .rejected[order.rejection_reasons().empty() ? "REJECTED" : order.rejection_reasons(0)];
      break;
    case Order::STATE_CANCELLED:
      ++completion.cancelled;
      break;
    default:
      ++completion.pending;
  }
}

StatusOr<Completion> AwaitCompletion(OrderPeer& peer, const std::set<std::string>& order_ids,
                                     Duration limit, bool (*interrupted)()) {
  const SteadyTime end = Clock::Real().Now() + limit;
  for (;;) {
    const StatusOr<bool> pending = AnyPending(peer, order_ids);
    const bool is_over = Clock::Real().Now() >= end || interrupted();
    if (!pending.ok() && is_over) return pending.status();
    if (pending.ok() && (!*pending || is_over)) return ReadAll(peer, order_ids);
    std::this_thread::sleep_for(kLookAgain);
  }
}

Json CompletionJson(const Completion& completion) {
  Json json;
  Put(json, "validated", completion.validated);
  PutCounts(json, "rejected", completion.rejected);
  Put(json, "cancelled", completion.cancelled);
  Put(json, "pending", completion.pending);
  PutMillis(json, "median_ms", Quantile(completion.times, 0.5));
  PutMillis(json, "p99_ms", Quantile(completion.times, 0.99));
  return json;
}

}  // namespace lockstep::lab
