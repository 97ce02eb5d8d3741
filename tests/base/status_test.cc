// What an error carries comes back whole.
#include "common/base/status.h"

#include "tests/support/catch.h"

namespace lockstep {
namespace {

TEST_CASE("all that an error carries comes back, whatever stands in it") {
  ErrorDetail detail;
  detail.reason = "SOLD_OUT";
  detail.metadata = {{"order_id", "3:abc"}, {"", ""}, {"zero", std::string("\0", 1)}};
  detail.violations = {{"lines[2].quantity", "must be 1 to 1000, is 0"}, {"é", "12:"}};
  detail.preconditions = {{"menu item 12", "is not sold"}};
  detail.retry_after = std::chrono::milliseconds(250);
  const Status status = MakeError(StatusCode::kFailedPrecondition, "message", detail);
  REQUIRE(status.code() == StatusCode::kFailedPrecondition);
  REQUIRE(MessageOf(status) == "message");
  REQUIRE(DetailOf(status) == detail);
}

TEST_CASE("an error without detail has an empty one") {
  REQUIRE(DetailOf(OkStatus()) == ErrorDetail());
  REQUIRE(DetailOf(Status(StatusCode::kInternal, "plain")) == ErrorDetail());
  REQUIRE(DetailOf(MakeError(StatusCode::kInternal, "WHY", "text")).reason == "WHY");
}

TEST_CASE("an invalid request names each field, and a valid one is no error") {
  REQUIRE(InvalidRequest({}).ok());
  const Status status = InvalidRequest({{"a", "is missing"}, {"b.c", "is too long"}});
  REQUIRE(status.code() == StatusCode::kInvalidArgument);
  REQUIRE(MessageOf(status) == "a: is missing; b.c: is too long");
  REQUIRE(DetailOf(status).reason == "INVALID_REQUEST");
  REQUIRE(DetailOf(status).violations.size() == 2);
  REQUIRE(DetailOf(status).violations[1].field == "b.c");
}

TEST_CASE("codes have the names that gRPC gives them") {
  REQUIRE(CodeName(StatusCode::kOk) == "OK");
  REQUIRE(CodeName(StatusCode::kResourceExhausted) == "RESOURCE_EXHAUSTED");
}

}  // namespace
}  // namespace lockstep
