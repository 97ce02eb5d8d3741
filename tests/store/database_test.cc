// What a connection promises: values come back as they went in, errors name the file and cannot be
// overlooked, and a file that is not ours stays as it was.
#include "common/store/database.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>
#include <vector>

#include "common/store/migrations.h"
#include "common/store/transaction.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace lockstep::store {
namespace {

using namespace std::chrono_literals;
using test::TempDir;

constexpr std::array<std::string_view, 2> kScripts = {
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "ALTER TABLE people ADD COLUMN city TEXT; CREATE INDEX people_city ON people (city);"};
constexpr Schema kSchema{0x4C4B5401, kScripts};
constexpr Schema kOlderSchema{0x4C4B5401, std::span(kScripts).first(1)};

std::unique_ptr<Database> OpenOrFail(const std::string& path, DatabaseOptions options = {}) {
  auto database = OpenWithSchema(path, kSchema, options);
  INFO(MessageOf(database.status()));
  REQUIRE(database.ok());
  return *std::move(database);
}

void RequireOk(const Status& status) {
  INFO(MessageOf(status));
  REQUIRE(status.ok());
}

// The status has this code and reason, and its message names the file.
void RequireError(const Status& status, StatusCode code, const std::string& reason,
                  const std::string& path) {
  INFO(CodeName(status.code()) << " " << MessageOf(status));
  REQUIRE(status.code() == code);
  REQUIRE(DetailOf(status).reason == reason);
  REQUIRE(MessageOf(status).find(path) != std::string::npos);
}

std::string BytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::int64_t Count(Database& database, std::string_view sql) {
  Statement row = database.Prepare(sql);
  REQUIRE(row.Step());
  const std::int64_t count = row.Int64(0);
  RequireOk(row.Finish());
  return count;
}

// Files are opened as a user without root's rights, while it lives. This thread's only.
class Unprivileged {
 public:
  Unprivileged() : before_(setfsuid(65534)) {}
  ~Unprivileged() { setfsuid(static_cast<uid_t>(before_)); }

 private:
  int before_;
};

TEST_CASE("every kind of value comes back as it went in") {
  const TempDir directory;
  auto database = OpenOrFail(directory.File("a.db"));
  RequireOk(database->Execute("CREATE TABLE t (i, d, s, b, n, e, o, f)"));
  const std::string text("a\0b\xC3\xA9", 5);
  const std::string bytes("\x00\xFF\x01", 3);
  RequireOk(database->Run("INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", INT64_MIN, 2.5,
                          text, Blob{bytes}, nullptr, std::string_view(), std::optional<int>(7),
                          std::optional<std::string>()));
  Statement row = database->Query("SELECT * FROM t WHERE i = ?1 AND d > ?2", INT64_MIN, 2);
  REQUIRE(row.Step());
  REQUIRE(row.Int64(0) == INT64_MIN);
  REQUIRE(row.Double(1) == 2.5);
  REQUIRE(row.Text(2) == text);
  REQUIRE(row.Bytes(3) == bytes);
  REQUIRE(row.IsNull(4));
  REQUIRE_FALSE(row.IsNull(5));  // an empty text is no NULL, also one without an address
  REQUIRE(row.Text(5).empty());
  REQUIRE(row.Int(6) == 7);
  REQUIRE(row.IsNull(7));
  REQUIRE_FALSE(row.Step());
  REQUIRE_FALSE(row.Step());  // and it does not start again
  RequireOk(row.Finish());
}

TEST_CASE("what was committed is there when the file is opened again") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  {
    auto database = OpenOrFail(path);
    auto transaction = Transaction::Begin(*database);
    RequireOk(transaction.status());
    RequireOk(database->Run("INSERT INTO people (name) VALUES (?1)", "Ada"));
    RequireOk(transaction->Commit());
    auto given_up = Transaction::Begin(*database);
    RequireOk(given_up.status());
    RequireOk(database->Run("INSERT INTO people (name) VALUES (?1)", "Bob"));
  }
  auto database = OpenOrFail(path);
  REQUIRE(Count(*database, "SELECT count(*) FROM people") == 1);
  REQUIRE(Count(*database, "SELECT count(*) FROM people WHERE name = 'Ada'") == 1);
}

