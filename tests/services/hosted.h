// One of the owners' services in this process, on a free port and a database that the test names,
// with all that a server process would give it; and calls to it.
#pragma once

#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/control/host.h"
#include "common/owner/flags.h"
#include "common/rpc/channel.h"
#include "common/rpc/grpc_time.h"
#include "common/rpc/server.h"
#include "common/rpc/status_details.h"
#include "common/store/store_file.h"
#include "tests/support/catch.h"

namespace lockstep::test {

using namespace std::chrono_literals;

// Service: ConsumerService or RestaurantService; Stub: of its clients.
template <typename Service, typename Stub>
class Hosted {
 public:
  explicit Hosted(const std::string& path, owner::OwnerFlags flags = Alone())
      : Hosted(Options(path), std::move(flags)) {}
  explicit Hosted(const store::StoreFileOptions& options, owner::OwnerFlags flags = Alone()) {
    flags_.db = options.path;
    flags_.node = "here";
    rules_.node = flags_.node;
    rules_.observer = &ledger_;
    auto records = Service::OpenStore(options);
    INFO(MessageOf(records.status()));
    REQUIRE(records.ok());
    records_ = records->get();
    service_ = std::make_unique<Service>(context_, *std::move(records), std::move(flags));
    auto server = rpc::QueueServer::Start({.address = "127.0.0.1:0"}, service_->services(),
                                          service_->methods(), rules_);
    REQUIRE(server.ok());
    server_ = *std::move(server);
    REQUIRE(service_->Start(*server_).ok());
    stub_ = std::make_unique<Stub>(rpc::MakeChannel(server_->address(), {.own_connection = true}));
  }
  Hosted(const Hosted&) = delete;
  Hosted& operator=(const Hosted&) = delete;
  ~Hosted() {
    service_->Drain(10s);
    server_->Shutdown(10s);
    service_->Stop();
  }

  // Without Order.
  static owner::OwnerFlags Alone() {
    owner::OwnerFlags flags;
    flags.order_feed = false;
    return flags;
  }
  static store::StoreFileOptions Options(const std::string& path) {
    store::StoreFileOptions options;
    options.path = path;
    return options;
  }

  // A call by the generated blocking stub: &Stub::GetConsumer.
  template <class Request, class Response>
  StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                       Response*),
                          const Request& request, Duration timeout = 20s) {
    grpc::ClientContext context;
    return CallIn(context, method, request, timeout);
  }
  template <class Request, class Response>
  StatusOr<Response> CallIn(grpc::ClientContext& context,
                            grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                         Response*),
                            const Request& request, Duration timeout = 20s) {
    context.set_deadline(
        rpc::ToTimespec(Deadline::After(std::chrono::steady_clock::now(), timeout)));
    Response response;
    const grpc::Status status = ((*stub_).*method)(&context, request, &response);
    if (!status.ok()) return rpc::FromGrpcStatus(status);
    return response;
  }

  const std::string& address() const { return server_->address(); }
  Service& service() { return *service_; }
  store::StoreFile& file() { return records_->file(); }
  rpc::CallRules& rules() { return rules_; }
  control::SettingsBoard& settings() { return settings_; }
  control::Ledger& ledger() { return ledger_; }

  // Returns when the caller of a call under way has gone, or its deadline has passed, and the
  // server knows. By its clock that is later than by the client's: gRPC rounds a timeout up on its
  // way.
  void WaitUntilAbandoned() {
    for (;;) {
      for (const auto& call : rules_.calls.List(10)) {
        if (call.cancelled || call.deadline.Passed(std::chrono::steady_clock::now())) return;
      }
      std::this_thread::yield();
    }
  }

  // Returns when all that was given to the writer before has been answered.
  void WaitForWriter() {
    std::promise<void> answered;
    file().writer().Submit([](store::Database&) { return OkStatus(); }, Deadline::Never(),
                           [&](const store::CommitResult&) { answered.set_value(); });
    answered.get_future().wait();
  }

 private:
  static control::v1::Settings Settings() {
    control::v1::Settings settings = control::DefaultSettings();
    *settings.mutable_consumer() = control::DefaultConsumerSettings();
    return settings;
  }

  control::ServerFlags flags_;
  rpc::CallRules rules_;
  fault::Injector faults_;
  rpc::HealthBoard health_;
  control::Ledger ledger_{"here", rules_.calls};
  control::SettingsBoard settings_{Settings()};
  const control::HostContext context_{flags_, rules_, faults_, health_, ledger_, settings_};
  std::unique_ptr<Service> service_;
  typename Service::Store* records_ = nullptr;
  std::unique_ptr<rpc::QueueServer> server_;
  std::unique_ptr<Stub> stub_;
};

// Keeps a writer busy until it is released, so that what comes meanwhile is one batch.
class HeldWriter {
 public:
  explicit HeldWriter(store::StoreThread& writer) : writer_(writer) {
    writer_.Submit(
        [this](store::Database&) {
          begun_.set_value();
          released_.get_future().wait();
          return OkStatus();
        },
        Deadline::Never(), [this](const store::CommitResult&) { ended_.set_value(); });
    begun_.get_future().wait();
  }
  HeldWriter(const HeldWriter&) = delete;
  HeldWriter& operator=(const HeldWriter&) = delete;
  ~HeldWriter() { Release(); }

  void WaitUntilWaiting(std::size_t count) const {
    while (writer_.waiting() < count) std::this_thread::yield();
  }
  void Release() {
    if (std::exchange(over_, true)) return;
    released_.set_value();
    ended_.get_future().wait();
  }

 private:
  store::StoreThread& writer_;
  std::promise<void> begun_, released_, ended_;
  bool over_ = false;
};

// Runs work(0) … work(count - 1) at once, a thread each.
template <typename Work>
void AtOnce(int count, Work work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

// The code, reason and fields of an error, for one comparison: "INVALID_ARGUMENT INVALID_REQUEST
// page_size page_token"; "OK".
template <typename Value>
std::string Said(const StatusOr<Value>& answer) {
  if (answer.ok()) return "OK";
  const ErrorDetail detail = DetailOf(answer.status());
  std::string said = CodeName(answer.status().code()) + " " + detail.reason;
  for (const FieldViolation& violation : detail.violations) said += " " + violation.field;
  return said;
}

}  // namespace lockstep::test
