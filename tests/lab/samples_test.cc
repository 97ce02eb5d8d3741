// The project's sample data: that it is as large and as mixed as it promises, and what broken files
// say.
#include "lab/samples.h"

#include <algorithm>
#include <fstream>
#include <set>

#include "lab/history.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace lockstep::lab {
namespace {

using Restaurant = restaurant::v1::Restaurant;

TEST_CASE(
    "the sample data has 12 restaurants, 200 items, 500 consumers and 2,000 orders at least") {
  const auto folder = FindSamples(LOCKSTEP_SAMPLES_DIR);
  REQUIRE(folder.ok());
  const auto restaurants = ReadRestaurants(*folder);
  REQUIRE(restaurants.ok());
  REQUIRE(restaurants->size() >= 12);
  int items = 0;
  for (const Restaurant& restaurant : *restaurants) items += restaurant.menu_items_size();
  REQUIRE(items >= 200);
  REQUIRE(std::any_of(restaurants->begin(), restaurants->end(), [](const Restaurant& restaurant) {
    return restaurant.opening_state() == Restaurant::OPENING_STATE_CLOSED;
  }));
  const auto consumers = ReadConsumers(*folder / "consumers.csv");
  REQUIRE(consumers.ok());
  REQUIRE(consumers->size() >= 500);
  const auto history = ReadHistory(*folder / "orders.csv");
  REQUIRE(history.ok());
  REQUIRE(history->size() >= 2000);

  Menus menus;
  for (const Restaurant& restaurant : *restaurants) menus[restaurant.restaurant_id()] = restaurant;
  const auto plan = PlanReplay(*history, menus, *consumers, {"samples", "blocking", ""});
  REQUIRE(plan.ok());
  std::set<std::string> ids;
  for (const PlannedOrder& planned : *plan) ids.insert(planned.request.request_id());
  REQUIRE(ids.size() == plan->size());
}

StatusOr<std::vector<restaurant::v1::MenuItem>> Menu(const std::string& text) {
  const test::TempDir folder;  // tests run at once
  const std::string file = folder.File("menu.csv");
  std::ofstream(file, std::ios::binary) << text;
  return ReadMenu(file, "GBP");
}

TEST_CASE("a menu of two columns is enough, the same item twice is one item") {
  const auto menu = Menu("Item Name,Product Price\nNaan,2.5\nNaan,2.50\nDal,5\n");
  REQUIRE(menu.ok());
  REQUIRE(menu->size() == 2);
  REQUIRE((*menu)[0].menu_item_id() == "naan");
  REQUIRE((*menu)[0].availability() == restaurant::v1::MenuItem::AVAILABILITY_AVAILABLE);
}

TEST_CASE(
    "two prices for one item, a price that is none and an unknown availability name the row") {
  for (const char* text :
       {"Item Name,Product Price\nNaan,2.5\nNaan,3\n",
        "Item Name,Product Price\nDal,1\nNaan,free\n",
        "Item Name,Product Price,Availability\nDal,1,available\nNaan,1,gone\n"}) {
    INFO(text);
    const auto menu = Menu(text);
    REQUIRE_FALSE(menu.ok());
    REQUIRE_THAT(MessageOf(menu.status()), Catch::Contains("row 3"));
  }
}

TEST_CASE("a folder without sample data is an error that names it") {
  REQUIRE_THAT(MessageOf(FindSamples("/nowhere").status()), Catch::Contains("/nowhere"));
}

}  // namespace
}  // namespace lockstep::lab
