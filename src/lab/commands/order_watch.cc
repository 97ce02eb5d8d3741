// lockstep order watch: says each change of an order as it comes, and goes on from there where the
// connection breaks.
#include <google/protobuf/util/time_util.h>

#include <memory>

#include "common/rpc/proto_values.h"
#include "lab/commands/command.h"
#include "lab/names.h"
#include "lab/values.h"

namespace lockstep::lab {
namespace {

using order::v1::OrderService;

struct WatchArguments {
  std::string order_id;
  std::int64_t after = 0;
  bool goes_on = false;
};

// "2  VALIDATED  at 2026-11-20T10:15:30.123Z, 12.50 GBP"
std::string ChangeText(const order::v1::WatchOrderResponse& response) {
  const order::v1::Order::State state = response.change().state();
  std::string text = fmt::format(
      "{}  {}  at {}", response.version(), PlainName(order::v1::Order::State_Name(state), "STATE_"),
      google::protobuf::util::TimeUtil::ToString(response.change().time()));
  if (state == order::v1::Order::STATE_VALIDATED && response.order().has_total()) {
    text += ", " + MoneyText(response.order().total());
  }
  if (state == order::v1::Order::STATE_REJECTED && response.order().rejection_reasons_size() > 0) {
    text += ", " + response.order().rejection_reasons(0);
  }
  return text + "\n";
}

int WatchOrder(const Context& context, const WatchArguments& arguments) {
  const std::string& address = context.addresses.order.business;
  const auto channel = ConnectedChannel(address);
  const auto stub = OrderService::NewStub(channel);
  order::v1::WatchOrderRequest request;
  request.set_order_id(arguments.order_id);
  request.set_after_version(arguments.after);
  request.set_and_later_changes(arguments.goes_on);
  SteadyTime last_heard = Clock::Real().Now();
  while (true) {
    grpc::ClientContext call;
    const auto stream = stub->WatchOrder(&call, request);
    order::v1::WatchOrderResponse response;
    while (stream->Read(&response)) {
      Print(context.is_json ? JsonLine(response) : ChangeText(response));
      std::fflush(stdout);
      request.set_after_version(response.version());
      last_heard = Clock::Real().Now();
    }
    const Status status = rpc::FromGrpcStatus(stream->Finish());
    if (status.ok()) return kExitDone;
    // The server has gone, or goes: the stream is taken up where it broke off.
    const Deadline until = Deadline::After(last_heard, context.timeout);
    if (status.code() == StatusCode::kUnavailable &&
        channel->WaitForConnected(rpc::ToTimespec(until)) && !until.Passed(Clock::Real().Now())) {
      continue;
    }
    if (!DetailOf(status).reason.empty()) return Fail(context, status);
    return Fail(context,
                MakeError(status.code(), "",
                          fmt::format("{} does not answer ({}); scripts/serve starts the servers",
                                      address, MessageOf(status))));
  }
}

}  // namespace

void AddOrderWatch(CLI::App& order, Context& context) {
  CLI::App& watch = *order.add_subcommand(
      "watch", "Says each change of an order, until it is final; one line a change");
  const auto arguments = std::make_shared<WatchArguments>();
  watch.add_option("order", arguments->order_id, "Its id")->required();
  watch.add_option("--after", arguments->after, "Only changes after this version [0: all]")
      ->check(CLI::NonNegativeNumber);
  watch.add_flag("--and-later", arguments->goes_on,
                 "Go on after a final state, for a later cancellation");
  SetExamples(watch,
              "  lockstep order watch 0193e2a1-7c4e-7b21-9f0e-2d4c8a1b3c5d\n"
              "  lockstep order watch 0193e2a1-7c4e-7b21-9f0e-2d4c8a1b3c5d --after 1 --json");
  watch.callback([&context, arguments] {
    context.run = [&context, arguments] { return WatchOrder(context, *arguments); };
  });
}

}  // namespace lockstep::lab
