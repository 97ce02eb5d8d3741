#include "common/store/database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <thread>
#include <utility>

#include "common/store/error.h"

namespace lockstep::store {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view Pragma(Durability durability) {
  switch (durability) {
    case Durability::kFull:
      return "FULL";
    case Durability::kNormal:
      return "NORMAL";
    case Durability::kOff:
      return "OFF";
  }
  return "FULL";
}

// At open, what cannot be written is the wrong file to give, not a passing trouble.
Status AtOpen(Status status) {
  if (DetailOf(status).reason != "STORE_READ_ONLY") return status;
  return MakeError(StatusCode::kFailedPrecondition, MessageOf(status), DetailOf(status));
}

// True if a new file may not be put there. SQLite does not say: it tries to create the file, then
// to open it for reading, and reports what became of the latter.
bool CannotCreate(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) return errno == EACCES || errno == EROFS || errno == EPERM;
  ::close(file);
  ::unlink(path.c_str());
  return false;
}

}  // namespace

Database::Database(std::string path, const DatabaseOptions& options)
    : path_(std::move(path)), options_(options) {}

Database::~Database() {
  for (const auto& [sql, cached] : statements_) sqlite3_finalize(cached.statement);
  sqlite3_close_v2(connection_);
}

StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path, Mode mode,
                                                   const DatabaseOptions& options) {
  // Counting allocations costs a lock on each; nobody reads the counts. Refused, and harmless,
  // where SQLite is already in use.
  static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)configured;
  std::unique_ptr<Database> database(new Database(path, options));
  Status status = database->OpenFile(mode);
  if (status.ok()) status = database->CheckFile(mode);
  if (status.ok()) status = database->Configure(mode);
  if (!status.ok()) return AtOpen(std::move(status));
  return database;
}

