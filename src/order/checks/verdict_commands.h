// The two questions as messages, in the outbox with the order that asks them. Threads: the store's.
#pragma once

#include <string>

#include "common/message/outbox.h"
#include "order/ports.h"

namespace lockstep::order {

// The role of this service, to which verdicts are sent: any of its instances may take one.
inline constexpr char kOrderPeer[] = "order";

// Within a transaction: a command about an order, with the answer to come back here.
template <typename Payload>
Status SendCommand(store::Database& database, const char* peer, const Payload& payload,
                   const std::string& order_id, WallTime now) {
  message::v1::Envelope envelope = message::MakeEnvelope(payload, order_id, order_id, now);
  envelope.set_reply_to(kOrderPeer);
  return message::PutIntoOutbox(database, peer, envelope);
}

class VerdictCommands final : public BesideOrder {
 public:
  Status Write(store::Database& database, const Order& order) const override;
  // Such an order is kept before its checkout begins.
  Status Undo(store::Database& /*database*/, const Checkout& /*checkout*/) const override {
    return OkStatus();
  }
};

}  // namespace lockstep::order
