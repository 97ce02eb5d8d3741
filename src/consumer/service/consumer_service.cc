#include "consumer/service/consumer_service.h"

#include <utility>

#include "consumer/domain/judge.h"
#include "consumer/service/convert.h"

namespace lockstep::consumer {

ConsumerService::ConsumerService(const control::HostContext& context, std::unique_ptr<Store> store)
    : RecordService(context, std::move(store), Service::service_full_name(),
                    {"consumer", "consumer_id", "CONSUMER_UNKNOWN", "CONSUMER_ID_TAKEN"}) {
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
  const Entry consumer = Find(question.consumer_id);
  v1::ValidateConsumerResponse response;
  SetProto(Judge(consumer.get(), question, Clock::Real().WallNow(), call.rules().node),
           response.mutable_verdict());
  call.Finish(response);
}

}  // namespace lockstep::consumer
