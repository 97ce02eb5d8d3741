// What the relay reads and writes in the file: the rows of the outbox that wait, what became of
// them, leases, and what is purged. Threads: that of the Database.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/store/database.h"
#include "lockstep/message/v1/message.pb.h"

namespace lockstep::message {

// --- waiting rows

// The first destination after that one for which something waits; empty: none. It looks into the
// index once, however much waits.
StatusOr<std::string> NextDestination(store::Database& database, std::string_view after);
// The same for one destination.
StatusOr<bool> SomethingWaits(store::Database& database, std::string_view destination);

struct WaitingRow {
  std::int64_t sequence = 0;
  std::string_view key;
  int attempts = 0;
  WallTime due;
  std::string_view envelope;  // serialised
};
// Calls look for each row of a destination after that sequence, in order, until it returns false or
// so many were looked at. True: there are no more.
StatusOr<bool> ReadWaiting(store::Database& database, std::string_view destination,
                           std::int64_t after, int count_max,
                           const std::function<bool(const WaitingRow&)>& look);

// --- what became of rows; within a transaction

struct Marks {
  struct Tried {
    std::int64_t sequence = 0;
    int attempts = 0;
    WallTime due;
    std::string error;
  };
  std::vector<std::int64_t> sent;
  std::vector<Tried> tried;  // and refused
  std::vector<Tried> dead;   // given up
  bool empty() const { return sent.empty() && tried.empty() && dead.empty(); }
};
Status WriteMarks(store::Database& database, std::string_view destination, const Marks& marks,
                  WallTime now);

// --- leases

struct Lease {
  std::string holder;  // empty: nobody
  WallTime until;
};
StatusOr<Lease> ReadLease(store::Database& database, std::string_view destination);
// Within a transaction. True: it is the holder's until then. False: another one has it.
StatusOr<bool> TakeLease(store::Database& database, std::string_view destination,
                         std::string_view holder, WallTime now, WallTime until);
// Within a transaction: all that are the holder's.
Status GiveLeasesBack(store::Database& database, std::string_view holder);

// --- purging

// Whether a purge would find something.
StatusOr<bool> SomethingToPurge(store::Database& database, WallTime older_than);
// Within a transaction: what was written before that moment and is sent, and what was heard before
// it, at most so many of each. True: there may be more.
StatusOr<bool> Purge(store::Database& database, WallTime older_than, int count_max);

}  // namespace lockstep::message
