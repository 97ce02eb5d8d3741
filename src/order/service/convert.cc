#include "order/service/convert.h"

#include <fmt/format.h>

#include <utility>

#include "common/base/check.h"
#include "common/rpc/proto_values.h"
#include "order/checks/wire.h"

namespace lockstep::order {
namespace {

// A reason that this build has no name for was kept as REASON_17, and goes out as the number it
// came as.
template <typename Verdict>
typename Verdict::Reason ReasonToProto(const std::string& name) {
  typename Verdict::Reason reason = Verdict::REASON_UNSPECIFIED;
  if (Verdict::Reason_Parse("REASON_" + name, &reason)) return reason;
  constexpr std::string_view kPrefix = "REASON_";
  if (name.starts_with(kPrefix)) {
    return static_cast<typename Verdict::Reason>(std::atoi(name.c_str() + kPrefix.size()));
  }
  return reason;
}

void SetProto(const ConsumerVerdict& verdict, consumer::v1::ConsumerVerdict* out) {
  out->set_order_id(verdict.order_id);
  out->set_consumer_id(verdict.consumer_id);
  out->set_accepted(verdict.accepted);
  for (const Refusal& refusal : verdict.refusals) {
    auto* shown = out->add_refusals();
    shown->set_reason(ReasonToProto<consumer::v1::ConsumerVerdict>(refusal.reason));
    shown->set_message(refusal.message);
  }
  if (verdict.order_limit) rpc::SetMoney(*verdict.order_limit, out->mutable_order_limit());
  out->set_consumer_version(verdict.consumer_version);
  rpc::SetTime(verdict.judge_time, out->mutable_judge_time());
  out->set_node(verdict.node);
}

// Without lines and total: they are those of the order.
void SetProto(const MenuVerdict& verdict, restaurant::v1::OrderDetailsVerdict* out) {
  out->set_order_id(verdict.order_id);
  out->set_restaurant_id(verdict.restaurant_id);
  out->set_accepted(verdict.accepted);
  for (const Refusal& refusal : verdict.refusals) {
    auto* shown = out->add_refusals();
    shown->set_reason(ReasonToProto<restaurant::v1::OrderDetailsVerdict>(refusal.reason));
    shown->set_message(refusal.message);
    shown->set_menu_item_id(refusal.menu_item_id);
  }
  out->set_restaurant_version(verdict.restaurant_version);
  rpc::SetTime(verdict.judge_time, out->mutable_judge_time());
  out->set_node(verdict.node);
}

void SetProto(const StepChange& change, v1::CheckoutStep* out) {
  out->set_kind(change.step == Step::kReservation ? v1::CheckoutStep::KIND_RESERVATION
                                                  : v1::CheckoutStep::KIND_PAYMENT);
  switch (change.state) {
    case StepState::kAsked:
      return out->set_state(v1::CheckoutStep::STATE_ASKED);
    case StepState::kDone:
      return out->set_state(v1::CheckoutStep::STATE_DONE);
    case StepState::kRefused:
      return out->set_state(v1::CheckoutStep::STATE_REFUSED);
  }
}

v1::Order::State ToProto(OrderState state) {
  switch (state) {
    case OrderState::kPending:
      return v1::Order::STATE_PENDING;
    case OrderState::kValidated:
      return v1::Order::STATE_VALIDATED;
    case OrderState::kRejected:
      return v1::Order::STATE_REJECTED;
    case OrderState::kCancelled:
      return v1::Order::STATE_CANCELLED;
  }
  return v1::Order::STATE_UNSPECIFIED;
}

// The domain numbers the styles as the protos do, which begin with UNSPECIFIED.
constexpr int kStyleBase = call::v1::STYLE_BLOCKING - static_cast<int>(Style::kBlocking);
static_assert(call::v1::STYLE_NON_BLOCKING == static_cast<int>(Style::kNonBlocking) + kStyleBase);
static_assert(call::v1::STYLE_REPLICA == static_cast<int>(Style::kReplica) + kStyleBase);
static_assert(call::v1::STYLE_DEFERRED == static_cast<int>(Style::kDeferred) + kStyleBase);
static_assert(call::v1::STYLE_EVENT_DRIVEN == static_cast<int>(Style::kEventDriven) + kStyleBase);
static_assert(call::v1::STYLE_COMMON_DATA == static_cast<int>(Style::kCommonData) + kStyleBase);

}  // namespace

NewOrder FromProto(const v1::CreateOrderRequest& request, Violations& violations) {
  NewOrder order;
  switch (request.payment_method()) {
    case v1::Order::PAYMENT_METHOD_UNSPECIFIED:
    case v1::Order::PAYMENT_METHOD_CASH:
      break;
    case v1::Order::PAYMENT_METHOD_ACCOUNT:
      order.payment_method = PaymentMethod::kAccount;
      break;
    default:
      violations.Add("payment_method", fmt::format("must be a PaymentMethod, is {}",
                                                   static_cast<int>(request.payment_method())));
  }
  order.request_id = request.request_id();
  order.consumer_id = request.consumer_id();
  order.restaurant_id = request.restaurant_id();
  order.lines.reserve(static_cast<std::size_t>(request.lines_size()));
  for (const auto& line : request.lines())
    order.lines.push_back({line.menu_item_id(), line.quantity()});
  const auto& address = request.delivery_address();
  order.delivery_address = {address.street(), address.city(), address.postal_code()};
  return order;
}

OrderOptions FromProto(const v1::OrderOptions& in, Violations& violations) {
  OrderOptions options;
  if (in.style() != call::v1::STYLE_UNSPECIFIED) {
    if (call::v1::Style_IsValid(in.style())) {
      options.style = FromProto(in.style());
    } else {
      violations.Add("options.style",
                     fmt::format("must be a Style, is {}", static_cast<int>(in.style())));
    }
  }
  if (in.deadline_policy() != call::v1::DEADLINE_POLICY_UNSPECIFIED) {
    if (call::v1::DeadlinePolicy_IsValid(in.deadline_policy())) {
      options.deadline_policy = FromProto(in.deadline_policy());
    } else {
      violations.Add(
          "options.deadline_policy",
          fmt::format("must be a DeadlinePolicy, is {}", static_cast<int>(in.deadline_policy())));
    }
  }
  // A duration that is none is a violation of its field, and stays unset.
  const auto read = [&violations](const char* field, bool present,
                                  const google::protobuf::Duration& duration,
                                  std::optional<Duration>& out) {
    if (!present) return;
    if (rpc::IsWellFormed(duration)) {
      out = rpc::ToDuration(duration);
    } else {
      violations.Add(field, "must have nanos within a second and of the sign of its seconds");
    }
  };
  read("options.consumer_timeout", in.has_consumer_timeout(), in.consumer_timeout(),
       options.consumer_timeout);
  read("options.restaurant_timeout", in.has_restaurant_timeout(), in.restaurant_timeout(),
       options.restaurant_timeout);
  read("options.reserve", in.has_reserve(), in.reserve(), options.reserve);
  if (in.has_wait_for_ready()) options.wait_for_ready = in.wait_for_ready();
  options.wait_for_final = in.wait_for_final();
  return options;
}

std::optional<OrderState> FromProto(v1::Order::State state, Violations& violations) {
  switch (state) {
    case v1::Order::STATE_UNSPECIFIED:
      return std::nullopt;
    case v1::Order::STATE_PENDING:
      return OrderState::kPending;
    case v1::Order::STATE_VALIDATED:
      return OrderState::kValidated;
    case v1::Order::STATE_REJECTED:
      return OrderState::kRejected;
    case v1::Order::STATE_CANCELLED:
      return OrderState::kCancelled;
    default:
      violations.Add("state", fmt::format("must be a State, is {}", static_cast<int>(state)));
      return std::nullopt;
  }
}

Style FromProto(call::v1::Style style) {
  LOCKSTEP_CHECK(call::v1::Style_IsValid(style) && style != call::v1::STYLE_UNSPECIFIED);
  return static_cast<Style>(static_cast<int>(style) - kStyleBase);
}

call::v1::Style ToProto(Style style) {
  return static_cast<call::v1::Style>(static_cast<int>(style) + kStyleBase);
}

DeadlinePolicy FromProto(call::v1::DeadlinePolicy policy) {
  switch (policy) {
    case call::v1::DEADLINE_POLICY_NONE:
      return DeadlinePolicy::kNone;
    case call::v1::DEADLINE_POLICY_FIXED:
      return DeadlinePolicy::kFixed;
    case call::v1::DEADLINE_POLICY_RESERVE:
      return DeadlinePolicy::kReserve;
    default:
      LOCKSTEP_CHECK(policy == call::v1::DEADLINE_POLICY_PROPAGATE);
      return DeadlinePolicy::kPropagate;
  }
}

void SetProto(const Order& order, v1::Order* out) {
  out->set_order_id(order.order_id);
  out->set_request_id(order.request_id);
  out->set_consumer_id(order.consumer_id);
  out->set_restaurant_id(order.restaurant_id);
  for (const PricedLine& line : order.lines) {
    auto* shown = out->add_lines();
    shown->set_menu_item_id(line.menu_item_id);
    shown->set_display_name(line.display_name);
    shown->set_quantity(line.quantity);
    shown->set_limited(line.limited);
    if (order.total) {
      rpc::SetMoney(line.unit_price, shown->mutable_unit_price());
      rpc::SetMoney(line.price, shown->mutable_price());
    }
  }
  auto* address = out->mutable_delivery_address();
  address->set_street(order.delivery_address.street);
  address->set_city(order.delivery_address.city);
  address->set_postal_code(order.delivery_address.postal_code);
  out->set_state(ToProto(order.state));
  out->set_style(ToProto(order.style));
  if (order.total) rpc::SetMoney(*order.total, out->mutable_total());
  if (order.consumer_verdict) SetProto(*order.consumer_verdict, out->mutable_consumer_verdict());
  if (order.menu_verdict) SetProto(*order.menu_verdict, out->mutable_restaurant_verdict());
  for (const std::string& reason : order.rejection_reasons) out->add_rejection_reasons(reason);
  rpc::SetTime(order.create_time, out->mutable_create_time());
  rpc::SetTime(order.update_time, out->mutable_update_time());
  for (const StateChange& change : order.changes) {
    auto* shown = out->add_state_changes();
    shown->set_state(ToProto(change.state));
    rpc::SetTime(change.time, shown->mutable_time());
    if (change.step) SetProto(*change.step, shown->mutable_step());
  }
  out->set_payment_method(order.payment_method == PaymentMethod::kAccount
                              ? v1::Order::PAYMENT_METHOD_ACCOUNT
                              : v1::Order::PAYMENT_METHOD_CASH);
  out->set_accepted_on_stale_data(order.accepted_on_stale_data);
}

void SetCost(PlacedOrder& placed, call::v1::Receipt* out) {
  for (CallTrace& trace : placed.calls) {
    auto* shown = out->add_calls();
    shown->set_peer(trace.peer);
    shown->set_method(trace.method);
    shown->set_attempt(trace.attempt);
    if (trace.deadline_sent) rpc::SetDuration(*trace.deadline_sent, shown->mutable_deadline_sent());
    rpc::SetDuration(trace.start, shown->mutable_start());
    rpc::SetDuration(trace.duration, shown->mutable_duration());
    shown->set_code(static_cast<google::rpc::Code>(trace.code));
    if (trace.peer_receipt != nullptr) {
      shown->mutable_receipt()->Swap(&static_cast<ReceiptFromPeer&>(*trace.peer_receipt).message);
    }
  }
  for (const CopyTrace& copy : placed.copies) {
    auto* shown = out->add_copies();
    shown->set_peer(copy.peer);
    shown->set_version(copy.version);
    rpc::SetDuration(copy.age, shown->mutable_age());
  }
  if (placed.commit && placed.commit->batch > 0) {
    rpc::SetDuration(placed.commit->commit_duration, out->mutable_commit()->mutable_duration());
    out->mutable_commit()->set_batch(placed.commit->batch);
  }
  out->set_duplicate(placed.duplicate);
  if (placed.waited_for_final)
    rpc::SetDuration(*placed.waited_for_final, out->mutable_waited_for_final());
}

}  // namespace lockstep::order
