// Three servers of our own, on free ports, with files in one folder.
// Threads: one.
#pragma once

#include "common/base/limits.h"
#include "lab/processes.h"
#include "lab/servers.h"

namespace lockstep::lab {

struct ClusterOptions {
  std::filesystem::path programs;  // the folder of lockstep-order and its siblings
  std::filesystem::path folder;    // for database, ready and output files; must exist
  int pool_threads = limits::kPoolThreadsDefault;
  int pool_queue = limits::kPoolQueueDefault;
};

class Cluster {
 public:
  // UNAVAILABLE, with the end of its output, if one of them does not start.
  static StatusOr<Cluster> Start(const ClusterOptions& options);

  const Addresses& addresses() const { return addresses_; }
  Process& order() { return order_; }
  // By name, one of the three.
  Process& Find(const std::string& node);
  // Lets all end as they should; false if one had to be killed.
  bool Terminate(Duration by);

 private:
  Cluster(Process consumer, Process restaurant, Process order, Addresses addresses)
      : consumer_(std::move(consumer)),
        restaurant_(std::move(restaurant)),
        order_(std::move(order)),
        addresses_(std::move(addresses)) {}
  Process consumer_;
  Process restaurant_;
  Process order_;  // the last to start, the first to end
  Addresses addresses_;
};

// The folder of this program, where the servers are too.
StatusOr<std::filesystem::path> FindPrograms();

}  // namespace lockstep::lab
