#include "common/owner/exchange.h"

#include <grpcpp/completion_queue.h>

#include <utility>

#include "common/base/limits.h"
#include "common/rpc/idle_pollers.h"

namespace lockstep::owner {
namespace {

message::Handlers AllHandlers(const message::Transport& transport, Judges judges, Effects effects) {
  message::Handlers handlers = AnsweringHandlers(transport, std::move(judges));
  AddHandlers(handlers, transport, std::move(effects));
  return handlers;
}

}  // namespace

Exchange::Exchange(const control::HostContext& context, std::string owner, OwnerFlags flags,
                   store::StoreFile& file, const message::FeedSource& feed, Judges judges,
                   Effects effects, FollowOrder follow)
    : owner_(std::move(owner)),
      node_(context.flags.node),
      db_(context.flags.db),
      flags_(std::move(flags)),
      file_(file),
      feed_(feed),
      loop_(std::make_unique<grpc::CompletionQueue>()),
      transport_(message::MakeGrpcTransport(flags_.peers, node_, loop_)),
      mailbox_(file, context.faults,
               AllHandlers(*transport_, std::move(judges), std::move(effects))),
      feed_service_(file, feed, context.faults),
      feed_trimmer_(file),
      feed_trimmed_(Clock::Real().Now()),
      // The file is this service's alone, so that after a crash the lease that is still held is its
      // own, and what lies in the outbox goes out at once.
      relay_(file, *transport_, {.holder = owner_}),
      desk_(file, relay_, mailbox_),
      desk_port_(desk_),
      order_feed_(kOrder, file, mailbox_, std::move(follow)) {
  loop_.Post([] { rpc::StandAside(); });  // beside the loops of those who ask
  context.ledger.SetMessages([this] {
    control::v1::MessageCounts counts = CountsOf(relay_, mailbox_);
    counts.set_dead(counts.dead() + order_feed_.given_up());
    return counts;
  });
}

Exchange::~Exchange() { Stop(); }

std::vector<grpc::Service*> Exchange::services() {
  return {mailbox_.service(), feed_service_.service()};
}

std::vector<rpc::MethodBase*> Exchange::methods() {
  std::vector<rpc::MethodBase*> all = mailbox_.methods();
  for (rpc::MethodBase* method : feed_service_.methods()) all.push_back(method);
  return all;
}

Status Exchange::Start() {
  if (!flags_.common_data.empty()) {
    auto common_data = CommonDataWriter::Start(
        {.path = flags_.common_data, .owner = owner_, .source = db_}, file_.committed(), feed_);
    if (!common_data.ok()) return common_data.status();
    common_data_ = *std::move(common_data);
  }
  relay_.Start();
  if (flags_.order_feed) {
    subscriber_ = std::make_unique<message::FeedSubscriber>(
        message::FeedSubscriberOptions{
            .source = kOrder, .addresses = flags_.peers.at(kOrder), .subscriber = node_},
        order_feed_);
  }
  return OkStatus();
}

void Exchange::Tick() {
  const SteadyTime now = Clock::Real().Now();
  if (now - feed_trimmed_ < limits::kFeedTrimInterval) return;
  feed_trimmed_ = now;
  feed_trimmer_.Tick(Clock::Real().WallNow());
}

void Exchange::Drain() {
  feed_service_.EndStreams();
  if (subscriber_ != nullptr) subscriber_->Stop();
}

void Exchange::Stop() {
  Drain();
  relay_.Stop();
  loop_.Stop();
  if (common_data_ != nullptr) common_data_->Stop();
}

}  // namespace lockstep::owner
