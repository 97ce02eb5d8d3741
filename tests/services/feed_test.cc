// The feeds of the owners: a change has its row exactly if it is committed, and a snapshot has what
// there is, also what is older than the feed.
#include "common/message/tables.h"
#include "common/store/transaction.h"
#include "lockstep/message/v1/message.grpc.pb.h"
#include "tests/services/consumers.h"
#include "tests/services/order_peer.h"
#include "tests/services/restaurants.h"

namespace lockstep::test {
namespace {

using message::v1::Change;

std::vector<Change> FeedOf(const std::string& path) {
  auto database = store::Database::Open(path, store::Mode::kReadOnly);
  REQUIRE(database.ok());
  std::vector<Change> changes;
  store::Statement row =
      (*database)->Prepare("SELECT number, type, key, payload FROM feed ORDER BY number");
  while (row.Step()) {
    Change& change = changes.emplace_back();
    change.set_number(row.Int64(0));
    change.set_type(std::string(row.Text(1)));
    change.set_key(std::string(row.Text(2)));
    change.set_payload(std::string(row.Bytes(3)));
  }
  REQUIRE(row.Finish().ok());
  return changes;
}

template <typename Message>
Message RecordIn(const Change& change) {
  Message message;
  CHECK(change.type() == Message::descriptor()->full_name());
  REQUIRE(message.ParseFromString(change.payload()));
  return message;
}

std::vector<Change> SnapshotOf(const std::string& address) {
  const auto stub =
      message::v1::FeedService::NewStub(rpc::MakeChannel(address, {.own_connection = true}));
  grpc::ClientContext context;
  context.set_deadline(rpc::ToTimespec(Deadline::After(std::chrono::steady_clock::now(), 20s)));
  const auto stream = stub->GetSnapshot(&context, message::v1::GetSnapshotRequest());
  message::v1::GetSnapshotResponse piece;
  std::vector<Change> entries;
  bool last = false;
  while (stream->Read(&piece)) {
    entries.insert(entries.end(), piece.entries().begin(), piece.entries().end());
    last = piece.last();
  }
  const grpc::Status status = stream->Finish();
  INFO(status.error_message());
  REQUIRE(status.ok());
  CHECK(last);
  return entries;
}

TEST_CASE("Consumer's feed: each change as it was answered, and none for what changed nothing") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  std::vector<StatusOr<cv1::Consumer>> answers;
  answers.push_back(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann")));
  answers.push_back(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c2", "Bob")));
  answers.push_back(service.Call(&ConsumerStub::UpdateConsumer, Rename("c1", "Anna")));
  CHECK(Said(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c2", "Bob"))) == "OK");
  CHECK(Said(service.Call(&ConsumerStub::UpdateConsumer, Rename("c1", "Anna"))) == "OK");
  CHECK(Said(service.Call(&ConsumerStub::UpdateConsumer, Rename("c1", "Annie", 1))) ==
        "ABORTED VERSION_MISMATCH");
  const std::vector<Change> feed = FeedOf(dir.File("c.db"));
  REQUIRE(feed.size() == answers.size());
  for (std::size_t i = 0; i < feed.size(); ++i) {
    REQUIRE(answers[i].ok());
    CHECK(feed[i].number() == static_cast<std::int64_t>(i) + 1);
    CHECK(feed[i].key() == answers[i]->consumer_id());
    CHECK(RecordIn<cv1::Consumer>(feed[i]).SerializeAsString() == answers[i]->SerializeAsString());
  }
  CHECK(RecordIn<cv1::Consumer>(feed[2]).version() == 2);
}

TEST_CASE("a change whose commit fails is not in the feed") {
  const TempDir dir;
  store::StoreFileOptions options = Consumers::Options(dir.File("c.db"));
  options.database.busy_budget = 20ms;
  Consumers service(options);
  REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann")).ok());
  {
    auto other = store::Database::Open(dir.File("c.db"), store::Mode::kReadWrite);
    REQUIRE(other.ok());
    auto lock = store::Transaction::Begin(**other);
    REQUIRE(lock.ok());
    CHECK_FALSE(service.Call(&ConsumerStub::UpdateConsumer, Rename("c1", "Bob")).ok());
  }
  CHECK(FeedOf(dir.File("c.db")).size() == 1);
  REQUIRE(service.Call(&ConsumerStub::UpdateConsumer, Rename("c1", "Cid")).ok());
  const std::vector<Change> feed = FeedOf(dir.File("c.db"));
  REQUIRE(feed.size() == 2);
  CHECK(RecordIn<cv1::Consumer>(feed[1]).display_name() == "Cid");
}

// What cannot be written to the feed is not changed either: the two are one transaction.
TEST_CASE("a change that the feed cannot take is not made") {
  const TempDir dir;
  {
    const Consumers service(dir.File("c.db"));
  }
  {
    auto database = store::Database::Open(dir.File("c.db"), store::Mode::kReadWrite);
    REQUIRE(database.ok());
    REQUIRE((*database)
                ->Execute("CREATE TRIGGER no_c2 BEFORE INSERT ON feed WHEN new.key = 'c2' BEGIN "
                          "SELECT raise(ABORT, 'no'); END")
                .ok());
  }
  Consumers service(dir.File("c.db"));
  CHECK(Said(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann"))) == "OK");
  CHECK_FALSE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c2", "Bob")).ok());
  CHECK(Said(service.Call(&ConsumerStub::GetConsumer, WhichConsumer("c2"))) ==
        "NOT_FOUND CONSUMER_UNKNOWN");
  CHECK(CountIn(dir.File("c.db"), "SELECT count(*) FROM consumers") == 1);
  CHECK(FeedOf(dir.File("c.db")).size() == 1);
}

TEST_CASE("Restaurant's feed and snapshot have the menu, whole") {
  const TempDir dir;
  Restaurants service(dir.File("r.db"));
  REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r1", 3)).ok());
  auto revision = Revision("r1");
  *revision.add_put_items() = Item("i1", 999);
  const auto revised = service.Call(&RestaurantStub::ReviseMenu, revision);
  REQUIRE(revised.ok());
  const auto feed = FeedOf(dir.File("r.db"));
  REQUIRE(feed.size() == 2);
  const auto record = RecordIn<rv1::Restaurant>(feed[1]);
  CHECK(record.menu_items_size() == 3);
  CHECK(record.SerializeAsString() == revised->SerializeAsString());
  const auto snapshot = SnapshotOf(service.address());
  REQUIRE(snapshot.size() == 1);
  CHECK(snapshot[0].key() == "r1");
  CHECK(snapshot[0].payload() == feed[1].payload());
}

TEST_CASE("records of a file from before the feed are in its snapshot, and their changes follow") {
  const TempDir dir;
  const auto& schema = consumer::ConsumerTable::kSchema;
  {
    auto database =
        store::OpenWithSchema(dir.File("c.db"), {schema.application_id, schema.scripts.first(1)});
    REQUIRE(database.ok());
    REQUIRE((*database)
                ->Execute("INSERT INTO consumers VALUES ('c1', 'Ann', 1, 'GBP', 50000000000, 3, 7, "
                          "8), ('c2', 'Bob', 2, 'GBP', 1000000000, 1, 9, 9)")
                .ok());
  }
  Consumers service(dir.File("c.db"));
  CHECK(FeedOf(dir.File("c.db")).empty());
  const auto snapshot = SnapshotOf(service.address());
  REQUIRE(snapshot.size() == 2);
  const auto ann = RecordIn<cv1::Consumer>(snapshot[0]);
  CHECK(snapshot[0].key() == "c1");
  CHECK(ann.version() == 3);
  CHECK(ann.display_name() == "Ann");
  CHECK(ann.order_limit().units() == 50);
  CHECK(snapshot[1].key() == "c2");
  REQUIRE(service.Call(&ConsumerStub::UpdateConsumer, Rename("c1", "Anna")).ok());
  const auto feed = FeedOf(dir.File("c.db"));
  REQUIRE(feed.size() == 1);
  CHECK(RecordIn<cv1::Consumer>(feed[0]).version() == 4);
}

TEST_CASE("a subscriber hears each change as it is committed") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  const auto stub = message::v1::FeedService::NewStub(
      rpc::MakeChannel(service.address(), {.own_connection = true}));
  grpc::ClientContext context;
  context.set_deadline(rpc::ToTimespec(Deadline::After(std::chrono::steady_clock::now(), 20s)));
  const auto stream = stub->Subscribe(&context, message::v1::SubscribeRequest());
  const auto next = [&] {
    message::v1::SubscribeResponse piece;
    while (stream->Read(&piece)) {
      if (piece.changes_size() > 0) break;
    }
    REQUIRE(piece.changes_size() == 1);
    return piece.changes(0);
  };
  for (int i = 1; i <= 3; ++i) {
    const std::string id = "c" + std::to_string(i);
    REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer(id, "Ann")).ok());
    const Change change = next();
    CHECK(change.number() == i);
    CHECK(change.previous() == i - 1);
    CHECK(change.key() == id);
  }
  context.TryCancel();
}

}  // namespace
}  // namespace lockstep::test
