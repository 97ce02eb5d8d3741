// lockstep order create --by-message: the caller as messenger. The request goes to Order's mailbox,
// the outcome comes back to a mailbox that this program hosts.
// Threads: one, beside those of the mailbox.
#pragma once

#include <string>

#include "lab/commands/command.h"
#include "lockstep/order/v1/order.pb.h"

namespace lockstep::lab {

struct ByMessageArguments {
  std::string mailbox = "127.0.0.1:0";  // where the reply is taken; port 0: a free one
  std::string correlation_id;           // empty: a new one
  bool takes_reply_only = false;        // the request was sent earlier
};

// Prints the outcome; the exit status. request: with a request id, unless only the reply is taken.
int CreateByMessage(const Context& context, const ByMessageArguments& arguments,
                    order::v1::CreateOrderRequest request, Duration timeout);

}  // namespace lockstep::lab
