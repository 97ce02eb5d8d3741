// Listening to Order's feed: which orders are judged, once each, also after a restart; and what
// becomes of a message that cannot be judged.
#include <set>

#include "tests/services/consumers.h"
#include "tests/services/order_peer.h"
#include "tests/services/restaurants.h"
#include "tests/support/wait.h"

namespace lockstep::test {
namespace {

using order::v1::Order;

Order Placed(const std::string& id, call::v1::Style style = call::v1::STYLE_EVENT_DRIVEN,
             Order::State state = Order::STATE_PENDING) {
  Order order;
  order.set_order_id(id);
  order.set_consumer_id("c1");
  order.set_restaurant_id("r1");
  restaurant::v1::PricedLine& line = *order.add_lines();
  line.set_menu_item_id("i0");
  line.set_quantity(2);
  order.mutable_delivery_address()->set_street("1 Mill Road");
  order.mutable_delivery_address()->set_city("Cambridge");
  order.mutable_delivery_address()->set_postal_code("cb1 2ad");
  order.set_style(style);
  order.set_state(state);
  return order;
}

std::multiset<std::string> OrdersIn(const std::vector<message::v1::Envelope>& verdicts) {
  std::multiset<std::string> orders;
  for (const message::v1::Envelope& verdict : verdicts) {
    orders.insert(verdict.correlation_id());
    CHECK(verdict.key() == verdict.correlation_id());
  }
  return orders;
}

TEST_CASE("of Order's feed exactly the pending orders of the style EVENT_DRIVEN are judged") {
  const TempDir dir;
  OrderPeer order(dir.File("o.db"));
  order.Place({Placed("before")});  // the service comes later
  Consumers service(dir.File("c.db"), order.Flags());
  REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann")).ok());
  order.Place({Placed("deferred", call::v1::STYLE_DEFERRED), Placed("a"),
               Placed("decided", call::v1::STYLE_EVENT_DRIVEN, Order::STATE_VALIDATED)});
  order.Place({Placed("blocking", call::v1::STYLE_BLOCKING), Placed("last")});
  const auto verdicts = order.Verdicts(3);
  CHECK(OrdersIn(verdicts) == std::multiset<std::string>{"before", "a", "last"});
  const auto last = PayloadOf<consumer::v1::ConsumerValidated>(verdicts.back()).verdict();
  CHECK(last.order_id() == "last");
  CHECK(last.accepted());
}

TEST_CASE("both owners judge an order of Order's feed: Restaurant prices it") {
  const TempDir dir;
  OrderPeer order(dir.File("o.db"));
  Consumers consumers(dir.File("c.db"), order.Flags());
  Restaurants restaurants(dir.File("r.db"), order.Flags());
  REQUIRE(consumers.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann")).ok());
  REQUIRE(restaurants.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r1", 1, 450)).ok());
  order.Place({Placed("a")});
  int priced = 0;
  for (const message::v1::Envelope& verdict : order.Verdicts(2)) {
    if (verdict.type() != restaurant::v1::OrderDetailsValidated::descriptor()->full_name()) {
      CHECK(PayloadOf<consumer::v1::ConsumerValidated>(verdict).verdict().accepted());
      continue;
    }
    ++priced;
    const auto details = PayloadOf<restaurant::v1::OrderDetailsValidated>(verdict).verdict();
    CHECK(details.accepted());
    CHECK(details.total().units() == 9);
  }
  CHECK(priced == 1);
}

TEST_CASE("after a restart the feed goes on where it was, and no order is judged twice") {
  const TempDir dir;
  OrderPeer order(dir.File("o.db"));
  const auto position = [&] {
    return CountIn(dir.File("c.db"),
                   "SELECT coalesce(max(position), 0) FROM feed_positions WHERE source = 'order'");
  };
  {
    Consumers service(dir.File("c.db"), order.Flags());
    order.Place({Placed("a"), Placed("b")});
    (void)order.Verdicts(2);
    REQUIRE(Eventually([&] { return position() == 2; }));
  }
  order.Place({Placed("c")});  // while nobody listens
  Consumers service(dir.File("c.db"), order.Flags());
  CHECK(OrdersIn(order.Verdicts(3)) == std::multiset<std::string>{"a", "b", "c"});
  REQUIRE(Eventually([&] { return position() == 3; }));
  const auto counts = service.ledger().Read().messages();
  CHECK(counts.taken() == 1);
  CHECK(counts.duplicates() == 0);
  CHECK(order.verdicts() == 3);
}

TEST_CASE("a position that was lost costs duplicates, not verdicts") {
  const TempDir dir;
  OrderPeer order(dir.File("o.db"));
  {
    Consumers service(dir.File("c.db"), order.Flags());
    order.Place({Placed("a"), Placed("b")});
    (void)order.Verdicts(2);
  }
  {
    auto database = store::Database::Open(dir.File("c.db"), store::Mode::kReadWrite);
    REQUIRE(database.ok());
    REQUIRE((*database)->Run("DELETE FROM feed_positions").ok());
  }
  Consumers service(dir.File("c.db"), order.Flags());
  order.Place({Placed("c")});
  CHECK(OrdersIn(order.Verdicts(3)) == std::multiset<std::string>{"a", "b", "c"});
  CHECK(service.ledger().Read().messages().duplicates() == 2);
  CHECK(order.verdicts() == 3);
}

TEST_CASE("what cannot be judged goes to the dead letters, and the feed goes on") {
  const TempDir dir;
  OrderPeer order(dir.File("o.db"));
  Consumers service(dir.File("c.db"), order.Flags());
  Order invalid = Placed("x");
  invalid.set_consumer_id("No Id");
  order.Place({invalid});
  order.Publish({OrderPeer::ChangeOf("garbage", "\xff\xff")});
  order.Place({Placed("a")});
  CHECK(OrdersIn(order.Verdicts(1)) == std::multiset<std::string>{"a"});
  const auto dead = [&](const std::string& condition) {
    return CountIn(dir.File("c.db"),
                   "SELECT count(*) FROM dead_letters WHERE destination = 'self' AND " + condition);
  };
  REQUIRE(Eventually([&] { return service.ledger().Read().messages().dead() == 2; }));
  CHECK(dead("true") == 2);
  CHECK(dead("attempts = " + std::to_string(limits::kMessageAttempts)) == 2);
  CHECK(dead("error LIKE '%consumer_id%'") == 1);
  CHECK(dead("error LIKE '%OrderPlaced%'") == 1);
}

TEST_CASE("without the feed nothing of it is judged") {
  const TempDir dir;
  OrderPeer order(dir.File("o.db"));
  order.Place({Placed("a")});
  Consumers deaf(dir.File("c1.db"), order.Flags(/*order_feed=*/false));
  Consumers listening(dir.File("c2.db"), order.Flags());
  (void)order.Verdicts(1);
  CHECK(CountIn(dir.File("c1.db"), "SELECT count(*) FROM inbox") == 0);
  CHECK(order.verdicts() == 1);
}

}  // namespace
}  // namespace lockstep::test
