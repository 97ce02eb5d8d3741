// The messages of one order, as they travel: what the load sends, and what the reference servers
// answer with, so that ours and theirs move the same bytes. Taken from a real order where one has
// been captured, made up otherwise. Threads: any; a value.
#pragma once

#include <string>

#include "lockstep/consumer/v1/consumer.pb.h"
#include "lockstep/order/v1/order.pb.h"
#include "lockstep/restaurant/v1/restaurant.pb.h"

namespace lockstep::lab {

struct Messages {
  order::v1::CreateOrderRequest create_request;
  order::v1::CreateOrderResponse create_response;
  consumer::v1::ValidateConsumerRequest consumer_request;
  consumer::v1::ValidateConsumerResponse consumer_response;
  restaurant::v1::ValidateOrderDetailsRequest details_request;
  restaurant::v1::ValidateOrderDetailsResponse details_response;
};

inline constexpr int kBenchConsumers = 500;
inline constexpr int kBenchRestaurants = 12;
inline constexpr int kBenchMenuItems = 60;
inline constexpr int kBenchOrderLines = 5;

// The names of what `lockstep-bench-load prepare` puts there.
std::string BenchConsumer(int n);
std::string BenchRestaurant(int n);
std::string BenchMenuItem(int n);

// The nth order of the load: without request id, lines and ids vary with n.
order::v1::CreateOrderRequest BenchOrder(int n);

// What must have travelled between the services so that this order had this answer.
Messages FromOrder(const order::v1::CreateOrderRequest& request,
                   const order::v1::CreateOrderResponse& response);

// Of an order that nobody placed: for measurements without the services.
Messages MadeUp();

// Of the file that Save wrote; MadeUp if path is empty. Ends the process if it cannot be read.
Messages Load(const std::string& path);
void Save(const std::string& path, const order::v1::CreateOrderRequest& request,
          const order::v1::CreateOrderResponse& response);

}  // namespace lockstep::lab
