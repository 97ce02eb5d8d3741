// ConsumerService on completion queues: keeps consumers and judges whether one of them may order.
// The same judgement answers the message ValidateConsumerInfo and, of Order's feed, OrderPlaced.
// Beside it on the same address: account_service.h, fraud_chain.h.
// Threads: see common/owner/record_service.h. ValidateConsumer and GetConsumer are answered at
// once, from memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/owner/record_service.h"
#include "consumer/domain/judge.h"
#include "consumer/service/account_service.h"
#include "consumer/service/convert.h"
#include "consumer/store/consumer_table.h"
#include "lockstep/consumer/v1/consumer.grpc.pb.h"

namespace lockstep::consumer {

class ConsumerService final : public owner::RecordService<ConsumerTable, v1::Consumer> {
 public:
  ConsumerService(const control::HostContext& context, std::unique_ptr<Store> store,
                  owner::OwnerFlags flags = {});

  std::vector<grpc::Service*> services() override;
  std::vector<rpc::MethodBase*> methods() override;
  Status Start(rpc::QueueServer& business) override;
  void Tick() override;

 private:
  using Service = v1::ConsumerService;
  using Raw = Service::WithRawMethod_CreateConsumer<Service::WithRawMethod_GetConsumer<
      Service::WithRawMethod_UpdateConsumer<Service::WithRawMethod_ListConsumers<
          Service::WithRawMethod_ValidateConsumer<Service::Service>>>>>;
  using CreateCall = rpc::ServerCall<v1::CreateConsumerRequest, v1::Consumer>;
  using GetCall = rpc::ServerCall<v1::GetConsumerRequest, v1::Consumer>;
  using UpdateCall = rpc::ServerCall<v1::UpdateConsumerRequest, v1::Consumer>;
  using ListCall = rpc::ServerCall<v1::ListConsumersRequest, v1::ListConsumersResponse>;
  using ValidateCall = rpc::ServerCall<v1::ValidateConsumerRequest, v1::ValidateConsumerResponse>;

  grpc::Service& service() override { return raw_; }
  owner::Judges MakeJudges();
  StatusOr<v1::ConsumerValidated> Answer(const Question& question, WallTime now) const;
  ConsumerVerdict Verdict(const Question& question, WallTime now) const;

  void CreateConsumer(CreateCall& call);
  void GetConsumer(GetCall& call);
  void UpdateConsumer(UpdateCall& call);
  void ListConsumers(ListCall& call);
  void ValidateConsumer(ValidateCall& call);

  const std::string node_;
  // Role of a peer of the fraud chain → its address; empty: this server.
  const std::string fraud_address_;
  const std::string customer_address_;
  FraudChain fraud_;
  AccountService accounts_;
  Raw raw_;
};

}  // namespace lockstep::consumer
