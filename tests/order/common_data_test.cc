// Copies from the shared file, written here as the owners write it: there or not, growing, made
// anew, damaged.
#include "order/checks/common_data.h"

#include <filesystem>
#include <fstream>

#include "common/message/common_data.h"
#include "common/store/migrations.h"
#include "common/store/transaction.h"
#include "tests/order/copied.h"
#include "tests/support/catch.h"
#include "tests/support/wait.h"

namespace lockstep::order {
namespace {

using message::v1::Change;
using test::Eventually;

// An owner's part of the shared file.
class SharedFile {
 public:
  explicit SharedFile(const std::string& path) {
    auto opened = store::OpenWithSchema(path, message::kCommonDataSchema);
    REQUIRE(opened.ok());
    database_ = *std::move(opened);
  }
  // In one transaction, as a whole.
  void Publish(const std::string& owner, const std::string& feed_id, std::int64_t number,
               WallTime as_of, const std::vector<Change>& records, bool anew = false) {
    auto transaction = store::Transaction::Begin(*database_);
    REQUIRE(transaction.ok());
    if (anew) REQUIRE(database_->Run("DELETE FROM records WHERE owner = ?1", owner).ok());
    for (const Change& record : records) {
      REQUIRE(database_
                  ->Run("INSERT OR REPLACE INTO records VALUES (?1, ?2, ?3, ?4, ?5)", owner,
                        record.key(), number, record.type(), store::Blob{record.payload()})
                  .ok());
    }
    REQUIRE(database_
                ->Run("INSERT OR REPLACE INTO published VALUES (?1, ?2, ?3, ?4)", owner, feed_id,
                      number, as_of.time_since_epoch().count())
                .ok());
    REQUIRE(transaction->Commit().ok());
  }

 private:
  std::unique_ptr<store::Database> database_;
};

struct World {
  World() : store(OpenOrFail(directory.File("order.db"))) { Start(); }
  void Start() {
    reader.reset();
    books = std::make_unique<CopyBooks>();
    reader = std::make_unique<CommonDataReader>(shared_path(), store->file(), *books, counts);
  }
  std::string shared_path() const { return directory.File("shared.db"); }
  std::int64_t version(const std::string& id = "corner") const {
    const auto entry = books->restaurants.Find(id);
    return entry == nullptr ? -1 : entry->copy.version;
  }

