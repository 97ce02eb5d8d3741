#include "common/message/mailbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "common/base/check.h"
#include "common/base/kill_point.h"
#include "common/base/limits.h"
#include "common/message/envelope.h"
#include "common/message/inbox.h"

namespace lockstep::message {
namespace {

Status TypeUnknown(const v1::Envelope& envelope) {
  ErrorDetail detail;
  detail.reason = kMessageTypeUnknown;
  detail.metadata = {{"type", envelope.type()}};
  return MakeError(StatusCode::kUnimplemented,
                   fmt::format("messages of type {} are not handled here: send it to a service "
                               "that does, or start a newer program",
                               envelope.type()),
                   std::move(detail));
}

Status Expired(const v1::Envelope& envelope) {
  return MakeError(StatusCode::kFailedPrecondition, kMessageExpired,
                   fmt::format("message {} has expired: it will not be handled any more; if its "
                               "effect is still wanted, send a new one",
                               envelope.message_id()));
}

Status HeldBack(const v1::Envelope& envelope) {
  return MakeError(StatusCode::kAborted, kKeyHeldBack,
                   fmt::format("an earlier message of key {} was refused: send this one after it",
                               envelope.key()));
}

Status TooManyWaiting(int waiting) {
  ErrorDetail detail;
  detail.reason = "DELIVER_QUEUE_FULL";
  detail.retry_after = std::chrono::milliseconds(limits::kRetryAfterFull);
  return MakeError(StatusCode::kResourceExhausted,
                   fmt::format("{} messages wait for the store already (at most {} may); none of "
                               "these was taken: deliver them later",
                               waiting, limits::kDeliverWaitingMax),
                   std::move(detail));
}

}  // namespace

class Mailbox::Parts {
 public:
  using Raw = v1::Mailbox::WithRawMethod_Deliver<v1::Mailbox::Service>;
  using DeliverCall = rpc::ServerCall<v1::DeliverRequest, v1::DeliverResponse>;
  using Done = AnyInvocable<void(std::vector<Taken>)>;

  Parts(store::StoreFile& file, fault::Injector& faults, Handlers handlers)
      : file_(file),
        handlers_(std::move(handlers)),
        methods_(faults, v1::Mailbox::service_full_name()) {
    methods_.Add("Deliver", raw_, &Raw::RequestDeliver, *this, &Parts::Deliver);
  }

  grpc::Service* service() { return &raw_; }
  std::vector<rpc::MethodBase*> methods() const { return methods_.all(); }
  std::atomic<std::int64_t>& taken() { return taken_; }
  std::atomic<std::int64_t>& duplicates() { return duplicates_; }
  std::atomic<std::int64_t>& refused() { return refused_; }

  // The envelopes outlive done.
  void Take(const std::vector<const v1::Envelope*>& envelopes, Deadline not_after, Done done);

 private:
  // One message of a delivery. Written by the thread that submits, until it is submitted, and by
  // the store thread from then on; failed is read by both.
  struct Slot {
    const v1::Envelope* envelope = nullptr;
    int previous = -1;  // the message before it of the same key, in this delivery
    std::atomic<bool> failed = false;
    bool held_back = false;  // in the last run: it fails once that is committed
    bool duplicate = false;
    Status status;  // what it comes to if the commit succeeds
    AnyInvocable<void()> after_commit;
  };
  struct Delivery {
    std::unique_ptr<Slot[]> slots;
    int size = 0;
    std::atomic<int> unanswered = 0;
    Done done;
  };

  void Deliver(DeliverCall& call);
  void Submit(const std::shared_ptr<Delivery>& delivery, int at, Deadline not_after);
  Status Handle(store::Database& database, Delivery& delivery, Slot& slot) const;
  void Settle(Delivery& delivery, Slot& slot, Status status);

