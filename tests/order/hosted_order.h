// The order service in this process, in both shells, on free ports, with all that a server process
// would give it; and calls to it.
#pragma once

#include <grpcpp/client_context.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "common/base/id.h"
#include "common/control/host.h"
#include "common/rpc/channel.h"
#include "common/rpc/grpc_time.h"
#include "common/rpc/proto_values.h"
#include "common/rpc/server.h"
#include "common/rpc/status_details.h"
#include "order/service/convert.h"
#include "order/service/order_service.h"
#include "order/styles/styles.h"
#include "tests/order/fake_peer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace lockstep::order {

using namespace std::chrono_literals;
using v1::CreateOrderRequest;
using v1::CreateOrderResponse;

// What a call to Order brought, seen from its caller.
struct Answered {
  grpc::Status status;
  CreateOrderResponse response;
  call::v1::Receipt receipt;  // of the response, or of the error
  bool has_receipt = false;
  std::chrono::system_clock::time_point sent, came;  // by the caller's clock

  Status error() const { return rpc::FromGrpcStatus(status); }
  std::string reason() const { return DetailOf(error()).reason; }
  std::string metadata(const std::string& key) const {
    const ErrorDetail detail = DetailOf(error());
    const auto place = detail.metadata.find(key);
    return place == detail.metadata.end() ? std::string() : place->second;
  }
};

class HostedOrder {
 public:
  // The settings of Order, changed before it starts.
  using Change = std::function<void(control::Settings&)>;

  HostedOrder(std::string database, const std::string& consumer, const std::string& restaurant,
              const Change& change = nullptr)
      : settings_(Initial(change)) {
    flags_.db = std::move(database);
    flags_.node = rules_.node = "order";
    rules_.observer = &ledger_;
    settings_.Listen([this](const control::Settings& settings) {
      rules_.drop_expired = settings.drop_expired();
      rules_.calls_in_flight_max = settings.calls_in_flight_max();
      rules_.call_limit = rpc::ToDuration(settings.call_limit()).count();
    });
    OrderFlags flags;
    flags.sync_listen = "127.0.0.1:0";
    flags.consumer = consumer;
    flags.restaurant = restaurant;
    auto service = OrderService::Make(context_, flags);
    INFO(MessageOf(service.status()));
    REQUIRE(service.ok());
    service_ = *std::move(service);
    auto server = rpc::QueueServer::Start({.address = "127.0.0.1:0"}, service_->services(),
                                          service_->methods(), rules_);
    REQUIRE(server.ok());
    server_ = *std::move(server);
    REQUIRE(service_->Start(*server_).ok());
    queue_ = Stub(server_->address());
    sync_ = Stub(service_->Addresses().at("sync"));
  }
  HostedOrder(const HostedOrder&) = delete;
  HostedOrder& operator=(const HostedOrder&) = delete;
  ~HostedOrder() { Stop(10s); }

  // As the frame of a server process does it. Idempotent.
  void Stop(Duration grace) {
    if (std::exchange(stopped_, true)) return;
    std::promise<void> drained;
    std::future<void> both = drained.get_future();
    std::thread ending([&] {
      std::thread service([&] { service_->Drain(grace); });
      server_->Drain(grace);
      service.join();
      drained.set_value();
    });
    if (both.wait_for(grace) != std::future_status::ready) service_->GraceOver();
    ending.join();
    server_->Shutdown(Duration::zero());
    settings_.Close();
    service_->Stop();
  }

  v1::OrderService::Stub& queue() { return *queue_; }
  v1::OrderService::Stub& sync() { return *sync_; }
  rpc::CallRules& rules() { return rules_; }
  fault::Injector& faults() { return faults_; }
  control::Ledger& ledger() { return ledger_; }
  void Tick() { service_->Tick(); }

  void Set(const Change& change) {
    control::Settings settings = *settings_.Get();
    change(settings);
    google::protobuf::FieldMask mask;
    for (const char* path : {"drop_expired", "call_limit", "calls_in_flight_max", "order"}) {
      mask.add_paths(path);
    }
    const auto updated = settings_.Update(settings, mask);
    INFO(MessageOf(updated.status()));
    REQUIRE(updated.ok());
  }

  // All orders kept.
  std::vector<v1::Order> Orders() {
    grpc::ClientContext context;
    v1::ListOrdersRequest request;
    request.set_page_size(1000);
    v1::ListOrdersResponse response;
    const grpc::Status status = queue_->ListOrders(&context, request, &response);
    INFO(status.error_message());
    REQUIRE(status.ok());
    return {response.orders().begin(), response.orders().end()};
  }

