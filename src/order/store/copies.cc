#include "order/store/copies.h"

#include <utility>

#include "common/base/limits.h"
#include "order/store/uuid_bytes.h"

namespace lockstep::order {
namespace {

using store::Blob;
using store::Database;
using store::Statement;

std::int64_t Nanos(WallTime time) { return time.time_since_epoch().count(); }

int Number(CopySource source) { return static_cast<int>(source); }
int Number(CopyOwner owner) { return static_cast<int>(owner); }

Style StyleOf(CopySource source) {
  return source == CopySource::kFeeds ? Style::kReplica : Style::kCommonData;
}

// Accepted, by a version before ?3, judged at ?4 or later; those that arrived from ?2 on.
constexpr std::string_view kMarkOfConsumer =
    "UPDATE orders SET stale = 1 WHERE consumer_id = ?1 AND order_id >= ?2 AND consumer_version < "
    "?3 AND consumer_judge_time >= ?4 AND style = ?5 AND state IN (?6, ?7) AND stale = 0";
constexpr std::string_view kMarkOfRestaurant =
    "UPDATE orders SET stale = 1 WHERE restaurant_id = ?1 AND order_id >= ?2 AND "
    "restaurant_version < ?3 AND restaurant_judge_time >= ?4 AND style = ?5 AND state IN (?6, ?7) "
    "AND stale = 0";

}  // namespace

const char* NameOf(CopyOwner owner) {
  return owner == CopyOwner::kConsumer ? kConsumerPeer : kRestaurantPeer;
}

Status ReadCopies(Database& database, CopyPlace place,
                  const std::function<void(CopyRow row)>& each) {
  Statement row = database.Query(
      "SELECT key, version, problem, payload FROM copy_records WHERE source = ?1 AND "
      "owner = ?2 ORDER BY key",
      Number(place.source), Number(place.owner));
  while (row.Step()) {
    CopyRow read;
    read.key = row.Text(0);
    read.version = row.Int64(1);
    read.problem = row.Text(2);
    read.payload = row.Bytes(3);
    each(std::move(read));
  }
  return row.Finish();
}

Status PutCopy(Database& database, CopyPlace place, const CopyRow& row, WallTime update_time) {
  Status status = database.Run(
      "INSERT INTO copy_records VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET "
      "version = ?4, problem = ?5, payload = ?6",
      Number(place.source), Number(place.owner), row.key, row.version, row.problem,
      Blob{row.payload});
  if (!status.ok()) return status;
  // Later ones are of a database that is no more.
  status = database.Run(
      "DELETE FROM copy_versions WHERE source = ?1 AND owner = ?2 AND key = ?3 AND (version >= ?4 "
      "OR version < ?5)",
      Number(place.source), Number(place.owner), row.key, row.version,
      row.version - limits::kCopyVersionsKept);
  if (!status.ok()) return status;
  return database.Run("INSERT INTO copy_versions VALUES (?1, ?2, ?3, ?4, ?5)", Number(place.source),
                      Number(place.owner), row.key, row.version, Nanos(update_time));
}

Status MarkCopyCorrupt(Database& database, CopyPlace place, std::string_view key,
                       std::string_view problem) {
  return database.Run(
      "INSERT INTO copy_records VALUES (?1, ?2, ?3, 0, ?4, x'') ON CONFLICT DO UPDATE SET "
      "problem = ?4",
      Number(place.source), Number(place.owner), key, problem);
}

Status RemoveCopy(Database& database, CopyPlace place, std::string_view key) {
  for (const std::string_view sql :
       {"DELETE FROM copy_records WHERE source = ?1 AND owner = ?2 AND key = ?3",
        "DELETE FROM copy_versions WHERE source = ?1 AND owner = ?2 AND key = ?3"}) {
    Status status = database.Run(sql, Number(place.source), Number(place.owner), key);
    if (!status.ok()) return status;
  }
  return OkStatus();
}

StatusOr<std::int64_t> MarkStale(Database& database, CopyPlace place, std::string_view key,
                                 std::int64_t version, WallTime update_time) {
  // An order's id tells when it arrived, which is before it was judged, by a call's time at most.
  const std::string from = FirstIdOf(update_time - limits::kCallLimitDefault);
  const Status status = database.Run(
      place.owner == CopyOwner::kConsumer ? kMarkOfConsumer : kMarkOfRestaurant, key, Blob{from},
      version, Nanos(update_time), static_cast<int>(StyleOf(place.source)),
      static_cast<int>(OrderState::kValidated), static_cast<int>(OrderState::kCancelled));
  if (!status.ok()) return status;
  return database.Changes();
}

StatusOr<bool> MarkIfStale(Database& database, const Order& order) {
  if (order.style != Style::kReplica && order.style != Style::kCommonData) return false;
  if (order.state != OrderState::kValidated) return false;
  const CopySource source =
      order.style == Style::kReplica ? CopySource::kFeeds : CopySource::kSharedFile;
  const ConsumerVerdict& consumer = *order.consumer_verdict;
  const MenuVerdict& menu = *order.menu_verdict;
  Statement newer = database.Query(
      "SELECT 1 FROM copy_versions WHERE source = ?1 AND owner = ?2 AND key = ?3 AND version > ?4 "
      "AND update_time <= ?5 UNION ALL "
      "SELECT 1 FROM copy_versions WHERE source = ?1 AND owner = ?6 AND key = ?7 AND version > ?8 "
      "AND update_time <= ?9",
      Number(source), Number(CopyOwner::kConsumer), order.consumer_id, consumer.consumer_version,
      Nanos(consumer.judge_time), Number(CopyOwner::kRestaurant), order.restaurant_id,
      menu.restaurant_version, Nanos(menu.judge_time));
  const bool stale = newer.Step();
  if (Status status = newer.Finish(); !status.ok()) return status;
  if (!stale) return false;
  const Status status = database.Run("UPDATE orders SET stale = 1 WHERE order_id = ?1",
                                     Blob{UuidBytes(order.order_id)});
  if (!status.ok()) return status;
  return true;
}

}  // namespace lockstep::order
