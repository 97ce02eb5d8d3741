// The frame of a server as its users see it: another process, its flags, ports, signals and exit
// statuses. The server is echo_host.
#include <fcntl.h>
#include <fmt/format.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "common/rpc/channel.h"
#include "common/rpc/proto_values.h"
#include "common/rpc/status_details.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "lockstep/consumer/v1/consumer.grpc.pb.h"
#include "lockstep/control/v1/control.grpc.pb.h"
#include "tests/control/ready_host.h"
#include "tests/support/catch.h"

namespace lockstep::control {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using test::Poll;
using test::Process;
using Arguments = std::vector<std::string>;

std::int64_t Lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Says hello as an HTTP/2 client does, and then nothing any more.
class SilentClient {
 public:
  explicit SilentClient(const std::string& address) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(std::stoi(address.substr(address.rfind(':') + 1)));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(socket_, reinterpret_cast<sockaddr*>(&server), sizeof server) == 0);
    const std::string hello =
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9);
    REQUIRE(send(socket_, hello.data(), hello.size(), 0) == static_cast<ssize_t>(hello.size()));
    char first = 0;
    REQUIRE(recv(socket_, &first, 1, 0) == 1);  // the server has answered it
  }
  SilentClient(const SilentClient&) = delete;
  SilentClient& operator=(const SilentClient&) = delete;
  ~SilentClient() { close(socket_); }

 private:
  const int socket_;
};

TEST_CASE("a command line that cannot be understood is one line and status 2") {
  const std::vector<Arguments> cases = {
      {"--colour"},
      {"stray"},
      {"--listen"},
      {"--listen", "50051"},
      {"--listen", "127.0.0.1:65536"},
      {"--control", "127.0.0.1:x"},
      {"--loops", "0"},
      {"--loops", "65"},
      {"--call-limit", "0s"},
      {"--call-limit", "2h"},
      {"--shutdown-grace", "10"},
      {"--calls-in-flight-max", "0"},
      {"--calls-in-flight-max", "100001"},
      {"--log-format", "xml"},
      {"--log-level", "loud"},
      {"--node", ""},
      {"--node", "No Name"},
  };
  for (const Arguments& arguments : cases) {
    INFO(arguments[0] << " " << arguments.back());
    Process host("echo_host", arguments);
    CHECK(host.Wait() == 2);
    CHECK(host.out().empty());
    CHECK(Lines(host.err()) == 1);
    CHECK(host.err().starts_with("echo-host: "));
    CHECK(Contains(host.err(), "see echo-host --help\n"));
  }
}

TEST_CASE("help has the flags and examples, version the version, and both are status 0") {
  Process help("echo_host", {"--help"});
  CHECK(help.Wait() == 0);
  CHECK(help.err().empty());
  for (const char* flag :
       {"--listen", "--control", "--db", "--ready-file", "--node", "--log-format", "--log-level",
        "--no-faults", "--loops", "--shutdown-grace", "--call-limit", "--calls-in-flight-max",
        "--keep-expired", "--unwell-file", "--version", "Examples:\n  echo-host --listen"}) {
    INFO(flag);
    CHECK(Contains(help.out(), flag));
  }
  Process version("echo_host", {"--version"});
  CHECK(version.Wait() == 0);
  CHECK(version.out().starts_with("echo-host "));
  CHECK(Lines(version.out()) == 1);
}

TEST_CASE("what keeps a server from starting is one line and status 1") {
  ReadyHost first;
  const std::string any = "127.0.0.1:0";
  struct Case {
    Arguments arguments;
    std::string named;
  };
  for (const Case& one : std::vector<Case>{
           {{"--listen", first.business(), "--control", any}, first.business()},
           {{"--listen", any, "--control", first.business()}, first.business()},
           {{"--listen", "192.0.2.1:1", "--control", any}, "192.0.2.1:1"},
           {{"--listen", any, "--control", any, "--db", "/"}, "/ is a directory"},
           {{"--listen", any, "--control", any, "--ready-file", "/no/where"}, "/no/where"}}) {
    INFO(one.named);
    Process host("echo_host", one.arguments);
    CHECK(host.Wait() == 1);
    CHECK(Lines(host.err()) == 1);
    CHECK(host.err().starts_with("echo-host: "));
    CHECK(Contains(host.err(), one.named));
  }
  CHECK(first.Echo("still there").ok());
}

