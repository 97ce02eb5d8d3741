// Places planned orders: open-loop at moments fixed beforehand, or closed with so many in flight;
// repeats those whose outcome is unknown, with the same request id, until each has one or is given
// up.
//
// Honesty: in the open loop nothing waits for an answer, latency counts from the moment at which an
// order was meant to arrive, failures count like successes, and how late this program itself was is
// part of the result.
//
// Threads: Place runs on the caller's thread and holds it; callers answer from any.
#pragma once

#include <vector>

#include "common/base/deadline.h"
#include "lab/history.h"
#include "lab/outcome.h"
#include "lab/timeline.h"

namespace lockstep::lab {

// Whom orders are placed with. done runs exactly once, on any thread, perhaps before Place returns.
class OrderCaller {
 public:
  virtual ~OrderCaller() = default;
  virtual void Place(const order::v1::CreateOrderRequest& request, Deadline deadline,
                     AnyInvocable<void(Answer)> done) = 0;
};

struct PlacingOptions {
  // Open loop: when each order is meant to arrive, counted from the start; as many as orders.
  // Empty: closed loop.
  std::vector<Duration> arrivals;
  int in_flight = 64;                          // of the closed loop
  Duration timeout = std::chrono::seconds(2);  // of each attempt
  // From an order's first attempt, while its outcome is unknown; zero: nothing is repeated.
  Duration give_up_after{};
  Duration backoff_least = std::chrono::milliseconds(50);  // doubles with each repetition
  Duration backoff_most = std::chrono::seconds(2);
};

// Arrivals at so many a second, evenly apart.
std::vector<Duration> EvenArrivals(std::size_t count, double per_second);

// What is watched while it runs.
struct Watch {
  AnyInvocable<void(const Figures&)> on_progress;  // at most every 100 ms; may be empty
  AnyInvocable<bool()> interrupted;  // begins nothing any more once this is true; may be empty
};

class Placing {
 public:
  // All must outlive Run, and the caller's last answer must have come before the caller ends.
  Placing(const std::vector<PlannedOrder>& orders, const PlacingOptions& options,
          OrderCaller& caller, Watch& watch);

  Figures Run();
  // After Run, for each order: whether it stands.
  std::vector<bool> accepted() const;
  // The same: the id of the order, empty where none stands.
  std::vector<std::string> order_ids() const;

 private:
  struct Order {
    SteadyTime arrival{};
    SteadyTime first_attempt{};
    int attempts = 0;
    bool is_done = false;
    bool is_accepted = false;
    std::string order_id;  // where it is accepted
  };

  void Begin(std::size_t index, SteadyTime arrival);
  void BeginNext();  // of the closed loop
  void Attempt(std::size_t index);
  void OnAnswer(std::size_t index, Answer answer);
  void Settle(std::size_t index, const Answer& answer);
  void Tick();

  const std::vector<PlannedOrder>& plan_;
  const PlacingOptions& options_;
  OrderCaller& caller_;
  Watch& watch_;
  Timeline timeline_;
  std::vector<Order> orders_;
  std::size_t next_ = 0;       // the first order of the closed loop that is not begun
  std::size_t settled_ = 0;    // orders, whatever became of them
  std::size_t in_flight_ = 0;  // attempts
  bool stopping_ = false;
  SteadyTime start_{};
  Figures figures_;
};

}  // namespace lockstep::lab
