// The log reaches the file without a commit doing it, and does not grow for ever.
#include "common/store/checkpointer.h"

#include <array>
#include <filesystem>
#include <functional>

#include "common/store/migrations.h"
#include "common/store/transaction.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace lockstep::store {
namespace {

using namespace std::chrono_literals;
using test::TempDir;

constexpr std::array<std::string_view, 1> kScripts = {
    "CREATE TABLE marks (place INTEGER PRIMARY KEY, text TEXT)"};
constexpr Schema kSchema{0x4C4B5403, kScripts};

std::unique_ptr<Database> OpenOrFail(const std::string& path) {
  DatabaseOptions options;
  options.durability = Durability::kOff;  // these tests write much, and cut no power
  auto database = OpenWithSchema(path, kSchema, options);
  INFO(MessageOf(database.status()));
  REQUIRE(database.ok());
  return *std::move(database);
}

std::unique_ptr<Checkpointer> StartOrFail(const std::string& path, Duration interval,
                                          std::int64_t wal_bytes_max = limits::kWalBytesMax) {
  CheckpointerOptions options;
  options.interval = interval;
  options.wal_bytes_max = wal_bytes_max;
  options.durability = Durability::kOff;
  auto checkpointer = Checkpointer::Start(path, options);
  REQUIRE(checkpointer.ok());
  return *std::move(checkpointer);
}

void Write(Database& database) {
  const Status status =
      database.Run("INSERT INTO marks (text) VALUES (?1)", std::string(8'000, 'x'));
  INFO(MessageOf(status));
  REQUIRE(status.ok());
}

// Does act until the condition holds, for half a minute at most.
void Until(const std::function<bool()>& condition, const std::function<void()>& act) {
  const SteadyTime end = Clock::Real().Now() + 30s;
  while (!condition()) {
    REQUIRE(Clock::Real().Now() < end);
    act();
  }
}

std::int64_t LogBytes(const std::string& path) {
  return static_cast<std::int64_t>(std::filesystem::file_size(path + "-wal"));
}

TEST_CASE("what was committed reaches the file itself") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto writer = OpenOrFail(path);
  Write(*writer);
  auto checkpointer = StartOrFail(path, 1ms);
  Until([&] { return checkpointer->counters().checkpoints > 0; }, std::this_thread::yield);
  checkpointer->Stop();
  // The file alone, without its log.
  std::filesystem::copy_file(path, directory.File("copy.db"));
  auto copy = *Database::Open(directory.File("copy.db"), Mode::kReadWrite);
  Statement row = copy->Prepare("SELECT count(*) FROM marks");
  REQUIRE(row.Step());
  REQUIRE(row.Int(0) == 1);
  REQUIRE(row.Finish().ok());
  REQUIRE(checkpointer->counters().failures == 0);
}

TEST_CASE("under steady writing the log stays bounded") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto writer = OpenOrFail(path);
  constexpr std::int64_t kBound = 256 << 10;
  auto checkpointer = StartOrFail(path, 1ms, kBound);
  const int pages_before = writer->PagesWritten();
  Until([&] { return checkpointer->counters().restarts >= 10; }, [&] { Write(*writer); });
  const std::int64_t written = (writer->PagesWritten() - pages_before) * std::int64_t{4096};
  REQUIRE(written > 10 * kBound);
  REQUIRE(LogBytes(path) < written / 2);
}

TEST_CASE("a reader that stays holds up no writer, and the log restarts once it has gone") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto writer = OpenOrFail(path);
  constexpr std::int64_t kBound = 256 << 10;
  Write(*writer);
  auto reader = *Database::Open(path, Mode::kReadOnly);
  auto staying = Transaction::BeginRead(*reader);
  REQUIRE(staying.ok());
  Statement row = reader->Prepare("SELECT count(*) FROM marks");
  REQUIRE(row.Step());
  auto checkpointer = StartOrFail(path, 1ms, kBound);
  while (LogBytes(path) < 4 * kBound) Write(*writer);
  REQUIRE(checkpointer->counters().restarts == 0);
  REQUIRE(row.Int(0) == 1);
  REQUIRE(row.Finish().ok());
  staying->Rollback();
  Until([&] { return checkpointer->counters().restarts > 0; }, [&] { Write(*writer); });
}

TEST_CASE("stopping does not wait for the interval") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto writer = OpenOrFail(path);
  auto checkpointer = StartOrFail(path, 1h);
  const SteadyTime start = Clock::Real().Now();
  checkpointer->Stop();
  checkpointer->Stop();
  REQUIRE(Clock::Real().Now() - start < 10s);
}

TEST_CASE("a checkpointer needs a file that is there and is a database") {
  const TempDir directory;
  REQUIRE_FALSE(Checkpointer::Start(directory.File("none/a.db")).ok());
}

}  // namespace
}  // namespace lockstep::store