TEST_CASE("the ready file says which ports were taken, and goes when the server goes") {
  ReadyHost host;
  CHECK(host.ready() ==
        fmt::format(
            R"({{"node":"echo","pid":{},"business":"{}","control":"{}","extra":"127.0.0.1:1"}})"
            "\n",
            host.process().pid(), host.business(), host.control()));
  CHECK(host.Echo("o1").ok());
  CHECK(host.Healthy(host.business(), ""));
  host.process().Signal(SIGTERM);
  CHECK(host.process().Wait() == 0);
  CHECK(!std::filesystem::exists(host.ready_file()));
  CHECK(Contains(host.process().err(), "INFO started"));
  CHECK(Contains(host.process().err(), "stopping node=echo signal=SIGTERM"));
}

TEST_CASE("flags become settings") {
  ReadyHost host({"--keep-expired", "--call-limit", "1500ms", "--calls-in-flight-max", "9",
                  "--no-faults", "--node", "echo-7", "--log-format", "json", "--loops", "2"});
  v1::Settings settings;
  REQUIRE(
      host.Ask(&v1::ControlService::Stub::GetSettings, v1::GetSettingsRequest(), settings).ok());
  CHECK(!settings.drop_expired());
  CHECK(rpc::ToDuration(settings.call_limit()) == 1500ms);
  CHECK(settings.calls_in_flight_max() == 9);
  CHECK(DetailOf(host.SetDelay(5ms)).reason == "FAULTS_DISABLED");
  v1::Ledger ledger;
  REQUIRE(host.Ask(&v1::ControlService::Stub::GetLedger, v1::GetLedgerRequest(), ledger).ok());
  CHECK(ledger.node() == "echo-7");
  CHECK(
      Poll([&] { return Contains(host.process().err(), R"("event":"started","node":"echo-7")"); }));
}

TEST_CASE("settings, ledger and calls are those of the business server") {
  ReadyHost host;
  REQUIRE(host.Echo("o1").ok());
  v1::Ledger ledger;
  REQUIRE(host.Ask(&v1::ControlService::Stub::ResetLedger, v1::ResetLedgerRequest(), ledger).ok());
  CHECK(ledger.useful().count() == 1);
  CHECK(rpc::ToDuration(ledger.loop_gap_longest()) > Duration::zero());

  v1::UpdateSettingsRequest request;
  request.mutable_settings()->set_calls_in_flight_max(1);
  request.mutable_update_mask()->add_paths("calls_in_flight_max");
  v1::Settings settings;
  REQUIRE(host.Ask(&v1::ControlService::Stub::UpdateSettings, request, settings).ok());
  REQUIRE(host.SetDelay(3600s).ok());
  EchoInFlight held(host, "held");
  REQUIRE(Poll([&] { return host.CallsUnderWay() == 1; }));
  const Status refused = host.Echo("one too many");
  CHECK(refused.code() == StatusCode::kResourceExhausted);
  held.Cancel();
  CHECK(held.End().code() == StatusCode::kCancelled);
  REQUIRE(Poll([&] { return host.CallsUnderWay() == 0; }));
  REQUIRE(host.Ask(&v1::ControlService::Stub::GetLedger, v1::GetLedgerRequest(), ledger).ok());
  CHECK(ledger.refused().count() == 1);
  CHECK(ledger.never_begun().count() == 1);
  CHECK(ledger.useful().count() == 0);
  CHECK(ledger.calls_most() == 2);
}

