// lockstep order create: places an order, in one style or in several; draws what the call cost.
#include <sys/ioctl.h>
#include <unistd.h>

#include <memory>

#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/base/validate.h"
#include "common/rpc/proto_values.h"
#include "lab/commands/by_message.h"
#include "lab/commands/command.h"
#include "lab/names.h"
#include "lab/order_caller.h"
#include "lab/table.h"
#include "lab/values.h"
#include "lab/waterfall.h"

namespace lockstep::lab {
namespace {

using order::v1::OrderService;
using namespace std::chrono_literals;

constexpr int kColumnsDefault = 120;  // where there is no terminal

struct CreateArguments {
  std::string consumer_id;
  std::string restaurant_id;
  std::vector<std::string> items;
  std::string street, city, postal_code;
  std::string styles;
  std::string policy;
  bool is_paid_by_account = false;
  std::string request_id;
  Duration timeout = 2s;
  Duration consumer_timeout{};
  Duration restaurant_timeout{};
  Duration reserve{};
  bool waits_for_ready = false;
  bool waits_for_final = false;
  bool is_by_message = false;
  ByMessageArguments by_message;
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

StatusOr<std::string> ParseCorrelationId(const std::string& text) {
  Violations violations;
  violations.RequireRequestId("--correlation-id", text);
  if (!violations.empty()) return violations.ToStatus();
  return text;
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
  if (arguments.is_paid_by_account)
    request.set_payment_method(order::v1::Order::PAYMENT_METHOD_ACCOUNT);
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
  if (arguments.waits_for_final) options.set_wait_for_final(true);
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
    return fmt::format("{}{}, order {}",
                       PlainName(order::v1::Order::State_Name(order.state()), "STATE_"),
                       order.has_total() ? ", " + MoneyText(order.total()) : "", order.order_id());
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

// By message there is one order, in one style.
int CreateOrderByMessage(const Context& context, const CreateArguments& arguments) {
  order::v1::CreateOrderRequest request = RequestFrom(context, arguments);
  request.set_request_id(arguments.request_id);
  if (!arguments.styles.empty())
    request.mutable_options()->set_style(*ParseStyle(arguments.styles));
  return CreateByMessage(context, arguments.by_message, std::move(request), arguments.timeout);
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

// What is ordered, and how.
void AddOrderOptions(CLI::App& create, const std::shared_ptr<CreateArguments>& arguments) {
  create.add_option("--consumer", arguments->consumer_id, "Who orders");
  create.add_option("--restaurant", arguments->restaurant_id, "Who shall cook");
  create
      .add_option("--item", arguments->items, "ITEM or ITEM=PORTIONS; may be given several times")
      ->check(CLI::Validator(Checked(ParseLine), ""));
  create.add_option("--street", arguments->street, "Where to; a sample consumer's home without");
  create.add_option("--city", arguments->city, "The same");
  create.add_option("--postal-code", arguments->postal_code, "The same");
  create.add_flag("--by-account", arguments->is_paid_by_account,
                  "Paid from the consumer's account; at the door without");
  create
      .add_option("--style", arguments->styles,
                  "blocking, non-blocking, replica, deferred, event-driven, common-data, or "
                  "several with commas; the server's default without")
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
  create.add_flag("--wait-for-final", arguments->waits_for_final,
                  "In the styles that answer first: answer once the order is final");
  create.add_option("--request-id", arguments->request_id,
                    "Makes it repeatable; a new one without");
  create.add_flag("--thread-per-call", arguments->is_sync, "At the synchronous server's address");
  create.add_flag("--explain", arguments->is_explained, "Draw what the call cost, hop by hop");
}

void AddByMessageOptions(CLI::App& create, const std::shared_ptr<CreateArguments>& arguments) {
  ByMessageArguments& by_message = arguments->by_message;
  auto* is_by_message = create.add_flag("--by-message", arguments->is_by_message,
                                        "Send a message to Order's mailbox; the outcome comes back "
                                        "as one, to a mailbox of this program");
  create
      .add_option("--mailbox", by_message.mailbox,
                  "HOST:PORT where the outcome is to come; port 0: a free one")
      ->needs(is_by_message)
      ->capture_default_str();
  auto* correlation_id =
      create
          .add_option("--correlation-id", by_message.correlation_id,
                      "What the outcome is known by, and the request id unless there is another; a "
                      "new one without")
          ->needs(is_by_message)
          ->check(CLI::Validator(Checked(ParseCorrelationId), ""));
  create
      .add_flag("--take-reply", by_message.takes_reply_only,
                "Send nothing: only take the outcome of what was sent earlier, at the same mailbox")
      ->needs(correlation_id);
  for (const char* not_by_message : {"--thread-per-call", "--explain"}) {
    is_by_message->excludes(create.get_option(not_by_message));
  }
}

// What is needed depends on what is to be done.
void RequireOrder(const CreateArguments& arguments) {
  if (arguments.by_message.takes_reply_only) return;
  if (arguments.consumer_id.empty()) throw CLI::RequiredError("--consumer");
  if (arguments.restaurant_id.empty()) throw CLI::RequiredError("--restaurant");
  if (arguments.items.empty()) throw CLI::RequiredError("--item");
  if (arguments.is_by_message && arguments.styles.find(',') != std::string::npos) {
    throw CLI::ValidationError("--style", "--by-message places one order, in one style");
  }
}

}  // namespace

void AddOrderCreate(CLI::App& app, Context& context) {
  CLI::App& create = *app.add_subcommand("create", "Places an order, in one style or in several");
  const auto arguments = std::make_shared<CreateArguments>();
  AddOrderOptions(create, arguments);
  AddByMessageOptions(create, arguments);
  SetExamples(
      create,
      "  lockstep order create --consumer c0001 --restaurant forno-bianco --item margherita=2\n"
      "  lockstep order create --consumer c0001 --restaurant forno-bianco --item diavola \\\n"
      "    --style blocking,non-blocking,replica --explain --timeout 500ms\n"
      "  lockstep order create --consumer c0001 --restaurant forno-bianco --item diavola \\\n"
      "    --style deferred --wait-for-final --timeout 5s\n"
      "  lockstep order create --consumer c0001 --restaurant forno-bianco --item diavola \\\n"
      "    --by-message --correlation-id friday-1 --mailbox 127.0.0.1:50099");
  create.callback([&context, arguments] {
    RequireOrder(*arguments);
    context.run = [&context, arguments] {
      return arguments->is_by_message ? CreateOrderByMessage(context, *arguments)
                                      : CreateOrders(context, *arguments);
    };
  });
}

}  // namespace lockstep::lab
