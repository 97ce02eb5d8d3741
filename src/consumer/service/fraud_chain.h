// The chain behind a payment: who authorises asks the peer "fraud" (FraudService.Score), which asks
// the peer "customer" (CustomerService.GetHistory). Both services are served here as well, and by
// default this server is both peers; it asks itself over gRPC like any other.
//
// Where payments are not scored on the path, they are scored soon after, in the background: a
// consumer under suspicion is marked for a while, and the path reads the mark. Marks are in memory.
//
// Threads: handlers and background questions run on loops; marks from any; Connect and Tick one at
// a time. Invariant: a call that asks is answered once, also when it cannot ask.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/control/host.h"
#include "common/rpc/completion_loop.h"
#include "common/rpc/method_list.h"
#include "common/store/store_file.h"
#include "consumer/domain/account.h"
#include "lockstep/consumer/v1/customer.grpc.pb.h"
#include "lockstep/consumer/v1/fraud.grpc.pb.h"

namespace lockstep::consumer {

// The roles of the peers.
inline constexpr char kFraudPeer[] = "fraud";
inline constexpr char kCustomerPeer[] = "customer";

class FraudChain {
 public:
  // All outlive it.
  FraudChain(const control::HostContext& context, store::StoreFile& file);

  std::vector<grpc::Service*> services() { return {&fraud_raw_, &customer_raw_}; }
  std::vector<rpc::MethodBase*> methods() const;

  // Where the peers are. loop: of the background; it outlives the last Tick, and stops before this
  // goes. Payments can be looked at from then on.
  void Connect(const std::string& fraud, const std::string& customer, rpc::CompletionLoop& loop);

  // Why a payment is suspected, if it is: asked or read, as the settings say. An error: it is not
  // known. done: once, on the call's loop; receipt: what is to be in that of the call.
  using Looked = AnyInvocable<void(StatusOr<std::optional<std::string>> why, call::v1::Receipt)>;
  void Look(rpc::ServerCallBase& call, const AuthorizeRequest& request, Looked done);

  // The same for one that cannot wait: reads the mark, and has the consumer scored soon.
  std::optional<std::string> LookAtMark(const AuthorizeRequest& request, WallTime now);

  // Regular work: scores whom payments were authorised without a question. Business calls go first:
  // one question at a time.
  void Tick(WallTime now);

 private:
  using FraudRaw = v1::FraudService::WithRawMethod_Score<v1::FraudService::Service>;
  using CustomerRaw = v1::CustomerService::WithRawMethod_GetHistory<v1::CustomerService::Service>;
  using ScoreCall = rpc::ServerCall<v1::ScoreRequest, v1::ScoreResponse>;
  using HistoryCall = rpc::ServerCall<v1::GetHistoryRequest, v1::GetHistoryResponse>;
  struct Mark {
    std::string why;
    WallTime until;
  };

  void Score(ScoreCall& call);
  void GetHistory(HistoryCall& call);
  control::v1::ConsumerSettings Settings() const;
  void ScoreNext();
  void NoteScore(const std::string& consumer_id, const v1::ScoreResponse& score);

  store::StoreFile& file_;
  control::SettingsBoard& settings_;
  rpc::MethodList fraud_methods_;
  rpc::MethodList customer_methods_;
  FraudRaw fraud_raw_;
  CustomerRaw customer_raw_;

  // Written by Connect, and read only once connected_ is true.
  std::unique_ptr<v1::FraudService::Stub> fraud_;
  std::unique_ptr<v1::CustomerService::Stub> customer_;
  rpc::CompletionLoop* loop_ = nullptr;
  std::atomic<bool> connected_ = false;

  std::mutex mutex_;                               // guards what follows
  std::map<std::string, Mark> marks_;              // by consumer
  std::map<std::string, v1::ScoreRequest> waits_;  // to be scored, by consumer
  bool scoring_ = false;
  WallTime scored_;  // when the last scoring was begun
};

}  // namespace lockstep::consumer
