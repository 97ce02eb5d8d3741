// An order and what became of it.
//   PENDING → VALIDATED | REJECTED | CANCELLED, VALIDATED → CANCELLED
// Values; pure functions: each takes an order and gives the order that follows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/money.h"
#include "order/domain/new_order.h"
#include "order/domain/verdict.h"

namespace lockstep::order {

enum class OrderState { kPending, kValidated, kRejected, kCancelled };

// "VALIDATED", as the protos name it without their prefix.
std::string_view StateName(OrderState state);
std::optional<OrderState> StateFromName(std::string_view name);

// An order came to a state, or a step of its checkout did.
struct StateChange {
  OrderState state;
  WallTime time;
  std::optional<StepChange> step = std::nullopt;  // set: a step did, and state is what it was
  friend bool operator==(const StateChange&, const StateChange&) = default;
};

struct Order {
  std::string order_id;
  std::string request_id;  // empty: not repeatable
  std::string consumer_id;
  std::string restaurant_id;
  std::vector<PricedLine> lines;  // as asked; named and priced once Restaurant has accepted
  Address delivery_address;
  OrderState state = OrderState::kPending;
  Style style = Style::kBlocking;
  PaymentMethod payment_method = PaymentMethod::kCash;
  std::optional<Money> total;  // present once Restaurant has accepted
  std::optional<ConsumerVerdict> consumer_verdict;
  std::optional<MenuVerdict> menu_verdict;     // its lines and total are those of the order
  std::vector<std::string> rejection_reasons;  // empty unless REJECTED
  WallTime create_time;
  WallTime update_time;
  std::vector<StateChange> changes;     // each state it has had; never empty once it is kept
  bool accepted_on_stale_data = false;  // the audit found so
  std::int64_t version() const { return static_cast<std::int64_t>(changes.size()); }
  friend bool operator==(const Order&, const Order&) = default;
};

// One reason to reject an order. subject: the resource it is about, "consumers/7",
// "restaurants/3", "restaurants/3/menuItems/12".
struct Rejection {
  std::string reason;
  std::string subject;
  std::string message;
  friend bool operator==(const Rejection&, const Rejection&) = default;
};

// Every reason that follows from these verdicts: Consumer's, then Restaurant's, then what only
// Order can see, because the limit comes from one and the price from the other
// (ORDER_LIMIT_EXCEEDED, CURRENCY_MISMATCH). Null: not known.
std::vector<Rejection> RejectionsOf(const ConsumerVerdict* consumer, const MenuVerdict* menu);

// The reason of an order whose verdicts did not come in time.
inline constexpr char kValidationExpired[] = "VALIDATION_EXPIRED";

// Brings the order to a state, now.
void MoveTo(OrderState state, WallTime now, Order& order);

// Takes the order back. Cancelled already: as it is. REJECTED: FAILED_PRECONDITION, reason
// ORDER_REJECTED.
StatusOr<Order> Cancel(Order order, WallTime now);

// What the caller of a rejected order is told, the first time and each time it repeats its request:
// FAILED_PRECONDITION; the reason is the first rejection reason, order_id is in the metadata, each
// rejection is a precondition with "REASON: message" as its description. It has to fit into gRPC's
// metadata: past limits::kRefusalsInErrorMax the preconditions end, and the last one says how many
// more the order keeps. CHECKs that the order is REJECTED.
Status RefusalError(const Order& rejected);

}  // namespace lockstep::order
