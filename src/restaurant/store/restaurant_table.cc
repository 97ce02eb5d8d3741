#include "restaurant/store/restaurant_table.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "common/message/tables.h"

namespace lockstep::restaurant {
namespace {

using store::Database;
using store::Statement;

// Times are nanoseconds since 1970, amounts are billionths of a unit; the prices of a menu are in
// the currency of its restaurant's minimum. Scripts are only ever added.
constexpr std::string_view kRecords = R"sql(
CREATE TABLE restaurants (
  restaurant_id TEXT NOT NULL PRIMARY KEY,
  display_name TEXT NOT NULL,
  opening_state INTEGER NOT NULL,
  currency TEXT NOT NULL,
  minimum_nanos INTEGER NOT NULL,
  version INTEGER NOT NULL,
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE delivery_prefixes (
  restaurant_id TEXT NOT NULL REFERENCES restaurants,
  place INTEGER NOT NULL,
  prefix TEXT NOT NULL,
  PRIMARY KEY (restaurant_id, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE menu_items (
  restaurant_id TEXT NOT NULL REFERENCES restaurants,
  menu_item_id TEXT NOT NULL,
  place INTEGER NOT NULL,
  display_name TEXT NOT NULL,
  price_nanos INTEGER NOT NULL,
  availability INTEGER NOT NULL,
  category TEXT NOT NULL,
  PRIMARY KEY (restaurant_id, menu_item_id)
) STRICT, WITHOUT ROWID;
)sql";
// Sums of what is set aside and sold stand beside each item, so that a question about stock reads
// one row an item; the lines of a reservation lie in one piece, so that it is one row.
constexpr std::string_view kStock = R"sql(
CREATE TABLE stock (
  restaurant_id TEXT NOT NULL REFERENCES restaurants,
  menu_item_id TEXT NOT NULL,
  stocked INTEGER CHECK (stocked >= sold + reserved),  -- NULL: unlimited, and counted all the same
  reserved INTEGER NOT NULL CHECK (reserved >= 0),
  sold INTEGER NOT NULL CHECK (sold >= 0),
  PRIMARY KEY (restaurant_id, menu_item_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE reservations (
  order_id TEXT NOT NULL PRIMARY KEY,
  restaurant_id TEXT NOT NULL,
  lines TEXT NOT NULL,                  -- empty: released before it came
  state INTEGER NOT NULL,               -- 1 held, 2 confirmed, 3 released, 4 expired
  expire_time INTEGER NOT NULL,
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_held ON reservations (expire_time) WHERE state = 1;
CREATE INDEX reservations_ended ON reservations (update_time) WHERE state >= 3;
)sql";
constexpr std::array<std::string_view, 5> kScripts = {
    kRecords, message::kMessageTables, message::kFeedTables, message::kFeedTable, kStock};

constexpr std::string_view kWrite =
    "INSERT INTO restaurants (restaurant_id, display_name, opening_state, currency, minimum_nanos, "
    "version, create_time, update_time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
    "ON CONFLICT (restaurant_id) DO UPDATE SET display_name = excluded.display_name, "
    "opening_state = excluded.opening_state, currency = excluded.currency, "
    "minimum_nanos = excluded.minimum_nanos, version = excluded.version, "
    "update_time = excluded.update_time";
constexpr std::string_view kReadItems =
    "SELECT menu_item_id, display_name, price_nanos, availability, category, "
    "EXISTS (SELECT 1 FROM stock WHERE stock.restaurant_id = ?1 AND "
    "stock.menu_item_id = menu_items.menu_item_id AND stocked IS NOT NULL) "
    "FROM menu_items WHERE restaurant_id = ?1 ORDER BY place";
constexpr std::string_view kWriteItem =
    "INSERT INTO menu_items (restaurant_id, menu_item_id, place, display_name, price_nanos, "
    "availability, category) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
    "ON CONFLICT (restaurant_id, menu_item_id) DO UPDATE SET place = excluded.place, "
    "display_name = excluded.display_name, price_nanos = excluded.price_nanos, "
    "availability = excluded.availability, category = excluded.category";

Status ReadArea(Database& database, Restaurant& restaurant) {
  std::vector<std::string> prefixes;
  Statement row =
      database.Query("SELECT prefix FROM delivery_prefixes WHERE restaurant_id = ?1 ORDER BY place",
                     restaurant.restaurant_id);
  while (row.Step()) prefixes.emplace_back(row.Text(0));
  restaurant.delivery_area = DeliveryArea(std::move(prefixes));
  return row.Finish();
}

Status ReadMenu(Database& database, Restaurant& restaurant) {
  const std::string& currency = restaurant.minimum_order.currency_code();
  std::vector<MenuItem> items;
  Statement row = database.Query(kReadItems, restaurant.restaurant_id);
  while (row.Step()) {
    items.push_back({std::string(row.Text(0)), std::string(row.Text(1)),
                     Money::FromTotalNanos(currency, row.Int64(2)),
                     static_cast<Availability>(row.Int(3)), std::string(row.Text(4)), row.Bool(5)});
  }
  restaurant.menu = Menu(std::move(items));
  return row.Finish();
}

Status WriteArea(Database& database, const Restaurant* before, const Restaurant& after) {
  if (before != nullptr) {
    if (before->delivery_area == after.delivery_area) return OkStatus();
    Status status =
        database.Run("DELETE FROM delivery_prefixes WHERE restaurant_id = ?1", after.restaurant_id);
    if (!status.ok()) return status;
  }
  std::int64_t place = 0;
  for (const std::string& prefix : after.delivery_area.postal_code_prefixes()) {
    Status status = database.Run(
        "INSERT INTO delivery_prefixes (restaurant_id, place, prefix) VALUES (?1, ?2, ?3)",
        after.restaurant_id, place++, prefix);
    if (!status.ok()) return status;
  }
  return OkStatus();
}

Status WriteMenu(Database& database, const Menu& before, const Restaurant& after) {
  for (const MenuItem& item : before.items()) {
    if (after.menu.Find(item.menu_item_id) != nullptr) continue;
    Status status =
        database.Run("DELETE FROM menu_items WHERE restaurant_id = ?1 AND menu_item_id = ?2",
                     after.restaurant_id, item.menu_item_id);
    if (!status.ok()) return status;
  }
  for (std::size_t place = 0; place < after.menu.size(); ++place) {
    const MenuItem& item = after.menu.items()[place];
    if (place < before.size() && before.items()[place] == item) continue;
    Status status =
        database.Run(kWriteItem, after.restaurant_id, item.menu_item_id,
                     static_cast<std::int64_t>(place), item.display_name, item.price.total_nanos(),
                     static_cast<int>(item.availability), item.category);
    if (!status.ok()) return status;
  }
  return OkStatus();
}

}  // namespace

const store::Schema RestaurantTable::kSchema{0x4C4B5352, kScripts};  // "LKSR"

Restaurant RestaurantTable::RecordOf(const Statement& row) {
  Restaurant restaurant;
  restaurant.restaurant_id = row.Text(0);
  restaurant.display_name = row.Text(1);
  restaurant.opening_state = static_cast<OpeningState>(row.Int(2));
  restaurant.minimum_order = Money::FromTotalNanos(std::string(row.Text(3)), row.Int64(4));
  restaurant.version = row.Int64(5);
  restaurant.create_time = WallTime(Duration(row.Int64(6)));
  restaurant.update_time = WallTime(Duration(row.Int64(7)));
  return restaurant;
}

Status RestaurantTable::ReadParts(Database& database, store::Parts parts, Restaurant& restaurant) {
  if (Status status = ReadArea(database, restaurant); !status.ok()) return status;
  return parts == store::Parts::kAll ? ReadMenu(database, restaurant) : OkStatus();
}

Status RestaurantTable::Write(Database& database, const Restaurant* before,
                              const Restaurant& after) {
  Status status = database.Run(
      kWrite, after.restaurant_id, after.display_name, static_cast<int>(after.opening_state),
      after.minimum_order.currency_code(), after.minimum_order.total_nanos(), after.version,
      after.create_time.time_since_epoch().count(), after.update_time.time_since_epoch().count());
  if (!status.ok()) return status;
  status = WriteArea(database, before, after);
  if (!status.ok()) return status;
  static const Menu kNothing;
  return WriteMenu(database, before == nullptr ? kNothing : before->menu, after);
}

}  // namespace lockstep::restaurant
