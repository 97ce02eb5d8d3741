// The outgoing call: deadlines, reachability, cancellation, and done exactly once.
#include "common/rpc/unary_call.h"

#include <future>

#include "tests/rpc/test_server.h"
#include "tests/support/wait.h"

namespace lockstep::rpc {
namespace {

using namespace std::chrono_literals;
using test::Eventually;

SteadyTime Now() { return std::chrono::steady_clock::now(); }

void Start(CompletionLoop& loop, ConsumerService::Stub& stub, const CallOptions& options,
           UnaryCall<ValidateConsumerResponse>::Done done) {
  UnaryCall<ValidateConsumerResponse>::Start(loop, stub,
                                             &ConsumerService::Stub::PrepareAsyncValidateConsumer,
                                             ValidateConsumerRequest(), options, std::move(done));
}

grpc::StatusCode Code(CompletionLoop& loop, ConsumerService::Stub& stub,
                      const CallOptions& options) {
  std::promise<grpc::StatusCode> code;
  Start(loop, stub, options, [&](const grpc::Status& status, ValidateConsumerResponse&) {
    code.set_value(status.error_code());
  });
  return code.get_future().get();
}

// An address at which nobody listens: one that was free a moment ago.
std::string DeadAddress() { return TestServer(Echo).server().address(); }

std::unique_ptr<ConsumerService::Stub> StubFor(const std::string& address) {
  return ConsumerService::NewStub(MakeChannel(address, {.own_connection = true}));
}

TEST_CASE("a call ends at its deadline, at most the millisecond before that gRPC counts in") {
  HoldingServer server;
  const auto loop = ClientLoop();
  const auto stub = server.Stub();
  const SteadyTime begin = Now();
  REQUIRE(Code(*loop, *stub, {.deadline = Deadline::After(begin, 80ms)}) ==
          grpc::StatusCode::DEADLINE_EXCEEDED);
  REQUIRE(Now() - begin >= 79ms);
  REQUIRE(Now() - begin < 2s);
}

TEST_CASE("a deadline that has passed, and one before the machine started, end the call at once") {
  TestServer server(Echo);
  const auto loop = ClientLoop();
  const auto stub = server.Stub();
  const SteadyTime begin = Now();
  REQUIRE(Code(*loop, *stub, {.deadline = Deadline::At(begin - 1s)}) ==
          grpc::StatusCode::DEADLINE_EXCEEDED);
  REQUIRE(Code(*loop, *stub, {.deadline = Deadline::At(SteadyTime(-1ms))}) ==
          grpc::StatusCode::DEADLINE_EXCEEDED);
  REQUIRE(Now() - begin < 2s);
}

TEST_CASE("where nobody listens, a call that does not wait for ready is UNAVAILABLE at once") {
  const auto loop = ClientLoop();
  const auto stub = StubFor(DeadAddress());
  const SteadyTime begin = Now();
  REQUIRE(Code(*loop, *stub, {.deadline = Deadline::After(begin, 20s)}) ==
          grpc::StatusCode::UNAVAILABLE);
  REQUIRE(Now() - begin < 1s);
}

TEST_CASE("a call that waits for ready waits until its deadline") {
  const auto loop = ClientLoop();
  const auto stub = StubFor(DeadAddress());
  const SteadyTime begin = Now();
  REQUIRE(Code(*loop, *stub, {.deadline = Deadline::After(begin, 200ms), .wait_for_ready = true}) ==
          grpc::StatusCode::DEADLINE_EXCEEDED);
  REQUIRE(Now() - begin >= 199ms);
}

TEST_CASE("a call that waits for ready is taken by a server that comes back, within 500 ms") {
  auto first = std::make_unique<TestServer>(Echo);
  const std::string address = first->server().address();
  const auto loop = ClientLoop();
  const auto stub = StubFor(address);
  REQUIRE(Code(*loop, *stub, {}) == grpc::StatusCode::OK);
  first.reset();
  std::promise<grpc::StatusCode> code;
  Start(*loop, *stub, {.deadline = Deadline::After(Now(), 20s), .wait_for_ready = true},
        [&](const grpc::Status& status, ValidateConsumerResponse&) {
          code.set_value(status.error_code());
        });
  // Let the backoff grow to its longest before the server is back.
  auto answer = code.get_future();
  REQUIRE(answer.wait_for(700ms) == std::future_status::timeout);
  TestServer second(Echo, nullptr, address);
  const SteadyTime back = Now();
  REQUIRE(answer.get() == grpc::StatusCode::OK);
  REQUIRE(Now() - back < 500ms);
}

TEST_CASE("a cancelled source cancels its calls, those that start later too") {
  HoldingServer server;
  const auto loop = ClientLoop();
  const auto stub = server.Stub();
  CancelSource source;
  std::promise<grpc::StatusCode> code;
  Start(*loop, *stub, {.cancel_source = &source},
        [&](const grpc::Status& status, ValidateConsumerResponse&) {
          code.set_value(status.error_code());
        });
  REQUIRE(Eventually([&] { return server.held() == 1; }));
  source.Cancel();
  REQUIRE(code.get_future().get() == grpc::StatusCode::CANCELLED);
  REQUIRE(Code(*loop, *stub, {.cancel_source = &source}) == grpc::StatusCode::CANCELLED);
}

TEST_CASE("the source may go once done has run, and cancelling it races with the answer in vain") {
  TestServer server(Echo);
  const auto loop = ClientLoop();
  const auto stub = server.Stub();
  for (int i = 0; i < 300; ++i) {
    std::atomic<int> done = 0;
    {
      CancelSource source;
      Start(*loop, *stub, {.cancel_source = &source},
            [&](const grpc::Status&, ValidateConsumerResponse&) { ++done; });
      if (i % 3 != 0) source.Cancel();
      REQUIRE(Eventually([&] { return done > 0; }));
    }
    REQUIRE(done == 1);
  }
}

TEST_CASE("a loop that has stopped refuses a call inside Start, as UNAVAILABLE") {
  TestServer server(Echo);
  const auto stub = server.Stub();
  const auto loop = ClientLoop();
  loop->Stop();
  int done = 0;
  Start(*loop, *stub, {}, [&](const grpc::Status& status, ValidateConsumerResponse&) {
    ++done;
    REQUIRE(status.error_code() == grpc::StatusCode::UNAVAILABLE);
  });
  REQUIRE(done == 1);
}

TEST_CASE("a loop that is full refuses a call inside Start, as RESOURCE_EXHAUSTED") {
  HoldingServer server;
  const auto stub = server.Stub();
  CompletionLoop loop(std::make_unique<grpc::CompletionQueue>(), 1);
  std::atomic<int> first = 0;
  Start(loop, *stub, {}, [&](const grpc::Status&, ValidateConsumerResponse&) { ++first; });
  int second = 0;
  Start(loop, *stub, {}, [&](const grpc::Status& status, ValidateConsumerResponse&) {
    ++second;
    REQUIRE(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  });
  REQUIRE(second == 1);
  REQUIRE(first == 0);
  loop.Stop();
  REQUIRE(first == 1);
}

TEST_CASE("a stuck peer does not hold up the end of the loop") {
  HoldingServer server;
  const auto stub = server.Stub();
  const auto loop = ClientLoop();
  std::atomic<int> cancelled = 0;
  for (int i = 0; i < 20; ++i) {
    Start(*loop, *stub, {}, [&](const grpc::Status& status, ValidateConsumerResponse&) {
      if (status.error_code() == grpc::StatusCode::CANCELLED) ++cancelled;
    });
  }
  REQUIRE(Eventually([&] { return server.held() == 20; }));
  const SteadyTime begin = Now();
  loop->Stop();
  REQUIRE(cancelled == 20);
  REQUIRE(Now() - begin < 2s);
}

TEST_CASE(
    "time on the wire: what gRPC's time cannot say is past, what ours cannot count is never") {
  REQUIRE(ToTimespec(Deadline::At(SteadyTime(-1ns))).tv_sec == 0);
  REQUIRE(ToTimespec(Deadline::At(SteadyTime(-1ns))).tv_nsec == 0);
  gpr_timespec far = gpr_time_0(GPR_CLOCK_MONOTONIC);
  far.tv_sec = std::int64_t{99'999'999} * 3600;
  REQUIRE_FALSE(FromTimespec(far).is_finite());
  REQUIRE_FALSE(FromTimespec(gpr_inf_future(GPR_CLOCK_MONOTONIC)).is_finite());
  const Deadline deadline = Deadline::At(SteadyTime(1234567890123456789ns));
  REQUIRE(FromTimespec(ToTimespec(deadline)) == deadline);
}

}  // namespace
}  // namespace lockstep::rpc
