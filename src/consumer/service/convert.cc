#include "consumer/service/convert.h"

#include <utility>

#include "common/rpc/proto_values.h"

namespace lockstep::consumer {
namespace {

constexpr std::string_view kOrderLimit = "consumer.order_limit";

// All that a request says, but for the order limit.
Consumer Said(const v1::Consumer& in) {
  Consumer consumer;
  consumer.consumer_id = in.consumer_id();
  consumer.display_name = in.display_name();
  consumer.state = static_cast<State>(in.state());
  return consumer;
}

}  // namespace

Consumer FromProto(const v1::CreateConsumerRequest& request, Violations& violations) {
  Consumer consumer = Said(request.consumer());
  if (request.consumer().has_order_limit()) {
    consumer.order_limit =
        rpc::ReadMoney(request.consumer().order_limit(), kOrderLimit, violations);
  }
  return consumer;
}

ConsumerUpdate FromProto(const v1::UpdateConsumerRequest& request, Violations& violations) {
  ConsumerUpdate update;
  update.consumer = Said(request.consumer());
  update.mask.assign(request.update_mask().paths().begin(), request.update_mask().paths().end());
  update.expected_version = request.expected_version();
  for (const std::string& path : update.mask) {
    if (path != "order_limit" || !request.consumer().has_order_limit()) continue;
    update.consumer.order_limit =
        rpc::ReadMoney(request.consumer().order_limit(), kOrderLimit, violations);
  }
  return update;
}

Question FromProto(const v1::ValidateConsumerRequest& request, Violations& violations) {
  Question question;
  question.order_id = request.order_id();
  question.consumer_id = request.consumer_id();
  if (request.has_order_total()) {
    question.order_total = rpc::ReadMoney(request.order_total(), "order_total", violations);
  }
  return question;
}

void SetProto(const Consumer& consumer, v1::Consumer* out) {
  out->set_consumer_id(consumer.consumer_id);
  out->set_display_name(consumer.display_name);
  out->set_state(static_cast<v1::Consumer::State>(consumer.state));
  rpc::SetMoney(consumer.order_limit, out->mutable_order_limit());
  out->set_version(consumer.version);
  rpc::SetTime(consumer.create_time, out->mutable_create_time());
  rpc::SetTime(consumer.update_time, out->mutable_update_time());
}

void SetProto(ConsumerVerdict&& verdict, v1::ConsumerVerdict* out) {
  out->set_order_id(std::move(verdict.order_id));
  out->set_consumer_id(std::move(verdict.consumer_id));
  out->set_accepted(verdict.accepted);
  for (Refusal& refusal : verdict.refusals) {
    v1::ConsumerVerdict::Refusal* said = out->add_refusals();
    said->set_reason(static_cast<v1::ConsumerVerdict::Reason>(refusal.reason));
    said->set_message(std::move(refusal.message));
  }
  if (verdict.order_limit) rpc::SetMoney(*verdict.order_limit, out->mutable_order_limit());
  out->set_consumer_version(verdict.consumer_version);
  rpc::SetTime(verdict.judge_time, out->mutable_judge_time());
  out->set_node(std::move(verdict.node));
}

}  // namespace lockstep::consumer
