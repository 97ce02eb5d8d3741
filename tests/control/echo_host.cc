// A server in the frame that all servers use, with ConsumerService.ValidateConsumer alone, which
// answers with the order id it was asked about. The order id "block" holds the loop's thread until
// the server drains, "hold" the call alone until its caller has gone, "forever" until the grace is
// over. Its database is the file named by --db, which must not be a directory.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>

#include "common/control/host.h"
#include "lockstep/consumer/v1/consumer.grpc.pb.h"

namespace lockstep::control {
namespace {

using consumer::v1::ConsumerService;
using EchoCall =
    rpc::ServerCall<consumer::v1::ValidateConsumerRequest, consumer::v1::ValidateConsumerResponse>;

constexpr char kMethod[] = "lockstep.consumer.v1.ConsumerService/ValidateConsumer";

class Echo final : public HostedService {
 public:
  explicit Echo(const HostContext& context, std::string unwell_file)
      : unwell_file_(std::move(unwell_file)),
        method_(kMethod, context.faults.AddSite(kMethod), service_,
                &Service::RequestValidateConsumer, [this](EchoCall& call) { Answer(call); }) {}

  std::vector<grpc::Service*> services() override { return {&service_}; }
  std::vector<rpc::MethodBase*> methods() override { return {&method_}; }
  std::map<std::string, std::string> Addresses() override { return {{"extra", "127.0.0.1:1"}}; }
  Status Health() override {
    if (!std::filesystem::exists(unwell_file_)) return OkStatus();
    return MakeError(StatusCode::kUnavailable, "UNWELL", "the file that says so is there");
  }
  void Drain(Duration /*grace*/) override {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    drained_.notify_all();
  }
  void GraceOver() override { grace_over_.Cancel(); }

 private:
  using Service = ConsumerService::WithRawMethod_ValidateConsumer<ConsumerService::Service>;

  // A call that waits for source to be cancelled.
  struct Held {
    Held(EchoCall& call, CancelSource& source)
        : hook(source, [this, &call] {
            call.loop().Post([this, &call] {
              delete this;  // the hook first: nothing may touch the call once it has ended
              call.Fail(MakeError(StatusCode::kCancelled, "LET_GO", "held until now"));
            });
          }) {}
    CancelSource::Hook hook;
  };

  void Answer(EchoCall& call) {
    if (call.request().order_id() == "hold") {
      new Held(call, call.cancel_source());
      return;
    }
    if (call.request().order_id() == "forever") {
      new Held(call, grace_over_);
      return;
    }
    if (call.request().order_id() == "block") {
      std::unique_lock lock(mutex_);
      drained_.wait(lock, [this] { return draining_; });
    }
    consumer::v1::ValidateConsumerResponse response;
    response.mutable_verdict()->set_order_id(call.request().order_id());
    call.Finish(response);
  }

  const std::string unwell_file_;
  std::mutex mutex_;
  std::condition_variable drained_;
  bool draining_ = false;
  CancelSource grace_over_;
  Service service_;
  EchoCall::Method<Service> method_;
};

}  // namespace
}  // namespace lockstep::control

int main(int argc, char** argv) {
  using namespace lockstep;
  std::string unwell_file;
  control::ProgramSpec spec;
  spec.name = "echo-host";
  spec.node = "echo";
  spec.listen = "127.0.0.1:50091";
  spec.control = "127.0.0.1:50092";
  spec.db = "echo.db";
  spec.description = "Answers with the order id that it is asked about.";
  spec.examples = "  echo-host --listen 127.0.0.1:0 --ready-file ready.json";
  spec.add_flags = [&unwell_file](CLI::App& app) {
    app.add_option("--unwell-file", unwell_file, "while it exists, the service is not well");
  };
  spec.make = [&unwell_file](const control::HostContext& context)
      -> StatusOr<std::unique_ptr<control::HostedService>> {
    if (std::filesystem::is_directory(context.flags.db)) {
      return MakeError(StatusCode::kFailedPrecondition, "DATABASE_UNUSABLE",
                       fmt::format("{} is a directory, not a database", context.flags.db));
    }
    return std::make_unique<control::Echo>(context, unwell_file);
  };
  return control::RunServer(argc, argv, spec);
}
