#include "common/store/migrations.h"

#include <fmt/format.h>

#include "common/base/check.h"
#include "common/store/transaction.h"

namespace lockstep::store {
namespace {

StatusOr<int> Version(Database& database) {
  Statement row = database.Prepare("PRAGMA user_version");
  const int version = row.Step() ? row.Int(0) : 0;
  if (Status status = row.Finish(); !status.ok()) return status;
  return version;
}

// One step up from whatever version the file has now; true if it was the last.
StatusOr<bool> StepUp(Database& database, const Schema& schema) {
  const int newest = static_cast<int>(schema.scripts.size());
  StatusOr<int> version = Version(database);
  if (!version.ok()) return version.status();
  if (*version >= newest) return true;
  StatusOr<Transaction> transaction = Transaction::Begin(database);
  if (!transaction.ok()) return transaction.status();
  version = Version(database);  // another process may have done it while we waited for the lock
  if (!version.ok()) return version.status();
  if (*version >= newest) return true;
  const std::string script(schema.scripts[static_cast<std::size_t>(*version)]);
  Status status = database.Execute(script);
  if (status.ok()) {
    status = database.Execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};",
                                          schema.application_id, *version + 1));
  }
  if (status.ok()) status = transaction->Commit();
  if (!status.ok()) return status;
  return false;
}

}  // namespace

StatusOr<std::unique_ptr<Database>> OpenWithSchema(const std::string& path, const Schema& schema,
                                                   DatabaseOptions options) {
  LOCKSTEP_CHECK(schema.application_id != 0);
  options.newest_version = static_cast<int>(schema.scripts.size());
  options.application_id = schema.application_id;
  StatusOr<std::unique_ptr<Database>> database = Database::Open(path, Mode::kReadWrite, options);
  if (!database.ok()) return database;
  for (;;) {
    const StatusOr<bool> done = StepUp(**database, schema);
    if (!done.ok()) return done.status();
    if (*done) return database;
  }
}

}  // namespace lockstep::store
