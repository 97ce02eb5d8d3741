// The commands of AccountService as messages. Threads: the store thread.
#include <optional>
#include <utility>
#include <vector>

#include "common/message/outbox.h"
#include "consumer/service/account_convert.h"
#include "consumer/service/account_service.h"
#include "consumer/store/account_table.h"

namespace lockstep::consumer {
namespace {

using store::Database;

// A command that is not answered: what cannot be done refuses its message, and so is seen.
template <class Message, class Read>
void AddCommand(owner::Effects& effects, Read read) {
  owner::AddEffect<Message>(
      effects, [read](Database& database, const Message& said, WallTime now) -> Status {
        Violations violations;
        const auto request = read(said, violations);
        Validate(request, violations);
        if (!violations.empty()) return violations.ToStatus();
        const auto done = Carry(database, request, now);
        return done.ok() ? done->refusal : done.status();
      });
}

StatusOr<std::optional<v1::PaymentAuthorized>> Authorize(FraudChain& fraud, Database& database,
                                                         const v1::AuthorizePayment& said,
                                                         WallTime now) {
  Violations violations;
  const AuthorizeRequest request = AuthorizeFrom(said, violations);
  Validate(request, violations);
  if (!violations.empty()) return violations.ToStatus();
  const StatusOr<store::Decided<Payment>> done =
      Carry(database, request, fraud.LookAtMark(request, now), now);
  if (!done.ok()) return done.status();
  v1::PaymentAuthorized answer;
  answer.set_order_id(request.order_id);
  answer.set_consumer_id(request.consumer_id);
  if (done->refusal.ok()) {
    SetProto(done->value, answer.mutable_payment());
  } else {
    SetProto(done->refusal, answer.mutable_refusal());
  }
  return std::optional(std::move(answer));
}

StatusOr<std::optional<v1::PaymentNotCaptured>> Capture(Database& database,
                                                        const v1::CapturePayment& said,
                                                        WallTime now) {
  Violations violations;
  const CaptureRequest request = CaptureFrom(said, violations);
  Validate(request, violations);
  if (!violations.empty()) return violations.ToStatus();
  const StatusOr<store::Decided<Payment>> done = Carry(database, request, now);
  if (!done.ok()) return done.status();
  if (done->refusal.ok()) return std::optional<v1::PaymentNotCaptured>();
  v1::PaymentNotCaptured answer;
  answer.set_order_id(request.order_id);
  answer.set_consumer_id(request.consumer_id);
  SetProto(done->refusal, answer.mutable_refusal());
  return std::optional(std::move(answer));
}

}  // namespace

owner::Effects AccountEffects(FraudChain& fraud) {
  owner::Effects effects;
  owner::AddEffect<v1::AuthorizePayment>(
      effects, [&fraud](Database& database, const v1::AuthorizePayment& said, WallTime now) {
        return Authorize(fraud, database, said, now);
      });
  owner::AddEffect<v1::CapturePayment>(effects, Capture);
  AddCommand<v1::VoidPayment>(effects, VoidFrom<v1::VoidPayment>);
  AddCommand<v1::AwardPoints>(effects, AwardFrom<v1::AwardPoints>);
  AddCommand<v1::RevokePoints>(effects, RevokeFrom<v1::RevokePoints>);
  return effects;
}

std::vector<message::v1::Envelope> FollowPayment(const order::v1::Order& order, WallTime now) {
  std::vector<message::v1::Envelope> commands;
  const auto put = [&](auto command) {
    command.set_order_id(order.order_id());
    command.set_consumer_id(order.consumer_id());
    commands.push_back(message::MakeEnvelope(command, order.order_id(), order.order_id(), now));
  };
  switch (owner::TodoFor(order, order::v1::CheckoutStep::KIND_PAYMENT)) {
    case owner::StepTodo::kNothing:
      break;
    case owner::StepTodo::kDo: {
      v1::AuthorizePayment authorize;
      *authorize.mutable_amount() = order.total();
      put(std::move(authorize));
      break;
    }
    case owner::StepTodo::kConfirm: {
      put(v1::CapturePayment());
      v1::AwardPoints award;
      *award.mutable_order_total() = order.total();
      put(std::move(award));
      break;
    }
    case owner::StepTodo::kUndo:
      put(v1::VoidPayment());
      break;
    case owner::StepTodo::kUndoConfirmed: {
      v1::VoidPayment refund;
      refund.set_after_capture(true);
      put(std::move(refund));
      break;
    }
  }
  return commands;
}

}  // namespace lockstep::consumer
