#include "order/store/schema.h"

#include <array>
#include <string_view>

#include "common/message/tables.h"
#include "order/store/copies.h"

namespace lockstep::order {
namespace {

// order_id is the 16 bytes of a UUIDv7, so the tables and their indexes grow at their ends. A
// verdict's ids, and the lines and total of Restaurant's, are those of the order: a verdict that
// says otherwise is not believed and not kept.
//
// A request id is kept for a time only, beside the order, which stays; what is too old is found by
// walking the orders in their order of time, from request_ids_purged on, so that no index of times
// has to be kept.
constexpr std::string_view kVersion1 = R"sql(
CREATE TABLE orders (
  order_id BLOB NOT NULL PRIMARY KEY,
  request_id TEXT NOT NULL,
  consumer_id TEXT NOT NULL,
  restaurant_id TEXT NOT NULL,
  street TEXT NOT NULL,
  city TEXT NOT NULL,
  postal_code TEXT NOT NULL,
  state INTEGER NOT NULL,             -- OrderState
  style INTEGER NOT NULL,             -- Style
  currency TEXT,                      -- of the total and of the lines; NULL: not priced
  total INTEGER,
  rejection_reasons TEXT NOT NULL,    -- one a line
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL,
  consumer_accepted INTEGER,          -- NULL: Consumer's verdict is not known; as the four below
  consumer_limit_currency TEXT,
  consumer_limit INTEGER,
  consumer_version INTEGER,
  consumer_judge_time INTEGER,
  consumer_node TEXT,
  restaurant_accepted INTEGER,        -- NULL: Restaurant's verdict is not known; as the three below
  restaurant_version INTEGER,
  restaurant_judge_time INTEGER,
  restaurant_node TEXT
) WITHOUT ROWID;
CREATE INDEX orders_of_consumer ON orders (consumer_id, order_id);
CREATE INDEX orders_of_restaurant ON orders (restaurant_id, order_id);
CREATE TABLE order_lines (
  order_id BLOB NOT NULL REFERENCES orders,
  line INTEGER NOT NULL,              -- from 0
  menu_item_id TEXT NOT NULL,
  display_name TEXT NOT NULL,
  quantity INTEGER NOT NULL,
  unit_price INTEGER NOT NULL,
  price INTEGER NOT NULL,
  PRIMARY KEY (order_id, line)
) WITHOUT ROWID;
CREATE TABLE order_refusals (
  order_id BLOB NOT NULL REFERENCES orders,
  of_restaurant INTEGER NOT NULL,     -- 0: Consumer's
  number INTEGER NOT NULL,            -- from 0, as the verdict has them
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  menu_item_id TEXT NOT NULL,
  PRIMARY KEY (order_id, of_restaurant, number)
) WITHOUT ROWID;
CREATE TABLE request_ids (
  request_id TEXT NOT NULL PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  -- It is written before its order, so that a repeated one is found before anything is. No foreign
  -- key: with a reference that is open until then, SQLite reads this whole table for each order.
  order_id BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE request_ids_purged (
  only INTEGER NOT NULL PRIMARY KEY CHECK (only = 0),
  up_to BLOB NOT NULL                 -- the request ids of orders up to this one are gone
);
INSERT INTO request_ids_purged VALUES (0, zeroblob(16));
)sql";

// state_changes: each state with its time, "0:1700000000000000000 1:…"; empty in orders of
// version 1. The index is that of the orders which somebody still has to decide, few among many.
//
// order_feed numbers the changes of orders for those who follow them; what a change says is read
// from the order. Its last row is never trimmed, so no number comes twice. replies: who wants the
// outcome of an order as a message.
constexpr std::string_view kVersion2 = R"sql(
ALTER TABLE orders ADD COLUMN state_changes TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN stale INTEGER NOT NULL DEFAULT 0;
CREATE INDEX orders_pending ON orders (order_id) WHERE state = 0;
CREATE TABLE order_feed (
  number INTEGER PRIMARY KEY,
  order_id BLOB NOT NULL,
  kind INTEGER NOT NULL,              -- OrderEvent
  time INTEGER NOT NULL
);
CREATE TABLE replies (
  order_id BLOB NOT NULL PRIMARY KEY REFERENCES orders,
  reply_to TEXT NOT NULL,
  correlation_id TEXT NOT NULL
) WITHOUT ROWID;
)sql";

// payment_method: PaymentMethod. limited: the item has a stock, so that the order reserves. What
// has become of a step of the checkout stands in state_changes: "0:1700000000000000000:1.0", a
// state, a time, and Step.StepState.
//
// checkouts: what a waiting style has begun to change at others for an order that is not kept yet.
// The row goes in the transaction that keeps the order, or in the one that says how to undo it; who
// finds no row any more has lost that race. settle_time: when nobody works on it any more, and it
// is undone by whoever looks.
constexpr std::string_view kVersion6 = R"sql(
ALTER TABLE orders ADD COLUMN payment_method INTEGER NOT NULL DEFAULT 0;
ALTER TABLE order_lines ADD COLUMN limited INTEGER NOT NULL DEFAULT 0;
CREATE TABLE checkouts (
  order_id BLOB NOT NULL PRIMARY KEY,
  consumer_id TEXT NOT NULL,
  restaurant_id TEXT NOT NULL,
  reserves INTEGER NOT NULL,
  pays INTEGER NOT NULL,
  settle_time INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

constexpr std::array<std::string_view, 6> kScripts = {
    kVersion1, kVersion2, message::kMessageTables, message::kFeedTables, kCopyTables, kVersion6};
constexpr std::int32_t kApplicationId = 0x6c734f72;

}  // namespace

const store::Schema& OrderSchema() {
  static constexpr store::Schema schema = {kApplicationId, kScripts};
  return schema;
}

}  // namespace lockstep::order
