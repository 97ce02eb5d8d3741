// Consumer and Restaurant as a test wants them: gRPC's own synchronous servers with nothing of ours
// in them, so that what they see of a call is an outside witness. Each answers as it is told to:
// accept, refuse, fail, hang, say something strange, go away and come back.
#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "lockstep/consumer/v1/consumer.grpc.pb.h"
#include "lockstep/restaurant/v1/restaurant.grpc.pb.h"
#include "tests/support/catch.h"
#include "tests/support/wait.h"

namespace lockstep::order {

// What a peer saw of one call, by its own clock.
template <class Request>
struct Seen {
  Request request;
  std::chrono::system_clock::time_point came;
  std::chrono::system_clock::time_point went;      // when the handler returned; as came until then
  std::chrono::system_clock::time_point deadline;  // max() if none came
  bool ended = false;
};

struct ConsumerSide {
  using Service = consumer::v1::ConsumerService::Service;
  using Request = consumer::v1::ValidateConsumerRequest;
  using Response = consumer::v1::ValidateConsumerResponse;
  using Verdict = consumer::v1::ConsumerVerdict;
  static constexpr char kName[] = "consumer";
  static constexpr char kMethod[] = "lockstep.consumer.v1.ConsumerService/ValidateConsumer";

  static void Accept(const Request& request, Response& response) {
    Verdict& verdict = *response.mutable_verdict();
    verdict.set_order_id(request.order_id());
    verdict.set_consumer_id(request.consumer_id());
    verdict.set_accepted(true);
    verdict.mutable_order_limit()->set_currency_code("GBP");
    verdict.mutable_order_limit()->set_units(1'000'000);
    verdict.set_consumer_version(7);
    verdict.mutable_judge_time()->set_seconds(1'700'000'000);
    verdict.set_node(kName);
    response.mutable_receipt()->set_node(kName);
  }
  static void Refuse(const Request& request, int reason, Response& response) {
    Verdict& verdict = *response.mutable_verdict();
    verdict.set_order_id(request.order_id());
    verdict.set_consumer_id(request.consumer_id());
    auto* refusal = verdict.add_refusals();
    refusal->set_reason(static_cast<Verdict::Reason>(reason));
    refusal->set_message("the consumer may not");
    response.mutable_receipt()->set_node(kName);
  }
};

struct RestaurantSide {
  using Service = restaurant::v1::RestaurantService::Service;
  using Request = restaurant::v1::ValidateOrderDetailsRequest;
  using Response = restaurant::v1::ValidateOrderDetailsResponse;
  using Verdict = restaurant::v1::OrderDetailsVerdict;
  static constexpr char kName[] = "restaurant";
  static constexpr char kMethod[] = "lockstep.restaurant.v1.RestaurantService/ValidateOrderDetails";

  // Every portion costs 2.50 GBP.
  static void Accept(const Request& request, Response& response) {
    Verdict& verdict = *response.mutable_verdict();
    verdict.set_order_id(request.order_id());
    verdict.set_restaurant_id(request.restaurant_id());
    verdict.set_accepted(true);
    std::int64_t portions = 0;
    const auto set = [](std::int64_t count, money::v1::Money* out) {
      out->set_currency_code("GBP");
      out->set_units(count * 5 / 2);
      out->set_nanos(count % 2 == 0 ? 0 : 500'000'000);
    };
    for (const auto& asked : request.lines()) {
      auto* line = verdict.add_lines();
      line->set_menu_item_id(asked.menu_item_id());
      line->set_display_name("Dish " + asked.menu_item_id());
      line->set_quantity(asked.quantity());
      set(1, line->mutable_unit_price());
      set(asked.quantity(), line->mutable_price());
      portions += asked.quantity();
    }
    set(portions, verdict.mutable_total());
    verdict.set_restaurant_version(9);
    verdict.mutable_judge_time()->set_seconds(1'700'000'001);
    verdict.set_node(kName);
    response.mutable_receipt()->set_node(kName);
  }
  static void Refuse(const Request& request, int reason, Response& response) {
    Verdict& verdict = *response.mutable_verdict();
    verdict.set_order_id(request.order_id());
    verdict.set_restaurant_id(request.restaurant_id());
    auto* refusal = verdict.add_refusals();
    refusal->set_reason(static_cast<Verdict::Reason>(reason));
    refusal->set_message("the restaurant does not");
    refusal->set_menu_item_id(request.lines(0).menu_item_id());
    response.mutable_receipt()->set_node(kName);
  }
};

// The part that knows which method it is.
template <class Side>
class FakeService : public Side::Service {
 public:
  using Request = typename Side::Request;
  using Response = typename Side::Response;

