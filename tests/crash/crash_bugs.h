// Bugs that can be planted in what runs in crash_world.h, to see that the checker finds each.
#pragma once

#include <string>
#include <utility>

#include "common/message/mailbox.h"
#include "order/store/order_store.h"
#include "order/store/rows.h"
#include "order/store/uuid_bytes.h"

namespace lockstep::order {

enum class Bug {
  kNone,
  kNoSync,              // synchronous=OFF
  kAnswerBeforeCommit,  // acknowledged when it is submitted
  kOutboxApart,         // the commands in a second transaction
  kInboxApart,          // the inbox row after the effect, in a second transaction
  kRequestIdApart,      // the request id in a transaction before the order's
  kMarkedBeforeSent,    // the transport says "taken" and delivers later
  kTimeOutAccepts,      // a question that was not answered in time counts as accepted: VALIDATED
  kEarlierAttempt,      // a late verdict of an order that is over counts for the attempt after it
  kLateVerdict,         // a late verdict of an order that is over changes it
  kDeadLetterDropped,   // a message that is given up vanishes
};

// Of orders that waited too long.
inline Status AcceptOverdue(store::Database& database, WallTime before, WallTime now) {
  const auto ids = ReadPending(database, before, 100);
  if (!ids.ok()) return ids.status();
  for (const std::string& id : *ids) {
    const auto stored = ReadOrder(database, id);
    if (!stored.ok()) return stored.status();
    Order order = **stored;
    const Money money = Money::FromTotalNanos("GBP", 0);
    if (!order.consumer_verdict) {
      order.consumer_verdict = {id, order.consumer_id, true, {}, money, 1, now, "c-" + id};
    }
    if (!order.menu_verdict) {
      order.menu_verdict = {id,       order.restaurant_id, true, {}, order.lines, money, 1, now,
                            "r-" + id};
      order.total = money;
    }
    MoveTo(OrderState::kValidated, now, order);
    if (Status status = UpdateOrder(database, **stored, order); !status.ok()) return status;
  }
  return OkStatus();
}

// A handler of verdicts that finds the order by who asked for it, not by its id: the newest that is
// PENDING. All orders here are the same person's wish for the same things, again and again.
inline message::Handler OfNewestAttempt(message::Handler sound) {
  return
      [sound = std::move(sound)](store::Database& database, const message::v1::Envelope& envelope,
                                 WallTime now) -> message::Handled {
        const auto asked = ReadOrder(database, envelope.key());
        const auto newest = ReadOrders(database, {"", "", OrderState::kPending}, 1, "");
        if (!asked.ok() || !newest.ok()) return {asked.ok() ? newest.status() : asked.status(), {}};
        if ((*asked)->state == OrderState::kPending || newest->empty()) {
          return sound(database, envelope, now);
        }
        const std::string& id = newest->front().order_id;
        message::v1::Envelope other = envelope;
        other.set_key(id);
        other.set_correlation_id(id);
        std::string& payload = *other.mutable_payload();
        payload.replace(payload.find(envelope.key()), id.size(), id);
        return sound(database, other, now);
      };
}

// A handler of verdicts that does not look whether the order is REJECTED already.
inline message::Handler OfAnyState(message::Handler sound) {
  return [sound = std::move(sound)](store::Database& database,
                                    const message::v1::Envelope& envelope,
                                    WallTime now) -> message::Handled {
    Status status = database.Run("UPDATE orders SET state = 0 WHERE order_id = ?1 AND state = 2",
                                 store::Blob{UuidBytes(envelope.key())});
    if (!status.ok()) return {std::move(status), {}};
    return sound(database, envelope, now);
  };
}

inline message::Handlers Planted(Bug bug, message::Handlers handlers) {
  for (auto& [type, handler] : handlers) {
    if (bug == Bug::kEarlierAttempt) handler = OfNewestAttempt(std::move(handler));
    if (bug == Bug::kLateVerdict) handler = OfAnyState(std::move(handler));
  }
  return handlers;
}

inline constexpr char kDropDeadLetters[] =
    "CREATE TRIGGER dropped BEFORE INSERT ON dead_letters BEGIN SELECT RAISE(IGNORE); END";

}  // namespace lockstep::order
