// ControlService over the settings, faults, ledger, calls and messages of one server process.
// Threads: those of the control server, several at once; nothing here waits for a business thread.
#pragma once

#include <functional>
#include <shared_mutex>
#include <string>

#include "common/control/ledger.h"
#include "common/control/message_port.h"
#include "common/control/settings.h"
#include "common/fault/injector.h"
#include "common/rpc/call_table.h"
#include "lockstep/control/v1/control.grpc.pb.h"

namespace lockstep::control {

class ControlService final : public v1::ControlService::Service {
 public:
  // All outlive the service.
  ControlService(SettingsBoard& settings, fault::Injector& faults, Ledger& ledger,
                 const rpc::CallTable& calls, const Clock& clock = Clock::Real())
      : settings_(settings), faults_(faults), ledger_(ledger), calls_(calls), clock_(clock) {}

  grpc::Status GetSettings(grpc::ServerContext* context, const v1::GetSettingsRequest* request,
                           v1::Settings* response) override;
  grpc::Status UpdateSettings(grpc::ServerContext* context,
                              const v1::UpdateSettingsRequest* request,
                              v1::Settings* response) override;
  grpc::Status SetFaults(grpc::ServerContext* context, const v1::SetFaultsRequest* request,
                         v1::ListFaultsResponse* response) override;
  grpc::Status ListFaults(grpc::ServerContext* context, const v1::ListFaultsRequest* request,
                          v1::ListFaultsResponse* response) override;
  grpc::Status ClearFaults(grpc::ServerContext* context, const v1::ClearFaultsRequest* request,
                           v1::ListFaultsResponse* response) override;
  grpc::Status GetLedger(grpc::ServerContext* context, const v1::GetLedgerRequest* request,
                         v1::Ledger* response) override;
  grpc::Status ResetLedger(grpc::ServerContext* context, const v1::ResetLedgerRequest* request,
                           v1::Ledger* response) override;
  grpc::Status ListCalls(grpc::ServerContext* context, const v1::ListCallsRequest* request,
                         v1::ListCallsResponse* response) override;
  grpc::Status GetBacklog(grpc::ServerContext* context, const v1::GetBacklogRequest* request,
                          message::v1::Backlog* response) override;
  grpc::Status ListMessages(grpc::ServerContext* context, const v1::ListMessagesRequest* request,
                            v1::ListMessagesResponse* response) override;
  grpc::Status RedriveMessage(grpc::ServerContext* context,
                              const v1::RedriveMessageRequest* request,
                              message::v1::StoredMessage* response) override;
  grpc::Status DropMessage(grpc::ServerContext* context, const v1::DropMessageRequest* request,
                           message::v1::StoredMessage* response) override;

  // From now on the methods for messages answer; without it they are UNIMPLEMENTED.
  void UseMessages(MessagePort& messages);
  // Once it has returned, nothing here uses the port any more: they are UNAVAILABLE.
  void CloseMessages();

 private:
  // UNIMPLEMENTED, reason NO_MESSAGES; UNAVAILABLE, reason STOPPING; else what ask answers.
  template <class Response>
  grpc::Status AskMessages(const std::function<StatusOr<Response>(MessagePort&)>& ask,
                           Response* response);
  void ReadFaults(v1::ListFaultsResponse& response) const;

  SettingsBoard& settings_;
  fault::Injector& faults_;
  Ledger& ledger_;
  const rpc::CallTable& calls_;
  const Clock& clock_;
  std::shared_mutex messages_mutex_;  // shared: for as long as the port is used
  MessagePort* messages_ = nullptr;
  bool messages_closed_ = false;
};

}  // namespace lockstep::control
