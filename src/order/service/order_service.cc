#include "order/service/order_service.h"

#include <fmt/format.h>

#include <utility>

#include "common/base/log.h"
#include "common/rpc/channel.h"
#include "order/service/answer.h"

namespace lockstep::order {
namespace {

// To a peer that is asked on behalf of callers: a budget must not grow on the way there.
std::shared_ptr<grpc::Channel> ChannelTo(const std::string& peer) {
  // A path that is none: every call fails at once with UNAVAILABLE.
  if (peer == control::kNoAddress) return rpc::MakeChannel("unix:/dev/null/none");
  return rpc::MakeChannel(peer, {.exact_deadlines = true});
}

message::PeerAddresses PeersOf(const OrderFlags& flags) {
  message::PeerAddresses peers = flags.peers;
  if (flags.consumer != control::kNoAddress)
    peers.try_emplace(kConsumerPeer, std::vector{flags.consumer});
  if (flags.restaurant != control::kNoAddress)
    peers.try_emplace(kRestaurantPeer, std::vector{flags.restaurant});
  return peers;
}

Status NotOpenYet() {
  ErrorDetail detail;
  detail.reason = "STARTING";
  detail.retry_after = limits::kRetryAfterFull;
  return MakeError(StatusCode::kUnavailable, "the server is starting; try again",
                   std::move(detail));
}

std::string HealthNameOf(Style style) {
  return fmt::format("{}/{}", v1::OrderService::service_full_name(), StyleName(style));
}

// After the deadline nothing is begun, unless expired work is not to be dropped.
Deadline NotAfter(const rpc::ServerCallBase& call) {
  return call.rules().drop_expired ? call.budget().deadline : Deadline::Never();
}

}  // namespace

StatusOr<std::unique_ptr<control::HostedService>> OrderService::Make(
    const control::HostContext& context, const OrderFlags& flags) {
  StatusOr<std::unique_ptr<SqliteOrderStore>> store =
      SqliteOrderStore::Open(context.flags.db, {.commit_batch_max = flags.commit_batch});
  if (!store.ok()) return store.status();
  const message::PeerAddresses peers = PeersOf(flags);
  const auto addresses = [&peers](const char* peer) {
    const auto place = peers.find(peer);
    return place == peers.end() ? std::vector<std::string>() : place->second;
  };
  StatusOr<std::unique_ptr<Copies>> copies = Copies::Open((*store)->file(),
                                                          {.node = context.flags.node,
                                                           .consumer = addresses(kConsumerPeer),
                                                           .restaurant = addresses(kRestaurantPeer),
                                                           .common_data = flags.common_data},
                                                          (*store)->orders_on_stale_data());
  if (!copies.ok()) return copies.status();
  return std::unique_ptr<control::HostedService>(
      new OrderService(context, flags, *std::move(store), *std::move(copies)));
}

OrderService::OrderService(const control::HostContext& context, OrderFlags flags,
                           std::unique_ptr<SqliteOrderStore> store, std::unique_ptr<Copies> copies)
    : context_(context),
      flags_(std::move(flags)),
      store_(std::move(store)),
      copies_(std::move(copies)),
      consumer_(consumer::v1::ConsumerService::NewStub(ChannelTo(flags_.consumer))),
      restaurant_(restaurant::v1::RestaurantService::NewStub(ChannelTo(flags_.restaurant))),
      account_(consumer::v1::AccountService::NewStub(ChannelTo(flags_.consumer))),
      watch_(*store_),
      desk_(context.settings, *store_, gate_, watch_),
      messaging_(context, *store_, PeersOf(flags_)),
      pool_(context.settings.Get()->order().pool_threads(),
            context.settings.Get()->order().pool_queue(), context.rules.drop_expired),
      methods_(context.faults, Service::service_full_name()) {
  methods_.Add("CreateOrder", raw_, &Raw::RequestCreateOrder, *this, &OrderService::CreateOrder);
  methods_.Add("GetOrder", raw_, &Raw::RequestGetOrder, *this, &OrderService::GetOrder);
  methods_.Add("ListOrders", raw_, &Raw::RequestListOrders, *this, &OrderService::ListOrders);
  methods_.Add("CancelOrder", raw_, &Raw::RequestCancelOrder, *this, &OrderService::CancelOrder);
  methods_.AddStream("WatchOrder", raw_, &Raw::RequestWatchOrder, watch_, &OrderWatch::Watch);
  context_.ledger.SetQueue(
      [this] {
        const rpc::BlockingPool::Counts counts = pool_.counts();
        return control::Ledger::QueueCounts{counts.waiting_now, counts.waiting_most};
      },
      [this] { pool_.ResetMost(); });
  context_.settings.Listen([this](const control::Settings& settings) {
    pool_.Resize(settings.order().pool_threads(), settings.order().pool_queue());
    copies_->SetAgeMax(rpc::ToDuration(settings.order().copy_age_max()));
  });
}

std::vector<grpc::Service*> OrderService::services() {
  std::vector<grpc::Service*> services = messaging_.services();
  services.push_back(&raw_);
  return services;
}

std::vector<rpc::MethodBase*> OrderService::methods() {
  std::vector<rpc::MethodBase*> methods = messaging_.methods();
  for (rpc::MethodBase* method : methods_.all()) methods.push_back(method);
  return methods;
}

Status OrderService::Start(rpc::QueueServer& business) {
  for (const auto& loop : business.loops()) loops_.push_back(loop.get());
  checks_ = std::make_unique<StyleChecks>(
      StyleParts{*consumer_, *restaurant_, *account_, stopping_, *copies_}, loops_);
  desk_.Use(*checks_);
  StatusOr<std::unique_ptr<SynchronousShell>> shell =
      SynchronousShell::Start(flags_.sync_listen, context_, desk_, *loops_.front());
  if (!shell.ok()) return shell.status();
  synchronous_ = *std::move(shell);
  messaging_.Start(*loops_.front());
  context_.ledger.SetMessages([this] { return messaging_.Counts(); });
  copies_->Follow();
  open_ = true;
  return OkStatus();
}

std::map<std::string, std::string> OrderService::Addresses() {
  return {{"sync", synchronous_->address()}};
}

Status OrderService::Health() {
  writable_ = store_->Writable();
  if (writable_) return OkStatus();
  return MakeError(StatusCode::kUnavailable, "STORE_NOT_WRITABLE",
                   fmt::format("the database {} cannot be written", context_.flags.db));
}

void OrderService::Tick() {
  const bool pool_full = pool_.full();
  for (const StyleRow& row : StyleTable()) {
    const bool usable = row.books == nullptr || copies_->Usable((*copies_.*row.books)());
    context_.health.Set(HealthNameOf(row.style),
                        writable_ && usable && !(row.holds_thread && pool_full));
  }
  gate_.GiveUpExpired(Clock::Real().Now());
  if (!purging_.exchange(true)) PurgeRequestIds();
  messaging_.Tick();
}

void OrderService::PurgeRequestIds() {
  const WallTime before = Clock::Real().WallNow() - flags_.request_id_retention;
  store_->PurgeRequestIds(before, [this](StatusOr<int> removed) {
    if (removed.ok() && *removed == limits::kPurgeBatchRows) {
      PurgeRequestIds();  // there may be more: the next batch, after what else is waiting to be
                          // written
    } else {
      purging_ = false;
    }
  });
}

void OrderService::CreateOrder(CreateCall& call) {
  if (!open_) {
    call.Fail(NotOpenYet());
    return;
  }
  StatusOr<PlaceOrderCommand> command = desk_.Read(
      call.request(), {call.arrival(), call.receipt_basis().arrival_wall, call.budget().deadline,
                       call.budget().from_caller, &call.cancel_source()});
  if (!command.ok()) {
    call.Fail(command.status());
    return;
  }
  if (RowOf(command->style).holds_thread) {
    CreateOnPool(call, *std::move(command));
    return;
  }
  call::v1::Receipt receipt;
  SetTerms(*command, call::v1::SHELL_QUEUE, receipt);
  desk_.Place(call.loop(), call.loop(), *std::move(command),
              [&call, receipt = std::move(receipt)](PlacedOrder placed) mutable {
                Answer(call, placed, receipt);
              });
}

void OrderService::Answer(CreateCall& call, PlacedOrder& placed, call::v1::Receipt& receipt) {
  SetCost(placed, &receipt);
  if (placed.duplicate) call.MarkDuplicate();
  if (placed.status.ok()) {
    call.Finish(ResponseOf(placed, receipt));
  } else {
    call.Fail(placed.status, &receipt);
  }
}

void OrderService::CreateOnPool(CreateCall& call, PlaceOrderCommand command) {
  call::v1::Receipt receipt;
  SetTerms(command, call::v1::SHELL_POOL, receipt);
  rpc::BlockingPool::Job job;
  job.deadline = command.call.caller;
  if (CancellationFollows(command.call.policy)) job.cancel_source = command.call.cancel;
  job.run = [this, &call, command = std::move(command),
             receipt](const rpc::BlockingPool::Turn& turn) mutable {
    rpc::SetDuration(turn.waited, receipt.mutable_queue_wait());
    if (turn.expired) {
      call.MarkNeverBegun();
      call.Fail(rpc::BudgetGone("when it left the queue before the pool"), &receipt);
      return;
    }
    const HighWater::Hold hold(context_.ledger.threads_held());
    HeldThread thread;
    std::optional<PlacedOrder> placed;
    desk_.Place(thread, call.loop(), std::move(command), [&](PlacedOrder result) {
      placed = std::move(result);
      thread.Release();
    });
    thread.Run();
    rpc::SetDuration(Clock::Real().Now() - turn.taken, receipt.mutable_thread_held());
    Answer(call, *placed, receipt);
  };
  if (Status submitted = pool_.Submit(std::move(job)); !submitted.ok())
    call.Fail(submitted, &receipt);
}

void OrderService::GetOrder(GetCall& call) {
  desk_.Get(call.request(), NotAfter(call), [&call](StatusOr<v1::Order> order) {
    call.loop().Continue(
        [&call, order = std::move(order)]() mutable { call.Answer(std::move(order)); });
  });
}

void OrderService::ListOrders(ListCall& call) {
  desk_.List(call.request(), NotAfter(call), [&call](StatusOr<v1::ListOrdersResponse> orders) {
    call.loop().Continue(
        [&call, orders = std::move(orders)]() mutable { call.Answer(std::move(orders)); });
  });
}

void OrderService::CancelOrder(CancelCall& call) {
  desk_.Cancel(call.request(), NotAfter(call), [&call](StatusOr<v1::Order> order) {
    call.loop().Continue(
        [&call, order = std::move(order)]() mutable { call.Answer(std::move(order)); });
  });
}

void OrderService::Drain(Duration grace) {
  messaging_.EndStreams();
  watch_.EndStreams();
  messaging_.StopSending();
  if (synchronous_ == nullptr) return;
  synchronous_->Shutdown(grace);
}

// What no cancellation follows waits for an answer that nobody will read. The loops too: the
// business server has no part in what the synchronous shell asks on them.
void OrderService::GraceOver() {
  stopping_.Cancel();
  watch_.EndWaits();
  for (rpc::CompletionLoop* loop : loops_) loop->CancelAll();
}

void OrderService::Stop() {
  pool_.Stop();
  copies_->Stop();
  store_->Stop();
}

}  // namespace lockstep::order
