#include "order/service/messaging.h"

#include <future>
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
  boxes_ = std::make_unique<message::Desk>(store_.file(), *relay_, mailbox_);
  relay_->Start();
}

Messaging::~Messaging() = default;

StatusOr<message::v1::Backlog> Messaging::GetBacklog() {
  StatusOr<message::v1::Backlog> backlog = boxes_->GetBacklog();
  if (!backlog.ok()) return backlog.status();
  std::promise<StatusOr<SqliteOrderStore::Pending>> said;
  store_.CountPending(
      [&said](StatusOr<SqliteOrderStore::Pending> pending) { said.set_value(std::move(pending)); });
  const StatusOr<SqliteOrderStore::Pending> pending = said.get_future().get();
  if (!pending.ok()) return pending.status();
  backlog->set_orders_pending(pending->count);
  if (pending->oldest) {
    rpc::SetDuration(Clock::Real().WallNow() - *pending->oldest,
                     backlog->mutable_oldest_order_age());
  }
  return backlog;
}

StatusOr<control::v1::ListMessagesResponse> Messaging::ListMessages(
    const control::v1::ListMessagesRequest& request) {
  StatusOr<message::Desk::Page> page =
      boxes_->List(request.box(), request.destination(), request.message_id(), request.page_size());
  if (!page.ok()) return page.status();
  control::v1::ListMessagesResponse response;
  for (message::v1::StoredMessage& message : page->messages)
    response.add_messages()->Swap(&message);
  response.set_total(page->total);
  return response;
}

StatusOr<message::v1::StoredMessage> Messaging::Redrive(const std::string& message_id) {
  return boxes_->Redrive(message_id);
}

StatusOr<message::v1::StoredMessage> Messaging::Drop(const std::string& message_id) {
  return boxes_->Drop(message_id);
}

control::v1::MessageCounts Messaging::Counts() const {
  control::v1::MessageCounts counts;
  const message::Mailbox::Counts in = mailbox_.counts();
  counts.set_taken(in.taken);
  counts.set_duplicates(in.duplicates);
  counts.set_refused(in.refused);
  if (relay_ != nullptr) {
    const message::Relay::Counts out = relay_->counts();
    counts.set_sent(out.sent);
    counts.set_send_failed(out.failed);
    counts.set_dead(out.dead);
  }
  const MessageDesk::Counts verdicts = desk_.counts();
  counts.set_verdicts_late(verdicts.late);
  counts.set_verdicts_unknown(verdicts.unknown);
  counts.set_verdicts_inconsistent(verdicts.inconsistent);
  counts.set_orders_expired(expired_);
  counts.set_orders_on_stale_data(store_.orders_on_stale_data());
  return counts;
}

void Messaging::StopSending() {
  if (relay_ != nullptr) relay_->Stop();
}

void Messaging::Tick() {
  if (!expiring_.exchange(true)) ExpireOrders();
  if (!settling_.exchange(true)) SettleCheckouts();
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

void Messaging::SettleCheckouts() {
  store_.SettleCheckouts(Clock::Real().WallNow(), undo_, [this](StatusOr<int> count) {
    if (!count.ok())
      log::Warning("checkouts_not_settled", {{"message", MessageOf(count.status())}});
    if (count.ok() && *count > 0) log::Info("checkouts_undone", {{"count", *count}});
    if (count.ok() && *count == limits::kPurgeBatchRows) {
      SettleCheckouts();
    } else {
      settling_ = false;
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
