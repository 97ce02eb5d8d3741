// What an owner has to do with others without being called: it answers questions and carries out
// commands that come as messages, tells its changes by a feed, listens to Order's feed, and keeps
// the common data.
//
// Threads: those of its parts; the methods one at a time. Order of the end: Drain while calls may
// still come in; Stop when none will, before the file stops.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/control/host.h"
#include "common/message/desk.h"
#include "common/message/feed_service.h"
#include "common/message/feed_source.h"
#include "common/message/feed_subscriber.h"
#include "common/message/feed_table.h"
#include "common/message/mailbox.h"
#include "common/message/relay.h"
#include "common/message/transport.h"
#include "common/owner/checkout_events.h"
#include "common/owner/common_data_writer.h"
#include "common/owner/desk_port.h"
#include "common/owner/effect.h"
#include "common/owner/flags.h"
#include "common/owner/judge.h"
#include "common/owner/order_feed.h"
#include "common/rpc/completion_loop.h"
#include "common/store/store_file.h"

namespace lockstep::owner {

class Exchange {
 public:
  // owner: "consumer". What context and file and feed refer to outlives it.
  Exchange(const control::HostContext& context, std::string owner, OwnerFlags flags,
           store::StoreFile& file, const message::FeedSource& feed, Judges judges, Effects effects,
           FollowOrder follow = nullptr);
  ~Exchange();  // Stop()

  // For the business server.
  std::vector<grpc::Service*> services();
  std::vector<rpc::MethodBase*> methods();

  control::MessagePort& messages() { return desk_port_; }

  // Begins to send and to listen.
  Status Start();
  void Tick();   // regular work: about every 250 ms
  void Drain();  // ends the streams and the listening
  void Stop();   // idempotent; also without Drain

 private:
  const std::string owner_;
  const std::string node_;
  const std::string db_;
  const OwnerFlags flags_;
  store::StoreFile& file_;
  const message::FeedSource& feed_;
  rpc::CompletionLoop loop_;  // of what goes out: it outlives the loops of the business server
  const std::unique_ptr<message::Transport> transport_;
  message::Mailbox mailbox_;
  message::FeedService feed_service_;
  message::FeedTrimmer feed_trimmer_;
  SteadyTime feed_trimmed_;  // when it was last looked at
  message::Relay relay_;
  message::Desk desk_;
  DeskPort desk_port_;
  OrderFeed order_feed_;
  std::unique_ptr<message::FeedSubscriber> subscriber_;  // null: not listening
  std::unique_ptr<CommonDataWriter> common_data_;        // null: none is kept
};

}  // namespace lockstep::owner
