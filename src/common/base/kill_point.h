// Moments between two steps of which a crash may do the one and not the other, each with a name. A
// process can be told to end at one (--kill-at), by SIGKILL: nothing is flushed, nobody is told.
//
// Threads: any passes; a point is armed before there are others. Costs a relaxed load when none is.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace lockstep {

enum class KillPoint : int {
  kNone,
  kRelayBeforeSend,     // messages are read, not yet given to the transport
  kRelaySent,           // the receiver took them, the mark is not written
  kRelayMarked,         // the mark is committed
  kInboxEffect,         // in the transaction of a message, after its effect
  kInboxCommitted,      // the effect is committed, the sender not answered
  kOrderBeforeCommit,   // in the transaction that writes an order
  kOrderCommitted,      // the order is committed, the caller not answered
  kRecordBeforeCommit,  // in the transaction that changes a consumer or a restaurant
  kRecordCommitted,     // the change is committed, the caller not answered
  kFeedBeforeSend,      // changes are read from the feed, not yet sent to the subscriber
  kFeedApplied,         // what changes ask for is committed, the position in the feed is not moved
  kFeedMarked,          // the position in Order's feed is committed
  kCopyBeforeCommit,    // in the transaction that writes copies and their position
  kEnd
};

// "relay.sent, relay.marked, …"
std::string KillPointNames();

// "relay.sent", or "relay.sent:3" for the third time that it is passed. INVALID_ARGUMENT, reason
// INVALID_REQUEST, where there is no such point: it names all.
Status ArmKillPoint(std::string_view text);

namespace kill_point {
inline std::atomic<KillPoint> armed = KillPoint::kNone;
void Reach();
}  // namespace kill_point

inline void PassKillPoint(KillPoint point) {
  if (kill_point::armed.load(std::memory_order_relaxed) == point) [[unlikely]]
    kill_point::Reach();
}

}  // namespace lockstep
