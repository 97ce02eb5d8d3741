// The bare SQLite insert loop: the rows that a database of orders holds, inserted anew into an
// empty file of the same schema, so many orders a transaction, and nothing else. Threads: main.
#pragma once

#include <string>

namespace lockstep::lab {

struct InsertLoop {
  std::string like;  // a database of lockstep-order, with at least 1,000 orders; it is not changed
  std::string db;    // the file to make; it must not be there
  int batch = 32;    // orders a commit
  double seconds = 2;  // the rows are taken at most once: it may end sooner
  int warm_up_orders = 1'000;
};

// Prints {"orders", "seconds", "cpu_seconds", "rows_per_order"}. The exit status.
int RunInsertLoop(const InsertLoop& options);

}  // namespace lockstep::lab