 private:
  static control::Settings Initial(const Change& change) {
    control::Settings settings = control::DefaultSettings();
    *settings.mutable_order() = control::DefaultOrderSettings();
    if (change) change(settings);
    return settings;
  }
  static std::unique_ptr<v1::OrderService::Stub> Stub(const std::string& address) {
    return v1::OrderService::NewStub(rpc::MakeChannel(address, {.own_connection = true}));
  }

  control::ServerFlags flags_;
  rpc::CallRules rules_;
  fault::Injector faults_;
  rpc::HealthBoard health_;
  control::Ledger ledger_{"order", rules_.calls};
  control::SettingsBoard settings_;
  const control::HostContext context_{flags_, rules_, faults_, health_, ledger_, settings_};
  std::unique_ptr<control::HostedService> service_;
  std::unique_ptr<rpc::QueueServer> server_;
  std::unique_ptr<v1::OrderService::Stub> queue_, sync_;
  bool stopped_ = false;
};

// A style in a shell: what the suites run over.
struct StyleCase {
  StyleRow row;
  bool sync;  // on the synchronous server's address

  call::v1::Style style() const { return ToProto(row.style); }
  call::v1::Shell shell() const {
    if (sync) return call::v1::SHELL_THREAD_PER_CALL;
    return row.holds_thread ? call::v1::SHELL_POOL : call::v1::SHELL_QUEUE;
  }
  bool holds_thread() const { return sync || row.holds_thread; }
  std::string name() const {
    return std::string(StyleName(row.style)) + (sync ? ", synchronous shell" : ", queue shell");
  }
};

inline std::vector<StyleCase> StyleCases() {
  std::vector<StyleCase> cases;
  for (const StyleRow& row : StyleTable()) {
    if (!row.asks_peers) continue;
    cases.push_back({row, false});
    cases.push_back({row, true});
  }
  return cases;
}

// Order between two peers, and one way to call it.
class OrderWorld {
 public:
  explicit OrderWorld(const StyleCase& style, const HostedOrder::Change& change = nullptr)
      : style_(style), change_(change) {
    Start();
  }

  FakeConsumer consumer;
  FakeRestaurant restaurant;

  HostedOrder& order() { return *order_; }
  const StyleCase& style() const { return style_; }
  void Restart() {
    order_.reset();
    Start();
  }

  v1::OrderService::Stub& stub() { return style_.sync ? order_->sync() : order_->queue(); }

  // A request for two portions of a dish and one of another: 7.50 GBP.
  CreateOrderRequest Request(const std::string& request_id = "") const {
    CreateOrderRequest request;
    request.set_request_id(request_id);
    request.set_consumer_id("consumer-7");
    request.set_restaurant_id("restaurant-3");
    for (const auto& [item, quantity] : {std::pair("korma", 2), std::pair("naan", 1)}) {
      auto* line = request.add_lines();
      line->set_menu_item_id(item);
      line->set_quantity(quantity);
    }
    request.mutable_delivery_address()->set_street("1 Mill Lane");
    request.mutable_delivery_address()->set_city("Cambridge");
    request.mutable_delivery_address()->set_postal_code("CB2 1RX");
    request.mutable_options()->set_style(style_.style());
    return request;
  }

  Answered Create(const CreateOrderRequest& request, std::optional<Duration> timeout = 20s) {
    grpc::ClientContext context;
    return Create(context, request, timeout);
  }
  Answered Create(grpc::ClientContext& context, const CreateOrderRequest& request,
                  std::optional<Duration> timeout = 20s) {
    Answered answered;
    answered.sent = std::chrono::system_clock::now();
    if (timeout) {
      context.set_deadline(
          rpc::ToTimespec(Deadline::After(std::chrono::steady_clock::now(), *timeout)));
    }
    answered.status = stub().CreateOrder(&context, request, &answered.response);
    answered.came = std::chrono::system_clock::now();
    answered.has_receipt = answered.status.ok() ? answered.response.has_receipt()
                                                : rpc::ReceiptOf(answered.status, answered.receipt);
    if (answered.status.ok()) answered.receipt = answered.response.receipt();
    return answered;
  }
  std::future<Answered> CreateLater(CreateOrderRequest request,
                                    std::optional<Duration> timeout = 20s) {
    return std::async(std::launch::async, [this, request = std::move(request), timeout] {
      return Create(request, timeout);
    });
  }

 private:
  void Start() {
    order_ = std::make_unique<HostedOrder>(directory_.File("order.db"), consumer.address(),
                                           restaurant.address(), change_);
  }

  const StyleCase style_;
  const HostedOrder::Change change_;
  test::TempDir directory_;
  std::unique_ptr<HostedOrder> order_;
};

}  // namespace lockstep::order
