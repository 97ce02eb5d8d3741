// What RestaurantService does not take: each bad request with the field that it names, at each
// limit and one past it.
#include <functional>

#include "tests/services/restaurants.h"

namespace lockstep::test {
namespace {

const std::string kBad = "INVALID_ARGUMENT INVALID_REQUEST ";

rv1::MenuItem& FirstItem(rv1::Restaurant& restaurant) { return *restaurant.mutable_menu_items(0); }

struct BadNew {
  const char* what;
  const char* field;  // after "restaurant."; empty: it is accepted
  std::function<void(rv1::Restaurant&)> spoil;
};

const std::vector<BadNew>& BadNews() {
  static const std::vector<BadNew> kAll = {
      {"id in capitals", "restaurant_id", [](auto& r) { r.set_restaurant_id("R1"); }},
      {"id of 65", "restaurant_id", [](auto& r) { r.set_restaurant_id(std::string(65, 'r')); }},
      {"name missing", "display_name", [](auto& r) { r.clear_display_name(); }},
      {"name of 201", "display_name", [](auto& r) { r.set_display_name(std::string(201, 'n')); }},
      {"unknown opening state", "opening_state",
       [](auto& r) { r.set_opening_state(static_cast<rv1::Restaurant::OpeningState>(3)); }},
      {"minimum missing", "minimum_order", [](auto& r) { r.clear_minimum_order(); }},
      {"minimum below zero", "minimum_order",
       [](auto& r) { r.mutable_minimum_order()->set_units(-1); }},
      {"minimum of no amount", "minimum_order",
       [](auto& r) { r.mutable_minimum_order()->set_nanos(2'000'000'000); }},
      {"an empty menu", "", [](auto& r) { r.clear_menu_items(); }},
      {"100 prefixes", "",
       [](auto& r) {
         for (int i = 0; i < 100; ++i) r.mutable_delivery_area()->add_postal_code_prefixes("A");
       }},
      {"101 prefixes", "delivery_area.postal_code_prefixes",
       [](auto& r) {
         for (int i = 0; i < 101; ++i) r.mutable_delivery_area()->add_postal_code_prefixes("A");
       }},
      {"a prefix of 16", "",
       [](auto& r) { r.mutable_delivery_area()->add_postal_code_prefixes(std::string(16, 'A')); }},
      {"a prefix of 17", "delivery_area.postal_code_prefixes[1]",
       [](auto& r) {
         r.mutable_delivery_area()->add_postal_code_prefixes("A");
         r.mutable_delivery_area()->add_postal_code_prefixes(std::string(17, 'A'));
       }},
      {"an empty prefix", "delivery_area.postal_code_prefixes[0]",
       [](auto& r) { r.mutable_delivery_area()->add_postal_code_prefixes(""); }},
      {"item without id", "menu_items[0].menu_item_id",
       [](auto& r) { FirstItem(r).clear_menu_item_id(); }},
      {"two items of one id", "menu_items[1].menu_item_id",
       [](auto& r) { r.mutable_menu_items(1)->set_menu_item_id("i0"); }},
      {"item without name", "menu_items[0].display_name",
       [](auto& r) { FirstItem(r).clear_display_name(); }},
      {"item for nothing", "", [](auto& r) { FirstItem(r).mutable_price()->set_units(0); }},
      {"item without price", "menu_items[0].price", [](auto& r) { FirstItem(r).clear_price(); }},
      {"item below zero", "menu_items[1].price",
       [](auto& r) {
         r.mutable_menu_items(1)->mutable_price()->set_units(-1);
         r.mutable_menu_items(1)->mutable_price()->set_nanos(0);
       }},
      {"signs that differ", "menu_items[0].price",
       [](auto& r) { FirstItem(r).mutable_price()->set_units(-1); }},
      {"item in euros", "menu_items[0].price",
       [](auto& r) { FirstItem(r).mutable_price()->set_currency_code("EUR"); }},
      {"unknown availability", "menu_items[0].availability",
       [](auto& r) { FirstItem(r).set_availability(static_cast<rv1::MenuItem::Availability>(3)); }},
      {"no category", "", [](auto& r) { FirstItem(r).clear_category(); }},
      {"category of 100", "", [](auto& r) { FirstItem(r).set_category(std::string(100, 'c')); }},
      {"category of 101", "menu_items[0].category",
       [](auto& r) { FirstItem(r).set_category(std::string(101, 'c')); }},
      {"1000 items", "",
       [](auto& r) {
         for (int i = 2; i < 1000; ++i) *r.add_menu_items() = Item("i" + std::to_string(i), 1);
       }},
      {"1001 items", "menu_items",
       [](auto& r) {
         for (int i = 2; i < 1001; ++i) *r.add_menu_items() = Item("i" + std::to_string(i), 1);
       }},
  };
  return kAll;
}

TEST_CASE("Restaurant: a new restaurant that cannot be is refused, and the field is named") {
  const TempDir dir;
  Restaurants service(dir.File("r.db"));
  int accepted = 0;
  for (const BadNew& bad : BadNews()) {
    INFO(bad.what);
    auto request = NewRestaurant("r" + std::to_string(&bad - BadNews().data()));
    bad.spoil(*request.mutable_restaurant());
    const std::string field = bad.field;
    CHECK(Said(service.Call(&RestaurantStub::CreateRestaurant, request)) ==
          (field.empty() ? "OK" : kBad + "restaurant." + field));
    accepted += field.empty() ? 1 : 0;
  }
  CHECK(Said(service.Call(&RestaurantStub::CreateRestaurant, rv1::CreateRestaurantRequest())) ==
        kBad + "restaurant.display_name restaurant.minimum_order");
  const auto page = service.Call(&RestaurantStub::ListRestaurants, rv1::ListRestaurantsRequest());
  REQUIRE(page.ok());
  CHECK(page->restaurants_size() == accepted);  // what was refused is not there
}

TEST_CASE("Restaurant: a change that cannot be is refused, and the field is named") {
  const TempDir dir;
  Restaurants service(dir.File("r.db"));
  REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r1")).ok());
  const auto update = [&](const rv1::UpdateRestaurantRequest& request) {
    return Said(service.Call(&RestaurantStub::UpdateRestaurant, request));
  };
  CHECK(update({}) == kBad + "restaurant.restaurant_id update_mask");
  rv1::UpdateRestaurantRequest request;
  request.mutable_restaurant()->set_restaurant_id("r1");
  request.mutable_update_mask()->add_paths("menu_items");
  CHECK(update(request) == kBad + "update_mask");
  for (const char* path : {"display_name", "opening_state", "minimum_order"}) {
    request.mutable_update_mask()->set_paths(0, path);
    CHECK(update(request) == kBad + "restaurant." + path);
  }
  request.mutable_restaurant()->set_display_name("Fine");
  request.mutable_update_mask()->set_paths(0, "display_name");
  request.set_expected_version(-1);
  CHECK(update(request) == kBad + "expected_version");

  const auto revise = [&](const rv1::ReviseMenuRequest& revision) {
    return Said(service.Call(&RestaurantStub::ReviseMenu, revision));
  };
  CHECK(revise({}) == kBad + "restaurant_id put_items");
  CHECK(revise(Revision("r1")) == kBad + "put_items");
  auto revision = Revision("r1");
  *revision.add_put_items() = Item("i0", 1);
  *revision.add_put_items() = Item("i0", 2);
  revision.add_remove_menu_item_ids("i0");
  revision.add_remove_menu_item_ids("i1");
  revision.add_remove_menu_item_ids("i1");
  revision.add_remove_menu_item_ids("I 1");
  CHECK(revise(revision) ==
        kBad +
            "put_items[1].menu_item_id remove_menu_item_ids[0] remove_menu_item_ids[2] "
            "remove_menu_item_ids[3]");
  revision = Revision("r1");
  *revision.add_put_items() = Item("i0", 1);
  revision.mutable_put_items(0)->mutable_price()->set_nanos(-1);
  revision.mutable_put_items(0)->mutable_price()->set_units(1);
  CHECK(revise(revision) == kBad + "put_items[0].price");
  const auto read = service.Call(&RestaurantStub::GetRestaurant, WhichRestaurant("r1"));
  REQUIRE(read.ok());
  CHECK(read->version() == 1);
  CHECK(Said(service.Call(&RestaurantStub::GetRestaurant, WhichRestaurant(""))) ==
        kBad + "restaurant_id");
}

TEST_CASE("Restaurant: a question that cannot be is refused, and the field is named") {
  const TempDir dir;
  Restaurants service(dir.File("r.db"));
  REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r1")).ok());
  const auto ask = [&](const std::function<void(rv1::ValidateOrderDetailsRequest&)>& spoil) {
    auto request = Order("r1");
    spoil(request);
    return Said(service.Call(&RestaurantStub::ValidateOrderDetails, request));
  };
  const auto add_lines = [](auto& q, int lines) {
    while (q.lines_size() < lines) *q.add_lines() = q.lines(0);
  };
  CHECK(ask([](auto& q) { q.Clear(); }) ==
        kBad +
            "order_id restaurant_id lines delivery_address.street delivery_address.city "
            "delivery_address.postal_code");
  CHECK(ask([](auto& q) { q.set_order_id("O"); }) == kBad + "order_id");
  CHECK(ask([](auto& q) { q.clear_lines(); }) == kBad + "lines");
  CHECK(ask([&](auto& q) { add_lines(q, 100); }) == "OK");
  CHECK(ask([&](auto& q) { add_lines(q, 101); }) == kBad + "lines");
  CHECK(ask([](auto& q) { q.mutable_lines(0)->set_quantity(0); }) == kBad + "lines[0].quantity");
  CHECK(ask([](auto& q) { q.mutable_lines(0)->set_quantity(-1); }) == kBad + "lines[0].quantity");
  CHECK(ask([](auto& q) { q.mutable_lines(0)->set_quantity(1000); }) == "OK");
  CHECK(ask([](auto& q) { q.mutable_lines(0)->set_quantity(1001); }) == kBad + "lines[0].quantity");
  CHECK(ask([&](auto& q) {
          add_lines(q, 3);
          q.mutable_lines(2)->clear_menu_item_id();
        }) == kBad + "lines[2].menu_item_id");
  CHECK(ask([](auto& q) { q.mutable_delivery_address()->set_street(std::string(201, 's')); }) ==
        kBad + "delivery_address.street");
  CHECK(ask([](auto& q) { q.mutable_delivery_address()->set_city(std::string(101, 'c')); }) ==
        kBad + "delivery_address.city");
  CHECK(ask([](auto& q) { q.mutable_delivery_address()->set_postal_code(std::string(17, 'p')); }) ==
        kBad + "delivery_address.postal_code");
}

}  // namespace
}  // namespace lockstep::test
