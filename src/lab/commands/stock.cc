// lockstep stock: how many portions there are, and how many are reserved, sold and left.
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lab/commands/command.h"
#include "lab/table.h"

namespace lockstep::lab {
namespace {

using restaurant::v1::RestaurantService;
using restaurant::v1::StockItem;
using Setting = std::pair<std::string, std::optional<std::int64_t>>;

struct Arguments {
  std::string restaurant_id;
  std::vector<std::string> items;  // of set: settings; of show: ids
  std::optional<std::int64_t> all;
};

// "margherita=20", "margherita=unlimited".
StatusOr<Setting> ParseSetting(const std::string& text) {
  const std::size_t sign = text.find('=');
  const std::string count = sign == std::string::npos ? "" : text.substr(sign + 1);
  if (sign != std::string::npos && sign > 0 && count == "unlimited") {
    return Setting(text.substr(0, sign), std::nullopt);
  }
  std::int64_t stocked = 0;
  const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), stocked);
  const bool is_number = error == std::errc{} && end == count.data() + count.size();
  if (sign == std::string::npos || sign == 0 || !is_number || stocked < 0) {
    return MakeError(StatusCode::kInvalidArgument, "VALUE_INVALID",
                     fmt::format("\"{}\": write margherita=20 or margherita=unlimited", text));
  }
  return Setting(text.substr(0, sign), stocked);
}

template <class Response>
int PrintItems(const Context& context, const StatusOr<Response>& answer) {
  if (!answer.ok()) return Fail(context, answer.status());
  if (context.is_json) {
    Print(JsonText(*answer));
    return kExitDone;
  }
  Table table({{"restaurant"},
               {"item"},
               {"stocked", Align::kRight},
               {"reserved", Align::kRight},
               {"sold", Align::kRight},
               {"left", Align::kRight}});
  for (const StockItem& item : answer->items()) {
    table.Add({item.restaurant_id(), item.menu_item_id(),
               item.has_stocked() ? CountText(item.stocked()) : "unlimited",
               CountText(item.reserved()), CountText(item.sold()),
               item.has_stocked() ? CountText(item.left()) : ""});
  }
  Print(table.empty() ? "No item has a stock.\n" : table.Text());
  return kExitDone;
}

int SetStock(const Context& context, const Arguments& arguments) {
  RestaurantPeer peer(context.addresses.restaurant.business, context.timeout);
  restaurant::v1::SetStockRequest request;
  request.set_restaurant_id(arguments.restaurant_id);
  const auto add = [&request](const Setting& setting) {
    auto& item = *request.add_items();
    item.set_menu_item_id(setting.first);
    if (setting.second) item.set_stocked(*setting.second);
  };
  if (arguments.all) {
    restaurant::v1::GetRestaurantRequest which;
    which.set_restaurant_id(arguments.restaurant_id);
    const auto found = peer.Ask(&RestaurantService::Stub::GetRestaurant, which);
    if (!found.ok()) return Fail(context, found.status());
    for (const auto& item : found->menu_items()) add({item.menu_item_id(), arguments.all});
  }
  for (const std::string& item : arguments.items) add(*ParseSetting(item));
  return PrintItems(context, peer.Ask(&RestaurantService::Stub::SetStock, request));
}

int ShowStock(const Context& context, const Arguments& arguments) {
  RestaurantPeer peer(context.addresses.restaurant.business, context.timeout);
  restaurant::v1::GetStockRequest request;
  if (arguments.restaurant_id.empty()) {
    const auto restaurants = FetchRestaurants(peer);
    if (!restaurants.ok()) return Fail(context, restaurants.status());
    for (const auto& one : *restaurants) {
      request.add_queries()->set_restaurant_id(one.restaurant_id());
    }
  } else {
    auto& query = *request.add_queries();
    query.set_restaurant_id(arguments.restaurant_id);
    for (const std::string& item : arguments.items) query.add_menu_item_ids(item);
  }
  return PrintItems(context, peer.Ask(&RestaurantService::Stub::GetStock, request));
}

}  // namespace

void AddStock(CLI::App& app, Context& context) {
  CLI::App& stock = *app.add_subcommand("stock", "Reads and sets the stock of menu items");
  stock.require_subcommand(1);
  CLI::App& set = *stock.add_subcommand(
      "set", "Says how many portions of items there were ever put; only these items are limited");
  const auto setting = std::make_shared<Arguments>();
  set.add_option("restaurant", setting->restaurant_id, "Whose")->required();
  set.add_option("items", setting->items, "ITEM=PORTIONS or ITEM=unlimited")
      ->check(CLI::Validator(Checked(ParseSetting), ""));
  set.add_option("--all", setting->all, "So many of each item of the menu");
  SetExamples(set,
              "  lockstep stock set forno-bianco margherita=20 tiramisu=unlimited\n"
              "  lockstep stock set forno-bianco --all 50");
  set.callback([&context, setting] {
    context.run = [&context, setting] { return SetStock(context, *setting); };
  });
  CLI::App& show = *stock.add_subcommand("show", "What is reserved, sold and left");
  const auto shown = std::make_shared<Arguments>();
  show.add_option("restaurant", shown->restaurant_id, "Whose; all without it");
  show.add_option("items", shown->items, "Which; all that are limited without it");
  SetExamples(show, "  lockstep stock show\n  lockstep stock show forno-bianco margherita --json");
  show.callback([&context, shown] {
    context.run = [&context, shown] { return ShowStock(context, *shown); };
  });
}

}  // namespace lockstep::lab
