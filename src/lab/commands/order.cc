// lockstep order: creates, reads, lists and cancels orders; draws what a call cost.
#include <sys/ioctl.h>
#include <unistd.h>

#include <memory>

#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/rpc/proto_values.h"
#include "lab/commands/command.h"
#include "lab/names.h"
#include "lab/order_caller.h"
#include "lab/table.h"
#include "lab/values.h"
#include "lab/waterfall.h"

namespace lockstep::lab {
namespace {

using order::v1::OrderService;
using std::chrono_literals::operator""s;

constexpr int kColumnsDefault = 120;  // where there is no terminal

struct CreateArguments {
  std::string consumer_id;
  std::string restaurant_id;
  std::vector<std::string> items;
  std::string street, city, postal_code;
  std::string styles;
  std::string policy;
  std::string request_id;
  Duration timeout = 2s;
  Duration consumer_timeout{};
  Duration restaurant_timeout{};
  Duration reserve{};
  bool waits_for_ready = false;
  bool is_sync = false;
  bool is_explained = false;
};

int TerminalColumns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kColumnsDefault;
}

// "margherita" or "margherita=2".
StatusOr<restaurant::v1::OrderLine> ParseLine(const std::string& text) {
  const std::vector<std::string> parts = SplitAt(text, '=');
  restaurant::v1::OrderLine line;
  line.set_menu_item_id(parts[0]);
  line.set_quantity(1);
  if (parts.size() > 1) {
    char* end = nullptr;
    const long quantity = std::strtol(parts[1].c_str(), &end, 10);
    if (parts.size() > 2 || parts[1].empty() || *end != '\0' ||
        quantity != static_cast<int>(quantity)) {
      return MakeError(StatusCode::kInvalidArgument, "VALUE_INVALID",
                       fmt::format("\"{}\": write margherita or margherita=2", text));
    }
    line.set_quantity(static_cast<int>(quantity));
  }
  return line;
}

// The address as given; what is not given is that of the sample consumer.
restaurant::v1::Address AddressFrom(const Context& context, const CreateArguments& arguments) {
  restaurant::v1::Address address;
  const auto folder = FindSamples(context.samples_folder);
  const auto samples = folder.ok() ? ReadConsumers(*folder / "consumers.csv")
                                   : StatusOr<std::vector<SampleConsumer>>(folder.status());
  if (samples.ok()) {
    for (const SampleConsumer& sample : *samples) {
      if (sample.consumer.consumer_id() == arguments.consumer_id) address = sample.address;
    }
  }
  if (!arguments.street.empty()) address.set_street(arguments.street);
  if (!arguments.city.empty()) address.set_city(arguments.city);
  if (!arguments.postal_code.empty()) address.set_postal_code(arguments.postal_code);
  return address;
}

order::v1::CreateOrderRequest RequestFrom(const Context& context,
                                          const CreateArguments& arguments) {
  order::v1::CreateOrderRequest request;
  request.set_consumer_id(arguments.consumer_id);
  request.set_restaurant_id(arguments.restaurant_id);
  for (const std::string& item : arguments.items) *request.add_lines() = *ParseLine(item);
  *request.mutable_delivery_address() = AddressFrom(context, arguments);
  order::v1::OrderOptions& options = *request.mutable_options();
  if (!arguments.policy.empty()) options.set_deadline_policy(*ParsePolicy(arguments.policy));
  if (arguments.consumer_timeout > 0s) {
    rpc::SetDuration(arguments.consumer_timeout, options.mutable_consumer_timeout());
  }
  if (arguments.restaurant_timeout > 0s) {
    rpc::SetDuration(arguments.restaurant_timeout, options.mutable_restaurant_timeout());
  }
  if (arguments.reserve > 0s) rpc::SetDuration(arguments.reserve, options.mutable_reserve());
  if (arguments.waits_for_ready) options.set_wait_for_ready(true);
  return request;
}

// One order in one style, and how long it took from here.
struct Created {
  std::string style_name;
  Answer answer;
  Duration measured{};
};

Created Create(OrderService::Stub& stub, const order::v1::CreateOrderRequest& request,
               const std::string& style_name, Duration timeout) {
  grpc::ClientContext context;
  const SteadyTime start = Clock::Real().Now();
  context.set_deadline(rpc::ToTimespec(rpc::Sendable(Deadline::After(start, timeout), start)));
  order::v1::CreateOrderResponse response;
  const grpc::Status status = stub.CreateOrder(&context, request, &response);
  Created created{style_name, AnswerOf(status, std::move(response)), {}};
  created.measured = Clock::Real().Now() - start;
  return created;
}

std::string OutcomeText(const Answer& answer) {
  const order::v1::Order& order = answer.response.order();
  if (answer.status.ok()) {
    return fmt::format("{}, {}, order {}",
                       PlainName(order::v1::Order::State_Name(order.state()), "STATE_"),
                       MoneyText(order.total()), order.order_id());
  }
  const ErrorDetail detail = DetailOf(answer.status);
  return fmt::format("{}{}{}: {}", CodeOf(answer), detail.reason.empty() ? "" : " ", detail.reason,
                     MessageOf(answer.status));
}

Json CreatedJson(const Created& created) {
  Json json;
  if (created.answer.status.ok()) {
    json = AsJson(created.answer.response);
  } else {
    Put(json, "error", ErrorJson(created.answer.status));
    if (created.answer.receipt) Put(json, "receipt", AsJson(*created.answer.receipt));
  }
  PutMillis(json, "measured_ms", created.measured);
  return json;
}

void PrintCreated(const Context& context, const CreateArguments& arguments,
                  const std::vector<Created>& all, Duration timeout) {
  if (context.is_json) {
    std::vector<Json> list;
    for (const Created& created : all) list.push_back(CreatedJson(created));
    Json json;
    Put(json, "orders", list);
    Print(JsonText(list.size() == 1 ? list.front() : json));
    return;
  }
  std::vector<lab::Attempt> attempts;
  for (const Created& created : all) {
    const std::string name = created.style_name.empty() ? "" : created.style_name + ": ";
    const std::string title = name + OutcomeText(created.answer);
    attempts.push_back(
        {title, created.measured, timeout, created.answer.receipt.value_or(call::v1::Receipt())});
    if (!arguments.is_explained)
      Print(fmt::format("{}, {}\n", title, MillisText(created.measured)));
  }
  if (arguments.is_explained) Print(DrawWaterfall(attempts, TerminalColumns()));
}

int CreateOrders(const Context& context, const CreateArguments& arguments) {
  const ServerAddresses& server = context.addresses.order;
  const auto stub =
      OrderService::NewStub(ConnectedChannel(arguments.is_sync ? server.sync : server.business));
  order::v1::CreateOrderRequest request = RequestFrom(context, arguments);
  const std::vector<std::string> styles =
      arguments.styles.empty() ? std::vector<std::string>{""} : SplitAt(arguments.styles, ',');
  const Duration timeout = arguments.timeout;
  std::vector<Created> all;
  int status = kExitDone;
  for (const std::string& style : styles) {
    if (!style.empty()) request.mutable_options()->set_style(*ParseStyle(style));
    const std::string base =
        arguments.request_id.empty() ? NewId(Clock::Real().WallNow()) : arguments.request_id;
    request.set_request_id(styles.size() > 1 ? base + ":" + style : base);
    all.push_back(Create(*stub, request, style, timeout));
    const Outcome outcome = OutcomeOf(all.back().answer);
    if (outcome == Outcome::kUnknown) status = kExitUnreachable;
    if (status == kExitDone && outcome != Outcome::kAccepted) status = kExitFailed;
  }
  PrintCreated(context, arguments, all, timeout);
  return status;
}

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

// Reads pages until each has had the orders it wants. Stops early when the visitor returns false.
Status VisitOrders(OrderPeer& peer, order::v1::ListOrdersRequest request,
                   const std::function<bool(const order::v1::Order&)>& visit) {
  do {
    const auto page = peer.Ask(&OrderService::Stub::ListOrders, request);
    if (!page.ok()) return page.status();
    for (const order::v1::Order& order : page->orders()) {
      if (!visit(order)) return OkStatus();
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return OkStatus();
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

void AddCreate(CLI::App& app, Context& context) {
  CLI::App& create = *app.add_subcommand("create", "Places an order, in one style or in several");
  const auto arguments = std::make_shared<CreateArguments>();
  create.add_option("--consumer", arguments->consumer_id, "Who orders")->required();
  create.add_option("--restaurant", arguments->restaurant_id, "Who shall cook")->required();
  create
      .add_option("--item", arguments->items, "ITEM or ITEM=PORTIONS; may be given several times")
      ->required()
      ->check(CLI::Validator(Checked(ParseLine), ""));
  create.add_option("--street", arguments->street, "Where to; a sample consumer's home without");
  create.add_option("--city", arguments->city, "The same");
  create.add_option("--postal-code", arguments->postal_code, "The same");
  create
      .add_option("--style", arguments->styles,
                  "blocking, non-blocking, or both with a comma; the server's default without")
      ->check(CLI::Validator(Checked(ParseStyles), ""));
  create.add_option("--policy", arguments->policy, "none, fixed, propagate or reserve")
      ->check(CLI::Validator(Checked(ParsePolicy), ""));
  AddDuration(create, "--timeout", arguments->timeout, "How long the caller waits [2s]");
  AddDuration(create, "--consumer-timeout", arguments->consumer_timeout,
              "Of the question to Consumer");
  AddDuration(create, "--restaurant-timeout", arguments->restaurant_timeout,
              "Of the question to Restaurant");
  AddDuration(create, "--reserve", arguments->reserve, "What policy reserve keeps back");
  create.add_flag("--wait-for-ready", arguments->waits_for_ready,
                  "Wait for a service that is not connected, within the deadline");
  create.add_option("--request-id", arguments->request_id,
                    "Makes it repeatable; a new one without");
  create.add_flag("--thread-per-call", arguments->is_sync, "At the synchronous server's address");
  create.add_flag("--explain", arguments->is_explained, "Draw what the call cost, hop by hop");
  SetExamples(
      create,
      "  lockstep order create --consumer c0001 --restaurant forno-bianco --item margherita=2\n"
      "  lockstep order create --consumer c0001 --restaurant forno-bianco --item diavola \\\n"
      "    --style blocking,non-blocking --explain --timeout 500ms");
  create.callback([&context, arguments] {
    context.run = [&context, arguments] { return CreateOrders(context, *arguments); };
  });
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
  CLI::App& order = *app.add_subcommand("order", "Creates, reads, watches, lists and cancels orders");
  order.require_subcommand(1);
  AddCreate(order, context);
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
