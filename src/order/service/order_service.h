// The order service: its parts, its queue shell, its housekeeping.
//
// Threads: a non-blocking order stays on the loop that its call came in on and holds no thread; a
// blocking one holds a thread of the pool from the queue to the answer; reads and cancellations
// wait for the store without a thread. The synchronous shell (synchronous_shell.h) stands beside
// it, on an address of its own.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/control/flags.h"
#include "common/control/host.h"
#include "common/rpc/blocking_pool.h"
#include "common/rpc/method_list.h"
#include "lockstep/order/v1/order.grpc.pb.h"
#include "order/service/messaging.h"
#include "order/service/order_desk.h"
#include "order/service/order_watch.h"
#include "order/service/synchronous_shell.h"

namespace lockstep::order {

// Beside the flags that every server has.
struct OrderFlags {
  std::string sync_listen = "127.0.0.1:50071";
  std::string consumer = "127.0.0.1:50052";    // kNoAddress: it is not known here
  std::string restaurant = "127.0.0.1:50053";  // the same
  message::PeerAddresses peers;  // for messages; consumer and restaurant are as above unless named
  std::string common_data;       // the shared file of the style COMMON_DATA; empty: none
  int commit_batch = limits::kCommitBatchMax;
  Duration request_id_retention = limits::kRequestIdRetention;
};

class OrderService final : public control::HostedService {
 public:
  static StatusOr<std::unique_ptr<control::HostedService>> Make(const control::HostContext& context,
                                                                const OrderFlags& flags);

  std::vector<grpc::Service*> services() override;
  std::vector<rpc::MethodBase*> methods() override;
  Status Start(rpc::QueueServer& business) override;
  std::map<std::string, std::string> Addresses() override;
  control::MessagePort* messages() override { return &messaging_; }
  Status Health() override;
  void Tick() override;
  void Drain(Duration grace) override;
  void GraceOver() override;
  void Stop() override;

 private:
  using Service = v1::OrderService;
  using Raw = Service::WithRawMethod_CreateOrder<Service::WithRawMethod_GetOrder<
      Service::WithRawMethod_ListOrders<Service::WithRawMethod_CancelOrder<
          Service::WithRawMethod_WatchOrder<Service::Service>>>>>;
  using CreateCall = rpc::ServerCall<v1::CreateOrderRequest, v1::CreateOrderResponse>;
  using GetCall = rpc::ServerCall<v1::GetOrderRequest, v1::Order>;
  using ListCall = rpc::ServerCall<v1::ListOrdersRequest, v1::ListOrdersResponse>;
  using CancelCall = rpc::ServerCall<v1::CancelOrderRequest, v1::Order>;

  OrderService(const control::HostContext& context, OrderFlags flags,
               std::unique_ptr<SqliteOrderStore> store, std::unique_ptr<Copies> copies);

  void CreateOrder(CreateCall& call);
  static void Answer(CreateCall& call, PlacedOrder& placed, call::v1::Receipt& receipt);
  void CreateOnPool(CreateCall& call, PlaceOrderCommand command);
  void GetOrder(GetCall& call);
  void ListOrders(ListCall& call);
  void CancelOrder(CancelCall& call);
  void PurgeRequestIds();

  const control::HostContext& context_;
  const OrderFlags flags_;
  const std::unique_ptr<SqliteOrderStore> store_;
  const std::unique_ptr<Copies> copies_;
  const std::unique_ptr<consumer::v1::ConsumerService::Stub> consumer_;
  const std::unique_ptr<restaurant::v1::RestaurantService::Stub> restaurant_;
  const std::unique_ptr<consumer::v1::AccountService::Stub> account_;
  CancelSource stopping_;
  std::vector<rpc::CompletionLoop*> loops_;  // of the business server
  RequestGate gate_;
  OrderWatch watch_;
  OrderDesk desk_;
  Messaging messaging_;
  rpc::BlockingPool pool_;
  std::unique_ptr<StyleChecks> checks_;
  std::unique_ptr<SynchronousShell> synchronous_;
  std::atomic<bool> open_ = false;  // Start is through: orders can be placed
  std::atomic<bool> purging_ = false;
  bool writable_ = true;  // of the housekeeping thread
  Raw raw_;
  rpc::MethodList methods_;
};

}  // namespace lockstep::order
