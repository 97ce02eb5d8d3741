// The steps of a checkout, by name. Values.
#pragma once

namespace lockstep::order {

// Numbered as they are stored, in the order in which they are done.
enum class Step { kReservation = 0, kPayment = 1 };
inline constexpr Step kSteps[] = {Step::kReservation, Step::kPayment};

enum class StepState { kAsked = 0, kDone = 1, kRefused = 2 };

// A step came to a state.
struct StepChange {
  Step step;
  StepState state;
  friend bool operator==(const StepChange&, const StepChange&) = default;
};

enum class PaymentMethod { kCash = 0, kAccount = 1 };

}  // namespace lockstep::order
