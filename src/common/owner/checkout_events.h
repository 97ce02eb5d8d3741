// What an owner does for the checkout of an order that says it by Order's feed, of the style
// EVENT_DRIVEN: the same commands as the others get by message, made by the owner itself out of
// what it sees. Pure. Threads: any.
#pragma once

#include <functional>
#include <vector>

#include "common/base/clock.h"
#include "lockstep/message/v1/message.pb.h"
#include "lockstep/order/v1/order.pb.h"

namespace lockstep::owner {

// What a step of an order asks its owner for, as the order is now.
enum class StepTodo { kNothing, kDo, kConfirm, kUndo, kUndoConfirmed };
StepTodo TodoFor(const order::v1::Order& order, order::v1::CheckoutStep::Kind kind);

// The commands to oneself that follow from an order as it is now, each with type and payload. What
// one change of an order asks for, the next may ask for again: a command has its effect once.
using FollowOrder =
    std::function<std::vector<message::v1::Envelope>(const order::v1::Order& order, WallTime now)>;

}  // namespace lockstep::owner
