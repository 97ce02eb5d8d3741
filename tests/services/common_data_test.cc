// The shared file of the style COMMON_DATA: what the owners write into it, and when all of it is
// written anew.
#include <map>
#include <thread>

#include "common/message/common_data.h"
#include "common/owner/common_data_writer.h"
#include "common/store/transaction.h"
#include "tests/services/consumers.h"
#include "tests/services/order_peer.h"
#include "tests/services/restaurants.h"
#include "tests/support/wait.h"

namespace lockstep::test {
namespace {

struct Published {
  std::string feed_id;
  std::int64_t number = -1;
  std::int64_t as_of = 0;
};

// As Order reads it: one transaction on the file.
struct CommonData {
  std::map<std::string, std::string> payloads;  // of one owner, by key
  std::map<std::string, std::int64_t> numbers;
  Published published;
};

CommonData ReadCommonData(const std::string& path, const std::string& owner) {
  CommonData data;
  auto database = store::Database::Open(path, store::Mode::kReadOnly);
  REQUIRE(database.ok());
  auto moment = store::Transaction::BeginRead(**database);
  REQUIRE(moment.ok());
  {
    store::Statement row =
        (*database)->Query("SELECT key, payload, number FROM records WHERE owner = ?1", owner);
    while (row.Step()) {
      data.payloads[std::string(row.Text(0))] = row.Bytes(1);
      data.numbers[std::string(row.Text(0))] = row.Int64(2);
    }
    REQUIRE(row.Finish().ok());
  }
  store::Statement row = (*database)->Query(
      "SELECT feed_id, number, as_of_time FROM published WHERE owner = ?1", owner);
  if (row.Step()) data.published = {std::string(row.Text(0)), row.Int64(1), row.Int64(2)};
  REQUIRE(row.Finish().ok());
  return data;
}

// Once it reaches that change.
CommonData UpTo(const std::string& path, const std::string& owner, std::int64_t number) {
  CommonData data;
  REQUIRE(Eventually([&] {
    data = ReadCommonData(path, owner);
    return data.published.number == number;
  }));
  return data;
}

owner::OwnerFlags Sharing(const std::string& path) {
  owner::OwnerFlags flags = Consumers::Alone();
  flags.common_data = path;
  return flags;
}

cv1::Consumer ConsumerIn(const CommonData& data, const std::string& id) {
  cv1::Consumer consumer;
  REQUIRE(consumer.ParseFromString(data.payloads.at(id)));
  return consumer;
}

TEST_CASE("both owners keep their records in the shared file, as they are") {
  const TempDir dir;
  const std::string shared = dir.File("common.db");
  Consumers consumers(dir.File("c.db"), Sharing(shared));
  Restaurants restaurants(dir.File("r.db"), Sharing(shared));
  REQUIRE(consumers.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann")).ok());
  REQUIRE(consumers.Call(&ConsumerStub::CreateConsumer, NewConsumer("c2", "Bob")).ok());
  const auto renamed = consumers.Call(&ConsumerStub::UpdateConsumer, Rename("c1", "Anna"));
  REQUIRE(renamed.ok());
  const auto created = restaurants.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r1", 5));
  REQUIRE(created.ok());
  const CommonData of_consumers = UpTo(shared, "consumer", 3);
  CHECK(of_consumers.payloads.size() == 2);
  CHECK(of_consumers.payloads.at("c1") == renamed->SerializeAsString());
  CHECK(of_consumers.numbers.at("c1") == 3);
  CHECK(of_consumers.numbers.at("c2") == 2);
  const CommonData of_restaurants = UpTo(shared, "restaurant", 1);
  CHECK(of_restaurants.payloads.size() == 1);
  CHECK(of_restaurants.payloads.at("r1") == created->SerializeAsString());
  CHECK(of_restaurants.published.feed_id != of_consumers.published.feed_id);
}

TEST_CASE("the shared file says how current it is while nothing changes, a few times a second") {
  const TempDir dir;
  Consumers service(dir.File("c.db"), Sharing(dir.File("common.db")));
  const std::int64_t first = UpTo(dir.File("common.db"), "consumer", 0).published.as_of;
  std::int64_t now = first;
  int writes = 0;
  while (now - first < std::chrono::nanoseconds(1s).count()) {
    const std::int64_t then =
        std::exchange(now, ReadCommonData(dir.File("common.db"), "consumer").published.as_of);
    if (now == then) continue;
    CHECK(now - then >= std::chrono::nanoseconds(limits::kFeedHeartbeat).count() / 2);
    ++writes;
  }
  CHECK(writes >= 1);
  CHECK(writes <= 5);
}

TEST_CASE("after a restart the shared file goes on where it was") {
  const TempDir dir;
  {
    Consumers service(dir.File("c.db"), Sharing(dir.File("common.db")));
    REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann")).ok());
    UpTo(dir.File("common.db"), "consumer", 1);
  }
  {
    Consumers without(dir.File("c.db"));
    REQUIRE(without.Call(&ConsumerStub::CreateConsumer, NewConsumer("c2", "Bob")).ok());
  }
  Consumers service(dir.File("c.db"), Sharing(dir.File("common.db")));
  const CommonData data = UpTo(dir.File("common.db"), "consumer", 2);
  CHECK(data.numbers == std::map<std::string, std::int64_t>{{"c1", 1}, {"c2", 2}});
}

TEST_CASE("what another database left in the shared file goes, and what there is comes whole") {
  const TempDir dir;
  {
    Consumers service(dir.File("old.db"), Sharing(dir.File("common.db")));
    REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("gone", "Ann")).ok());
    UpTo(dir.File("common.db"), "consumer", 1);
  }
  {
    auto database = store::OpenWithSchema(dir.File("new.db"),
                                          {consumer::ConsumerTable::kSchema.application_id,
                                           consumer::ConsumerTable::kSchema.scripts.first(1)});
    REQUIRE(database.ok());
    REQUIRE((*database)
                ->Execute("INSERT INTO consumers VALUES ('c1', 'Ann', 1, 'GBP', 50000000000, 3, 7, "
                          "8)")
                .ok());
  }
  Consumers service(dir.File("new.db"), Sharing(dir.File("common.db")));
  REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c2", "Bob")).ok());
  CommonData data;
  REQUIRE(Eventually([&] {
    data = ReadCommonData(dir.File("common.db"), "consumer");
    CHECK((data.payloads.contains("gone") ? data.payloads.size() == 1
                                          : data.payloads.contains("c1")));  // the one or the other
    return data.payloads.contains("c2");
  }));
  CHECK(data.published.number == 1);
  CHECK(data.payloads.size() == 2);
  CHECK(ConsumerIn(data, "c1").version() == 3);
  CHECK(ConsumerIn(data, "c2").display_name() == "Bob");
}

TEST_CASE("many changes from many threads: whenever one looks, the shared file is whole") {
  const TempDir dir;
  Consumers service(dir.File("c.db"), Sharing(dir.File("common.db")));
  constexpr int kThreads = 4;
  constexpr int kEach = 50;
  std::thread changing([&] {
    AtOnce(kThreads, [&](int thread) {
      for (int i = 0; i < kEach; ++i) {
        const std::string id = "c" + std::to_string(thread) + "-" + std::to_string(i);
        (void)service.Call(&ConsumerStub::CreateConsumer, NewConsumer(id, "Ann"));
      }
    });
  });
  std::int64_t last = 0;
  bool whole = true;
  const bool all_came = Eventually([&] {
    const CommonData data = ReadCommonData(dir.File("common.db"), "consumer");
    if (data.published.number < 0) return false;
    // Each change made a consumer of its own, so that there are as many.
    whole = whole && data.published.number >= last &&
            static_cast<std::int64_t>(data.payloads.size()) == data.published.number;
    last = data.published.number;
    return last == kThreads * kEach;
  });
  changing.join();
  CHECK(whole);
  CHECK(all_came);
}

TEST_CASE("a shared file that is something else is not used, and is left as it is") {
  const TempDir dir;
  {
    const Consumers other(dir.File("other.db"));
  }
  Consumers service(dir.File("c.db"));
  const consumer::ConsumerService::Feed feed;
  const auto writer = owner::CommonDataWriter::Start(
      {.path = dir.File("other.db"), .owner = "consumer", .source = dir.File("c.db")},
      service.file().committed(), feed);
  REQUIRE_FALSE(writer.ok());
  CHECK(DetailOf(writer.status()).reason == "STORE_FOREIGN");
  CHECK(CountIn(dir.File("other.db"), "SELECT count(*) FROM consumers") == 0);
}

}  // namespace
}  // namespace lockstep::test
