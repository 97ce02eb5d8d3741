// The owner's side of a feed: what a stream brings, what bounds it, and when it ends.
#include <atomic>
#include <thread>

#include "tests/message/feed_host.h"

namespace lockstep::message {
namespace {

using namespace std::chrono_literals;
using test::Eventually;

SteadyTime Now() { return std::chrono::steady_clock::now(); }

struct Subscriber {
  explicit Subscriber(const FeedHost& host, std::string feed_id = "", std::int64_t after = 0)
      : stub(host.Stub()) {
    v1::SubscribeRequest request;
    request.set_subscriber("test");
    request.set_feed_id(std::move(feed_id));
    request.set_after(after);
    stream = stub->Subscribe(&context, request);
  }
  v1::SubscribeResponse Next() {
    v1::SubscribeResponse response;
    if (!stream->Read(&response)) FAIL("the stream has ended");
    return response;
  }
  // The next with changes.
  v1::SubscribeResponse NextChanges() {
    v1::SubscribeResponse response;
    do {
      response = Next();
    } while (response.changes().empty());
    return response;
  }
  Status End() {
    v1::SubscribeResponse response;
    while (stream->Read(&response)) {
    }
    return rpc::FromGrpcStatus(stream->Finish());
  }

  std::unique_ptr<v1::FeedService::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::SubscribeResponse>> stream;
};

TEST_CASE("a subscriber gets what was, then each change as it is committed, without a gap") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  host.Put("a", 1);
  host.Put("b", 1);
  Subscriber subscriber(host);
  v1::SubscribeResponse response = subscriber.Next();
  REQUIRE(response.changes_size() == 2);
  REQUIRE(response.head() == 2);
  REQUIRE(response.feed_id().size() == 32);
  REQUIRE(response.changes(0).number() == 1);
  REQUIRE(response.changes(0).previous() == 0);
  REQUIRE(response.changes(0).type() == kThing);
  REQUIRE(response.changes(0).key() == "a");
  REQUIRE(response.changes(0).payload() == "1:");
  REQUIRE(response.changes(1).previous() == 1);
  const SteadyTime begin = Now();
  host.Put("a", 2);
  response = subscriber.NextChanges();
  REQUIRE(Now() - begin < 100ms);  // woken by the commit, not by a heartbeat
  REQUIRE(response.changes(0).number() == 3);
  REQUIRE(response.changes(0).previous() == 2);
  REQUIRE(response.changes(0).payload() == "2:");
  REQUIRE(response.head() == 3);
  Subscriber later(host, response.feed_id(), 2);
  response = later.Next();
  REQUIRE(response.changes_size() == 1);
  REQUIRE(response.changes(0).previous() == 2);
}

TEST_CASE("a commit wakes a stream long before its heartbeat, time after time") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  Subscriber subscriber(host);
  subscriber.Next();
  int late = 0;
  for (int version = 1; version <= 20; ++version) {
    const SteadyTime begin = Now();
    host.Put("a", version);
    subscriber.NextChanges();
    if (Now() - begin > 100ms) ++late;
  }
  REQUIRE(late <= 1);
}

TEST_CASE("an idle stream says every heartbeat as of when it is whole") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  host.Put("a", 1);
  Subscriber subscriber(host);
  WallTime last = WallTime::min();
  const SteadyTime begin = Now();
  for (int i = 0; i < 5; ++i) {
    const v1::SubscribeResponse response = subscriber.Next();
    const WallTime as_of(std::chrono::seconds(response.as_of_time().seconds()) +
                         Duration(response.as_of_time().nanos()));
    REQUIRE(as_of > last);
    REQUIRE(as_of <= Clock::Real().WallNow());
    REQUIRE(response.head() == 1);
    last = as_of;
  }
  REQUIRE(Now() - begin >= 3 * limits::kFeedHeartbeat);
  REQUIRE(Now() - begin < 20 * limits::kFeedHeartbeat);
}

TEST_CASE("a piece has a bounded number of changes and of bytes, and a large one goes alone") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  const bool many = GENERATE(true, false);
  const int changes = many ? 2 * limits::kFeedPieceChanges + 1 : 5;
  host.Write([&](store::Database& database) {
    for (int i = 0; i < changes; ++i) {
      const std::string payload(many ? 1 : limits::kFeedPieceBytes * 3 / 4, 'x');
      if (Status status = AppendToFeed(database, kThing, "a", payload, WallTime()); !status.ok()) {
        return status;
      }
    }
    return OkStatus();
  });
  Subscriber subscriber(host);
  std::int64_t last = 0;
  int pieces = 0;
  while (last < changes) {
    const v1::SubscribeResponse response = subscriber.Next();
    if (response.changes().empty()) continue;
    ++pieces;
    REQUIRE(response.changes_size() <= limits::kFeedPieceChanges);
    REQUIRE(response.ByteSizeLong() < 2 * limits::kFeedPieceBytes);
    for (const v1::Change& change : response.changes()) {
      if (change.previous() != last || change.number() != last + 1) FAIL(change.number());
      last = change.number();
    }
  }
  REQUIRE(pieces == 3);
}

