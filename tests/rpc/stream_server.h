// A FeedService whose Subscribe does what a test says, on a free port, with everything that it
// needs.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "common/rpc/channel.h"
#include "common/rpc/grpc_time.h"
#include "common/rpc/server.h"
#include "common/rpc/server_stream.h"
#include "lockstep/message/v1/message.grpc.pb.h"
#include "tests/support/catch.h"

namespace lockstep::rpc {

using message::v1::FeedService;
using message::v1::SubscribeRequest;
using message::v1::SubscribeResponse;
using SubscribeStream = ServerStream<SubscribeRequest, SubscribeResponse>;

inline constexpr char kSubscribe[] = "lockstep.message.v1.FeedService/Subscribe";

class StreamServer {
 public:
  explicit StreamServer(SubscribeStream::Handler handler, CallObserver* observer = nullptr)
      : method_(kSubscribe, faults_.AddSite(kSubscribe), service_, &Service::RequestSubscribe,
                std::move(handler)) {
    rules_.node = "test";
    rules_.observer = observer;
    auto server = QueueServer::Start({.address = "127.0.0.1:0"}, {&service_}, {&method_}, rules_);
    REQUIRE(server.ok());
    server_ = *std::move(server);
  }

  QueueServer& server() { return *server_; }
  CallRules& rules() { return rules_; }
  fault::Injector& faults() { return faults_; }
  std::unique_ptr<FeedService::Stub> Stub() const {
    return FeedService::NewStub(MakeChannel(server_->address(), {.own_connection = true}));
  }

 private:
  using Service = FeedService::WithRawMethod_Subscribe<FeedService::Service>;
  fault::Injector faults_;
  CallRules rules_;
  Service service_;
  SubscribeStream::Method<Service> method_;
  std::unique_ptr<QueueServer> server_;
};

// Streams numbers, from that after the request's on, each when the one before has gone out, until
// the caller leaves or EndAll. Threads: any.
class Counting {
 public:
  void Take(SubscribeStream& stream) {
    {
      const std::lock_guard lock(mutex_);
      if (!ended_) open_.insert(&stream);
    }
    Next(stream, stream.request().after() + 1);
  }

  void EndAll() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    for (SubscribeStream* stream : open_) stream->Finish();
    open_.clear();
  }

  std::size_t open() const {
    const std::lock_guard lock(mutex_);
    return open_.size();
  }

 private:
  void Next(SubscribeStream& stream, std::int64_t number) {
    const std::lock_guard lock(mutex_);
    if (open_.count(&stream) == 0) {
      if (ended_ && number == stream.request().after() + 1) stream.Finish();
      return;
    }
    SubscribeResponse piece;
    piece.set_head(number);
    stream.Write(piece, [this, &stream, number](bool ok) {
      if (ok) {
        Next(stream, number + 1);
      } else {
        Left(stream);
      }
    });
  }

  void Left(SubscribeStream& stream) {
    const std::lock_guard lock(mutex_);
    if (open_.erase(&stream) == 1) stream.Finish();
  }

  mutable std::mutex mutex_;
  bool ended_ = false;
  std::set<SubscribeStream*> open_;
};

}  // namespace lockstep::rpc
