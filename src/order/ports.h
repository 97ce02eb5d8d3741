// What placing an order needs from outside, as interfaces: the two questions and the store. A style
// is one implementation of the two checks; a test fakes them here, and not the generated stubs.
//
// For every function with a done: done runs exactly once, perhaps before the function returns, on
// any thread; the caller holds no lock across the call. The objects outlive every done.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/cancellation.h"
#include "common/base/clock.h"
#include "common/base/deadline.h"
#include "common/base/status.h"
#include "order/domain/order.h"
#include "order/domain/question.h"

namespace lockstep::store {
class Database;
}

namespace lockstep::order {

// What the questions of one order share. A check copies what it needs beyond the call of Ask, but
// *cancel lives until both have answered.
struct CheckCall {
  Deadline
      caller;  // the budget: the caller's deadline, or the server's own limit where it sent none
  bool caller_sent_deadline = true;  // false: caller is the server's own limit
  DeadlinePolicy policy = DeadlinePolicy::kPropagate;
  std::optional<Duration> consumer_timeout;
  std::optional<Duration> restaurant_timeout;
  Duration reserve = Duration::zero();
  bool wait_for_ready = false;
  bool drop_expired = true;        // false: a question is asked although the budget is gone
  CancelSource* cancel = nullptr;  // the caller has gone; heeded where CancellationFollows(policy)
  SteadyTime arrival;              // of the caller's call; CallTrace::start counts from it
};

// What a peer says of its own cost: opaque here, known to the checks that bring it and to the
// service that passes it on.
class PeerReceipt {
 public:
  virtual ~PeerReceipt() = default;
};

// One call to a peer, as the receipt tells it.
struct CallTrace {
  std::string peer;                       // kConsumerPeer, kRestaurantPeer
  std::string method;                     // "lockstep.consumer.v1.ConsumerService/ValidateConsumer"
  int attempt = 1;                        // 1 for the first
  std::optional<Duration> deadline_sent;  // what was left of it at the start; absent: none was sent
  Duration start = Duration::zero();      // from the caller's arrival
  Duration duration = Duration::zero();   // from the start until the answer
  StatusCode code = StatusCode::kOk;
  std::unique_ptr<PeerReceipt> peer_receipt;  // null if none came back
};

// A copy that was read in place of its owner, as the receipt tells it.
struct CopyTrace {
  std::string peer;                 // kConsumerPeer, kRestaurantPeer: the owner
  std::int64_t version = 0;         // of what was read; 0: the copy has none with that id
  Duration age = Duration::zero();  // since the last moment at which it is known to have had all
};

// What became of a question. verdict: what the peer said, unjudged, or why it said nothing, in the
// words that the caller of the order is to read (UNAVAILABLE with the peer and retry_after,
// DEADLINE_EXCEEDED, INTERNAL with reason DOWNSTREAM_FAILED).
template <typename Verdict>
struct CheckResult {
  StatusOr<std::optional<Verdict>> verdict;  // nothing: it comes later, when the order is kept
  std::vector<CallTrace> calls;        // each attempt, the first first; empty if none was begun
  std::optional<CopyTrace> copy = {};  // present if a copy was looked into
};

class ConsumerCheck {
 public:
  virtual ~ConsumerCheck() = default;
  virtual void Ask(const CheckCall& call, const ConsumerQuestion& question,
                   AnyInvocable<void(CheckResult<ConsumerVerdict>)> done) = 0;
};

class MenuCheck {
 public:
  virtual ~MenuCheck() = default;
  virtual void Ask(const CheckCall& call, const MenuQuestion& question,
                   AnyInvocable<void(CheckResult<MenuVerdict>)> done) = 0;
};

// What a style that waits changes at its neighbours for an order that is not kept yet.
struct Checkout {
  std::string order_id;
  std::string consumer_id;
  std::string restaurant_id;
  bool reserves = false;
  bool pays = false;
};

// What a style says to others about an order that is taken: written in the same transaction as the
// order. Threads: the store's.
class BesideOrder {
 public:
  virtual ~BesideOrder() = default;
  virtual Status Write(store::Database& database, const Order& order) const = 0;
  // The same for a checkout whose order is not to be kept: that it is to be undone.
  virtual Status Undo(store::Database& database, const Checkout& checkout) const = 0;
};

// What became of a step of a checkout. status: OK if that is known; then refusal is why it was not
// done, empty if it was. An error: nobody knows whether it was done.
struct StepResult {
  Status status;
  std::string refusal;
  std::vector<CallTrace> calls;
};

// Does the steps of a checkout while the caller waits.
class CheckoutSteps {
 public:
  virtual ~CheckoutSteps() = default;
  // order: with both verdicts; copied where it is needed beyond the call.
  virtual void Do(const CheckCall& call, Step step, const Order& order,
                  AnyInvocable<void(StepResult)> done) = 0;
};

// A committed order and what its request asked for.
struct StoredOutcome {
  std::shared_ptr<const Order> order;
  std::string fingerprint;
};

// What became of a write.
struct InsertResult {
  // OK: the order is durable, or existing is set. DEADLINE_EXCEEDED: not_after had passed before
  // the commit was begun, and nothing was written.
  Status status;
  // Somebody else has committed the request id meanwhile: nothing was written, this stands.
  std::optional<StoredOutcome> existing;
  Duration commit_duration = Duration::zero();  // from the call until the answer, waiting included
  int batch = 0;                                // writes that shared the commit; 0: none was made
};

class OrderStore {
 public:
  virtual ~OrderStore() = default;
  // Nothing, if no committed order has that request id, or none that is still kept.
  virtual void FindByRequestId(std::string request_id,
                               AnyInvocable<void(StatusOr<std::optional<StoredOutcome>>)> done) = 0;
  // Writes the order, its request id, where it has one, and what goes beside it (null: nothing) in
  // one transaction. Answers after the commit. beside lives until then. An order that has been
  // through steps of its checkout takes the place of that checkout: UNAVAILABLE, reason
  // CHECKOUT_UNDONE, if it has been settled meanwhile.
  virtual void Insert(std::shared_ptr<const Order> order, std::string fingerprint,
                      const BesideOrder* beside, Deadline not_after,
                      AnyInvocable<void(InsertResult)> done) = 0;

  // Writes that a checkout is begun: from settle_time on it is undone by whoever looks, unless its
  // order is kept or it was abandoned.
  virtual void BeginCheckout(Checkout checkout, WallTime settle_time, Deadline not_after,
                             AnyInvocable<void(Status)> done) = 0;
  // Undoes it now, by what beside says, unless that has been done. beside outlives the store.
  virtual void AbandonCheckout(Checkout checkout, const BesideOrder& beside) = 0;
};

}  // namespace lockstep::order