 protected:
  virtual grpc::Status Serve(grpc::ServerContext& context, const Request& request,
                             Response& response) = 0;
};

template <class Side>
class FakeMethod;
template <>
class FakeMethod<ConsumerSide> : public FakeService<ConsumerSide> {
  grpc::Status ValidateConsumer(grpc::ServerContext* context, const Request* request,
                                Response* response) final {
    return Serve(*context, *request, *response);
  }
};
template <>
class FakeMethod<RestaurantSide> : public FakeService<RestaurantSide> {
  grpc::Status ValidateOrderDetails(grpc::ServerContext* context, const Request* request,
                                    Response* response) final {
    return Serve(*context, *request, *response);
  }
};

template <class Side>
class FakePeer final : private FakeMethod<Side> {
 public:
  using Request = typename Side::Request;
  using Response = typename Side::Response;
  using Answer = std::function<grpc::Status(const Request&, Response&)>;

  FakePeer() { Listen("127.0.0.1:0"); }
  FakePeer(const FakePeer&) = delete;
  FakePeer& operator=(const FakePeer&) = delete;
  ~FakePeer() override { GoAway(); }

  const std::string& address() const { return address_; }

  // --- how it answers from now on

  void Accept() {
    Do([](const Request& request, Response& response) {
      Side::Accept(request, response);
      return grpc::Status::OK;
    });
  }
  void Refuse(int reason) {
    Do([reason](const Request& request, Response& response) {
      Side::Refuse(request, reason, response);
      return grpc::Status::OK;
    });
  }
  void Fail(grpc::StatusCode code, const std::string& message = "the peer's own error") {
    Do([code, message](const Request&, Response&) { return grpc::Status(code, message); });
  }
  // Accepts, but for what is changed in the answer.
  void Strangely(std::function<void(typename Side::Verdict&)> change) {
    Do([change](const Request& request, Response& response) {
      Side::Accept(request, response);
      change(*response.mutable_verdict());
      return grpc::Status::OK;
    });
  }
  // Calls hang until they are released, and then accept; those that come later too.
  void Hang() {
    const std::lock_guard lock(mutex_);
    hanging_ = true;
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    hanging_ = false;
    changed_.notify_all();
  }

  // Stops listening and ends what it has; nothing answers at its address.
  void GoAway() {
    if (server_ == nullptr) return;
    Release();
    server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }
  void ComeBack() { Listen(address_); }

  // --- what it saw

  std::size_t asked() const {
    const std::lock_guard lock(mutex_);
    return seen_.size();
  }
  std::vector<Seen<Request>> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  // Calls that hang now.
  std::size_t held() const {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }
  // Of them, those whose caller has gone.
  std::size_t cancelled() const {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const grpc::ServerContext* context : held_) count += context->IsCancelled() ? 1 : 0;
    return count;
  }

 private:
  void Do(Answer answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }

  void Listen(const std::string& address) {
    Accept();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    REQUIRE(server_ != nullptr);
    address_ = "127.0.0.1:" + std::to_string(port);
  }

  grpc::Status Serve(grpc::ServerContext& context, const Request& request,
                     Response& response) override {
    const auto came = std::chrono::system_clock::now();
    std::unique_lock lock(mutex_);
    const std::size_t place = seen_.size();
    seen_.push_back({request, came, came, context.deadline(), false});
    if (hanging_) {
      held_.insert(&context);
      changed_.wait(lock, [this] { return !hanging_; });
      held_.erase(&context);
    }
    const Answer answer = answer_;
    lock.unlock();
    const grpc::Status status = answer(request, response);
    lock.lock();
    seen_[place].went = std::chrono::system_clock::now();
    seen_[place].ended = true;
    return status;
  }

  std::string address_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Answer answer_;
  bool hanging_ = false;
  std::set<grpc::ServerContext*> held_;
  std::vector<Seen<Request>> seen_;
  std::unique_ptr<grpc::Server> server_;
};

using FakeConsumer = FakePeer<ConsumerSide>;
using FakeRestaurant = FakePeer<RestaurantSide>;

}  // namespace lockstep::order
