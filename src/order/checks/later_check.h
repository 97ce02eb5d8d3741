// Asks nobody: the verdict comes as a message, when the order is kept already.
#pragma once

#include "order/ports.h"

namespace lockstep::order {

template <typename Port>
class LaterCheck;

template <>
class LaterCheck<ConsumerCheck> final : public ConsumerCheck {
 public:
  void Ask(const CheckCall& /*call*/, const ConsumerQuestion& /*question*/,
           AnyInvocable<void(CheckResult<ConsumerVerdict>)> done) override {
    done({std::nullopt, {}});
  }
};

template <>
class LaterCheck<MenuCheck> final : public MenuCheck {
 public:
  void Ask(const CheckCall& /*call*/, const MenuQuestion& /*question*/,
           AnyInvocable<void(CheckResult<MenuVerdict>)> done) override {
    done({std::nullopt, {}});
  }
};

}  // namespace lockstep::order
