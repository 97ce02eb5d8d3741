// The two questions as messages, in the outbox with the order that asks them. Threads: the store's.
#pragma once

#include "order/ports.h"

namespace lockstep::order {

// The role of this service, to which verdicts are sent: any of its instances may take one.
inline constexpr char kOrderPeer[] = "order";

class VerdictCommands final : public BesideOrder {
 public:
  Status Write(store::Database& database, const Order& order) const override;
  // Such an order is kept before its checkout begins.
  Status Undo(store::Database& /*database*/, const Checkout& /*checkout*/) const override {
    return OkStatus();
  }
};

}  // namespace lockstep::order
