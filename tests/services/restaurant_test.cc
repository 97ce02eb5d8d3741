// RestaurantService as a client sees it: each call, each refusal with its reason, and what stands
// after a restart.
#include "tests/services/restaurants.h"

namespace lockstep::test {
namespace {

TEST_CASE("Restaurant: a restaurant is created with its menu, read, changed and read again") {
  const TempDir dir;
  Restaurants service(dir.File("r.db"));
  auto request = NewRestaurant("r1");
  request.mutable_restaurant()->mutable_delivery_area()->add_postal_code_prefixes("CB1");
  const auto created = service.Call(&RestaurantStub::CreateRestaurant, request);
  REQUIRE(Said(created) == "OK");
  CHECK(created->version() == 1);
  CHECK(created->opening_state() == rv1::Restaurant::OPENING_STATE_OPEN);
  REQUIRE(created->menu_items_size() == 2);
  CHECK(created->menu_items(1).menu_item_id() == "i1");
  CHECK(created->menu_items(1).price().nanos() == 500'000'000);
  CHECK(created->menu_items(1).availability() == rv1::MenuItem::AVAILABILITY_AVAILABLE);
  CHECK(created->menu_items(1).category() == "Mains");

  rv1::UpdateRestaurantRequest update;
  rv1::Restaurant& changed = *update.mutable_restaurant();
  changed.set_restaurant_id("r1");
  changed.set_display_name("Other");
  changed.set_opening_state(rv1::Restaurant::OPENING_STATE_CLOSED);
  SetPrice(900, changed.mutable_minimum_order());
  changed.mutable_delivery_area()->add_postal_code_prefixes("CB2");
  changed.mutable_delivery_area()->add_postal_code_prefixes("cb 3");
  for (const char* path : {"opening_state", "minimum_order", "delivery_area"}) {
    update.mutable_update_mask()->add_paths(path);
  }
  const auto updated = service.Call(&RestaurantStub::UpdateRestaurant, update);
  REQUIRE(Said(updated) == "OK");
  CHECK(updated->display_name() == "Kitchen r1");  // not in the mask
  CHECK(updated->opening_state() == rv1::Restaurant::OPENING_STATE_CLOSED);
  CHECK(updated->minimum_order().units() == 9);
  CHECK(updated->delivery_area().postal_code_prefixes_size() == 2);
  CHECK(updated->menu_items_size() == 2);
  CHECK(updated->version() == 2);
  const auto read = service.Call(&RestaurantStub::GetRestaurant, WhichRestaurant("r1"));
  REQUIRE(Said(read) == "OK");
  CHECK(read->SerializeAsString() == updated->SerializeAsString());
}

TEST_CASE(
    "Restaurant: a menu is revised in its order: replaced in place, added at the end, taken off") {
  const TempDir dir;
  std::string menu;
  const auto text = [](const rv1::Restaurant& restaurant) {
    std::string all;
    for (const rv1::MenuItem& item : restaurant.menu_items()) {
      all += item.menu_item_id() + "=" + std::to_string(item.price().units()) + " ";
    }
    return all;
  };
  {
    Restaurants service(dir.File("r.db"));
    REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r1", 5, 100)).ok());
    auto revision = Revision("r1");
    *revision.add_put_items() = Item("new", 700);
    *revision.add_put_items() = Item("i3", 300);
    revision.add_remove_menu_item_ids("i0");
    revision.add_remove_menu_item_ids("i4");
    const auto revised = service.Call(&RestaurantStub::ReviseMenu, revision);
    REQUIRE(Said(revised) == "OK");
    CHECK(text(*revised) == "i1=1 i2=1 i3=3 new=7 ");
    CHECK(revised->version() == 2);

    // All or nothing: one id is not there.
    auto wrong = Revision("r1");
    *wrong.add_put_items() = Item("i1", 900);
    wrong.add_remove_menu_item_ids("i2");
    wrong.add_remove_menu_item_ids("i0");
    CHECK(Said(service.Call(&RestaurantStub::ReviseMenu, wrong)) ==
          "INVALID_ARGUMENT INVALID_REQUEST remove_menu_item_ids[1]");
    const auto read = service.Call(&RestaurantStub::GetRestaurant, WhichRestaurant("r1"));
    REQUIRE(read.ok());
    CHECK(text(*read) == text(*revised));

    auto in_place = Revision("r1");
    *in_place.add_put_items() = Item("i2", 800);
    const auto repriced = service.Call(&RestaurantStub::ReviseMenu, in_place);
    REQUIRE(Said(repriced) == "OK");
    CHECK(text(*repriced) == "i1=1 i2=8 i3=3 new=7 ");
    menu = repriced->SerializeAsString();
  }
  Restaurants service(dir.File("r.db"));
  const auto read = service.Call(&RestaurantStub::GetRestaurant, WhichRestaurant("r1"));
  REQUIRE(Said(read) == "OK");
  CHECK(read->SerializeAsString() == menu);
}

TEST_CASE(
    "Restaurant: what is not there, is taken, or has moved on is refused, and leaves all as it "
    "was") {
  const TempDir dir;
  Restaurants service(dir.File("r.db"));
  REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r1")).ok());
  CHECK(Said(service.Call(&RestaurantStub::GetRestaurant, WhichRestaurant("r2"))) ==
        "NOT_FOUND RESTAURANT_UNKNOWN");
  auto elsewhere = Revision("r2");
  elsewhere.add_remove_menu_item_ids("i0");
  const auto unknown = service.Call(&RestaurantStub::ReviseMenu, elsewhere);
  CHECK(Said(unknown) == "NOT_FOUND RESTAURANT_UNKNOWN");
  CHECK(DetailOf(unknown.status()).metadata.at("restaurant_id") == "r2");
  rv1::UpdateRestaurantRequest update;
  update.mutable_restaurant()->set_restaurant_id("r2");
  update.mutable_restaurant()->set_display_name("Other");
  update.mutable_update_mask()->add_paths("display_name");
  CHECK(Said(service.Call(&RestaurantStub::UpdateRestaurant, update)) ==
        "NOT_FOUND RESTAURANT_UNKNOWN");
  update.mutable_restaurant()->set_restaurant_id("r1");
  update.set_expected_version(2);
  CHECK(Said(service.Call(&RestaurantStub::UpdateRestaurant, update)) ==
        "ABORTED VERSION_MISMATCH");
  auto late = Revision("r1");
  late.add_remove_menu_item_ids("i0");
  late.set_expected_version(3);
  CHECK(Said(service.Call(&RestaurantStub::ReviseMenu, late)) == "ABORTED VERSION_MISMATCH");
  CHECK(Said(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r1", 3))) ==
        "ALREADY_EXISTS RESTAURANT_ID_TAKEN");
  CHECK(Said(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r1"))) == "OK");
  CHECK(service.ledger().Read().duplicates().count() == 1);
  const auto read = service.Call(&RestaurantStub::GetRestaurant, WhichRestaurant("r1"));
  REQUIRE(read.ok());
  CHECK(read->version() == 1);
  CHECK(read->menu_items_size() == 2);
}

TEST_CASE("Restaurant: the currency of a menu is that of the minimum, while there is a menu") {
  const TempDir dir;
  Restaurants service(dir.File("r.db"));
  REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r1", 1)).ok());
  auto euros = Revision("r1");
  *euros.add_put_items() = Item("i9", 100);
  euros.mutable_put_items(0)->mutable_price()->set_currency_code("EUR");
  CHECK(Said(service.Call(&RestaurantStub::ReviseMenu, euros)) ==
        "INVALID_ARGUMENT INVALID_REQUEST put_items[0].price");
  rv1::UpdateRestaurantRequest update;
  update.mutable_restaurant()->set_restaurant_id("r1");
  SetPrice(500, update.mutable_restaurant()->mutable_minimum_order());
  update.mutable_restaurant()->mutable_minimum_order()->set_currency_code("EUR");
  update.mutable_update_mask()->add_paths("minimum_order");
  CHECK(Said(service.Call(&RestaurantStub::UpdateRestaurant, update)) ==
        "INVALID_ARGUMENT INVALID_REQUEST restaurant.minimum_order");
  auto empty = Revision("r1");
  empty.add_remove_menu_item_ids("i0");
  REQUIRE(Said(service.Call(&RestaurantStub::ReviseMenu, empty)) == "OK");
  REQUIRE(Said(service.Call(&RestaurantStub::UpdateRestaurant, update)) == "OK");
  REQUIRE(Said(service.Call(&RestaurantStub::ReviseMenu, euros)) == "OK");
}

TEST_CASE("Restaurant: verdicts: priced lines and their sum, or each reason") {
  using Verdict = rv1::OrderDetailsVerdict;
  const TempDir dir;
  Restaurants service(dir.File("r.db"));
  auto request = NewRestaurant("r1", 2, 450);
  SetPrice(900, request.mutable_restaurant()->mutable_minimum_order());
  request.mutable_restaurant()->mutable_delivery_area()->add_postal_code_prefixes("CB1");
  *request.mutable_restaurant()->add_menu_items() = Item("huge", 900'000'000'000);
  rv1::MenuItem& gone = *request.mutable_restaurant()->add_menu_items();
  gone = Item("gone", 100);
  gone.set_availability(rv1::MenuItem::AVAILABILITY_SOLD_OUT);
  REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, request).ok());
  const auto judge = [&](const rv1::ValidateOrderDetailsRequest& order) {
    const auto answer = service.Call(&RestaurantStub::ValidateOrderDetails, order);
    REQUIRE(Said(answer) == "OK");
    const Verdict& verdict = answer->verdict();
    CHECK(verdict.order_id() == order.order_id());
    CHECK(verdict.restaurant_id() == order.restaurant_id());
    CHECK(verdict.node() == "here");
    CHECK(verdict.accepted() == (verdict.refusals_size() == 0));
    CHECK(verdict.accepted() == verdict.has_total());
    CHECK(answer->receipt().method() ==
          "lockstep.restaurant.v1.RestaurantService/ValidateOrderDetails");
    return verdict;
  };
  const auto reasons = [&](const rv1::ValidateOrderDetailsRequest& order) {
    std::string all;
    const Verdict verdict = judge(order);
    for (const auto& refusal : verdict.refusals()) {
      all += Verdict::Reason_Name(refusal.reason()) + " ";
    }
    return all;
  };
  auto order = Order("r1", 2);
  *order.add_lines() = order.lines(0);  // the same item again: allowed
  order.mutable_lines(2)->set_quantity(3);
  const Verdict accepted = judge(order);
  REQUIRE(accepted.lines_size() == 3);
  CHECK(accepted.lines(2).menu_item_id() == "i0");
  CHECK(accepted.lines(2).display_name() == "Dish i0");
  CHECK(accepted.lines(2).unit_price().units() == 4);
  CHECK(accepted.lines(2).price().units() == 13);
  CHECK(accepted.lines(2).price().nanos() == 500'000'000);
  CHECK(accepted.total().units() == 22);
  CHECK(accepted.total().nanos() == 500'000'000);
  CHECK(accepted.restaurant_version() == 1);

  CHECK(reasons(Order("r1", 1)) == "REASON_MINIMUM_ORDER_NOT_MET ");
  CHECK(reasons(Order("r2", 1)) == "REASON_RESTAURANT_UNKNOWN ");
  order = Order("r1", 2);
  order.mutable_lines(0)->set_menu_item_id("nothing");
  order.mutable_lines(1)->set_menu_item_id("gone");
  order.mutable_delivery_address()->set_postal_code("CB21AA");
  CHECK(reasons(order) ==
        "REASON_MENU_ITEM_UNKNOWN REASON_MENU_ITEM_SOLD_OUT REASON_OUTSIDE_DELIVERY_AREA ");
  CHECK(judge(order).refusals(1).menu_item_id() == "gone");
  order = Order("r1", 1);
  order.mutable_lines(0)->set_menu_item_id("huge");
  order.mutable_lines(0)->set_quantity(2);
  CHECK(reasons(order) == "REASON_TOTAL_TOO_LARGE ");

  rv1::UpdateRestaurantRequest close;
  close.mutable_restaurant()->set_restaurant_id("r1");
  close.mutable_restaurant()->set_opening_state(rv1::Restaurant::OPENING_STATE_CLOSED);
  close.mutable_update_mask()->add_paths("opening_state");
  REQUIRE(service.Call(&RestaurantStub::UpdateRestaurant, close).ok());
  CHECK(reasons(Order("r1", 2)) == "REASON_RESTAURANT_CLOSED ");
  CHECK(judge(Order("r1", 2)).restaurant_version() == 2);
}

TEST_CASE(
    "Restaurant: a restart keeps every restaurant, byte for byte, with menus at their limits") {
  const TempDir dir;
  std::vector<std::string> before;
  const std::vector<std::string> ids = {"empty", "full", "some"};
  {
    Restaurants service(dir.File("r.db"));
    REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("empty", 0)).ok());
    REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("full", 1000)).ok());
    auto some = NewRestaurant("some", 12);
    for (const char* prefix : {"Z", "A 1", "m"}) {
      some.mutable_restaurant()->mutable_delivery_area()->add_postal_code_prefixes(prefix);
    }
    REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, some).ok());
    for (const std::string& id : ids) {
      const auto read = service.Call(&RestaurantStub::GetRestaurant, WhichRestaurant(id));
      REQUIRE(Said(read) == "OK");
      before.push_back(read->SerializeAsString());
    }
  }
  Restaurants service(dir.File("r.db"));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto read = service.Call(&RestaurantStub::GetRestaurant, WhichRestaurant(ids[i]));
    REQUIRE(Said(read) == "OK");
    CHECK(read->SerializeAsString() == before[i]);
  }
  auto past = Revision("full");
  *past.add_put_items() = Item("one-more", 100);
  CHECK(Said(service.Call(&RestaurantStub::ReviseMenu, past)) ==
        "INVALID_ARGUMENT INVALID_REQUEST put_items");
  CHECK(Said(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("full", 1000))) == "OK");
}

}  // namespace
}  // namespace lockstep::test
