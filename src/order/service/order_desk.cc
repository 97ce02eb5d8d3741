#include "order/service/order_desk.h"

#include <utility>

#include "common/base/id.h"
#include "common/base/page_token.h"
#include "common/rpc/proto_values.h"
#include "order/service/convert.h"

namespace lockstep::order {
namespace {

constexpr char kOrdersList[] = "orders";

std::optional<Duration> OptionalDuration(bool present, const google::protobuf::Duration& duration) {
  if (!present) return std::nullopt;
  return rpc::ToDuration(duration);
}

// OK if it could be the id of an order.
Status CheckOrderId(const std::string& order_id) {
  Violations violations;
  if (order_id.empty()) {
    violations.Add("order_id", "is required");
  } else if (!IsUuid(order_id)) {
    violations.Add("order_id",
                   "must be the id of an order, a UUID in lower case, is " + Quoted(order_id));
  }
  return violations.ToStatus();
}

AnyInvocable<void(StatusOr<std::shared_ptr<const Order>>)> AnswerWithOrder(
    AnyInvocable<void(StatusOr<v1::Order>)> done) {
  return [done = std::move(done)](StatusOr<std::shared_ptr<const Order>> order) mutable {
    if (!order.ok()) {
      done(order.status());
      return;
    }
    v1::Order response;
    SetProto(**order, &response);
    done(std::move(response));
  };
}

}  // namespace

StatusOr<PlaceOrderCommand> OrderDesk::Read(const v1::CreateOrderRequest& request,
                                            const OrderCall& call) const {
  Violations violations;
  PlaceOrderCommand command;
  command.order = FromProto(request, violations);
  Validate(command.order, violations);
  const OrderOptions options = FromProto(request.options(), violations);
  Validate(options, violations);
  if (!violations.empty()) return violations.ToStatus();

  const std::shared_ptr<const control::Settings> settings = settings_.Get();
  const control::v1::OrderSettings& defaults = settings->order();
  command.style = options.style ? *options.style : FromProto(defaults.default_style());
  command.arrival = call.arrival_wall;
  CheckCall& check = command.call;
  check.caller = call.deadline;
  check.caller_sent_deadline = call.deadline_from_caller;
  check.policy =
      options.deadline_policy ? *options.deadline_policy : FromProto(defaults.deadline_policy());
  check.consumer_timeout =
      options.consumer_timeout
          ? options.consumer_timeout
          : OptionalDuration(defaults.has_consumer_timeout(), defaults.consumer_timeout());
  check.restaurant_timeout =
      options.restaurant_timeout
          ? options.restaurant_timeout
          : OptionalDuration(defaults.has_restaurant_timeout(), defaults.restaurant_timeout());
  check.reserve = options.reserve ? *options.reserve : rpc::ToDuration(defaults.reserve());
  check.wait_for_ready =
      options.wait_for_ready ? *options.wait_for_ready : defaults.wait_for_ready();
  command.wait_for_final = options.wait_for_final;
  check.drop_expired = settings->drop_expired();
  check.cancel = call.cancel;
  check.arrival = call.arrival;
  return command;
}

PlaceOrder::Done OrderDesk::AfterFinal(Executor& executor, const CheckCall& call,
                                       PlaceOrder::Done done) const {
  return [&watch = watch_, &executor, deadline = call.caller, cancel = call.cancel,
          done = std::move(done)](PlacedOrder placed) mutable {
    if (!placed.status.ok() || placed.order->state != OrderState::kPending) {
      done(std::move(placed));
      return;
    }
    const std::string order_id = placed.order->order_id;
    watch.WaitForFinal(
        order_id, deadline, cancel,
        [&executor, begin = Clock::Real().Now(), placed = std::move(placed),
         done = std::move(done)](StatusOr<std::shared_ptr<const Order>> ended) mutable {
          executor.Continue([begin, placed = std::move(placed), done = std::move(done),
                             ended = std::move(ended)]() mutable {
            placed.waited_for_final = Clock::Real().Now() - begin;
            placed.status = ended.status();
            if (ended.ok()) placed.order = *std::move(ended);
            if (placed.order->state == OrderState::kRejected)
              placed.status = RefusalError(*placed.order);
            done(std::move(placed));
          });
        });
  };
}

void OrderDesk::Place(Executor& executor, const rpc::CompletionLoop& loop,
                      PlaceOrderCommand command, PlaceOrder::Done done) const {
  const Checks& checks = checks_->For(command.style, loop);
  if (command.wait_for_final) done = AfterFinal(executor, command.call, std::move(done));
  PlaceOrder::Start({*checks.consumer, *checks.menu, checks.beside.get(), checks.checkout.get(),
                     store_, gate_, Clock::Real()},
                    executor, std::move(command), std::move(done));
}

void OrderDesk::Get(const v1::GetOrderRequest& request, Deadline not_after,
                    AnyInvocable<void(StatusOr<v1::Order>)> done) const {
  if (Status valid = CheckOrderId(request.order_id()); !valid.ok()) {
    done(std::move(valid));
    return;
  }
  store_.Get(request.order_id(), not_after, AnswerWithOrder(std::move(done)));
}

void OrderDesk::Cancel(const v1::CancelOrderRequest& request, Deadline not_after,
                       AnyInvocable<void(StatusOr<v1::Order>)> done) const {
  if (Status valid = CheckOrderId(request.order_id()); !valid.ok()) {
    done(std::move(valid));
    return;
  }
  store_.Cancel(request.order_id(), Clock::Real().WallNow(), not_after,
                AnswerWithOrder(std::move(done)));
}

void OrderDesk::List(const v1::ListOrdersRequest& request, Deadline not_after,
                     AnyInvocable<void(StatusOr<v1::ListOrdersResponse>)> done) const {
  Violations violations;
  OrderFilter filter;
  if (!request.consumer_id().empty() &&
      violations.RequireId("consumer_id", request.consumer_id())) {
    filter.consumer_id = request.consumer_id();
  }
  if (!request.restaurant_id().empty() &&
      violations.RequireId("restaurant_id", request.restaurant_id())) {
    filter.restaurant_id = request.restaurant_id();
  }
  filter.state = FromProto(request.state(), violations);
  // A token is good for the list that it came from alone, so the filters are part of the list's
  // name.
  const std::string list = std::string(kOrdersList) + "\n" + filter.consumer_id + "\n" +
                           filter.restaurant_id + "\n" +
                           std::to_string(static_cast<int>(request.state()));
  const PageRequest page =
      ReadPageRequest(list, request.page_size(), request.page_token(), violations);
  if (violations.empty() && !page.after.empty() && !IsUuid(page.after)) {
    violations.Add("page_token", "must be the next_page_token of the page before");
  }
  if (!violations.empty()) {
    done(violations.ToStatus());
    return;
  }
  store_.List(filter, page.size, page.after, not_after,
              [list, done = std::move(done)](StatusOr<OrderPage> read) mutable {
                if (!read.ok()) {
                  done(read.status());
                  return;
                }
                v1::ListOrdersResponse response;
                for (const Order& order : read->orders) SetProto(order, response.add_orders());
                if (read->more)
                  response.set_next_page_token(MakePageToken(list, read->orders.back().order_id));
                done(std::move(response));
              });
}

}  // namespace lockstep::order
