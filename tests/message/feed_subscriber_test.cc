// The subscriber's side of a feed: it misses nothing, whatever becomes of the peer.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "common/message/feed_subscriber.h"
#include "tests/message/feed_host.h"

namespace lockstep::message {
namespace {

using namespace std::chrono_literals;
using test::Eventually;

SteadyTime Now() { return std::chrono::steady_clock::now(); }

// Keeps a copy of the records in memory, and its position.
class Copy final : public FeedListener {
 public:
  explicit Copy(bool wants_snapshot = true) : wants_snapshot_(wants_snapshot) {}

  StatusOr<FeedPosition> Position() override {
    const std::lock_guard lock(mutex_);
    return position_;
  }
  Status Apply(const std::vector<v1::Change>& changes, const FeedPosition& position) override {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [this] { return !held_; });
    if (refusals_ > 0) {
      --refusals_;
      return MakeError(StatusCode::kUnavailable, "FULL", "the disk is full");
    }
    for (const v1::Change& change : changes) {
      things_[change.key()] = change.payload();
      ++applied_;
      if (change.number() <= position_.number) ++repeated_;
    }
    position_ = position;
    return OkStatus();
  }
  bool WantsSnapshot() const override { return wants_snapshot_; }
  Status BeginSnapshot() override {
    pieces_.clear();
    return OkStatus();
  }
  Status AddToSnapshot(const std::vector<v1::Change>& entries) override {
    for (const v1::Change& entry : entries) pieces_[entry.key()] = entry.payload();
    return OkStatus();
  }
  Status EndSnapshot(const FeedPosition& position) override {
    const std::lock_guard lock(mutex_);
    things_ = pieces_;
    position_ = position;
    return OkStatus();
  }

  std::string Of(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto place = things_.find(key);
    return place == things_.end() ? "" : place->second;
  }
  bool Is(const std::string& key, int version) { return Of(key) == std::to_string(version) + ":"; }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return things_.size();
  }
  FeedPosition position() {
    const std::lock_guard lock(mutex_);
    return position_;
  }
  void Set(FeedPosition position) {
    const std::lock_guard lock(mutex_);
    position_ = std::move(position);
  }
  void Hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    moved_.notify_all();
  }
  void RefuseNext(int count) {
    const std::lock_guard lock(mutex_);
    refusals_ = count;
  }
  int applied() {
    const std::lock_guard lock(mutex_);
    return applied_;
  }
  int repeated() {
    const std::lock_guard lock(mutex_);
    return repeated_;
  }

 private:
  const bool wants_snapshot_;
  std::mutex mutex_;
  std::condition_variable moved_;
  bool held_ = false;
  int refusals_ = 0;
  int applied_ = 0;
  int repeated_ = 0;  // changes that were there before
  FeedPosition position_;
  std::map<std::string, std::string> things_, pieces_;
};

FeedSubscriberOptions To(std::vector<std::string> addresses) {
  return {"owner", std::move(addresses), "test"};
}

TEST_CASE("a copy begins with a snapshot, follows the changes and knows its age") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  // Older than the feed: it is in no change.
  host.Run("INSERT INTO things VALUES ('old', '1:')");
  for (int i = 0; i < 600; ++i) host.Put("a" + std::to_string(i), 1);
  Copy copy;
  FeedSubscriber subscriber(To({host.address()}), copy);
  REQUIRE(Eventually([&] { return copy.size() == 601; }));
  REQUIRE(subscriber.snapshots() == 1);
  REQUIRE(copy.Is("old", 1));
  host.Put("b", 7);
  REQUIRE(Eventually([&] { return copy.Is("b", 7); }));
  REQUIRE(subscriber.connected());
  REQUIRE(copy.applied() == 1);
  REQUIRE(copy.position().number == 601);
  // Time passes for it without a change.
  const WallTime then = Clock::Real().WallNow();
  REQUIRE(Eventually([&] { return copy.position().as_of > then; }, 5s));
  REQUIRE(subscriber.gaps() == 0);
}

TEST_CASE("who wants no snapshot gets every change from the beginning, once") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  for (int version = 1; version <= 700; ++version) host.Put("a", version);
  Copy copy(false);
  FeedSubscriber subscriber(To({host.address()}), copy);
  REQUIRE(Eventually([&] { return copy.Is("a", 700); }));
  REQUIRE(copy.applied() == 700);
  REQUIRE(copy.repeated() == 0);
  REQUIRE(subscriber.snapshots() == 0);
}

TEST_CASE("while a copy catches up it does not claim to be of now") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  Copy copy(false);
  copy.Hold(true);
  for (int version = 1; version <= 3 * limits::kFeedPieceChanges; ++version) host.Put("a", version);
  FeedSubscriber subscriber(To({host.address()}), copy);
  const WallTime old = copy.position().as_of;
  copy.Hold(false);
  FeedPosition seen = copy.position();
  while (seen.number < 3 * limits::kFeedPieceChanges) {
    if (seen.as_of != old) FAIL("as of now, and stands at " << seen.number);
    seen = copy.position();
  }
  REQUIRE(seen.as_of > old);
}

