#include "common/control/host.h"

#include <fmt/format.h>
#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "common/base/log.h"
#include "common/control/flags.h"
#include "common/control/housekeeping.h"
#include "common/control/process.h"
#include "common/control/ready_file.h"
#include "common/control/service.h"
#include "common/rpc/proto_values.h"

namespace lockstep::control {
namespace {

std::chrono::system_clock::time_point In(Duration time) {
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(time);
}

// One server, from its flags to its end. Threads: main's; Check on the housekeeping thread too.
class Host {
 public:
  Host(const ProgramSpec& spec, Started started);

  Status Start();
  // Also after a Start that failed half-way.
  void Stop(Duration grace);

 private:
  Status StartControlServer();
  // Asks the service how it is, and lets it do its regular work.
  void Check();
  void ShutDownBusiness(Duration grace);

  const ProgramSpec& spec_;
  const ServerFlags flags_;
  rpc::CallRules rules_;
  fault::Injector faults_;
  rpc::HealthBoard health_{/*open=*/false};
  Ledger ledger_;
  SettingsBoard settings_;
  const HostContext context_;
  ControlService control_service_;
  std::string control_address_;
  std::set<std::string> service_names_;
  Status last_health_;
  // What uses all of the above, in the order in which it is made.
  std::unique_ptr<HostedService> service_;
  std::unique_ptr<rpc::QueueServer> business_;
  std::unique_ptr<grpc::Server> control_server_;
  std::unique_ptr<Housekeeping> housekeeping_;
};

Host::Host(const ProgramSpec& spec, Started started)
    : spec_(spec),
      flags_(std::move(started.flags)),
      faults_(flags_.faults_allowed),
      ledger_(flags_.node, rules_.calls),
      settings_(std::move(started.settings)),
      context_{flags_, rules_, faults_, health_, ledger_, settings_},
      control_service_(settings_, faults_, ledger_, rules_.calls) {
  rules_.node = flags_.node;
  rules_.observer = &ledger_;
  settings_.Listen([this](const Settings& settings) {
    rules_.drop_expired = settings.drop_expired();
    rules_.calls_in_flight_max = settings.calls_in_flight_max();
    rules_.call_limit = rpc::ToDuration(settings.call_limit()).count();
  });
}

Status Host::Start() {
  rpc::EnableReflectionAndHealth();
  StatusOr<std::unique_ptr<HostedService>> service = spec_.make(context_);
  if (!service.ok()) return service.status();
  service_ = *std::move(service);
  for (const rpc::MethodBase* method : service_->methods())
    service_names_.insert(method->name().substr(0, method->name().find('/')));

  StatusOr<std::unique_ptr<rpc::QueueServer>> business =
      rpc::QueueServer::Start({.address = flags_.listen, .loops = flags_.loops},
                              service_->services(), service_->methods(), rules_);
  if (!business.ok()) return business.status();
  business_ = *std::move(business);
  for (const auto& loop : business_->loops()) ledger_.AddLoop(*loop);
  const Status started = service_->Start(*business_);
  if (!started.ok()) return started;
  if (MessagePort* const messages = service_->messages()) control_service_.UseMessages(*messages);
  const Status control = StartControlServer();
  if (!control.ok()) return control;

  health_.Add(business_->server());
  health_.Add(*control_server_);
  health_.Set(v1::ControlService::service_full_name(), true);
  Check();
  health_.Open();
  housekeeping_ =
      std::make_unique<Housekeeping>(limits::kHousekeepingInterval, [this] { Check(); });
  if (!flags_.ready_file.empty()) {
    const Status written = WriteReadyFile(flags_.ready_file, {.node = flags_.node,
                                                              .business = business_->address(),
                                                              .control = control_address_,
                                                              .more = service_->Addresses()});
    if (!written.ok()) return written;
  }
  log::Info("started", {{"business", business_->address()},
                        {"control", control_address_},
                        {"pid", static_cast<int>(getpid())}});
  return OkStatus();
}

// After every business server: what is initialised here is on each server built later (TRAPS 27).
Status Host::StartControlServer() {
  grpc::channelz::experimental::InitChannelzService();
  grpc::ServerBuilder builder;
  const rpc::Listener listener(builder, flags_.control);
  builder.RegisterService(&control_service_);
  builder.SetResourceQuota(
      grpc::ResourceQuota("control").SetMaxThreads(limits::kControlThreadsMax));
  StatusOr<std::unique_ptr<grpc::Server>> server = listener.Built(builder.BuildAndStart());
  if (!server.ok()) return server.status();
  control_server_ = *std::move(server);
  control_address_ = listener.address();
  return OkStatus();
}

void Host::Check() {
  const Status health = service_->Health();
  health_.Set("", health.ok());
  for (const std::string& name : service_names_) health_.Set(name, health.ok());
  if (health.ok() && !last_health_.ok()) log::Info("serving_again");
  if (!health.ok() && last_health_.ok())
    log::Error("not_serving",
               {{"reason", DetailOf(health).reason}, {"message", MessageOf(health)}});
  last_health_ = health;
  service_->Tick();
}

void Host::ShutDownBusiness(Duration grace) {
  std::mutex mutex;
  std::condition_variable one_ended;
  int running = 2;
  const auto ended = [&] {
    const std::lock_guard lock(mutex);
    --running;
    one_ended.notify_all();
  };
  std::thread service([&] {
    service_->Drain(grace);
    ended();
  });
  std::thread business([&] {
    business_->Drain(grace);
    ended();
  });
  {
    std::unique_lock lock(mutex);
    if (!one_ended.wait_for(lock, grace, [&] { return running == 0; })) {
      lock.unlock();
      service_->GraceOver();
    }
  }
  service.join();
  business.join();
  // Not before: calls on the service's own servers may end on these loops too.
  business_->Shutdown(Duration::zero());
}

void Host::Stop(Duration grace) {
  if (!flags_.ready_file.empty()) RemoveReadyFile(flags_.ready_file);
  if (housekeeping_ != nullptr) housekeeping_->Stop();
  health_.Close();
  if (business_ != nullptr) ShutDownBusiness(grace);
  settings_.Close();
  control_service_.CloseMessages();
  if (service_ != nullptr) service_->Stop();
  if (control_server_ != nullptr) {
    control_server_->Shutdown(In(limits::kControlShutdownGrace));
    control_server_->Wait();
  }
  control_server_.reset();
  business_.reset();
  service_.reset();
}

}  // namespace

int RunServer(int argc, char** argv, const ProgramSpec& spec) {
  PrepareProcess();
  int exit_status = 0;
  std::optional<Started> started = ReadFlags(argc, argv, spec, exit_status);
  if (!started) return exit_status;
  log::Configure(started->log);
  if (!started->flags.ready_file.empty()) RemoveReadyFile(started->flags.ready_file);
  const Duration grace = started->flags.shutdown_grace;
  Host host(spec, *std::move(started));
  const Status running = host.Start();
  if (running.ok()) {
    const int signal = WaitForSignal();
    LetSignalsEndTheProcess();
    log::Info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
    host.Stop(grace);
    log::Info("stopped");
  } else {
    host.Stop(Duration::zero());
    exit_status = 1;
  }
  log::Flush(limits::kLogFlushMax);
  if (!running.ok()) fmt::print(stderr, "{}: {}\n", spec.name, MessageOf(running));
  return exit_status;
}

}  // namespace lockstep::control
