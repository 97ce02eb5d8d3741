// What the tests of Consumer share: the service, and messages for it.
#pragma once

#include <string>

#include "consumer/service/consumer_service.h"
#include "lockstep/consumer/v1/consumer.grpc.pb.h"
#include "tests/services/hosted.h"
#include "tests/support/temp_dir.h"

namespace lockstep::test {

namespace cv1 = consumer::v1;
using ConsumerStub = cv1::ConsumerService::Stub;
using Consumers = Hosted<consumer::ConsumerService, ConsumerStub>;

inline void SetPounds(std::int64_t units, money::v1::Money* out, std::int32_t nanos = 0) {
  out->set_currency_code("GBP");
  out->set_units(units);
  out->set_nanos(nanos);
}

inline cv1::CreateConsumerRequest NewConsumer(const std::string& id, const std::string& name,
                                              std::int64_t limit = 50) {
  cv1::CreateConsumerRequest request;
  request.mutable_consumer()->set_consumer_id(id);
  request.mutable_consumer()->set_display_name(name);
  SetPounds(limit, request.mutable_consumer()->mutable_order_limit());
  return request;
}

inline cv1::GetConsumerRequest WhichConsumer(const std::string& id) {
  cv1::GetConsumerRequest request;
  request.set_consumer_id(id);
  return request;
}

inline cv1::UpdateConsumerRequest Rename(const std::string& id, const std::string& name,
                                         std::int64_t expected_version = 0) {
  cv1::UpdateConsumerRequest request;
  request.mutable_consumer()->set_consumer_id(id);
  request.mutable_consumer()->set_display_name(name);
  request.mutable_update_mask()->add_paths("display_name");
  request.set_expected_version(expected_version);
  return request;
}

inline cv1::ValidateConsumerRequest MayOrder(const std::string& id) {
  cv1::ValidateConsumerRequest request;
  request.set_order_id("o1");
  request.set_consumer_id(id);
  return request;
}

}  // namespace lockstep::test
