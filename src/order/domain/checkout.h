// The checkout: what an order changes at its neighbours once both verdicts accept it. Portions that
// are limited are reserved, then money is authorised; then the order is VALIDATED, and both are
// confirmed. A refusal, an expiry or a cancellation undoes what was asked for, also where its
// outcome is not known: undoing is safe before, instead of and after doing.
//
// Pure functions; whoever keeps the order sees to it that each runs on the order as it is kept, in
// one transaction with keeping what follows and with the commands that follow from it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "order/domain/order.h"
#include "order/domain/pending.h"

namespace lockstep::order {

// Whether the order has this step at all. Known once Restaurant has accepted it.
bool Wants(const Order& order, Step step);
bool WantsCheckout(const Order& order);
// Where it stands; nothing: it was not asked for.
std::optional<StepState> StateOf(const Order& order, Step step);
// The first that the order wants and that was not asked for.
std::optional<Step> NextStep(const Order& order);

// Of a PENDING order with both verdicts accepted: asks for the next step, or VALIDATED where there
// is none left.
void Proceed(WallTime now, Order& order);
// What became of a step that was asked for. refusal: the reason, empty if it is done.
Judged TakeStep(Step step, const std::string& refusal, WallTime now, Order& order);

// Of an order that is VALIDATED but for its checkout, which a style that waits does before it keeps
// the order: it has been through these steps, and the last was refused if there is a reason.
void RecordSteps(const std::vector<Step>& done, std::optional<Step> refused,
                 const std::string& refusal, WallTime now, Order& order);

// What is to be said to the neighbours.
struct StepCommand {
  enum class Kind { kAsk, kConfirm, kUndo, kAwardPoints };
  Kind kind;
  Step step;                   // of kAwardPoints: kPayment
  bool after_confirm = false;  // of kUndo: the order was VALIDATED
  friend bool operator==(const StepCommand&, const StepCommand&) = default;
};
// What follows from an order having become what it is now. before: null if it was not kept.
std::vector<StepCommand> CommandsAfter(const Order* before, const Order& after);

// How a rejection for this reason is told that no verdict gave, but a step or Order itself.
Rejection RejectionFor(const std::string& reason, const Order& order);

}  // namespace lockstep::order
