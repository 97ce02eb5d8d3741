// Between Restaurant's messages and its domain. What cannot be turned into a value is a violation,
// with the field path of the request; the domain then checks the values. Pure.
#pragma once

#include "common/base/validate.h"
#include "lockstep/order/v1/order.pb.h"
#include "lockstep/restaurant/v1/restaurant.pb.h"
#include "restaurant/domain/judge.h"
#include "restaurant/domain/restaurant.h"

namespace lockstep::restaurant {

Restaurant FromProto(const v1::CreateRestaurantRequest& request, Violations& violations);
RestaurantUpdate FromProto(const v1::UpdateRestaurantRequest& request, Violations& violations);
MenuRevision FromProto(const v1::ReviseMenuRequest& request, Violations& violations);
Question FromProto(const v1::ValidateOrderDetailsRequest& request);
Question FromProto(const v1::ValidateOrderDetails& message);
Question FromProto(const order::v1::Order& order);

void SetProto(const Restaurant& restaurant, v1::Restaurant* out);
void SetProto(OrderDetailsVerdict&& verdict, v1::OrderDetailsVerdict* out);

}  // namespace lockstep::restaurant
