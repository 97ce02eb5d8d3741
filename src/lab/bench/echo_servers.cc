#include "lab/bench/echo_servers.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server_builder.h>

#include <thread>

#include "lab/bench/process.h"
#include "lockstep/consumer/v1/consumer.grpc.pb.h"
#include "lockstep/order/v1/order.grpc.pb.h"
#include "lockstep/restaurant/v1/restaurant.grpc.pb.h"

namespace lockstep::lab {
namespace {

using consumer::v1::ConsumerService;
using order::v1::OrderService;
using restaurant::v1::RestaurantService;

class Tag {
 public:
  virtual void Proceed(bool ok) = 0;

 protected:
  ~Tag() = default;
};

template <class Service, class Request, class Response>
class EchoCall final : Tag {
 public:
  using Ask = void (Service::*)(grpc::ServerContext*, Request*,
                                grpc::ServerAsyncResponseWriter<Response>*, grpc::CompletionQueue*,
                                grpc::ServerCompletionQueue*, void*);

  EchoCall(Service& service, Ask ask, grpc::ServerCompletionQueue& queue, const Response& answer)
      : service_(service), ask_(ask), queue_(queue), answer_(answer) {
    Tag* tag = this;
    (service_.*ask_)(&context_, &request_, &writer_, &queue_, &queue_, tag);
  }

  void Proceed(bool ok) override {
    if (!ok || answered_) {
      delete this;
      return;
    }
    new EchoCall(service_, ask_, queue_, answer_);
    answered_ = true;
    response_ = answer_;  // a server makes its answer, it does not have it
    Tag* tag = this;
    writer_.Finish(response_, grpc::Status::OK, tag);
  }

 private:
  Service& service_;
  const Ask ask_;
  grpc::ServerCompletionQueue& queue_;
  const Response& answer_;
  grpc::ServerContext context_;
  Request request_;
  Response response_;
  grpc::ServerAsyncResponseWriter<Response> writer_{&context_};
  bool answered_ = false;
};

class OrdersAnswered final : public OrderService::Service {
 public:
  OrdersAnswered(const Messages& messages, const std::string& consumer,
                 const std::string& restaurant)
      : messages_(messages) {
    if (consumer.empty()) return;
    consumer_ =
        ConsumerService::NewStub(grpc::CreateChannel(consumer, grpc::InsecureChannelCredentials()));
    restaurant_ = RestaurantService::NewStub(
        grpc::CreateChannel(restaurant, grpc::InsecureChannelCredentials()));
  }

  grpc::Status CreateOrder(grpc::ServerContext* context, const order::v1::CreateOrderRequest*,
                           order::v1::CreateOrderResponse* response) override {
    if (consumer_ != nullptr) {
      const auto consumer_context = grpc::ClientContext::FromServerContext(*context);
      consumer::v1::ValidateConsumerResponse consumer;
      grpc::Status status = consumer_->ValidateConsumer(consumer_context.get(),
                                                        messages_.consumer_request, &consumer);
      if (!status.ok()) return status;
      const auto details_context = grpc::ClientContext::FromServerContext(*context);
      restaurant::v1::ValidateOrderDetailsResponse details;
      status = restaurant_->ValidateOrderDetails(details_context.get(), messages_.details_request,
                                                 &details);
      if (!status.ok()) return status;
    }
    *response = messages_.create_response;
    return grpc::Status::OK;
  }

 private:
  const Messages& messages_;
  std::unique_ptr<ConsumerService::Stub> consumer_;
  std::unique_ptr<RestaurantService::Stub> restaurant_;
};

class ConsumersAnswered final : public ConsumerService::Service {
 public:
  explicit ConsumersAnswered(const Messages& messages) : messages_(messages) {}
  grpc::Status ValidateConsumer(grpc::ServerContext*, const consumer::v1::ValidateConsumerRequest*,
                                consumer::v1::ValidateConsumerResponse* response) override {
    *response = messages_.consumer_response;
    return grpc::Status::OK;
  }

