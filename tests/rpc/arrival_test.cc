// What happens between a request's arrival and its handler: limits, budget, faults, cancellation.
#include <algorithm>
#include <future>

#include "common/rpc/proto_values.h"
#include "common/rpc/status_details.h"
#include "tests/rpc/test_server.h"
#include "tests/support/wait.h"

namespace lockstep::rpc {
namespace {

using namespace std::chrono_literals;
using test::Busy, test::Eventually;

SteadyTime Now() { return std::chrono::steady_clock::now(); }

grpc::Status Ask(ConsumerService::Stub& stub, const ValidateConsumerRequest& request = {}) {
  grpc::ClientContext context;
  ValidateConsumerResponse response;
  return stub.ValidateConsumer(&context, request, &response);
}

// What the observer was told.
class Ends final : public CallObserver {
 public:
  struct End {
    StatusCode code;
    bool begun, late, abandoned;
    Duration took;
  };
  void Ended(const EndedCall& call) override {
    const std::lock_guard lock(mutex_);
    ends_.push_back({call.code, call.begun, call.late, call.abandoned, call.took});
  }
  std::vector<End> all() {
    const std::lock_guard lock(mutex_);
    return ends_;
  }
  // The one end that there is to be.
  End Only() {
    REQUIRE(Eventually([this] { return !all().empty(); }));
    REQUIRE(all().size() == 1);
    return all().front();
  }

