// The commands of AccountService as messages. Threads: the store thread.
#include <optional>
#include <utility>

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

}  // namespace lockstep::consumer
