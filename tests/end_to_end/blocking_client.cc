// A client that does nothing but blocking calls, as most are: health checks at one address, one
// after the other, until it is killed. Says on stdout each change of the outcome, with the moment
// in seconds of the monotonic clock: "1234.567 UNAVAILABLE".
//
// usage: blocking_client ADDRESS defaults|polled|tuned
//   defaults  gRPC as it comes, with no thread that waits for events of its own
//   polled    the same, and one thread in CompletionQueue::Next
//   tuned     as the servers of this repository call: control/process.h, rpc/channel.h
#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <poll.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

#include "common/control/process.h"
#include "common/rpc/channel.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace lockstep {
namespace {

using namespace std::chrono_literals;
using grpc::health::v1::Health;

constexpr auto kTimeout = 1s;
constexpr auto kEvery = 5ms;

int Main(const char* address, std::string_view mode) {
  if (mode == "tuned") {
    control::PrepareProcess();
    control::LetSignalsEndTheProcess();
  }
  grpc::CompletionQueue events;
  if (mode == "polled") {
    std::thread([&events] {
      void* tag = nullptr;
      bool ok = false;
      while (events.Next(&tag, &ok)) {
      }
    }).detach();
  }
  const auto stub = Health::NewStub(
      mode == "tuned" ? rpc::MakeChannel(address)
                      : grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  std::optional<grpc::StatusCode> last;
  while (true) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kTimeout);
    grpc::health::v1::HealthCheckResponse response;
    const grpc::StatusCode code = stub->Check(&context, {}, &response).error_code();
    if (code != last) {
      const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();
      fmt::print("{:.6f} {}\n", now.count(), static_cast<int>(code));
      std::fflush(stdout);
      last = code;
    }
    // The rate of its calls: an empty set of descriptors.
    poll(nullptr, 0, kEvery.count());
  }
}

}  // namespace
}  // namespace lockstep

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: blocking_client ADDRESS defaults|polled|tuned\n");
    return 2;
  }
  return lockstep::Main(argv[1], argv[2]);
}
