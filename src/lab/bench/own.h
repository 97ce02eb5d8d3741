// Parts of Lockstep that are measured by themselves; one function a subcommand of
// lockstep-bench-own.
#pragma once

#include <string>

namespace lockstep::lab {

// A server of ours whose ValidateConsumer and ValidateOrderDetails do nothing but answer: the shell
// alone; and, as the leaf below the order service, an outside witness of when a call was begun and
// answered (see moments.h).
struct Leaf {
  std::string listen = "127.0.0.1:0";
  std::string ready_file;
  std::string messages;       // a captured order, else one made up
  double delay = 0;           // milliseconds, before each call
  std::string moments;        // the file to make, if not empty
  int calls_max = 1'000'000;  // that have room in it
  int loops = 1;
};
int ServeLeaf(const Leaf& options);

// The store alone: so many items waiting at any moment, each the rows of an order.
struct StoreLoad {
  std::string db;  // the file to make
  int waiting = 64;
  int batch = 0;  // items a commit at most; 0: the store's default
  double warm_up = 0.2;
  double seconds = 1;
};
int RunStore(const StoreLoad& options);

}  // namespace lockstep::lab
