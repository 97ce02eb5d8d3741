// Requests under way, by their request id: the first runs, the others wait for its outcome.
// Together with the request ids in the store this makes a repeated request harmless, also while the
// first still runs.
//
// Threads: any. Every waiter is resumed exactly once, without the gate's lock: with the outcome
// that the first committed; or, if that ended without one, as the first of those who waited; or
// because it gave up or its deadline passed.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "common/base/deadline.h"
#include "common/base/status.h"
#include "order/ports.h"

namespace lockstep::order {

class RequestGate {
 public:
  enum class Turn {
    kFirst,    // nobody runs this request: run it, and Leave
    kSettled,  // the first committed this outcome
    kGivenUp,  // GiveUp was called, or the deadline passed
  };
  using Resume = AnyInvocable<void(Turn turn, std::shared_ptr<const StoredOutcome> outcome)>;
  using Ticket = std::uint64_t;

  // The caller is the first: true, resume is dropped, and the caller must Leave. Otherwise it
  // waits, under the ticket.
  bool Enter(const std::string& request_id, Ticket ticket, Deadline deadline, Resume resume);

  // The first has ended. outcome: what it committed or found committed; null if its request may be
  // tried anew.
  void Leave(const std::string& request_id, std::shared_ptr<const StoredOutcome> outcome);

  // The waiter need not be resumed later: it is now, unless it has been. Nothing for a ticket that
  // does not wait.
  void GiveUp(const std::string& request_id, Ticket ticket);

  // Resumes those whose deadline has passed. A backstop, called now and then: a caller's own
  // deadline ends its call, and that calls GiveUp; this is for those that came without one.
  void GiveUpExpired(SteadyTime now);

  Ticket NewTicket() { return last_ticket_.fetch_add(1, std::memory_order_relaxed) + 1; }
  std::size_t running() const;

 private:
  struct Waiter {
    Ticket ticket;
    Deadline deadline;
    Resume resume;
  };
  std::atomic<Ticket> last_ticket_ = 0;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::list<Waiter>> running_;
};

}  // namespace lockstep::order
