#include "order/checks/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "common/base/limits.h"
#include "common/rpc/proto_values.h"
#include "common/rpc/status_details.h"

namespace lockstep::order {
namespace {

// "CONSUMER_SUSPENDED" of REASON_CONSUMER_SUSPENDED; "REASON_17" for a number that this build has
// no name for; nothing for none.
std::string ReasonName(const std::string& name, int number) {
  if (number == 0) return {};
  if (name.empty()) return fmt::format("REASON_{}", number);
  return name.substr(std::string_view("REASON_").size());
}

// A verdict whose money or times cannot be read contradicts itself.
Status Unreadable(const char* peer, std::string_view field, std::string_view why) {
  ErrorDetail detail;
  detail.reason = "VERDICT_INCONSISTENT";
  detail.metadata = {{"peer", peer}};
  return MakeError(StatusCode::kInternal,
                   fmt::format("the verdict of {} has no readable {}: {}", peer, field, why),
                   std::move(detail));
}

template <typename Field>
Status ReadMoney(const char* peer, std::string_view name, const money::v1::Money& in, Field& out) {
  StatusOr<Money> money = rpc::ToMoney(in);
  if (!money.ok()) return Unreadable(peer, name, MessageOf(money.status()));
  out = *std::move(money);
  return OkStatus();
}

Status ReadJudgeTime(const char* peer, const google::protobuf::Timestamp& in, WallTime& out) {
  constexpr std::int64_t kSecondsMax = Duration::max() / std::chrono::seconds(1) - 1;
  if (in.seconds() < -kSecondsMax || in.seconds() > kSecondsMax || in.nanos() < 0 ||
      in.nanos() >= 1'000'000'000) {
    return Unreadable(peer, "judge_time",
                      fmt::format("{} s and {} ns are no time between the years 1678 and 2262",
                                  in.seconds(), in.nanos()));
  }
  out = rpc::ToTime(in);
  return OkStatus();
}

}  // namespace

ConsumerWire::Request ConsumerWire::ToRequest(const Question& question) {
  Request request;
  request.set_order_id(question.order_id);
  request.set_consumer_id(question.consumer_id);
  return request;
}

StatusOr<ConsumerVerdict> ConsumerWire::FromVerdict(const consumer::v1::ConsumerVerdict& in) {
  ConsumerVerdict verdict;
  verdict.order_id = in.order_id();
  verdict.consumer_id = in.consumer_id();
  verdict.accepted = in.accepted();
  for (const auto& refusal : in.refusals()) {
    verdict.refusals.push_back(
        {ReasonName(consumer::v1::ConsumerVerdict::Reason_Name(refusal.reason()), refusal.reason()),
         refusal.message(),
         {}});
  }
  if (in.has_order_limit()) {
    if (Status read = ReadMoney(kPeer, "order_limit", in.order_limit(), verdict.order_limit);
        !read.ok())
      return read;
  }
  verdict.consumer_version = in.consumer_version();
  verdict.node = in.node();
  if (Status read = ReadJudgeTime(kPeer, in.judge_time(), verdict.judge_time); !read.ok()) {
    return read;
  }
  return verdict;
}

RestaurantWire::Request RestaurantWire::ToRequest(const Question& question) {
  Request request;
  request.set_order_id(question.order_id);
  request.set_restaurant_id(question.restaurant_id);
  for (const OrderLine& line : question.lines) {
    auto* out = request.add_lines();
    out->set_menu_item_id(line.menu_item_id);
    out->set_quantity(line.quantity);
  }
  request.mutable_delivery_address()->set_street(question.delivery_address.street);
  request.mutable_delivery_address()->set_city(question.delivery_address.city);
  request.mutable_delivery_address()->set_postal_code(question.delivery_address.postal_code);
  return request;
}

StatusOr<MenuVerdict> RestaurantWire::FromVerdict(const restaurant::v1::OrderDetailsVerdict& in) {
  MenuVerdict verdict;
  verdict.order_id = in.order_id();
  verdict.restaurant_id = in.restaurant_id();
  verdict.accepted = in.accepted();
  for (const auto& refusal : in.refusals()) {
    verdict.refusals.push_back(
        {ReasonName(restaurant::v1::OrderDetailsVerdict::Reason_Name(refusal.reason()),
                    refusal.reason()),
         refusal.message(), refusal.menu_item_id()});
  }
  verdict.lines.reserve(static_cast<std::size_t>(in.lines_size()));
  for (const auto& line : in.lines()) {
    PricedLine& out = verdict.lines.emplace_back();
    out.menu_item_id = line.menu_item_id();
    out.display_name = line.display_name();
    out.quantity = line.quantity();
    out.limited = line.limited();
    if (Status read = ReadMoney(kPeer, "unit_price", line.unit_price(), out.unit_price); !read.ok())
      return read;
    if (Status read = ReadMoney(kPeer, "price", line.price(), out.price); !read.ok()) return read;
  }
  if (in.has_total()) {
    if (Status read = ReadMoney(kPeer, "total", in.total(), verdict.total); !read.ok()) return read;
  }
  verdict.restaurant_version = in.restaurant_version();
  verdict.node = in.node();
  if (Status read = ReadJudgeTime(kPeer, in.judge_time(), verdict.judge_time); !read.ok()) {
    return read;
  }
  return verdict;
}

CallTrace Asking::End(const grpc::Status& status, std::unique_ptr<PeerReceipt> receipt) const {
  const Cost cost = CostUntilNow();
  CallTrace trace;
  trace.peer = peer();
  trace.method = method();
  trace.deadline_sent = cost.deadline_sent;
  trace.start = cost.start;
  trace.duration = cost.duration;
  trace.code = static_cast<StatusCode>(status.error_code());
  trace.peer_receipt = std::move(receipt);
  return trace;
}

ReserveWire::Request ReserveWire::ToRequest(const Order& order) {
  Request request;
  request.set_order_id(order.order_id);
  request.set_restaurant_id(order.restaurant_id);
  for (const PricedLine& line : order.lines) {
    auto* out = request.add_lines();
    out->set_menu_item_id(line.menu_item_id);
    out->set_quantity(line.quantity);
  }
  rpc::SetTime(order.update_time + limits::kReservationTime, request.mutable_expire_time());
  return request;
}

AuthorizeWire::Request AuthorizeWire::ToRequest(const Order& order) {
  Request request;
  request.set_order_id(order.order_id);
  request.set_consumer_id(order.consumer_id);
  rpc::SetMoney(*order.total, request.mutable_amount());
  return request;
}

StepResult StepAnswer(const Asking& asking, const grpc::Status& status,
                      std::unique_ptr<PeerReceipt> receipt, bool stopping) {
  StepResult result;
  result.calls.push_back(asking.End(status, std::move(receipt)));
  if (status.ok()) return result;
  if (status.error_code() == grpc::StatusCode::FAILED_PRECONDITION) {
    // These say that it was undone meanwhile, not that it cannot be.
    constexpr std::string_view kUndone[] = {"RESERVATION_RELEASED", "RESERVATION_EXPIRED",
                                            "PAYMENT_VOIDED"};
    const std::string reason = DetailOf(rpc::FromGrpcStatus(status)).reason;
    if (!reason.empty() &&
        std::find(std::begin(kUndone), std::end(kUndone), reason) == std::end(kUndone)) {
      result.refusal = reason;
      return result;
    }
  }
  result.status = asking.ErrorFor(status, stopping);
  return result;
}

}  // namespace lockstep::order
