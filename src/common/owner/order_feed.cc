#include "common/owner/order_feed.h"

#include <fmt/format.h>

#include <future>
#include <utility>

#include "common/base/kill_point.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/message/desk.h"
#include "common/message/envelope.h"
#include "common/rpc/proto_values.h"
#include "lockstep/order/v1/order.pb.h"

namespace lockstep::owner {
namespace {

using message::FeedPosition;
using message::Taken;
using message::v1::Change;
using message::v1::Envelope;

SteadyTime Now() { return Clock::Real().Now(); }

bool IsHeldBack(const Status& status) { return DetailOf(status).reason == message::kKeyHeldBack; }

}  // namespace

StatusOr<FeedPosition> OrderFeed::Position() {
  if (position_) return *position_;
  FeedPosition position;
  std::promise<Status> read;
  file_.readers().Read(
      [&](store::Database& database) {
        auto kept = message::ReadFeedPosition(database, source_);
        if (kept.ok()) position = *kept;
        return kept.status();
      },
      Deadline::Never(), [&read](const Status& status) { read.set_value(status); });
  if (Status status = read.get_future().get(); !status.ok()) return status;
  kept_ = position.number;
  position_ = position;
  return position;
}

Status OrderFeed::Apply(const std::vector<Change>& changes, const FeedPosition& position) {
  Envelopes waiting = MessagesIn(changes, position.feed_id);
  const bool asked = !waiting.empty();
  std::map<std::string, int> attempts;  // by message id
  while (!waiting.empty()) {
    if (Status status = TakeOnce(waiting, attempts); !status.ok()) return status;
  }
  position_ = position;
  const bool due = position.number != kept_ && Now() - kept_time_ >= limits::kFeedPositionInterval;
  if (!asked && !due) return OkStatus();
  kept_ = position.number;
  kept_time_ = Now();
  Keep(position);
  return OkStatus();
}

// Nobody waits for it: what comes next shares its commit, and where it fails, the next one says so.
void OrderFeed::Keep(const FeedPosition& position) {
  file_.writer().Submit(
      [source = source_, position](store::Database& database) {
        return message::WriteFeedPosition(database, source, position);
      },
      Deadline::Never(),
      [](const store::CommitResult& result) {
        if (result.status.ok()) {
          PassKillPoint(KillPoint::kFeedMarked);
          return;
        }
        log::Warning("feed_position_not_kept", {{"message", MessageOf(result.status)}});
      });
}

// Every event is an order under the same number, so that any of them can be read as one. One that
// cannot be read asks for a verdict: it is refused where it is read, with the reason.
OrderFeed::Envelopes OrderFeed::MessagesIn(const Change& change) const {
  const bool is_placed = change.type() == order::v1::OrderPlaced::descriptor()->full_name();
  Envelope question;
  question.set_type(change.type());
  question.set_type_version(1);
  question.set_payload(change.payload());
  order::v1::OrderPlaced event;
  if (!event.ParseFromString(change.payload()))
    return is_placed ? Envelopes{std::move(question)} : Envelopes();
  if (event.order().style() != call::v1::STYLE_EVENT_DRIVEN) return {};
  if (!is_placed) return follow_ ? follow_(event.order(), rpc::ToTime(change.time())) : Envelopes();
  if (event.order().state() != order::v1::Order::STATE_PENDING) return {};
  return {std::move(question)};
}

OrderFeed::Envelopes OrderFeed::MessagesIn(const std::vector<Change>& changes,
                                           const std::string& feed_id) const {
  Envelopes messages;
  for (const Change& change : changes) {
    int nth = 0;
    for (Envelope& message : MessagesIn(change)) {
      // The first has the id that messages of one a change have always had.
      const std::string more = nth == 0 ? "" : fmt::format("/{}", nth);
      ++nth;
      message.set_message_id(fmt::format("{}/{}{}", feed_id, change.number(), more));
      message.set_key(change.key());
      message.set_correlation_id(change.key());
      message.set_reply_to(source_);
      *message.mutable_send_time() = change.time();
      messages.push_back(std::move(message));
    }
  }
  return messages;
}

Status OrderFeed::TakeOnce(Envelopes& waiting, std::map<std::string, int>& attempts) {
  std::promise<std::vector<Taken>> answered;
  mailbox_.Take(waiting, Deadline::After(Now(), limits::kDeliverTimeout),
                [&answered](std::vector<Taken> taken) { answered.set_value(std::move(taken)); });
  const std::vector<Taken> taken = answered.get_future().get();
  Envelopes again;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    const Status& status = taken[i].status;
    if (status.ok()) continue;
    Envelope& envelope = waiting[i];
    if (!IsHeldBack(status)) {
      if (!message::CostsATry(status)) return status;
      const int tries = ++attempts[envelope.message_id()];
      if (tries >= limits::kMessageAttempts) {
        if (Status kept = GiveUp(envelope, tries, status); !kept.ok()) return kept;
        continue;
      }
    }
    again.push_back(std::move(envelope));
  }
  waiting = std::move(again);
  return OkStatus();
}

Status OrderFeed::GiveUp(const Envelope& envelope, int attempts, const Status& why) {
  log::Error("message_given_up", {{"message_id", envelope.message_id()},
                                  {"type", envelope.type()},
                                  {"key", envelope.key()},
                                  {"error", MessageOf(why)}});
  Status status = Write([&](store::Database& database) {
    return message::PutIntoDeadLetters(database, message::kSelf, envelope, attempts,
                                       message::ErrorText(why), Clock::Real().WallNow());
  });
  if (status.ok()) given_up_.fetch_add(1, std::memory_order_relaxed);
  return status;
}

Status OrderFeed::Write(AnyInvocable<Status(store::Database&)> work) {
  std::promise<Status> written;
  file_.writer().Submit(
      std::move(work), Deadline::Never(),
      [&written](const store::CommitResult& result) { written.set_value(result.status); });
  return written.get_future().get();
}

}  // namespace lockstep::owner
