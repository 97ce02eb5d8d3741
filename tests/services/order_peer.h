// What the owners see of Order: a mailbox that takes their verdicts, and a feed of orders placed.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/message/feed_service.h"
#include "common/message/feed_table.h"
#include "common/message/mailbox.h"
#include "common/message/tables.h"
#include "common/owner/flags.h"
#include "lockstep/consumer/v1/account.pb.h"
#include "lockstep/consumer/v1/consumer.pb.h"
#include "lockstep/order/v1/order.pb.h"
#include "lockstep/restaurant/v1/restaurant.pb.h"
#include "tests/services/hosted.h"

namespace lockstep::test {

class OrderPeer {
 public:
  explicit OrderPeer(const std::string& path) {
    auto file = store::StoreFile::Open(Options(path), {kApplicationId, kScripts},
                                       [](store::Database&) { return OkStatus(); });
    INFO(MessageOf(file.status()));
    REQUIRE(file.ok());
    file_ = *std::move(file);
    message::Handlers handlers;
    for (const auto* type : {consumer::v1::ConsumerValidated::descriptor(),
                             consumer::v1::PaymentAuthorized::descriptor(),
                             consumer::v1::PaymentNotCaptured::descriptor(),
                             restaurant::v1::OrderDetailsValidated::descriptor(),
                             restaurant::v1::ItemsReserved::descriptor(),
                             restaurant::v1::ItemsNotConfirmed::descriptor()}) {
      handlers[type->full_name()] = [this](store::Database&, const message::v1::Envelope& envelope,
                                           WallTime) -> message::Handled {
        return {OkStatus(), [this, envelope] {
                  const std::lock_guard lock(mutex_);
                  verdicts_.push_back(envelope);
                  came_.notify_all();
                }};
      };
    }
    mailbox_ = std::make_unique<message::Mailbox>(*file_, faults_, std::move(handlers));
    feed_service_ = std::make_unique<message::FeedService>(*file_, feed_, faults_);
    std::vector<rpc::MethodBase*> methods = mailbox_->methods();
    for (rpc::MethodBase* method : feed_service_->methods()) methods.push_back(method);
    rules_.node = "order";
    auto server =
        rpc::QueueServer::Start({.address = "127.0.0.1:0"},
                                {mailbox_->service(), feed_service_->service()}, methods, rules_);
    REQUIRE(server.ok());
    server_ = *std::move(server);
  }
  OrderPeer(const OrderPeer&) = delete;
  OrderPeer& operator=(const OrderPeer&) = delete;
  ~OrderPeer() {
    feed_service_->EndStreams();
    server_->Shutdown(10s);
    file_->Stop();
  }

  // For an owner that knows this peer.
  owner::OwnerFlags Flags(bool order_feed = true) const {
    owner::OwnerFlags flags;
    flags.peers[owner::kOrder] = {server_->address()};
    flags.order_feed = order_feed;
    return flags;
  }

  // Says in the feed that an order was placed; all of them in one commit.
  void Place(const std::vector<order::v1::Order>& orders) {
    std::vector<message::v1::Change> changes;
    for (const order::v1::Order& order : orders) {
      order::v1::OrderPlaced placed;
      *placed.mutable_order() = order;
      changes.push_back(ChangeOf(order.order_id(), placed.SerializeAsString()));
    }
    Publish(changes);
  }
  static message::v1::Change ChangeOf(const std::string& key, const std::string& payload) {
    message::v1::Change change;
    change.set_type(order::v1::OrderPlaced::descriptor()->full_name());
    change.set_key(key);
    change.set_payload(payload);
    return change;
  }
  void Publish(const std::vector<message::v1::Change>& changes) {
    std::promise<Status> written;
    file_->writer().Submit(
        [&](store::Database& database) {
          for (const message::v1::Change& change : changes) {
            Status status = message::AppendToFeed(database, change.type(), change.key(),
                                                  change.payload(), Clock::Real().WallNow());
            if (!status.ok()) return status;
          }
          return OkStatus();
        },
        Deadline::Never(),
        [&](const store::CommitResult& result) { written.set_value(result.status); });
    REQUIRE(written.get_future().get().ok());
  }

  // The verdicts so far, once there are so many; each has had its one effect here.
  std::vector<message::v1::Envelope> Verdicts(std::size_t count) {
    std::unique_lock lock(mutex_);
    const bool came = came_.wait_for(lock, 20s, [&] { return verdicts_.size() >= count; });
    INFO(verdicts_.size() << " of " << count << " verdicts");
    REQUIRE(came);
    return verdicts_;
  }
  std::size_t verdicts() {
    const std::lock_guard lock(mutex_);
    return verdicts_.size();
  }
  message::Mailbox& mailbox() { return *mailbox_; }
  const std::string& address() const { return server_->address(); }

 private:
  static constexpr std::int32_t kApplicationId = 0x4C4B5405;
  static constexpr std::array<std::string_view, 3> kScripts = {
      message::kMessageTables, message::kFeedTables, message::kFeedTable};
  // No snapshot: orders are asked for one by one.
  class OrderedFeed final : public message::FeedTable {
    Status ReadSnapshot(store::Database&, std::string_view, int, std::size_t,
                        std::vector<message::v1::Change>&) const override {
      return MakeError(StatusCode::kUnimplemented, "NO_SNAPSHOT", "there is none");
    }
  };
  static store::StoreFileOptions Options(const std::string& path) {
    store::StoreFileOptions options;
    options.path = path;
    return options;
  }

  rpc::CallRules rules_;
  fault::Injector faults_;
  OrderedFeed feed_;
  std::unique_ptr<store::StoreFile> file_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<message::v1::Envelope> verdicts_;  // guarded by mutex_
  std::unique_ptr<message::Mailbox> mailbox_;
  std::unique_ptr<message::FeedService> feed_service_;
  std::unique_ptr<rpc::QueueServer> server_;
};

template <typename Payload>
Payload PayloadOf(const message::v1::Envelope& envelope) {
  Payload payload;
  REQUIRE(envelope.type() == Payload::descriptor()->full_name());
  REQUIRE(payload.ParseFromString(envelope.payload()));
  return payload;
}

// One value of a query on a file, by a connection of its own.
inline std::int64_t CountIn(const std::string& path, const std::string& sql) {
  auto database = store::Database::Open(path, store::Mode::kReadOnly);
  REQUIRE(database.ok());
  store::Statement row = (*database)->Prepare(sql);
  REQUIRE(row.Step());
  const std::int64_t value = row.Int64(0);
  REQUIRE(row.Finish().ok());
  return value;
}

}  // namespace lockstep::test
