// Between Consumer's messages and its domain. What cannot be turned into a value is a violation,
// with the field path of the request; the domain then checks the values. Pure.
#pragma once

#include "common/base/validate.h"
#include "consumer/domain/consumer.h"
#include "consumer/domain/judge.h"
#include "lockstep/consumer/v1/consumer.pb.h"

namespace lockstep::consumer {

Consumer FromProto(const v1::CreateConsumerRequest& request, Violations& violations);
ConsumerUpdate FromProto(const v1::UpdateConsumerRequest& request, Violations& violations);
Question FromProto(const v1::ValidateConsumerRequest& request, Violations& violations);

void SetProto(const Consumer& consumer, v1::Consumer* out);
void SetProto(ConsumerVerdict&& verdict, v1::ConsumerVerdict* out);

}  // namespace lockstep::consumer
