// The tables of messages and feeds, as scripts for the migrations of a service that has them. A
// script that has been released never changes; what comes later is another script.
#pragma once

#include <string_view>

namespace lockstep::message {

// Outbox, inbox and dead letters: common/message/{outbox,inbox,relay,desk}.h.
//
// An envelope lies in one piece: what has to be searched for is beside it. What waits is a narrow
// table of its own, so that a mark rewrites no envelope, and a relay finds what waits without
// passing what was sent; the message stays for a while.
inline constexpr std::string_view kMessageTables = R"sql(
CREATE TABLE outbox (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  destination TEXT NOT NULL,
  message_id TEXT NOT NULL,
  key TEXT NOT NULL,
  envelope BLOB NOT NULL,
  write_time INTEGER NOT NULL          -- nanoseconds since 1970, as all times
);
CREATE TABLE outbox_waiting (          -- a row: that one of the outbox is still to be sent
  destination TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  due_time INTEGER NOT NULL DEFAULT 0, -- not to be tried before
  error TEXT NOT NULL DEFAULT '',      -- of the last attempt
  PRIMARY KEY (destination, sequence)
) WITHOUT ROWID;
CREATE TABLE outbox_purged (
  only INTEGER NOT NULL PRIMARY KEY CHECK (only = 0),
  up_to INTEGER NOT NULL               -- sent rows up to this sequence are gone
);
INSERT INTO outbox_purged VALUES (0, 0);
CREATE TABLE inbox (
  message_id TEXT NOT NULL PRIMARY KEY,
  heard_time INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX inbox_by_time ON inbox (heard_time);
CREATE TABLE dead_letters (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  message_id TEXT NOT NULL UNIQUE,
  destination TEXT NOT NULL,           -- 'self': it came in by a feed
  envelope BLOB NOT NULL,
  write_time INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  error TEXT NOT NULL,
  dead_time INTEGER NOT NULL
);
CREATE TABLE relay_leases (
  destination TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,                -- one process
  until INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

// The identity of the feed of a database, and how far subscriptions of this service to feeds of
// others have come: common/message/{feed_service,feed_subscriber}.h.
inline constexpr std::string_view kFeedTables = R"sql(
CREATE TABLE feed_identity (
  only INTEGER NOT NULL PRIMARY KEY CHECK (only = 0),
  feed_id TEXT NOT NULL,
  trimmed_up_to INTEGER NOT NULL       -- changes up to this number are gone
);
INSERT INTO feed_identity VALUES (0, lower(hex(randomblob(16))), 0);
CREATE TABLE feed_positions (
  source TEXT NOT NULL PRIMARY KEY,    -- the role of the peer whose feed it is
  feed_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  as_of_time INTEGER NOT NULL          -- what is here has everything up to this moment of the owner's clock
) WITHOUT ROWID;
)sql";

// The changes of an owner that keeps them whole: common/message/feed_table.h.
inline constexpr std::string_view kFeedTable = R"sql(
CREATE TABLE feed (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  type TEXT NOT NULL,
  key TEXT NOT NULL,
  time INTEGER NOT NULL,
  payload BLOB NOT NULL
);
)sql";

}  // namespace lockstep::message
