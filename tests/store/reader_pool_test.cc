// Reads beside the writer: one moment of the file each, exactly one answer each.
#include "common/store/reader_pool.h"

#include <array>
#include <atomic>
#include <future>
#include <optional>

#include "common/store/migrations.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace lockstep::store {
namespace {

using namespace std::chrono_literals;
using test::TempDir;

constexpr std::array<std::string_view, 1> kScripts = {
    "CREATE TABLE marks (place INTEGER PRIMARY KEY, text TEXT)"};
constexpr Schema kSchema{0x4C4B5404, kScripts};

std::unique_ptr<Database> OpenOrFail(const std::string& path) {
  auto database = OpenWithSchema(path, kSchema);
  INFO(MessageOf(database.status()));
  REQUIRE(database.ok());
  return *std::move(database);
}

std::unique_ptr<ReaderPool> StartOrFail(const std::string& path,
                                        const ReaderPoolOptions& options = {}) {
  auto pool = ReaderPool::Start(path, options);
  INFO(MessageOf(pool.status()));
  REQUIRE(pool.ok());
  return *std::move(pool);
}

void Insert(Database& database) {
  REQUIRE(database.Run("INSERT INTO marks (text) VALUES ('x')").ok());
}

StatusOr<int> CountMarks(Database& database) {
  Statement row = database.Prepare("SELECT count(*) FROM marks");
  const int count = row.Step() ? row.Int(0) : -1;
  if (Status status = row.Finish(); !status.ok()) return status;
  return count;
}

// Reads and waits for the answer.
Status ReadNow(ReaderPool& pool, ReaderPool::Work work, Deadline not_after = Deadline::Never()) {
  auto answer = std::make_shared<std::promise<Status>>();
  auto future = answer->get_future();
  pool.Read(std::move(work), not_after,
            [answer](const Status& status) { answer->set_value(status); });
  REQUIRE(future.wait_for(30s) == std::future_status::ready);
  return future.get();
}

std::string ReasonOf(const Status& status) { return DetailOf(status).reason; }

TEST_CASE("a read sees what was committed before it, and one moment over several statements") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto writer = OpenOrFail(path);
  Insert(*writer);
  auto pool = StartOrFail(path);
  int first = 0;
  int second = 0;
  const Status status = ReadNow(*pool, [&](Database& database) -> Status {
    const StatusOr<int> before = CountMarks(database);
    if (!before.ok()) return before.status();
    Insert(*writer);  // not held up by this read, and not seen by it
    const StatusOr<int> after = CountMarks(database);
    if (!after.ok()) return after.status();
    first = *before;
    second = *after;
    return OkStatus();
  });
  REQUIRE(status.ok());
  REQUIRE(first == 1);
  REQUIRE(second == 1);
  REQUIRE(ReadNow(*pool, [&](Database& database) {
            first = CountMarks(database).value();
            return OkStatus();
          }).ok());
  REQUIRE(first == 2);
}

TEST_CASE("the work's error is the answer, and one that it did not look at too") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto writer = OpenOrFail(path);
  auto pool = StartOrFail(path);
  const auto refuse = [](Database&) { return MakeError(StatusCode::kNotFound, "GONE", "gone"); };
  REQUIRE(ReasonOf(ReadNow(*pool, refuse)) == "GONE");
  const auto careless = [](Database& database) {
    Statement row = database.Prepare("SELECT nothing");
    (void)row.Step();
    return OkStatus();
  };
  REQUIRE(ReasonOf(ReadNow(*pool, careless)) == "STORE_FAILED");
  const auto write = [](Database& database) { return database.Run("DELETE FROM marks"); };
  REQUIRE(ReasonOf(ReadNow(*pool, write)) == "STORE_READ_ONLY");
}

TEST_CASE("a read whose deadline has passed is not begun") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto writer = OpenOrFail(path);
  ManualClock clock;
  ReaderPoolOptions options;
  options.clock = &clock;
  auto pool = StartOrFail(path, options);
  bool begun = false;
  const auto work = [&begun](Database&) {
    begun = true;
    return OkStatus();
  };
  REQUIRE(ReasonOf(ReadNow(*pool, work, Deadline::After(clock.Now(), 0ms))) == "BUDGET_GONE");
  REQUIRE_FALSE(begun);
  REQUIRE(ReadNow(*pool, work, Deadline::After(clock.Now(), 1ms)).ok());
  REQUIRE(begun);
}

TEST_CASE("a full queue and a stopped pool refuse at once, and what was queued is finished") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto writer = OpenOrFail(path);
  ReaderPoolOptions options;
  options.threads = 1;
  options.queue_max = 2;
  auto pool = StartOrFail(path, options);
  std::promise<void> held;
  std::promise<void> open;
  std::atomic<int> finished = 0;
  const auto count = [&finished](const Status& status) { finished += status.ok() ? 1 : 0; };
  pool->Read(
      [&](Database&) {
        held.set_value();
        open.get_future().wait();
        return OkStatus();
      },
      Deadline::Never(), count);
  held.get_future().wait();
  const auto nothing = [](Database&) { return OkStatus(); };
  pool->Read(nothing, Deadline::Never(), count);
  pool->Read(nothing, Deadline::Never(), count);
  REQUIRE(pool->waiting() == 2);
  Status refused;
  pool->Read(nothing, Deadline::Never(), [&](const Status& status) { refused = status; });
  REQUIRE(refused.code() == StatusCode::kResourceExhausted);
  REQUIRE(ReasonOf(refused) == "STORE_QUEUE_FULL");
  open.set_value();
  pool->Stop();
  pool->Stop();
  REQUIRE(finished == 3);
  pool->Read(nothing, Deadline::Never(), [&](const Status& status) { refused = status; });
  REQUIRE(refused.code() == StatusCode::kUnavailable);
  REQUIRE(ReasonOf(refused) == "STOPPING");
}

TEST_CASE("exactly one answer for each read, with Stop racing") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto writer = OpenOrFail(path);
  auto pool = StartOrFail(path);
  constexpr int kCallers = 4;
  constexpr int kEach = 200;
  std::array<std::atomic<int>, kCallers * kEach> answered{};
  std::atomic<int> begun = 0;
  std::vector<std::thread> callers;
  for (int c = 0; c < kCallers; ++c) {
    callers.emplace_back([&, c] {
      for (int i = 0; i < kEach; ++i) {
        ++begun;
        pool->Read([](Database& database) { return CountMarks(database).status(); },
                   Deadline::Never(),
                   [&, place = static_cast<std::size_t>(c) * kEach +
                               static_cast<std::size_t>(i)](const Status&) { ++answered[place]; });
      }
    });
  }
  while (begun < kCallers * kEach / 2) std::this_thread::yield();
  pool->Stop();
  for (std::thread& caller : callers) caller.join();
  for (const std::atomic<int>& times : answered) REQUIRE(times == 1);
}

TEST_CASE("a pool needs a file that is there") {
  const TempDir directory;
  REQUIRE_FALSE(ReaderPool::Start(directory.File("none.db")).ok());
}

}  // namespace
}  // namespace lockstep::store
