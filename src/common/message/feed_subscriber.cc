#include "common/message/feed_subscriber.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "common/base/kill_point.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/message/stream_reader.h"
#include "common/rpc/channel.h"
#include "common/rpc/idle_pollers.h"
#include "common/rpc/proto_values.h"

namespace lockstep::message {
namespace {

std::int64_t NumberOf(const ErrorDetail& detail, const std::string& key) {
  const auto place = detail.metadata.find(key);
  std::int64_t number = 0;
  if (place != detail.metadata.end()) {
    const std::string& text = place->second;
    std::from_chars(text.data(), text.data() + text.size(), number);
  }
  return number;
}

std::string TextOf(const ErrorDetail& detail, const std::string& key) {
  const auto place = detail.metadata.find(key);
  return place == detail.metadata.end() ? std::string() : place->second;
}

Status EndedByPeer() {
  return MakeError(StatusCode::kUnavailable, "FEED_ENDED", "the peer has ended the stream");
}

}  // namespace

class FeedSubscriber::Parts {
 public:
  Parts(FeedSubscriberOptions options, FeedListener& listener)
      : options_(std::move(options)), listener_(listener) {
    for (const std::string& address : options_.addresses) {
      stubs_.push_back(v1::FeedService::NewStub(rpc::MakeChannel(address)));
    }
    if (!stubs_.empty()) thread_ = std::thread([this] { Run(); });
  }

  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      if (cancel_) cancel_();
    }
    wake_.notify_all();
    const std::lock_guard lock(stop_mutex_);
    if (thread_.joinable()) thread_.join();
  }

  bool connected() const { return connected_; }
  std::int64_t gaps() const { return gaps_; }
  std::int64_t snapshots() const { return snapshots_; }

 private:
  // While it lives, Stop cancels the stream.
  template <class Response>
  class Cancellable {
   public:
    Cancellable(Parts& parts, StreamReader<Response>& reader) : parts_(parts) {
      const std::lock_guard lock(parts_.mutex_);
      parts_.cancel_ = [&reader] { reader.Cancel(); };
      if (parts_.stopping_) reader.Cancel();
    }
    ~Cancellable() {
      const std::lock_guard lock(parts_.mutex_);
      parts_.cancel_ = nullptr;
    }
    Cancellable(const Cancellable&) = delete;
    Cancellable& operator=(const Cancellable&) = delete;

   private:
    Parts& parts_;
  };

  void Run() {
    rpc::StandAside();
    while (!Stopping()) {
      const Status status = Follow();
      connected_ = false;
      if (Stopping()) return;
      if (++failures_ == 1) {
        log::Warning("feed_interrupted", {{"source", options_.source},
                                          {"address", options_.addresses[current_]},
                                          {"code", CodeName(status.code())},
                                          {"reason", DetailOf(status).reason},
                                          {"message", MessageOf(status)}});
      }
      if (!same_address_) current_ = (current_ + 1) % stubs_.size();
      same_address_ = false;
      BackOff();
    }
  }

  bool Stopping() {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  void BackOff() {
    const int doublings = std::min(failures_ - 1, 10);
    const Duration whole =
        std::min(Duration(limits::kFeedBackoffMin) * (1 << std::max(doublings, 0)),
                 Duration(limits::kFeedBackoffMax));
    const Duration wait = whole / 2 + Duration(std::uniform_int_distribution<Duration::rep>(
                                          0, (whole / 2).count())(random_));
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, wait, [this] { return stopping_; });
  }

  // Follows the feed until something ends that.
  Status Follow() {
    StatusOr<FeedPosition> position =
        restart_ ? StatusOr<FeedPosition>(*restart_) : listener_.Position();
    if (!position.ok()) return position.status();
    if (snapshot_wanted_ || (position->feed_id.empty() && listener_.WantsSnapshot())) {
      position = TakeSnapshot();
      if (!position.ok()) return position.status();
    }
    return Subscribe(*std::move(position));
  }

  template <class Response>
  void Prepare(StreamReader<Response>& reader) const {
    // With one address there is nothing to do but wait for it.
    reader.context().set_wait_for_ready(stubs_.size() == 1);
  }

  StatusOr<FeedPosition> TakeSnapshot() {
    v1::GetSnapshotRequest request;
    request.set_subscriber(options_.subscriber);
    StreamReader<v1::GetSnapshotResponse> reader;
    const Cancellable<v1::GetSnapshotResponse> cancellable(*this, reader);
    Prepare(reader);
    reader.Start(*stubs_[current_], &v1::FeedService::Stub::PrepareAsyncGetSnapshot, request,
                 limits::kFeedConnectMax);
    if (Status status = listener_.BeginSnapshot(); !status.ok()) return status;
    v1::GetSnapshotResponse piece;
    while (reader.Next(piece, limits::kFeedSilenceMax)) {
      if (piece.entries_size() > 0) {
        const std::vector<v1::Change> entries(std::move_iterator(piece.mutable_entries()->begin()),
                                              std::move_iterator(piece.mutable_entries()->end()));
        if (Status status = listener_.AddToSnapshot(entries); !status.ok()) return status;
      }
      if (piece.last()) {
        const FeedPosition position{piece.feed_id(), piece.position(),
                                    rpc::ToTime(piece.as_of_time())};
        if (Status status = listener_.EndSnapshot(position); !status.ok()) return status;
        snapshot_wanted_ = false;
        restart_.reset();
        ++snapshots_;
        log::Info("feed_snapshot_taken",
                  {{"source", options_.source}, {"position", position.number}});
        return position;
      }
    }
    return reader.status().ok() ? EndedByPeer() : reader.status();
  }

  Status Subscribe(FeedPosition position) {
    v1::SubscribeRequest request;
    request.set_subscriber(options_.subscriber);
    request.set_feed_id(position.feed_id);
    request.set_after(position.number);
    StreamReader<v1::SubscribeResponse> reader;
    const Cancellable<v1::SubscribeResponse> cancellable(*this, reader);
    Prepare(reader);
    reader.Start(*stubs_[current_], &v1::FeedService::Stub::PrepareAsyncSubscribe, request,
                 limits::kFeedConnectMax);
    v1::SubscribeResponse response;
    while (reader.Next(response, limits::kFeedSilenceMax)) {
      if (!connected_.exchange(true)) {
        failures_ = 0;
        log::Info("feed_followed", {{"source", options_.source},
                                    {"address", options_.addresses[current_]},
                                    {"after", position.number}});
      }
      if (Status status = Take(response, position); !status.ok()) return status;
    }
    const ErrorDetail detail = DetailOf(reader.status());
    if (detail.reason == "FEED_POSITION_LOST") Lost(detail, position);
    return reader.status().ok() ? EndedByPeer() : reader.status();
  }

  // Gives the listener what is new of a response, and moves the position.
  Status Take(v1::SubscribeResponse& response, FeedPosition& position) {
    if (!position.feed_id.empty() && response.feed_id() != position.feed_id) {
      return MakeError(StatusCode::kInternal, "FEED_CHANGED",
                       "the peer answers with another feed than was asked for");
    }
    FeedPosition next{response.feed_id(), position.number, position.as_of};
    std::vector<v1::Change> fresh;
    for (v1::Change& change : *response.mutable_changes()) {
      if (change.number() <= next.number) continue;
      if (change.previous() != next.number) {
        if (Status status = Gap(next.number, change); !status.ok()) return status;
      }
      next.number = change.number();
      fresh.push_back(std::move(change));
    }
    const bool whole = next.number >= response.head();
    if (whole) next.as_of = rpc::ToTime(response.as_of_time());
    if (fresh.empty() && !whole) return OkStatus();
    if (Status status = listener_.Apply(fresh, next); !status.ok()) return status;
    if (!fresh.empty()) {
      PassKillPoint(KillPoint::kFeedApplied);
      restart_.reset();
    }
    position = std::move(next);
    return OkStatus();
  }

  // OK: the listener goes on over it.
  Status Gap(std::int64_t after, const v1::Change& change) {
    ++gaps_;
    log::Warning("feed_gap", {{"source", options_.source},
                              {"after", after},
                              {"next", change.number()},
                              {"previous", change.previous()}});
    if (!listener_.WantsSnapshot()) return OkStatus();
    snapshot_wanted_ = same_address_ = true;
    return MakeError(StatusCode::kDataLoss, "FEED_GAP",
                     "changes are missing from the feed; a snapshot is taken");
  }

  void Lost(const ErrorDetail& detail, const FeedPosition& position) {
    same_address_ = true;
    log::Warning("feed_position_lost", {{"source", options_.source},
                                        {"feed_id", position.feed_id},
                                        {"after", position.number},
                                        {"feed_id_now", TextOf(detail, "feed_id")},
                                        {"trimmed_up_to", TextOf(detail, "trimmed_up_to")},
                                        {"head", TextOf(detail, "head")}});
    if (listener_.WantsSnapshot()) {
      snapshot_wanted_ = true;
      return;
    }
    // It goes on with what there still is.
    ++gaps_;
    FeedPosition restart{TextOf(detail, "feed_id"), NumberOf(detail, "trimmed_up_to"),
                         position.as_of};
    const bool is_behind = restart.feed_id == position.feed_id &&
                           position.number > NumberOf(detail, "head");  // an older copy of the file
    if (is_behind) restart.number = NumberOf(detail, "head");
    restart_ = std::move(restart);
  }

  const FeedSubscriberOptions options_;
  FeedListener& listener_;
  std::vector<std::unique_ptr<v1::FeedService::Stub>> stubs_;  // one for each address
  std::atomic<bool> connected_ = false;
  std::atomic<std::int64_t> gaps_ = 0;
  std::atomic<std::int64_t> snapshots_ = 0;

  // Of the thread alone.
  std::size_t current_ = 0;  // the address in use
  bool same_address_ = false;
  bool snapshot_wanted_ = false;
  std::optional<FeedPosition> restart_;  // instead of the listener's, until it has a change
  int failures_ = 0;                     // in a row
  std::minstd_rand random_{std::random_device()()};

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  bool stopping_ = false;
  std::function<void()> cancel_;

  std::mutex stop_mutex_;  // held while joining
  std::thread thread_;     // last: it uses all of the above
};

