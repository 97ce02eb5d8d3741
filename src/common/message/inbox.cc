#include "common/message/inbox.h"

namespace lockstep::message {

StatusOr<bool> EnterIntoInbox(store::Database& database, std::string_view message_id,
                              WallTime now) {
  Status status = database.Run(
      "INSERT INTO inbox (message_id, heard_time) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
      message_id, now.time_since_epoch().count());
  if (!status.ok()) return status;
  return database.Changes() > 0;
}

StatusOr<bool> IsInInbox(store::Database& database, std::string_view message_id) {
  store::Statement row = database.Query("SELECT 1 FROM inbox WHERE message_id = ?1", message_id);
  const bool there = row.Step();
  if (Status status = row.Finish(); !status.ok()) return status;
  return there;
}

}  // namespace lockstep::message
