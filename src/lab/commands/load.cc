// lockstep load: sample data, or a menu of the user's own, into running services.
#include "lab/commands/command.h"
#include "lab/loading.h"
#include "lab/progress.h"
#include "lab/table.h"
#include "lab/values.h"

namespace lockstep::lab {
namespace {

struct LoadArguments {
  std::string menu_file;
  std::string restaurant_id;
  std::string name;
  std::string currency = "GBP";
  std::string minimum_order = "0";
  std::string consumers_file;
  std::vector<std::string> areas;
};

StatusOr<restaurant::v1::Restaurant> RestaurantFrom(const LoadArguments& arguments) {
  auto menu = ReadMenu(arguments.menu_file, arguments.currency);
  if (!menu.ok()) return menu.status();
  auto minimum = ParseMoney(arguments.minimum_order, arguments.currency);
  if (!minimum.ok()) return minimum.status();
  restaurant::v1::Restaurant restaurant;
  restaurant.set_restaurant_id(arguments.restaurant_id);
  restaurant.set_display_name(arguments.name.empty() ? arguments.restaurant_id : arguments.name);
  restaurant.set_opening_state(restaurant::v1::Restaurant::OPENING_STATE_OPEN);
  *restaurant.mutable_minimum_order() = *std::move(minimum);
  restaurant.mutable_delivery_area()->mutable_postal_code_prefixes()->Assign(
      arguments.areas.begin(), arguments.areas.end());
  restaurant.mutable_menu_items()->Assign(menu->begin(), menu->end());
  return restaurant;
}

// What the files hold: with --menu that one restaurant, else the sample data.
struct Files {
  std::vector<restaurant::v1::Restaurant> restaurants;
  std::vector<SampleConsumer> consumers;
};

StatusOr<Files> ReadFiles(const Context& context, const LoadArguments& arguments) {
  Files files;
  std::filesystem::path consumers_file = arguments.consumers_file;
  if (!arguments.menu_file.empty()) {
    auto restaurant = RestaurantFrom(arguments);
    if (!restaurant.ok()) return restaurant.status();
    files.restaurants.push_back(*std::move(restaurant));
  } else {
    const auto folder = FindSamples(context.samples_folder);
    if (!folder.ok()) return folder.status();
    auto restaurants = ReadRestaurants(*folder);
    if (!restaurants.ok()) return restaurants.status();
    files.restaurants = *std::move(restaurants);
    if (consumers_file.empty()) consumers_file = *folder / "consumers.csv";
  }
  if (!consumers_file.empty()) {
    auto consumers = ReadConsumers(consumers_file);
    if (!consumers.ok()) return consumers.status();
    files.consumers = *std::move(consumers);
  }
  return files;
}

int Load(const Context& context, const LoadArguments& arguments) {
  const StatusOr<Files> files = ReadFiles(context, arguments);
  if (!files.ok()) return Fail(context, files.status());
  Loaded loaded;
  RestaurantPeer restaurants(context.addresses.restaurant.business, context.timeout);
  ConsumerPeer consumers(context.addresses.consumer.business, context.timeout);
  {
    Progress progress("restaurants", std::ssize(files->restaurants), context.is_json);
    const Status status = LoadRestaurants(restaurants, files->restaurants, loaded,
                                          [&](int done) { progress.At(done); });
    if (!status.ok()) return Fail(context, status);
  }
  Progress progress("consumers", std::ssize(files->consumers), context.is_json);
  const Status status =
      LoadConsumers(consumers, files->consumers, loaded, [&](int done) { progress.At(done); });
  if (!status.ok()) return Fail(context, status);
  progress.Done();
  if (context.is_json) {
    Json json;
    Put(json, "restaurants", loaded.restaurants);
    Put(json, "menu_items", loaded.menu_items);
    Put(json, "consumers", loaded.consumers);
    Put(json, "changed", loaded.changed);
    Print(JsonText(json));
  } else {
    Print(fmt::format("{} restaurants with {} menu items and {} consumers are there{}.\n",
                      CountText(loaded.restaurants), CountText(loaded.menu_items),
                      CountText(loaded.consumers),
                      loaded.changed > 0 ? fmt::format("; {} were changed", loaded.changed) : ""));
  }
  return kExitDone;
}

}  // namespace

void AddLoad(CLI::App& app, Context& context) {
  CLI::App& load = *app.add_subcommand(
      "load", "Puts the sample data, or a menu from a CSV file, into the services");
  const auto arguments = std::make_shared<LoadArguments>();
  auto* menu = load.add_option("--menu", arguments->menu_file,
                               "Menu: columns Item Name, Product Price, optionally Category and "
                               "Availability; instead of the sample data")
                   ->check(CLI::ExistingFile);
  auto* id = load.add_option("--restaurant", arguments->restaurant_id, "Id of its restaurant")
                 ->needs(menu);
  menu->needs(id);
  load.add_option("--name", arguments->name, "Name of its restaurant")->needs(menu);
  load.add_option("--currency", arguments->currency, "Currency of its prices")
      ->needs(menu)
      ->capture_default_str();
  load.add_option("--minimum-order", arguments->minimum_order, "The least an order must cost")
      ->needs(menu)
      ->capture_default_str();
  load.add_option("--area", arguments->areas, "Postal code prefixes it delivers to; all without")
      ->needs(menu);
  load.add_option("--consumers", arguments->consumers_file,
                  "Consumers, with the columns of samples/consumers.csv")
      ->check(CLI::ExistingFile);
  SetExamples(load,
              "  lockstep load\n"
              "  lockstep load --menu menu.csv --restaurant spice-house --name \"Spice House\"\n"
              "Loading again changes only what differs.");
  load.callback([&context, arguments] {
    context.run = [&context, arguments] { return Load(context, *arguments); };
  });
}

}  // namespace lockstep::lab
