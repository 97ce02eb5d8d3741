// lockstep order: reads, lists and cancels orders; order_create.cc creates them.
#include <memory>

#include "common/base/limits.h"
#include "lab/commands/command.h"
#include "lab/names.h"
#include "lab/outcome.h"
#include "lab/table.h"
#include "lab/values.h"

namespace lockstep::lab {
namespace {

using order::v1::OrderService;

std::string StateName(order::v1::Order::State state) {
  return PlainName(order::v1::Order::State_Name(state), "STATE_");
}

void PrintOrder(const Context& context, const order::v1::Order& order) {
  if (context.is_json) {
    Print(JsonText(order));
    return;
  }
  Table table(
      {{"portions", Align::kRight}, {"item"}, {"each", Align::kRight}, {"price", Align::kRight}});
  for (const auto& line : order.lines()) {
    table.Add({CountText(line.quantity()),
               line.display_name().empty() ? line.menu_item_id() : line.display_name(),
               line.has_unit_price() ? MoneyText(line.unit_price()) : "",
               line.has_price() ? MoneyText(line.price()) : ""});
  }
  Print(fmt::format("order {}\n{}, taken {}, of {} at {}\n", order.order_id(),
                    StateName(order.state()), StyleName(order.style()), order.consumer_id(),
                    order.restaurant_id()));
  for (const std::string& reason : order.rejection_reasons()) {
    Print(fmt::format("rejected: {}\n", reason));
  }
  Print("\n" + table.Text());
  if (order.has_total()) Print(fmt::format("\ntotal {}\n", MoneyText(order.total())));
}

int OneOrder(const Context& context, const std::string& order_id, bool is_cancel) {
  OrderPeer peer(context.addresses.order.business, context.timeout);
  order::v1::GetOrderRequest get;
  get.set_order_id(order_id);
  order::v1::CancelOrderRequest cancel;
  cancel.set_order_id(order_id);
  const auto order = is_cancel ? peer.Ask(&OrderService::Stub::CancelOrder, cancel)
                               : peer.Ask(&OrderService::Stub::GetOrder, get);
  if (!order.ok()) return Fail(context, order.status());
  PrintOrder(context, *order);
  return kExitDone;
}

struct ListArguments {
  std::string consumer_id;
  std::string restaurant_id;
  std::string state;
  int limit = 20;
  bool is_totals = false;
};

StatusOr<order::v1::Order::State> ParseState(const std::string& name) {
  order::v1::Order::State state{};
  if (!order::v1::Order::State_Parse(EnumName(name, "STATE_"), &state) ||
      state == order::v1::Order::STATE_UNSPECIFIED) {
    return MakeError(
        StatusCode::kInvalidArgument, "VALUE_INVALID",
        fmt::format("there is no state \"{}\"; there are pending, validated, rejected, "
                    "cancelled",
                    name));
  }
  return state;
}

// Orders, portions and amount of each state and style, and what comes twice.
int PrintTotals(const Context& context, OrderPeer& peer,
                const order::v1::ListOrdersRequest& request) {
  struct Total {
    std::int64_t orders = 0;
    std::int64_t portions = 0;
    std::map<std::string, std::int64_t> nanos;
  };
  std::map<std::pair<std::string, std::string>, Total> totals;
  const Status status = VisitOrders(peer, request, [&](const order::v1::Order& order) {
    Total& total = totals[{StateName(order.state()), StyleName(order.style())}];
    ++total.orders;
    for (const auto& line : order.lines()) total.portions += line.quantity();
    if (order.has_total()) total.nanos[order.total().currency_code()] += TotalNanos(order.total());
    return true;
  });
  if (!status.ok()) return Fail(context, status);
  Table table({{"state"},
               {"style"},
               {"orders", Align::kRight},
               {"portions", Align::kRight},
               {"amount", Align::kRight}});
  std::vector<Json> list;
  for (const auto& [key, total] : totals) {
    Figures amount;
    amount.nanos = total.nanos;
    table.Add({key.first, key.second, CountText(total.orders), CountText(total.portions),
               amount.AmountText()});
    Json json;
    Put(json, "state", key.first);
    Put(json, "style", key.second);
    Put(json, "orders", total.orders);
    Put(json, "portions", total.portions);
    Put(json, "amount", amount.AmountText());
    list.push_back(std::move(json));
  }
  Json json;
  Put(json, "totals", list);
  Print(context.is_json ? JsonText(json) : table.Text());
  return kExitDone;
}

int ListOrders(const Context& context, const ListArguments& arguments) {
  OrderPeer peer(context.addresses.order.business, context.timeout);
  order::v1::ListOrdersRequest request;
  request.set_page_size(limits::kPageSizeMax);
  request.set_consumer_id(arguments.consumer_id);
  request.set_restaurant_id(arguments.restaurant_id);
  if (!arguments.state.empty()) request.set_state(*ParseState(arguments.state));
  if (arguments.is_totals) return PrintTotals(context, peer, request);
  request.set_page_size(std::min(arguments.limit, limits::kPageSizeMax));
  Table table({{"order"},
               {"state"},
               {"style"},
               {"consumer"},
               {"restaurant"},
               {"total", Align::kRight},
               {"rejected because"}});
  order::v1::ListOrdersResponse found;
  const Status status = VisitOrders(peer, request, [&](const order::v1::Order& order) {
    if (found.orders_size() == arguments.limit) return false;
    *found.add_orders() = order;
    table.Add({order.order_id(), StateName(order.state()), StyleName(order.style()),
               order.consumer_id(), order.restaurant_id(),
               order.has_total() ? MoneyText(order.total()) : "",
               order.rejection_reasons().empty() ? "" : order.rejection_reasons(0)});
    return true;
  });
  if (!status.ok()) return Fail(context, status);
  Print(context.is_json ? JsonText(found) : table.Text());
  return kExitDone;
}

void AddList(CLI::App& app, Context& context) {
  CLI::App& list = *app.add_subcommand("list", "Lists orders, the newest first");
  const auto arguments = std::make_shared<ListArguments>();
  list.add_option("--consumer", arguments->consumer_id, "Only of this consumer");
  list.add_option("--restaurant", arguments->restaurant_id, "Only at this restaurant");
  list.add_option("--state", arguments->state, "pending, validated, rejected or cancelled")
      ->check(CLI::Validator(Checked(ParseState), ""));
  list.add_option("--limit", arguments->limit, "At most so many")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  list.add_flag("--totals", arguments->is_totals,
                "Orders, portions and amount by state and style, of all");
  SetExamples(list,
              "  lockstep order list --state rejected\n  lockstep order list --totals --json");
  list.callback([&context, arguments] {
    context.run = [&context, arguments] { return ListOrders(context, *arguments); };
  });
}

}  // namespace

void AddOrder(CLI::App& app, Context& context) {
  CLI::App& order =
      *app.add_subcommand("order", "Creates, reads, watches, lists and cancels orders");
  order.require_subcommand(1);
  AddOrderCreate(order, context);
  AddList(order, context);
  AddOrderWatch(order, context);
  for (const bool is_cancel : {false, true}) {
    CLI::App& one = *order.add_subcommand(is_cancel ? "cancel" : "get",
                                          is_cancel ? "Cancels an order" : "Reads an order");
    const auto order_id = std::make_shared<std::string>();
    one.add_option("order", *order_id, "Its id")->required();
    one.callback([&context, order_id, is_cancel] {
      context.run = [&context, order_id, is_cancel] {
        return OneOrder(context, *order_id, is_cancel);
      };
    });
  }
}

}  // namespace lockstep::lab