  store::StoreFile& file_;
  const Handlers handlers_;
  Raw raw_;
  rpc::MethodList methods_;
  std::atomic<int> waiting_ = 0;  // messages of Deliver calls under way
  std::atomic<std::int64_t> taken_ = 0, duplicates_ = 0, refused_ = 0;
};

void Mailbox::Parts::Deliver(DeliverCall& call) {
  const v1::DeliverRequest& request = call.request();
  const int count = request.envelopes_size();
  if (count < 1 || count > limits::kDeliverEnvelopesMax) {
    call.Fail(InvalidRequest({{"envelopes", fmt::format("must be 1 to {} messages, are {}",
                                                        limits::kDeliverEnvelopesMax, count)}}));
    return;
  }
  const int waiting = waiting_.fetch_add(count);
  if (waiting + count > limits::kDeliverWaitingMax) {
    waiting_ -= count;
    call.MarkNeverBegun();
    call.Fail(TooManyWaiting(waiting));
    return;
  }
  std::vector<const v1::Envelope*> envelopes;
  envelopes.reserve(static_cast<std::size_t>(count));
  for (const v1::Envelope& envelope : request.envelopes()) envelopes.push_back(&envelope);
  const Deadline not_after = call.rules().drop_expired.load(std::memory_order_relaxed)
                                 ? call.budget().deadline
                                 : Deadline::Never();
  Take(envelopes, not_after, [this, &call, count](std::vector<Taken> taken) {
    waiting_ -= count;
    call.loop().Post([&call, taken = std::move(taken)] {
      v1::DeliverResponse response;
      for (const Taken& one : taken) {
        v1::DeliverResponse::Outcome* outcome = response.add_outcomes();
        SetStatus(one.status, outcome->mutable_status());
        outcome->set_duplicate(one.duplicate);
      }
      call.Finish(response);
    });
  });
}

void Mailbox::Parts::Take(const std::vector<const v1::Envelope*>& envelopes, Deadline not_after,
                          Done done) {
  if (envelopes.empty()) {
    done({});
    return;
  }
  const auto delivery = std::make_shared<Delivery>();
  delivery->size = static_cast<int>(envelopes.size());
  delivery->slots = std::make_unique<Slot[]>(envelopes.size());
  delivery->unanswered = delivery->size;
  delivery->done = std::move(done);
  std::unordered_map<std::string_view, int> last_of_key;
  for (int i = 0; i < delivery->size; ++i) {
    Slot& slot = delivery->slots[i];
    slot.envelope = envelopes[static_cast<std::size_t>(i)];
    const auto [place, first] = last_of_key.try_emplace(OrderKeyOf(*slot.envelope), i);
    if (!first) slot.previous = std::exchange(place->second, i);
  }
  for (int i = 0; i < delivery->size; ++i) Submit(delivery, i, not_after);
}

void Mailbox::Parts::Submit(const std::shared_ptr<Delivery>& delivery, int at, Deadline not_after) {
  Slot& slot = delivery->slots[at];
  Status status = CheckEnvelope(*slot.envelope);
  if (status.ok() && !handlers_.contains(slot.envelope->type())) {
    status = TypeUnknown(*slot.envelope);
  }
  if (!status.ok()) {
    Settle(*delivery, slot, std::move(status));
    return;
  }
  file_.writer().Submit(
      [this, delivery, &slot](store::Database& database) {
        return Handle(database, *delivery, slot);
      },
      not_after,
      [this, delivery, &slot](const store::CommitResult& result) {
        Settle(*delivery, slot, result.status.ok() ? std::move(slot.status) : result.status);
      });
}

// What has no effect by our own decision is no error of the transaction, which others share.
Status Mailbox::Parts::Handle(store::Database& database, Delivery& delivery, Slot& slot) const {
  const v1::Envelope& envelope = *slot.envelope;
  slot.duplicate = false;
  slot.after_commit = nullptr;
  slot.status = OkStatus();
  // The one before has been settled, or it shares this transaction: then it was held back, or has
  // not failed so far, and if it fails, this runs anew.
  const Slot* const before = slot.previous >= 0 ? &delivery.slots[slot.previous] : nullptr;
  slot.held_back = before != nullptr && (before->failed.load() || before->held_back);
  if (slot.held_back) {
    slot.status = HeldBack(envelope);
    return OkStatus();
  }
  const WallTime now = Clock::Real().WallNow();
  if (IsExpired(envelope, now)) {
    const StatusOr<bool> heard = IsInInbox(database, envelope.message_id());
    if (!heard.ok()) return heard.status();
    slot.duplicate = *heard;
    if (!slot.duplicate) slot.status = Expired(envelope);
    return OkStatus();
  }
  const StatusOr<bool> fresh = EnterIntoInbox(database, envelope.message_id(), now);
  if (!fresh.ok()) return fresh.status();
  slot.duplicate = !*fresh;
  if (slot.duplicate) return OkStatus();
  Handled handled = handlers_.at(envelope.type())(database, envelope, now);
  slot.after_commit = std::move(handled.after_commit);
  PassKillPoint(KillPoint::kInboxEffect);
  return handled.status;
}

void Mailbox::Parts::Settle(Delivery& delivery, Slot& slot, Status status) {
  const bool ok = status.ok();
  (ok ? (slot.duplicate ? duplicates_ : taken_) : refused_).fetch_add(1, std::memory_order_relaxed);
  // What has expired is through for good, and nothing has to wait for it.
  slot.failed = !ok && DetailOf(status).reason != kMessageExpired;
  slot.status = std::move(status);
  if (ok && !slot.duplicate) PassKillPoint(KillPoint::kInboxCommitted);
  if (ok && slot.after_commit) slot.after_commit();
  slot.after_commit = nullptr;
  if (delivery.unanswered.fetch_sub(1) > 1) return;
  std::vector<Taken> taken;
  taken.reserve(static_cast<std::size_t>(delivery.size));
  for (int i = 0; i < delivery.size; ++i) {
    Slot& one = delivery.slots[i];
    const bool duplicate = one.duplicate && one.status.ok();
    taken.push_back({std::move(one.status), duplicate});
  }
  std::exchange(delivery.done, nullptr)(std::move(taken));
}

Mailbox::Mailbox(store::StoreFile& file, fault::Injector& faults, Handlers handlers)
    : parts_(std::make_unique<Parts>(file, faults, std::move(handlers))) {}
Mailbox::~Mailbox() = default;

grpc::Service* Mailbox::service() { return parts_->service(); }
std::vector<rpc::MethodBase*> Mailbox::methods() { return parts_->methods(); }

void Mailbox::Take(std::vector<v1::Envelope> envelopes, Deadline not_after,
                   AnyInvocable<void(std::vector<Taken>)> done) {
  const auto kept = std::make_shared<const std::vector<v1::Envelope>>(std::move(envelopes));
  std::vector<const v1::Envelope*> each;
  each.reserve(kept->size());
  for (const v1::Envelope& envelope : *kept) each.push_back(&envelope);
  parts_->Take(each, not_after, [kept, done = std::move(done)](std::vector<Taken> taken) mutable {
    done(std::move(taken));
  });
}

Mailbox::Counts Mailbox::counts() const {
  return {parts_->taken(), parts_->duplicates(), parts_->refused()};
}
void Mailbox::ResetCounts() {
  parts_->taken() = 0;
  parts_->duplicates() = 0;
  parts_->refused() = 0;
}

}  // namespace lockstep::message
