// A server on completion queues, and what every server of ours is built with.
//
// Threads: one a loop; gRPC's own beside them; one while it shuts down. Stop order: stop accepting
// and let calls under way end within the grace; cancel the rest, and what it waits for; wait for
// the last call object; only then stop the loops (TRAPS 9, 10, 23, 24).
#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/rpc/completion_loop.h"
#include "common/rpc/server_call.h"

namespace lockstep::rpc {

// What all servers of the process have: reflection and health, and no log lines of protobuf's.
// Before the first server is built.
void EnableReflectionAndHealth();

// An address to listen on, and the builder set up for it: limits, keepalive, SO_REUSEPORT off.
class Listener {
 public:
  // address: "127.0.0.1:50051"; port 0 takes a free one.
  Listener(grpc::ServerBuilder& builder, std::string address);
  // After BuildAndStart: the server, or UNAVAILABLE, reason LISTEN_FAILED, naming the address.
  StatusOr<std::unique_ptr<grpc::Server>> Built(std::unique_ptr<grpc::Server> server) const;
  // With the port that was taken. After Built.
  std::string address() const;

 private:
  std::string asked_;
  std::unique_ptr<int> port_ = std::make_unique<int>(0);  // gRPC writes it while building
};

class QueueServer {
 public:
  struct Options {
    std::string address;
    int loops = 1;
  };

  // services: the generated ones, with raw methods. methods, rules: outlive the server.
  static StatusOr<std::unique_ptr<QueueServer>> Start(const Options& options,
                                                      const std::vector<grpc::Service*>& services,
                                                      const std::vector<MethodBase*>& methods,
                                                      CallRules& rules);
  ~QueueServer();  // Shutdown(0)

  grpc::Server& server() { return *server_; }
  const std::string& address() const { return address_; }
  std::vector<std::unique_ptr<CompletionLoop>>& loops() { return loops_; }

  // Stops accepting, and waits until the last call has ended; what calls wait for on other servers
  // is cancelled once grace has passed, and so are they. Whoever answers calls (a store thread, a
  // pool) must still run meanwhile. The loops still run when it returns. Idempotent; one thread.
  void Drain(Duration grace);
  // Drains, and stops the loops. Idempotent; one thread.
  void Shutdown(Duration grace);

 private:
  QueueServer() = default;

  std::string address_;
  LiveCalls live_;
  std::vector<std::unique_ptr<CompletionLoop>> loops_;
  std::unique_ptr<grpc::Server> server_;
  bool drained_ = false;
  bool shut_ = false;
};

}  // namespace lockstep::rpc
