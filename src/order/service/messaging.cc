#include "order/service/messaging.h"

#include <utility>

#include "common/base/log.h"
#include "common/rpc/proto_values.h"

namespace lockstep::order {

Messaging::Messaging(const control::HostContext& context, SqliteOrderStore& store,
                     message::PeerAddresses peers)
    : context_(context),
      store_(store),
      peers_(std::move(peers)),
      desk_(store),
      mailbox_(store.file(), context.faults, desk_.handlers()),
      feed_service_(store.file(), feed_, context.faults) {}

std::vector<grpc::Service*> Messaging::services() {
  return {mailbox_.service(), feed_service_.service()};
}

std::vector<rpc::MethodBase*> Messaging::methods() {
  std::vector<rpc::MethodBase*> methods = mailbox_.methods();
  for (rpc::MethodBase* method : feed_service_.methods()) methods.push_back(method);
  return methods;
}

void Messaging::Start(rpc::CompletionLoop& loop) {
  transport_ = message::MakeGrpcTransport(peers_, context_.flags.node, loop);
  relay_ = std::make_unique<message::Relay>(store_.file(), *transport_);
  relay_->Start();
}

void Messaging::StopSending() {
  if (relay_ != nullptr) relay_->Stop();
}

void Messaging::Tick() {
  if (!expiring_.exchange(true)) ExpireOrders();
  const SteadyTime now = Clock::Real().Now();
  if (now >= next_trim_ && !trimming_.exchange(true)) {
    next_trim_ = now + limits::kFeedTrimInterval;
    TrimFeed();
  }
}

void Messaging::ExpireOrders() {
  const WallTime now = Clock::Real().WallNow();
  const Duration limit = rpc::ToDuration(context_.settings.Get()->order().validation_limit());
  store_.ExpirePending(now - limit, now, [this](StatusOr<int> count) {
    if (count.ok()) {
      expired_ += *count;
    } else {
      log::Warning("orders_not_expired", {{"message", MessageOf(count.status())}});
    }
    // A full batch: there may be more, after what else is waiting to be written.
    if (count.ok() && *count == limits::kPurgeBatchRows) {
      ExpireOrders();
    } else {
      expiring_ = false;
    }
  });
}

void Messaging::TrimFeed() {
  const WallTime before = Clock::Real().WallNow() - Duration(limits::kFeedRetention);
  store_.TrimFeed(before, [this](StatusOr<int> count) {
    if (count.ok() && *count == limits::kPurgeBatchRows) {
      TrimFeed();
    } else {
      trimming_ = false;
    }
  });
}

}  // namespace lockstep::order
