// What the load programs do; one function a subcommand of lockstep-bench-load. Each prints one JSON
// object on stdout and returns the exit status.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace lockstep::lab {

enum class LoadMethod { kCreateOrder, kValidateConsumer, kValidateDetails };

// So many calls in flight, each followed at once by another: a bare client, one queue, one thread,
// the same for our servers and the reference ones.
struct ClosedLoad {
  std::string target;
  LoadMethod method = LoadMethod::kCreateOrder;
  std::string style;  // of the orders: "blocking", "non-blocking"; empty: the server's default
  int in_flight = 64;
  int connections = 1;
  double warm_up = 0.5;  // seconds, not counted
  double seconds = 2;
  double timeout = 10;
  std::vector<pid_t> pids;  // whose CPU time is wanted beside the client's own
  std::string messages;     // a captured order, for the messages that are sent
  std::string capture;      // a file for one order and its answer
};
int RunClosedLoad(const ClosedLoad& options);

// Calls at a rate, whether or not earlier ones have been answered, through the runtime's own client
// (CompletionLoop, UnaryCall). The times at which the leaf began and answered each come from
// the file that it shares.
struct OpenLoad {
  std::string target;
  LoadMethod method = LoadMethod::kValidateConsumer;  // or kCreateOrder
  double rate = 1000;  // a second, at random moments (Poisson), from a fixed seed
  int calls = 10'000;
  double timeout = 0.05;          // of each call, as the caller sends it
  double downstream_timeout = 0;  // of an order's questions; 0: none of their own
  double stuck = 0;               // the part of the calls that the leaf never answers
  std::string moments;            // the leaf's file; may be empty
  std::string style;
  unsigned seed = 1;
};
int RunOpenLoad(const OpenLoad& options);

// Starts so many orders and holds them: prints {"started": n}; at the end of stdin cancels them,
// and prints how they ended.
struct Stall {
  std::string target;
  std::string style;
  int in_flight = 1000;
};
int RunStall(const Stall& options);

// One order every interval, until stdin ends; prints, line by line, {"sent", "ended", "code"} with
// monotonic nanoseconds.
struct Probe {
  std::string target;
  std::string style;
  double interval = 0.005;
  double timeout = 2;
};
int RunProbe(const Probe& options);

// Consumers, restaurants and menus for the load.
int RunPrepare(const std::string& consumer, const std::string& restaurant);

// A fixed delay on these methods of the server at this control address; 0: no fault any more.
int RunDelay(const std::string& control, const std::vector<std::string>& methods,
             double milliseconds);

// pool_threads and pool_queue of the order service; below zero: unchanged.
int RunPool(const std::string& control, int threads, int queue);

// Calls under way, and the ledger.
int RunLedger(const std::string& control);

}  // namespace lockstep::lab
