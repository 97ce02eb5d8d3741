// What becomes of an order that was answered before it was judged: verdicts come in as messages, in
// either order, twice, late, or never. Pure functions; whoever keeps the order sees to it that each
// runs on the order as it is kept, in one transaction with keeping what follows.
#pragma once

#include "order/domain/order.h"

namespace lockstep::order {

enum class VerdictEffect {
  kRecorded,      // the other one, or a step of the checkout, is still to come
  kDecided,       // the order is VALIDATED or REJECTED now
  kLate,          // it is final already, or had this verdict: nothing changes
  kInconsistent,  // it contradicts itself or the question: nothing changes, status says how
};

struct Judged {
  VerdictEffect effect = VerdictEffect::kLate;
  Status status;
};

// Changes order only for kRecorded and kDecided. Both verdicts are waited for, also when the first
// is a refusal, as in the styles that wait.
Judged TakeVerdict(ConsumerVerdict verdict, WallTime now, Order& order);
Judged TakeVerdict(MenuVerdict verdict, WallTime now, Order& order);

// Ends an order that waited too long: REJECTED for what is known against it, and where there is
// nothing, VALIDATION_EXPIRED. Of a PENDING one.
void Expire(WallTime now, Order& order);

}  // namespace lockstep::order
