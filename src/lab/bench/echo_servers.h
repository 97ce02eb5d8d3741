// The bare servers that ours are compared with: nothing but what gRPC's own examples do. They
// answer CreateOrder, ValidateConsumer and ValidateOrderDetails with the messages of one order.
// Threads: main; each server's threads end before its function returns.
#pragma once

#include <string>

#include "lab/bench/messages.h"

namespace lockstep::lab {

struct ReferenceServer {
  std::string listen = "127.0.0.1:0";
  std::string ready_file;
};

// One completion queue, one thread, one call object a call, made new for each.
int ServeQueueEcho(const ReferenceServer& server, const Messages& messages);

// gRPC's own synchronous server, a thread a call.
int ServeSynchronousEcho(const ReferenceServer& server, const Messages& messages);

// The same, whose CreateOrder makes the calls that an order makes, with blocking stubs, one after
// the other, and then answers.
int ServeSynchronousOrders(const ReferenceServer& server, const Messages& messages,
                           const std::string& consumer, const std::string& restaurant);

}  // namespace lockstep::lab
