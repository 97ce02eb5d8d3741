#include "common/message/feed_service.h"

#include <fmt/format.h>

#include <mutex>
#include <string>
#include <utility>

#include "common/base/kill_point.h"
#include "common/base/validate.h"
#include "common/message/feed_table.h"
#include "common/message/open_stream.h"
#include "common/rpc/delay_timer.h"
#include "common/rpc/proto_values.h"

namespace lockstep::message {
namespace {

using SubscribeStream = rpc::ServerStream<v1::SubscribeRequest, v1::SubscribeResponse>;
using SnapshotStream = rpc::ServerStream<v1::GetSnapshotRequest, v1::GetSnapshotResponse>;

// What a subscriber needs to go on is in the metadata.
Status PositionLost(const FeedIdentity& identity, std::int64_t head, std::string_view asked_id,
                    std::int64_t after) {
  ErrorDetail detail;
  detail.reason = "FEED_POSITION_LOST";
  detail.metadata = {{"feed_id", identity.feed_id},
                     {"trimmed_up_to", std::to_string(identity.trimmed_up_to)},
                     {"head", std::to_string(head)}};
  return MakeError(StatusCode::kFailedPrecondition,
                   fmt::format("the feed {} has the changes {} to {}, and not what follows change "
                               "{} of feed {}; take a snapshot and go on from there",
                               identity.feed_id, identity.trimmed_up_to + 1, head, after,
                               asked_id.empty() ? identity.feed_id : asked_id),
                   std::move(detail));
}

class Subscription final : public OpenStream {
 public:
  Subscription(SubscribeStream& call, store::ReaderPool& readers, OpenStreams& all,
               const FeedSource& source)
      : OpenStream(call, readers, all),
        source_(source),
        feed_id_(call.request().feed_id()),
        position_(call.request().after()) {}

 private:
  Status ReadPiece(store::Database& database, bool due, Piece& piece) override {
    // Before the read: what is committed meanwhile is of a later moment.
    const WallTime as_of = Clock::Real().WallNow();
    const StatusOr<FeedIdentity> identity = ReadFeedIdentity(database);
    if (!identity.ok()) return identity.status();
    const StatusOr<std::int64_t> head = source_.Head(database);
    if (!head.ok()) return head.status();
    if ((!feed_id_.empty() && feed_id_ != identity->feed_id) || position_ > *head ||
        position_ < identity->trimmed_up_to) {
      return PositionLost(*identity, *head, feed_id_, position_);
    }
    feed_id_ = identity->feed_id;
    std::vector<v1::Change> changes;
    if (position_ < *head) {
      if (Status status = source_.Read(database, position_, limits::kFeedPieceChanges,
                                       limits::kFeedPieceBytes, changes);
          !status.ok()) {
        return status;
      }
    }
    if (changes.empty() && !due) return OkStatus();
    v1::SubscribeResponse response;
    response.set_feed_id(feed_id_);
    response.set_head(*head);
    rpc::SetTime(as_of, response.mutable_as_of_time());
    for (v1::Change& change : changes) {
      position_ = change.number();
      *response.add_changes() = std::move(change);
    }
    if (response.changes_size() > 0) PassKillPoint(KillPoint::kFeedBeforeSend);
    piece.bytes = rpc::ToBytes(response);
    if (response.changes_size() > 0 && position_ < *head) piece.then = Piece::Then::kReadOn;
    return OkStatus();
  }

  const FeedSource& source_;
  std::string feed_id_;    // of the reads, one after the other, as the next
  std::int64_t position_;  // up to it all is sent
};

class Snapshot final : public OpenStream {
 public:
  Snapshot(SnapshotStream& call, store::ReaderPool& readers, OpenStreams& all,
           const FeedSource& source)
      : OpenStream(call, readers, all), source_(source) {}

 private:
  Status ReadPiece(store::Database& database, bool /*due*/, Piece& piece) override {
    if (feed_id_.empty()) {
      if (Status status = ReadPosition(database); !status.ok()) return status;
    }
    std::vector<v1::Change> entries;
    if (Status status = source_.ReadSnapshot(database, after_key_, limits::kFeedPieceChanges,
                                             limits::kFeedPieceBytes, entries);
        !status.ok()) {
      return status;
    }
    v1::GetSnapshotResponse response;
    response.set_feed_id(feed_id_);
    response.set_position(position_);
    rpc::SetTime(as_of_, response.mutable_as_of_time());
    response.set_last(entries.empty());
    if (!entries.empty()) after_key_ = entries.back().key();
    for (v1::Change& entry : entries) *response.add_entries() = std::move(entry);
    piece.bytes = rpc::ToBytes(response);
    piece.then = response.last() ? Piece::Then::kFinish : Piece::Then::kReadOn;
    return OkStatus();
  }

