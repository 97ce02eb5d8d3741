// echo_host as a process with free ports, ready, and clients of both of its ports.
#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "common/rpc/channel.h"
#include "common/rpc/proto_values.h"
#include "common/rpc/status_details.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "lockstep/consumer/v1/consumer.grpc.pb.h"
#include "lockstep/control/v1/control.grpc.pb.h"
#include "tests/support/catch.h"
#include "tests/support/process.h"

namespace lockstep::control {

class ReadyHost {
 public:
  explicit ReadyHost(std::vector<std::string> arguments = {}, int error_descriptor = -1)
      : process_("echo_host", WithPorts(std::move(arguments)), error_descriptor) {
    REQUIRE(
        test::Poll([this] { return std::filesystem::exists(ready_file()) || process_.Ended(); }));
    INFO(process_.err());
    REQUIRE(!process_.Ended());
    ready_ = test::TextOfFile(ready_file());
    business_ = AddressIn("business");
    control_ = AddressIn("control");
    business_channel_ = rpc::MakeChannel(business_, {.own_connection = true});
    control_channel_ = rpc::MakeChannel(control_, {.own_connection = true});
    echo_ = consumer::v1::ConsumerService::NewStub(business_channel_);
    control_stub_ = v1::ControlService::NewStub(control_channel_);
  }

  test::Process& process() { return process_; }
  std::string ready_file() const { return directory_.File("ready.json"); }
  const std::string& ready() const { return ready_; }
  const std::string& business() const { return business_; }
  const std::string& control() const { return control_; }
  const std::shared_ptr<grpc::Channel>& business_channel() const { return business_channel_; }
  consumer::v1::ConsumerService::Stub& echo() { return *echo_; }

  Status Echo(const std::string& order_id, Duration timeout = std::chrono::seconds(20)) {
    grpc::ClientContext context;
    SetTimeout(context, timeout);
    consumer::v1::ValidateConsumerRequest request;
    request.set_order_id(order_id);
    consumer::v1::ValidateConsumerResponse response;
    const Status status =
        rpc::FromGrpcStatus(echo_->ValidateConsumer(&context, request, &response));
    if (status.ok()) CHECK(response.verdict().order_id() == order_id);
    return status;
  }

  template <class Request, class Response>
  Status Ask(grpc::Status (v1::ControlService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                              Response*),
             const Request& request, Response& response) {
    grpc::ClientContext context;
    SetTimeout(context, std::chrono::seconds(20));
    const Status status =
        rpc::FromGrpcStatus((*control_stub_.*method)(&context, request, &response));
    UNSCOPED_INFO(CodeName(status.code()) << " " << MessageOf(status));
    return status;
  }

  Status SetDelay(Duration delay) {
    v1::SetFaultsRequest request;
    v1::Fault& fault = *request.add_faults();
    fault.set_method("lockstep.consumer.v1.ConsumerService/ValidateConsumer");
    rpc::SetDuration(delay, fault.mutable_fixed_delay());
    v1::ListFaultsResponse response;
    return Ask(&v1::ControlService::Stub::SetFaults, request, response);
  }

  std::int64_t CallsUnderWay() {
    v1::ListCallsResponse calls;
    const Status status = Ask(&v1::ControlService::Stub::ListCalls, v1::ListCallsRequest(), calls);
    return status.ok() ? calls.total() : -1;
  }

  bool Healthy(const std::string& address, const std::string& name) {
    grpc::ClientContext context;
    SetTimeout(context, std::chrono::seconds(20));
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(name);
    grpc::health::v1::HealthCheckResponse response;
    const grpc::Status status =
        grpc::health::v1::Health::NewStub(ChannelTo(address))->Check(&context, request, &response);
    return status.ok() && response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
  }

  // Any answer but UNIMPLEMENTED.
  bool Implements(const std::string& address, const std::string& method) {
    return Generic(ChannelTo(address), method, "").error_code() != grpc::StatusCode::UNIMPLEMENTED;
  }

  // Sends bytes that are no message.
  Status Malformed() {
    return rpc::FromGrpcStatus(Generic(
        business_channel_, "/lockstep.consumer.v1.ConsumerService/ValidateConsumer", "\xff\xff"));
  }

  static void SetTimeout(grpc::ClientContext& context, Duration timeout) {
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::duration_cast<std::chrono::system_clock::duration>(timeout));
  }

 private:
  std::vector<std::string> WithPorts(std::vector<std::string> arguments) const {
    for (const std::string& more :
         {std::string("--listen"), std::string("127.0.0.1:0"), std::string("--control"),
          std::string("127.0.0.1:0"), std::string("--ready-file"), ready_file()}) {
      arguments.push_back(more);
    }
    return arguments;
  }

  // Not by a JSON parser of protobuf's, whose maps crash under ThreadSanitizer.
  std::string AddressIn(const std::string& name) const {
    const std::string before = "\"" + name + "\":\"";
    const std::size_t begin = ready_.find(before);
    REQUIRE(begin != std::string::npos);
    const std::size_t from = begin + before.size();
    return ready_.substr(from, ready_.find('"', from) - from);
  }

  std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) const {
    return address == business_ ? business_channel_ : control_channel_;
  }

  static grpc::Status Generic(const std::shared_ptr<grpc::Channel>& channel,
                              const std::string& method, const std::string& bytes) {
    grpc::ClientContext context;
    SetTimeout(context, std::chrono::seconds(20));
    grpc::CompletionQueue queue;
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    auto call = grpc::GenericStub(channel).PrepareUnaryCall(&context, method, request, &queue);
    call->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    queue.Shutdown();
    while (queue.Next(&tag, &ok)) {
    }
    return status;
  }

  test::TempDir directory_;
  test::Process process_;
  std::string ready_;
  std::string business_;
  std::string control_;
  std::shared_ptr<grpc::Channel> business_channel_;
  std::shared_ptr<grpc::Channel> control_channel_;
  std::unique_ptr<consumer::v1::ConsumerService::Stub> echo_;
  std::unique_ptr<v1::ControlService::Stub> control_stub_;
};

// One call under way, on a thread of its own.
class EchoInFlight {
 public:
  EchoInFlight(ReadyHost& host, const std::string& order_id) {
    ReadyHost::SetTimeout(context_, std::chrono::seconds(60));
    end_ = std::async(std::launch::async, [this, &host, order_id] {
      consumer::v1::ValidateConsumerRequest request;
      request.set_order_id(order_id);
      consumer::v1::ValidateConsumerResponse response;
      return rpc::FromGrpcStatus(host.echo().ValidateConsumer(&context_, request, &response));
    });
  }
  EchoInFlight(const EchoInFlight&) = delete;
  EchoInFlight& operator=(const EchoInFlight&) = delete;
  ~EchoInFlight() { context_.TryCancel(); }

  void Cancel() { context_.TryCancel(); }
  Status End() { return end_.get(); }

 private:
  grpc::ClientContext context_;
  std::future<Status> end_;
};

}  // namespace lockstep::control
