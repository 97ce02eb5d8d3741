// The comparison: the same orders, at the same rate and with the same timeout, in each style, while
// a service is well, slow, stuck or gone; each time with three fresh servers of our own, so that
// nothing is left of the time before. Where orders are answered first, a service that was stuck or
// gone comes back after the offer, and what waited is completed. Threads: one, and one that counts
// threads while orders are placed.
#pragma once

#include <string>
#include <vector>

#include "lab/cluster.h"
#include "lab/placing.h"

namespace lockstep::lab {

// A style, and the shell that a blocking order runs on.
struct Way {
  std::string name;  // "thread-per-call"
  call::v1::Style style = call::v1::STYLE_UNSPECIFIED;
  bool is_sync = false;  // by the synchronous server
};

// "blocking", "non-blocking", "thread-per-call", "replica" ….
StatusOr<std::vector<Way>> ParseWays(const std::string& names);

struct Condition {
  enum class Kind { kHealthy, kSlow, kStuck, kDown };
  Kind kind = Kind::kHealthy;
  std::string node;  // "consumer"
  Duration delay{};  // of kSlow
  std::string Text() const;
};

// "consumer=80ms".
StatusOr<Condition> ParseSlow(const std::string& text);
// "restaurant", for kStuck and kDown.
StatusOr<Condition> ParseWhere(Condition::Kind kind, const std::string& node);

// The methods that have to do with taking an order, by a call or by messages: which a server that
// is slow is slow in.
std::vector<std::string> QuestionsTo(const std::string& node);

struct CellOptions {
  double rate = 400;                          // orders a second offered
  Duration length = std::chrono::seconds(3);  // of the offer
  Duration timeout = std::chrono::milliseconds(500);
  Duration final_within = std::chrono::seconds(30);  // after the offer, and a service's return
  bool is_quiet = false;
};

struct Cell {
  Condition condition;
  Way way;
  Figures figures;
  std::int64_t pending_at_end = 0;     // of the offer: answered, and not final
  std::int64_t threads_held_most = 0;  // by the service's own count
  int threads_idle = 0;                // of the order service, by the kernel's count
  int threads_most = 0;
};

// Offers orders of the plan, over and over with new request ids, to a cluster that runs already and
// is loaded.
StatusOr<Cell> MeasureCell(Cluster& cluster, const std::vector<PlannedOrder>& plan,
                           const Condition& condition, const Way& way, const CellOptions& options);

// Waits until Order's copies of consumers and restaurants have everything that there was at a
// moment, for each way that judges by copies. It places orders that are refused.
Status AwaitCopies(const std::string& order_address, const std::vector<Way>& ways, SteadyTime since,
                   Duration limit);

// The first `count` requests of the plan told over and over, in a way, each with an id of its own.
std::vector<PlannedOrder> Repeated(const std::vector<PlannedOrder>& plan, const Way& way,
                                   const std::string& run, std::size_t count);

std::string CellsText(const std::vector<Cell>& cells);
std::vector<Json> CellsJson(const std::vector<Cell>& cells);

}  // namespace lockstep::lab
