// A till's history, and the requests that a replay makes of it.
#include "lab/history.h"

#include <fstream>
#include <set>

#include "lab/values.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace lockstep::lab {
namespace {

using namespace std::chrono_literals;

constexpr char kHeader[] = "Order Number,Order Date,Item Name,Quantity\r\n";

StatusOr<std::vector<HistoryOrder>> Read(const std::string& text) {
  const test::TempDir folder;  // tests run at once
  const std::string file = folder.File("history.csv");
  std::ofstream(file, std::ios::binary) << text;
  return ReadHistory(file);
}

// The same, below the row of column names.
StatusOr<std::vector<HistoryOrder>> ReadLines(const std::string& lines) {
  std::string text = kHeader;
  text += lines;
  return Read(text);
}

Menus OneMenu() {
  Menus menus;
  restaurant::v1::Restaurant& restaurant = menus["r1"];
  restaurant.set_restaurant_id("r1");
  restaurant.mutable_minimum_order()->set_currency_code("GBP");
  restaurant.mutable_delivery_area()->add_postal_code_prefixes("HM1");
  restaurant.mutable_delivery_area()->add_postal_code_prefixes("HM2");
  for (const auto& [id, name, price] :
       {std::tuple{"naan", "Naan", "2.50"}, std::tuple{"dal", "Tarka Dal", "5.25"}}) {
    restaurant::v1::MenuItem* item = restaurant.add_menu_items();
    item->set_menu_item_id(id);
    item->set_display_name(name);
    *item->mutable_price() = *ParseMoney(price, "GBP");
  }
  return menus;
}

std::vector<SampleConsumer> Consumers(int count, const std::string& limit,
                                      const std::string& postal_code = "HM1 2AB") {
  std::vector<SampleConsumer> consumers(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    SampleConsumer& sample = consumers[static_cast<std::size_t>(i)];
    sample.consumer.set_consumer_id("c" + std::to_string(i));
    sample.consumer.set_state(consumer::v1::Consumer::STATE_ACTIVE);
    *sample.consumer.mutable_order_limit() = *ParseMoney(limit, "GBP");
    sample.address.set_postal_code(postal_code);
  }
  return consumers;
}

StatusOr<std::vector<PlannedOrder>> Plan(const std::string& lines,
                                         const std::vector<SampleConsumer>& consumers,
                                         const std::string& run = "replay") {
  const auto history = ReadLines(lines);
  REQUIRE(history.ok());
  return PlanReplay(*history, OneMenu(), consumers, {run, "blocking", "r1"});
}

TEST_CASE("lines of an order are gathered, the oldest order comes first") {
  const auto history = ReadLines(
      "3,2/1/2018 10:00,Naan,1\r\n"
      "2,1/1/2018 10:00,Naan,1\r\n"
      "3,2/1/2018 10:00,Naan,4\r\n"
      "1,1/1/2018 10:00,Tarka Dal,2\r\n");
  REQUIRE(history.ok());
  REQUIRE(history->size() == 3);
  REQUIRE((*history)[0].number == "1");  // the same minute as 2: the file is newest first
  REQUIRE((*history)[1].number == "2");
  REQUIRE((*history)[2].lines.size() == 2);  // the item twice, as it stands there
  REQUIRE((*history)[2].lines[1].quantity == 4);
}

TEST_CASE("a broken row is an error that names it") {
  for (const char* row : {"1,2/1/2018 10:00,Naan,0\n", "1,2/1/2018 10:00,Naan,x\n",
                          "1,2/1/2018 10:00,Naan,1.5\n", "1,2/31/2018 10:00,Naan,1\n"}) {
    INFO(row);
    const auto history = ReadLines(std::string("9,2/1/2018 10:00,Naan,1\n") + row);
    REQUIRE_FALSE(history.ok());
    REQUIRE_THAT(MessageOf(history.status()), Catch::Contains("row 3"));
  }
  REQUIRE_FALSE(ReadLines("1,2/1/2018 10:00,Naan,1\n1,3/1/2018 10:00,Naan,1\n").ok());
}

TEST_CASE("the same history makes the same requests, another run makes other request ids") {
  const auto consumers = Consumers(7, "100");
  const std::string lines = "5,1/1/2018 10:00,Naan,2\n6,1/1/2018 11:30,Tarka Dal,1\n";
  const auto plan = Plan(lines, consumers);
  REQUIRE(plan.ok());
  REQUIRE(plan->size() == 2);
  REQUIRE((*plan)[0].request.request_id() == "replay:blocking:5");
  REQUIRE((*plan)[0].request.lines(0).menu_item_id() == "naan");
  REQUIRE((*plan)[0].offset == 0s);
  REQUIRE((*plan)[1].offset == 90min);
  const auto again = Plan(lines, consumers);
  REQUIRE(again->at(1).request.SerializeAsString() == plan->at(1).request.SerializeAsString());
  const auto other = Plan(lines, consumers, "second");
  REQUIRE(other->at(0).request.request_id() == "second:blocking:5");
  REQUIRE(other->at(0).request.consumer_id() == plan->at(0).request.consumer_id());
}

TEST_CASE("orders are spread over the consumers who may pay them") {
  auto consumers = Consumers(10, "3");
  *consumers[4].consumer.mutable_order_limit() = *ParseMoney("5.25", "GBP");
  consumers[6].consumer.set_state(consumer::v1::Consumer::STATE_SUSPENDED);
  std::string lines;
  for (int number = 0; number < 200; ++number) {
    lines += std::to_string(number) + ",1/1/2018 10:00,Naan,1\n";
  }
  std::set<std::string> chosen;
  const auto plan = Plan(lines, consumers);
  for (const PlannedOrder& planned : *plan) chosen.insert(planned.request.consumer_id());
  REQUIRE(chosen.size() == 9);
  REQUIRE(chosen.count("c6") == 0);
  const auto large = Plan("1,1/1/2018 10:00,Tarka Dal,1\n", consumers);
  REQUIRE(large->at(0).request.consumer_id() == "c4");  // exactly its limit
  REQUIRE_FALSE(Plan("1,1/1/2018 10:00,Tarka Dal,2\n", consumers).ok());
}

TEST_CASE("the address is the consumer's own inside the delivery area, and else one of the area") {
  const auto inside = Plan("1,1/1/2018 10:00,Naan,1\n", Consumers(3, "9", "hm2 4ZZ"));
  REQUIRE(inside->at(0).request.delivery_address().postal_code() == "hm2 4ZZ");
  const auto outside = Plan("1,1/1/2018 10:00,Naan,1\n", Consumers(3, "9", "HM7 4ZZ"));
  const std::string code = outside->at(0).request.delivery_address().postal_code();
  REQUIRE((code == "HM1" || code == "HM2"));
}

TEST_CASE("an item that is not on the menu and an unknown restaurant stop the plan") {
  const auto missing = Plan("1,1/1/2018 10:00,Pizza,1\n", Consumers(3, "9"));
  REQUIRE_THAT(MessageOf(missing.status()), Catch::Contains("Pizza"));
  const auto history = ReadLines("1,1/1/2018 10:00,Naan,1\n");
  const auto lost = PlanReplay(*history, OneMenu(), Consumers(1, "9"), {"r", "s", "r2"});
  REQUIRE_THAT(MessageOf(lost.status()), Catch::Contains("r2"));
}

}  // namespace
}  // namespace lockstep::lab
