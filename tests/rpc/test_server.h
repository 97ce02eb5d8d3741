// A ConsumerService whose ValidateConsumer does what a test says, on a free port, with everything
// that it needs.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

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

// A server that answers nothing until it is told to, or goes.
class HoldingServer : public TestServer {
 public:
  explicit HoldingServer(CallObserver* observer = nullptr)
      : TestServer([this](ValidateCall& call) { Take(call); }, observer) {}
  ~HoldingServer() {
    Release();
    server().Shutdown(Duration::zero());  // before the members that Take uses
  }

  // Calls that wait for their answer.
  std::size_t held() {
    const std::lock_guard lock(mutex_);
    return calls_.size();
  }
  // Answers them, on this thread; from now on calls are answered at once.
  void Release() {
    std::vector<ValidateCall*> calls;
    {
      const std::lock_guard lock(mutex_);
      holding_ = false;
      calls.swap(calls_);
    }
    for (ValidateCall* call : calls) Echo(*call);
  }

 private:
  void Take(ValidateCall& call) {
    {
      const std::lock_guard lock(mutex_);
      if (holding_) {
        calls_.push_back(&call);
        return;
      }
    }
    Echo(call);
  }

  std::mutex mutex_;
  bool holding_ = true;
  std::vector<ValidateCall*> calls_;
};

// A loop for clients.
inline std::unique_ptr<CompletionLoop> ClientLoop() {
  return std::make_unique<CompletionLoop>(std::make_unique<grpc::CompletionQueue>());
}

}  // namespace lockstep::rpc
