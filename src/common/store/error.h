// What SQLite says went wrong, as a Status that names the file and says what to do. Reasons:
//
//   STORE_FULL, STORE_LOCKED, STORE_IO, STORE_READ_ONLY   UNAVAILABLE: the write is not done
//   STORE_NOT_A_DATABASE, STORE_FOREIGN, STORE_NEWER_VERSION   FAILED_PRECONDITION: the wrong file
//   STORE_CORRUPT                                         DATA_LOSS
//   STORE_CONSTRAINT                                      INTERNAL: expected ones belong in the SQL
//   STORE_FAILED                                          INTERNAL: everything else
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/status.h"

struct sqlite3;

namespace lockstep::store {

// connection may be null (out of memory); doing: what was tried, for the message: an SQL text.
Status SqliteError(sqlite3* connection, int code, const std::string& path, std::string_view doing);

// True if the file, not the question asked of it, is at fault: full, locked, read-only, broken.
bool IsFaultOfTheFile(int code);

// The refusals of the threads that work on a file: STOPPING, STORE_QUEUE_FULL, BUDGET_GONE.
Status Stopping(const std::string& path);
Status QueueFull(const std::string& path, std::string_view what, std::size_t queue_max);
Status BudgetGone(std::string_view what);

}  // namespace lockstep::store
