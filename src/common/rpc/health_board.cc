#include "common/rpc/health_board.h"

#include <google/protobuf/message.h>
#include <grpcpp/health_check_service_interface.h>

#include "grpc/health/v1/health.pb.h"

namespace lockstep::rpc {

void HealthBoard::Add(grpc::Server& server) {
  // Reflection knows only descriptors that are linked in, and nothing else here needs these:
  // without them `grpcurl … grpc.health.v1.Health/Check` is "Symbol not found".
  google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();
  const std::lock_guard lock(mutex_);
  servers_.push_back(&server);
  WriteAll();
}

void HealthBoard::Set(const std::string& name, bool serving) {
  const std::lock_guard lock(mutex_);
  const auto [place, added] = names_.emplace(name, serving);
  if (!added && place->second == serving) return;
  place->second = serving;
  for (grpc::Server* server : servers_)
    server->GetHealthCheckService()->SetServingStatus(name, open_ && serving);
}

bool HealthBoard::Serving(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto place = names_.find(name);
  return open_ && place != names_.end() && place->second;
}

void HealthBoard::Open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  WriteAll();
}

void HealthBoard::Close() {
  const std::lock_guard lock(mutex_);
  open_ = false;
  WriteAll();
  servers_.clear();
}

void HealthBoard::WriteAll() {
  for (grpc::Server* server : servers_) {
    for (const auto& [name, serving] : names_)
      server->GetHealthCheckService()->SetServingStatus(name, open_ && serving);
  }
}

}  // namespace lockstep::rpc