FeedSubscriber::FeedSubscriber(FeedSubscriberOptions options, FeedListener& listener)
    : parts_(std::make_unique<Parts>(std::move(options), listener)) {}
FeedSubscriber::~FeedSubscriber() { Stop(); }

void FeedSubscriber::Stop() { parts_->Stop(); }
bool FeedSubscriber::connected() const { return parts_->connected(); }
std::int64_t FeedSubscriber::gaps() const { return parts_->gaps(); }
std::int64_t FeedSubscriber::snapshots() const { return parts_->snapshots(); }

StatusOr<FeedPosition> ReadFeedPosition(store::Database& database, std::string_view source) {
  store::Statement row = database.Query(
      "SELECT feed_id, position, as_of_time FROM feed_positions WHERE source = ?1", source);
  FeedPosition position;
  if (row.Step()) {
    position = {std::string(row.Text(0)), row.Int64(1), WallTime(Duration(row.Int64(2)))};
  }
  if (Status status = row.Finish(); !status.ok()) return status;
  return position;
}

Status WriteFeedPosition(store::Database& database, std::string_view source,
                         const FeedPosition& position) {
  return database.Run(
      "INSERT INTO feed_positions (source, feed_id, position, as_of_time) VALUES (?1, ?2, ?3, ?4) "
      "ON CONFLICT (source) DO UPDATE SET feed_id = excluded.feed_id, "
      "position = excluded.position, as_of_time = excluded.as_of_time",
      source, position.feed_id, position.number, position.as_of.time_since_epoch().count());
}

}  // namespace lockstep::message
