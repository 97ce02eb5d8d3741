// What every style promises, in every shell: one suite, run over each row of the table of styles in
// the queue shell and in the synchronous one. A new row needs nothing here. This file: the two
// questions and their answers.
#include <fmt/format.h>

#include <set>

#include "tests/order/contract.h"

namespace lockstep::order {
namespace {

TEST_CASE("both accept: the order is VALIDATED, priced by Restaurant, and kept") {
  ForEachStyle([](OrderWorld& world) {
    const Answered answered = world.Create(world.Request("r1"));
    INFO(answered.status.error_message());
    REQUIRE(answered.status.ok());
    RequireReceipt(world, answered);
    REQUIRE_FALSE(answered.receipt.duplicate());
    REQUIRE(answered.receipt.commit().batch() == 1);
    for (const call::v1::DownstreamCall& call : answered.receipt.calls()) {
      REQUIRE(call.code() == google::rpc::OK);
    }
    const v1::Order& order = answered.response.order();
    REQUIRE(order.state() == v1::Order::STATE_VALIDATED);
    REQUIRE(order.style() == world.style().style());
    REQUIRE(order.request_id() == "r1");
    REQUIRE(order.total().units() == 7);
    REQUIRE(order.total().nanos() == 500'000'000);
    REQUIRE(order.lines_size() == 2);
    REQUIRE(order.lines(0).display_name() == "Dish korma");
    REQUIRE(order.consumer_verdict().accepted());
    REQUIRE(order.consumer_verdict().consumer_version() == 7);
    REQUIRE(order.restaurant_verdict().accepted());
    REQUIRE(order.restaurant_verdict().restaurant_version() == 9);
    REQUIRE(order.rejection_reasons_size() == 0);
    const std::vector<v1::Order> kept = world.order().Orders();
    REQUIRE(kept.size() == 1);
    REQUIRE(kept[0].SerializeAsString() == order.SerializeAsString());
    REQUIRE(world.consumer.seen()[0].request.order_id() == order.order_id());
    REQUIRE(world.restaurant.seen()[0].request.order_id() == order.order_id());
  });
}

// Each reason that a peer has a name for, and one that only a newer peer would have.
template <class Side>
std::vector<std::pair<int, std::string>> Reasons() {
  const auto* reasons = Side::Verdict::Reason_descriptor();
  std::vector<std::pair<int, std::string>> all;
  for (int i = 0; i < reasons->value_count(); ++i) {
    const auto* value = reasons->value(i);
    if (value->number() != 0) all.emplace_back(value->number(), value->name().substr(7));
  }
  all.emplace_back(99, "REASON_99");
  return all;
}

void RequireRejected(OrderWorld& world, const Answered& answered, const std::string& reason) {
  REQUIRE(answered.status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  REQUIRE(answered.reason() == reason);
  RequireReceipt(world, answered);
  REQUIRE(answered.receipt.has_commit());
  REQUIRE_FALSE(DetailOf(answered.error()).preconditions.empty());
  const v1::Order kept = world.order().Orders().front();
  REQUIRE(answered.metadata("order_id") == kept.order_id());
  REQUIRE(kept.state() == v1::Order::STATE_REJECTED);
  REQUIRE(kept.rejection_reasons(0) == reason);
}

TEST_CASE(
    "each refusal is FAILED_PRECONDITION with its reason, and the order is kept as REJECTED") {
  ForEachStyle([](OrderWorld& world) {
    std::size_t orders = 0;
    for (const auto& [number, reason] : Reasons<ConsumerSide>()) {
      INFO("consumer " << reason);
      world.consumer.Refuse(number);
      RequireRejected(world, world.Create(world.Request()), reason);
      REQUIRE(world.order().Orders().front().restaurant_verdict().accepted());
      REQUIRE(world.order().Orders().front().consumer_verdict().refusals(0).reason() == number);
      REQUIRE(world.order().Orders().size() == ++orders);
    }
    world.consumer.Accept();
    for (const auto& [number, reason] : Reasons<RestaurantSide>()) {
      INFO("restaurant " << reason);
      world.restaurant.Refuse(number);
      RequireRejected(world, world.Create(world.Request()), reason);
      REQUIRE(world.order().Orders().front().consumer_verdict().accepted());
      REQUIRE_FALSE(world.order().Orders().front().has_total());
      REQUIRE(world.order().Orders().size() == ++orders);
    }
  });
}

TEST_CASE("both refuse: both are asked, and both reasons are kept, Consumer's first") {
  ForEachStyle([](OrderWorld& world) {
    world.consumer.Refuse(ConsumerSide::Verdict::REASON_CONSUMER_SUSPENDED);
    world.restaurant.Refuse(RestaurantSide::Verdict::REASON_RESTAURANT_CLOSED);
    RequireRejected(world, world.Create(world.Request()), "CONSUMER_SUSPENDED");
    REQUIRE(world.order().Orders().front().rejection_reasons(1) == "RESTAURANT_CLOSED");
  });
}

TEST_CASE("an order above the consumer's limit is refused by Order itself") {
  ForEachStyle([](OrderWorld& world) {
    world.consumer.Strangely([](auto& verdict) { verdict.mutable_order_limit()->set_units(7); });
    RequireRejected(world, world.Create(world.Request()), "ORDER_LIMIT_EXCEEDED");
    world.consumer.Strangely(
        [](auto& verdict) { verdict.mutable_order_limit()->set_currency_code("EUR"); });
    RequireRejected(world, world.Create(world.Request()), "CURRENCY_MISMATCH");
  });
}

TEST_CASE("a refusal rejects the order also when the other peer fails") {
  ForEachStyle([](OrderWorld& world) {
    world.consumer.Refuse(ConsumerSide::Verdict::REASON_CONSUMER_SUSPENDED);
    world.restaurant.Fail(grpc::StatusCode::INTERNAL);
    RequireRejected(world, world.Create(world.Request()), "CONSUMER_SUSPENDED");
    REQUIRE_FALSE(world.order().Orders().front().has_restaurant_verdict());
    world.consumer.Fail(grpc::StatusCode::INTERNAL);
    world.restaurant.Refuse(RestaurantSide::Verdict::REASON_MENU_ITEM_UNKNOWN);
    RequireRejected(world, world.Create(world.Request()), "MENU_ITEM_UNKNOWN");
    REQUIRE_FALSE(world.order().Orders().front().has_consumer_verdict());
  });
}

TEST_CASE("a peer that cannot be reached is UNAVAILABLE, named, with advice, and nothing is kept") {
  ForEachStyle([](OrderWorld& world) {
    for (const bool consumer : {true, false}) {
      if (consumer) {
        world.consumer.GoAway();
      } else {
        world.restaurant.GoAway();
      }
      const std::size_t asked = consumer ? world.restaurant.asked() : world.consumer.asked();
      const Answered answered = world.Create(world.Request("r1"));
      REQUIRE(answered.status.error_code() == grpc::StatusCode::UNAVAILABLE);
      REQUIRE(answered.reason() == "DOWNSTREAM_UNAVAILABLE");
      REQUIRE(answered.metadata("peer") == (consumer ? "consumer" : "restaurant"));
      REQUIRE(DetailOf(answered.error()).retry_after);
      RequireReceipt(world, answered);
      REQUIRE(answered.receipt.calls(consumer ? 0 : 1).code() == google::rpc::UNAVAILABLE);
      REQUIRE(answered.receipt.calls(consumer ? 1 : 0).code() == google::rpc::OK);
      REQUIRE_FALSE(answered.receipt.has_commit());
      // The other is asked all the same.
      REQUIRE((consumer ? world.restaurant.asked() : world.consumer.asked()) == asked + 1);
      REQUIRE(world.order().Orders().empty());
      if (consumer) {
        world.consumer.ComeBack();
      } else {
        world.restaurant.ComeBack();
      }
      // What ended so was no outcome: the same request is tried anew, until the peer is found.
      REQUIRE(Eventually([&] { return world.Create(world.Request("again")).status.ok(); }));
      REQUIRE(world.order().Orders().size() == 1);
      world.Restart();
      if (consumer) REQUIRE(world.Create(world.Request("again")).receipt.duplicate());
      break;
    }
  });
}

TEST_CASE("a restaurant that cannot be reached is named too") {
  ForEachStyle([](OrderWorld& world) {
    world.restaurant.GoAway();
    const Answered answered = world.Create(world.Request());
    REQUIRE(answered.status.error_code() == grpc::StatusCode::UNAVAILABLE);
    REQUIRE(answered.metadata("peer") == "restaurant");
    RequireReceipt(world, answered);
    world.consumer.GoAway();
    // Both: Consumer's error, with Restaurant's beside it.
    const Answered both = world.Create(world.Request());
    REQUIRE(both.status.error_code() == grpc::StatusCode::UNAVAILABLE);
    REQUIRE(both.metadata("restaurant_reason") == "DOWNSTREAM_UNAVAILABLE");
    REQUIRE(world.order().Orders().empty());
  });
}

TEST_CASE("wait_for_ready waits for a peer that is not there yet") {
  ForEachStyle([](OrderWorld& world) {
    world.consumer.GoAway();
    CreateOrderRequest request = world.Request();
    request.mutable_options()->set_wait_for_ready(true);
    std::future<Answered> later = world.CreateLater(request);
    // It is under way, and stays so while the peer is away.
    REQUIRE(Eventually([&] { return world.order().rules().calls.now() == 1; }));
    REQUIRE(later.wait_for(100ms) != std::future_status::ready);
    world.consumer.ComeBack();
    const Answered answered = later.get();
    INFO(answered.status.error_message());
    REQUIRE(answered.status.ok());
    RequireReceipt(world, answered);
  });
}

TEST_CASE("a peer that hangs past its timeout is DEADLINE_EXCEEDED: unknown, so nothing is kept") {
  ForEachStyle([](OrderWorld& world) {
    for (const bool consumer : {true, false}) {
      CreateOrderRequest request = world.Request();
      if (consumer) {
        world.consumer.Hang();
        request.mutable_options()->mutable_consumer_timeout()->set_nanos(50'000'000);
      } else {
        world.restaurant.Hang();
        request.mutable_options()->mutable_restaurant_timeout()->set_nanos(50'000'000);
      }
      const Answered answered = world.Create(request);
      REQUIRE(answered.status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
      REQUIRE(answered.reason() == "DOWNSTREAM_DEADLINE_EXCEEDED");
      REQUIRE(answered.metadata("peer") == (consumer ? "consumer" : "restaurant"));
      RequireReceipt(world, answered);
      REQUIRE(answered.receipt.calls(consumer ? 0 : 1).code() == google::rpc::DEADLINE_EXCEEDED);
      REQUIRE_FALSE(answered.receipt.has_commit());
      REQUIRE(world.order().Orders().empty());
      world.consumer.Release();
      world.restaurant.Release();
    }
  });
}

TEST_CASE("the caller's own deadline ends the order and what it had under way") {
  ForEachStyle([](OrderWorld& world) {
    world.restaurant.Hang();
    const Answered answered = world.Create(world.Request("r1"), 150ms);
    REQUIRE(answered.status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
    REQUIRE(Eventually([&] { return world.order().rules().calls.now() == 0; }));
    REQUIRE(Eventually([&] { return world.restaurant.cancelled() == world.restaurant.held(); }));
    world.restaurant.Release();
    REQUIRE(world.order().Orders().empty());
    const control::v1::Ledger ledger = world.order().ledger().Read();
    REQUIRE(ledger.useful().count() == 1);  // the list above
    REQUIRE(ledger.finished_late().count() + ledger.finished_abandoned().count() == 1);
    // It was no outcome.
    const Answered again = world.Create(world.Request("r1"));
    REQUIRE(again.status.ok());
    REQUIRE_FALSE(again.receipt.duplicate());
  });
}

TEST_CASE("a caller that leaves takes its order along, but for NONE and FIXED") {
  ForEachStyle([](OrderWorld& world) {
    for (const auto policy : {call::v1::DEADLINE_POLICY_PROPAGATE, call::v1::DEADLINE_POLICY_NONE,
                              call::v1::DEADLINE_POLICY_FIXED}) {
      INFO(call::v1::DeadlinePolicy_Name(policy));
      const bool follows = policy == call::v1::DEADLINE_POLICY_PROPAGATE;
      const std::size_t kept = world.order().Orders().size();
      world.restaurant.Hang();
      CreateOrderRequest request = world.Request();
      request.mutable_options()->set_deadline_policy(policy);
      grpc::ClientContext context;
      std::future<Answered> later =
          std::async(std::launch::async, [&] { return world.Create(context, request); });
      REQUIRE(Eventually([&] { return world.restaurant.held() == 1; }));
      context.TryCancel();
      REQUIRE(later.get().status.error_code() == grpc::StatusCode::CANCELLED);
      if (follows) {
        REQUIRE(Eventually([&] { return world.restaurant.cancelled() == 1; }));
        REQUIRE(Eventually([&] { return world.order().rules().calls.now() == 0; }));
      } else {
        REQUIRE(Eventually(
            [&] { return world.order().rules().calls.CountAbandoned(Clock::Real().Now()) == 1; }));
        REQUIRE(world.restaurant.cancelled() == 0);
      }
      world.restaurant.Release();
      REQUIRE(Eventually([&] { return world.order().rules().calls.now() == 0; }));
      REQUIRE(world.order().Orders().size() == kept + (follows ? 0 : 1));
    }
  });
}

TEST_CASE("a peer's own error is INTERNAL, with the peer and its code, whatever the code") {
  ForEachStyle([](OrderWorld& world) {
    for (int code = 1; code <= 16; ++code) {
      const auto peer_code = static_cast<grpc::StatusCode>(code);
      const std::string name = CodeName(static_cast<StatusCode>(code));
      INFO(name);
      const bool consumer = code % 2 == 0;
      if (consumer) {
        world.consumer.Fail(peer_code, "the peer's words");
        world.restaurant.Accept();
      } else {
        world.consumer.Accept();
        world.restaurant.Fail(peer_code, "the peer's words");
      }
      const Answered answered = world.Create(world.Request());
      RequireReceipt(world, answered);
      REQUIRE(answered.receipt.calls(consumer ? 0 : 1).code() == code);
      REQUIRE(answered.metadata("peer") == (consumer ? "consumer" : "restaurant"));
      if (peer_code == grpc::StatusCode::UNAVAILABLE ||
          peer_code == grpc::StatusCode::DEADLINE_EXCEEDED) {
        REQUIRE(answered.status.error_code() == peer_code);  // nothing is known of its answer
        continue;
      }
      REQUIRE(answered.status.error_code() == grpc::StatusCode::INTERNAL);
      REQUIRE(answered.reason() == "DOWNSTREAM_FAILED");
      REQUIRE(answered.metadata("peer_code") == name);
      REQUIRE(answered.status.error_message().find("the peer's words") != std::string::npos);
    }
    REQUIRE(world.order().Orders().empty());
  });
}

TEST_CASE("a verdict that contradicts itself or the question is INTERNAL, and nothing is kept") {
  using Consumer = ConsumerSide::Verdict;
  using Restaurant = RestaurantSide::Verdict;
  const std::vector<std::pair<std::string, std::function<void(Consumer&)>>> of_consumer = {
      {"another order", [](Consumer& v) { v.set_order_id(NewId(WallTime())); }},
      {"another consumer", [](Consumer& v) { v.set_consumer_id("somebody-else"); }},
      {"accepts and refuses",
       [](Consumer& v) { v.add_refusals()->set_reason(Consumer::REASON_CONSUMER_UNKNOWN); }},
      {"refuses without a reason",
       [](Consumer& v) {
         v.set_accepted(false);
         v.clear_order_limit();
       }},
      {"refuses for no reason that is one",
       [](Consumer& v) {
         v.set_accepted(false);
         v.clear_order_limit();
         v.add_refusals();
       }},
      {"no limit", [](Consumer& v) { v.clear_order_limit(); }},
      {"a limit in no currency",
       [](Consumer& v) { v.mutable_order_limit()->clear_currency_code(); }},
      {"a limit that is no amount", [](Consumer& v) { v.mutable_order_limit()->set_nanos(-5); }},
      {"judged when there is no time",
       [](Consumer& v) { v.mutable_judge_time()->set_seconds(std::int64_t{1} << 62); }},
      {"judged with too many nanos", [](Consumer& v) { v.mutable_judge_time()->set_nanos(-1); }},
      {"nothing", [](Consumer& v) { v.Clear(); }},
  };
  const std::vector<std::pair<std::string, std::function<void(Restaurant&)>>> of_restaurant = {
      {"another order", [](Restaurant& v) { v.set_order_id(NewId(WallTime())); }},
      {"another restaurant", [](Restaurant& v) { v.set_restaurant_id("somewhere-else"); }},
      {"a total that is not the sum", [](Restaurant& v) { v.mutable_total()->set_units(8); }},
      {"a price that is not its portions",
       [](Restaurant& v) { v.mutable_lines(0)->mutable_price()->set_units(1); }},
      {"another item", [](Restaurant& v) { v.mutable_lines(1)->set_menu_item_id("lassi"); }},
      {"another quantity", [](Restaurant& v) { v.mutable_lines(0)->set_quantity(3); }},
      {"a line less", [](Restaurant& v) { v.mutable_lines()->RemoveLast(); }},
      {"two currencies",
       [](Restaurant& v) { v.mutable_lines(0)->mutable_price()->set_currency_code("EUR"); }},
      {"a price that is no amount",
       [](Restaurant& v) { v.mutable_lines(0)->mutable_unit_price()->set_nanos(2'000'000'000); }},
      {"refuses with prices",
       [](Restaurant& v) {
         v.set_accepted(false);
         v.add_refusals()->set_reason(Restaurant::REASON_RESTAURANT_CLOSED);
       }},
      {"judged when there is no time",
       [](Restaurant& v) { v.mutable_judge_time()->set_seconds(-(std::int64_t{1} << 62)); }},
      {"nothing", [](Restaurant& v) { v.Clear(); }},
  };
  ForEachStyle([&](OrderWorld& world) {
    const auto require = [&world](const char* peer) {
      const Answered answered = world.Create(world.Request());
      REQUIRE(answered.status.error_code() == grpc::StatusCode::INTERNAL);
      REQUIRE(answered.reason() == "VERDICT_INCONSISTENT");
      REQUIRE(answered.metadata("peer") == peer);
      RequireReceipt(world, answered);
    };
    for (const auto& [name, change] : of_consumer) {
      INFO("consumer: " << name);
      world.consumer.Strangely(change);
      require("consumer");
    }
    world.consumer.Accept();
    for (const auto& [name, change] : of_restaurant) {
      INFO("restaurant: " << name);
      world.restaurant.Strangely(change);
      require("restaurant");
    }
    REQUIRE(world.order().Orders().empty());
  });
}

TEST_CASE("where threads are bounded, an order too many is RESOURCE_EXHAUSTED, and elsewhere not") {
  ForEachStyle(
      [](OrderWorld& world) {
        world.consumer.Hang();
        std::future<Answered> first = world.CreateLater(world.Request());
        REQUIRE(Eventually([&] { return world.consumer.held() == 1; }));
        std::future<Answered> second = world.CreateLater(world.Request());
        if (world.style().shell() == call::v1::SHELL_POOL) {
          const Answered refused = second.get();
          REQUIRE(refused.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
          REQUIRE(refused.reason() == "POOL_FULL");
          REQUIRE(DetailOf(refused.error()).retry_after);
          RequireReceipt(world, refused, 0);
          world.consumer.Release();
        } else {
          REQUIRE(Eventually([&] { return world.consumer.held() == 2; }));
          world.consumer.Release();
          REQUIRE(second.get().status.ok());
        }
        REQUIRE(first.get().status.ok());
      },
      [](control::Settings& settings) {
        settings.mutable_order()->set_pool_threads(1);
        settings.mutable_order()->set_pool_queue(0);
      });
}

}  // namespace
}  // namespace lockstep::order
