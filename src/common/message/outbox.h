// What must still be said to others about what is committed: put in within the same transaction, so
// that there is the one exactly if there is the other. The relay says it.
// Threads: that of the Database.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/store/database.h"
#include "lockstep/message/v1/message.pb.h"

namespace lockstep::message {

// A new envelope: its id a UUIDv7, sent now, of type version 1. type: the full name of a protobuf
// type, and payload one of it, serialised.
v1::Envelope MakeEnvelope(std::string type, std::string payload, std::string key,
                          std::string correlation_id, WallTime now);
template <typename Payload>
v1::Envelope MakeEnvelope(const Payload& payload, std::string key, std::string correlation_id,
                          WallTime now) {
  return MakeEnvelope(std::string(Payload::descriptor()->full_name()), payload.SerializeAsString(),
                      std::move(key), std::move(correlation_id), now);
}

// Within a transaction. destination: the role of a peer ("consumer") or a mailbox's HOST:PORT. An
// envelope that no mailbox would take is refused with INVALID_ARGUMENT. One for a HOST:PORT, which
// is a caller's, expires after limits::kCallerMessageExpiry unless it says another moment.
Status PutIntoOutbox(store::Database& database, std::string_view destination,
                     const v1::Envelope& envelope);

}  // namespace lockstep::message
