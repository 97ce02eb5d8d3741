// What the checkout of an order has to say to Consumer and Restaurant, as messages in the outbox,
// in the transaction that it follows from. Threads: the store's.
#pragma once

#include "order/ports.h"

namespace lockstep::order {

// What follows from an order having become what it is now; before: null if it was not kept.
Status SayCheckout(store::Database& database, const Order* before, const Order& after);

// Of a style that waits: confirms or undoes with the order what was done before it was kept.
class CheckoutCommands final : public BesideOrder {
 public:
  Status Write(store::Database& database, const Order& order) const override;
  Status Undo(store::Database& database, const Checkout& checkout) const override;
};

}  // namespace lockstep::order
