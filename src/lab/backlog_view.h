// What waits at the servers, read again and again: how much, for whom, how old, how fast it drains
// and when it will have. Threads: one; Read holds it until all servers have answered.
#pragma once

#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lab/drain.h"
#include "lab/json.h"
#include "lab/servers.h"

namespace lockstep::lab {

class BacklogView {
 public:
  // nodes: which servers; named: somebody asked for them by name, so one that has no messages is an
  // error.
  BacklogView(const Addresses& addresses, const std::vector<std::string>& nodes, bool named,
              Duration timeout);

  // Asks each server.
  void Read();
  // Every server answered, and nothing waits, no order is PENDING.
  bool empty() const;
  // The first error of the last reading; OK if all answered.
  Status status() const;
  std::int64_t waiting() const;
  // A table, for people.
  std::string Text() const;
  // The same in one line.
  std::string Line() const;
  Json AsJson() const;

 private:
  struct Server {
    Server(std::string name, const std::string& control, Duration timeout)
        : node(std::move(name)), peer(control, timeout) {}
    std::string node;
    ControlPeer peer;
    StatusOr<message::v1::Backlog> backlog = message::v1::Backlog();
  };

  const Drain& DrainOf(const std::string& node, const std::string& destination) const;

  const bool named_;
  std::list<Server> servers_;                                    // a peer stays where it is
  std::map<std::pair<std::string, std::string>, Drain> drains_;  // by node and destination
};

}  // namespace lockstep::lab
