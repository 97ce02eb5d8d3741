#include "order/service/order_watch.h"

#include <fmt/format.h>

#include <mutex>
#include <optional>
#include <utility>

#include "order/service/order_watch_parts.h"

namespace lockstep::order {
namespace {

Status StillPending(const std::string& order_id) {
  ErrorDetail detail;
  detail.reason = "ORDER_PENDING";
  detail.metadata = {{"order_id", order_id}};
  return MakeError(StatusCode::kDeadlineExceeded,
                   fmt::format("the order {} was taken and goes on; its verdicts were not there by "
                               "the deadline",
                               order_id),
                   std::move(detail));
}

Status CallerHasGone() { return Status(StatusCode::kCancelled, "the caller has gone"); }

}  // namespace

// A stream of WatchOrder. What is not said to be under the lock runs on the call's loop. It takes
// itself out of those who wait before its call ends: nobody posts to the loop on its behalf then.
class OrderWatch::Stream final : public Watcher, public std::enable_shared_from_this<Stream> {
 public:
  Stream(WatchCall& call, Parts& parts)
      : call_(call),
        parts_(parts),
        order_id_(call.request().order_id()),
        sent_(call.request().after_version()),
        goes_on_(call.request().and_later_changes()) {}

  void Begin() {
    // Posted: a hook may not end what it hangs on.
    hook_.emplace(call_.cancel_source(),
                  [this] { Post([](Stream& self) { self.End(CallerHasGone()); }); });
    if (!parts_.Add(order_id_, shared_from_this(), nullptr)) End(rpc::ServerIsStopping());
  }

  bool See(const std::shared_ptr<const Seen>& seen, Answers& /*answers*/) override {
    Post([seen](Stream& self) {
      if (self.latest_ == nullptr || seen->version() > self.latest_->version()) self.latest_ = seen;
      self.Go();
    });
    return false;
  }
  bool Fail(const Status& status, Answers& /*answers*/) override {
    Post([status](Stream& self) { self.End(status); });
    return false;
  }
  bool is_stream() const override { return true; }

 private:
  template <typename Work>
  void Post(Work work) {
    call_.loop().Post([self = shared_from_this(), work = std::move(work)] { work(*self); });
  }

  // Says the next change that was not said, or ends after the last.
  void Go() {
    if (writing_ || ended_) return;
    if (sent_ < latest_->version()) {
      writing_ = true;
      const auto piece = static_cast<std::size_t>(sent_++);
      call_.WriteBytes(latest_->pieces[piece], [self = shared_from_this()](bool ok) {
        self->writing_ = false;
        if (ok) {
          self->Go();
        } else {
          self->End(CallerHasGone());
        }
      });
    } else if (latest_->is_final && !goes_on_) {
      End(OkStatus());
    }
  }

  void End(const Status& status) {
    if (std::exchange(ended_, true)) return;
    const std::shared_ptr<Stream> self = shared_from_this();
    parts_.Remove(order_id_, self);
    hook_.reset();
    call_.Finish(status);
  }

  WatchCall& call_;  // until it has ended
  Parts& parts_;
  const std::string order_id_;
  std::int64_t sent_;  // versions
  const bool goes_on_;
  std::optional<CancelSource::Hook> hook_;
  std::shared_ptr<const Seen> latest_;
  bool writing_ = false;
  bool ended_ = false;
};

// A caller that waits for a final state, until a moment or until it has gone. Locks are taken in
// this order: that of Parts or that of the cancel source, mutex_, the timer's.
class OrderWatch::FinalWait final : public Watcher,
                                    public rpc::DelayTimer::Waiting,
                                    public std::enable_shared_from_this<FinalWait> {
 public:
  FinalWait(Parts& parts, std::string order_id, Deadline deadline, FinalDone done)
      : parts_(parts),
        order_id_(std::move(order_id)),
        deadline_(deadline),
        done_(std::move(done)) {}

  void Begin(CancelSource* cancel) {
    if (cancel != nullptr) hook_.emplace(*cancel, [this] { CallerLeaves(); });
    const bool entered = parts_.Add(order_id_, shared_from_this(), [this](rpc::DelayTimer& timer) {
      const std::lock_guard lock(mutex_);
      if (!deadline_.is_finite() && !hook_) return;
      kept_ = shared_from_this();
      timer.Add(*this, caller_has_gone_        ? Clock::Real().Now()
                       : deadline_.is_finite() ? deadline_.moment()
                                               : SteadyTime::max());
    });
    if (!entered) Answer(rpc::ServerIsStopping());
  }

  bool See(const std::shared_ptr<const Seen>& seen, Answers& answers) override {
    return seen->is_final && Settle(seen->order, answers);
  }
  bool Fail(const Status& status, Answers& answers) override { return Settle(status, answers); }
  bool is_stream() const override { return false; }

  void Due() noexcept override {
    const std::shared_ptr<FinalWait> self = std::move(kept_);
    if (!parts_.Remove(order_id_, self)) return;
    mutex_.lock();
    const Status why = caller_has_gone_ ? CallerHasGone() : StillPending(order_id_);
    mutex_.unlock();
    Answer(why);
  }

 private:
  using Result = StatusOr<std::shared_ptr<const Order>>;

  // A hook may not end what it hangs on: the timer does.
  void CallerLeaves() {
    const std::lock_guard lock(mutex_);
    caller_has_gone_ = true;
    if (parts_.timer().Remove(*this)) parts_.timer().Add(*this, Clock::Real().Now());
  }

  bool Settle(Result result, Answers& answers) {
    answers.push_back([self = shared_from_this(), result = std::move(result)]() mutable {
      self->Answer(std::move(result));
    });
    // Else Due is on its way, and finds that it waits no longer.
    const std::lock_guard lock(mutex_);
    if (parts_.timer().Remove(*this)) kept_.reset();
    return true;
  }

  // Once, with no lock. The call, and with it the source, may go with done.
  void Answer(Result result) {
    hook_.reset();
    done_(std::move(result));
  }

  Parts& parts_;
  const std::string order_id_;
  const Deadline deadline_;
  FinalDone done_;
  std::optional<CancelSource::Hook> hook_;
  std::mutex mutex_;  // guards what follows
  bool caller_has_gone_ = false;
  std::shared_ptr<FinalWait> kept_;  // while the timer has it; then Due's
};

OrderWatch::OrderWatch(SqliteOrderStore& store) : parts_(std::make_unique<Parts>(store)) {}
OrderWatch::~OrderWatch() = default;

void OrderWatch::Watch(WatchCall& call) {
  Violations violations;
  violations.RequireId("order_id", call.request().order_id());
  violations.RequireVersion("after_version", call.request().after_version());
  if (!violations.empty()) {
    call.Fail(violations.ToStatus());
    return;
  }
  std::make_shared<Stream>(call, *parts_)->Begin();
}

void OrderWatch::WaitForFinal(std::string order_id, Deadline deadline, CancelSource* cancel,
                              FinalDone done) {
  std::make_shared<FinalWait>(*parts_, std::move(order_id), deadline, std::move(done))
      ->Begin(cancel);
}

void OrderWatch::EndStreams() { parts_->End(true); }
void OrderWatch::EndWaits() { parts_->End(false); }
int OrderWatch::waiting() const { return parts_->waiting(); }

}  // namespace lockstep::order
