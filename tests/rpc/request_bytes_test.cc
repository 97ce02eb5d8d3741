// What requests become when their bytes are wrong: a table.
#include "common/rpc/request_bytes.h"

#include <string>
#include <vector>

#include "common/base/limits.h"
#include "lockstep/consumer/v1/consumer.pb.h"
#include "lockstep/order/v1/order.pb.h"
#include "tests/support/catch.h"

namespace lockstep::rpc {
namespace {

Status Parse(const std::string& bytes, google::protobuf::Message& request,
             std::size_t slice_bytes) {
  std::vector<grpc::Slice> slices;
  for (std::size_t at = 0; at < bytes.size(); at += slice_bytes) {
    slices.emplace_back(bytes.substr(at, slice_bytes));
  }
  grpc::ByteBuffer buffer(slices.data(), slices.size());
  return ParseRequest(buffer, request);
}

// A length-delimited field.
std::string Field(int number, const std::string& value) {
  std::string bytes(1, static_cast<char>(number << 3 | 2));
  REQUIRE(value.size() < 128);
  bytes += static_cast<char>(value.size());
  return bytes + value;
}

struct Row {
  const char* what;
  std::string bytes;
  std::vector<std::string> fields;  // empty: not named, MALFORMED_MESSAGE
};

TEST_CASE("a request that cannot be parsed names its fields, or is malformed") {
  const std::string bad = "\xc3\x28";
  const std::vector<Row> rows = {
      {"a stray continuation byte", Field(2, "\x80"), {"consumer_id"}},
      {"an overlong form", Field(2, "\xc0\xaf"), {"consumer_id"}},
      {"an overlong form of three bytes", Field(2, "\xe0\x80\xaf"), {"consumer_id"}},
      {"a surrogate", Field(2, "\xed\xa0\x80"), {"consumer_id"}},
      {"past U+10FFFF", Field(2, "\xf4\x90\x80\x80"), {"consumer_id"}},
      {"cut in the middle of a character", Field(2, "ab\xe2\x82"), {"consumer_id"}},
      {"two fields", Field(1, bad) + Field(2, bad), {"order_id", "consumer_id"}},
      {"one good, one bad", Field(1, "fine") + Field(2, bad), {"consumer_id"}},
      {"nested", Field(3, Field(1, bad)), {"order_total.currency_code"}},
      {"more bytes promised than there are", "\x12\x7f", {}},
      {"no end of a varint", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", {}},
      {"a field number of zero", std::string("\x02\x00", 2), {}},
      {"a group that never ends", "\x0b", {}},
  };
  for (const Row& row : rows) {
    for (const std::size_t slice_bytes : {std::size_t{1}, std::size_t{1000}}) {
      INFO(row.what << ", in slices of " << slice_bytes);
      consumer::v1::ValidateConsumerRequest request;
      const Status status = Parse(row.bytes, request, slice_bytes);
      REQUIRE(status.code() == StatusCode::kInvalidArgument);
      const ErrorDetail detail = DetailOf(status);
      REQUIRE(detail.reason == (row.fields.empty() ? "MALFORMED_MESSAGE" : "INVALID_REQUEST"));
      std::vector<std::string> fields;
      for (const FieldViolation& violation : detail.violations) fields.push_back(violation.field);
      REQUIRE(fields == row.fields);
    }
  }
}

TEST_CASE("good requests are parsed, in one piece or in many, and unknown fields are passed over") {
  consumer::v1::ValidateConsumerRequest sent;
  sent.set_order_id("o-1");
  sent.set_consumer_id("Zoë 😀");
  const std::string bytes = sent.SerializeAsString() + Field(15, "\xff\xff") + "\x70\x07";
  for (const std::size_t slice_bytes : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    consumer::v1::ValidateConsumerRequest request;
    REQUIRE(Parse(bytes, request, slice_bytes).ok());
    REQUIRE(request.order_id() == "o-1");
    REQUIRE(request.consumer_id() == "Zoë 😀");
  }
  consumer::v1::ValidateConsumerRequest empty;
  REQUIRE(Parse("", empty, 1).ok());
}

TEST_CASE("an element of a list is named by its place") {
  const auto* lines = order::v1::CreateOrderRequest::descriptor()->FindFieldByName("lines");
  const auto* item = lines->message_type()->FindFieldByName("menu_item_id");
  const std::string good = Field(lines->number(), Field(item->number(), "i-1"));
  const std::string bad = Field(lines->number(), Field(item->number(), "\xff"));
  order::v1::CreateOrderRequest request;
  const Status status = Parse(good + good + bad + good + bad, request, 1000);
  REQUIRE(DetailOf(status).violations ==
          std::vector<FieldViolation>{{"lines[2].menu_item_id", "must be UTF-8"},
                                      {"lines[4].menu_item_id", "must be UTF-8"}});
}

TEST_CASE("a megabyte of bad strings costs no megabytes of error") {
  std::string bytes;
  const auto* lines = order::v1::CreateOrderRequest::descriptor()->FindFieldByName("lines");
  const std::string bad = Field(lines->number(), Field(1, "\xff"));
  while (bytes.size() + bad.size() <= limits::kMessageBytesMax) bytes += bad;
  order::v1::CreateOrderRequest request;
  const Status status = Parse(bytes, request, 8192);
  REQUIRE(DetailOf(status).violations.size() == limits::kViolationsMax);
}

}  // namespace
}  // namespace lockstep::rpc
