// Three servers of our own, on free ports, with files in one folder, each told where the others
// are. Threads: one.
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
  // One that has ended runs again, at the addresses and on the files that it had.
  Status Restart(const std::string& node);
  // Lets all end as they should; false if one had to be killed.
  bool Terminate(Duration by);

 private:
  Cluster(ClusterOptions options, Addresses addresses, Process consumer, Process restaurant,
          Process order)
      : options_(std::move(options)),
        addresses_(std::move(addresses)),
        consumer_(std::move(consumer)),
        restaurant_(std::move(restaurant)),
        order_(std::move(order)) {}

  ClusterOptions options_;
  Addresses addresses_;
  Process consumer_;
  Process restaurant_;
  Process order_;  // the last to start, the first to end
};

// The folder of this program, where the servers are too.
StatusOr<std::filesystem::path> FindPrograms();

}  // namespace lockstep::lab
