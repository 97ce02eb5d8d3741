#include "common/message/relay_rows.h"

#include <algorithm>

namespace lockstep::message {
namespace {

using store::Database;
using store::Statement;

std::int64_t Nanos(WallTime time) { return time.time_since_epoch().count(); }

// Sent rows up to this sequence are gone; one that waited longer goes as soon as it is sent.
StatusOr<std::int64_t> PurgedUpTo(Database& database) {
  Statement row = database.Prepare("SELECT up_to FROM outbox_purged");
  const std::int64_t up_to = row.Step() ? row.Int64(0) : 0;
  if (Status status = row.Finish(); !status.ok()) return status;
  return up_to;
}

}  // namespace

StatusOr<std::string> NextDestination(Database& database, std::string_view after) {
  Statement row = database.Query(
      "SELECT destination FROM outbox_waiting WHERE destination > ?1 ORDER BY destination LIMIT 1",
      after);
  std::string destination = row.Step() ? std::string(row.Text(0)) : std::string();
  if (Status status = row.Finish(); !status.ok()) return status;
  return destination;
}

StatusOr<bool> SomethingWaits(Database& database, std::string_view destination) {
  Statement row =
      database.Query("SELECT 1 FROM outbox_waiting WHERE destination = ?1 LIMIT 1", destination);
  const bool waits = row.Step();
  if (Status status = row.Finish(); !status.ok()) return status;
  return waits;
}

StatusOr<bool> ReadWaiting(Database& database, std::string_view destination, std::int64_t after,
                           int count_max, const std::function<bool(const WaitingRow&)>& look) {
  Statement row = database.Query(
      "SELECT waits.sequence, key, attempts, due_time, envelope FROM outbox_waiting AS waits "
      "CROSS JOIN outbox ON outbox.sequence = waits.sequence "
      "WHERE waits.destination = ?1 AND waits.sequence > ?2 ORDER BY waits.sequence LIMIT ?3",
      destination, after, count_max);
  int count = 0;
  bool goes_on = true;
  while (goes_on && row.Step()) {
    ++count;
    goes_on = look(
        {row.Int64(0), row.Text(1), row.Int(2), WallTime(Duration(row.Int64(3))), row.Bytes(4)});
  }
  if (Status status = row.Finish(); !status.ok()) return status;
  return goes_on && count < count_max;
}

namespace {

// Those from first to last wait no longer.
Status EndWaiting(Database& database, std::string_view destination, std::int64_t first,
                  std::int64_t last) {
  return database.Run(
      "DELETE FROM outbox_waiting WHERE destination = ?1 AND sequence BETWEEN ?2 AND ?3",
      destination, first, last);
}

Status WriteSent(Database& database, std::string_view destination,
                 const std::vector<std::int64_t>& sent) {
  const StatusOr<std::int64_t> purged = PurgedUpTo(database);
  if (!purged.ok()) return purged.status();
  // Neighbours at once: mostly a few statements for a whole batch.
  for (std::size_t begin = 0, end = 0; begin < sent.size(); begin = end) {
    for (end = begin + 1; end < sent.size() && sent[end] == sent[end - 1] + 1;) ++end;
    Status status = EndWaiting(database, destination, sent[begin], sent[end - 1]);
    if (status.ok() && sent[begin] <= *purged) {
      status = database.Run("DELETE FROM outbox WHERE sequence BETWEEN ?1 AND ?2", sent[begin],
                            std::min(sent[end - 1], *purged));
    }
    if (!status.ok()) return status;
  }
  return OkStatus();
}

Status WriteTried(Database& database, std::string_view destination, const Marks::Tried& tried) {
  return database.Run(
      "UPDATE outbox_waiting SET attempts = ?1, due_time = ?2, error = ?3 "
      "WHERE destination = ?4 AND sequence = ?5",
      tried.attempts, Nanos(tried.due), tried.error, destination, tried.sequence);
}

Status WriteDead(Database& database, std::string_view destination, const Marks::Tried& dead,
                 WallTime now) {
  // Somebody else may have sent it meanwhile.
  Status status = EndWaiting(database, destination, dead.sequence, dead.sequence);
  if (!status.ok() || database.Changes() == 0) return status;
  status = database.Run(
      "INSERT INTO dead_letters (message_id, destination, envelope, write_time, attempts, error, "
      "dead_time) SELECT message_id, destination, envelope, write_time, ?1, ?2, ?3 FROM outbox "
      "WHERE sequence = ?4 ON CONFLICT (message_id) DO NOTHING",
      dead.attempts, dead.error, Nanos(now), dead.sequence);
  if (!status.ok()) return status;
  return database.Run("DELETE FROM outbox WHERE sequence = ?1", dead.sequence);
}

}  // namespace

Status WriteMarks(Database& database, std::string_view destination, const Marks& marks,
                  WallTime now) {
  Status status = WriteSent(database, destination, marks.sent);
  if (!status.ok()) return status;
  for (const Marks::Tried& tried : marks.tried) {
    if (status = WriteTried(database, destination, tried); !status.ok()) return status;
  }
  for (const Marks::Tried& dead : marks.dead) {
    if (status = WriteDead(database, destination, dead, now); !status.ok()) return status;
  }
  return OkStatus();
}

StatusOr<Lease> ReadLease(Database& database, std::string_view destination) {
  Statement row =
      database.Query("SELECT holder, until FROM relay_leases WHERE destination = ?1", destination);
  Lease lease;
  if (row.Step()) lease = {std::string(row.Text(0)), WallTime(Duration(row.Int64(1)))};
  if (Status status = row.Finish(); !status.ok()) return status;
  return lease;
}

StatusOr<bool> TakeLease(Database& database, std::string_view destination, std::string_view holder,
                         WallTime now, WallTime until) {
  Status status = database.Run(
      "INSERT INTO relay_leases (destination, holder, until) VALUES (?1, ?2, ?3) "
      "ON CONFLICT (destination) DO UPDATE SET holder = excluded.holder, until = excluded.until "
      "WHERE holder = excluded.holder OR until <= ?4",
      destination, holder, Nanos(until), Nanos(now));
  if (!status.ok()) return status;
  return database.Changes() > 0;
}

Status GiveLeasesBack(Database& database, std::string_view holder) {
  return database.Run("DELETE FROM relay_leases WHERE holder = ?1", holder);
}

StatusOr<bool> SomethingToPurge(Database& database, WallTime older_than) {
  // One row of each is enough to know: the next one of the outbox that is not purged, and the
  // oldest of the inbox.
  Statement row = database.Query(
      "SELECT EXISTS (SELECT 1 FROM inbox WHERE heard_time <= ?1) OR coalesce((SELECT write_time "
      "<= ?1 FROM outbox WHERE sequence > (SELECT up_to FROM outbox_purged) ORDER BY sequence "
      "LIMIT 1), FALSE)",
      Nanos(older_than));
  const bool something = row.Step() && row.Bool(0);
  if (Status status = row.Finish(); !status.ok()) return status;
  return something;
}

StatusOr<bool> Purge(Database& database, WallTime older_than, int count_max) {
  Status status = database.Run(
      "DELETE FROM inbox WHERE message_id IN (SELECT message_id FROM inbox WHERE heard_time <= ?1 "
      "ORDER BY heard_time LIMIT ?2)",
      Nanos(older_than), count_max);
  if (!status.ok()) return status;
  const bool inbox_full = database.Changes() >= count_max;

  const StatusOr<std::int64_t> purged = PurgedUpTo(database);
  if (!purged.ok()) return purged.status();
  // Up to the first that is too young; what waits is passed over, and goes when it is sent.
  std::int64_t up_to = *purged;
  int seen = 0;
  Statement row = database.Query(
      "SELECT sequence, write_time FROM outbox WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
      up_to, count_max);
  while (row.Step() && row.Int64(1) <= Nanos(older_than)) {
    up_to = row.Int64(0);
    ++seen;
  }
  if (status = row.Finish(); !status.ok()) return status;
  if (seen == 0) return inbox_full;
  status = database.Run(
      "DELETE FROM outbox WHERE sequence > ?1 AND sequence <= ?2 AND NOT EXISTS (SELECT 1 FROM "
      "outbox_waiting AS waits WHERE waits.destination = outbox.destination AND waits.sequence = "
      "outbox.sequence)",
      *purged, up_to);
  if (status.ok()) status = database.Run("UPDATE outbox_purged SET up_to = ?1", up_to);
  if (!status.ok()) return status;
  return inbox_full || seen >= count_max;
}

}  // namespace lockstep::message
