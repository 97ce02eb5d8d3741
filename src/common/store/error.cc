#include "common/store/error.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/limits.h"

namespace lockstep::store {
namespace {

constexpr std::size_t kSqlShown = 120;  // bytes of a statement in a message

// A code of ours for a code of SQLite's: extended codes, and the errno behind some, say more.
int Refined(int code, int system_errno) {
  const int primary = code & 0xFF;
  if (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN || primary == SQLITE_FULL) {
    if (system_errno == ENOSPC || system_errno == EDQUOT) return SQLITE_FULL;
    const bool forbidden = system_errno == EROFS || system_errno == EACCES || system_errno == EPERM;
    if (forbidden && primary != SQLITE_FULL) return SQLITE_READONLY;
  }
  return primary;
}

Status Cut(StatusCode code, const char* reason, std::string message) {
  return MakeError(code, std::string(reason), std::move(message));
}

}  // namespace

Status SqliteError(sqlite3* connection, int code, const std::string& path, std::string_view doing) {
  const int system_errno = connection != nullptr ? sqlite3_system_errno(connection) : 0;
  const std::string said =
      connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  const std::string cause =
      system_errno != 0 ? fmt::format("{}: {}", said, std::strerror(system_errno)) : said;
  switch (Refined(code, system_errno)) {
    case SQLITE_FULL:
      return Cut(StatusCode::kUnavailable, "STORE_FULL",
                 fmt::format("database {} cannot be written: the disk is full ({})", path, cause));
    case SQLITE_READONLY:
      return Cut(StatusCode::kUnavailable, "STORE_READ_ONLY",
                 fmt::format("database {} cannot be written: the file, its directory or its disk "
                             "is read-only ({})",
                             path, cause));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return Cut(StatusCode::kUnavailable, "STORE_LOCKED",
                 fmt::format("database {} is locked by another process ({})", path, said));
    case SQLITE_IOERR:
      return Cut(StatusCode::kUnavailable, "STORE_IO",
                 fmt::format("database {}: the disk failed ({}, code {})", path, cause, code));
    case SQLITE_NOTADB:
      return Cut(StatusCode::kFailedPrecondition, "STORE_NOT_A_DATABASE",
                 fmt::format("{} is not a database: give another file, or remove it", path));
    case SQLITE_CORRUPT:
      return Cut(StatusCode::kDataLoss, "STORE_CORRUPT",
                 fmt::format("database {} is damaged ({}): restore it from a copy", path, said));
    case SQLITE_CANTOPEN:
      return Cut(StatusCode::kFailedPrecondition, "STORE_FAILED",
                 fmt::format("database {} cannot be opened ({})", path, cause));
    default:
      break;
  }
  const char* const reason =
      (code & 0xFF) == SQLITE_CONSTRAINT ? "STORE_CONSTRAINT" : "STORE_FAILED";
  return Cut(StatusCode::kInternal, reason,
             fmt::format("database {}: {} (code {}) in: {}", path, said, code,
                         doing.substr(0, kSqlShown)));
}

bool IsFaultOfTheFile(int code) {
  switch (code & 0xFF) {
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return true;
    default:
      return false;
  }
}

Status Stopping(const std::string& path) {
  ErrorDetail detail;
  detail.reason = "STOPPING";
  detail.retry_after = limits::kRetryAfterUnreachable;
  return MakeError(StatusCode::kUnavailable, fmt::format("database {} is being closed", path),
                   std::move(detail));
}

Status QueueFull(const std::string& path, std::string_view what, std::size_t queue_max) {
  ErrorDetail detail;
  detail.reason = "STORE_QUEUE_FULL";
  detail.retry_after = limits::kRetryAfterFull;
  return MakeError(StatusCode::kResourceExhausted,
                   fmt::format("{} {} are waiting for database {}", queue_max, what, path),
                   std::move(detail));
}

Status BudgetGone(std::string_view what) {
  return MakeError(
      StatusCode::kDeadlineExceeded, "BUDGET_GONE",
      fmt::format("the budget was gone before the {} was begun; it was not done", what));
}

}  // namespace lockstep::store
