// What Order does with messages: takes verdicts on orders that were answered before they were
// judged, takes orders that come as messages, and sends the outcome to whoever asked for it.
//
// Threads: handlers run on the store thread, within the transaction of their message; counts from
// any.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/message/mailbox.h"
#include "order/checks/verdict_commands.h"
#include "order/store/order_store.h"

namespace lockstep::order {

class MessageDesk {
 public:
  // store: outlives it. Tells the store what to write when an order is final.
  explicit MessageDesk(SqliteOrderStore& store);

  // ConsumerValidated, OrderDetailsValidated, what became of the steps of a checkout,
  // CreateOrderRequest.
  message::Handlers handlers();

  // Of verdicts and of steps of checkouts, since the start.
  struct Counts {
    std::int64_t late = 0;
    std::int64_t unknown = 0;
    std::int64_t inconsistent = 0;
  };
  Counts counts() const;

 private:
  template <typename Wire, typename Payload>
  message::Handled TakeVerdict(store::Database& database, const message::v1::Envelope& envelope,
                               WallTime now);
  template <typename Payload>
  message::Handled TakeStep(Step step, store::Database& database,
                            const message::v1::Envelope& envelope, WallTime now);
  template <typename Payload>
  message::Handled TakeBack(store::Database& database, const message::v1::Envelope& envelope,
                            WallTime now);
  message::Handled TakeOrder(store::Database& database, const message::v1::Envelope& envelope,
                             WallTime now);

  SqliteOrderStore& store_;
  const VerdictCommands commands_;
  std::atomic<std::int64_t> late_ = 0, unknown_ = 0, inconsistent_ = 0;
};

}  // namespace lockstep::order
