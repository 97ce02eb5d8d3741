// The file that the style COMMON_DATA reads: Consumer and Restaurant write into it what others may
// read, Order polls it. Each owner follows its own feed into it, so it is behind by a commit of its
// own, and what is written is whole: records and position in one transaction.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/store/migrations.h"

namespace lockstep::message {

inline constexpr std::string_view kCommonDataTables = R"sql(
CREATE TABLE records (
  owner TEXT NOT NULL,                 -- 'consumer', 'restaurant'
  key TEXT NOT NULL,                   -- the id
  number INTEGER NOT NULL,             -- of the change, in the owner's feed
  type TEXT NOT NULL,                  -- "lockstep.consumer.v1.Consumer"
  payload BLOB NOT NULL,               -- serialised
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE INDEX records_by_number ON records (owner, number);
CREATE TABLE published (
  owner TEXT NOT NULL PRIMARY KEY,
  feed_id TEXT NOT NULL,               -- another one: read everything anew
  number INTEGER NOT NULL,             -- everything up to this change is in records
  as_of_time INTEGER NOT NULL          -- and up to this moment of the owner's clock, in nanoseconds since 1970
) WITHOUT ROWID;
)sql";

inline constexpr std::array<std::string_view, 1> kCommonDataScripts = {kCommonDataTables};
inline constexpr store::Schema kCommonDataSchema{0x4C4B4344, kCommonDataScripts};  // "LKCD"

}  // namespace lockstep::message
