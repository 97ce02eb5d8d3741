// How servers and loops stop: with calls in flight, with calls that wait for a peer which never
// answers, a thousand times over; and what gRPC says on stderr meanwhile, which is nothing.
#include <atomic>
#include <future>
#include <random>
#include <regex>

#include "tests/rpc/test_server.h"
#include "tests/support/wait.h"

namespace lockstep::rpc {
namespace {

using namespace std::chrono_literals;
using test::Eventually, test::RunCase;

SteadyTime Now() { return std::chrono::steady_clock::now(); }

using Done = UnaryCall<ValidateConsumerResponse>::Done;

void Start(CompletionLoop& loop, ConsumerService::Stub& stub, const CallOptions& options,
           Done done) {
  UnaryCall<ValidateConsumerResponse>::Start(loop, stub,
                                             &ConsumerService::Stub::PrepareAsyncValidateConsumer,
                                             ValidateConsumerRequest(), options, std::move(done));
}

// A server that asks another one, on its own loop, for as long as that takes: what NONE and FIXED
// do.
void AskOn(ValidateCall& call, ConsumerService::Stub& next) {
  Start(call.loop(), next, {}, [&call](const grpc::Status& status, ValidateConsumerResponse&) {
    if (status.ok()) {
      Echo(call);
    } else {
      call.Fail(Status(static_cast<StatusCode>(status.error_code()), status.error_message()));
    }
  });
}

TEST_CASE("shutting down lets calls under way end within the grace") {
  HoldingServer server;
  const auto stub = server.Stub();
  const auto loop = ClientLoop();
  std::promise<grpc::Status> answer;
  Start(*loop, *stub, {},
        [&](const grpc::Status& status, ValidateConsumerResponse&) { answer.set_value(status); });
  REQUIRE(Eventually([&] { return server.held() == 1; }));
  std::thread stopper([&] { server.server().Shutdown(20s); });
  // Refused from now on; what is under way is not.
  REQUIRE(Eventually([&] {
    grpc::ClientContext context;
    context.set_deadline(ToTimespec(Deadline::After(Now(), 100ms)));  // it may be held as well
    ValidateConsumerResponse response;
    const auto other = server.Stub();
    return other->ValidateConsumer(&context, {}, &response).error_code() ==
           grpc::StatusCode::UNAVAILABLE;
  }));
  server.Release();
  stopper.join();
  const grpc::Status status = answer.get_future().get();
  INFO(status.error_message());
  REQUIRE(status.ok());
}

TEST_CASE(
    "shutting down ends calls that wait for a peer which never answers, once the grace is over") {
  HoldingServer stuck;
  const auto next = stuck.Stub();
  TestServer server([&](ValidateCall& call) { AskOn(call, *next); });
  const auto stub = server.Stub();
  const auto loop = ClientLoop();
  std::atomic<int> done = 0;
  for (int i = 0; i < 10; ++i) {
    Start(*loop, *stub, {}, [&](const grpc::Status&, ValidateConsumerResponse&) { ++done; });
  }
  REQUIRE(Eventually([&] { return stuck.held() == 10; }));
  const SteadyTime begin = Now();
  server.server().Shutdown(100ms);
  REQUIRE(Now() - begin >= 100ms);
  REQUIRE(Now() - begin < 5s);
  REQUIRE(Eventually([&] { return done == 10; }));
}

TEST_CASE("shutting down cuts a fault's delay short, where dropping is off too") {
  TestServer server(Echo);
  server.rules().drop_expired = GENERATE(true, false);
  REQUIRE(server.faults().Set({{kValidateConsumer, 3600s}}, "faults").ok());
  const auto stub = server.Stub();
  const auto loop = ClientLoop();
  CancelSource left;
  std::atomic<int> done = 0;
  const auto count = [&](const grpc::Status&, ValidateConsumerResponse&) { ++done; };
  Start(*loop, *stub, {}, count);
  Start(*loop, *stub, {.cancel_source = &left}, count);
  REQUIRE(Eventually([&] { return server.rules().calls.now() == 2; }));
  left.Cancel();
  REQUIRE(Eventually([&] { return done == 1; }));
  const SteadyTime begin = Now();
  server.server().Shutdown(0s);
  REQUIRE(Now() - begin < 5s);
  REQUIRE(Eventually([&] { return done == 2; }));
}

// One server and one client, calls in flight, stopped in a random order.
void Cycle(std::mt19937& random) {
  constexpr int kCalls = 8;
  std::atomic<int> done = 0;
  std::mutex held_mutex;
  std::vector<ValidateCall*> held;
  std::atomic<bool> stopped = false;
  // Half of the calls are answered at once; the others by someone else's thread, also while the
  // server shuts down.
  TestServer server([&](ValidateCall& call) {
    if (call.request().order_id() == "held") {
      const std::lock_guard lock(held_mutex);
      held.push_back(&call);
    } else {
      Echo(call);
    }
  });
  std::thread answerer([&] {
    while (!stopped) {
      std::vector<ValidateCall*> batch;
      {
        const std::lock_guard lock(held_mutex);
        batch.swap(held);
      }
      for (ValidateCall* call : batch) Echo(*call);
      std::this_thread::yield();
    }
  });
  const auto stub = server.Stub();
  const auto loop = ClientLoop();
  CancelSource source;
  for (int i = 0; i < kCalls; ++i) {
    ValidateConsumerRequest request;
    if (i % 2 == 0) request.set_order_id("held");
    UnaryCall<ValidateConsumerResponse>::Start(
        *loop, *stub, &ConsumerService::Stub::PrepareAsyncValidateConsumer, request,
        {.deadline = Deadline::After(Now(), i % 3 == 0 ? Duration(2ms) : Duration(30s)),
         .cancel_source = &source},
        [&](const grpc::Status&, ValidateConsumerResponse&) { ++done; });
  }
  const auto order = random() % 4;
  if (order == 0) loop->Stop();
  if (order == 1) source.Cancel();
  server.server().Shutdown(order == 2 ? Duration(0s) : Duration(5s));
  stopped = true;
  answerer.join();
  loop->Stop();
  if (done != kCalls) FAIL("of " << kCalls << " calls " << done << " were done");
}

TEST_CASE("servers and loops stop cleanly with calls in flight, a thousand times", "[cycles]") {
  std::mt19937 random(20240607);
  for (int cycle = 0; cycle < 1000; ++cycle) Cycle(random);
}

TEST_CASE("hidden: a hundred cycles", "[.child]") {
  EnableReflectionAndHealth();
  std::mt19937 random(42);
  for (int cycle = 0; cycle < 100; ++cycle) Cycle(random);
}

TEST_CASE("a normal stop leaves nothing of gRPC's on stderr") {
  const test::ProcessEnd end = RunCase("hidden: a hundred cycles");
  INFO(end.output);
  REQUIRE(end.status == 0);
  REQUIRE(end.output.find("before its server") == std::string::npos);  // TRAPS 24
  // gRPC's errors begin with the day: "E1120 08:15:30.123 …".
  REQUIRE_FALSE(std::regex_search(end.output, std::regex("(^|\n)E[0-9]{4} ")));
  REQUIRE(end.output.find("passed") != std::string::npos);
}

TEST_CASE("hidden: a taken port", "[.child]") {
  TestServer server(Echo);
  CallRules rules;
  const auto second = QueueServer::Start({.address = server.server().address()}, {}, {}, rules);
  REQUIRE(DetailOf(second.status()).reason == "LISTEN_FAILED");
  REQUIRE(MessageOf(second.status()).find(server.server().address()) != std::string::npos);
}

TEST_CASE("a second server on a taken port is refused, and says which address") {
  const test::ProcessEnd end = RunCase("hidden: a taken port");
  INFO(end.output);
  REQUIRE(end.status == 0);
  REQUIRE(end.output.find("before its server") == std::string::npos);
}

}  // namespace
}  // namespace lockstep::rpc
