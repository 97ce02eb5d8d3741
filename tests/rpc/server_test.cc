// The queue server and the outgoing call against each other: answers, budgets, limits,
// cancellation, and stopping with calls in flight.
#include <grpcpp/generic/generic_stub.h>

#include <atomic>
#include <future>

#include "common/rpc/proto_values.h"
#include "common/rpc/status_details.h"
#include "tests/rpc/test_server.h"

namespace lockstep::rpc {
namespace {

using namespace std::chrono_literals;

grpc::Status Ask(ConsumerService::Stub& stub, ValidateConsumerResponse& response,
                 std::optional<Duration> timeout = 10s, const std::string& order_id = "o-1") {
  grpc::ClientContext context;
  if (timeout)
    context.set_deadline(ToTimespec(Deadline::After(std::chrono::steady_clock::now(), *timeout)));
  ValidateConsumerRequest request;
  request.set_order_id(order_id);
  return stub.ValidateConsumer(&context, request, &response);
}

TEST_CASE("a call is answered, and its receipt says what arrived") {
  TestServer server(Echo);
  const auto stub = server.Stub();
  ValidateConsumerResponse response;
  REQUIRE(Ask(*stub, response, 5s).ok());
  REQUIRE(response.verdict().order_id() == "o-1");
  REQUIRE(response.receipt().node() == "test");
  REQUIRE(response.receipt().method() == kValidateConsumer);
  REQUIRE(response.receipt().shell() == call::v1::SHELL_QUEUE);
  REQUIRE(response.receipt().budget_source() == call::v1::BUDGET_SOURCE_CALLER);
  const Duration budget = ToDuration(response.receipt().budget());
  REQUIRE(budget <= 5001ms);  // a deadline is rounded up to the next millisecond on the wire
  REQUIRE(budget > 4s);
}

TEST_CASE("a call without a deadline works under the server's own limit, and the receipt says so") {
  TestServer server(Echo);
  server.rules().call_limit = Duration(7s).count();
  const auto stub = server.Stub();
  ValidateConsumerResponse response;
  REQUIRE(Ask(*stub, response, std::nullopt).ok());
  REQUIRE(response.receipt().budget_source() == call::v1::BUDGET_SOURCE_SERVER_LIMIT);
  REQUIRE(ToDuration(response.receipt().budget()) == 7s);
}

TEST_CASE("a response without a place for a receipt carries it as one line in a trailer") {
  using GetCall = ServerCall<consumer::v1::GetConsumerRequest, consumer::v1::Consumer>;
  using Service = ConsumerService::WithRawMethod_GetConsumer<ConsumerService::Service>;
  const std::string name = "lockstep.consumer.v1.ConsumerService/GetConsumer";
  fault::Injector faults;
  CallRules rules;
  rules.node = "test";
  rules.call_limit = Duration(7s + 1500us).count();
  Service service;
  GetCall::Method<Service> method(name, faults.AddSite(name), service, &Service::RequestGetConsumer,
                                  [](GetCall& call) { call.Finish(consumer::v1::Consumer()); });
  auto server = QueueServer::Start({.address = "127.0.0.1:0"}, {&service}, {&method}, rules);
  REQUIRE(server.ok());
  const auto stub = ConsumerService::NewStub(MakeChannel((*server)->address()));
  grpc::ClientContext context;
  consumer::v1::Consumer response;
  REQUIRE(stub->GetConsumer(&context, {}, &response).ok());
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto found = trailers.find("lockstep-receipt");
  REQUIRE(found != trailers.end());
  const std::string line(found->second.data(), found->second.size());
  const std::string start =
      "node=test; shell=QUEUE; budget=7.001500s; budget_source=SERVER_LIMIT; "
      "fault_delay=0.000000s; total=0.";
  INFO(line);
  REQUIRE(line.substr(0, start.size()) == start);
  REQUIRE(line.size() == start.size() + 7);  // six digits and "s"
}

TEST_CASE("an error carries reason, fields and receipt") {
  TestServer server(
      [](ValidateCall& call) { call.Fail(InvalidRequest({{"consumer_id", "is required"}})); });
  const auto stub = server.Stub();
  ValidateConsumerResponse response;
  const grpc::Status status = Ask(*stub, response);
  REQUIRE(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  const ErrorDetail detail = DetailOf(FromGrpcStatus(status));
  REQUIRE(detail.reason == "INVALID_REQUEST");
  REQUIRE(detail.violations == std::vector<FieldViolation>{{"consumer_id", "is required"}});
  call::v1::Receipt receipt;
  REQUIRE(ReceiptOf(status, receipt));
  REQUIRE(receipt.node() == "test");
}

TEST_CASE("a string that is not UTF-8 is an INVALID_ARGUMENT that names the field") {
  TestServer server(Echo);
  grpc::GenericStub stub(MakeChannel(server.server().address()));
  const auto loop = ClientLoop();
  const auto send = [&](std::string bytes) {
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    std::promise<Status> answer;
    grpc::ClientContext context;
    grpc::ByteBuffer response;
    grpc::Status status;
    struct Ended final : Operation {
      std::promise<void> promise;
      void Complete(bool) noexcept override { promise.set_value(); }
    } ended;
    auto call = stub.PrepareUnaryCall(
        &context, "/lockstep.consumer.v1.ConsumerService/ValidateConsumer", request, loop->queue());
    call->StartCall();
    call->Finish(&response, &status, ended.Tag());
    ended.promise.get_future().wait();
    return FromGrpcStatus(status);
  };
  const Status not_utf8 = send("\x12\x02\xff\xfe");  // field 2, consumer_id
  REQUIRE(not_utf8.code() == StatusCode::kInvalidArgument);
  REQUIRE(DetailOf(not_utf8).violations ==
          std::vector<FieldViolation>{{"consumer_id", "must be UTF-8"}});
  const Status nested = send("\x1a\x03\x0a\x01\x80");  // field 3, order_total, its field 1
  REQUIRE(DetailOf(nested).violations ==
          std::vector<FieldViolation>{{"order_total.currency_code", "must be UTF-8"}});
  const Status broken = send("\x12\x7f");  // says 127 bytes and has none
  REQUIRE(broken.code() == StatusCode::kInvalidArgument);
  REQUIRE(DetailOf(broken).reason == "MALFORMED_MESSAGE");
}

TEST_CASE("a call too many is refused, and says which limit") {
  std::promise<ValidateCall*> held;
  std::atomic<int> begun = 0;
  TestServer server([&](ValidateCall& call) {
    if (begun++ == 0) {
      held.set_value(&call);
    } else {
      Echo(call);
    }
  });
  server.rules().calls_in_flight_max = 1;
  const auto stub = server.Stub();
  grpc::Status answered;  // looked at after the join: Catch2's assertions belong to one thread
  std::thread first([&] {
    ValidateConsumerResponse response;
    answered = Ask(*stub, response);
  });
  ValidateCall* const call = held.get_future().get();
  ValidateConsumerResponse response;
  const grpc::Status refused = Ask(*stub, response);
  REQUIRE(refused.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  const ErrorDetail detail = DetailOf(FromGrpcStatus(refused));
  REQUIRE(detail.reason == "CALLS_IN_FLIGHT_MAX");
  REQUIRE(detail.retry_after);
  Echo(*call);
  first.join();
  REQUIRE(answered.ok());
}

TEST_CASE("a caller that leaves is noticed by the one who works for it") {
  std::promise<void> cancelled;
  std::optional<CancelSource::Hook> hook;
  std::promise<ValidateCall*> held;
  TestServer server([&](ValidateCall& call) {
    hook.emplace(call.cancel_source(), [&] { cancelled.set_value(); });
    held.set_value(&call);
  });
  const auto stub = server.Stub();
  grpc::ClientContext context;
  grpc::Status answered;
  std::thread client([&] {
    ValidateConsumerResponse response;
    answered = stub->ValidateConsumer(&context, ValidateConsumerRequest(), &response);
  });
  ValidateCall* const call = held.get_future().get();
  context.TryCancel();
  cancelled.get_future().wait();
  client.join();
  REQUIRE(answered.error_code() == grpc::StatusCode::CANCELLED);
  hook.reset();
  Echo(*call);
}

TEST_CASE("a delay holds no call longer than its caller waits, and what expired is not begun") {
  std::atomic<int> begun = 0;
  TestServer server([&](ValidateCall& call) {
    ++begun;
    Echo(call);
  });
  REQUIRE(server.faults().Set({{kValidateConsumer, 30s}}, "faults").ok());
  const auto stub = server.Stub();
  ValidateConsumerResponse response;
  REQUIRE(Ask(*stub, response, 50ms).error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  // Wait until the server has let go of it, which is long before the delay ends.
  const SteadyTime patience = std::chrono::steady_clock::now() + 5s;
  while (server.rules().calls.now() > 0 && std::chrono::steady_clock::now() < patience)
    std::this_thread::yield();
  REQUIRE(server.rules().calls.now() == 0);
  REQUIRE(begun == 0);
  REQUIRE(server.faults().List().front().fired == 1);
}

}  // namespace
}  // namespace lockstep::rpc
