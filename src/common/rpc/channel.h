// Channels to peers, one a peer (TRAPS 12).
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

namespace lockstep::rpc {

struct ChannelOptions {
  // True: shares no connection with another channel of the process to the same target; isolates
  // tests and load.
  bool own_connection = false;
};

// An insecure channel: Lockstep listens on loopback unless told otherwise. Reconnects after 100 ms,
// then up to 300 ms, so that a peer that returns is used again within 500 ms; a peer that is stuck
// is given up after keepalive (10 s + 5 s), which ends calls that carry no deadline.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target,
                                           const ChannelOptions& options = {});

}  // namespace lockstep::rpc
