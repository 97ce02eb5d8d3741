// Who waits for what becomes of an order: the streams of WatchOrder, and callers that wait for a
// final state. It follows the numbers of Order's own feed, so that it sees what any process commits
// to the file: the file tells of the commits of this one and of others.
// A changed order is read once, however many wait for it; an order for which nobody waits is not
// read, and while nobody waits at all a commit costs one look at a number.
//
// Threads: a stream's own steps run on its call's loop, the rest on readers, on the thread that
// commits, and on one that counts time. done of WaitForFinal runs on any of these, with no lock.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/cancellation.h"
#include "common/base/deadline.h"
#include "common/base/limits.h"
#include "common/rpc/server_stream.h"
#include "lockstep/order/v1/order.pb.h"
#include "order/store/order_store.h"

namespace lockstep::order {

class OrderWatch {
 public:
  using WatchCall = rpc::ServerStream<v1::WatchOrderRequest, v1::WatchOrderResponse>;
  using FinalDone = AnyInvocable<void(StatusOr<std::shared_ptr<const Order>>)>;

  explicit OrderWatch(SqliteOrderStore& store);  // store: outlives it
  ~OrderWatch();                                 // nobody waits any more

  // The method WatchOrder.
  void Watch(WatchCall& call);

  // done: runs once, perhaps before this returns: the order once it is in a state that it does not
  // leave by itself; NOT_FOUND, reason ORDER_UNKNOWN; DEADLINE_EXCEEDED, reason ORDER_PENDING, with
  // the order_id in the metadata; CANCELLED once the caller has gone; UNAVAILABLE, reason STOPPING.
  // cancel: the caller's, lives until done; may be null.
  void WaitForFinal(std::string order_id, Deadline deadline, CancelSource* cancel, FinalDone done);

  // Ends the streams, at the beginning of an orderly end; later ones are refused.
  void EndStreams();
  // The same for those who wait for a final state: when the grace is over.
  void EndWaits();

  int waiting() const;  // streams and others

 private:
  class Parts;
  class Watcher;
  class Stream;
  class FinalWait;
  struct Seen;
  using Answers = std::vector<AnyInvocable<void()>>;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace lockstep::order
