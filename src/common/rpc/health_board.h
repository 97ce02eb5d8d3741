// One place that knows which health names serve, and writes them to every server of the process.
// Nobody calls SetServingStatus(bool), which overwrites every name. Threads: any.
#pragma once

#include <grpcpp/server.h>

#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace lockstep::rpc {

class HealthBoard {
 public:
  // The server must outlive the board's last Set; it gets every name known so far.
  void Add(grpc::Server& server);
  // "" is the server as a whole.
  void Set(const std::string& name, bool serving);
  bool Serving(const std::string& name) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, bool> names_;
  std::vector<grpc::Server*> servers_;
};

}  // namespace lockstep::rpc
