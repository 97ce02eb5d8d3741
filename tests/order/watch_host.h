// A store of orders, the watch over it and a server with the method WatchOrder, on a free port; and
// streams of it, read without a thread for each.
#pragma once

#include <atomic>
#include <deque>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/rpc/channel.h"
#include "common/rpc/grpc_time.h"
#include "common/rpc/method_list.h"
#include "common/rpc/server.h"
#include "common/rpc/status_details.h"
#include "lockstep/order/v1/order.grpc.pb.h"
#include "order/service/order_watch.h"
#include "tests/order/stored.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace lockstep::order {

class WatchHost {
 public:
  explicit WatchHost(const std::string& path)
      : store(OpenOrFail(path)),
        watch(*store),
        methods_(faults_, "lockstep.order.v1.OrderService") {
    methods_.AddStream("WatchOrder", raw_, &Raw::RequestWatchOrder, watch, &OrderWatch::Watch);
    rules.node = "order";
    auto server =
        rpc::QueueServer::Start({.address = "127.0.0.1:0"}, {&raw_}, methods_.all(), rules);
    REQUIRE(server.ok());
    server_ = *std::move(server);
  }
  ~WatchHost() {
    watch.EndStreams();
    watch.EndWaits();
    server_->Shutdown(std::chrono::seconds(5));
  }

  std::unique_ptr<v1::OrderService::Stub> Stub() const {
    return v1::OrderService::NewStub(
        rpc::MakeChannel(server_->address(), {.own_connection = true}));
  }
  fault::Injector& faults() { return faults_; }

  // An order that waits for its verdicts.
  Order InsertPending(std::uint64_t nth) {
    const Order order = Plain(kThen, nth, OrderState::kPending);
    REQUIRE(InsertNow(*store, order).status.ok());
    return order;
  }

  rpc::CallRules rules;
  std::unique_ptr<SqliteOrderStore> store;
  OrderWatch watch;

 private:
  using Raw = v1::OrderService::WithRawMethod_WatchOrder<v1::OrderService::Service>;
  fault::Injector faults_;
  Raw raw_;
  rpc::MethodList methods_;
  std::unique_ptr<rpc::QueueServer> server_;
};

// One stream, read by the thread that holds it.
struct WatchStream {
  WatchStream(const WatchHost& host, const std::string& order_id, std::int64_t after = 0,
              bool and_later = false)
      : stub(host.Stub()) {
    v1::WatchOrderRequest request;
    request.set_order_id(order_id);
    request.set_after_version(after);
    request.set_and_later_changes(and_later);
    stream = stub->WatchOrder(&context, request);
  }
  // Version 0: the stream has ended.
  v1::WatchOrderResponse Next() {
    v1::WatchOrderResponse response;
    if (!stream->Read(&response)) response.Clear();
    return response;
  }
  Status End() {
    while (Next().version() > 0) {
    }
    return rpc::FromGrpcStatus(stream->Finish());
  }

  std::unique_ptr<v1::OrderService::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::WatchOrderResponse>> stream;
};

// Many streams on one connection and one thread, which counts what comes.
class ManyStreams {
 public:
  ManyStreams(const WatchHost& host, const std::vector<std::string>& order_ids)
      : stub_(host.Stub()), thread_([this] { Run(); }) {
    for (const std::string& order_id : order_ids) {
      One& one = streams_.emplace_back();
      v1::WatchOrderRequest request;
      request.set_order_id(order_id);
      one.reader = stub_->PrepareAsyncWatchOrder(&one.context, request, &queue_);
      one.reader->StartCall(&one);
    }
  }
  ~ManyStreams() {
    for (One& one : streams_) one.context.TryCancel();
    while (ended_ < static_cast<int>(streams_.size())) std::this_thread::yield();
    queue_.Shutdown();
    thread_.join();
  }

  int pieces() const { return pieces_; }
  int ended_well() const { return ended_well_; }

 private:
  struct One {
    grpc::ClientContext context;
    v1::WatchOrderResponse response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncReader<v1::WatchOrderResponse>> reader;
    enum class Step { kStarting, kReading, kFinishing } step = Step::kStarting;
  };

  void Run() {
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
      One& one = *static_cast<One*>(tag);
      if (one.step == One::Step::kFinishing) {
        if (one.status.ok()) ++ended_well_;
        ++ended_;
        continue;
      }
      if (one.step == One::Step::kReading && ok) ++pieces_;
      one.step = ok ? One::Step::kReading : One::Step::kFinishing;
      if (ok) {
        one.reader->Read(&one.response, &one);
      } else {
        one.reader->Finish(&one.status, &one);
      }
    }
  }

  const std::unique_ptr<v1::OrderService::Stub> stub_;
  grpc::CompletionQueue queue_;
  std::deque<One> streams_;
  std::atomic<int> pieces_ = 0, ended_ = 0, ended_well_ = 0;
  std::thread thread_;
};

// Of this process, as the kernel counts them.
inline int ThreadsNow() {
  std::ifstream status("/proc/self/status");
  std::string word;
  int threads = 0;
  while (status >> word) {
    if (word == "Threads:") status >> threads;
  }
  return threads;
}

}  // namespace lockstep::order
