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
  // True: each call's own timeout goes out. Else gRPC 1.51 may write an earlier one of the same
  // connection instead, up to 3 % longer, where its header is in the table of headers already: of
  // 10 s, 0.3 s more than there is. The price is a connection without such a table, which takes
  // about 7 µs more CPU a call on both sides together.
  bool exact_deadlines = false;
};

// An insecure channel: Lockstep listens on loopback unless told otherwise. Reconnects after 100 ms,
// then up to 300 ms, so that a peer that returns is used again within 500 ms; a peer that is stuck
// is given up after keepalive (10 s + 5 s), which ends calls that carry no deadline.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target,
                                           const ChannelOptions& options = {});

}  // namespace lockstep::rpc