Status Database::OpenFile(Mode mode) {
  const int access =
      mode == Mode::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(path_.c_str(), &connection_,
                                   access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (code == SQLITE_CANTOPEN && mode == Mode::kReadWrite && CannotCreate(path_)) {
    return Failed(SQLITE_READONLY, "open");
  }
  if (code != SQLITE_OK) return Failed(code, "open");
  sqlite3_busy_handler(connection_, &Database::WaitForLock, this);
  // Until the file has been checked, closing it must not fold its log into it.
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return OkStatus();
}

Status Database::CheckFile(Mode mode) {
  // All as of one moment: another process may be making the file just now.
  Statement row = Prepare(
      "SELECT (SELECT count(*) FROM sqlite_schema), user_version, application_id FROM "
      "pragma_user_version, pragma_application_id");
  const bool read = row.Step();
  const int objects = read ? row.Int(0) : 0;
  const int version = read ? row.Int(1) : 0;
  const int application_id = read ? row.Int(2) : 0;
  if (Status status = row.Finish(); !status.ok()) return status;
  const bool is_new = objects == 0 && version == 0 && application_id == 0;
  if (options_.application_id != 0 && !is_new && application_id != options_.application_id) {
    return MakeError(
        StatusCode::kFailedPrecondition, "STORE_FOREIGN",
        fmt::format("{} is a database, but of another program: give another file", path_));
  }
  if (version > options_.newest_version) {
    return MakeError(StatusCode::kFailedPrecondition, "STORE_NEWER_VERSION",
                     fmt::format("database {} has schema version {}, this program knows versions "
                                 "up to {}: use a newer program, or give another file",
                                 path_, version, options_.newest_version));
  }
  if (mode == Mode::kReadWrite && sqlite3_db_readonly(connection_, "main") == 1) {
    return Failed(SQLITE_READONLY, "open");
  }
  return OkStatus();
}

Status Database::Configure(Mode mode) {
  Status status = Execute(fmt::format("PRAGMA cache_size = -{}; PRAGMA temp_store = MEMORY;",
                                      options_.cache_kibibytes));
  if (!status.ok()) return status;
  if (mode == Mode::kReadOnly) return Execute("PRAGMA query_only = ON");
  if (status = KeepLog(); !status.ok()) return status;
  status = Execute(
      fmt::format("PRAGMA synchronous = {}; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = "
                  "0; PRAGMA journal_size_limit = {};",
                  Pragma(options_.durability), limits::kWalBytesMax));
  if (!status.ok()) return status;
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  return OkStatus();
}

Status Database::KeepLog() {
  std::string journal;
  for (int tries = 0;; ++tries) {
    Statement row = Prepare("PRAGMA journal_mode = WAL");
    if (row.Step()) journal = row.Text(0);
    const Status status = row.Finish();
    if (status.ok()) break;
    // For this one lock SQLite asks no busy handler: where two processes make the file, one waits.
    if (DetailOf(status).reason != "STORE_LOCKED" || WaitForLock(this, tries) == 0) return status;
  }
  if (journal == "wal") return OkStatus();
  return MakeError(StatusCode::kFailedPrecondition, "STORE_FAILED",
                   fmt::format("database {} cannot keep a write-ahead log (it has \"{}\"): put "
                               "it on a local disk",
                               path_, journal));
}

int Database::WaitForLock(void* self, int tries) noexcept {
  auto& database = *static_cast<Database*>(self);
  const SteadyTime now = Clock::Real().Now();
  if (tries == 0) database.lock_wanted_since_ = now;
  if (now - database.lock_wanted_since_ >= database.options_.busy_budget) return 0;
  thread_local std::minstd_rand engine{std::random_device()()};
  std::this_thread::sleep_for(
      std::chrono::microseconds(std::uniform_int_distribution(200, 500)(engine)));
  return 1;
}

Statement Database::Prepare(std::string_view sql) {
  auto place = statements_.find(sql);
  if (place != statements_.end() && !place->second.in_use) {
    place->second.in_use = true;
    return Statement(*this, place->second.statement, &place->second.in_use, OkStatus());
  }
  // A statement that is being stepped through while it is asked for again gets a twin of its own.
  const bool keep =
      place == statements_.end() && cached_statements() < limits::kCachedStatementsMax;
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()),
                                      keep ? SQLITE_PREPARE_PERSISTENT : 0, &statement, nullptr);
  if (code != SQLITE_OK) return Statement(*this, nullptr, nullptr, Failed(code, sql));
  if (!keep) return Statement(*this, statement, nullptr, OkStatus());
  place = statements_.emplace(std::string(sql), Cached{statement, true}).first;
  return Statement(*this, statement, &place->second.in_use, OkStatus());
}

Status Database::Execute(const std::string& script) {
  const int code = sqlite3_exec(connection_, script.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? OkStatus() : Failed(code, script);
}

std::int64_t Database::Changes() const { return sqlite3_changes64(connection_); }
std::int64_t Database::LastRowId() const { return sqlite3_last_insert_rowid(connection_); }
bool Database::InTransaction() const { return sqlite3_get_autocommit(connection_) == 0; }

int Database::PagesWritten() const {
  int pages = 0;
  int unused = 0;
  sqlite3_db_status(connection_, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &unused, 0);
  return pages;
}

Status Database::TakeOverlooked() { return std::exchange(overlooked_, OkStatus()); }
bool Database::TakeFaultOfTheFile() { return std::exchange(fault_of_the_file_, false); }

Status Database::Failed(int code, std::string_view doing) {
  if (IsFaultOfTheFile(code)) fault_of_the_file_ = true;
  return SqliteError(connection_, code, path_, doing);
}

void Database::KeepOverlooked(const Status& status) {
  if (overlooked_.ok()) overlooked_ = status;
}

Status Database::CheckTransaction() const {
  if (!transaction_open_ || InTransaction()) return OkStatus();
  return MakeError(
      StatusCode::kUnavailable, "STORE_FAILED",
      fmt::format("database {}: the transaction was rolled back after an error in it", path_));
}

}  // namespace lockstep::store