  // Sees the same moment of the file as the first piece.
  Status ReadPosition(store::Database& database) {
    as_of_ = Clock::Real().WallNow();
    StatusOr<FeedIdentity> identity = ReadFeedIdentity(database);
    if (!identity.ok()) return identity.status();
    const StatusOr<std::int64_t> head = source_.Head(database);
    if (!head.ok()) return head.status();
    position_ = *head;
    feed_id_ = std::move(identity->feed_id);
    return OkStatus();
  }

  const FeedSource& source_;
  std::string feed_id_;
  std::int64_t position_ = 0;
  WallTime as_of_;
  std::string after_key_;
};

}  // namespace

class FeedService::Parts final : private rpc::DelayTimer::Waiting {
 public:
  Parts(store::StoreFile& file, const FeedSource& source, fault::Injector& faults)
      : file_(file),
        source_(source),
        methods_(faults, v1::FeedService::service_full_name()),
        committed_(file.committed(), [this] { streams_.Wake(false); }) {
    methods_.AddStream("Subscribe", raw_, &Raw::RequestSubscribe, *this, &Parts::Subscribe);
    methods_.AddStream("GetSnapshot", raw_, &Raw::RequestGetSnapshot, *this, &Parts::GetSnapshot);
  }
  ~Parts() override {
    // Else it is running at this moment; it finds no stream, and does not wait again.
    [[maybe_unused]] const bool waited = timer_.Remove(*this);
  }

  grpc::Service& raw() { return raw_; }
  rpc::MethodList& methods() { return methods_; }
  OpenStreams& streams() { return streams_; }

 private:
  using Raw = v1::FeedService::WithRawMethod_Subscribe<
      v1::FeedService::WithRawMethod_GetSnapshot<v1::FeedService::Service>>;

  void Subscribe(SubscribeStream& call) {
    const v1::SubscribeRequest& request = call.request();
    Violations violations;
    violations.RequireText("subscriber", request.subscriber(), limits::kIdBytesMax,
                           Violations::Empty::kAllowed);
    violations.RequireText("feed_id", request.feed_id(), limits::kIdBytesMax,
                           Violations::Empty::kAllowed);
    violations.RequireRange("after", request.after(), 0, std::numeric_limits<std::int64_t>::max());
    if (request.after() > 0 && request.feed_id().empty()) {
      violations.Add("feed_id", "must say which feed `after` is a number of, or after must be 0");
    }
    if (!violations.empty()) {
      call.Fail(violations.ToStatus());
      return;
    }
    std::make_shared<Subscription>(call, file_.readers(), streams_, source_)->Begin();
    const std::lock_guard lock(mutex_);
    if (!std::exchange(ticking_, true)) WaitForNextHeartbeat();
  }

  void GetSnapshot(SnapshotStream& call) {
    Violations violations;
    violations.RequireText("subscriber", call.request().subscriber(), limits::kIdBytesMax,
                           Violations::Empty::kAllowed);
    if (!violations.empty()) {
      call.Fail(violations.ToStatus());
      return;
    }
    std::make_shared<Snapshot>(call, file_.readers(), streams_, source_)->Begin();
  }

  void WaitForNextHeartbeat() { timer_.Add(*this, Clock::Real().Now() + limits::kFeedHeartbeat); }

  // A sign of life is due.
  void Due() noexcept override {
    const std::lock_guard lock(mutex_);
    ticking_ = streams_.Wake(true);
    if (ticking_) WaitForNextHeartbeat();
  }

  store::StoreFile& file_;
  const FeedSource& source_;
  Raw raw_;
  rpc::MethodList methods_;
  OpenStreams streams_;
  store::CommitSignal::Listening committed_;  // after the streams, which it wakes
  std::mutex mutex_;                          // guards what follows
  bool ticking_ = false;
  rpc::DelayTimer timer_;
};

FeedService::FeedService(store::StoreFile& file, const FeedSource& source, fault::Injector& faults)
    : parts_(std::make_unique<Parts>(file, source, faults)) {}
FeedService::~FeedService() = default;

grpc::Service* FeedService::service() { return &parts_->raw(); }
std::vector<rpc::MethodBase*> FeedService::methods() { return parts_->methods().all(); }
void FeedService::EndStreams() { parts_->streams().End(); }
int FeedService::streams() const { return parts_->streams().count(); }

}  // namespace lockstep::message
