#include "order/service/message_desk.h"

#include <utility>

#include "common/base/id.h"
#include "common/base/log.h"
#include "common/message/envelope.h"
#include "common/message/outbox.h"
#include "lockstep/consumer/v1/account.pb.h"
#include "order/checks/wire.h"
#include "order/domain/placement.h"
#include "order/service/convert.h"
#include "order/store/reply_rows.h"
#include "order/styles/styles.h"

namespace lockstep::order {
namespace {

using message::Handled;
using message::v1::Envelope;

template <typename Payload>
std::string FullName() {
  return std::string(Payload::descriptor()->full_name());
}

Status SendOutcome(store::Database& database, const v1::OrderOutcome& outcome,
                   const std::string& key, const Reply& reply, WallTime now) {
  return message::PutIntoOutbox(database, reply.reply_to,
                                message::MakeEnvelope(outcome, key, reply.correlation_id, now));
}

v1::OrderOutcome OutcomeOf(const Order& order) {
  v1::OrderOutcome outcome;
  SetProto(order, outcome.mutable_order());
  if (order.state == OrderState::kRejected)
    message::SetStatus(RefusalError(order), outcome.mutable_error());
  return outcome;
}

// Who sends an order as a message has nobody that waits, so it is taken in a style that answers
// first.
StatusOr<Style> StyleFor(const OrderOptions& options, Violations& violations) {
  const Style style = options.style.value_or(Style::kDeferred);
  if (style != Style::kDeferred && style != Style::kEventDriven) {
    violations.Add("options.style",
                   "must be DEFERRED or EVENT_DRIVEN, or unspecified, in an order that comes as a "
                   "message");
  }
  return style;
}

// The order to be kept, PENDING.
StatusOr<Order> Begin(NewOrder asked, Style style, WallTime now) {
  Placement placement(NewId(now), std::move(asked));
  placement.ConsumerSaysLater();
  placement.RestaurantSaysLater();
  return std::move(placement).Conclude(style, now, now);
}

}  // namespace

MessageDesk::MessageDesk(SqliteOrderStore& store) : store_(store) {
  store_.OnChange([](store::Database& database, const Order& before, const Order& order) {
    if (const auto say = RowOf(order.style).say) {
      if (Status status = say(database, &before, order); !status.ok()) return status;
    }
    if (before.state != OrderState::kPending || order.state == OrderState::kPending)
      return OkStatus();
    StatusOr<std::optional<Reply>> reply = ReadReply(database, order.order_id);
    if (!reply.ok()) return reply.status();
    if (!reply->has_value()) return OkStatus();
    return SendOutcome(database, OutcomeOf(order), order.order_id, **reply, order.update_time);
  });
}

message::Handlers MessageDesk::handlers() {
  message::Handlers handlers;
  handlers[FullName<consumer::v1::ConsumerValidated>()] =
      [this](store::Database& database, const Envelope& envelope, WallTime now) {
        return TakeVerdict<ConsumerWire, consumer::v1::ConsumerValidated>(database, envelope, now);
      };
  handlers[FullName<restaurant::v1::OrderDetailsValidated>()] =
      [this](store::Database& database, const Envelope& envelope, WallTime now) {
        return TakeVerdict<RestaurantWire, restaurant::v1::OrderDetailsValidated>(database,
                                                                                  envelope, now);
      };
  handlers[FullName<restaurant::v1::ItemsReserved>()] =
      [this](store::Database& database, const Envelope& envelope, WallTime now) {
        return TakeStep<restaurant::v1::ItemsReserved>(Step::kReservation, database, envelope, now);
      };
  handlers[FullName<consumer::v1::PaymentAuthorized>()] =
      [this](store::Database& database, const Envelope& envelope, WallTime now) {
        return TakeStep<consumer::v1::PaymentAuthorized>(Step::kPayment, database, envelope, now);
      };
  handlers[FullName<restaurant::v1::ItemsNotConfirmed>()] =
      [this](store::Database& database, const Envelope& envelope, WallTime now) {
        return TakeBack<restaurant::v1::ItemsNotConfirmed>(database, envelope, now);
      };
  handlers[FullName<consumer::v1::PaymentNotCaptured>()] =
      [this](store::Database& database, const Envelope& envelope, WallTime now) {
        return TakeBack<consumer::v1::PaymentNotCaptured>(database, envelope, now);
      };
  handlers[FullName<v1::CreateOrderRequest>()] = [this](store::Database& database,
                                                        const Envelope& envelope, WallTime now) {
    return TakeOrder(database, envelope, now);
  };
  return handlers;
}

// A verdict that cannot be believed is refused, so that a sound one may still come; one that has
// nothing to decide any more is taken, and counted.
template <typename Wire, typename Payload>
Handled MessageDesk::TakeVerdict(store::Database& database, const Envelope& envelope,
                                 WallTime now) {
  Payload payload;
  if (Status status = message::ReadPayload(envelope, payload); !status.ok())
    return {std::move(status), nullptr};
  const std::string& order_id = payload.verdict().order_id();
  if (!IsUuid(order_id) || envelope.correlation_id() != order_id) {
    log::Warning("verdict_unknown",
                 {{"peer", Wire::kPeer}, {"correlation_id", envelope.correlation_id()}});
    return {OkStatus(), [this] { ++unknown_; }};
  }
  StatusOr<typename Wire::Verdict> verdict = Wire::FromVerdict(payload.verdict());
  if (!verdict.ok()) {
    ++inconsistent_;
    return {verdict.status(), nullptr};
  }
  StatusOr<Judged> judged = store_.TakeVerdictWithin(database, *std::move(verdict), now);
  if (!judged.ok()) {
    if (judged.status().code() != StatusCode::kNotFound) return {judged.status(), nullptr};
    return {OkStatus(), [this] { ++unknown_; }};
  }
  switch (judged->effect) {
    case VerdictEffect::kInconsistent:
      ++inconsistent_;
      return {judged->status, nullptr};
    case VerdictEffect::kLate:
      return {OkStatus(), [this] { ++late_; }};
    case VerdictEffect::kRecorded:
    case VerdictEffect::kDecided:
      break;
  }
  return {OkStatus(), nullptr};
}

// What became of a step of a checkout. One that nobody waits for any more is taken, and counted.
template <typename Payload>
Handled MessageDesk::TakeStep(Step step, store::Database& database, const Envelope& envelope,
                              WallTime now) {
  Payload payload;
  if (Status status = message::ReadPayload(envelope, payload); !status.ok())
    return {std::move(status), nullptr};
  if (payload.outcome_case() == Payload::OUTCOME_NOT_SET) {
    return {MakeError(StatusCode::kInvalidArgument, "MESSAGE_MALFORMED",
                      fmt::format("message {} of type {} says neither what was done nor why not",
                                  envelope.message_id(), envelope.type())),
            nullptr};
  }
  const std::string& order_id = payload.order_id();
  if (!IsUuid(order_id) || envelope.correlation_id() != order_id)
    return {OkStatus(), [this] { ++unknown_; }};
  // A refusal without a reason is one all the same.
  std::string refusal;
  if (payload.has_refusal())
    refusal = payload.refusal().reason().empty() ? "REFUSED" : payload.refusal().reason();
  const StatusOr<Judged> judged = store_.TakeStepWithin(database, order_id, step, refusal, now);
  if (!judged.ok()) {
    if (judged.status().code() != StatusCode::kNotFound) return {judged.status(), nullptr};
    return {OkStatus(), [this] { ++unknown_; }};
  }
  if (judged->effect == VerdictEffect::kLate) return {OkStatus(), [this] { ++late_; }};
  return {OkStatus(), nullptr};
}

// A step that was done could not be confirmed: the order cannot stand, and what else was done for
// it is undone.
template <typename Payload>
Handled MessageDesk::TakeBack(store::Database& database, const Envelope& envelope, WallTime now) {
  Payload payload;
  if (Status status = message::ReadPayload(envelope, payload); !status.ok())
    return {std::move(status), nullptr};
  if (!IsUuid(payload.order_id())) return {OkStatus(), [this] { ++unknown_; }};
  log::Warning("order_taken_back",
               {{"order_id", payload.order_id()}, {"reason", payload.refusal().reason()}});
  return {store_.TakeBackWithin(database, payload.order_id(), now), nullptr};
}

Handled MessageDesk::TakeOrder(store::Database& database, const Envelope& envelope, WallTime now) {
  v1::CreateOrderRequest request;
  if (Status status = message::ReadPayload(envelope, request); !status.ok())
    return {std::move(status), nullptr};
  const Reply reply{envelope.reply_to(), envelope.correlation_id()};
  if (reply.reply_to.empty()) {
    return {MakeError(StatusCode::kInvalidArgument, "REPLY_TO_MISSING",
                      "an order that comes as a message needs reply_to, for its outcome"),
            nullptr};
  }
  const auto answer = [&](const v1::OrderOutcome& outcome) -> Handled {
    return {SendOutcome(database, outcome, envelope.key(), reply, now), nullptr};
  };
  const auto refuse = [&](const Status& status) {
    v1::OrderOutcome outcome;
    message::SetStatus(status, outcome.mutable_error());
    return answer(outcome);
  };
  Violations violations;
  NewOrder asked = FromProto(request, violations);
  Validate(asked, violations);
  const OrderOptions options = FromProto(request.options(), violations);
  const StatusOr<Style> style = StyleFor(options, violations);
  if (!violations.empty()) return refuse(violations.ToStatus());

  const std::string fingerprint = asked.request_id.empty() ? "" : Fingerprint(asked);
  const StatusOr<Order> order = Begin(std::move(asked), *style, now);
  if (!order.ok()) return refuse(order.status());
  std::optional<StoredOutcome> existing;
  const BesideOrder* beside = *style == Style::kDeferred ? &commands_ : nullptr;
  Status status = store_.InsertWithin(database, *order, fingerprint, beside, existing);
  if (!status.ok()) return {std::move(status), nullptr};
  if (!existing) return {InsertReply(database, order->order_id, reply), nullptr};
  // The same request again: its outcome, now or when there is one, to whoever asks last.
  if (existing->fingerprint != fingerprint)
    return refuse(RequestIdReused(existing->order->request_id, existing->order->order_id));
  if (existing->order->state == OrderState::kPending)
    return {InsertReply(database, existing->order->order_id, reply), nullptr};
  return answer(OutcomeOf(*existing->order));
}

MessageDesk::Counts MessageDesk::counts() const { return {late_, unknown_, inconsistent_}; }

}  // namespace lockstep::order
