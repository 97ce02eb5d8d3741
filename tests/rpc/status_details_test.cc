// Errors on the wire: what comes back is what was sent, within the size that clients accept.
#include "common/rpc/status_details.h"

#include <grpcpp/generic/generic_stub.h>

#include "common/base/limits.h"
#include "common/base/validate.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/rpc/test_server.h"

namespace lockstep::rpc {
namespace {

using namespace std::chrono_literals;

ErrorDetail Back(const Status& status) {
  return DetailOf(FromGrpcStatus(ToGrpcStatus(status, {})));
}

google::rpc::Status Parsed(const grpc::Status& status) {
  google::rpc::Status parsed;
  REQUIRE(parsed.ParseFromString(status.error_details()));
  return parsed;
}

call::v1::Receipt ReceiptWith(int calls, std::size_t node_bytes) {
  call::v1::Receipt receipt;
  receipt.set_node("order");
  for (int i = 0; i < calls; ++i) {
    call::v1::DownstreamCall& call = *receipt.add_calls();
    call.set_peer("consumer");
    call.mutable_receipt()->set_node(std::string(node_bytes, 'n'));
  }
  return receipt;
}

TEST_CASE("every field of an error comes back as it was sent") {
  ErrorDetail detail;
  detail.reason = "SOME_REASON";
  detail.metadata = {{"order_id", "o-1"}, {"", ""}, {"city", "Zürich: 3:x"}};
  detail.retry_after = GENERATE(0ms, 1ms, 999ms, 1500ms, 3600'000ms);
  detail.violations = {{"lines[2].quantity", "must be 1 to 1000, is 0"}, {"", "…"}};
  detail.preconditions = {{"consumer 7", "is suspended"}};
  const Status status = MakeError(StatusCode::kFailedPrecondition, "says what and where", detail);
  const Status back = FromGrpcStatus(ToGrpcStatus(status, nullptr));
  REQUIRE(back.code() == StatusCode::kFailedPrecondition);
  REQUIRE(MessageOf(back) == "says what and where");
  REQUIRE(DetailOf(back) == detail);
}

TEST_CASE("every code travels, and an error without a reason gets its code's name") {
  for (int code = 1; code <= 16; ++code) {
    const Status status(static_cast<StatusCode>(code), "text");
    const Status back = FromGrpcStatus(ToGrpcStatus(status, nullptr));
    REQUIRE(back.code() == status.code());
    REQUIRE(DetailOf(back).reason == CodeName(status.code()));
    REQUIRE(Parsed(ToGrpcStatus(status, nullptr)).code() == code);
  }
  REQUIRE(ToGrpcStatus(OkStatus(), nullptr).ok());
  REQUIRE(FromGrpcStatus(grpc::Status::OK).ok());
}

TEST_CASE("a peer's error without details, or with bytes that are none, is taken as it is") {
  const Status plain = FromGrpcStatus({grpc::StatusCode::INTERNAL, "plain", "\xff\xff"});
  REQUIRE(plain.code() == StatusCode::kInternal);
  REQUIRE(MessageOf(plain) == "plain");
  REQUIRE(DetailOf(plain) == ErrorDetail());
}

TEST_CASE("a peer's retry advice that nanoseconds cannot count is cut, not wrapped") {
  google::rpc::Status sent;
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(std::numeric_limits<std::int64_t>::max());
  sent.add_details()->PackFrom(retry);
  const Status back =
      FromGrpcStatus({grpc::StatusCode::UNAVAILABLE, "later", sent.SerializeAsString()});
  REQUIRE(DetailOf(back).retry_after > 24h);
}

TEST_CASE("at most 16 violations are named") {
  std::vector<FieldViolation> violations;
  for (int i = 0; i < static_cast<int>(limits::kViolationsMax) + 1; ++i) {
    violations.push_back({"field_" + std::to_string(i), "is wrong"});
  }
  const auto all = violations;
  violations.pop_back();
  REQUIRE(Back(InvalidRequest(violations)).violations == violations);
  REQUIRE(Back(InvalidRequest(all)).violations == violations);
  ErrorDetail detail;
  detail.preconditions = all;
  REQUIRE(Back(MakeError(StatusCode::kFailedPrecondition, "m", detail)).preconditions ==
          violations);
}

TEST_CASE("what is shortened stays UTF-8, whole characters and an ellipsis") {
  for (const std::string& unit :
       {std::string("x"), std::string("é"), std::string("€"), std::string("😀")}) {
    for (std::size_t lead = 0; lead < 5; ++lead) {
      std::string text(lead, 'a');
      while (text.size() <= 200) text += unit;
      ErrorDetail detail;
      detail.metadata["key"] = text;
      const std::string back = Back(MakeError(StatusCode::kInternal, "m", detail)).metadata["key"];
      INFO(unit << " after " << lead);
      REQUIRE(back.size() <= 200);
      REQUIRE(back.size() > 200 - 3 - 4);
      REQUIRE(IsUtf8(back));
      REQUIRE(back.substr(back.size() - 3) == "…");
      REQUIRE(text.compare(0, back.size() - 3, back, 0, back.size() - 3) == 0);
    }
  }
}

TEST_CASE("text that fits is left alone, to the last byte") {
  ErrorDetail detail;
  detail.reason = "REASON";
  detail.metadata = {{"a", std::string(200, 'x')}};
  detail.violations = {{std::string(100, 'f'), std::string(200, 'd')}};
  REQUIRE(Back(MakeError(StatusCode::kInternal, std::string(1000, 'm'), detail)) == detail);
}

TEST_CASE(
    "a message of bytes that are not UTF-8 is made ASCII, so that the details can be parsed") {
  const grpc::Status status = ToGrpcStatus(Status(StatusCode::kInternal, "a\xff\xfe b"), nullptr);
  REQUIRE(status.error_message() == "a?? b");
  REQUIRE(Parsed(status).message() == "a?? b");
}

// The worst that a handler could build.
Status Huge() {
  ErrorDetail detail;
  detail.reason = std::string(60, 'R');
  detail.retry_after = 100ms;
  for (int i = 0; i < 100; ++i) {
    detail.violations.push_back({std::string(300, 'f'), std::string(500, 'd')});
    detail.preconditions.push_back({std::string(300, 's'), std::string(500, 'p')});
    detail.metadata["key" + std::to_string(i)] = std::string(500, 'v');
  }
  std::string message;
  for (int i = 0; i < 2000; ++i) message += "ß";
  return MakeError(StatusCode::kInvalidArgument, message, detail);
}

TEST_CASE("the details are bounded in bytes: receipts go first, then fields past the first few") {
  const call::v1::Receipt small = ReceiptWith(2, 10);
  call::v1::Receipt back;
  REQUIRE(ReceiptOf(ToGrpcStatus(Status(StatusCode::kInternal, "m"), &small), back));
  REQUIRE(back.calls(0).receipt().node() == std::string(10, 'n'));

  const call::v1::Receipt large = ReceiptWith(2, 4000);
  const grpc::Status without = ToGrpcStatus(Status(StatusCode::kInternal, "m"), &large);
  REQUIRE(ReceiptOf(without, back));
  REQUIRE(back.calls_size() == 2);
  REQUIRE_FALSE(back.calls(0).has_receipt());

  const call::v1::Receipt hopeless = ReceiptWith(1000, 0);
  const grpc::Status none = ToGrpcStatus(Status(StatusCode::kInternal, "m"), &hopeless);
  REQUIRE_FALSE(ReceiptOf(none, back));
  REQUIRE(DetailOf(FromGrpcStatus(none)).reason == "INTERNAL");

  const grpc::Status huge = ToGrpcStatus(Huge(), &small);
  REQUIRE(huge.error_details().size() <= limits::kErrorDetailBytesMax);
  REQUIRE(DetailOf(FromGrpcStatus(huge)).reason == std::string(60, 'R'));
}

TEST_CASE("a client with gRPC's default limit of 8 KiB can read the worst error") {
  TestServer server([](ValidateCall& call) {
    call::v1::Receipt receipt = ReceiptWith(5, 300);
    call.Fail(Huge(), &receipt);
  });
  const auto channel =
      grpc::CreateChannel(server.server().address(), grpc::InsecureChannelCredentials());
  const auto stub = ConsumerService::NewStub(channel);
  grpc::ClientContext context;
  ValidateConsumerResponse response;
  const grpc::Status status =
      stub->ValidateConsumer(&context, ValidateConsumerRequest(), &response);
  REQUIRE(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  REQUIRE(DetailOf(FromGrpcStatus(status)).reason == std::string(60, 'R'));
}

}  // namespace
}  // namespace lockstep::rpc
