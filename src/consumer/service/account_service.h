// AccountService on completion queues: accounts, payments and points, by calls; and the same
// commands as messages.
//
// Threads: handlers run on a loop; each command is decided on the store thread, the same way for a
// call and for a message. Tick: one. Outlives the last answer of the file's writer.
#pragma once

#include <atomic>
#include <vector>

#include "common/control/host.h"
#include "common/owner/checkout_events.h"
#include "common/owner/effect.h"
#include "common/rpc/method_list.h"
#include "common/store/store_file.h"
#include "consumer/service/fraud_chain.h"
#include "lockstep/consumer/v1/account.grpc.pb.h"

namespace lockstep::consumer {

class AccountService {
 public:
  // All outlive it.
  AccountService(const control::HostContext& context, store::StoreFile& file, FraudChain& fraud);

  grpc::Service& service() { return raw_; }
  std::vector<rpc::MethodBase*> methods() const { return methods_.all(); }

  // Regular work: begins to forget what was undone before it came, long ago, in batches that let
  // other writes pass between them.
  void Tick(WallTime now);

 private:
  using Service = v1::AccountService;
  using Raw = Service::WithRawMethod_OpenAccount<
      Service::WithRawMethod_UpdateAccount<Service::WithRawMethod_GetAccount<
          Service::WithRawMethod_ListAccounts<Service::WithRawMethod_Deposit<
              Service::WithRawMethod_AuthorizePayment<Service::WithRawMethod_CapturePayment<
                  Service::WithRawMethod_VoidPayment<Service::WithRawMethod_ListPayments<
                      Service::WithRawMethod_AwardPoints<Service::WithRawMethod_RevokePoints<
                          Service::WithRawMethod_ListLedgerSums<Service::Service>>>>>>>>>>>>;
  using OpenCall = rpc::ServerCall<v1::OpenAccountRequest, v1::Account>;
  using UpdateCall = rpc::ServerCall<v1::UpdateAccountRequest, v1::Account>;
  using GetCall = rpc::ServerCall<v1::GetAccountRequest, v1::Account>;
  using ListCall = rpc::ServerCall<v1::ListAccountsRequest, v1::ListAccountsResponse>;
  using DepositCall = rpc::ServerCall<v1::DepositRequest, v1::Account>;
  using AuthorizeCall = rpc::ServerCall<v1::AuthorizePaymentRequest, v1::AuthorizePaymentResponse>;
  using CaptureCall = rpc::ServerCall<v1::CapturePaymentRequest, v1::CapturePaymentResponse>;
  using VoidCall = rpc::ServerCall<v1::VoidPaymentRequest, v1::VoidPaymentResponse>;
  using PaymentsCall = rpc::ServerCall<v1::ListPaymentsRequest, v1::ListPaymentsResponse>;
  using AwardCall = rpc::ServerCall<v1::AwardPointsRequest, v1::AwardPointsResponse>;
  using RevokeCall = rpc::ServerCall<v1::RevokePointsRequest, v1::RevokePointsResponse>;
  using SumsCall = rpc::ServerCall<v1::ListLedgerSumsRequest, v1::ListLedgerSumsResponse>;

  void OpenAccount(OpenCall& call);
  void UpdateAccount(UpdateCall& call);
  void GetAccount(GetCall& call);
  void ListAccounts(ListCall& call);
  void Deposit(DepositCall& call);
  void AuthorizePayment(AuthorizeCall& call);
  void CapturePayment(CaptureCall& call);
  void VoidPayment(VoidCall& call);
  void ListPayments(PaymentsCall& call);
  void AwardPoints(AwardCall& call);
  void RevokePoints(RevokeCall& call);
  void ListLedgerSums(SumsCall& call);

  void PurgeBatch(WallTime before);

  store::StoreFile& file_;
  FraudChain& fraud_;
  rpc::MethodList methods_;
  Raw raw_;
  std::atomic<bool> purging_ = false;
  WallTime purged_;  // when it was last looked at
};

// AuthorizePayment, CapturePayment, VoidPayment, AwardPoints and RevokePoints as messages.
// fraud: outlives them; used only once they are.
owner::Effects AccountEffects(FraudChain& fraud);
// The same, made of an order in Order's feed.
std::vector<message::v1::Envelope> FollowPayment(const order::v1::Order& order, WallTime now);

}  // namespace lockstep::consumer
