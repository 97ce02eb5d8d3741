// One connection to a SQLite file: WAL, synchronous=FULL, foreign keys, no automatic checkpoints
// (checkpointer.h makes them), cached statements. Waiting for another connection's lock is ours:
// random sleeps of 0.2 to 0.5 ms until the busy budget is gone, because the stepped sleeps of
// busy_timeout starve one of two writers.
//
// Threads: one at a time. Invariant: a file that is not opened (no database, another program's,
// of a newer version) is left byte for byte as it was.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/store/statement.h"

struct sqlite3;

namespace lockstep::store {

enum class Mode { kReadWrite, kReadOnly };

// What a commit waits for. Everything but kFull loses acknowledged writes when the power fails, and
// exists to be measured against.
enum class Durability { kFull, kNormal, kOff };

struct DatabaseOptions {
  Durability durability = Durability::kFull;
  Duration busy_budget = limits::kBusyBudget;            // waiting for a lock
  int cache_kibibytes = limits::kStoreCacheKibibytes;    // pages in memory, of this connection
  int newest_version = std::numeric_limits<int>::max();  // of the schema; above it: refused
  std::int32_t application_id = 0;  // what the file must carry, unless it is new; 0: anything
};

class Database {
 public:
  // Opens the file; kReadWrite creates it if it is not there. The errors of error.h, FAILED_
  // PRECONDITION if the file is not ours to use.
  static StatusOr<std::unique_ptr<Database>> Open(const std::string& path, Mode mode,
                                                  const DatabaseOptions& options = {});
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // One statement, kept prepared for the next time. Its error, if any, is in it.
  Statement Prepare(std::string_view sql);

  // The same with ?1, ?2, … bound.
  template <typename... Values>
  Statement Query(std::string_view sql, const Values&... values) {
    return Bound(sql, Statement::Lifetime::kCopied, values...);
  }

  // The same, run to its end: for a statement of which nobody reads rows.
  template <typename... Values>
  [[nodiscard]] Status Run(std::string_view sql, const Values&... values) {
    Statement statement = Bound(sql, Statement::Lifetime::kOutlivesTheStatement, values...);
    while (statement.Step()) {
    }
    return statement.Finish();
  }

  // Several statements, not kept: for schemas.
  [[nodiscard]] Status Execute(const std::string& script);

  // Rows that the last INSERT, UPDATE or DELETE changed, and the rowid of the last INSERT.
  std::int64_t Changes() const;
  std::int64_t LastRowId() const;

  const std::string& path() const { return path_; }
  int cached_statements() const { return static_cast<int>(statements_.size()); }

  // --- for the store's own parts

  sqlite3* connection() const { return connection_; }
  bool InTransaction() const;
  // Pages that commits have written so far, to tell one that wrote from one that did not.
  int PagesWritten() const;
  // The first error that a Statement ended with and nobody fetched, since it was last taken.
  Status TakeOverlooked();
  // An error if a Transaction is open that SQLite has rolled back by itself, as it does after some
  // errors.
  Status CheckTransaction() const;
  // True if a statement has failed through the fault of the file since it was last taken.
  bool TakeFaultOfTheFile();

 private:
  friend class Statement;
  friend class Transaction;

  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  struct Cached {
    sqlite3_stmt* statement = nullptr;
    bool in_use = false;
  };

  Database(std::string path, const DatabaseOptions& options);
  Status OpenFile(Mode mode);
  Status CheckFile(Mode mode);  // changes nothing
  Status Configure(Mode mode);
  Status KeepLog();
  static int WaitForLock(void* self, int tries) noexcept;

  template <typename... Values>
  Statement Bound(std::string_view sql, [[maybe_unused]] Statement::Lifetime lifetime,
                  const Values&... values) {
    Statement statement = Prepare(sql);
    statement.ExpectParameters(static_cast<int>(sizeof...(Values)));
    int index = 0;
    (statement.BindAny(++index, values, lifetime), ...);
    return statement;
  }

  Status Failed(int code, std::string_view doing);
  void KeepOverlooked(const Status& status);

  const std::string path_;
  const DatabaseOptions options_;
  sqlite3* connection_ = nullptr;
  std::unordered_map<std::string, Cached, TextHash, std::equal_to<>> statements_;
  SteadyTime lock_wanted_since_;
  bool transaction_open_ = false;  // a Transaction lives
  bool fault_of_the_file_ = false;
  Status overlooked_;
};

}  // namespace lockstep::store
