// What became of orders that were answered first, counted; and what that does to the figures.
#include "lab/completion.h"

#include "common/rpc/proto_values.h"
#include "lab/outcome.h"
#include "tests/support/catch.h"

namespace lockstep::lab {
namespace {

using namespace std::chrono_literals;
using order::v1::Order;

// An order that was taken at 1,000 s and came to a state later.
Order Taken(const std::string& order_id, Order::State state, Duration after) {
  Order order;
  order.set_order_id(order_id);
  order.set_state(state);
  rpc::SetTime(WallTime(1000s), order.mutable_create_time());
  auto* change = order.add_state_changes();
  change->set_state(Order::STATE_PENDING);
  rpc::SetTime(WallTime(1000s), change->mutable_time());
  if (state == Order::STATE_PENDING) return order;
  change = order.add_state_changes();
  change->set_state(state);
  rpc::SetTime(WallTime(1000s + after), change->mutable_time());
  return order;
}

Order Validated(const std::string& order_id, Duration after) {
  Order order = Taken(order_id, Order::STATE_VALIDATED, after);
  order.add_lines()->set_quantity(3);
  order.mutable_total()->set_currency_code("GBP");
  order.mutable_total()->set_units(10);
  return order;
}

TEST_CASE("each order counts once, and how long it took until its first final state") {
  Completion completion;
  Count(Validated("a", 30ms), completion);
  Order rejected = Taken("b", Order::STATE_REJECTED, 50ms);
  rejected.add_rejection_reasons("CONSUMER_SUSPENDED");
  rejected.add_rejection_reasons("RESTAURANT_CLOSED");
  Count(rejected, completion);
  Count(Taken("c", Order::STATE_PENDING, {}), completion);
  Order cancelled = Taken("d", Order::STATE_VALIDATED, 70ms);
  cancelled.set_state(Order::STATE_CANCELLED);
  auto* change = cancelled.add_state_changes();
  change->set_state(Order::STATE_CANCELLED);
  rpc::SetTime(WallTime(1009s), change->mutable_time());
  Count(cancelled, completion);

  CHECK(completion.validated == 1);
  CHECK(completion.rejected == std::map<std::string, std::int64_t>{{"CONSUMER_SUSPENDED", 1}});
  CHECK(completion.pending == 1);
  CHECK(completion.cancelled == 1);
  CHECK(completion.in_all() == 4);
  CHECK(completion.times == std::vector<Duration>{30ms, 50ms, 70ms});
  CHECK(completion.validated_ids == std::set<std::string>{"a"});
  CHECK(completion.portions == 3);
  CHECK(completion.nanos.at("GBP") == 10'000'000'000);
}

TEST_CASE("an order that is answered PENDING adds to the amount once it is final, and only once") {
  Figures figures;
  for (const auto* id : {"a", "b", "a"}) {  // the last was repeated
    Answer answer;
    *answer.response.mutable_order() = Taken(id, Order::STATE_PENDING, {});
    Count(answer, 1ms, figures);
  }
  Answer at_once;
  *at_once.response.mutable_order() = Validated("x", {});
  Count(at_once, 1ms, figures);
  CHECK(figures.accepted == 4);
  CHECK(figures.portions == 3);
  CHECK(figures.pending_ids == std::set<std::string>{"a", "b"});

  Completion completion;
  Count(Validated("a", 10ms), completion);
  Order rejected = Taken("b", Order::STATE_REJECTED, 10ms);
  rejected.add_rejection_reasons("RESTAURANT_CLOSED");
  Count(rejected, completion);
  figures.refused["RESTAURANT_CLOSED"] = 2;
  Complete(completion, figures);
  CHECK(figures.portions == 6);
  CHECK(figures.AmountText() == "20.00 GBP");
  CHECK(figures.refused_or_rejected().at("RESTAURANT_CLOSED") == 3);
}

}  // namespace
}  // namespace lockstep::lab
