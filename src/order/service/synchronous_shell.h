// The generated synchronous OrderService::Service, on an address and on gRPC's own threads: a
// thread for each call, without bound, which is what most C++ servers are. The same desk stands
// behind it as behind the queue shell.
//
// Threads: each call holds one of gRPC's until its answer. gRPC tells a synchronous handler nothing
// when its caller leaves; one thread of ours asks for all calls under way every kLookInterval, and
// cancels what they have under way.
#pragma once

#include <grpcpp/server.h>

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/control/host.h"
#include "lockstep/order/v1/order.grpc.pb.h"
#include "order/service/order_desk.h"

namespace lockstep::order {

// Cancels the source of each call whose caller has gone.
class CallerWatch {
 public:
  CallerWatch() : thread_([this] { Look(); }) {}
  ~CallerWatch();

  // Watches while it lives.
  class Watched {
   public:
    Watched(CallerWatch& watch, const grpc::ServerContext& context, CancelSource& source);
    ~Watched();
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;

   private:
    CallerWatch& watch_;
    std::list<std::pair<const grpc::ServerContext*, CancelSource*>>::iterator place_;
  };

 private:
  static constexpr auto kLookInterval = std::chrono::milliseconds(5);
  void Look();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<std::pair<const grpc::ServerContext*, CancelSource*>> calls_;
  bool stopping_ = false;
  std::thread thread_;
};

class SynchronousShell final : public v1::OrderService::Service {
 public:
  // loop: whose checks serve orders in a style that asks by queue.
  static StatusOr<std::unique_ptr<SynchronousShell>> Start(const std::string& address,
                                                           const control::HostContext& context,
                                                           const OrderDesk& desk,
                                                           const rpc::CompletionLoop& loop);
  ~SynchronousShell() override;

  const std::string& address() const { return address_; }
  // Stops accepting and returns when the calls have ended; after the grace they are cancelled.
  void Shutdown(Duration grace);

  grpc::Status CreateOrder(grpc::ServerContext* context, const v1::CreateOrderRequest* request,
                           v1::CreateOrderResponse* response) override;
  grpc::Status GetOrder(grpc::ServerContext* context, const v1::GetOrderRequest* request,
                        v1::Order* response) override;
  grpc::Status ListOrders(grpc::ServerContext* context, const v1::ListOrdersRequest* request,
                          v1::ListOrdersResponse* response) override;
  grpc::Status CancelOrder(grpc::ServerContext* context, const v1::CancelOrderRequest* request,
                           v1::Order* response) override;

 private:
  class Call;

  SynchronousShell(const control::HostContext& context, const OrderDesk& desk,
                   const rpc::CompletionLoop& loop);

  // Runs a method of the desk that answers by a done, and holds the thread until then.
  template <class Request, class Response>
  grpc::Status Serve(const char* method, grpc::ServerContext& context, const Request& request,
                     Response& response,
                     void (OrderDesk::*ask)(const Request&, Deadline,
                                            AnyInvocable<void(StatusOr<Response>)>) const);

  const control::HostContext& context_;
  const OrderDesk& desk_;
  const rpc::CompletionLoop& loop_;
  std::string address_;
  CallerWatch watch_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace lockstep::order
