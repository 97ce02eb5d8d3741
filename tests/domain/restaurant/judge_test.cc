// How an order is judged and priced.
#include "restaurant/domain/judge.h"

#include <random>

#include "tests/domain/restaurant/sample.h"
#include "tests/domain/violations.h"
#include "tests/support/catch.h"

namespace lockstep::restaurant {
namespace {

Question Asked(std::vector<OrderLine> lines) {
  return {"order-1", "royal-indian", std::move(lines), {"1 Mill Lane", "Cambridge", "CB2 1RX"}};
}

using Reasons = std::vector<Reason>;

Reasons ReasonsOf(const OrderDetailsVerdict& verdict) {
  Reasons reasons;
  for (const Refusal& refusal : verdict.refusals) {
    REQUIRE_FALSE(refusal.message.empty());
    reasons.push_back(refusal.reason);
  }
  REQUIRE(verdict.accepted == reasons.empty());
  REQUIRE(verdict.total.has_value() == verdict.accepted);
  REQUIRE(verdict.lines.empty() == !verdict.accepted);
  REQUIRE(verdict.order_id == "order-1");
  REQUIRE(verdict.restaurant_id == "royal-indian");
  REQUIRE(verdict.judge_time == kNow);
  REQUIRE(verdict.node == "node-1");
  return reasons;
}

OrderDetailsVerdict Judged(const Restaurant& restaurant, const Question& question) {
  return Judge(&restaurant, question, kNow, "node-1");
}

TEST_CASE("lines are priced in the order asked, two of one item each for itself") {
  const OrderDetailsVerdict verdict =
      Judged(Sample(), Asked({{"korma", 2}, {"naan", 3}, {"korma", 1}}));
  REQUIRE(ReasonsOf(verdict).empty());
  REQUIRE(verdict.restaurant_version == 1);
  REQUIRE(verdict.lines ==
          std::vector<PricedLine>{
              {"korma", "Name of korma", 2, Pounds(8), Pounds(16)},
              {"naan", "Name of naan", 3, Pounds(2, 600'000'000), Pounds(7, 800'000'000)},
              {"korma", "Name of korma", 1, Pounds(8), Pounds(8)}});
  REQUIRE(verdict.total == Pounds(31, 800'000'000));
}

TEST_CASE("the minimum can be met exactly") {
  Restaurant restaurant = Sample();
  restaurant.minimum_order = Pounds(16);
  REQUIRE(ReasonsOf(Judged(restaurant, Asked({{"korma", 2}}))).empty());
  restaurant.minimum_order = Pounds(16, 1);
  REQUIRE(ReasonsOf(Judged(restaurant, Asked({{"korma", 2}}))) ==
          Reasons{Reason::kMinimumOrderNotMet});
}

TEST_CASE("each reason against an order") {
  Restaurant restaurant = Sample();
  Question question = Asked({{"korma", 2}});
  SECTION("closed") {
    restaurant.opening_state = OpeningState::kClosed;
    REQUIRE(ReasonsOf(Judged(restaurant, question)) == Reasons{Reason::kRestaurantClosed});
  }
  SECTION("an item that is not on the menu, named once") {
    question.lines = {{"korma", 2}, {"pizza", 1}, {"pizza", 1}};
    const OrderDetailsVerdict verdict = Judged(restaurant, question);
    REQUIRE(ReasonsOf(verdict) == Reasons{Reason::kMenuItemUnknown});
    REQUIRE(verdict.refusals[0].menu_item_id == "pizza");
    REQUIRE(verdict.refusals[0].message ==
            "menu item pizza is not sold by restaurant royal-indian");
  }
  SECTION("an item that is sold out") {
    question.lines = {{"korma", 2}, {"lassi", 1}};
    const OrderDetailsVerdict verdict = Judged(restaurant, question);
    REQUIRE(ReasonsOf(verdict) == Reasons{Reason::kMenuItemSoldOut});
    REQUIRE(verdict.refusals[0].menu_item_id == "lassi");
  }
  SECTION("an address outside the delivery area") {
    question.delivery_address.postal_code = "CB3 9AA";
    REQUIRE(ReasonsOf(Judged(restaurant, question)) == Reasons{Reason::kOutsideDeliveryArea});
  }
  SECTION("less than the minimum") {
    question.lines = {{"korma", 1}};
    const OrderDetailsVerdict verdict = Judged(restaurant, question);
    REQUIRE(ReasonsOf(verdict) == Reasons{Reason::kMinimumOrderNotMet});
    REQUIRE(verdict.refusals[0].message ==
            "the order costs 8.00 GBP, restaurant royal-indian takes orders from 12.00 GBP on");
  }
  SECTION("no such restaurant") {
    const OrderDetailsVerdict verdict = Judge(nullptr, question, kNow, "node-1");
    REQUIRE(ReasonsOf(verdict) == Reasons{Reason::kRestaurantUnknown});
    REQUIRE(verdict.restaurant_version == 0);
  }
}

TEST_CASE("all reasons are told at once, and the minimum is judged if all lines have a price") {
  Restaurant restaurant = Sample();
  restaurant.opening_state = OpeningState::kClosed;
  Question question = Asked({{"lassi", 1}, {"naan", 1}});
  question.delivery_address.postal_code = "EC1A 1BB";
  REQUIRE(ReasonsOf(Judged(restaurant, question)) ==
          Reasons{Reason::kRestaurantClosed, Reason::kMenuItemSoldOut, Reason::kOutsideDeliveryArea,
                  Reason::kMinimumOrderNotMet});
  question.lines = {{"pizza", 1}, {"lassi", 1}, {"naan", 1}, {"soup", 1}};
  REQUIRE(ReasonsOf(Judged(restaurant, question)) ==
          Reasons{Reason::kRestaurantClosed, Reason::kMenuItemUnknown, Reason::kMenuItemSoldOut,
                  Reason::kMenuItemUnknown, Reason::kOutsideDeliveryArea});
}

TEST_CASE("an order up to the largest amount has a price, one past it is refused") {
  Restaurant restaurant = Draft();
  restaurant.menu = Menu({Item("gold", Pounds(Money::kUnitsMax / 2)), Item("dust", Pounds(0, 1)),
                          Item("air", Pounds(0))});
  restaurant = Begin(restaurant, kCreated);
  const OrderDetailsVerdict largest = Judged(restaurant, Asked({{"gold", 2}, {"air", 1000}}));
  REQUIRE(ReasonsOf(largest).empty());
  REQUIRE(largest.total == Pounds(Money::kUnitsMax));
  REQUIRE(ReasonsOf(Judged(restaurant, Asked({{"gold", 2}, {"dust", 1}}))) ==
          Reasons{Reason::kTotalTooLarge});
  REQUIRE(ReasonsOf(Judged(restaurant, Asked({{"gold", 1000}}))) ==
          Reasons{Reason::kTotalTooLarge});
}

TEST_CASE("an order of nothing but free items costs nothing") {
  Restaurant restaurant = Draft();
  restaurant.minimum_order = Pounds(0);
  restaurant.menu = Menu({Item("water", Pounds(0))});
  const OrderDetailsVerdict verdict = Judged(Begin(restaurant, kCreated), Asked({{"water", 5}}));
  REQUIRE(ReasonsOf(verdict).empty());
  REQUIRE(verdict.total == Pounds(0));
}

TEST_CASE("a delivery area compares postal codes without spaces and in upper case") {
  const DeliveryArea area({"CB1", "cb 2", "S"});
  for (const char* inside : {"CB1", "cb1 2ab", "C B 1", "CB2 1RX", "cb21rx", "SW1A 1AA", "CB10"}) {
    CAPTURE(inside);
    REQUIRE(area.Contains(inside));
  }
  for (const char* outside : {"CB", "CB3 1AA", "XCB1", "1CB1", "W1"}) {
    CAPTURE(outside);
    REQUIRE_FALSE(area.Contains(outside));
  }
  REQUIRE(DeliveryArea().Contains("anywhere"));
  REQUIRE(area.postal_code_prefixes() == Strings{"CB1", "cb 2", "S"});
}

TEST_CASE("a menu finds each of its items, and no other, copied or not") {
  std::vector<MenuItem> items;
  items.reserve(1000);
  for (int i = 0; i < 1000; ++i) items.push_back(Item("item-" + std::to_string(i), Pounds(i)));
  std::shuffle(items.begin(), items.end(), std::mt19937(7));
  const Menu menu = [&] {
    const Menu original(items);
    return Menu(original);  // the original is gone when the copy is asked
  }();
  REQUIRE(menu.items() == items);  // in the order given
  for (const MenuItem& item : items) {
    const MenuItem* found = menu.Find(item.menu_item_id);
    REQUIRE(found != nullptr);
    REQUIRE(*found == item);
  }
  for (const char* absent : {"", "a", "item-", "item-1000", "item-00", "z"}) {
    CAPTURE(absent);
    REQUIRE(menu.Find(absent) == nullptr);
  }
  REQUIRE(Menu().Find("item-1") == nullptr);
}

struct Change {
  const char* what;
  void (*apply)(Question&);
  const char* field;
};

TEST_CASE("each field of a question has its limit, and is named one past it") {
  const auto change = GENERATE(values<Change>({
      {"nothing", [](Question&) {}, ""},
      {"no order", [](Question& q) { q.order_id.clear(); }, "order_id"},
      {"no restaurant", [](Question& q) { q.restaurant_id.clear(); }, "restaurant_id"},
      {"restaurant too long", [](Question& q) { q.restaurant_id.assign(65, 'r'); },
       "restaurant_id"},
      {"no lines", [](Question& q) { q.lines.clear(); }, "lines"},
      {"lines at their limit", [](Question& q) { q.lines.assign(100, {"naan", 1000}); }, ""},
      {"a line too many", [](Question& q) { q.lines.assign(101, {"naan", 1}); }, "lines"},
      {"no item", [](Question& q) { q.lines[0].menu_item_id.clear(); }, "lines[0].menu_item_id"},
      {"quantity zero", [](Question& q) { q.lines[0].quantity = 0; }, "lines[0].quantity"},
      {"quantity too large", [](Question& q) { q.lines[0].quantity = 1001; }, "lines[0].quantity"},
      {"street too long", [](Question& q) { q.delivery_address.street.assign(201, 's'); },
       "delivery_address.street"},
      {"city too long", [](Question& q) { q.delivery_address.city.assign(101, 'c'); },
       "delivery_address.city"},
      {"postal code too long", [](Question& q) { q.delivery_address.postal_code.assign(17, 'p'); },
       "delivery_address.postal_code"},
  }));
  CAPTURE(change.what);
  Question question = Asked({{"korma", 2}});
  change.apply(question);
  REQUIRE(FieldsOf(question) == (*change.field == '\0' ? Strings{} : Strings{change.field}));
}

}  // namespace
}  // namespace lockstep::restaurant
