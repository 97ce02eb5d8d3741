#include "consumer/store/consumer_table.h"

#include <array>
#include <cstdint>
#include <string_view>

#include "common/message/tables.h"

namespace lockstep::consumer {
namespace {

using store::Database;
using store::Statement;

// Times are nanoseconds since 1970, amounts are billionths of a unit. Scripts are only ever added.
constexpr std::string_view kRecords = R"sql(
CREATE TABLE consumers (
  consumer_id TEXT NOT NULL PRIMARY KEY,
  display_name TEXT NOT NULL,
  state INTEGER NOT NULL,
  limit_currency TEXT NOT NULL,
  limit_nanos INTEGER NOT NULL,
  version INTEGER NOT NULL,
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";
// The amounts of an account are in its currency. What they come to is kept beside it, so that a
// command reads one row; the ledger says how it came to be so, and is only ever added to.
constexpr std::string_view kAccounts = R"sql(
CREATE TABLE accounts (
  consumer_id TEXT NOT NULL PRIMARY KEY REFERENCES consumers,
  currency TEXT NOT NULL,
  credit_limit INTEGER NOT NULL,
  balance INTEGER NOT NULL,             -- put in, less captured
  held INTEGER NOT NULL CHECK (held >= 0),
  points INTEGER NOT NULL,
  payments INTEGER NOT NULL,            -- not voided
  paid INTEGER NOT NULL,                -- what those come to
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL,
  CHECK (balance - held + credit_limit >= 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE deposits (
  deposit_id TEXT NOT NULL PRIMARY KEY,
  consumer_id TEXT NOT NULL REFERENCES accounts,
  currency TEXT NOT NULL,
  amount INTEGER NOT NULL,
  time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE payments (
  order_id TEXT NOT NULL PRIMARY KEY,
  consumer_id TEXT NOT NULL,
  currency TEXT NOT NULL,               -- empty: voided before it came
  amount INTEGER NOT NULL,
  state INTEGER NOT NULL,               -- 1 authorized, 2 captured, 3 voided
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL,
  capture_time INTEGER                  -- NULL: never captured
) STRICT, WITHOUT ROWID;
CREATE INDEX payments_of_consumer ON payments (consumer_id, create_time) WHERE currency <> '';
CREATE INDEX payments_undone ON payments (update_time) WHERE currency = '';
CREATE TABLE awards (
  order_id TEXT NOT NULL PRIMARY KEY,
  consumer_id TEXT NOT NULL,
  points INTEGER NOT NULL,
  revoked INTEGER NOT NULL,
  update_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX awards_undone ON awards (update_time) WHERE revoked AND points = 0;
CREATE TABLE ledger (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  movement TEXT NOT NULL,               -- 'capture ORDER': its entries add up to zero
  ledger_account TEXT NOT NULL,         -- 'consumer:ID:held', 'sales'
  unit TEXT NOT NULL,                   -- a currency, or 'points'
  amount INTEGER NOT NULL,
  time INTEGER NOT NULL
) STRICT;
)sql";
constexpr std::array<std::string_view, 5> kScripts = {
    kRecords, message::kMessageTables, message::kFeedTables, message::kFeedTable, kAccounts};

constexpr std::string_view kWrite =
    "INSERT INTO consumers (consumer_id, display_name, state, limit_currency, limit_nanos, "
    "version, "
    "create_time, update_time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
    "ON CONFLICT (consumer_id) DO UPDATE SET display_name = excluded.display_name, "
    "state = excluded.state, limit_currency = excluded.limit_currency, "
    "limit_nanos = excluded.limit_nanos, version = excluded.version, "
    "update_time = excluded.update_time";

std::int64_t Nanos(WallTime time) { return time.time_since_epoch().count(); }

}  // namespace

const store::Schema ConsumerTable::kSchema{0x4C4B5343, kScripts};  // "LKSC"

Consumer ConsumerTable::RecordOf(const Statement& row) {
  Consumer consumer;
  consumer.consumer_id = row.Text(0);
  consumer.display_name = row.Text(1);
  consumer.state = static_cast<State>(row.Int(2));
  consumer.order_limit = Money::FromTotalNanos(std::string(row.Text(3)), row.Int64(4));
  consumer.version = row.Int64(5);
  consumer.create_time = WallTime(Duration(row.Int64(6)));
  consumer.update_time = WallTime(Duration(row.Int64(7)));
  return consumer;
}

Status ConsumerTable::Write(Database& database, const Consumer* /*before*/, const Consumer& after) {
  return database.Run(kWrite, after.consumer_id, after.display_name, static_cast<int>(after.state),
                      after.order_limit.currency_code(), after.order_limit.total_nanos(),
                      after.version, Nanos(after.create_time), Nanos(after.update_time));
}

}  // namespace lockstep::consumer
