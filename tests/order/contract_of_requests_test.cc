// What every style promises, in every shell: requests that come again, requests that cannot be
// accepted, stopping.
#include <fmt/format.h>

#include <set>

#include "tests/order/contract.h"

namespace lockstep::order {
namespace {

TEST_CASE("duplicates at once: one is taken, all are answered with it, in whatever style") {
  ForEachStyle([](OrderWorld& world) {
    world.restaurant.Hang();
    std::vector<std::future<Answered>> all;
    all.push_back(world.CreateLater(world.Request("r1")));
    REQUIRE(Eventually([&] { return world.restaurant.held() == 1; }));
    for (const StyleRow& row : StyleTable()) {
      for (int i = 0; i < 3; ++i) {
        CreateOrderRequest request = world.Request("r1");
        request.mutable_options()->set_style(ToProto(row.style));
        all.push_back(world.CreateLater(request));
      }
    }
    CreateOrderRequest other = world.Request("r1");
    other.mutable_lines(0)->set_quantity(9);
    std::future<Answered> reused = world.CreateLater(other);
    const auto calls = static_cast<int>(all.size()) + 1;
    REQUIRE(Eventually([&] { return world.order().rules().calls.now() == calls; }));
    world.restaurant.Release();
    std::set<std::string> ids;
    int duplicates = 0;
    for (std::future<Answered>& one : all) {
      const Answered answered = one.get();
      INFO(answered.status.error_message());
      REQUIRE(answered.status.ok());
      REQUIRE(answered.response.order().style() == world.style().style());
      REQUIRE(answered.receipt.calls_size() == (answered.receipt.duplicate() ? 0 : 2));
      REQUIRE(answered.receipt.has_commit() == !answered.receipt.duplicate());
      ids.insert(answered.response.order().order_id());
      duplicates += answered.receipt.duplicate() ? 1 : 0;
    }
    REQUIRE(ids.size() == 1);
    REQUIRE(duplicates + 1 == static_cast<int>(all.size()));
    const Answered refused = reused.get();
    REQUIRE(refused.status.error_code() == grpc::StatusCode::ALREADY_EXISTS);
    REQUIRE(refused.reason() == "REQUEST_ID_REUSED");
    RequireReceipt(world, refused, 0);
    REQUIRE(world.order().Orders().size() == 1);
    REQUIRE(world.restaurant.asked() == 1);
    REQUIRE(world.order().ledger().Read().duplicates().count() == duplicates);
  });
}

TEST_CASE("a repeated request has the first outcome, refusals included, after a restart too") {
  ForEachStyle([](OrderWorld& world) {
    const Answered taken = world.Create(world.Request("taken"));
    REQUIRE(taken.status.ok());
    world.restaurant.Refuse(RestaurantSide::Verdict::REASON_RESTAURANT_CLOSED);
    const Answered refused = world.Create(world.Request("refused"));
    world.restaurant.Fail(grpc::StatusCode::INTERNAL);  // nobody is asked again
    for (const bool restarted : {false, true}) {
      if (restarted) world.Restart();
      const Answered again = world.Create(world.Request("taken"));
      REQUIRE(again.status.ok());
      REQUIRE(again.receipt.duplicate());
      REQUIRE(again.response.order().SerializeAsString() ==
              taken.response.order().SerializeAsString());
      const Answered refused_again = world.Create(world.Request("refused"));
      REQUIRE(refused_again.status.error_code() == refused.status.error_code());
      REQUIRE(refused_again.status.error_message() == refused.status.error_message());
      REQUIRE(DetailOf(refused_again.error()) == DetailOf(refused.error()));
      REQUIRE(refused_again.receipt.duplicate());
      CreateOrderRequest other = world.Request("taken");
      other.mutable_delivery_address()->set_city("Ely");
      const Answered reused = world.Create(other);
      REQUIRE(reused.reason() == "REQUEST_ID_REUSED");
      REQUIRE(reused.metadata("order_id") == taken.response.order().order_id());
    }
    REQUIRE(world.order().Orders().size() == 2);
  });
}

TEST_CASE("what cannot be accepted is INVALID_ARGUMENT, and nobody is asked") {
  ForEachStyle([](OrderWorld& world) {
    CreateOrderRequest request = world.Request();
    request.clear_consumer_id();
    request.mutable_lines(1)->set_quantity(0);
    const Answered answered = world.Create(request);
    REQUIRE(answered.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    REQUIRE(DetailOf(answered.error()).violations.size() == 2);
    REQUIRE(answered.has_receipt);
    REQUIRE(world.consumer.asked() + world.restaurant.asked() == 0);
  });
}

TEST_CASE("an order under way when the server stops is finished within the grace") {
  ForEachStyle([](OrderWorld& world) {
    world.consumer.Hang();
    std::future<Answered> first = world.CreateLater(world.Request());
    REQUIRE(Eventually([&] { return world.consumer.held() == 1; }));
    std::thread stopping([&] { world.order().Stop(10s); });
    // The server takes no more once it stops.
    REQUIRE(Eventually([&] {
      return world.Create(world.Request(), 1s).status.error_code() == grpc::StatusCode::UNAVAILABLE;
    }));
    world.consumer.Release();
    const Answered answered = first.get();
    stopping.join();
    INFO(answered.status.error_message());
    REQUIRE(answered.status.ok());
  });
}

TEST_CASE("an order that would wait for ever does not keep the server from stopping") {
  ForEachStyle([](OrderWorld& world) {
    for (const auto policy :
         {call::v1::DEADLINE_POLICY_NONE, call::v1::DEADLINE_POLICY_PROPAGATE}) {
      world.consumer.Hang();
      const std::size_t held = world.consumer.held();
      CreateOrderRequest request = world.Request();
      request.mutable_options()->set_deadline_policy(policy);
      std::future<Answered> first = world.CreateLater(request, std::nullopt);
      REQUIRE(Eventually([&] { return world.consumer.held() == held + 1; }));
      const auto begin = std::chrono::steady_clock::now();
      world.order().Stop(100ms);
      REQUIRE(std::chrono::steady_clock::now() - begin < 5s);
      REQUIRE_FALSE(first.get().status.ok());
      world.consumer.Release();
      world.Restart();
      REQUIRE(world.order().Orders().empty());
    }
  });
}

}  // namespace
}  // namespace lockstep::order