 private:
  const Messages& messages_;
};

class DetailsAnswered final : public RestaurantService::Service {
 public:
  explicit DetailsAnswered(const Messages& messages) : messages_(messages) {}
  grpc::Status ValidateOrderDetails(
      grpc::ServerContext*, const restaurant::v1::ValidateOrderDetailsRequest*,
      restaurant::v1::ValidateOrderDetailsResponse* response) override {
    *response = messages_.details_response;
    return grpc::Status::OK;
  }

 private:
  const Messages& messages_;
};

// The server, or null after saying why.
std::unique_ptr<grpc::Server> Build(grpc::ServerBuilder& builder, const ReferenceServer& options,
                                    int& port) {
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &port);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    fmt::print(stderr, "cannot listen on {}\n", options.listen);
    return nullptr;
  }
  return server;
}

void SayReady(const ReferenceServer& options, int port) {
  const std::string host = options.listen.substr(0, options.listen.rfind(':'));
  WriteReadyFile(options.ready_file, fmt::format("{}:{}", host, port));
}

int ServeSynchronous(const ReferenceServer& options, const std::vector<grpc::Service*>& services) {
  grpc::ServerBuilder builder;
  for (grpc::Service* service : services) builder.RegisterService(service);
  int port = 0;
  const std::unique_ptr<grpc::Server> server = Build(builder, options, port);
  if (server == nullptr) return 1;
  SayReady(options, port);
  WaitForEndSignal();
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}

}  // namespace

int ServeQueueEcho(const ReferenceServer& options, const Messages& messages) {
  OrderService::WithAsyncMethod_CreateOrder<OrderService::Service> orders;
  ConsumerService::WithAsyncMethod_ValidateConsumer<ConsumerService::Service> consumers;
  RestaurantService::WithAsyncMethod_ValidateOrderDetails<RestaurantService::Service> restaurants;
  grpc::ServerBuilder builder;
  builder.RegisterService(&orders);
  builder.RegisterService(&consumers);
  builder.RegisterService(&restaurants);
  const std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
  int port = 0;
  const std::unique_ptr<grpc::Server> server = Build(builder, options, port);
  if (server == nullptr) std::_Exit(1);
  new EchoCall<decltype(orders), order::v1::CreateOrderRequest, order::v1::CreateOrderResponse>(
      orders, &decltype(orders)::RequestCreateOrder, *queue, messages.create_response);
  new EchoCall<decltype(consumers), consumer::v1::ValidateConsumerRequest,
               consumer::v1::ValidateConsumerResponse>(
      consumers, &decltype(consumers)::RequestValidateConsumer, *queue, messages.consumer_response);
  new EchoCall<decltype(restaurants), restaurant::v1::ValidateOrderDetailsRequest,
               restaurant::v1::ValidateOrderDetailsResponse>(
      restaurants, &decltype(restaurants)::RequestValidateOrderDetails, *queue,
      messages.details_response);
  std::thread loop([&queue] {
    void* tag = nullptr;
    bool ok = false;
    while (queue->Next(&tag, &ok)) static_cast<Tag*>(tag)->Proceed(ok);
  });
  SayReady(options, port);
  WaitForEndSignal();
  server->Shutdown(std::chrono::system_clock::now());
  queue->Shutdown();
  loop.join();
  return 0;
}

int ServeSynchronousEcho(const ReferenceServer& options, const Messages& messages) {
  return ServeSynchronousOrders(options, messages, "", "");
}

int ServeSynchronousOrders(const ReferenceServer& options, const Messages& messages,
                           const std::string& consumer, const std::string& restaurant) {
  OrdersAnswered orders(messages, consumer, restaurant);
  ConsumersAnswered consumers(messages);
  DetailsAnswered details(messages);
  return ServeSynchronous(options, {&orders, &consumers, &details});
}

}  // namespace lockstep::lab
