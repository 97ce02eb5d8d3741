// How messages get to a receiver: a port. Nothing above it knows whether it is gRPC (now) or a
// broker.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/deadline.h"
#include "common/base/status.h"
#include "common/message/mailbox.h"
#include "common/rpc/completion_loop.h"
#include "lockstep/message/v1/message.grpc.pb.h"

namespace lockstep::message {

class Transport {
 public:
  virtual ~Transport() = default;
  // Delivers a batch. done runs once, on any thread, perhaps before this returns: what became of
  // each message, in order; or an error for all of them, and then nobody knows which were taken.
  // RESOURCE_EXHAUSTED with retry_after: the receiver has too much to do.
  virtual void Deliver(const std::string& destination, std::vector<v1::Envelope> batch,
                       Deadline deadline,
                       AnyInvocable<void(StatusOr<std::vector<Taken>>)> done) = 0;
  // Cancels what is under way, now and later: done says so, and nobody knows what was taken.
  virtual void CancelAll() {}
  // OK if messages for it can be sent at all: FAILED_PRECONDITION, reason PEER_UNKNOWN, else.
  virtual Status Knows(const std::string& destination) const = 0;
};

// Role of a peer → its addresses, "HOST:PORT" each. The one that answered last is used; after a
// failure the next one.
using PeerAddresses = std::map<std::string, std::vector<std::string>>;

// To the Mailbox service of each peer. A destination that is no role in peers but HOST:PORT with a
// loopback host is delivered to as it is: the mailbox of a caller. loop: outlives it.
std::unique_ptr<Transport> MakeGrpcTransport(PeerAddresses peers, std::string sender,
                                             rpc::CompletionLoop& loop);

}  // namespace lockstep::message
