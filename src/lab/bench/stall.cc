// Orders that are held: started all at once, and cancelled when stdin ends; and a probe, one order
// every few milliseconds. Threads: main; the loop's thread takes the answers.
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "common/rpc/channel.h"
#include "common/rpc/unary_call.h"
#include "lab/bench/load.h"
#include "lab/bench/messages.h"
#include "lab/bench/names.h"
#include "lab/bench/process.h"
#include "lockstep/order/v1/order.grpc.pb.h"

namespace lockstep::lab {
namespace {

using order::v1::OrderService;

void WaitForEndOfInput() {
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

// True once stdin has ended, or at the end of the time.
bool InputEndsWithin(int milliseconds) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  return poll(&input, 1, milliseconds) > 0;
}

order::v1::CreateOrderRequest Request(int n, const std::string& style) {
  order::v1::CreateOrderRequest request = BenchOrder(n);
  request.set_request_id(fmt::format("held-{}-{}", getpid(), n));
  request.mutable_options()->set_style(StyleOf(style));
  return request;
}

}  // namespace

int RunStall(const Stall& options) {
  rpc::CompletionLoop loop(std::make_unique<grpc::CompletionQueue>());
  const auto stub =
      OrderService::NewStub(rpc::MakeChannel(options.target, {.own_connection = true}));
  std::map<std::string, std::int64_t> codes;
  for (int i = 0; i < options.in_flight; ++i) {
    rpc::UnaryCall<order::v1::CreateOrderResponse>::Start(
        loop, *stub, &OrderService::Stub::PrepareAsyncCreateOrder, Request(i, options.style),
        {.deadline = Deadline::After(std::chrono::steady_clock::now(), std::chrono::minutes(10))},
        [&codes](const grpc::Status& status, order::v1::CreateOrderResponse&) {
          ++codes[CodeText(status.error_code())];
        });
  }
  JsonObject().Add("started", options.in_flight).Print();
  WaitForEndOfInput();
  loop.Stop();  // cancels them, and returns when the last has come back
  JsonObject().Add("codes", codes).Print();
  return 0;
}

int RunProbe(const Probe& options) {
  rpc::CompletionLoop loop(std::make_unique<grpc::CompletionQueue>());
  const auto stub =
      OrderService::NewStub(rpc::MakeChannel(options.target, {.own_connection = true}));
  for (int i = 0; !InputEndsWithin(static_cast<int>(options.interval * 1e3)); ++i) {
    const std::int64_t sent = MonotonicNanos();
    const auto timeout = Duration(static_cast<std::int64_t>(options.timeout * 1e9));
    rpc::UnaryCall<order::v1::CreateOrderResponse>::Start(
        loop, *stub, &OrderService::Stub::PrepareAsyncCreateOrder, Request(i, options.style),
        {.deadline = Deadline::At(SteadyTime(Duration(sent)) + timeout)},
        [sent](const grpc::Status& status, order::v1::CreateOrderResponse&) {
          JsonObject()
              .Add("sent", sent)
              .Add("ended", MonotonicNanos())
              .Add("code", CodeText(status.error_code()))
              .Print();
        });
  }
  loop.Stop();
  return 0;
}

}  // namespace lockstep::lab