TEST_CASE("on SIGTERM what is under way is finished, and nothing new is accepted") {
  ReadyHost host;
  REQUIRE(host.SetDelay(1500ms).ok());
  EchoInFlight slow(host, "slow");
  REQUIRE(Poll([&] { return host.CallsUnderWay() == 1; }));
  host.process().Signal(SIGTERM);
  REQUIRE(Poll([&] { return !host.Healthy(host.control(), ""); }));
  CHECK(!host.Healthy(host.control(), "lockstep.consumer.v1.ConsumerService"));
  CHECK(!std::filesystem::exists(host.ready_file()));
  CHECK(host.CallsUnderWay() == 1);  // the control plane is the last to go
  REQUIRE(Poll([&] { return host.Echo("too late").code() == StatusCode::kUnavailable; }));
  CHECK(slow.End().ok());
  CHECK(host.process().Wait() == 0);
  CHECK(Contains(host.process().err(), "INFO stopped"));
}

TEST_CASE("what does not end within the grace is cut off, with status 0") {
  for (const char* call : {"hold", "forever"}) {
    INFO(call);
    ReadyHost host({"--shutdown-grace", "300ms"});
    EchoInFlight stuck(host, call);
    REQUIRE(Poll([&] { return host.CallsUnderWay() == 1; }));
    const auto start = std::chrono::steady_clock::now();
    host.process().Signal(SIGINT);
    CHECK(host.process().Wait() == 0);
    CHECK(std::chrono::steady_clock::now() - start > 300ms);
    CHECK(std::chrono::steady_clock::now() - start < 10s);
    CHECK(!stuck.End().ok());
  }
}

TEST_CASE("clients that are only connected, and those who watch health, do not hold up the end") {
  ReadyHost host({"--shutdown-grace", "1h"});
  REQUIRE(host.Echo("o1").ok());
  const SilentClient silent(host.business());
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckRequest request;
  const auto stub = grpc::health::v1::Health::NewStub(host.business_channel());
  const auto watch = stub->Watch(&context, request);
  grpc::health::v1::HealthCheckResponse response;
  REQUIRE(watch->Read(&response));
  CHECK(response.status() == grpc::health::v1::HealthCheckResponse::SERVING);
  const auto start = std::chrono::steady_clock::now();
  host.process().Signal(SIGTERM);
  CHECK(host.process().Wait() == 0);
  CHECK(std::chrono::steady_clock::now() - start < 10s);  // gRPC gives the silent one 20 s
  while (watch->Read(&response)) {
  }
  CHECK(!watch->Finish().ok());
}

TEST_CASE("a second signal ends the process at once") {
  for (const int second : {SIGTERM, SIGINT}) {
    ReadyHost host({"--shutdown-grace", "1h"});
    REQUIRE(host.SetDelay(3600s).ok());
    EchoInFlight stuck(host, "stuck");
    REQUIRE(Poll([&] { return host.CallsUnderWay() == 1; }));
    host.process().Signal(SIGTERM);
    REQUIRE(Poll([&] { return !host.Healthy(host.control(), ""); }));
    CHECK(!host.process().Ended());
    host.process().Signal(second);
    CHECK(host.process().Wait() == 128 + second);
    CHECK(!stuck.End().ok());
  }
}

TEST_CASE("each port has the services that belong there") {
  ReadyHost host;
  const std::string channelz = "/grpc.channelz.v1.Channelz/GetServers";
  const std::string reflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  const std::string health = "/grpc.health.v1.Health/Check";
  const std::string settings = "/lockstep.control.v1.ControlService/GetSettings";
  const std::string echo = "/lockstep.consumer.v1.ConsumerService/ValidateConsumer";
  CHECK(host.Implements(host.control(), channelz));
  CHECK(host.Implements(host.control(), reflection));
  CHECK(host.Implements(host.control(), health));
  CHECK(host.Implements(host.control(), settings));
  CHECK(!host.Implements(host.control(), echo));
  CHECK(!host.Implements(host.business(), channelz));
  CHECK(host.Implements(host.business(), reflection));
  CHECK(host.Implements(host.business(), health));
  CHECK(!host.Implements(host.business(), settings));
  CHECK(host.Implements(host.business(), echo));
}

