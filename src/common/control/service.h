// ControlService over the settings, faults, ledger and calls of one server process. Threads: those
// of the control server, several at once; nothing here waits for a business thread.
#pragma once

#include "common/control/ledger.h"
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

 private:
  void ReadFaults(v1::ListFaultsResponse& response) const;

  SettingsBoard& settings_;
  fault::Injector& faults_;
  Ledger& ledger_;
  const rpc::CallTable& calls_;
  const Clock& clock_;
};

}  // namespace lockstep::control
