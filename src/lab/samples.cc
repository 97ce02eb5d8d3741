#include "lab/samples.h"

#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <sstream>

#include "lab/csv.h"
#include "lab/values.h"

namespace lockstep::lab {
namespace {

namespace fs = std::filesystem;

// The cells of one row by column name; missing optional columns read as empty.
class Columns {
 public:
  static StatusOr<Columns> Of(const CsvTable& table, std::initializer_list<const char*> required,
                              std::initializer_list<const char*> optional = {}) {
    Columns columns;
    for (const char* name : required) {
      const StatusOr<std::size_t> index = table.Column(name);
      if (!index.ok()) return index.status();
      columns.index_[name] = *index;
    }
    for (const char* name : optional) {
      if (const auto index = table.OptionalColumn(name)) columns.index_[name] = *index;
    }
    return columns;
  }

  std::string Cell(const CsvTable::Row& row, const std::string& name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? std::string() : row.cells[found->second];
  }

 private:
  std::map<std::string, std::size_t> index_;
};

StatusOr<restaurant::v1::MenuItem::Availability> ParseAvailability(const std::string& text) {
  if (text.empty() || text == "available") {
    return restaurant::v1::MenuItem::AVAILABILITY_AVAILABLE;
  }
  if (text == "sold out") return restaurant::v1::MenuItem::AVAILABILITY_SOLD_OUT;
  return MakeError(StatusCode::kInvalidArgument, "VALUE_INVALID",
                   fmt::format("Availability is \"{}\"; write available or sold out", text));
}

StatusOr<restaurant::v1::Restaurant> RestaurantOf(const CsvTable::Row& row,
                                                  const Columns& columns) {
  restaurant::v1::Restaurant restaurant;
  restaurant.set_restaurant_id(columns.Cell(row, "Restaurant"));
  restaurant.set_display_name(columns.Cell(row, "Name"));
  const std::string state = columns.Cell(row, "Opening State");
  if (state != "open" && state != "closed") {
    return MakeError(StatusCode::kInvalidArgument, "VALUE_INVALID",
                     fmt::format("Opening State is \"{}\"; write open or closed", state));
  }
  restaurant.set_opening_state(state == "open" ? restaurant::v1::Restaurant::OPENING_STATE_OPEN
                                               : restaurant::v1::Restaurant::OPENING_STATE_CLOSED);
  StatusOr<money::v1::Money> minimum =
      ParseMoney(columns.Cell(row, "Minimum Order"), columns.Cell(row, "Currency"));
  if (!minimum.ok()) return minimum.status();
  *restaurant.mutable_minimum_order() = *std::move(minimum);
  std::istringstream area(columns.Cell(row, "Delivery Area"));
  for (std::string prefix; area >> prefix;) {
    restaurant.mutable_delivery_area()->add_postal_code_prefixes(prefix);
  }
  return restaurant;
}

StatusOr<SampleConsumer> ConsumerOf(const CsvTable::Row& row, const Columns& columns) {
  SampleConsumer sample;
  sample.consumer.set_consumer_id(columns.Cell(row, "Consumer"));
  sample.consumer.set_display_name(columns.Cell(row, "Name"));
  const std::string state = columns.Cell(row, "State");
  if (state != "active" && state != "suspended") {
    return MakeError(StatusCode::kInvalidArgument, "VALUE_INVALID",
                     fmt::format("State is \"{}\"; write active or suspended", state));
  }
  sample.consumer.set_state(state == "active" ? consumer::v1::Consumer::STATE_ACTIVE
                                              : consumer::v1::Consumer::STATE_SUSPENDED);
  StatusOr<money::v1::Money> limit =
      ParseMoney(columns.Cell(row, "Order Limit"), columns.Cell(row, "Currency"));
  if (!limit.ok()) return limit.status();
  *sample.consumer.mutable_order_limit() = *std::move(limit);
  sample.address.set_street(columns.Cell(row, "Street"));
  sample.address.set_city(columns.Cell(row, "City"));
  sample.address.set_postal_code(columns.Cell(row, "Postal Code"));
  return sample;
}

}  // namespace

StatusOr<fs::path> FindSamples(const fs::path& named) {
  const char* from_environment = std::getenv("LOCKSTEP_SAMPLES");
  const fs::path wanted = !named.empty() ? named : from_environment ? from_environment : "";
  if (!wanted.empty()) {
    if (fs::exists(wanted / "restaurants.csv")) return wanted;
    return MakeError(StatusCode::kNotFound, "SAMPLES_NOT_FOUND",
                     fmt::format("{}: holds no restaurants.csv", wanted.string()));
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  for (fs::path folder = program.parent_path(); !error; folder = folder.parent_path()) {
    for (const fs::path& candidate : {folder / "samples", folder / "share/lockstep/samples"}) {
      if (fs::exists(candidate / "restaurants.csv", error)) return candidate;
    }
    if (folder == folder.root_path()) break;
  }
  return MakeError(StatusCode::kNotFound, "SAMPLES_NOT_FOUND",
                   fmt::format("no sample data in any folder above {}; name its folder with "
                               "--samples or LOCKSTEP_SAMPLES",
                               program.string()));
}

StatusOr<std::vector<restaurant::v1::MenuItem>> ReadMenu(const fs::path& file,
                                                         std::string_view currency_code) {
  const StatusOr<CsvTable> table = CsvTable::Read(file);
  if (!table.ok()) return table.status();
  const StatusOr<Columns> columns =
      Columns::Of(*table, {"Item Name", "Product Price"}, {"Category", "Availability"});
  if (!columns.ok()) return columns.status();
  std::vector<restaurant::v1::MenuItem> items;
  std::vector<std::string> names;
  std::map<std::string, std::int64_t> price_of;
  for (const CsvTable::Row& row : table->rows()) {
    const std::string name = columns->Cell(row, "Item Name");
    StatusOr<money::v1::Money> price =
        ParseMoney(columns->Cell(row, "Product Price"), currency_code);
    if (!price.ok()) return table->ErrorAt(row, MessageOf(price.status()));
    const auto availability = ParseAvailability(columns->Cell(row, "Availability"));
    if (!availability.ok()) return table->ErrorAt(row, MessageOf(availability.status()));
    const auto [known, is_new] = price_of.emplace(name, TotalNanos(*price));
    if (!is_new) {
      if (known->second == TotalNanos(*price)) continue;
      return table->ErrorAt(row, fmt::format("{} stands there with two prices", name));
    }
    restaurant::v1::MenuItem item;
    item.set_display_name(name);
    *item.mutable_price() = *std::move(price);
    item.set_availability(*availability);
    item.set_category(columns->Cell(row, "Category"));
    items.push_back(std::move(item));
    names.push_back(name);
  }
  const std::vector<std::string> ids = UniqueSlugs(names);
  for (std::size_t i = 0; i < items.size(); ++i) items[i].set_menu_item_id(ids[i]);
  return items;
}

StatusOr<std::vector<restaurant::v1::Restaurant>> ReadRestaurants(const fs::path& folder) {
  const StatusOr<CsvTable> table = CsvTable::Read(folder / "restaurants.csv");
  if (!table.ok()) return table.status();
  const StatusOr<Columns> columns = Columns::Of(
      *table,
      {"Restaurant", "Name", "Opening State", "Minimum Order", "Currency", "Delivery Area"});
  if (!columns.ok()) return columns.status();
  std::vector<restaurant::v1::Restaurant> restaurants;
  for (const CsvTable::Row& row : table->rows()) {
    StatusOr<restaurant::v1::Restaurant> restaurant = RestaurantOf(row, *columns);
    if (!restaurant.ok()) return table->ErrorAt(row, MessageOf(restaurant.status()));
    auto menu = ReadMenu(folder / "menus" / (restaurant->restaurant_id() + ".csv"),
                         restaurant->minimum_order().currency_code());
    if (!menu.ok()) return menu.status();
    restaurant->mutable_menu_items()->Assign(menu->begin(), menu->end());
    restaurants.push_back(*std::move(restaurant));
  }
  return restaurants;
}

StatusOr<std::vector<SampleConsumer>> ReadConsumers(const fs::path& file) {
  const StatusOr<CsvTable> table = CsvTable::Read(file);
  if (!table.ok()) return table.status();
  const StatusOr<Columns> columns = Columns::Of(
      *table,
      {"Consumer", "Name", "State", "Order Limit", "Currency", "Street", "City", "Postal Code"});
  if (!columns.ok()) return columns.status();
  std::vector<SampleConsumer> consumers;
  for (const CsvTable::Row& row : table->rows()) {
    StatusOr<SampleConsumer> consumer = ConsumerOf(row, *columns);
    if (!consumer.ok()) return table->ErrorAt(row, MessageOf(consumer.status()));
    consumers.push_back(*std::move(consumer));
  }
  return consumers;
}

}  // namespace lockstep::lab