TEST_CASE("health names are the same on both ports, and follow what the service says of itself") {
  test::TempDir directory;
  const std::string unwell = directory.File("unwell");
  ReadyHost host({"--unwell-file", unwell});
  const std::string consumer = "lockstep.consumer.v1.ConsumerService";
  const auto all = [&](bool expected) {
    for (const std::string& address : {host.business(), host.control()}) {
      for (const std::string& name : {std::string(), consumer}) {
        if (host.Healthy(address, name) != expected) return false;
      }
    }
    return true;
  };
  CHECK(all(true));
  CHECK(host.Healthy(host.control(), "lockstep.control.v1.ControlService"));
  std::ofstream(unwell) << "unwell";
  CHECK(Poll([&] { return all(false); }));
  CHECK(host.Healthy(host.control(), "lockstep.control.v1.ControlService"));
  CHECK(host.Echo("o1").ok());  // not serving is advice, not a lock
  CHECK(
      Poll([&] { return Contains(host.process().err(), "not_serving node=echo reason=UNWELL"); }));
  std::filesystem::remove(unwell);
  CHECK(Poll([&] { return all(true); }));
}

TEST_CASE("the control plane answers while the business loop is stuck") {
  ReadyHost host;
  EchoInFlight blocking(host, "block");
  REQUIRE(Poll([&] { return host.CallsUnderWay() == 1; }));
  std::vector<std::unique_ptr<EchoInFlight>> stuck;
  for (int i = 0; i < 20; ++i) stuck.push_back(std::make_unique<EchoInFlight>(host, "stuck"));
  CHECK(host.Echo("nobody answers", 300ms).code() == StatusCode::kDeadlineExceeded);

  using Stub = v1::ControlService::Stub;
  v1::Settings settings;
  CHECK(host.Ask(&Stub::GetSettings, v1::GetSettingsRequest(), settings).ok());
  v1::UpdateSettingsRequest update;
  update.mutable_settings()->set_drop_expired(false);
  update.mutable_update_mask()->add_paths("drop_expired");
  CHECK(host.Ask(&Stub::UpdateSettings, update, settings).ok());
  CHECK(host.SetDelay(1ms).ok());
  v1::Ledger ledger;
  CHECK(host.Ask(&Stub::ResetLedger, v1::ResetLedgerRequest(), ledger).ok());
  v1::ListCallsResponse calls;
  CHECK(host.Ask(&Stub::ListCalls, v1::ListCallsRequest(), calls).ok());
  REQUIRE(calls.calls_size() == 1);  // the loop has not looked at the others
  CHECK(calls.calls(0).method() == "lockstep.consumer.v1.ConsumerService/ValidateConsumer");
  CHECK(calls.calls(0).has_budget_left());
  CHECK(host.Healthy(host.control(), ""));
  CHECK(host.Implements(host.control(), "/grpc.channelz.v1.Channelz/GetServers"));

  host.process().Signal(SIGTERM);  // Drain lets the loop go
  CHECK(blocking.End().ok());
  CHECK(host.process().Wait() == 0);
}

TEST_CASE("nobody reading stderr holds up neither calls nor the end") {
  int ends[2] = {};
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0);
  {
    ReadyHost host({"--node", std::string(60, 'n')}, ends[1]);
    // Twenty lines of over 300 bytes are logged a second; the pipe takes twelve.
    for (int i = 0; i < 40; ++i) {
      CHECK(host.Malformed().code() == StatusCode::kInvalidArgument);
    }
    CHECK(host.Echo("o1").ok());
    const std::string text(4096, ' ');
    REQUIRE(fcntl(ends[1], F_SETFL, O_NONBLOCK) >= 0);
    CHECK(write(ends[1], text.data(), text.size()) < 4096);  // it was full, or nearly so
    REQUIRE(fcntl(ends[1], F_SETFL, 0) >= 0);
    host.process().Signal(SIGTERM);
    CHECK(host.process().Wait() == 0);
  }
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace lockstep::control