TEST_CASE("a subscriber that does not read costs a few pieces, and misses nothing") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  Subscriber slow(host);
  Subscriber quick(host);
  constexpr int kChanges = 300;
  for (int i = 1; i <= kChanges; ++i) host.Put("a", i, 64 << 10);  // 19 MiB: more than windows hold
  const auto read_all = [](Subscriber& subscriber) {
    std::int64_t last = 0;
    while (last < kChanges) {
      const v1::SubscribeResponse response = subscriber.Next();
      for (const v1::Change& change : response.changes()) {
        if (change.previous() != last) FAIL(change.number());
        last = change.number();
      }
    }
  };
  read_all(quick);  // is not held up by the other
  read_all(slow);
}

TEST_CASE("a position that the feed does not have is lost, and the error says what there is") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  const WallTime old = Clock::Real().WallNow() - 48h;
  for (int version = 1; version <= 3; ++version) host.Put("a", version, 0, old);
  host.Put("a", 4);
  Subscriber first(host);
  const std::string feed_id = first.Next().feed_id();
  REQUIRE(DetailOf(Subscriber(host, "another", 1).End()).reason == "FEED_POSITION_LOST");
  REQUIRE(DetailOf(Subscriber(host, feed_id, 5).End()).reason == "FEED_POSITION_LOST");
  Subscriber at_head(host, feed_id, 4);
  REQUIRE(at_head.Next().head() == 4);
  REQUIRE(DetailOf(Subscriber(host, "", 1).End()).violations.at(0).field == "feed_id");
  REQUIRE(DetailOf(Subscriber(host, feed_id, -1).End()).violations.at(0).field == "after");

  FeedTrimmer trimmer(host.file(), 24h);
  trimmer.Tick(Clock::Real().WallNow());
  REQUIRE(Eventually([&] {
    return DetailOf(Subscriber(host, feed_id, 5).End()).metadata.at("trimmed_up_to") == "3";
  }));
  const Status lost = Subscriber(host, feed_id, 2).End();
  REQUIRE(lost.code() == StatusCode::kFailedPrecondition);
  REQUIRE(DetailOf(lost).metadata.at("feed_id") == feed_id);
  REQUIRE(DetailOf(lost).metadata.at("head") == "4");
  REQUIRE(DetailOf(Subscriber(host).End()).reason == "FEED_POSITION_LOST");
  Subscriber rest(host, feed_id, 3);
  const v1::SubscribeResponse response = rest.Next();
  REQUIRE(response.changes_size() == 1);
  REQUIRE(response.changes(0).previous() == 3);
}

TEST_CASE("trimming goes in bounded batches, stops at what is young, and keeps the head") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  const WallTime now = Clock::Real().WallNow();
  const int old_changes = 2 * limits::kPurgeBatchRows + 10;
  host.Write([&](store::Database& database) {
    for (int i = 0; i < old_changes; ++i) {
      if (Status status = AppendToFeed(database, kThing, "a", "1:", now - 25h); !status.ok()) {
        return status;
      }
    }
    return OkStatus();
  });
  int counts[4] = {};
  for (int& count : counts) {
    host.Write([&](store::Database& database) {
      const StatusOr<int> removed = TrimFeed(database, now - 24h, limits::kPurgeBatchRows);
      if (removed.ok()) count = *removed;
      return removed.status();
    });
  }
  REQUIRE(counts[0] == limits::kPurgeBatchRows);
  REQUIRE(counts[1] == limits::kPurgeBatchRows);
  REQUIRE(counts[2] == 10);
  REQUIRE(counts[3] == 0);
  // Nothing is left, and the feed still knows how far it had come.
  const std::string head = std::to_string(old_changes);
  REQUIRE(DetailOf(Subscriber(host).End()).metadata.at("head") == head);
  host.Put("a", 2);
  const std::string feed_id = DetailOf(Subscriber(host).End()).metadata.at("feed_id");
  Subscriber rest(host, feed_id, old_changes);
  const v1::SubscribeResponse response = rest.Next();
  REQUIRE(response.changes(0).number() == old_changes + 1);
  REQUIRE(response.changes(0).previous() == old_changes);
}