TEST_CASE("an owner that goes and comes back is followed on from where it was left") {
  const test::TempDir folder;
  const std::string path = folder.File("owner.db");
  auto host = std::make_unique<FeedHost>(path);
  const std::string address = host->address();
  Copy copy;
  FeedSubscriber subscriber(To({address}), copy);
  host->Put("a", 1);
  REQUIRE(Eventually([&] { return copy.Is("a", 1); }));
  for (int round = 2; round <= 4; ++round) {
    host.reset();
    REQUIRE(Eventually([&] { return !subscriber.connected(); }));
    host = std::make_unique<FeedHost>(path, address);
    host->Put("a", round);
    const SteadyTime begin = Now();
    REQUIRE(Eventually([&] { return copy.Is("a", round); }));
    REQUIRE(Now() - begin < 5s);
  }
  REQUIRE(subscriber.snapshots() == 1);
  REQUIRE(subscriber.gaps() == 0);
  REQUIRE(copy.repeated() == 0);
}

TEST_CASE("an owner that is not there yet is waited for") {
  const test::TempDir folder;
  std::string address;
  {
    FeedHost host(folder.File("other.db"));
    address = host.address();
  }
  Copy copy;
  FeedSubscriber subscriber(To({address}), copy);
  FeedHost host(folder.File("owner.db"), address);
  host.Put("a", 1);
  REQUIRE(Eventually([&] { return copy.Is("a", 1); }));
}

TEST_CASE("the next address of a peer is used when one is gone") {
  const test::TempDir folder;
  const std::string path = folder.File("owner.db");
  FeedHost second(path);
  auto first = std::make_unique<FeedHost>(path);
  Copy copy;
  FeedSubscriber subscriber(To({first->address(), second.address()}), copy);
  first->Put("a", 1);
  REQUIRE(Eventually([&] { return copy.Is("a", 1); }));
  first.reset();
  second.Put("a", 2);
  REQUIRE(Eventually([&] { return copy.Is("a", 2); }));
  REQUIRE(subscriber.snapshots() == 1);
}

TEST_CASE("a database made anew means a new snapshot, without what is no more") {
  const test::TempDir folder;
  auto host = std::make_unique<FeedHost>(folder.File("one.db"));
  const std::string address = host->address();
  for (int i = 0; i < 5; ++i) host->Put("a" + std::to_string(i), 1);
  Copy copy;
  FeedSubscriber subscriber(To({address}), copy);
  REQUIRE(Eventually([&] { return copy.size() == 5; }));
  host.reset();
  host = std::make_unique<FeedHost>(folder.File("two.db"), address);
  host->Put("b", 1);
  REQUIRE(Eventually([&] { return copy.Is("b", 1); }));
  REQUIRE(copy.size() == 1);
  REQUIRE(subscriber.snapshots() == 2);
}

TEST_CASE("changes that were trimmed mean a snapshot, or for who wants none the rest") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  const WallTime old = Clock::Real().WallNow() - 48h;
  for (int version = 1; version <= 10; ++version) host.Put("a", version, 0, old);
  host.Put("b", 1);
  FeedPosition behind{"", 3, {}};
  {
    Copy first(false);
    FeedSubscriber subscriber(To({host.address()}), first);
    REQUIRE(Eventually([&] { return first.Is("b", 1); }));
    behind.feed_id = first.position().feed_id;
  }
  host.Write([](store::Database& database) {
    return TrimFeed(database, Clock::Real().WallNow() - 24h, 100).status();
  });
  const bool wants_snapshot = GENERATE(true, false);
  Copy copy(wants_snapshot);
  copy.Set(behind);
  FeedSubscriber subscriber(To({host.address()}), copy);
  REQUIRE(Eventually([&] { return copy.Is("b", 1); }));
  REQUIRE(copy.Is("a", 10) == wants_snapshot);
  REQUIRE(subscriber.snapshots() == (wants_snapshot ? 1 : 0));
  REQUIRE(subscriber.gaps() == (wants_snapshot ? 0 : 1));
  host.Put("c", 1);
  REQUIRE(Eventually([&] { return copy.Is("c", 1); }));
}

TEST_CASE("a gap is noticed: a snapshot is taken, or it is counted") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  for (int version = 1; version <= 5; ++version) host.Put("a", version);
  // A subscriber stands at 3, and change 3 was lost: 4 says that 2 comes before it.
  FeedPosition position{"", 3, {}};
  {
    Copy first(false);
    FeedSubscriber subscriber(To({host.address()}), first);
    REQUIRE(Eventually([&] { return first.Is("a", 5); }));
    position.feed_id = first.position().feed_id;
  }
  host.Run("DELETE FROM feed WHERE number = 3");
  const bool wants_snapshot = GENERATE(true, false);
  Copy copy(wants_snapshot);
  copy.Set(position);
  FeedSubscriber subscriber(To({host.address()}), copy);
  REQUIRE(Eventually([&] { return copy.Is("a", 5); }));
  REQUIRE(subscriber.gaps() == 1);
  REQUIRE(subscriber.snapshots() == (wants_snapshot ? 1 : 0));
}

