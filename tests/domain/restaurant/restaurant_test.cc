// Restaurants and menus: what is allowed, and how they change.
#include "restaurant/domain/restaurant.h"

#include "tests/domain/restaurant/sample.h"
#include "tests/domain/violations.h"
#include "tests/support/catch.h"

namespace lockstep::restaurant {
namespace {

Strings NewFields(const Restaurant& restaurant) {
  Violations violations;
  ValidateNew(restaurant, violations);
  return Fields(violations);
}

struct Change {
  const char* what;
  void (*apply)(Restaurant&);
  const char* field;  // that is named; empty: none
};

std::vector<MenuItem> ManyItems(int count) {
  std::vector<MenuItem> items;
  items.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) items.push_back(Item("i" + std::to_string(i), Pounds(1)));
  return items;
}

// The sample's menu with its second item changed.
void ChangeItem(Restaurant& restaurant, void (*change)(MenuItem&)) {
  std::vector<MenuItem> items = restaurant.menu.items();
  change(items[1]);
  restaurant.menu = Menu(std::move(items));
}

TEST_CASE("each field of a new restaurant has its limit, and is named one past it") {
  const auto change = GENERATE(values<Change>({
      {"nothing", [](Restaurant&) {}, ""},
      {"no id", [](Restaurant& r) { r.restaurant_id.clear(); }, "restaurant.restaurant_id"},
      {"id too long", [](Restaurant& r) { r.restaurant_id.assign(65, 'r'); },
       "restaurant.restaurant_id"},
      {"name at its limit", [](Restaurant& r) { r.display_name.assign(200, 'n'); }, ""},
      {"name too long", [](Restaurant& r) { r.display_name.assign(201, 'n'); },
       "restaurant.display_name"},
      {"closed", [](Restaurant& r) { r.opening_state = OpeningState::kClosed; }, ""},
      {"a state of the future",
       [](Restaurant& r) { r.opening_state = static_cast<OpeningState>(9); },
       "restaurant.opening_state"},
      {"no minimum", [](Restaurant& r) { r.minimum_order = Money(); }, "restaurant.minimum_order"},
      {"a minimum of nothing", [](Restaurant& r) { r.minimum_order = Pounds(0); }, ""},
      {"a minimum below zero", [](Restaurant& r) { r.minimum_order = Pounds(0, -1); },
       "restaurant.minimum_order"},
      {"delivers everywhere", [](Restaurant& r) { r.delivery_area = DeliveryArea(); }, ""},
      {"prefixes at their limit",
       [](Restaurant& r) { r.delivery_area = DeliveryArea(Strings(100, std::string(16, 'P'))); },
       ""},
      {"a prefix too many",
       [](Restaurant& r) { r.delivery_area = DeliveryArea(Strings(101, "CB1")); },
       "restaurant.delivery_area.postal_code_prefixes"},
      {"a prefix too long",
       [](Restaurant& r) { r.delivery_area = DeliveryArea({"CB1", std::string(17, 'P')}); },
       "restaurant.delivery_area.postal_code_prefixes[1]"},
      {"an empty prefix", [](Restaurant& r) { r.delivery_area = DeliveryArea({""}); },
       "restaurant.delivery_area.postal_code_prefixes[0]"},
      {"a prefix of spaces", [](Restaurant& r) { r.delivery_area = DeliveryArea({"  "}); },
       "restaurant.delivery_area.postal_code_prefixes[0]"},
      {"no menu", [](Restaurant& r) { r.menu = Menu(); }, ""},
      {"a menu at its limit", [](Restaurant& r) { r.menu = Menu(ManyItems(1000)); }, ""},
      {"an item too many", [](Restaurant& r) { r.menu = Menu(ManyItems(1001)); },
       "restaurant.menu_items"},
      {"item id too long",
       [](Restaurant& r) { ChangeItem(r, [](MenuItem& i) { i.menu_item_id.assign(65, 'i'); }); },
       "restaurant.menu_items[1].menu_item_id"},
      {"an item twice",
       [](Restaurant& r) { ChangeItem(r, [](MenuItem& i) { i.menu_item_id = "naan"; }); },
       "restaurant.menu_items[1].menu_item_id"},
      {"item name at its limit",
       [](Restaurant& r) { ChangeItem(r, [](MenuItem& i) { i.display_name.assign(200, 'n'); }); },
       ""},
      {"item name too long",
       [](Restaurant& r) { ChangeItem(r, [](MenuItem& i) { i.display_name.assign(201, 'n'); }); },
       "restaurant.menu_items[1].display_name"},
      {"item without a price",
       [](Restaurant& r) { ChangeItem(r, [](MenuItem& i) { i.price = Money(); }); },
       "restaurant.menu_items[1].price"},
      {"a free item",
       [](Restaurant& r) { ChangeItem(r, [](MenuItem& i) { i.price = Pounds(0); }); }, ""},
      {"a price below zero",
       [](Restaurant& r) { ChangeItem(r, [](MenuItem& i) { i.price = Pounds(0, -1); }); },
       "restaurant.menu_items[1].price"},
      {"a price in another currency",
       [](Restaurant& r) {
         ChangeItem(r, [](MenuItem& i) { i.price = Money::Make("EUR", 1, 0).value(); });
       },
       "restaurant.menu_items[1].price"},
      {"an availability of the future",
       [](Restaurant& r) {
         ChangeItem(r, [](MenuItem& i) { i.availability = static_cast<Availability>(3); });
       },
       "restaurant.menu_items[1].availability"},
      {"category at its limit",
       [](Restaurant& r) { ChangeItem(r, [](MenuItem& i) { i.category.assign(100, 'c'); }); }, ""},
      {"category too long",
       [](Restaurant& r) { ChangeItem(r, [](MenuItem& i) { i.category.assign(101, 'c'); }); },
       "restaurant.menu_items[1].category"},
  }));
  CAPTURE(change.what);
  Restaurant restaurant = Draft();
  change.apply(restaurant);
  REQUIRE(NewFields(restaurant) == (*change.field == '\0' ? Strings{} : Strings{change.field}));
}

TEST_CASE("a restaurant begins open, its items available, at version 1") {
  const Restaurant restaurant = Sample();
  REQUIRE(restaurant.opening_state == OpeningState::kOpen);
  REQUIRE(restaurant.menu.Find("naan")->availability == Availability::kAvailable);
  REQUIRE(restaurant.menu.Find("lassi")->availability == Availability::kSoldOut);
  REQUIRE(restaurant.version == 1);
  REQUIRE(restaurant.create_time == kCreated);
  REQUIRE(restaurant.update_time == kCreated);
}

TEST_CASE("creating again is a repetition if all but version and times is the same") {
  Restaurant stored = Sample();
  stored.version = 3;
  REQUIRE(SameContent(stored, Begin(Draft(), kNow)));
  void (*const changes[])(Restaurant&) = {
      [](Restaurant& r) { r.restaurant_id = "other"; },
      [](Restaurant& r) { r.display_name = "Other"; },
      [](Restaurant& r) { r.opening_state = OpeningState::kClosed; },
      [](Restaurant& r) { r.minimum_order = Pounds(13); },
      [](Restaurant& r) { r.delivery_area = DeliveryArea({"CB1"}); },
      [](Restaurant& r) { ChangeItem(r, [](MenuItem& i) { i.category = "Mains"; }); },
  };
  for (const auto change : changes) {
    Restaurant other = stored;
    change(other);
    REQUIRE_FALSE(SameContent(stored, other));
  }
}

TEST_CASE("an update takes over what its mask names, and nothing else") {
  RestaurantUpdate update;
  update.restaurant.restaurant_id = "royal-indian";
  update.restaurant.display_name = "Royal";
  update.restaurant.opening_state = OpeningState::kClosed;
  update.restaurant.minimum_order = Pounds(5);
  Restaurant expected = Sample();
  expected.version = 2;
  expected.update_time = kNow;
  SECTION("display_name") {
    update.mask = {"display_name"};
    expected.display_name = "Royal";
  }
  SECTION("opening_state") {
    update.mask = {"opening_state"};
    expected.opening_state = OpeningState::kClosed;
  }
  SECTION("minimum_order") {
    update.mask = {"minimum_order"};
    expected.minimum_order = Pounds(5);
  }
  SECTION("delivery_area") {
    update.mask = {"delivery_area"};
    expected.delivery_area = DeliveryArea();
  }
  REQUIRE(FieldsOf(update).empty());
  const StatusOr<Restaurant> updated = Apply(Sample(), update, kNow);
  REQUIRE(updated.ok());
  REQUIRE(*updated == expected);
}

TEST_CASE("an update checks its mask, and what the mask names") {
  RestaurantUpdate update;
  update.restaurant.restaurant_id = "royal-indian";
  REQUIRE(FieldsOf(update) == Strings{"update_mask"});
  update.mask = {"menu_items"};
  REQUIRE(FieldsOf(update) == Strings{"update_mask"});
  update.mask = {"display_name", "opening_state", "minimum_order", "delivery_area"};
  REQUIRE(FieldsOf(update) == Strings{"restaurant.display_name", "restaurant.opening_state",
                                      "restaurant.minimum_order"});
}

TEST_CASE("the currency of a menu can change only where there is no menu") {
  RestaurantUpdate update;
  update.restaurant.restaurant_id = "royal-indian";
  update.restaurant.minimum_order = Money::Make("EUR", 5, 0).value();
  update.mask = {"minimum_order"};
  const Status status = Apply(Sample(), update, kNow).status();
  REQUIRE(status.code() == StatusCode::kInvalidArgument);
  REQUIRE(Said(status) == Strings{"restaurant.minimum_order: must be in GBP, the currency of the "
                                  "menu, is in EUR"});
  Restaurant empty = Sample();
  empty.menu = Menu();
  REQUIRE(Apply(empty, update, kNow).ok());
}

TEST_CASE("a revision replaces in place, adds at the end, and removes") {
  MenuRevision revision;
  revision.restaurant_id = "royal-indian";
  revision.put_items = {Item("samosa", Pounds(4)), Item("korma", Pounds(9))};
  revision.remove_menu_item_ids = {"naan"};
  REQUIRE(FieldsOf(revision).empty());
  const StatusOr<Restaurant> revised = Apply(Sample(), revision, kNow);
  REQUIRE(revised.ok());
  REQUIRE(revised->version == 2);
  REQUIRE(revised->create_time == kCreated);
  REQUIRE(revised->update_time == kNow);
  std::vector<std::string> ids;
  for (const MenuItem& item : revised->menu.items()) ids.push_back(item.menu_item_id);
  REQUIRE(ids == Strings{"korma", "lassi", "samosa"});
  REQUIRE(revised->menu.Find("korma")->price == Pounds(9));
  REQUIRE(revised->menu.Find("samosa")->availability == Availability::kAvailable);
  REQUIRE(revised->menu.Find("naan") == nullptr);
}

TEST_CASE("a revision that changes nothing makes no new version") {
  MenuRevision revision;
  revision.restaurant_id = "royal-indian";
  revision.put_items = {Item("korma", Pounds(8))};
  const StatusOr<Restaurant> revised = Apply(Sample(), revision, kNow);
  REQUIRE(revised.ok());
  REQUIRE(*revised == Sample());
}

TEST_CASE("a revision is all or nothing, and says all that does not fit") {
  MenuRevision revision;
  revision.restaurant_id = "royal-indian";
  revision.put_items = {Item("samosa", Pounds(4)),
                        Item("pakora", Money::Make("EUR", 4, 0).value())};
  revision.remove_menu_item_ids = {"naan", "pizza"};
  const Status status = Apply(Sample(), revision, kNow).status();
  REQUIRE(status.code() == StatusCode::kInvalidArgument);
  REQUIRE(Said(status) ==
          Strings{"put_items[1].price: must be in GBP, the currency of minimum_order, is in EUR",
                  "remove_menu_item_ids[1]: must be on the menu, pizza is not"});
}

TEST_CASE("a menu holds at most a thousand items, also by revision") {
  Restaurant full = Sample();
  full.menu = Menu(ManyItems(1000));
  MenuRevision revision;
  revision.restaurant_id = "royal-indian";
  revision.put_items = {Item("samosa", Pounds(4))};
  const Status status = Apply(full, revision, kNow).status();
  REQUIRE(Said(status) ==
          Strings{"put_items: must leave at most 1000 items on the menu, leaves 1001"});
  revision.remove_menu_item_ids = {"i5"};
  REQUIRE(Apply(full, revision, kNow).ok());
  revision.put_items = {Item("i6", Pounds(4))};
  revision.remove_menu_item_ids.clear();
  REQUIRE(Apply(full, revision, kNow).ok());
}

TEST_CASE("a revision checks its items and ids before it knows the menu") {
  MenuRevision revision;
  revision.restaurant_id = "royal-indian";
  REQUIRE(FieldsOf(revision) == Strings{"put_items"});
  revision.put_items = {Item("a", Pounds(1)), Item("a", Pounds(2))};
  REQUIRE(FieldsOf(revision) == Strings{"put_items[1].menu_item_id"});
  revision.put_items = {Item("a", Pounds(1))};
  revision.remove_menu_item_ids = {"b", "a"};
  REQUIRE(FieldsOf(revision) == Strings{"remove_menu_item_ids[1]"});
  revision.remove_menu_item_ids = {"b", "b"};
  REQUIRE(FieldsOf(revision) == Strings{"remove_menu_item_ids[1]"});
  revision.remove_menu_item_ids = {"B"};
  REQUIRE(FieldsOf(revision) == Strings{"remove_menu_item_ids[0]"});
  revision.remove_menu_item_ids = Strings(1001, "b");
  REQUIRE(FieldsOf(revision) == Strings{"remove_menu_item_ids"});
  revision.remove_menu_item_ids.clear();
  revision.put_items = ManyItems(1001);
  REQUIRE(FieldsOf(revision) == Strings{"put_items"});
}

TEST_CASE("a change that expects another version is aborted") {
  RestaurantUpdate update;
  update.restaurant.restaurant_id = "royal-indian";
  update.restaurant.opening_state = OpeningState::kClosed;
  update.mask = {"opening_state"};
  update.expected_version = 2;
  MenuRevision revision;
  revision.restaurant_id = "royal-indian";
  revision.remove_menu_item_ids = {"naan"};
  revision.expected_version = 2;
  for (const Status& status :
       {Apply(Sample(), update, kNow).status(), Apply(Sample(), revision, kNow).status()}) {
    REQUIRE(status.code() == StatusCode::kAborted);
    REQUIRE(DetailOf(status).reason == "VERSION_MISMATCH");
  }
  update.expected_version = 1;
  revision.expected_version = 1;
  REQUIRE(Apply(Sample(), update, kNow).ok());
  REQUIRE(Apply(Sample(), revision, kNow).ok());
}

}  // namespace
}  // namespace lockstep::restaurant
