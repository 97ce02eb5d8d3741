// All of Order that has to do with messages, in one piece: mailbox, outbox and its relay, Order's
// feed, and the housekeeping of orders that wait for verdicts.
//
// Threads: made before the business server, started once its loops are there; Tick on the
// housekeeping thread. Stop order: streams end, the relay stops, then the server's calls have
// ended, then the file may stop.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/control/host.h"
#include "common/control/message_port.h"
#include "common/message/desk.h"
#include "common/message/feed_service.h"
#include "common/message/mailbox.h"
#include "common/message/relay.h"
#include "common/message/transport.h"
#include "order/checks/checkout_commands.h"
#include "order/service/message_desk.h"
#include "order/service/order_feed.h"
#include "order/store/order_store.h"

namespace lockstep::order {

class Messaging final : public control::MessagePort {
 public:
  // context, store: outlive it.
  Messaging(const control::HostContext& context, SqliteOrderStore& store,
            message::PeerAddresses peers);
  ~Messaging() override;

  std::vector<grpc::Service*> services();
  std::vector<rpc::MethodBase*> methods();

  void Start(rpc::CompletionLoop& loop);
  void Tick();
  // At the beginning of an orderly end.
  void EndStreams() { feed_service_.EndStreams(); }
  void StopSending();

  StatusOr<message::v1::Backlog> GetBacklog() override;
  StatusOr<control::v1::ListMessagesResponse> ListMessages(
      const control::v1::ListMessagesRequest& request) override;
  StatusOr<message::v1::StoredMessage> Redrive(const std::string& message_id) override;
  StatusOr<message::v1::StoredMessage> Drop(const std::string& message_id) override;

  // Since the start.
  control::v1::MessageCounts Counts() const;

 private:
  void ExpireOrders();
  void SettleCheckouts();
  void TrimFeed();

  const control::HostContext& context_;
  SqliteOrderStore& store_;
  const message::PeerAddresses peers_;
  MessageDesk desk_;
  message::Mailbox mailbox_;
  const OrderFeed feed_;
  message::FeedService feed_service_;
  std::unique_ptr<message::Transport> transport_;
  std::unique_ptr<message::Relay> relay_;
  std::unique_ptr<message::Desk> boxes_;
  std::atomic<bool> expiring_ = false;
  std::atomic<bool> settling_ = false;
  const CheckoutCommands undo_;
  std::atomic<bool> trimming_ = false;
  SteadyTime next_trim_{};  // of the housekeeping thread
  std::atomic<std::int64_t> expired_ = 0;
};

}  // namespace lockstep::order
