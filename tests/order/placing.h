// An order being placed on ports that a test answers by hand, on an executor that a test turns by
// hand: every interleaving of the answers can be written down.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "order/place_order.h"
#include "tests/domain/order/sample.h"
#include "tests/support/held_check.h"

namespace lockstep::order {

// Runs what is posted to it when its thread, which made it, says so.
class HandTurned final : public Executor {
 public:
  void Post(AnyInvocable<void()> work) override {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
  }
  bool Here() const override { return std::this_thread::get_id() == thread_; }
  // Runs all that is posted, and what that posts.
  void Turn() {
    while (true) {
      AnyInvocable<void()> work;
      {
        const std::lock_guard lock(mutex_);
        if (posted_.empty()) return;
        work = std::move(posted_.front());
        posted_.pop_front();
      }
      work();
    }
  }
  std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return posted_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::deque<AnyInvocable<void()>> posted_;
  const std::thread::id thread_ = std::this_thread::get_id();
};

inline ConsumerVerdict Accepting(const ConsumerQuestion& question) {
  ConsumerVerdict verdict = SampleConsumerVerdict();
  verdict.order_id = question.order_id;
  verdict.consumer_id = question.consumer_id;
  return verdict;
}

// Every portion costs 1 GBP.
inline MenuVerdict Accepting(const MenuQuestion& question) {
  MenuVerdict verdict = SampleMenuVerdict();
  verdict.order_id = question.order_id;
  verdict.restaurant_id = question.restaurant_id;
  verdict.lines.clear();
  std::int64_t total = 0;
  for (const OrderLine& line : question.lines) {
    verdict.lines.push_back(
        {line.menu_item_id, line.menu_item_id, line.quantity, Pounds(1), Pounds(line.quantity)});
    total += line.quantity;
  }
  verdict.total = Pounds(total);
  return verdict;
}

inline ConsumerVerdict Refusing(const ConsumerQuestion& question, Refusal refusal) {
  ConsumerVerdict verdict = RefusedByConsumer({std::move(refusal)});
  verdict.order_id = question.order_id;
  return verdict;
}

inline MenuVerdict Refusing(const MenuQuestion& question, Refusal refusal) {
  MenuVerdict verdict = RefusedByRestaurant({std::move(refusal)});
  verdict.order_id = question.order_id;
  return verdict;
}

inline Status Unreachable(const char* peer) {
  ErrorDetail detail;
  detail.reason = "DOWNSTREAM_UNAVAILABLE";
  detail.metadata["peer"] = peer;
  return MakeError(StatusCode::kUnavailable, "cannot be reached", std::move(detail));
}

// Steps of a checkout that a test answers by hand, one at a time.
class FakeSteps final : public CheckoutSteps {
 public:
  void Do(const CheckCall& /*call*/, Step step, const Order& /*order*/,
          AnyInvocable<void(StepResult)> done) override {
    asked.push_back(step);
    done_ = std::move(done);
  }
  void Answer(Status status, std::string refusal = "") {
    AnyInvocable<void(StepResult)> done = std::exchange(done_, nullptr);
    done({std::move(status), std::move(refusal), {}});
  }
  std::vector<Step> asked;

 private:
  AnyInvocable<void(StepResult)> done_;
};

class SaysNothing final : public BesideOrder {
 public:
  Status Write(store::Database& /*database*/, const Order& /*order*/) const override {
    return OkStatus();
  }
  Status Undo(store::Database& /*database*/, const Checkout& /*checkout*/) const override {
    return OkStatus();
  }
};

// The outside of PlaceOrder.
struct World {
  ManualClock clock;
  HeldConsumerCheck consumer;
  HeldMenuCheck menu;
  FakeStore store;
  RequestGate gate;

  FakeSteps steps;
  const SaysNothing beside;
  bool checks_out = false;  // as the styles that wait do

  PlaceOrderParts parts() {
    return {consumer, menu, &beside, checks_out ? &steps : nullptr, store, gate, clock};
  }

  void AnswerInline() {
    consumer.AnswerInline([](const ConsumerQuestion& question) { return Accepting(question); });
    menu.AnswerInline([](const MenuQuestion& question) { return Accepting(question); });
  }
};

inline PlaceOrderCommand Command(const World& world, NewOrder order = SampleOrder()) {
  PlaceOrderCommand command;
  command.order = std::move(order);
  command.style = Style::kNonBlocking;
  command.arrival = world.clock.WallNow();
  command.call.caller = Deadline::After(world.clock.Now(), std::chrono::seconds(1));
  command.call.arrival = world.clock.Now();
  return command;
}

// One placement, started at once. Outlives its end.
class Placing {
 public:
  Placing(World& world, Executor& executor, PlaceOrderCommand command) {
    PlaceOrder::Start(world.parts(), executor, std::move(command), [this](PlacedOrder placed) {
      ++ended_;
      placed_ = std::move(placed);
    });
  }
  int ended() const { return ended_; }
  const PlacedOrder& placed() const { return placed_; }
  std::string reason() const { return DetailOf(placed_.status).reason; }

 private:
  int ended_ = 0;
  PlacedOrder placed_;
};

}  // namespace lockstep::order
