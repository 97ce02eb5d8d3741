#include "common/message/feed_table.h"

#include <memory>
#include <utility>

#include "common/base/log.h"
#include "common/rpc/proto_values.h"

namespace lockstep::message {
namespace {

std::int64_t Nanos(WallTime time) { return time.time_since_epoch().count(); }

// The number of the last change up to one; where that is trimmed, up to where it is.
StatusOr<std::int64_t> LastUpTo(store::Database& database, std::int64_t number) {
  store::Statement last = database.Query(
      "SELECT number FROM feed WHERE number <= ?1 ORDER BY number DESC LIMIT 1", number);
  const bool found = last.Step();
  const std::int64_t value = found ? last.Int64(0) : 0;
  if (Status status = last.Finish(); !status.ok()) return status;
  if (found) return value;
  const StatusOr<FeedIdentity> identity = ReadFeedIdentity(database);
  if (!identity.ok()) return identity.status();
  return identity->trimmed_up_to;
}

}  // namespace

StatusOr<FeedIdentity> ReadFeedIdentity(store::Database& database) {
  store::Statement row = database.Query("SELECT feed_id, trimmed_up_to FROM feed_identity");
  FeedIdentity identity;
  if (row.Step()) identity = {std::string(row.Text(0)), row.Int64(1)};
  if (Status status = row.Finish(); !status.ok()) return status;
  if (!identity.feed_id.empty()) return identity;
  return MakeError(StatusCode::kInternal, "FEED_IDENTITY_MISSING",
                   "the table feed_identity of " + database.path() +
                       " has no row; restore the file from a backup");
}

Status AppendToFeed(store::Database& database, std::string_view type, std::string_view key,
                    std::string_view payload, WallTime now) {
  return database.Run("INSERT INTO feed (type, key, time, payload) VALUES (?1, ?2, ?3, ?4)", type,
                      key, Nanos(now), store::Blob{payload});
}

StatusOr<std::int64_t> FeedTable::Head(store::Database& database) const {
  return LastUpTo(database, std::numeric_limits<std::int64_t>::max());
}

Status FeedTable::Read(store::Database& database, std::int64_t after, int count_max,
                       std::size_t bytes_max, std::vector<v1::Change>& changes) const {
  store::Statement row = database.Query(
      "SELECT number, type, key, time, payload FROM feed WHERE number > ?1 ORDER BY number LIMIT "
      "?2",
      after, count_max);
  std::size_t bytes = 0;
  while (bytes < bytes_max && row.Step()) {
    v1::Change& change = changes.emplace_back();
    change.set_number(row.Int64(0));
    change.set_type(std::string(row.Text(1)));
    change.set_key(std::string(row.Text(2)));
    rpc::SetTime(WallTime(Duration(row.Int64(3))), change.mutable_time());
    change.set_payload(std::string(row.Bytes(4)));
    if (changes.size() > 1) change.set_previous(changes[changes.size() - 2].number());
    bytes += change.payload().size() + change.key().size() + change.type().size();
  }
  if (Status status = row.Finish(); !status.ok()) return status;
  if (changes.empty()) return OkStatus();
  const StatusOr<std::int64_t> previous = LastUpTo(database, changes.front().number() - 1);
  if (!previous.ok()) return previous.status();
  changes.front().set_previous(*previous);
  return OkStatus();
}

StatusOr<int> TrimFeed(store::Database& database, WallTime before, int count_max) {
  std::int64_t last = 0;
  int count = 0;
  store::Statement row =
      database.Query("SELECT number, time FROM feed ORDER BY number LIMIT ?1", count_max);
  while (row.Step() && row.Int64(1) < Nanos(before)) {
    last = row.Int64(0);
    ++count;
  }
  if (Status status = row.Finish(); !status.ok()) return status;
  if (count == 0) return 0;
  if (Status status = database.Run("DELETE FROM feed WHERE number <= ?1", last); !status.ok()) {
    return status;
  }
  if (Status status = database.Run("UPDATE feed_identity SET trimmed_up_to = ?1", last);
      !status.ok()) {
    return status;
  }
  return count;
}

void FeedTrimmer::Tick(WallTime now) {
  if (!trimming_.exchange(true)) TrimBatch(now - retention_);
}

void FeedTrimmer::TrimBatch(WallTime before) {
  const auto removed = std::make_shared<int>(0);
  file_.writer().Submit(
      [before, removed](store::Database& database) {
        const StatusOr<int> count = TrimFeed(database, before, limits::kPurgeBatchRows);
        if (count.ok()) *removed = *count;
        return count.status();
      },
      Deadline::Never(),
      [this, before, removed](const store::CommitResult& result) {
        if (!result.status.ok()) {
          log::Warning("feed_trim_failed", {{"message", MessageOf(result.status)}});
        } else if (*removed == limits::kPurgeBatchRows) {
          TrimBatch(before);  // there may be more
          return;
        }
        trimming_ = false;
      });
}

}  // namespace lockstep::message
