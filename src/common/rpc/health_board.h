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
  // open false: whatever is set, nothing serves until Open.
  explicit HealthBoard(bool open = true) : open_(open) {}

  // The server must outlive the board's last Set; it gets every name known so far.
  void Add(grpc::Server& server);
  // "" is the server as a whole.
  void Set(const std::string& name, bool serving);
  // False also while the board is closed.
  bool Serving(const std::string& name) const;

  void Open();
  // Nothing serves from now on, and no server is touched any more once it has returned.
  void Close();

 private:
  void WriteAll();  // under mutex_

  mutable std::mutex mutex_;
  bool open_;
  std::map<std::string, bool> names_;
  std::vector<grpc::Server*> servers_;
};

}  // namespace lockstep::rpc
