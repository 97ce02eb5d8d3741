#include "order/checks/checkout_commands.h"

#include "common/rpc/proto_values.h"
#include "lockstep/consumer/v1/account.pb.h"
#include "lockstep/restaurant/v1/restaurant.pb.h"
#include "order/checks/verdict_commands.h"
#include "order/checks/wire.h"
#include "order/domain/checkout.h"

namespace lockstep::order {
namespace {

// The names of an order, as every command has them.
struct Named {
  const std::string& order_id;
  const std::string& consumer_id;
  const std::string& restaurant_id;
  WallTime now;
};

template <typename Payload>
Status Put(store::Database& database, const char* peer, const Payload& payload,
           const Named& named) {
  return SendCommand(database, peer, payload, named.order_id, named.now);
}

template <typename Payload>
Payload ToConsumer(const Named& named) {
  Payload payload;
  payload.set_order_id(named.order_id);
  payload.set_consumer_id(named.consumer_id);
  return payload;
}

template <typename Payload>
Payload ToRestaurant(const Named& named) {
  Payload payload;
  payload.set_order_id(named.order_id);
  payload.set_restaurant_id(named.restaurant_id);
  return payload;
}

Status Ask(store::Database& database, Step step, const Order& order, const Named& named) {
  if (step == Step::kReservation) {
    const auto asked = ReserveWire::ToRequest(order);
    auto payload = ToRestaurant<restaurant::v1::ReserveItems>(named);
    *payload.mutable_lines() = asked.lines();
    *payload.mutable_expire_time() = asked.expire_time();
    return Put(database, kRestaurantPeer, payload, named);
  }
  auto payload = ToConsumer<consumer::v1::AuthorizePayment>(named);
  rpc::SetMoney(*order.total, payload.mutable_amount());
  return Put(database, kConsumerPeer, payload, named);
}

Status Confirm(store::Database& database, Step step, const Named& named) {
  if (step == Step::kReservation) {
    return Put(database, kRestaurantPeer, ToRestaurant<restaurant::v1::ConfirmItems>(named), named);
  }
  return Put(database, kConsumerPeer, ToConsumer<consumer::v1::CapturePayment>(named), named);
}

Status UndoStep(store::Database& database, Step step, bool after_confirm, const Named& named) {
  if (step == Step::kReservation) {
    auto payload = ToRestaurant<restaurant::v1::ReleaseItems>(named);
    payload.set_after_confirmation(after_confirm);
    return Put(database, kRestaurantPeer, payload, named);
  }
  auto payload = ToConsumer<consumer::v1::VoidPayment>(named);
  payload.set_after_capture(after_confirm);
  return Put(database, kConsumerPeer, payload, named);
}

Status AwardPoints(store::Database& database, const Order& order, const Named& named) {
  auto payload = ToConsumer<consumer::v1::AwardPoints>(named);
  rpc::SetMoney(*order.total, payload.mutable_order_total());
  return Put(database, kConsumerPeer, payload, named);
}

Status Say(store::Database& database, const StepCommand& command, const Order& order,
           const Named& named) {
  switch (command.kind) {
    case StepCommand::Kind::kAsk:
      return Ask(database, command.step, order, named);
    case StepCommand::Kind::kConfirm:
      return Confirm(database, command.step, named);
    case StepCommand::Kind::kUndo:
      return UndoStep(database, command.step, command.after_confirm, named);
    case StepCommand::Kind::kAwardPoints:
      break;
  }
  return AwardPoints(database, order, named);
}

}  // namespace

Status SayCheckout(store::Database& database, const Order* before, const Order& after) {
  const Named named{after.order_id, after.consumer_id, after.restaurant_id, after.update_time};
  for (const StepCommand& command : CommandsAfter(before, after)) {
    if (Status status = Say(database, command, after, named); !status.ok()) return status;
  }
  return OkStatus();
}

Status CheckoutCommands::Write(store::Database& database, const Order& order) const {
  return SayCheckout(database, nullptr, order);
}

Status CheckoutCommands::Undo(store::Database& database, const Checkout& checkout) const {
  const Named named{checkout.order_id, checkout.consumer_id, checkout.restaurant_id,
                    Clock::Real().WallNow()};
  // The last first. Each is safe whether it was done, is under way, or was never asked for.
  if (checkout.pays) {
    if (Status status = UndoStep(database, Step::kPayment, false, named); !status.ok())
      return status;
  }
  return checkout.reserves ? UndoStep(database, Step::kReservation, false, named) : OkStatus();
}

}  // namespace lockstep::order