TEST_CASE("a snapshot is whole and ordered, and with what follows its position ends at the last") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  constexpr int kThings = 3 * limits::kFeedPieceChanges / 2;
  host.Write([&](store::Database& database) {
    for (int i = 0; i < kThings; ++i) {
      if (Status status = database.Run("INSERT INTO things VALUES (?1, ?2)",
                                       std::to_string(1000 + i), store::Blob{"1:"});
          !status.ok()) {
        return status;
      }
    }
    return OkStatus();
  });
  // Versions grow while the snapshot is read.
  std::atomic<bool> stop = false;
  std::atomic<int> version = 1;
  std::thread changing([&] {
    while (!stop) host.Put("1383", ++version);
  });
  REQUIRE(Eventually([&] { return version > 3; }));
  const auto stub = host.Stub();
  grpc::ClientContext context;
  const auto stream = stub->GetSnapshot(&context, v1::GetSnapshotRequest());
  std::vector<v1::Change> entries;
  v1::GetSnapshotResponse piece;
  std::int64_t position = -1;
  while (stream->Read(&piece)) {
    REQUIRE_FALSE(entries.size() > kThings);
    for (const v1::Change& entry : piece.entries()) entries.push_back(entry);
    if (position >= 0) REQUIRE(piece.position() == position);
    position = piece.position();
  }
  REQUIRE(stream->Finish().ok());
  REQUIRE(piece.last());
  REQUIRE(entries.size() == kThings);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].key() != std::to_string(1000 + i)) FAIL(entries[i].key());
  }
  Subscriber rest(host, piece.feed_id(), position);
  stop = true;
  changing.join();
  const std::string last = std::to_string(version) + ":";
  int seen = 0;
  std::int64_t number = position;
  while (seen < version) {
    const v1::SubscribeResponse response = rest.Next();
    for (const v1::Change& change : response.changes()) {
      REQUIRE(change.previous() == number);
      number = change.number();
      seen = std::stoi(change.payload());
    }
  }
  // The entry is not older than the position says.
  REQUIRE(std::stoi(entries.back().payload()) >= static_cast<int>(position) + 1);
}

TEST_CASE("a feed without snapshots says so") {
  struct NoSnapshot final : FeedTable {
    Status ReadSnapshot(store::Database&, std::string_view, int, std::size_t,
                        std::vector<v1::Change>&) const override {
      return MakeError(StatusCode::kUnimplemented, "FEED_WITHOUT_SNAPSHOT", "it has none");
    }
  } source;
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  fault::Injector faults;
  rpc::CallRules rules;
  FeedService feed(host.file(), source, faults);
  auto server =
      rpc::QueueServer::Start({.address = "127.0.0.1:0"}, {feed.service()}, feed.methods(), rules);
  REQUIRE(server.ok());
  const auto stub = v1::FeedService::NewStub(rpc::MakeChannel((*server)->address()));
  grpc::ClientContext context;
  const auto stream = stub->GetSnapshot(&context, v1::GetSnapshotRequest());
  v1::GetSnapshotResponse piece;
  REQUIRE_FALSE(stream->Read(&piece));
  REQUIRE(stream->Finish().error_code() == grpc::StatusCode::UNIMPLEMENTED);
}

TEST_CASE("streams end at once when their owner stops, idle or stuck in the middle") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  const bool busy = GENERATE(false, true);
  Subscriber reading(host);
  reading.Next();
  std::optional<Subscriber> stuck;
  if (busy) {
    for (int i = 1; i <= 100; ++i) host.Put("a", i, 64 << 10);
    stuck.emplace(host);
    stuck->Next();
  }
  Status ended;
  std::thread reader([&] { ended = reading.End(); });
  const SteadyTime begin = Now();
  host.feed().EndStreams();
  reader.join();
  REQUIRE(Now() - begin < 2s);
  REQUIRE(DetailOf(ended).reason == "STOPPING");
  REQUIRE(DetailOf(Subscriber(host).End()).reason == "STOPPING");
  host.server().Shutdown(500ms);  // who does not read is cancelled after the grace
  REQUIRE(Now() - begin < 5s);
  REQUIRE(host.feed().streams() == 0);
}

TEST_CASE("with nobody subscribed a commit reads nothing") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  {
    Subscriber subscriber(host);
    subscriber.Next();
    REQUIRE(host.feed().streams() == 1);
    subscriber.context.TryCancel();
  }
  REQUIRE(Eventually([&] { return host.feed().streams() == 0; }));
  // Every reader is held, so a read would have to wait.
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  std::atomic<int> held = 0;
  for (int i = 0; i < limits::kReaderThreadsDefault; ++i) {
    host.file().readers().Read(
        [&held, released](store::Database&) {
          ++held;
          released.wait();
          return OkStatus();
        },
        Deadline::Never(), [](const Status&) {});
  }
  REQUIRE(Eventually([&] { return held == limits::kReaderThreadsDefault; }));
  host.Put("a", 1);
  host.Put("a", 2);
  REQUIRE(host.file().readers().waiting() == 0);
  Subscriber subscriber(host);
  REQUIRE(Eventually([&] { return host.file().readers().waiting() == 1; }));
  host.Put("a", 3);
  REQUIRE(host.file().readers().waiting() == 1);  // one read is enough for many commits
  release.set_value();
  REQUIRE(subscriber.Next().head() == 3);
}

}  // namespace
}  // namespace lockstep::message
