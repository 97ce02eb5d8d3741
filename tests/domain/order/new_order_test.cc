// What a new order may hold, and when two of them are the same.
#include "order/domain/new_order.h"

#include <set>

#include "common/base/limits.h"
#include "order/domain/fnv.h"
#include "tests/domain/order/sample.h"
#include "tests/domain/violations.h"
#include "tests/support/catch.h"

namespace lockstep::order {
namespace {

using namespace std::chrono_literals;

struct Change {
  const char* what;
  void (*apply)(NewOrder&);
  const char* field;  // that is named; empty: none
};

TEST_CASE("each field of a new order has its limit, and is named one past it") {
  const Change change = GENERATE(values<Change>({
      {"nothing", [](NewOrder&) {}, ""},
      {"no request id", [](NewOrder& o) { o.request_id.clear(); }, ""},
      {"request id at its limit", [](NewOrder& o) { o.request_id.assign(64, 'R'); }, ""},
      {"request id too long", [](NewOrder& o) { o.request_id.assign(65, 'R'); }, "request_id"},
      {"request id with a space", [](NewOrder& o) { o.request_id = "a b"; }, "request_id"},
      {"no consumer", [](NewOrder& o) { o.consumer_id.clear(); }, "consumer_id"},
      {"consumer at its limit", [](NewOrder& o) { o.consumer_id.assign(64, 'c'); }, ""},
      {"consumer too long", [](NewOrder& o) { o.consumer_id.assign(65, 'c'); }, "consumer_id"},
      {"consumer in capitals", [](NewOrder& o) { o.consumer_id = "C"; }, "consumer_id"},
      {"no restaurant", [](NewOrder& o) { o.restaurant_id.clear(); }, "restaurant_id"},
      {"restaurant at its limit", [](NewOrder& o) { o.restaurant_id.assign(64, 'r'); }, ""},
      {"restaurant too long", [](NewOrder& o) { o.restaurant_id.assign(65, 'r'); },
       "restaurant_id"},
      {"no lines", [](NewOrder& o) { o.lines.clear(); }, "lines"},
      {"lines at their limit", [](NewOrder& o) { o.lines.assign(100, {"naan", 1}); }, ""},
      {"a line too many", [](NewOrder& o) { o.lines.assign(101, {"naan", 1}); }, "lines"},
      {"no item", [](NewOrder& o) { o.lines[1].menu_item_id.clear(); }, "lines[1].menu_item_id"},
      {"item at its limit", [](NewOrder& o) { o.lines[1].menu_item_id.assign(64, 'i'); }, ""},
      {"item too long", [](NewOrder& o) { o.lines[1].menu_item_id.assign(65, 'i'); },
       "lines[1].menu_item_id"},
      {"quantity at its least", [](NewOrder& o) { o.lines[2].quantity = 1; }, ""},
      {"quantity zero", [](NewOrder& o) { o.lines[2].quantity = 0; }, "lines[2].quantity"},
      {"quantity below zero", [](NewOrder& o) { o.lines[2].quantity = -1; }, "lines[2].quantity"},
      {"quantity at its limit", [](NewOrder& o) { o.lines[0].quantity = 1000; }, ""},
      {"quantity too large", [](NewOrder& o) { o.lines[0].quantity = 1001; }, "lines[0].quantity"},
      {"no street", [](NewOrder& o) { o.delivery_address.street.clear(); },
       "delivery_address.street"},
      {"street at its limit", [](NewOrder& o) { o.delivery_address.street.assign(200, 's'); }, ""},
      {"street too long", [](NewOrder& o) { o.delivery_address.street.assign(201, 's'); },
       "delivery_address.street"},
      {"no city", [](NewOrder& o) { o.delivery_address.city.clear(); }, "delivery_address.city"},
      {"city at its limit", [](NewOrder& o) { o.delivery_address.city.assign(100, 'c'); }, ""},
      {"city too long", [](NewOrder& o) { o.delivery_address.city.assign(101, 'c'); },
       "delivery_address.city"},
      {"city not UTF-8", [](NewOrder& o) { o.delivery_address.city = "\xff"; },
       "delivery_address.city"},
      {"no postal code", [](NewOrder& o) { o.delivery_address.postal_code.clear(); },
       "delivery_address.postal_code"},
      {"postal code at its limit",
       [](NewOrder& o) { o.delivery_address.postal_code.assign(16, 'P'); }, ""},
      {"postal code too long", [](NewOrder& o) { o.delivery_address.postal_code.assign(17, 'P'); },
       "delivery_address.postal_code"},
  }));
  CAPTURE(change.what);
  NewOrder order = SampleOrder();
  change.apply(order);
  REQUIRE(FieldsOf(order) == (*change.field == '\0' ? Strings{} : Strings{change.field}));
}

TEST_CASE("everything wrong with an order is named at once") {
  NewOrder order;
  order.request_id = "?";
  order.lines = {{"", 0}, {"fine", 1}, {"Naan", 2000}};
  REQUIRE(FieldsOf(order) == Strings{"request_id", "consumer_id", "restaurant_id",
                                     "lines[0].menu_item_id", "lines[0].quantity",
                                     "lines[2].menu_item_id", "lines[2].quantity",
                                     "delivery_address.street", "delivery_address.city",
                                     "delivery_address.postal_code"});
}

TEST_CASE("options: timeouts above zero, a reserve of zero or more, all at most an hour") {
  OrderOptions options;
  REQUIRE(FieldsOf(options).empty());
  options.consumer_timeout = 1ns;
  options.restaurant_timeout = 1h;
  options.reserve = 0ns;
  REQUIRE(FieldsOf(options).empty());
  options.reserve = 1h;
  REQUIRE(FieldsOf(options).empty());

  options.consumer_timeout = 0ns;
  options.restaurant_timeout = 1h + 1ns;
  options.reserve = -1ns;
  REQUIRE(FieldsOf(options) ==
          Strings{"options.consumer_timeout", "options.restaurant_timeout", "options.reserve"});
  options = {};
  options.reserve = 1h + 1ns;
  REQUIRE(FieldsOf(options) == Strings{"options.reserve"});
}

TEST_CASE("a style has a name, and the name the style") {
  for (const Style style : {Style::kBlocking, Style::kNonBlocking}) {
    REQUIRE(StyleFromName(StyleName(style)) == style);
  }
  REQUIRE(StyleName(Style::kNonBlocking) == "NON_BLOCKING");
  REQUIRE_FALSE(StyleFromName("UNSPECIFIED").has_value());
}

TEST_CASE("FNV-1a gives the published values") {
  const auto hash = [](std::string_view text) {
    Fnv128 fnv;
    fnv.Add(text);
    return fnv.Hex();
  };
  REQUIRE(hash("") == "6c62272e07bb014262b821756295c58d");
  REQUIRE(hash("a") == "d228cb696f1a8caf78912b704e4a8964");
  REQUIRE(hash("foobar") == "343e1662793c64bf6f0d3597ba446f18");
}

TEST_CASE("the fingerprint is of the content, and of all of it") {
  const NewOrder sample = SampleOrder();
  NewOrder other = sample;
  other.request_id = "another";
  REQUIRE(Fingerprint(other) == Fingerprint(sample));

  std::set<std::string> seen = {Fingerprint(sample)};
  void (*const changes[])(NewOrder&) = {
      [](NewOrder& o) { o.consumer_id += "x"; },
      [](NewOrder& o) { o.restaurant_id += "x"; },
      [](NewOrder& o) { std::swap(o.consumer_id, o.restaurant_id); },
      [](NewOrder& o) { o.lines[0].quantity = 3; },
      [](NewOrder& o) { o.lines[0].menu_item_id = "korm"; },
      [](NewOrder& o) { std::swap(o.lines[0], o.lines[1]); },
      [](NewOrder& o) { o.lines.pop_back(); },
      [](NewOrder& o) { o.lines.push_back({"korma", 1}); },
      [](NewOrder& o) { o.lines.clear(); },
      [](NewOrder& o) { o.delivery_address.street += " "; },
      [](NewOrder& o) { o.delivery_address.city = "cambridge"; },
      [](NewOrder& o) { o.delivery_address.postal_code = "CB21RX"; },
  };
  for (const auto change : changes) {
    NewOrder changed = sample;
    change(changed);
    REQUIRE(seen.insert(Fingerprint(changed)).second);
  }
}

TEST_CASE("what moves from one field to the next changes the fingerprint") {
  NewOrder a = SampleOrder();
  NewOrder b = SampleOrder();
  a.delivery_address = {"ab", "c", "d"};
  b.delivery_address = {"a", "bc", "d"};
  REQUIRE(Fingerprint(a) != Fingerprint(b));
  a.lines = {{"1", 12}};
  b.lines = {{"11", 2}};
  b.delivery_address = a.delivery_address;
  REQUIRE(Fingerprint(a) != Fingerprint(b));
}

TEST_CASE("a fingerprint never changes: it is stored") {
  REQUIRE(Fingerprint(SampleOrder()) == "de5d3837c2a89df718b75538a8b504e1");
}

}  // namespace
}  // namespace lockstep::order
