// The flags that every owner has, beside those of each server.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace lockstep::owner {

// The role of the peer whose feed an owner listens to.
inline constexpr char kOrder[] = "order";

struct OwnerFlags {
  // Role of a peer → its addresses: whom answers go to, and where Order's feed is.
  std::map<std::string, std::vector<std::string>> peers = {{kOrder, {"127.0.0.1:50051"}}};
  bool order_feed = true;   // orders of the style EVENT_DRIVEN are judged
  std::string common_data;  // the file of the style COMMON_DATA; empty: none
};

// flags: outlives the parsing.
void AddOwnerFlags(CLI::App& app, OwnerFlags& flags);

}  // namespace lockstep::owner
