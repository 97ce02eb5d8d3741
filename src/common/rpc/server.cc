#include "common/rpc/server.h"

#include <fmt/format.h>
#include <google/protobuf/stubs/common.h>
#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>

#include <thread>
#include <utility>

#include "common/base/deadlock_detection.h"
#include "common/base/limits.h"
#include "common/rpc/grpc_time.h"
#include "common/rpc/idle_pollers.h"

namespace lockstep::rpc {

void EnableReflectionAndHealth() {
#if GOOGLE_PROTOBUF_VERSION < 4022000
  // Protobuf writes a line of its own to stderr for each string that is not UTF-8, as many as
  // callers like to send; ours is rate-limited and names the field too (newer versions log through
  // Abseil).
  google::protobuf::SetLogHandler(nullptr);
#endif
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
}

Listener::Listener(grpc::ServerBuilder& builder, std::string address) : asked_(std::move(address)) {
  builder.AddListeningPort(asked_, grpc::InsecureServerCredentials(), port_.get());
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits::kMessageBytesMax));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE,
                             static_cast<int>(limits::kMetadataBytesMax));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Our own channels ping after 10 s; a shorter interval than that would be answered with GOAWAY.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
}

StatusOr<std::unique_ptr<grpc::Server>> Listener::Built(
    std::unique_ptr<grpc::Server> server) const {
  if (server != nullptr && *port_ != 0) return server;
  return MakeError(StatusCode::kUnavailable, "LISTEN_FAILED",
                   fmt::format("cannot listen on {}: the address is taken, or is none of this "
                               "machine's; choose another, or "
                               "port 0 for a free one",
                               asked_));
}

std::string Listener::address() const {
  return fmt::format("{}:{}", asked_.substr(0, asked_.rfind(':')), *port_);
}

StatusOr<std::unique_ptr<QueueServer>> QueueServer::Start(
    const Options& options, const std::vector<grpc::Service*>& services,
    const std::vector<MethodBase*>& methods, CallRules& rules) {
  StopAbseilsDeadlockDetection();
  KeepIdlePollersAside();
  grpc::ServerBuilder builder;
  const Listener listener(builder, options.address);
  for (grpc::Service* service : services) builder.RegisterService(service);
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
  for (int i = 0; i < options.loops; ++i) queues.push_back(builder.AddCompletionQueue());
  StatusOr<std::unique_ptr<grpc::Server>> server = listener.Built(builder.BuildAndStart());
  // The queues go without Shutdown, which is for queues that were used, and would log that their
  // server is still there: gRPC forgets to tell them of one that never started.
  if (!server.ok()) return server.status();
  std::unique_ptr<QueueServer> self(new QueueServer);
  self->server_ = *std::move(server);
  self->address_ = listener.address();
  for (auto& queue : queues) {
    grpc::ServerCompletionQueue& server_queue = *queue;
    self->loops_.push_back(std::make_unique<CompletionLoop>(std::move(queue)));
    for (MethodBase* method : methods)
      method->Accept(*self->loops_.back(), server_queue, rules, self->live_);
  }
  return self;
}

QueueServer::~QueueServer() { Shutdown(Duration::zero()); }

void QueueServer::Drain(Duration grace) {
  if (std::exchange(drained_, true)) return;
  // gRPC's Shutdown returns when the last call has ended, and a call may be waiting for an answer
  // from another server, for ever: so while it waits on a thread of its own, what the calls wait
  // for is cancelled here once the grace is over.
  const gpr_timespec end = ToTimespec(Deadline::After(std::chrono::steady_clock::now(), grace));
  std::thread shutting([this, end] { server_->Shutdown(end); });
  if (live_.WaitForNone(grace)) {
    // No call is left, and yet gRPC would wait, up to the grace, for each client to say that it has
    // read the good-bye (one that has no thread in gRPC looks every 5 s), and for those who watch
    // health.
    grpc_server_cancel_all_calls(server_->c_server());
  } else {
    for (const auto& loop : loops_) loop->CancelAll();
    live_.WaitForNone();
  }
  shutting.join();
}

void QueueServer::Shutdown(Duration grace) {
  if (std::exchange(shut_, true)) return;
  Drain(grace);
  for (const auto& loop : loops_) loop->CancelAll();
  for (const auto& loop : loops_) loop->Stop();
}

}  // namespace lockstep::rpc
