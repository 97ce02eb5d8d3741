// The two questions as messages, in the outbox with the order that asks them. Threads: the store's.
#pragma once

#include "order/ports.h"

namespace lockstep::order {

// The role of this service, to which verdicts are sent: any of its instances may take one.
inline constexpr char kOrderPeer[] = "order";

class VerdictCommands final : public BesideOrder {
 public:
  Status Write(store::Database& database, const Order& order) const override;
};

}  // namespace lockstep::order