TEST_CASE("a connection has the settings that durability needs") {
  const TempDir directory;
  auto database = OpenOrFail(directory.File("a.db"));
  REQUIRE(Count(*database, "SELECT journal_mode = 'wal' FROM pragma_journal_mode") == 1);
  REQUIRE(Count(*database, "PRAGMA synchronous") == 2);  // FULL
  REQUIRE(Count(*database, "PRAGMA foreign_keys") == 1);
  REQUIRE(Count(*database, "PRAGMA wal_autocheckpoint") == 0);
}

TEST_CASE("statements are prepared once, and one in use twice gets a twin") {
  const TempDir directory;
  auto database = OpenOrFail(directory.File("a.db"));
  for (int i = 0; i < 10; ++i) {
    RequireOk(database->Run("INSERT INTO people (name) VALUES (?1)", fmt::format("p{}", i)));
  }
  const int before = database->cached_statements();
  constexpr char kSql[] = "SELECT id FROM people ORDER BY id";
  Statement outer = database->Prepare(kSql);
  REQUIRE(outer.Step());
  REQUIRE(outer.Step());
  Statement inner = database->Prepare(kSql);
  REQUIRE(inner.Step());
  REQUIRE(inner.Int(0) == 1);
  REQUIRE(outer.Int(0) == 2);
  RequireOk(inner.Finish());
  RequireOk(outer.Finish());
  REQUIRE(database->cached_statements() == before + 1);
}

TEST_CASE("the cache of statements has a limit, past which they still work") {
  const TempDir directory;
  auto database = OpenOrFail(directory.File("a.db"));
  for (int i = 0; i <= limits::kCachedStatementsMax; ++i) {
    REQUIRE(Count(*database, fmt::format("SELECT {}", i)) == i);
  }
  REQUIRE(database->cached_statements() == limits::kCachedStatementsMax);
}

TEST_CASE("an unfinished statement pins nothing once it has gone") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto writer = OpenOrFail(path);
  RequireOk(writer->Run("INSERT INTO people (name) VALUES ('Ada'), ('Bob')"));
  auto reader = *Database::Open(path, Mode::kReadOnly);
  {
    Statement row = reader->Prepare("SELECT id FROM people");
    REQUIRE(row.Step());  // and not to the end
  }
  RequireOk(writer->Run("INSERT INTO people (name) VALUES ('Cyd')"));
  // A pinned read mark would keep the log from being truncated.
  Statement row = writer->Prepare("PRAGMA wal_checkpoint(TRUNCATE)");
  REQUIRE(row.Step());
  REQUIRE(row.Int(0) == 0);
  RequireOk(row.Finish());
  REQUIRE(std::filesystem::file_size(path + "-wal") == 0);
}

TEST_CASE("the first error of a statement sticks and says what and where") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto database = OpenOrFail(path);
  Statement wrong = database->Query("SELECT nothing FROM nowhere WHERE id = ?1", 1);
  REQUIRE_FALSE(wrong.Step());
  RequireError(wrong.Finish(), StatusCode::kInternal, "STORE_FAILED", path);
  RequireError(database->Run("SELECT ?1, ?2", 1), StatusCode::kInternal, "STORE_FAILED",
               "SELECT ?1, ?2");
  RequireOk(database->Run("INSERT INTO people (name) VALUES ('Ada')"));
  RequireError(database->Run("INSERT INTO people (name) VALUES ('Ada')"), StatusCode::kInternal,
               "STORE_CONSTRAINT", path);
}

TEST_CASE("an error that nobody looked at fails the transaction") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto database = OpenOrFail(path);
  auto transaction = Transaction::Begin(*database);
  RequireOk(transaction.status());
  RequireOk(database->Run("INSERT INTO people (name) VALUES ('Ada')"));
  {
    Statement again = database->Query("INSERT INTO people (name) VALUES (?1)", "Ada");
    REQUIRE_FALSE(again.Step());
  }
  RequireError(transaction->Commit(), StatusCode::kInternal, "STORE_CONSTRAINT", path);
  REQUIRE(Count(*database, "SELECT count(*) FROM people") == 0);

  auto looked_at = Transaction::Begin(*database);
  RequireOk(looked_at.status());
  REQUIRE_FALSE(database->Run("INSERT INTO people (name) VALUES (NULL)").ok());
  RequireOk(looked_at->Commit());
}