  test::TempDir directory;
  std::unique_ptr<SqliteOrderStore> store;
  CopyCounts counts{.orders_stale = store->orders_on_stale_data()};
  std::unique_ptr<CopyBooks> books;
  std::unique_ptr<CommonDataReader> reader;
};

TEST_CASE("common data: read from when it is there, and on from there") {
  World world;
  CHECK(!world.books->restaurants.as_of());
  SharedFile shared(world.shared_path());
  shared.Publish(
      "restaurant", "r", 4, At(10),
      {ChangeOf(RestaurantAt("corner", 2, At(3))), ChangeOf(RestaurantAt("inn", 1, At(4)))});
  REQUIRE(Eventually([&] { return world.books->restaurants.as_of() == At(10); }));
  CHECK(world.version() == 2);
  CHECK(world.version("inn") == 1);
  CHECK(!world.books->consumers.as_of());  // each owner for itself

  shared.Publish("consumer", "c", 1, At(11), {ChangeOf(ConsumerAt("ann", 1, At(3)))});
  shared.Publish("restaurant", "r", 5, At(12), {ChangeOf(RestaurantAt("corner", 3, At(9)))});
  REQUIRE(Eventually([&] { return world.books->restaurants.as_of() == At(12); }));
  CHECK(world.version() == 3);
  CHECK(world.version("inn") == 1);
  REQUIRE(Eventually([&] { return world.books->consumers.as_of() == At(11); }));
  // Only time passes.
  shared.Publish("restaurant", "r", 5, At(15), {});
  REQUIRE(Eventually([&] { return world.books->restaurants.as_of() == At(15); }));

  // A restart reads it again.
  world.Start();
  REQUIRE(Eventually([&] { return world.books->restaurants.as_of() == At(15); }));
  CHECK(world.version() == 3);
  CHECK(world.version("inn") == 1);
}

TEST_CASE("common data: another feed, or another file, is read anew") {
  World world;
  SharedFile shared(world.shared_path());
  shared.Publish(
      "restaurant", "r", 4, At(10),
      {ChangeOf(RestaurantAt("corner", 7, At(3))), ChangeOf(RestaurantAt("inn", 1, At(4)))});
  REQUIRE(Eventually([&] { return world.version() == 7; }));
  shared.Publish("restaurant", "other", 2, At(20), {ChangeOf(RestaurantAt("corner", 1, At(12)))},
                 true);
  REQUIRE(Eventually([&] { return world.books->restaurants.as_of() == At(20); }));
  CHECK(world.version() == 1);
  CHECK(world.version("inn") == -1);
  CHECK(world.counts.contradictory == 0);

  // The same feed in a file that lost its last commits.
  shared.Publish("restaurant", "other", 1, At(21), {ChangeOf(RestaurantAt("bar", 1, At(13)))},
                 true);
  REQUIRE(Eventually([&] { return world.books->restaurants.as_of() == At(21); }));
  CHECK(world.version() == -1);

  SharedFile next(world.directory.File("next.db"));
  next.Publish("restaurant", "third", 9, At(30), {ChangeOf(RestaurantAt("pub", 4, At(25)))});
  for (const char* suffix : {"-wal", "-shm"}) {
    std::filesystem::remove(world.shared_path() + suffix);
  }
  std::filesystem::rename(world.directory.File("next.db-wal"), world.shared_path() + "-wal");
  std::filesystem::rename(world.directory.File("next.db"), world.shared_path());
  REQUIRE(Eventually([&] { return world.version("pub") == 4; }));
  CHECK(world.version("bar") == -1);
}

TEST_CASE("common data: what cannot be read leaves the copies as they are") {
  World world;
  {
    SharedFile shared(world.shared_path());
    shared.Publish("restaurant", "r", 4, At(10), {ChangeOf(RestaurantAt("corner", 2, At(3)))});
    REQUIRE(Eventually([&] { return world.version() == 2; }));
  }
  std::ofstream(world.shared_path(), std::ios::trunc) << "no database, but long enough to be read "
                                                         "as the beginning of one, if it were one";
  // It is polled meanwhile: what is published afterwards, in a good file, shows that.
  std::filesystem::remove(world.shared_path() + "-wal");
  std::filesystem::remove(world.shared_path() + "-shm");
  world.Start();
  CHECK(!world.books->restaurants.as_of());
  std::filesystem::remove(world.shared_path());
  SharedFile shared(world.shared_path());
  shared.Publish("restaurant", "r", 5, At(12), {ChangeOf(RestaurantAt("corner", 3, At(9)))});
  REQUIRE(Eventually([&] { return world.version() == 3; }));

  Change unreadable = ChangeOf(RestaurantAt("corner", 4, At(13)));
  unreadable.set_payload("\xff");
  shared.Publish("restaurant", "r", 6, At(14), {unreadable});
  REQUIRE(Eventually([&] { return world.books->restaurants.as_of() == At(14); }));
  CHECK(!world.books->restaurants.Find("corner")->problem.empty());
  CHECK(world.counts.contradictory == 1);
  shared.Publish("restaurant", "r", 7, At(15), {ChangeOf(RestaurantAt("corner", 4, At(15)))});
  REQUIRE(Eventually([&] { return world.version() == 4; }));
  CHECK(world.books->restaurants.Find("corner")->problem.empty());
}

TEST_CASE("common data: the audit marks orders of its own style, also over a restart") {
  World world;
  SharedFile shared(world.shared_path());
  shared.Publish("consumer", "c", 1, At(100), {ChangeOf(ConsumerAt("ann", 1, At(3)))});
  shared.Publish("restaurant", "r", 4, At(100), {ChangeOf(RestaurantAt("corner", 2, At(3)))});
  REQUIRE(Eventually([&] { return world.version() == 2 && world.books->consumers.as_of(); }));
  const Order stale = JudgedBy(Style::kCommonData, At(120), 1, 2);
  const Order in_time = JudgedBy(Style::kCommonData, At(105), 1, 2);
  const Order replica = JudgedBy(Style::kReplica, At(120), 1, 2);
  for (const Order* order : {&stale, &in_time, &replica}) {
    REQUIRE(InsertNow(*world.store, *order).status.ok());
  }
  world.reader->Stop();
  shared.Publish("restaurant", "r", 5, At(121), {ChangeOf(RestaurantAt("corner", 3, At(110)))});
  world.Start();
  REQUIRE(Eventually([&] { return world.version() == 3; }));
  const auto is_stale = [&](const Order& order) {
    return GetNow(*world.store, order.order_id).value()->accepted_on_stale_data;
  };
  CHECK(is_stale(stale));
  CHECK(!is_stale(in_time));
  CHECK(!is_stale(replica));
  const Order late = JudgedBy(Style::kCommonData, At(121), 1, 2);
  REQUIRE(InsertNow(*world.store, late).status.ok());
  CHECK(is_stale(late));
  CHECK(world.store->orders_on_stale_data() == 2);
}

}  // namespace
}  // namespace lockstep::order
