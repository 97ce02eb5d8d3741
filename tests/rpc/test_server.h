// A ConsumerService whose ValidateConsumer does what a test says, on a free port, with everything
// that it needs.
#pragma once

#include <memory>
#include <utility>

#include "common/rpc/channel.h"
#include "common/rpc/server.h"
#include "common/rpc/unary_call.h"
#include "lockstep/consumer/v1/consumer.grpc.pb.h"
#include "tests/support/catch.h"

namespace lockstep::rpc {

using consumer::v1::ConsumerService;
using consumer::v1::ValidateConsumerRequest;
using consumer::v1::ValidateConsumerResponse;
using ValidateCall = ServerCall<ValidateConsumerRequest, ValidateConsumerResponse>;

inline constexpr char kValidateConsumer[] = "lockstep.consumer.v1.ConsumerService/ValidateConsumer";

class TestServer {
 public:
  explicit TestServer(ValidateCall::Handler handler, CallObserver* observer = nullptr,
                      std::string address = "127.0.0.1:0")
      : method_(kValidateConsumer, faults_.AddSite(kValidateConsumer), service_,
                &Service::RequestValidateConsumer, std::move(handler)) {
    rules_.node = "test";
    rules_.observer = observer;
    auto server =
        QueueServer::Start({.address = std::move(address)}, {&service_}, {&method_}, rules_);
    REQUIRE(server.ok());
    server_ = *std::move(server);
  }

  QueueServer& server() { return *server_; }
  CallRules& rules() { return rules_; }
  fault::Injector& faults() { return faults_; }
  std::unique_ptr<ConsumerService::Stub> Stub(bool own_connection = true) const {
    return ConsumerService::NewStub(
        MakeChannel(server_->address(), {.own_connection = own_connection}));
  }

 private:
  using Service = ConsumerService::WithRawMethod_ValidateConsumer<ConsumerService::Service>;
  fault::Injector faults_;
  CallRules rules_;
  Service service_;
  ValidateCall::Method<Service> method_;
  std::unique_ptr<QueueServer> server_;
};

// Answers with the ids asked about.
inline void Echo(ValidateCall& call) {
  ValidateConsumerResponse response;
  response.mutable_verdict()->set_order_id(call.request().order_id());
  call.Finish(response);
}

// A loop for clients.
inline std::unique_ptr<CompletionLoop> ClientLoop() {
  return std::make_unique<CompletionLoop>(std::make_unique<grpc::CompletionQueue>());
}

}  // namespace lockstep::rpc
