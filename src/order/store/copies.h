// The copies of what others own, as rows of Order's own file, and the audit of the orders that were
// judged by them. Pure SQL on a connection that the caller owns; every error is a Status.
//
// The audit: an order is stale if its owner had changed the consumer or the restaurant before the
// order was judged, and the change came here later. A change marks the orders that are there
// already (MarkStale), an order is marked as it is written (MarkIfStale); each runs in the
// transaction that writes it, so whichever of the two comes second sees the other, in one process
// or in two.
//
// Times are nanoseconds since 1970. They compare the owner's clock with this one's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/store/database.h"
#include "order/domain/order.h"

namespace lockstep::order {

// source: where the copies come from, and so which style is judged by them. The shared file keeps
// the payloads of its records itself; their rows here have none, and serve the audit.
inline constexpr std::string_view kCopyTables = R"sql(
CREATE TABLE copy_records (
  source INTEGER NOT NULL,             -- CopySource
  owner INTEGER NOT NULL,              -- CopyOwner
  key TEXT NOT NULL,                   -- the id
  version INTEGER NOT NULL,            -- of the record, as its owner counts; 0: not known
  problem TEXT NOT NULL,               -- why it is not to be judged by; empty: it is
  payload BLOB NOT NULL,               -- the message, as it came
  PRIMARY KEY (source, owner, key)
) WITHOUT ROWID;
CREATE TABLE copy_versions (           -- the last ones of each record, for orders on their way
  source INTEGER NOT NULL,
  owner INTEGER NOT NULL,
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  update_time INTEGER NOT NULL,        -- when the owner made that version
  PRIMARY KEY (source, owner, key, version)
) WITHOUT ROWID;
)sql";

// Numbered as they are stored.
enum class CopySource : int { kFeeds = 0, kSharedFile = 1 };
enum class CopyOwner : int { kConsumer = 0, kRestaurant = 1 };

// The names of the peers: "consumer", "restaurant".
const char* NameOf(CopyOwner owner);

struct CopyPlace {
  CopySource source;
  CopyOwner owner;
};

struct CopyRow {
  std::string key;
  std::int64_t version = 0;
  std::string problem;
  std::string payload;
};

// All of them, ordered by key.
Status ReadCopies(store::Database& database, CopyPlace place,
                  const std::function<void(CopyRow row)>& each);

// Within a transaction, as all below. Adds it or takes the place of the one there was. update_time:
// when its owner made that version.
Status PutCopy(store::Database& database, CopyPlace place, const CopyRow& row,
               WallTime update_time);
// Keeps version and payload of the one there was, if any.
Status MarkCopyCorrupt(store::Database& database, CopyPlace place, std::string_view key,
                       std::string_view problem);
Status RemoveCopy(store::Database& database, CopyPlace place, std::string_view key);

// A change to that version, made at that time, has come: marks the orders of the style that were
// accepted by an older one after that time. How many.
StatusOr<std::int64_t> MarkStale(store::Database& database, CopyPlace place, std::string_view key,
                                 std::int64_t version, WallTime update_time);
// The order has just been inserted: marks it if it was accepted although a change that it should
// have been judged by is here already. Whether it did; never for styles that copies have no part
// in.
StatusOr<bool> MarkIfStale(store::Database& database, const Order& order);

}  // namespace lockstep::order
