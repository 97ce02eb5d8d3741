#include "consumer/service/consumer_service.h"

#include <optional>
#include <utility>

#include "lockstep/order/v1/order.pb.h"

namespace lockstep::consumer {
namespace {

// Empty if the role has none.
std::string AddressOf(const owner::OwnerFlags& flags, const char* role) {
  const auto peer = flags.peers.find(role);
  return peer == flags.peers.end() ? "" : peer->second.front();
}

}  // namespace

ConsumerService::ConsumerService(const control::HostContext& context, std::unique_ptr<Store> store,
                                 owner::OwnerFlags flags)
    : RecordService(context, std::move(store), Service::service_full_name(),
                    {"consumer", "consumer_id", "CONSUMER_UNKNOWN", "CONSUMER_ID_TAKEN"}, flags,
                    MakeJudges(), AccountEffects(fraud_), FollowPayment),
      node_(context.flags.node),
      fraud_address_(AddressOf(flags, kFraudPeer)),
      customer_address_(AddressOf(flags, kCustomerPeer)),
      fraud_(context, records().file()),
      accounts_(context, records().file(), fraud_) {
  methods_.Add("CreateConsumer", raw_, &Raw::RequestCreateConsumer, *this,
               &ConsumerService::CreateConsumer);
  methods_.Add("GetConsumer", raw_, &Raw::RequestGetConsumer, *this, &ConsumerService::GetConsumer);
  methods_.Add("UpdateConsumer", raw_, &Raw::RequestUpdateConsumer, *this,
               &ConsumerService::UpdateConsumer);
  methods_.Add("ListConsumers", raw_, &Raw::RequestListConsumers, *this,
               &ConsumerService::ListConsumers);
  methods_.Add("ValidateConsumer", raw_, &Raw::RequestValidateConsumer, *this,
               &ConsumerService::ValidateConsumer);
}

std::vector<grpc::Service*> ConsumerService::services() {
  std::vector<grpc::Service*> all = RecordService::services();
  all.push_back(&accounts_.service());
  for (grpc::Service* service : fraud_.services()) all.push_back(service);
  return all;
}

std::vector<rpc::MethodBase*> ConsumerService::methods() {
  std::vector<rpc::MethodBase*> all = RecordService::methods();
  for (rpc::MethodBase* method : accounts_.methods()) all.push_back(method);
  for (rpc::MethodBase* method : fraud_.methods()) all.push_back(method);
  return all;
}

Status ConsumerService::Start(rpc::QueueServer& business) {
  const auto or_here = [&](const std::string& address) {
    return address.empty() ? business.address() : address;
  };
  fraud_.Connect(or_here(fraud_address_), or_here(customer_address_), *business.loops().front());
  return RecordService::Start(business);
}

void ConsumerService::Tick() {
  RecordService::Tick();
  const WallTime now = Clock::Real().WallNow();
  accounts_.Tick(now);
  fraud_.Tick(now);
}

// Called before this is whole: the judges are used only afterwards.
owner::Judges ConsumerService::MakeJudges() {
  owner::Judges judges;
  owner::AddJudge<v1::ValidateConsumerInfo, v1::ConsumerValidated>(
      judges, [this](const v1::ValidateConsumerInfo& asked, WallTime now) {
        return Answer({asked.order_id(), asked.consumer_id(), std::nullopt}, now);
      });
  owner::AddJudge<order::v1::OrderPlaced, v1::ConsumerValidated>(
      judges, [this](const order::v1::OrderPlaced& placed, WallTime now) {
        return Answer({placed.order().order_id(), placed.order().consumer_id(), std::nullopt}, now);
      });
  return judges;
}

StatusOr<v1::ConsumerValidated> ConsumerService::Answer(const Question& question,
                                                        WallTime now) const {
  Violations violations;
  Validate(question, violations);
  if (!violations.empty()) return violations.ToStatus();
  v1::ConsumerValidated answer;
  SetProto(Verdict(question, now), answer.mutable_verdict());
  return answer;
}

ConsumerVerdict ConsumerService::Verdict(const Question& question, WallTime now) const {
  return Judge(Find(question.consumer_id).get(), question, now, node_);
}

void ConsumerService::CreateConsumer(CreateCall& call) {
  Violations violations;
  Create(call, FromProto(call.request(), violations), violations);
}

void ConsumerService::GetConsumer(GetCall& call) { Get(call, call.request().consumer_id()); }

void ConsumerService::UpdateConsumer(UpdateCall& call) {
  Violations violations;
  ConsumerUpdate update = FromProto(call.request(), violations);
  Change(call, call.request().consumer().consumer_id(), std::move(update), violations);
}

void ConsumerService::ListConsumers(ListCall& call) {
  List(call, "consumers", &v1::ListConsumersResponse::add_consumers);
}

void ConsumerService::ValidateConsumer(ValidateCall& call) {
  Violations violations;
  const Question question = FromProto(call.request(), violations);
  Validate(question, violations);
  if (!violations.empty()) {
    call.Fail(violations.ToStatus());
    return;
  }
  v1::ValidateConsumerResponse response;
  SetProto(Verdict(question, Clock::Real().WallNow()), response.mutable_verdict());
  call.Finish(response);
}

}  // namespace lockstep::consumer