TEST_CASE("after SQLite has rolled back, nothing more is written by that transaction") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto database = OpenOrFail(path);
  auto transaction = Transaction::Begin(*database);
  RequireOk(transaction.status());
  RequireOk(database->Run("INSERT INTO people (name) VALUES ('Ada')"));
  RequireOk(database->Execute("ROLLBACK"));  // as SQLite does on a full disk
  RequireError(database->Run("INSERT INTO people (name) VALUES ('Bob')"), StatusCode::kUnavailable,
               "STORE_FAILED", path);
  REQUIRE_FALSE(transaction->Commit().ok());
  REQUIRE(Count(*database, "SELECT count(*) FROM people") == 0);
}

TEST_CASE("a schema grows from any earlier version, and keeps its rows") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  {
    auto older = OpenWithSchema(path, kOlderSchema);
    RequireOk(older.status());
    RequireOk((*older)->Run("INSERT INTO people (name) VALUES ('Ada')"));
    REQUIRE(Count(**older, "PRAGMA user_version") == 1);
  }
  auto database = OpenOrFail(path);
  REQUIRE(Count(*database, "PRAGMA user_version") == 2);
  REQUIRE(Count(*database, "SELECT count(*) FROM people WHERE city IS NULL") == 1);
}

TEST_CASE("those who make the same file at the same time all have it") {
  const TempDir directory;
  std::atomic<int> refused = 0;
  std::mutex mutex;
  std::string why;
  for (int round = 0; round < 40; ++round) {
    const std::string path = directory.File(fmt::format("{}.db", round));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const auto database = OpenWithSchema(path, kSchema, {});
        if (database.ok()) return;
        ++refused;
        const std::lock_guard lock(mutex);
        why = MessageOf(database.status());
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  INFO(why);
  REQUIRE(refused == 0);
}

TEST_CASE("a migration that fails leaves the version it found") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  constexpr std::array<std::string_view, 2> kBroken = {
      kScripts[0], "CREATE TABLE half (id INTEGER); CREATE TABLE people (id INTEGER);"};
  RequireError(OpenWithSchema(path, {kSchema.application_id, kBroken}).status(),
               StatusCode::kInternal, "STORE_FAILED", path);
  auto database = *Database::Open(path, Mode::kReadWrite);
  REQUIRE(Count(*database, "PRAGMA user_version") == 1);
  REQUIRE(Count(*database, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'") == 0);
}

TEST_CASE("a newer file is refused and not changed, whatever its journal") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  {
    auto database = OpenOrFail(path);
  }
  const bool wal = GENERATE(true, false);
  sqlite3* other = nullptr;
  sqlite3_open(path.c_str(), &other);
  if (!wal) sqlite3_exec(other, "PRAGMA journal_mode = DELETE", nullptr, nullptr, nullptr);
  sqlite3_exec(other, "PRAGMA user_version = 3", nullptr, nullptr, nullptr);
  // As a crash leaves it: what was committed last is in the log alone.
  sqlite3_db_config(other, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_close(other);
  const std::string before = BytesOf(path);
  const std::string log_before = BytesOf(path + "-wal");
  REQUIRE(log_before.empty() == !wal);
  RequireError(OpenWithSchema(path, kSchema).status(), StatusCode::kFailedPrecondition,
               "STORE_NEWER_VERSION", path);
  REQUIRE(BytesOf(path) == before);
  REQUIRE(BytesOf(path + "-wal") == log_before);
}

TEST_CASE("a database of another program is refused and not changed") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  sqlite3* other = nullptr;
  sqlite3_open(path.c_str(), &other);
  sqlite3_exec(other, "CREATE TABLE bookmarks (url TEXT)", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  const std::string before = BytesOf(path);
  RequireError(OpenWithSchema(path, kSchema).status(), StatusCode::kFailedPrecondition,
               "STORE_FOREIGN", path);
  REQUIRE(BytesOf(path) == before);
}

TEST_CASE("a file that is no database is refused and not changed") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  const std::string text = GENERATE(std::string("hello"), std::string(10'000, 'x'));
  std::ofstream(path) << text;
  RequireError(OpenWithSchema(path, kSchema).status(), StatusCode::kFailedPrecondition,
               "STORE_NOT_A_DATABASE", path);
  REQUIRE(BytesOf(path) == text);
}

TEST_CASE("a file that cannot be opened: missing directory, a directory, no place for a log") {
  const TempDir directory;
  for (const std::string& path :
       {directory.File("none/a.db"), directory.path().string(), std::string("/proc/a.db")}) {
    const auto database = OpenWithSchema(path, kSchema);
    INFO(MessageOf(database.status()));
    REQUIRE(database.status().code() == StatusCode::kFailedPrecondition);
    REQUIRE(MessageOf(database.status()).find(path) != std::string::npos);
  }
  for (const std::string& path : {std::string(), std::string(":memory:")}) {
    REQUIRE(OpenWithSchema(path, kSchema).status().code() == StatusCode::kFailedPrecondition);
  }
}

TEST_CASE("a read-only file or directory is refused") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  {
    auto database = OpenOrFail(path);
  }
  const bool file = GENERATE(true, false);
  REQUIRE(chmod(path.c_str(), file ? 0444 : 0666) == 0);
  REQUIRE(chmod(directory.path().c_str(), file ? 0777 : 0555) == 0);
  {
    const Unprivileged user;  // root may write anything
    RequireError(OpenWithSchema(path, kSchema).status(), StatusCode::kFailedPrecondition,
                 "STORE_READ_ONLY", path);
    if (!file) {
      RequireError(OpenWithSchema(directory.File("new.db"), kSchema).status(),
                   StatusCode::kFailedPrecondition, "STORE_READ_ONLY", directory.File("new.db"));
    }
  }
  chmod(directory.path().c_str(), 0700);
}

TEST_CASE("a read-only connection reads and does not write") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto writer = OpenOrFail(path);
  RequireOk(writer->Run("INSERT INTO people (name) VALUES ('Ada')"));
  auto reader = *Database::Open(path, Mode::kReadOnly);
  REQUIRE(Count(*reader, "SELECT count(*) FROM people") == 1);
  RequireError(reader->Run("DELETE FROM people"), StatusCode::kUnavailable, "STORE_READ_ONLY",
               path);
  REQUIRE(Database::Open(directory.File("none.db"), Mode::kReadOnly).status().code() ==
          StatusCode::kFailedPrecondition);
}

TEST_CASE("a full disk is an error that names the file, and the transaction is not done") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto database = OpenOrFail(path);
  const std::int64_t pages = Count(*database, "PRAGMA page_count");
  REQUIRE(Count(*database, fmt::format("PRAGMA max_page_count = {}", pages + 2)) == pages + 2);
  auto transaction = Transaction::Begin(*database);
  RequireOk(transaction.status());
  RequireOk(database->Run("INSERT INTO people (name) VALUES ('Ada')"));
  RequireError(database->Run("INSERT INTO people (name) VALUES (?1)", std::string(50'000, 'x')),
               StatusCode::kUnavailable, "STORE_FULL", path);
  REQUIRE(database->TakeFaultOfTheFile());
  transaction->Rollback();
  REQUIRE(Count(*database, "SELECT count(*) FROM people") == 0);
}

TEST_CASE("a locked file is waited for, at most the busy budget") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  DatabaseOptions options;
  options.busy_budget = 100ms;
  auto database = OpenOrFail(path, options);
  auto other = OpenOrFail(path);
  auto held = Transaction::Begin(*other);
  RequireOk(held.status());
  const SteadyTime start = Clock::Real().Now();
  RequireError(Transaction::Begin(*database).status(), StatusCode::kUnavailable, "STORE_LOCKED",
               path);
  const Duration waited = Clock::Real().Now() - start;
  REQUIRE(waited >= 100ms);
  REQUIRE(waited < 5s);
  held->Rollback();
  RequireOk(Transaction::Begin(*database).status());
}

}  // namespace
}  // namespace lockstep::store