 private:
  std::mutex mutex_;
  std::vector<End> ends_;
};

TEST_CASE("a message of 1 MiB is taken, one byte more is refused, and the server serves on") {
  TestServer server(Echo);
  const auto stub = server.Stub();
  ValidateConsumerRequest request;
  request.set_consumer_id(std::string(limits::kMessageBytesMax, 'x'));
  const std::size_t over = request.ByteSizeLong() - limits::kMessageBytesMax;
  request.mutable_consumer_id()->resize(limits::kMessageBytesMax - over);
  REQUIRE(request.ByteSizeLong() == limits::kMessageBytesMax);
  REQUIRE(Ask(*stub, request).ok());
  request.mutable_consumer_id()->push_back('x');
  REQUIRE(Ask(*stub, request).error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  REQUIRE(Ask(*stub).ok());
}

TEST_CASE("metadata of 16 KiB is taken, one byte more is refused, and the server serves on") {
  TestServer server(Echo);
  const auto taken = [&](std::size_t bytes) {
    // Each on a connection of its own: gRPC's server closes one that brought headers far too large.
    const auto stub = server.Stub();
    grpc::ClientContext context;  // no deadline: it would be a header of changing length
    context.AddMetadata("x-filler", std::string(bytes, 'x'));
    ValidateConsumerResponse response;
    const grpc::Status status = stub->ValidateConsumer(&context, {}, &response);
    INFO(bytes << " bytes: " << status.error_message());
    if (!status.ok()) REQUIRE(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
    return status.ok();
  };
  // gRPC's own headers count too, so where the edge is can only be found.
  std::size_t low = limits::kMetadataBytesMax - 1024, high = limits::kMetadataBytesMax;
  REQUIRE(taken(low));
  REQUIRE_FALSE(taken(high));
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    (taken(middle) ? low : high) = middle;
  }
  REQUIRE(taken(low));
  REQUIRE_FALSE(taken(low + 1));
}

TEST_CASE("calls in flight up to the limit are taken, one more is not, and one less is again") {
  constexpr int kMax = 5;
  HoldingServer server;
  server.rules().calls_in_flight_max = kMax;
  const auto stub = server.Stub();
  const auto loop = ClientLoop();
  std::atomic<int> ok = 0, refused = 0;
  const auto start = [&] {
    UnaryCall<ValidateConsumerResponse>::Start(
        *loop, *stub, &ConsumerService::Stub::PrepareAsyncValidateConsumer,
        ValidateConsumerRequest(), {}, [&](const grpc::Status& status, ValidateConsumerResponse&) {
          if (status.ok()) ++ok;
          if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) ++refused;
        });
  };
  for (int i = 0; i < kMax; ++i) start();
  REQUIRE(Eventually([&] { return server.held() == kMax; }));
  REQUIRE(server.rules().calls.now() == kMax);
  start();
  REQUIRE(Eventually([&] { return refused == 1; }));
  REQUIRE(ok == 0);
  server.Release();
  REQUIRE(Eventually([&] { return ok == kMax; }));
  REQUIRE(Eventually([&] { return server.rules().calls.now() == 0; }));
  REQUIRE(server.rules().calls.most() == kMax + 1);
  start();
  REQUIRE(Eventually([&] { return ok == kMax + 1; }));
}

// The server's loop is kept busy until the call's deadline has passed; meanwhile the client's loop
// moves the bytes of both (a process has one poller), so that the request waits in the queue.
void ArriveExpired(TestServer& server, std::atomic<bool>& stalled) {
  const auto stub = server.Stub();
  const auto loop = ClientLoop();
  std::promise<grpc::StatusCode> code;
  const auto call = [&](Deadline deadline) {
    code = {};
    UnaryCall<ValidateConsumerResponse>::Start(
        *loop, *stub, &ConsumerService::Stub::PrepareAsyncValidateConsumer,
        ValidateConsumerRequest(), {.deadline = deadline, .wait_for_ready = true},
        [&](const grpc::Status& status, ValidateConsumerResponse&) {
          code.set_value(status.error_code());
        });
    return code.get_future().get();
  };
  REQUIRE(call(Deadline::After(Now(), 20s)) == grpc::StatusCode::OK);  // it is connected
  // Shared: the loop may see that it can go on only after this function has returned.
  struct Stall {
    std::atomic<bool> busy = false, over = false;
  };
  const auto stall = std::make_shared<Stall>();
  server.server().loops().front()->Post([stall] {
    stall->busy = true;
    while (!stall->over) std::this_thread::yield();
  });
  REQUIRE(Eventually([&] { return stall->busy.load(); }));
  stalled = true;
  CHECK(call(Deadline::After(Now(), 100ms)) == grpc::StatusCode::DEADLINE_EXCEEDED);
  const SteadyTime end = Now() + 5ms;  // the deadline on the wire is up to 1 ms later
  while (Now() < end) std::this_thread::yield();
  stall->over = true;
}

TEST_CASE("a call whose deadline has passed when it is looked at is not begun") {
  Ends ends;
  std::atomic<bool> stalled = false;
  std::atomic<int> begun = 0;
  TestServer server(
      [&](ValidateCall& call) {
        if (stalled) ++begun;
        Echo(call);
      },
      &ends);
  ArriveExpired(server, stalled);
  REQUIRE(Eventually([&] { return ends.all().size() == 2; }));
  REQUIRE(begun == 0);
  REQUIRE(ends.all()[1].code == StatusCode::kDeadlineExceeded);
  REQUIRE_FALSE(ends.all()[1].begun);
  REQUIRE(ends.all()[1].late);
  REQUIRE(ends.all()[1].abandoned);
}

TEST_CASE("where dropping is off it is worked on all the same, and counted as late") {
  Ends ends;
  std::atomic<bool> stalled = false;
  std::atomic<int> begun = 0;
  TestServer server(
      [&](ValidateCall& call) {
        if (stalled) ++begun;
        Echo(call);
      },
      &ends);
  server.rules().drop_expired = false;
  ArriveExpired(server, stalled);
  REQUIRE(Eventually([&] { return ends.all().size() == 2; }));
  REQUIRE(begun == 1);
  REQUIRE(ends.all()[1].code == StatusCode::kOk);
  REQUIRE(ends.all()[1].begun);
  REQUIRE(ends.all()[1].late);
}

// A call that is cancelled while a fault delays it.
void CancelWhileDelayed(TestServer& server) {
  const auto stub = server.Stub();
  const auto loop = ClientLoop();
  CancelSource source;
  std::promise<grpc::StatusCode> code;
  UnaryCall<ValidateConsumerResponse>::Start(
      *loop, *stub, &ConsumerService::Stub::PrepareAsyncValidateConsumer, ValidateConsumerRequest(),
      {.cancel_source = &source}, [&](const grpc::Status& status, ValidateConsumerResponse&) {
        code.set_value(status.error_code());
      });
  REQUIRE(Eventually([&] { return server.rules().calls.now() == 1; }));
  source.Cancel();
  REQUIRE(code.get_future().get() == grpc::StatusCode::CANCELLED);
}

TEST_CASE("a call that is cancelled before it is begun never is, and its delay is cut short") {
  Ends ends;
  std::atomic<int> begun = 0;
  TestServer server([&](ValidateCall& call) { ++begun, Echo(call); }, &ends);
  REQUIRE(server.faults().Set({{kValidateConsumer, 60s}}, "faults").ok());
  CancelWhileDelayed(server);
  const Ends::End end = ends.Only();
  REQUIRE(begun == 0);
  REQUIRE_FALSE(end.begun);
  REQUIRE(end.abandoned);
  REQUIRE_FALSE(end.late);
  REQUIRE(end.took < 20s);
}

TEST_CASE("where dropping is off a cancelled call takes its whole delay and is begun") {
  Ends ends;
  std::atomic<int> begun = 0;
  TestServer server([&](ValidateCall& call) { ++begun, Echo(call); }, &ends);
  server.rules().drop_expired = false;
  REQUIRE(server.faults().Set({{kValidateConsumer, 300ms}}, "faults").ok());
  CancelWhileDelayed(server);
  const Ends::End end = ends.Only();
  REQUIRE(begun == 1);
  REQUIRE(end.begun);
  REQUIRE(end.abandoned);
  REQUIRE(end.took >= 300ms);
}

TEST_CASE("a delay ends with the server's own limit too") {
  Ends ends;
  TestServer server(Echo, &ends);
  server.rules().call_limit = Duration(50ms).count();
  REQUIRE(server.faults().Set({{kValidateConsumer, 60s}}, "faults").ok());
  const auto stub = server.Stub();
  grpc::ClientContext context;
  ValidateConsumerResponse response;
  const grpc::Status status = stub->ValidateConsumer(&context, {}, &response);
  INFO(status.error_message());
  REQUIRE(status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  REQUIRE(DetailOf(FromGrpcStatus(status)).reason == "BUDGET_GONE");
  REQUIRE_FALSE(ends.Only().begun);
}

TEST_CASE("a receipt's fault delay is the time that the call really waited") {
  TestServer server(Echo);
  REQUIRE(server.faults().Set({{kValidateConsumer, 30ms}}, "faults").ok());
  const auto stub = server.Stub();
  grpc::ClientContext context;
  ValidateConsumerResponse response;
  const SteadyTime begin = Now();
  REQUIRE(stub->ValidateConsumer(&context, {}, &response).ok());
  const Duration delay = ToDuration(response.receipt().fault_delay());
  REQUIRE(delay >= 30ms);
  REQUIRE(delay <= Now() - begin);
  REQUIRE(ToDuration(response.receipt().total()) >= delay);
}

TEST_CASE("the budget in a receipt is what was left on the wire") {
  // The witness: the caller's own deadline, and the moment of arrival by the same clock.
  std::atomic<SteadyTime> arrived = SteadyTime();
  TestServer server([&](ValidateCall& call) {
    arrived = call.arrival();
    Echo(call);
  });
  const auto stub = server.Stub();
  // gRPC counts from the moment at which it began to look at the connection, so a thread that had
  // to wait for a processor in between makes a budget short: of a few calls one is undisturbed.
  const auto true_to_the_wire = [&](Duration timeout) {
    grpc::ClientContext context;
    const SteadyTime sent = Now();
    const Deadline deadline = Deadline::After(sent, timeout);
    context.set_deadline(ToTimespec(deadline));
    ValidateConsumerResponse response;
    REQUIRE(stub->ValidateConsumer(&context, {}, &response).ok());
    const Duration budget = ToDuration(response.receipt().budget());
    const SteadyTime arrival = arrived;
    const Duration left = deadline.Remaining(arrival);
    INFO("timeout " << timeout.count() << " ns, left " << left.count() << ", budget "
                    << budget.count());
    // gRPC sends a timeout, so the deadline moves by the time on the wire; it rounds up to 1 ms,
    // and above 1 s to 1 %.
    const Duration rounding = std::max<Duration>(1ms, timeout / 100) + 1ms;
    REQUIRE(budget <= left + (arrival - sent) + rounding);
    return budget >= left - 1ms;
  };
  for (const Duration timeout : {Duration(60ms), Duration(300ms), Duration(900ms), Duration(3s)}) {
    bool once = false;
    for (int i = 0; i < 10 && !once; ++i) once = true_to_the_wire(timeout);
    REQUIRE(once);
  }
}

TEST_CASE("a deadline of eleven thousand years breaks nothing") {
  TestServer server(Echo);
  const auto stub = server.Stub();
  grpc::ClientContext context;
  gpr_timespec far = gpr_now(GPR_CLOCK_MONOTONIC);
  far.tv_sec += std::int64_t{99'999'000} * 3600;
  context.set_deadline(far);
  ValidateConsumerResponse response;
  REQUIRE(stub->ValidateConsumer(&context, {}, &response).ok());
  REQUIRE(ToDuration(response.receipt().budget()) > 10'000h);  // gRPC sends at most 27,000 h
}

}  // namespace
}  // namespace lockstep::rpc