TEST_CASE("what the listener could not keep comes again") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  Copy copy(false);
  FeedSubscriber subscriber(To({host.address()}), copy);
  host.Put("a", 1);
  REQUIRE(Eventually([&] { return copy.Is("a", 1); }));
  copy.RefuseNext(2);
  host.Put("b", 1);
  REQUIRE(Eventually([&] { return copy.Is("b", 1); }));
  REQUIRE(copy.applied() == 2);
}

TEST_CASE("a peer that is stuck is noticed by its silence, and another one is followed") {
  const test::TempDir folder;
  // Takes connections and never says a word, as a stopped process does.
  const int listening = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  REQUIRE(bind(listening, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(listen(listening, 16) == 0);
  REQUIRE(getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  FeedHost host(folder.File("owner.db"));
  host.Put("a", 1);
  Copy copy;
  const SteadyTime begin = Now();
  FeedSubscriber subscriber(
      To({"127.0.0.1:" + std::to_string(ntohs(address.sin_port)), host.address()}), copy);
  REQUIRE(Eventually([&] { return copy.Is("a", 1); }));
  REQUIRE(Now() - begin < 2 * limits::kFeedSilenceMax);
  close(listening);
}

TEST_CASE("a peer that falls silent in the middle of a stream is given up") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  host.Put("a", 1);
  Copy copy;
  FeedSubscriber subscriber(To({host.address()}), copy);
  REQUIRE(Eventually([&] { return subscriber.connected(); }));
  // Its readers are held, so there is neither a change nor a heartbeat.
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  for (int i = 0; i < limits::kReaderThreadsDefault; ++i) {
    host.file().readers().Read(
        [released](store::Database&) {
          released.wait();
          return OkStatus();
        },
        Deadline::Never(), [](const Status&) {});
  }
  const SteadyTime begin = Now();
  REQUIRE(Eventually([&] { return !subscriber.connected(); }));
  REQUIRE(Now() - begin < limits::kFeedSilenceMax + 2s);
  release.set_value();
  host.Put("a", 2);
  REQUIRE(Eventually([&] { return copy.Is("a", 2); }));
}

TEST_CASE("a subscriber stops quickly: unconnected, connected, waiting to connect again") {
  const test::TempDir folder;
  auto host = std::make_unique<FeedHost>(folder.File("owner.db"));
  const std::string address = host->address();
  Copy copy;
  const int state = GENERATE(0, 1, 2);
  if (state == 0) host.reset();
  FeedSubscriber subscriber(To({address}), copy);
  if (state > 0) REQUIRE(Eventually([&] { return subscriber.connected(); }));
  if (state == 2) {
    host.reset();
    REQUIRE(Eventually([&] { return !subscriber.connected(); }));
  }
  const SteadyTime begin = Now();
  subscriber.Stop();
  subscriber.Stop();
  REQUIRE(Now() - begin < 500ms);
}

TEST_CASE(
    "owners and subscribers come and go at random, and no change is missed or applied twice") {
  const test::TempDir folder;
  const std::string path = folder.File("owner.db");
  std::mt19937 random(20261120);
  auto host = std::make_unique<FeedHost>(path);
  const std::string address = host->address();
  Copy events(false);
  auto subscriber = std::make_unique<FeedSubscriber>(To({address}), events);
  int version = 0;
  for (int round = 0; round < 30; ++round) {
    for (unsigned i = random() % 40; i > 0; --i) host->Put("a", ++version);
    if (random() % 3 == 0) {
      host.reset();
      host = std::make_unique<FeedHost>(path, address);
    }
    if (random() % 3 == 0) {
      subscriber.reset();
      subscriber = std::make_unique<FeedSubscriber>(To({address}), events);
    }
  }
  REQUIRE(Eventually([&] { return events.Is("a", version); }));
  REQUIRE(events.applied() == version);
  REQUIRE(events.repeated() == 0);
  REQUIRE(subscriber->gaps() == 0);
}

TEST_CASE("the position of a source is kept in its row") {
  const test::TempDir folder;
  FeedHost host(folder.File("owner.db"));
  FeedPosition read;
  host.Write([&](store::Database& database) {
    read = *ReadFeedPosition(database, "consumer");
    if (!read.feed_id.empty() || read.number != 0) return absl::InternalError("not empty");
    for (const std::int64_t number : {7, 8}) {
      const FeedPosition position{"id", number, WallTime(Duration(123'456'789))};
      if (Status status = WriteFeedPosition(database, "consumer", position); !status.ok()) {
        return status;
      }
    }
    read = *ReadFeedPosition(database, "consumer");
    return OkStatus();
  });
  REQUIRE(read.feed_id == "id");
  REQUIRE(read.number == 8);
  REQUIRE(read.as_of == WallTime(Duration(123'456'789)));
}

}  // namespace
}  // namespace lockstep::message
